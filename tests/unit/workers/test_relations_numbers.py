"""Equality, order and sums inside relations, each against what Python says."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relation_reference import aggregate_of
from relation_worlds import stored_column, values_of

from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relations import UnitAggregate
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray, UnitRuns
from workers.relations.aggregates import Frames, aggregated, ordering
from workers.relations.batches import cuts, merged
from workers.relations.joins import capped
from workers.relations.numbering import found, identity, known, numbered, with_null, words
from workers.relations.rows import joined, taken_or_null, vector_of

MANY = settings(max_examples=300, deadline=None)
ANY = {
    Type.INT: st.none() | st.integers(-(2**62), 2**62),
    Type.FLOAT: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    Type.STRING: st.none() | st.text(max_size=3),
    Type.TIMESTAMP: st.none() | st.integers(-(2**62), 2**62),
}
COLUMN = st.sampled_from(list(ANY)).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(ANY[kind], max_size=30)))


def repeating(values):
    """Some values twice, so that equality is met."""
    return [*values, *values[::2], *values[:3]]


def column_of(kind, values):
    return stored_column("x", kind, values)


@MANY
@given(COLUMN)
def test_identities_are_equal_where_values_are(drawn):
    kind, values = drawn[0], repeating(drawn[1])
    numbers = identity(column_of(kind, values), kind).tolist()
    for one, first in zip(values, numbers, strict=True):
        for two, second in zip(values, numbers, strict=True):
            assert None in (one, two) or (first == second) == (one == two)


@MANY
@given(COLUMN)
def test_ordering_is_that_of_the_values(drawn):
    kind, values = drawn
    places = ordering(column_of(kind, values), kind).tolist()
    for one, first in zip(values, places, strict=True):
        for two, second in zip(values, places, strict=True):
            assert None in (one, two) or ((first < second), (first == second)) == ((one < two), (one == two))


def test_texts_are_ordered_by_code_points_and_compared_by_what_they_are():
    texts = pa.array(["ￜ", "🙂", "a", "ￜ"])  # by UTF-16 units the second would come before the first
    column = ColumnArray(np.asarray([0, 1, 2, 3, -1], np.int32), None, texts)
    assert np.argsort(ordering(column, Type.STRING)[:4], kind="stable").tolist() == [2, 0, 3, 1]
    numbers = identity(column, Type.STRING).tolist()
    assert numbers[0] == numbers[3] != numbers[1]
    assert known(column).tolist() == [True] * 4 + [False]


@MANY
@given(st.lists(st.tuples(*[st.none() | st.integers(-1, 2)] * 3), max_size=40), st.integers(0, 3))
def test_rows_are_numbered_as_they_first_come(rows, width):
    columns = [column_of(Type.INT, [row[place] for row in rows]) for place in range(width)]
    numbers = numbered(words(with_null([(column, Type.INT) for column in columns]), len(rows)))
    expected: dict[tuple, int] = {}
    assert numbers.of_row.tolist() == [expected.setdefault(row[:width], len(expected)) for row in rows]
    assert numbers.firsts.tolist() == [[row[:width] for row in rows].index(key) for key in expected]


@MANY
@given(st.lists(st.integers(-3, 3), max_size=30), st.lists(st.integers(-4, 4), max_size=30), st.data())
def test_rows_are_found_where_they_are_equal(own, sought, data):
    kept = [
        np.asarray(data.draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x))), np.bool_)
        for x in (own, sought)
    ]
    lines, others = (words([np.asarray(values, np.int64)], len(values)) for values in (own, sought))
    index = numbered(lines, kept[0])
    result = found(index, lines, others, kept[1])
    for value, there, number in zip(sought, kept[1], result.tolist(), strict=True):
        matches = [n for other, n, ok in zip(own, index.of_row.tolist(), kept[0], strict=True) if ok and other == value]
        assert number == (matches[0] if matches and there else -1)
        assert len(set(matches)) <= 1


def frames_of(sizes):
    starts = np.zeros(sum(sizes), np.bool_)
    ends = starts.copy()
    edges = np.cumsum(sizes)
    ends[edges - 1] = True
    starts[np.append(0, edges[:-1])] = True
    return Frames.of(np.arange(sum(sizes)), starts, ends)


@MANY
@given(COLUMN, st.sampled_from(("count", "count_distinct", "sum", "avg", "min", "max", "first")), st.data())
def test_aggregates_are_those_of_python(drawn, function, data):
    kind, values = drawn[0], repeating(drawn[1])
    if not values or (function in ("sum", "avg") and not kind.is_number):
        return
    cut = data.draw(st.integers(1, len(values)))
    sizes = [size for size in (cut, len(values) - cut) if size]
    result = {"count": Type.INT, "count_distinct": Type.INT, "avg": Type.FLOAT}.get(function, kind)
    aggregate = UnitAggregate(function, ColumnRef("x", kind), result)
    got = values_of(aggregated(aggregate, column_of(kind, values), frames_of(sizes)))
    parts = [values[:cut], values[cut:]][: len(sizes)]
    expected = [aggregate_of(aggregate, [{"x": value} for value in part]) for part in parts]
    assert [as_bits(value) for value in got] == [as_bits(value) for value in expected]


def as_bits(value):
    return value.hex() if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2**62], 2**62), ([2**62, 1], None), ([2**62, 1, -1], 2**62), ([2**62, -(2**62), 5], 5), ([-(2**62)], -(2**62)),
        ([-(2**62), -1], None), ([2**62] * 4096, None), ([-(2**62)] * 4096 + [2**62] * 4096, 0), ([None], None), ([-1, -1], -2),
    ],
)  # fmt: skip
def test_sums_of_integers_are_exact_or_null(values, expected):
    aggregate = UnitAggregate("sum", ColumnRef("x", Type.INT), Type.INT)
    assert values_of(aggregated(aggregate, column_of(Type.INT, values), frames_of([len(values)]))) == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e308, 1e308], sys.float_info.max), ([-1e308, -1e308], -sys.float_info.max), ([0.1] * 3, 0.1 + 0.1 + 0.1)],
)
def test_sums_of_doubles_are_added_in_order_and_stay_finite(values, expected):
    aggregate = UnitAggregate("sum", ColumnRef("x", Type.FLOAT), Type.FLOAT)
    assert values_of(aggregated(aggregate, column_of(Type.FLOAT, values), frames_of([len(values)]))) == [expected]


def test_an_unknown_aggregate_and_one_without_an_operand_are_refused():
    column = column_of(Type.INT, [1])
    for aggregate, operand in (
        (UnitAggregate("median", ColumnRef("x", Type.INT), Type.INT), column),
        (UnitAggregate("sum", None, Type.INT), None),
    ):
        with pytest.raises(ValueError, match="aggregate"):
            aggregated(aggregate, operand, frames_of([1]))


@MANY
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=20), st.integers(1, 7))
def test_shares_are_used_up_unit_by_unit(rows, most):
    rows = sorted(rows, key=lambda row: row[0])
    units, counts = (np.asarray([row[place] for row in rows], np.int64) for place in (0, 1))
    left: dict[int, int] = {}
    expected = []
    for unit, count in rows:
        share = min(count, left.get(unit, most))
        left[unit] = left.get(unit, most) - share
        expected.append(share)
    assert capped(counts, units, most).tolist() == expected


@MANY
@given(st.lists(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2))), min_size=1, max_size=3))
def test_units_of_several_tables_meet(tables):
    ordered = [sorted(tokens) for tokens in tables]
    runs = [
        UnitRuns(*(np.asarray([t[h] for t in tokens], np.uint64) for h in (0, 1)), np.ones(len(tokens), np.int64))
        for tokens in ordered
    ]
    every = sorted(set().union(*tables))
    count, numbers = merged(runs)
    assert count == len(every)
    assert [part.tolist() for part in numbers] == [[every.index(token) for token in tokens] for tokens in ordered]


@MANY
@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 40))
def test_cuts_cover_all_units_within_the_size(totals, most):
    ranges = list(cuts(np.asarray(totals, np.int64), most))
    assert [unit for start, stop in ranges for unit in range(start, stop)] == list(range(len(totals)))
    for start, stop in ranges:
        assert stop - start == 1 or sum(totals[start:stop]) + stop - start <= most


@MANY
@given(COLUMN, st.lists(st.integers(-1, 100), max_size=20))
def test_a_place_of_minus_one_is_null(drawn, places):
    kind, values = drawn
    places = [place if place < len(values) else -1 for place in places]
    got = values_of(taken_or_null(column_of(kind, values), np.asarray(places, np.int64)))
    assert got == [None if place < 0 else values[place] for place in places]


@MANY
@given(
    st.sampled_from(list(ANY)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.lists(ANY[kind], max_size=4), max_size=4))
    )
)
def test_parts_one_after_the_other(drawn):
    kind, parts = drawn
    column = joined([vector_of(column_of(kind, part)) for part in parts], kind)
    assert values_of(column) == [value for part in parts for value in part]
