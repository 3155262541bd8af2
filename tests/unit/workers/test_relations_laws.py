"""What holds of every relation: batches, pieces and buckets leave no trace, and no unit sees another."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relation_worlds import (
    RELATIONS,
    STAYS,
    VISITS,
    WORLDS,
    CutSources,
    computed,
    held,
    relation,
    some_unit,
    world,
)  # fmt: skip

from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relation_sizes import unit_rows_held
from sandbox.plan.relations import Filter, Join, Project, Scan, columns_of, rows_per_unit, scans_of
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.relations import execute, joins
from workers.relations.execute import relation_pieces
from workers.relations.joins import JoinIndex, capped
from workers.relations.per_unit import per_unit
from workers.relations.rows import Rows
from workers.relations.windows import windowed

MANY = settings(max_examples=400, deadline=None)


def rows_by_token(relation, sources, batch_rows=10_000):
    """The rows of every unit of the relation's private tables."""
    tokens = set()
    for scan in scans_of(relation):
        if not scan.public:
            units = sources.units(scan)
            tokens |= set(zip(units.high.tolist(), units.low.tolist(), strict=True))
    return dict(zip(sorted(tokens), computed(relation, sources, batch_rows), strict=True))


# -- batches, pieces, buckets ------------------------------------------------------------------------------------------


@MANY
@given(RELATIONS, WORLDS, st.integers(1, 40), st.integers(1, 9))
def test_any_size_of_batches_and_pieces_gives_the_same_bits(relation, world, batch_rows, piece_rows):
    units, public = world
    whole = computed(relation, held(units, public))
    assert computed(relation, held(units, public), batch_rows) == whole
    assert computed(relation, CutSources(units, public, piece_rows), batch_rows) == whole


@MANY
@given(RELATIONS, WORLDS, st.integers(1, 3))
def test_any_split_of_units_into_buckets_gives_the_same_bits(relation, world, parts):
    units, public = world
    rng, shares = Random(parts), [{} for _ in range(parts)]
    for token, unit in units.items():
        rng.choice(shares)[token] = unit
    found = {}
    for share in shares:
        found |= rows_by_token(relation, held(share, public), 7)
    assert found == rows_by_token(relation, held(units, public))


def test_batches_hold_whole_units_and_each_unit_once():
    units = {(0, low): {VISITS: [{"f": None, "i": low, "k": None, "s": None}] * low, STAYS: []} for low in range(4)}
    scan = Scan(*VISITS, "", (("i", Type.INT),), 100, 5)
    batches = list(relation_pieces(scan, held(units, []), 5))
    assert [runs.tolist() for runs, _ in batches] == [[1, 2], [3]]
    assert [piece.columns["i"].values.tolist() for _, piece in batches] == [[1, 2, 2], [3, 3, 3]]


def test_a_bucket_without_units_gives_no_batch():
    scan = Scan(*VISITS, "", (("i", Type.INT), ("s", Type.STRING)), 100, 5)
    assert list(relation_pieces(scan, held({}, []))) == []


def test_a_relation_of_public_rows_alone_is_refused():
    with pytest.raises(ValueError, match="without units"):
        list(relation_pieces(Scan("reference", "codes", "", (("i", Type.INT),), 100, 0), held({}, [])))


# -- no unit sees another ----------------------------------------------------------------------------------------------


def broken_by(relation, units, public, token, unit, batch_rows=10_000):
    """Whether the rows of any other unit change when `token` comes with the rows of `unit`."""
    before = rows_by_token(relation, held({t: u for t, u in units.items() if t != token}, public), batch_rows)
    after = rows_by_token(relation, held(units | {token: unit}, public), batch_rows)
    after.pop(token, None)
    before = {t: rows for t, rows in before.items() if rows}
    return before != {t: rows for t, rows in after.items() if rows}


@MANY
@given(RELATIONS, WORLDS, st.integers(0, 2**32), st.sampled_from((5, 10_000)))
def test_one_unit_more_or_less_changes_no_row_of_another(relation, world, seed, batch_rows):
    units, public = world
    assert not broken_by(relation, units, public, (1, 2), some_unit(Random(seed), 9), batch_rows)


def blind_windows(node, rows):
    return Rows(rows.units, windowed(node, Rows(np.zeros_like(rows.units), rows.columns)).columns)


def blind_per_unit(node, rows):
    made = per_unit(node, Rows(np.zeros_like(rows.units), rows.columns))
    return Rows(np.full(made.count, int(rows.units.max(initial=0))), made.columns)


class BlindIndex(JoinIndex):
    @classmethod
    def of(cls, join, right, *, of_units):
        return JoinIndex.of(join, right, of_units=False)


PLANTED = {
    "windows over all units": (execute, "windowed", blind_windows),
    "groups over all units": (execute, "per_unit", blind_per_unit),
    "joins over all units": (execute, "JoinIndex", BlindIndex),
    "one share for all units": (
        joins,
        "capped",
        lambda counts, units, most: capped(counts, np.zeros_like(units), most),
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_control_an_operator_that_looks_at_other_units_is_found(monkeypatch, fault):
    monkeypatch.setattr(*PLANTED[fault])
    found = 0
    for seed in range(400):
        units, public = world(seed)
        found += broken_by(relation(seed, 2), units, public, (1, 2), some_unit(Random(seed)))
    assert found >= 2


# -- caps --------------------------------------------------------------------------------------------------------------


@MANY
@given(RELATIONS, WORLDS)
def test_no_unit_has_more_rows_than_the_plan_says(relation, world):
    for rows in computed(relation, held(*world)):
        assert len(rows) <= rows_per_unit(relation)


@MANY
@given(RELATIONS, WORLDS, st.integers(1, 60))
def test_a_batch_holds_no_more_rows_than_the_plan_says(relation, world, batch_rows):
    batches = held_by_batches(relation, held(*world), batch_rows)
    assert all(total <= max(batch_rows, unit_rows_held(relation)) for total in batches)


def held_by_batches(relation, sources, batch_rows):
    """Rows of all private nodes together, batch by batch."""
    counts, inner = [], execute._rows

    def counted(node, scans, indexes):
        rows = inner(node, scans, indexes)
        if not all(scan.public for scan in scans_of(node)):
            counts.append(rows.count)
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "_rows", counted)
        found = []
        for _ in relation_pieces(relation, sources, batch_rows):
            found.append(sum(counts))
            counts.clear()
    return found


def test_control_without_cuts_a_batch_holds_more():
    units = {(0, low): {VISITS: [{"f": None, "i": 1, "k": None, "s": None}] * 4, STAYS: []} for low in range(4)}
    scan = Scan(*VISITS, "", (("i", Type.INT),), 100, 4)
    assert max(held_by_batches(scan, held(units, []), 10_000)) > unit_rows_held(scan)


def numbered_visits(count):
    return {(0, 0): {VISITS: [{"f": None, "i": number, "k": None, "s": None} for number in range(count)], STAYS: []}}


def test_a_scan_keeps_the_first_rows_in_stored_order():
    scan = Scan(*VISITS, "", (("i", Type.INT),), 100, 3)
    ((_, piece),) = relation_pieces(scan, CutSources(numbered_visits(7), [], 2))
    assert piece.columns["i"].values.tolist() == [0, 1, 2]


def test_the_cap_comes_before_the_filter():
    """Otherwise which rows a unit brings would follow from the question."""
    scan = Scan(*VISITS, "", (("b", Type.BOOL), ("i", Type.INT)), 100, 2)
    units = {
        (0, 0): {
            STAYS: [{"b": number > 1, "d": None, "i": number, "s": None, "t": None} for number in range(5)],
            VISITS: [],
        }
    }
    scan = Scan(*STAYS, "", scan.columns, 100, 3)
    ((runs, piece),) = relation_pieces(Filter(scan, ColumnRef("b", Type.BOOL)), held(units, []))
    assert (runs.tolist(), piece.columns["i"].values.tolist()) == ([1], [2])


def test_a_join_keeps_the_first_joined_rows_of_each_unit():
    left, right = (Scan(*VISITS, prefix, (("i", Type.INT),), 100, 3) for prefix in ("l.", "r."))
    join = Join(left, right, "inner", (), 5, unique=False)
    units = numbered_visits(4) | {(0, 1): numbered_visits(2)[0, 0]}
    ((runs, piece),) = relation_pieces(join, held(units, []))
    pairs = list(zip(piece.columns["l.i"].values.tolist(), piece.columns["r.i"].values.tolist(), strict=True))
    assert runs.tolist() == [5, 4]
    assert pairs == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (0, 0), (0, 1), (1, 0), (1, 1)]


def test_one_table_under_two_caps():
    """Each scan has its own share, whatever else is read of the table."""
    few, more = (Scan(*VISITS, prefix, (("i", Type.INT),), 100, cap) for prefix, cap in (("a.", 1), ("b.", 3)))
    join = Join(few, more, "inner", (), 9, unique=False)
    ((_, piece),) = relation_pieces(join, held(numbered_visits(5), []))
    assert piece.columns["b.i"].values.tolist() == [0, 1, 2]


def test_a_declared_unique_key_that_is_not_gives_the_first_match():
    """Sizes follow from the declaration: what is stored cannot break them."""
    public = [{"b": None, "f": float(number), "i": 0, "s": None} for number in range(3)]
    left = Scan(*VISITS, "l.", (("i", Type.INT),), 100, 3)
    right = Scan("reference", "codes", "r.", (("f", Type.FLOAT), ("i", Type.INT)), 100, 0)
    on = ((ColumnRef("l.i", Type.INT), ColumnRef("r.i", Type.INT)),)
    for unique, expected in ((True, [0.0, None, None]), (False, [0.0, 1.0, 2.0])):
        join = Join(left, right, "left", on, 3, unique)
        ((_, piece),) = relation_pieces(join, held(numbered_visits(5), public))
        column = piece.columns["r.f"]
        valid = [True] * 3 if column.valid is None else column.valid.tolist()
        found = [value if there else None for value, there in zip(column.values.tolist(), valid, strict=True)]
        assert found == expected


def test_columns_stand_in_the_order_of_the_plan():
    scan = Scan(*STAYS, "t1.", (("d", Type.DATE), ("i", Type.INT)), 100, 3)
    swapped = Project(scan, (("z", ColumnRef("t1.i", Type.INT)), ("a", ColumnRef("t1.d", Type.DATE))))
    unit = {STAYS: [{"b": None, "d": 4, "i": 5, "s": None, "t": None}], VISITS: []}
    ((_, piece),) = relation_pieces(swapped, held({(0, 0): unit}, []))
    assert list(piece.columns) == list(columns_of(swapped)) == ["z", "a"]
    assert all(isinstance(column, ColumnArray) for column in piece.columns.values())
