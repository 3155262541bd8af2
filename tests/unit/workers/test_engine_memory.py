"""What evaluating takes beside the columns: bounded by blocks, not by rows, however long the query."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    ContributionBounds,
    CountOutput,
    CountRows,
    Disjunction,
    Literal,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray
from workers.scan import BLOCK_ROWS, measure_bucket
from workers.warm import compile_passes

ROWS = 262_144
BYTES_A_ROW = 16

X, Y = ColumnRef("x", Type.FLOAT), ColumnRef("y", Type.FLOAT)


def shifted(number: int) -> Arithmetic:
    divisor = Arithmetic("+", Y, Literal(Fraction(number), Type.FLOAT), Type.FLOAT)
    return Arithmetic("/", X, divisor, Type.FLOAT)


def asked(where, primitives) -> Plan:
    bounds = ContributionBounds(10, 1, 10)
    return Plan("people", "clinic", "visits", ROWS, where, (), bounds, tuple(primitives), (CountOutput("n", 0),))


def divisions(count: int) -> Plan:
    """An OR of comparisons of quotients."""
    one = Literal(Fraction(-1), Type.FLOAT)
    return asked(Disjunction(tuple(Comparison("<", shifted(n), one) for n in range(count))), [CountRows()])


def sums(count: int) -> Plan:
    """Sums of as many different expressions."""
    low, high = Fraction(0), Fraction(10)
    return asked(None, [SumValues(shifted(n), low, high, Fraction(0), Fraction(1, 100)) for n in range(count)])


@pytest.fixture(scope="module")
def heavy() -> Bucket:
    """One unit with every row there is."""
    compile_passes()
    rng = np.random.default_rng(1)
    columns = {name: ColumnArray(rng.uniform(1, 9, ROWS)) for name in ("x", "y")}
    return Bucket(ROWS, np.asarray([ROWS], np.int64), columns)


def bytes_a_row(plan: Plan, bucket: Bucket, block_rows: int) -> float:
    tracemalloc.start()
    try:
        measure_bucket(plan, bucket, block_rows)
        return tracemalloc.get_traced_memory()[1] / bucket.rows
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("plan", [divisions(149), sums(59)], ids=["149 divisions", "59 sums"])
def test_a_long_query_takes_no_more_than_a_short_one(heavy, plan):
    assert bytes_a_row(plan, heavy, BLOCK_ROWS) <= BYTES_A_ROW


def test_no_query_takes_more_as_rows_grow(heavy):
    plan = divisions(20)
    half = Bucket(
        ROWS // 2,
        np.asarray([ROWS // 2], np.int64),
        {name: ColumnArray(column.values[: ROWS // 2]) for name, column in heavy.columns.items()},
    )
    small, large = (bytes_a_row(plan, bucket, BLOCK_ROWS) * bucket.rows for bucket in (half, heavy))
    assert large <= 1.1 * small


@pytest.mark.parametrize("plan", [divisions(149), sums(59)], ids=["149 divisions", "59 sums"])
def test_control_all_rows_in_one_block_take_more(heavy, plan):
    assert bytes_a_row(plan, heavy, ROWS) > 1.5 * BYTES_A_ROW


def test_what_is_needed_twice_is_kept_for_a_few_expressions_only(heavy):
    """Every sum twice, under different bounds, so that each operand is one that a block could keep."""
    twice = asked(None, [*sums(59).primitives, *(
        SumValues(total.operand, Fraction(0), Fraction(20), Fraction(0), Fraction(1, 100)) for total in sums(59).primitives
    )])  # fmt: skip
    assert bytes_a_row(twice, heavy, BLOCK_ROWS) <= 2 * BYTES_A_ROW
