"""Numbers and moments at the ends of their types; the C library's bits whatever the block; lists of constants."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_world import DAY, column, literal, run

from sandbox.plan.nodes import Call, ColumnRef, Literal, Membership, Negation
from sandbox.terms.dataset import Type
from workers.kernels.libm import libm

X, Y = ColumnRef("x", Type.FLOAT), ColumnRef("y", Type.FLOAT)
N, M = ColumnRef("n", Type.INT), ColumnRef("m", Type.INT)
LEAST, MOST = -(2**63), 2**63 - 1
REALS = st.floats(allow_nan=False, allow_infinity=False)
ONE = ("exp", "log", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "cbrt")


def in_python(name, *values):
    """Python's `math`, which raises where C gives NaN or an infinity: None there."""
    try:
        return getattr(math, name)(*values)
    except (ValueError, OverflowError):
        return None


@pytest.mark.parametrize("name", ONE)
@given(st.lists(REALS | st.floats(-2, 2), min_size=1, max_size=40), st.integers(1, 5))
def test_the_c_library_gives_the_bits_of_python_at_any_length_and_stride(name, values, cut):
    numbers = np.asarray(values)
    whole = libm(name, numbers)
    for value, found in zip(values, whole.tolist(), strict=True):
        wanted = in_python(name, value)
        assert wanted is None or wanted == found
    parts = np.concatenate([libm(name, numbers[start : start + cut]) for start in range(0, len(values), cut)])
    assert parts.tobytes() == whole.tobytes()
    assert libm(name, np.repeat(numbers, 3)[::3]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("name", ["pow", "atan2"])
@given(st.lists(st.tuples(REALS, REALS | st.integers(-5, 5).map(float)), min_size=1, max_size=40))
def test_pairs_too(name, pairs):
    first, second = (np.asarray(side) for side in zip(*pairs, strict=True))
    for pair, found in zip(pairs, libm(name, first, second).tolist(), strict=True):
        wanted = in_python(name, *pair)
        assert wanted is None or wanted == found


def test_a_vector_library_would_give_other_bits():
    numbers = np.linspace(-3, 3, 10_001)  # control: what the compiled passes are for
    assert (np.cbrt(numbers) != libm("cbrt", numbers)).any() or (np.exp(numbers) != libm("exp", numbers)).any()


@pytest.mark.parametrize(
    ("name", "row", "wanted"),
    [
        ("abs", (LEAST,), None),
        ("abs", (-(2**62) + 1,), 2**62 - 1),
        ("mod", (LEAST, -1), 0),
        ("mod", (LEAST, 0), None),
        ("mod", (-7, 2), -1),
        ("intdiv", (LEAST, -1), None),
        ("intdiv", (MOST, 1), None),
        ("intdiv", (-7, 2), -3),
        ("intdiv", (7, 0), None),
        ("greatest", (MOST, 1), None),
        ("coalesce", (2**62, 1), None),
        ("nullif", (3, 3), None),
        ("sign", (LEAST,), -1),
        ("cast_bool", (LEAST,), True),
    ],
)
def test_integers_at_the_ends_of_their_type(name, row, wanted):
    operands = (N, M)[: len(row)]
    kind = Type.BOOL if name == "cast_bool" else Type.INT
    columns = {operand.name: column(Type.INT, [item]) for operand, item in zip(operands, row, strict=True)}
    assert run(Call(name, operands, kind), columns, 1) == [wanted]


def test_minus_the_least_integer_is_null():
    assert run(Negation(N, Type.INT), {"n": column(Type.INT, [LEAST, 5])}, 2) == [None, -5]


@pytest.mark.parametrize(
    ("name", "operands", "wanted"),
    [
        ("date_add", (ColumnRef("d", Type.DATE), N, literal("year", Type.STRING)), [None, None]),
        ("date_add", (ColumnRef("d", Type.DATE), N, literal("day", Type.STRING)), [None, None]),
        ("timestamp_add", (ColumnRef("t", Type.TIMESTAMP), N, literal("hour", Type.STRING)), [None, None]),
        ("timestamp_add", (ColumnRef("t", Type.TIMESTAMP), N, literal("microsecond", Type.STRING)), [None, None]),
        ("make_date", (N, N, N), [None, None]),
    ],
)
def test_steps_of_any_size_leave_the_calendar_and_wrap_nowhere(name, operands, wanted):
    columns = {
        "d": column(Type.DATE, [0, 0]), "t": column(Type.TIMESTAMP, [DAY, DAY]), "n": column(Type.INT, [LEAST, MOST]),
    }  # fmt: skip
    kind = Type.TIMESTAMP if name == "timestamp_add" else Type.DATE
    assert run(Call(name, operands, kind), columns, 2) == wanted


def test_moments_at_the_ends_of_their_type_warn_and_raise_nothing():
    columns = {"d": column(Type.DATE, [LEAST, MOST, None]), "t": column(Type.TIMESTAMP, [LEAST, MOST, None])}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, kind in (("last_day", Type.DATE), ("dayname", Type.STRING), ("monthname", Type.STRING)):
            assert run(Call(name, (ColumnRef("d", Type.DATE),), kind), columns, 3) == [None] * 3
        for name, kind in (("epoch", Type.FLOAT), ("cast_date", Type.DATE), ("timestamp_string", Type.STRING)):
            assert run(Call(name, (ColumnRef("t", Type.TIMESTAMP),), kind), columns, 3) == [None] * 3


@given(st.sets(st.integers(-50, 50), min_size=1, max_size=40), st.lists(st.none() | st.integers(-60, 60), max_size=30))
def test_lists_of_any_length_are_looked_up_as_they_are_compared(wanted, cells):
    node = Membership(N, tuple(Literal(item, Type.INT) for item in sorted(wanted)))
    assert run(node, {"n": column(Type.INT, cells)}, len(cells)) == [
        None if cell is None else cell in wanted for cell in cells
    ]
