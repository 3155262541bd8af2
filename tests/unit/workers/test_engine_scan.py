"""The vectorised evaluation and the compiled pass against a slow reference, and the laws of bounding."""

import numpy as np
import pytest
from engine_tables import (
    AGE,
    BOUNDS,
    COST,
    KEYS,
    NOTE,
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
from workers.bucket import Bucket, ColumnArray
from workers.contribute import COUNT_ROWS, COUNT_UNITS, contribute, fixed_point
from workers.evaluate import Evaluator, Vector
from workers.scan import Needs, measure_bucket

MORE = settings(max_examples=150, deadline=None)


@MORE
@given(UNITS, PREDICATES | NUMBERS)
def test_expressions_equal_the_reference(units, expression):
    bucket = bucket_of(units)
    vector = Evaluator(bucket.columns, bucket.rows).vector(expression)
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
    groups = np.zeros(9, np.int32)
    loose = contribute(np.asarray([9]), groups, (COUNT_ROWS,), np.empty((0, 9), np.int64), _bounds(9, 9, 9), 1)
    tight = contribute(np.asarray([9]), groups, (COUNT_ROWS,), np.empty((0, 9), np.int64), _bounds(2, 1, 2), 1)
    assert (loose[0, 0], tight[0, 0]) == (9, 2)


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
    integers = fixed_point(vector, total)
    assert integers.dtype == np.int64
    assert np.abs(integers).max(initial=0) <= total.magnitude


@MORE
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.integers(-(2**60), 2**60), st.integers(0, 2**60))
def test_whole_numbers_are_exact_beyond_doubles(values, low, width):
    from fractions import Fraction

    total = SumValues(AGE, Fraction(low), Fraction(low + width), Fraction(low), Fraction(1))
    vector = Vector(np.asarray(values, np.int64), np.ones(len(values), np.bool_))
    assert fixed_point(vector, total).tolist() == [min(max(v, low), low + width) - low for v in values]


def test_nan_and_infinity_in_a_stored_column_are_null_and_the_largest_double():
    column = ColumnArray(np.asarray([np.nan, np.inf, -np.inf, 1.5]), None, None)
    vector = Evaluator({"cost": column}, 4).vector(COST)
    assert vector.valid.tolist() == [False, True, True, True]
    assert vector.values[1:].tolist() == [1.7976931348623157e308, -1.7976931348623157e308, 1.5]


@MORE
@given(BOUNDS, st.lists(st.integers(1, 6), max_size=6))
def test_runs_must_cover_the_rows(bounds, runs):
    rows = sum(runs) + 1
    with pytest.raises(ValueError):
        contribute(
            np.asarray(runs, np.int64), np.zeros(rows, np.int32), (COUNT_UNITS,), np.empty((0, rows), np.int64), bounds, 1
        )  # fmt: skip


def test_a_group_beyond_the_plan_is_refused():
    with pytest.raises(ValueError):
        contribute(
            np.asarray([1]), np.asarray([1], np.int32), (COUNT_ROWS,), np.empty((0, 1), np.int64), _bounds(1, 1, 1), 1
        )
    with pytest.raises(ValueError):
        contribute(np.asarray([1]), np.asarray([0], np.int32), (0,), np.empty((0, 1), np.int64), _bounds(1, 1, 1), 1)


def test_keys_of_the_tables_are_those_of_the_plans():
    assert {key.column for key in KEYS.values()} <= set(bucket_of([]).columns)


def _bounds(rows, groups, each):
    return ContributionBounds(rows, groups, each)
