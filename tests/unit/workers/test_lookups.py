"""Columns of few values: what is looked up is what the rows give, and what the slow reference gives."""

from fractions import Fraction

import numpy as np
import pytest
from engine_tables import (
    MEASUREMENTS,
    SELECTED,
    Row,
    bucket_of,
    measurement_of,
    plan_of,
    reference,
    rows_with,
    vectors_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import workers.scan
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Conjunction, Literal
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Join, Scan, streamed
from sandbox.terms.dataset import Type
from workers.bucket import Bucket, ColumnArray, Piece, UnitRuns
from workers.lookups import Codes, Lookup, conjuncts
from workers.relations.sources import HeldSources
from workers.scan import measure_batches, measure_bucket, scan
from workers.streams import stream_of

MORE = settings(max_examples=150, deadline=None)
CENTS = st.integers(-30_000, 30_000).map(lambda cents: cents / 100)
UNITS = st.lists(st.lists(rows_with(CENTS), max_size=8), max_size=8)


def narrow(bucket: Bucket) -> Bucket:
    """The same rows in the narrowest columns that a file gives."""
    return Bucket(
        bucket.rows, bucket.runs, {name: _narrow(name, column) for name, column in bucket.columns.items()}, bucket.units
    )


def _narrow(name, column):
    if column.dictionary is not None:
        return ColumnArray(column.values.astype(np.int8), None, column.dictionary)
    if name == "day":
        return ColumnArray(column.values.astype(np.int32), column.valid)
    scale = 100 if name == "cost" else 0
    whole = np.rint(column.values * scale) if scale else column.values
    values = whole.astype(np.int16)
    if column.valid is not None:
        values[~column.valid] = np.iinfo(np.int16).min
    return ColumnArray(values, column.valid, scale=scale)


def same(one, other):
    arrays = zip([one.sums, *one.trees, *one.pairs], [other.sums, *other.trees, *other.pairs], strict=True)
    return one.keys == other.keys and all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in arrays)


@MORE
@given(UNITS, MEASUREMENTS | SELECTED, st.integers(1, 9), st.integers(1, 9))
def test_looked_up_tallies_equal_the_computed_ones(units, measurement, block_rows, piece_rows):
    bucket = bucket_of(units)
    computed, looked_up = measure_bucket(measurement, bucket), narrow(bucket)
    assert same(measure_bucket(measurement, looked_up), computed)
    assert same(measure_bucket(measurement, looked_up, block_rows), computed)
    pieces = [
        Piece(
            min(piece_rows, bucket.rows - start),
            {
                name: ColumnArray(
                    column.values[start : start + piece_rows],
                    None if column.valid is None else column.valid[start : start + piece_rows],
                    column.dictionary,
                    column.scale,
                )
                for name, column in looked_up.columns.items()
            },
        )
        for start in range(0, bucket.rows, piece_rows)
    ]
    assert same(measure_batches(measurement, [(bucket.runs, pieces)]), computed)


@MORE
@given(UNITS, MEASUREMENTS)
def test_looked_up_tallies_equal_the_reference(units, measurement):
    assert vectors_of(measurement, measure_bucket(measurement, narrow(bucket_of(units)))) == reference(
        measurement, units
    )


def test_control_a_wrong_meaning_is_seen(monkeypatch):
    units = [[_row(age=4), _row(age=9)]]
    where = Comparison(">", ColumnRef("age", Type.INT), Literal(4, Type.INT))
    measurement = measurement_of(where, (), primitives=(CountRows(),))
    right = Codes.column
    monkeypatch.setattr(Codes, "column", lambda codes, values: right(codes, values + 1))
    assert vectors_of(measurement, measure_bucket(measurement, narrow(bucket_of(units)))) == [[2]]
    assert reference(measurement, units) == [[1]]


def test_a_table_serves_pieces_whose_values_stand_for_the_same():
    made = []

    def make(compiler, _):
        step = compiler.step(ColumnRef("x", Type.INT))

        def doubled(block):
            made.append(block.rows)
            return step(block).values * 2

        return doubled

    lookup = Lookup("x", make, None)
    for values in ([1, 2], [5], [3_000], [7]):
        codes = Codes.of(ColumnArray(np.asarray(values, np.int16)))
        low, table = lookup.table(codes)
        assert [int(table[value - low]) for value in values] == [2 * value for value in values]
    assert len(made) == 2
    far = Codes.of(ColumnArray(np.asarray([100], np.int16), scale=10))
    low, table = lookup.table(far)
    assert len(made) == 3


def test_columns_of_many_values_are_not_looked_up():
    assert Codes.of(ColumnArray(np.arange(9))) is None
    assert Codes.of(ColumnArray(np.zeros(9))) is None
    assert Codes.of(ColumnArray(np.zeros(9, np.int32), None, tuple(f"{n}" for n in range(1_000)))) is None
    assert Codes.of(ColumnArray(np.full(9, 40_000, np.int32), None, ("x",))) is None


def test_a_conjunction_is_its_parts():
    parts = [Comparison(">", ColumnRef("age", Type.INT), Literal(n, Type.INT)) for n in range(3)]
    assert list(conjuncts([Conjunction((parts[0], Conjunction(tuple(parts[1:]))))])) == parts


# -- joins with a public relation of one row for each -------------------------------------------------------------------

VISITS = Scan("clinic", "visits", "v.", (("age", Type.INT), ("sex", Type.STRING)), 10**6, 3)
CODES = Scan("reference", "codes", "c.", (("id", Type.INT), ("word", Type.STRING), ("x", Type.FLOAT)), 100, 0)
AGE = ColumnRef("v.age", Type.INT)
WORD = ColumnRef("c.word", Type.STRING)
WORDS = ("one", "two", "three")
SUM_X = SumValues(ColumnRef("c.x", Type.FLOAT), Fraction(0), Fraction(10), Fraction(0), Fraction(1, 10))
IDS = st.lists(st.integers(-200, 200), unique=True, max_size=60)


def public(ids):
    rows = len(ids)
    columns = {
        "id": ColumnArray(np.asarray(ids, np.int64)),
        "word": ColumnArray((np.arange(rows) % 4 - 1).astype(np.int32), None, WORDS),
        "x": ColumnArray(np.arange(rows) / 7),
    }
    nothing = np.zeros(1, np.uint64)
    runs = np.asarray([rows], np.int64)
    return Bucket(rows, runs, columns, UnitRuns(nothing, nothing, runs))


@MORE
@given(
    UNITS,
    IDS,
    st.sampled_from(["inner", "left", "semi", "anti"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 4),
)
def test_a_streamed_join_is_the_join(units, ids, kind, small, filtered, rows):
    left = Filter(VISITS, Comparison(">", AGE, Literal(-50, Type.INT))) if filtered else VISITS
    relation = Join(left, CODES, kind, ((AGE, ColumnRef("c.id", Type.INT)),), 3, unique=True)
    widened = kind in ("inner", "left")
    key = GroupKey(WORD, Type.STRING, WORDS) if widened else GroupKey(AGE, Type.INT, (7, -3, 100, 0))
    primitives = (CountRows(), CountUnits(), *((SUM_X, CountValues(SUM_X.operand)) if widened else ()))
    bucket = narrow(bucket_of(units)) if small else bucket_of(units)
    sources = HeldSources({("clinic", "visits"): bucket, ("reference", "codes"): public(ids)})
    for keys in ((key,), (), (GroupKey(AGE, Type.INT, None),)):
        selecting = (CountUnits(), *primitives) if keys and keys[0].values is None else primitives
        measurement = Measurement(relation, keys, ContributionBounds(rows, rows, rows), selecting)
        plan = Plan("people", (measurement,), plan_of().answer)
        (streaming,) = scan(plan, [sources], b"")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                workers.scan, "stream_of", lambda made, given_: stream_of(made, given_) if streamed(made) else None
            )
            (general,) = scan(plan, [sources], b"")
        assert same(streaming, general)


def test_a_join_that_finds_many_rows_or_caps_them_is_no_stream():
    sources = HeldSources({("reference", "codes"): public([1, 2])})
    on = ((AGE, ColumnRef("c.id", Type.INT)),)
    assert stream_of(Join(VISITS, CODES, "inner", on, 3, unique=True), sources) is not None
    for other in (
        Join(VISITS, CODES, "inner", on, 3, unique=False),
        Join(VISITS, CODES, "inner", on, 2, unique=True),
        Join(VISITS, VISITS, "inner", on, 3, unique=True),
    ):
        assert stream_of(other, sources) is None


def _row(**given_):
    return Row(**dict.fromkeys(("sex", "smoker", "level", "note", "other", "age", "cost", "day")) | given_)
