"""The vectorised evaluation and the compiled pass against a slow reference, and the laws of bounding."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from engine_tables import (
    AGE,
    BOUNDS,
    COST,
    KEYS,
    NOTE,
    NOTES,
    NUMBERS,
    PLANS,
    PREDICATES,
    PRIMITIVES,
    ROWS,
    UNITS,
    bucket_of,
    plan_of,
    reference,
    value_of,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.nodes import (
    Comparison,
    ContributionBounds,
    CountRows,
    CountUnits,
    CountValues,
    GroupKey,
    Literal,
    SumValues,
    type_of,
)  # fmt: skip
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, Piece
from workers.contribute import Bounding, add
from workers.evaluate import KEPT_MAX, Block, Compiler, Vector, repeated
from workers.fixed_point import FixedPoint
from workers.scan import Needs, measure_bucket, measure_pieces

MORE = settings(max_examples=150, deadline=None)


def vector_of(columns, rows, expression):
    with np.errstate(all="ignore"):
        return Compiler(columns, max(rows, 1), repeated([expression])).step(expression)(Block(0, rows))


def bounded(runs, groups, bounds, group_count=1):
    """Counted rows and units of each group, and the groups of the rows that count."""
    bounding = Bounding(np.asarray(runs, np.int64), bounds, group_count)
    groups = np.asarray(groups, np.int32)
    bounding.mark(groups)
    bounding.finish()
    return bounding.rows.tolist(), bounding.units.tolist(), groups.tolist()


def pieces_of(bucket, size):
    """The bucket's rows as a file gives them: cut, and each piece with dictionaries of text of its own."""
    for start in range(0, bucket.rows, size):
        columns = {name: _cut(column, slice(start, start + size)) for name, column in bucket.columns.items()}
        yield Piece(min(size, bucket.rows - start), columns)


def _cut(column, rows):
    valid = None if column.valid is None else column.valid[rows]
    if column.dictionary is None or not set(column.dictionary) <= set(NOTES):
        return ColumnArray(column.values[rows], valid, column.dictionary)
    texts = [None if code < 0 else column.dictionary[code] for code in column.values[rows].tolist()]
    coded = pa.array(texts, pa.string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return ColumnArray(codes, None, coded.dictionary)


@MORE
@given(UNITS, PREDICATES | NUMBERS)
def test_expressions_equal_the_reference(units, expression):
    bucket = bucket_of(units)
    vector = vector_of(bucket.columns, bucket.rows, expression)
    rows = [row for unit in units for row in unit]
    assert len(vector.values) == len(vector.valid) == len(rows)
    if type_of(expression) is Type.FLOAT:
        assert np.isfinite(vector.values[vector.valid]).all()
    for row, value, valid in zip(rows, vector.values.tolist(), vector.valid.tolist(), strict=True):
        expected = value_of(expression, row)
        assert (value if valid else None) == expected


@MORE
@given(UNITS, PLANS)
def test_partial_sums_equal_the_reference(units, plan):
    assert measure_bucket(plan, bucket_of(units)).tolist() == reference(plan, units)


@MORE
@given(UNITS, st.lists(ROWS, max_size=8), PLANS)
def test_one_more_unit_moves_each_vector_within_the_bounds(units, unit, plan):
    moved = measure_bucket(plan, bucket_of([*units, unit])) - measure_bucket(plan, bucket_of(units))
    r, l0, linf = plan.bounds.rows, plan.bounds.groups, plan.bounds.rows_per_group
    for primitive, change in zip(plan.primitives, np.abs(moved), strict=True):
        row = primitive.magnitude if isinstance(primitive, SumValues) else 1
        each = 1 if isinstance(primitive, CountUnits) else linf
        assert np.count_nonzero(change) <= l0
        assert change.max() <= each * row
        assert change.sum() <= min(r, l0 * each) * row


def test_control_without_bounds_one_unit_moves_more():
    unit = bucket_of([]).columns
    assert set(unit) >= {"age", "cost"}
    assert bounded([9], [0] * 9, _bounds(9, 9, 9))[0] == [9]
    assert bounded([9], [0] * 9, _bounds(2, 1, 2)) == ([2], [1], [0, 0] + [-1] * 7)


@MORE
@given(UNITS, PLANS, st.integers(1, 9), st.integers(1, 9))
def test_any_size_of_blocks_and_pieces_gives_the_same_bits(units, plan, block_rows, piece_rows):
    bucket = bucket_of(units)
    whole = measure_bucket(plan, bucket)
    assert measure_bucket(plan, bucket, block_rows).tobytes() == whole.tobytes()
    pieces = measure_pieces(plan, bucket.runs, pieces_of(bucket, piece_rows), block_rows)
    assert pieces.tobytes() == whole.tobytes()


def test_what_occurs_twice_is_kept_and_no_more_than_the_bound():
    twice = [Comparison(">", AGE, Literal(number, Type.INT)) for number in range(2 * KEPT_MAX)]
    assert repeated([*twice[:3], *twice[:2]]) == {AGE, *twice[:2]}
    assert repeated([Comparison(">", AGE, Literal(3, Type.INT)), Literal(3, Type.INT)]) == set()
    assert len(repeated([*twice, *twice])) == KEPT_MAX


@MORE
@given(UNITS, PLANS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_cut_into_buckets_in_any_order_gives_the_same_bits(units, plan, parts, rng):
    whole = measure_bucket(plan, bucket_of(units))
    shuffled = list(units)
    rng.shuffle(shuffled)
    pieces = [measure_bucket(plan, bucket_of(shuffled[start::parts])) for start in range(parts)]
    rng.shuffle(pieces)
    assert sum(pieces, np.zeros_like(whole)).tobytes() == whole.tobytes()


def test_a_bare_count_reads_no_column():
    plan = plan_of(primitives=(CountRows(), CountUnits()), bounds=_bounds(3, 1, 3))
    assert Needs.of(plan).columns == ()
    bucket = Bucket(7, np.asarray([0, 5, 2], np.int64), {})
    assert measure_bucket(plan, bucket).tolist() == [[5], [2]]


def test_only_named_columns_are_read():
    plan = plan_of(where=Comparison(">", AGE, Literal(3, Type.INT)), keys=("sex",), primitives=(CountValues(NOTE),))
    assert Needs.of(plan).columns == ("age", "note", "sex")


def test_no_rows_gives_every_group_zero():
    plan = plan_of(keys=("sex", "level"))
    assert measure_bucket(plan, bucket_of([])).tolist() == [[0] * 9] * len(PRIMITIVES)


def test_plan_keys_in_another_order_than_the_file_and_missing_ones():
    bucket = Bucket(
        4, np.asarray([4], np.int64), {"sex": ColumnArray(np.asarray([0, 1, 2, -1], np.int32), None, ("F", "M", "x"))}
    )
    plan = plan_of(primitives=(CountRows(),))
    reordered = type(plan)(
        plan.unit_space, plan.dataset, plan.table, plan.rows_max, None, (GroupKey("sex", Type.STRING, ("x", "new", "F")),),
        plan.bounds, plan.primitives, plan.outputs,
    )  # fmt: skip
    assert measure_bucket(reordered, bucket).tolist() == [[1, 0, 1]]


def test_true_and_one_are_different_keys():
    bucket = Bucket(2, np.asarray([2], np.int64), {"k": ColumnArray(np.asarray([0, 1], np.int32), None, (False, True))})
    plan = plan_of(primitives=(CountRows(),))
    numbers = type(plan)(
        plan.unit_space, plan.dataset, plan.table, plan.rows_max, None, (GroupKey("k", Type.INT, (0, 1)),),
        plan.bounds, plan.primitives, plan.outputs,
    )  # fmt: skip
    assert measure_bucket(numbers, bucket).tolist() == [[0, 0]]


@MORE
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20),
    st.fractions(-1000, 1000), st.fractions(0, 1000), st.fractions("1/1000", 10), st.booleans(),
)  # fmt: skip
def test_summands_stay_within_their_magnitude_whatever_the_values(values, low, width, granularity, centred):
    total = SumValues(COST, low, low + width, low + width / 3 if centred else 0 * low, granularity)
    vector = Vector(np.asarray(values, np.float64), ~np.isnan(np.asarray(values, np.float64)))
    integers = FixedPoint.of(total).apply(vector)
    assert integers.dtype == np.int64
    assert np.abs(integers).max(initial=0) <= total.magnitude
    assert integers.tolist() == by_numpy(vector, total).tolist()


def by_numpy(vector, total):
    """The same rounding, step by step over whole arrays."""
    reach = float(total.magnitude)
    with np.errstate(all="ignore"):
        clamped = np.clip(vector.values, float(total.low), float(total.high))
        steps = np.nan_to_num((clamped - float(total.center)) / float(total.granularity), nan=0.0)
        integers = np.rint(np.clip(steps, -reach, reach)).astype(np.int64)
    return np.where(vector.valid, np.clip(integers, -total.magnitude, total.magnitude), 0)


def test_halves_round_to_even_and_null_and_nan_add_nothing():
    values = np.asarray([0.5, 1.5, 2.5, -0.5, -1.5, np.nan, np.inf, -np.inf, 3.0])
    valid = np.asarray([True] * 8 + [False])
    total = SumValues(COST, Fraction(-9), Fraction(9), Fraction(0), Fraction(1))
    assert FixedPoint.of(total).apply(Vector(values, valid)).tolist() == [0, 2, 2, 0, -2, 0, 9, -9, 0]


def test_a_summand_beyond_int64_is_refused():
    with pytest.raises(ValueError):
        FixedPoint.of(SumValues(COST, Fraction(0), Fraction(2**62), Fraction(0), Fraction(1, 2)))


@MORE
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.integers(-(2**60), 2**60), st.integers(0, 2**60))
def test_whole_numbers_are_exact_beyond_doubles(values, low, width):
    total = SumValues(AGE, Fraction(low), Fraction(low + width), Fraction(low), Fraction(1))
    vector = Vector(np.asarray(values, np.int64), np.ones(len(values), np.bool_))
    assert FixedPoint.of(total).apply(vector).tolist() == [min(max(v, low), low + width) - low for v in values]


def test_nan_and_infinity_in_a_stored_column_are_null_and_the_largest_double():
    column = ColumnArray(np.asarray([np.nan, np.inf, -np.inf, 1.5]), None, None)
    vector = vector_of({"cost": column}, 4, COST)
    assert vector.valid.tolist() == [False, True, True, True]
    assert vector.values[1:].tolist() == [1.7976931348623157e308, -1.7976931348623157e308, 1.5]


@MORE
@given(BOUNDS, st.lists(st.integers(1, 6), max_size=6))
def test_runs_must_cover_the_rows(bounds, runs):
    rows = sum(runs)
    assert sum(bounded(runs, [0] * rows, bounds)[0]) <= rows
    for wrong in (rows + 1, rows - 1):
        if wrong >= 0:
            with pytest.raises(ValueError):
                bounded(runs, [0] * wrong, bounds)


def test_a_negative_run_a_group_beyond_the_plan_and_summands_of_other_rows_are_refused():
    for runs, groups in (([-1, 2], [0]), ([1], [1])):
        with pytest.raises(ValueError):
            bounded(runs, groups, _bounds(1, 1, 1))
    with pytest.raises(ValueError):
        add(np.zeros(2, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64))


def test_groups_need_declared_keys():
    undeclared = Bucket(1, np.asarray([1], np.int64), {"sex": ColumnArray(np.zeros(1, np.int64))})
    with pytest.raises(TypeError):
        measure_bucket(plan_of(keys=("sex",), primitives=(CountRows(),)), undeclared)


def test_keys_of_the_tables_are_those_of_the_plans():
    assert {key.column for key in KEYS.values()} <= set(bucket_of([]).columns)


def _bounds(rows, groups, each):
    return ContributionBounds(rows, groups, each)
