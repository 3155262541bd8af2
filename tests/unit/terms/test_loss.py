"""Losses are exact integers; decimals are read exactly or refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.terms.loss import UNITS, Loss, Mode, decimal_text, parse_decimal, units_text
from sandbox.terms.refusal import MalformedNumber


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**12 - 1))
def test_decimals_are_read_exactly(whole: int, part: int) -> None:
    text = f"{whole}.{part:012d}"
    value = parse_decimal(text, "epsilon")
    assert value == Fraction(whole) + Fraction(part, 10**12)
    assert parse_decimal(decimal_text(value), "epsilon") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-6", Fraction(1, 10**6)), ("2.50", Fraction(5, 2)), ("0", Fraction(0)), (" 1 ", Fraction(1))],
)
def test_spellings(text: str, value: Fraction) -> None:
    assert parse_decimal(text, "epsilon") == value


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1,5", "0x1", "nan", "inf", "1e9999", "1" * 100, "1.", ".5", "٣", "1 000", None, 1.5, 3, b"1"],
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(MalformedNumber, match="epsilon"):
        parse_decimal(text, "epsilon")


@given(st.integers(0, 10**19))
def test_units_are_written_as_decimals(units: int) -> None:
    assert Fraction(units_text(units)) == Fraction(units, UNITS)


def test_losses_add_within_a_mode_only() -> None:
    total = Loss(Mode.ZCDP, 3, 1) + Loss(Mode.ZCDP, 4)
    assert (total.units, total.delta) == (7, 1)
    with pytest.raises(ValueError, match="modes"):
        total + Loss(Mode.PURE, 1)
    with pytest.raises(ValueError, match="negative"):
        Loss(Mode.PURE, -1)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_fits_in_every_part(units: int, delta: int, most: int, most_delta: int) -> None:
    fits = Loss(Mode.PURE, units, delta).fits(Loss(Mode.PURE, most, most_delta))
    assert fits == (units <= most and delta <= most_delta)
    assert not Loss(Mode.PURE, 0).fits(Loss(Mode.ZCDP, 9, 9))
