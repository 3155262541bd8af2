"""What evaluating takes beside the columns: bounded by blocks, not by rows, however long the query."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.measurement_sizes import SET_BYTES, counted_bytes
from sandbox.plan.nodes import Arithmetic, ColumnRef, Comparison, Disjunction, Literal
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, SumValues, TreeCounts
from sandbox.plan.relations import Filter, Scan
from sandbox.proof.sealing import new_sealing_key, sealing_public
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray
from workers.partial import Merge, seal_partial
from workers.scan import BLOCK_ROWS, measure_bucket
from workers.tally import Merger, Shape
from workers.warm import compile_passes

ROWS = 262_144
BYTES_A_ROW = 16

X, Y = ColumnRef("x", Type.FLOAT), ColumnRef("y", Type.FLOAT)


def shifted(number: int) -> Arithmetic:
    divisor = Arithmetic("+", Y, Literal(Fraction(number), Type.FLOAT), Type.FLOAT)
    return Arithmetic("/", X, divisor, Type.FLOAT)


VISITS = Scan("clinic", "visits", "", (("x", Type.FLOAT), ("y", Type.FLOAT)), ROWS, 10)


def asked(where, primitives) -> Measurement:
    relation = VISITS if where is None else Filter(VISITS, where)
    return Measurement(relation, (), ContributionBounds(10, 1, 10), tuple(primitives))


def divisions(count: int) -> Measurement:
    """An OR of comparisons of quotients."""
    one = Literal(Fraction(-1), Type.FLOAT)
    return asked(Disjunction(tuple(Comparison("<", shifted(n), one) for n in range(count))), [CountRows()])


def sums(count: int) -> Measurement:
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


def bytes_a_row(plan: Measurement, bucket: Bucket, block_rows: int) -> float:
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


# -- what is kept of counted rows: every row in a group, a leaf or with a value of its own ------------------------------


WHOLE, NAME = ColumnRef("whole", Type.INT), ColumnRef("name", Type.STRING)
SPREAD = Scan("clinic", "visits", "", (("name", Type.STRING), ("whole", Type.INT)), ROWS, 1)
ONE = ContributionBounds(1, 1, 1)
KEPT = {
    "distinct numbers": ((), (CountDistinct(WHOLE, 1),)),
    "distinct texts": ((), (CountDistinct(NAME, 1),)),
    "leaves": ((), (TreeCounts(WHOLE, Fraction(0), Fraction(4), 4),)),
    "private numbers": ((GroupKey(WHOLE, Type.INT, None),), (CountUnits(), CountRows())),
    "private texts": ((GroupKey(NAME, Type.STRING, None, 8), GroupKey(WHOLE, Type.INT, None)), (CountUnits(),)),
}


@pytest.fixture(scope="module")
def different() -> Bucket:
    """Every row is of another unit and has another number and text."""
    compile_passes()
    texts = pa.array([f"{number:08x}" for number in range(ROWS)], pa.large_string())
    columns = {"whole": ColumnArray(np.arange(ROWS)), "name": ColumnArray(np.arange(ROWS, dtype=np.int32), None, texts)}
    return Bucket(ROWS, np.ones(ROWS, np.int64), columns)


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_of_counted_rows_is_within_the_declared_bytes(different, name):
    keys, primitives = KEPT[name]
    measurement = Measurement(SPREAD, keys, ONE, primitives)
    shapes = [Shape.of(measurement)]
    private = new_sealing_key()
    tracemalloc.start()
    try:
        merger = Merger(shapes[0])
        merger.add(measure_bucket(measurement, different))
        sealed = seal_partial(sealing_public(private), "order", [0], [merger.total()], shapes)
        worker = tracemalloc.get_traced_memory()[1]
        del merger
        tracemalloc.reset_peak()
        merge = Merge("order", private, [0], shapes)
        merge.add([0], sealed)
        merge.total()
        engine = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    limit = counted_bytes(measurement)
    assert 0 < max(worker, engine) <= limit + BYTES_A_ROW * ROWS
    assert worker > limit / 6  # control: the bound is one of what is there, not of something else


def test_declared_groups_and_sums_keep_nothing_of_rows():
    assert counted_bytes(sums(59)) == counted_bytes(divisions(3)) == 0


def test_leaves_are_no_more_than_groups_have():
    tree = TreeCounts(WHOLE, Fraction(0), Fraction(1), 1)
    assert counted_bytes(Measurement(SPREAD, (), ONE, (tree,))) == 16 * SET_BYTES
