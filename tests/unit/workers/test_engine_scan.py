"""The vectorised evaluation and the compiled pass against a slow reference, and the laws of bounding."""

from fractions import Fraction
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from engine_tables import (
    AGE,
    BOUNDS,
    COST,
    MEASUREMENTS,
    NOTES,
    NUMBERS,
    PREDICATES,
    PRIMITIVES,
    ROWS,
    SELECTED,
    UNITS,
    VISITS,
    WIDE_PRIMITIVES,
    Row,
    bucket_of,
    lines_of,
    measurement_of,
    plan_of,
    reference,
    reference_lines,
    value_of,
    vectors_of,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.measurement import ContributionBounds, GroupKey
from sandbox.plan.nodes import ColumnRef, Comparison, Literal, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, SumValues, TreeCounts, width
from sandbox.plan.relations import Filter, PerUnit, Project, Scan, UnitAggregate
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, Piece
from workers.contribute import Bounding, UnitsWhere, add
from workers.evaluate import KEPT_MAX, Block, Compiler, Vector, repeated
from workers.fixed_point import FixedPoint
from workers.relations.sources import HeldSources
from workers.scan import measure_batches, measure_bucket, scan
from workers.tally import Merger, Shape

MORE = settings(max_examples=150, deadline=None)


def vector_of(columns, rows, expression):
    with np.errstate(all="ignore"):
        return Compiler(columns, max(rows, 1), repeated([expression])).step(expression)(Block(0, rows))


def bounded(runs, groups, bounds, group_count=1):
    """Counted rows and units of each group, and the groups of the rows that count."""
    bounding = Bounding(bounds, group_count)
    bounding.begin(np.asarray(runs, np.int64))
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
@given(UNITS, MEASUREMENTS)
def test_tallies_equal_the_reference(units, measurement):
    assert vectors_of(measurement, measure_bucket(measurement, bucket_of(units))) == reference(measurement, units)


@MORE
@given(UNITS, SELECTED)
def test_selected_tallies_equal_the_reference(units, measurement):
    tally = measure_bucket(measurement, bucket_of(units))
    lines, vectors = reference_lines(measurement, units)
    assert lines_of(measurement, tally) == lines
    assert vectors_of(measurement, tally) == vectors


@MORE
@given(UNITS, st.lists(ROWS, max_size=8), MEASUREMENTS)
def test_one_more_unit_moves_each_vector_within_the_bounds(units, unit, measurement):
    with_it, without = (
        vectors_of(measurement, measure_bucket(measurement, bucket_of(given))) for given in ([*units, unit], units)
    )
    r, l0, linf = measurement.bounds.rows, measurement.bounds.groups, measurement.bounds.rows_per_group
    for primitive, after, before in zip(measurement.primitives, with_it, without, strict=True):
        change = np.abs(np.asarray(after) - np.asarray(before)).reshape(measurement.groups, width(primitive))
        row = primitive.magnitude if isinstance(primitive, SumValues) else 1
        each = 1 if isinstance(primitive, CountUnits) else linf
        levels = primitive.depth if isinstance(primitive, TreeCounts) else 1
        most = min(r, primitive.values_per_unit) if isinstance(primitive, CountDistinct) else r
        assert np.count_nonzero(change.any(axis=1)) <= l0
        assert change.max() <= each * row
        assert change.sum() <= min(most, l0 * each) * row * levels


def test_control_without_bounds_one_unit_moves_more():
    unit = bucket_of([]).columns
    assert set(unit) >= {"age", "cost"}
    assert bounded([9], [0] * 9, _bounds(9, 9, 9))[0] == [9]
    assert bounded([9], [0] * 9, _bounds(2, 1, 2)) == ([2], [1], [0, 0] + [-1] * 7)


@MORE
@given(UNITS, MEASUREMENTS | SELECTED, st.integers(1, 9), st.integers(1, 9))
def test_any_size_of_blocks_and_pieces_gives_the_same_bits(units, measurement, block_rows, piece_rows):
    bucket = bucket_of(units)
    whole = measure_bucket(measurement, bucket)
    assert same(measure_bucket(measurement, bucket, block_rows), whole)
    cut = [(bucket.runs, pieces_of(bucket, piece_rows))]
    assert same(measure_batches(measurement, cut, block_rows=block_rows), whole)


@MORE
@given(UNITS, MEASUREMENTS | SELECTED, st.integers(1, 4))
def test_any_cut_into_batches_of_units_gives_the_same_bits(units, measurement, size):
    parts = [bucket_of(units[start : start + size]) for start in range(0, len(units), size)]
    batches = [(part.runs, part.pieces()) for part in parts]
    assert same(measure_batches(measurement, batches), measure_bucket(measurement, bucket_of(units)))


def same(one, other):
    arrays = zip([one.sums, *one.trees, *one.pairs], [other.sums, *other.trees, *other.pairs], strict=True)
    return one.keys == other.keys and all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in arrays)


def test_what_occurs_twice_is_kept_and_no_more_than_the_bound():
    twice = [Comparison(">", AGE, Literal(number, Type.INT)) for number in range(2 * KEPT_MAX)]
    assert repeated([*twice[:3], *twice[:2]]) == {AGE, *twice[:2]}
    assert repeated([Comparison(">", AGE, Literal(3, Type.INT)), Literal(3, Type.INT)]) == set()
    assert len(repeated([*twice, *twice])) == KEPT_MAX


@MORE
@given(UNITS, MEASUREMENTS | SELECTED, st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_cut_into_buckets_in_any_order_gives_the_same_bits(units, measurement, parts, rng):
    shuffled = list(units)
    rng.shuffle(shuffled)
    merger = Merger(Shape.of(measurement))
    pieces = [measure_bucket(measurement, bucket_of(shuffled[start::parts])) for start in range(parts)]
    rng.shuffle(pieces)
    for piece in pieces:
        merger.add(piece)
    assert same(merger.total(), measure_bucket(measurement, bucket_of(units)))


def test_a_bare_count_reads_no_column():
    measurement = measurement_of(primitives=(CountRows(), CountUnits()), bounds=_bounds(3, 1, 3))
    bucket = Bucket(7, np.asarray([0, 5, 2], np.int64), {})
    assert vectors_of(measurement, measure_bucket(measurement, bucket)) == [[5], [2]]


class Recording(HeldSources):
    """Sources that remember what was read."""

    read: ClassVar[list] = []

    def pieces(self, scan, columns, rows):
        self.read.append(list(columns))
        return super().pieces(scan, columns, rows)


def test_only_named_columns_are_read_and_filters_may_stand_on_each_other():
    row = bucket_of([[_row(age=4), _row(age=9)], [_row(age=2)]])
    table = Scan("clinic", "visits", "t1.", (("age", Type.INT), ("sex", Type.STRING)), 100, 100)
    age = ColumnRef("t1.age", Type.INT)
    relation = Filter(
        Filter(table, Comparison(">", age, Literal(3, Type.INT))), Comparison("<", age, Literal(9, Type.INT))
    )
    key = GroupKey(ColumnRef("t1.sex", Type.STRING), Type.STRING, ("F", "M"))
    plan = plan_of(primitives=(CountRows(), CountUnits()))
    measurement = type(plan.measurements[0])(relation, (key,), _bounds(5, 2, 5), (CountRows(), CountUnits()))
    sources = Recording({("clinic", "visits"): row})
    (tally,) = scan(type(plan)("people", (measurement,), plan.answer), [sources], b"")
    assert vectors_of(measurement, tally) == [[1, 0], [1, 0]]
    assert sources.read == [["age", "sex"]]


@MORE
@given(UNITS, SELECTED | MEASUREMENTS)
def test_rows_of_another_relation_are_measured_as_those_of_a_scan(units, measurement):
    """A projection of a scan to its own columns is not streamed, and holds the same rows."""
    source = measurement.relation.source if isinstance(measurement.relation, Filter) else measurement.relation
    projected = Project(source, tuple((name, ColumnRef(name, kind)) for name, kind in source.columns))
    if isinstance(measurement.relation, Filter):
        projected = Filter(projected, measurement.relation.predicate)
    other = type(measurement)(projected, measurement.keys, measurement.bounds, measurement.primitives)
    plan = plan_of()
    given_ = HeldSources({("clinic", "visits"): bucket_of(units)})
    (found,) = scan(type(plan)("people", (other,), plan.answer), [given_], b"")
    assert same(found, measure_bucket(measurement, bucket_of(units)))


def test_one_row_a_unit_after_an_aggregate_for_each():
    counted = PerUnit(VISITS, (), (("n", UnitAggregate("count_rows", None, Type.INT)),))
    key = GroupKey(ColumnRef("n", Type.INT), Type.INT, (1, 2, 3))
    plan = plan_of()
    measurement = type(plan.measurements[0])(counted, (key,), _bounds(1, 1, 1), (CountRows(),))
    sources = HeldSources({("clinic", "visits"): bucket_of([[_row()] * 2, [_row()], [_row()] * 2])})
    (tally,) = scan(type(plan)("people", (measurement,), plan.answer), [sources], b"")
    assert vectors_of(measurement, tally) == [[1, 2, 0]]


@pytest.mark.parametrize("kind", [Type.FLOAT, Type.TIMESTAMP])
def test_reals_and_moments_are_no_private_keys(kind):
    key = GroupKey(ColumnRef("cost", kind), kind, None)
    with pytest.raises(ValueError, match="private"):
        measure_bucket(measurement_of(keys=(key,), primitives=(CountUnits(),)), bucket_of([]))


def _row(sex="F", age=1):
    return Row(sex, True, 0, "a", "a", age, 1.0, 1)


def test_no_rows_gives_every_group_zero():
    measurement = measurement_of(keys=("sex", "level"), primitives=(*PRIMITIVES, *WIDE_PRIMITIVES))
    found = vectors_of(measurement, measure_bucket(measurement, bucket_of([])))
    assert found == [[0] * 9 * width(primitive) for primitive in measurement.primitives]


def test_plan_keys_in_another_order_than_the_file_and_missing_ones():
    bucket = Bucket(
        4, np.asarray([4], np.int64), {"sex": ColumnArray(np.asarray([0, 1, 2, -1], np.int32), None, ("F", "M", "x"))}
    )
    key = GroupKey(ColumnRef("sex", Type.STRING), Type.STRING, ("x", "new", "F"))
    measurement = measurement_of(keys=(key,), primitives=(CountRows(),))
    assert vectors_of(measurement, measure_bucket(measurement, bucket)) == [[1, 0, 1]]


def test_true_and_one_are_different_keys():
    bucket = Bucket(2, np.asarray([2], np.int64), {"k": ColumnArray(np.asarray([0, 1], np.int32), None, (False, True))})
    key = GroupKey(ColumnRef("k", Type.INT), Type.INT, (0, 1))
    measurement = measurement_of(keys=(key,), primitives=(CountRows(),))
    assert vectors_of(measurement, measure_bucket(measurement, bucket)) == [[0, 0]]


@pytest.mark.parametrize(
    ("kind", "stored", "asked"),
    [
        (Type.DATE, ("2024-01-01", "2024-01-02"), ("2024-01-02", "1999-12-31")),
        (Type.TIMESTAMP, ("2024-01-01T00:00:00Z", "2024-01-02"), ("2024-01-02T00:00:00+00:00", "1999-12-31")),
    ],
)
def test_moments_among_keys_are_the_same_in_any_spelling(kind, stored, asked):
    bucket = Bucket(3, np.asarray([3], np.int64), {"k": ColumnArray(np.asarray([1, 0, 1], np.int32), None, stored)})
    measurement = measurement_of(keys=(GroupKey(ColumnRef("k", kind), kind, asked),), primitives=(CountRows(),))
    assert vectors_of(measurement, measure_bucket(measurement, bucket)) == [[2, 0]]


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


def test_units_of_a_condition_count_once_in_each_group():
    found = UnitsWhere(2)
    groups = np.asarray([0, 1, 0, 1, 0, -1], np.int32)
    owners = np.asarray([3, 3, 3, 4, 4, 5], np.int64)
    found.add(groups, owners, np.asarray([True, False, True, True, False, True]))
    assert found.units.tolist() == [1, 1]
    with pytest.raises(ValueError):
        found.add(groups, owners[1:], np.ones(6, np.bool_))


def test_runs_of_more_units_come_when_those_before_are_done():
    bounding = Bounding(_bounds(9, 1, 9), 1)
    owners = np.empty(2, np.int64)
    bounding.begin(np.asarray([2, 0], np.int64))
    with pytest.raises(ValueError):
        bounding.begin(np.asarray([1], np.int64))
    bounding.mark(np.zeros(2, np.int32), owners)
    assert owners.tolist() == [0, 0]
    bounding.begin(np.asarray([1, 1], np.int64))
    bounding.mark(np.zeros(2, np.int32), owners)
    assert owners.tolist() == [2, 3]
    assert (bounding.rows.tolist(), bounding.units.tolist()) == ([4], [3])


def _bounds(rows, groups, each):
    return ContributionBounds(rows, groups, each)
