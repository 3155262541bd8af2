"""Golden bytes of answers, cells as text and back, and numbers computed from the integers."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.cells import LARGEST, cell_text, double, from_key, in_int64, read_cell, shown
from sandbox.terms.dataset import Type

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "answer-v2.json"
NOISE = Noise("discrete gaussian", (12.5).hex())

ANSWER = Answer(
    "ord_01",
    (
        KeyColumn("sex", Type.STRING, ("F", None)),
        KeyColumn("year", Type.INT, (1, 2)),
        KeyColumn("urgent", Type.BOOL, (False, True)),
        CountColumn("n", (612, -3), NOISE),
        SumColumn("total", Type.FLOAT, (2**60 + 1, -7), Fraction(1, 100), NOISE),
        SumColumn("visits", Type.INT, (10, 0), Fraction(1), NOISE),
        MeanColumn(
            "mean", (900, 5), (100, -2), Fraction(5, 2), Fraction(1, 100), Fraction(0), Fraction(5), NOISE, NOISE
        ),
        ComputedColumn("least", Type.INT, ("17", None), "quantile 0.005, in place of the minimum"),
        ComputedColumn("ratio", Type.FLOAT, ("0.1", "-2.5e-300"), "computed from noisy values"),
        ComputedColumn("half", Type.FLOAT, ("306.0", "-1.5"), "computed from noisy values", NOISE, Fraction(1, 2)),
        ComputedColumn("big", Type.BOOL, ("true", "false"), "computed from noisy values"),
        ComputedColumn("last", Type.DATE, ("2026-01-31", None), "quantile 0.5"),
        ComputedColumn("at", Type.TIMESTAMP, (None, "2026-01-31T10:00:00+00:00"), "quantile 0.5"),
        ComputedColumn("label", Type.STRING, ("", "=東"), "computed without noisy values"),
    ),
)
EMPTY = Answer("o", (KeyColumn("k", Type.STRING, ()), ComputedColumn("x", Type.INT, (), "quantile 0.5")))


def test_golden_answer() -> None:
    assert canonical_bytes(ANSWER.to_json()) == GOLDEN.read_bytes()


@pytest.mark.parametrize("answer", [ANSWER, EMPTY])
def test_the_form_is_an_inverse(answer: Answer) -> None:
    assert Answer.from_json(answer.to_json()) == answer


@pytest.mark.parametrize("field", ["format", "order", "columns"])
def test_an_answer_without_a_field_is_refused(field: str) -> None:
    document = ANSWER.to_json()
    del document[field]
    with pytest.raises(KeyError):
        Answer.from_json(document)
    with pytest.raises(ValueError, match="format"):
        Answer.from_json(ANSWER.to_json() | {"format": "sandbox/answer/v1"})


@pytest.mark.parametrize(
    "changes",
    [
        {"values": ["01", None]},
        {"values": [1, None]} | {"type": "bool"},
        {"type": "date"},
        {"noise": {"mechanism": "discrete gaussian", "scale": "0x1p+1"}},
        {"step": "1"},
        {"step": "-1", "noise": {"mechanism": "discrete gaussian", "scale": "0x1p+1"}},
    ],
)
def test_a_computed_column_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    document = ANSWER.to_json()
    document["columns"][7] |= changes
    with pytest.raises(ValueError, match=r"."):
        Answer.from_json(document)


def test_numbers_come_exactly_from_the_integers() -> None:
    columns = {column.name: column.numbers() for column in ANSWER.columns}
    assert columns["n"] == (612, -3)
    assert columns["total"] == (float(Fraction(2**60 + 1, 100)), -0.07)
    assert columns["visits"] == (10, 0)
    assert columns["mean"] == (2.5 + 9 / 100, 2.5 + 0.05)  # a noisy count below one counts as one
    assert (columns["least"], columns["ratio"], columns["big"]) == ((17, None), (0.1, -2.5e-300), (True, False))
    assert (columns["last"], columns["label"]) == (("2026-01-31", None), ("", "=東"))
    assert (ANSWER.rows, EMPTY.rows) == (2, 0)


def test_a_noisy_mean_stays_within_its_bounds() -> None:
    wild = MeanColumn("m", (10**9, -(10**9)), (1, 1), Fraction(0), Fraction(1), Fraction(-1), Fraction(1), NOISE, NOISE)
    assert wild.numbers() == (1.0, -1.0)


def test_no_sum_is_too_large_to_show() -> None:
    huge = SumColumn("s", Type.FLOAT, (2**62, -(2**62)), Fraction(10**300), NOISE)
    assert huge.numbers() == (LARGEST, -LARGEST)
    assert double(Fraction(1, 3)) == 1 / 3


# -- cells -------------------------------------------------------------------------------------------------------------

CELLS = {
    Type.INT: st.integers(-(2**63), 2**63 - 1),
    Type.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Type.BOOL: st.booleans(),
    Type.STRING: st.text(),
    Type.DATE: st.integers(-719_162, 2_932_896),
    Type.TIMESTAMP: st.integers(-719_162 * 86_400_000_000, 2_932_897 * 86_400_000_000 - 1),
}


@pytest.mark.parametrize("kind", Type)
@given(st.data())
def test_every_cell_comes_back_as_it_is_shown(kind: Type, data: st.DataObject) -> None:
    cell = data.draw(CELLS[kind])
    text = cell_text(cell, kind)
    assert text is not None
    back = read_cell(text, kind)
    assert repr(back) == repr(shown(cell, kind))
    if kind in (Type.DATE, Type.TIMESTAMP):
        assert from_key(str(back), kind) == cell
    assert cell_text(None, kind) is read_cell(None, kind) is shown(None, kind) is from_key(None, kind) is None


@pytest.mark.parametrize("kind", [Type.DATE, Type.TIMESTAMP])
@given(number=st.integers())
def test_a_moment_that_has_no_text_is_null(kind: Type, number: int) -> None:
    text = cell_text(number, kind)
    day = number if kind is Type.DATE else number // 86_400_000_000
    assert (text is None) == (not -719_162 <= day <= 2_932_896)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, Type.INT) for text in ("01", "+1", " 1", "1.0", "1e3", "", "9" * 5_000, str(2**63), "٣")),
        *((text, Type.FLOAT) for text in ("1", "nan", "inf", "-inf", "1e5", "0.10", "1_0.0", "0" * 99, "1e999")),
        *((text, Type.BOOL) for text in ("True", "1", "", "yes")),
        *((text, Type.DATE) for text in ("2026-02-30", "2026-1-1", "2026-01-01T00:00:00+00:00")),
        *((text, Type.TIMESTAMP) for text in ("2026-01-01", "2026-01-01 00:00:00", "2026-01-01T00:00:00Z", "x")),
    ],
)
def test_another_spelling_is_refused(text: str, kind: Type) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_cell(text, kind)


def test_a_key_that_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="moment"):
        from_key("x", Type.DATE)
    assert from_key("x", Type.STRING) == "x"
    assert in_int64(-(2**63))
    assert not in_int64(2**63)
