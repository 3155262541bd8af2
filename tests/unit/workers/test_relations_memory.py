"""What a relation takes in memory: what the plan says, however many rows there are and however they lie."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from sandbox.plan.nodes import Arithmetic, ColumnRef, Comparison
from sandbox.plan.relation_sizes import (
    BATCH_ROWS,
    CELL_BYTES,
    UNIT_BYTES,
    WORKING_COLUMNS,
    columns_held,
    public_rows_held,
    relation_rows_held,
    unit_rows_held,
)
from sandbox.plan.relations import Filter, Join, Order, PerUnit, Project, Scan, Union, UnitAggregate, Window
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray, Piece, UnitRuns
from workers.relations.execute import relation_pieces
from workers.relations.warm import compile_relation_passes

X, Y = ColumnRef("l.x", Type.INT), ColumnRef("r.x", Type.INT)
ROW_GROUP = 16_384
CAP = 64


def scan(prefix, cap=CAP, table="visits"):
    return Scan("clinic", table, prefix, (("x", Type.INT),), 1_000_000, cap)


LEFT, RIGHT, PUBLIC = scan("l."), scan("r."), Scan("reference", "codes", "p.", (("x", Type.INT),), 5_000, 0)
SQUARE = Join(LEFT, RIGHT, "inner", (), CAP * CAP, unique=False)
SUMMED = UnitAggregate("sum", Arithmetic("*", X, Y, Type.INT), Type.INT)
RELATIONS = {
    "a join of all rows with all": SQUARE,
    "grouped": PerUnit(SQUARE, (("k", X),), (("s", SUMMED), ("n", UnitAggregate("count_distinct", Y, Type.INT)))),
    "with windows": Window(SQUARE, "w", "sum", Y, 0, (X,), (Order(Y, True, False),), Type.INT),
    "filtered and joined with public rows": Join(
        Filter(SQUARE, Comparison("<=", X, Y)), PUBLIC, "left", ((Y, ColumnRef("p.x", Type.INT)),), CAP * CAP, True
    ),
    "united": Union((Project(LEFT, (("x", X),)), Project(RIGHT, (("x", Y),)))),
}


class Lazy:
    """`units` units of as many rows each, read a row group at a time; the rows are never there together."""

    def __init__(self, units, rows):
        self.runs = np.full(units, rows, np.int64)

    def units(self, scan):
        if scan.public:
            return UnitRuns(np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.full(1, scan.rows_max, np.int64))
        tokens = np.arange(len(self.runs), dtype=np.uint64)
        return UnitRuns(tokens, np.zeros_like(tokens), self.runs)

    def pieces(self, scan, columns, rows):
        for start in range(0, rows, ROW_GROUP):
            values = np.arange(start, min(start + ROW_GROUP, rows)) % 97
            yield Piece(len(values), {name: ColumnArray(values) for name in columns})


def peak(relation, units, rows, batch_rows):
    """Bytes at most, and the rows that came."""
    tracemalloc.start()
    try:
        count = sum(piece.rows for _, piece in relation_pieces(relation, Lazy(units, rows), batch_rows))
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()


def bound(relation, units, batch_rows):
    """What the control plane counts with, for batches of another size."""
    rows = relation_rows_held(relation) if batch_rows == BATCH_ROWS else max(batch_rows, unit_rows_held(relation))
    cells = (rows + public_rows_held(relation)) * columns_held(relation)
    return cells * CELL_BYTES + 2 * ROW_GROUP * 64 + 2 * units * UNIT_BYTES


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compile_relation_passes()


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize(("units", "rows"), [(4_000, 8), (300, 100), (2, 60_000), (20_000, 1)])
def test_no_relation_takes_more_than_the_plan_says(name, units, rows):
    relation = RELATIONS[name]
    taken, count = peak(relation, units, rows, 16_384)
    assert count > 0
    assert taken <= bound(relation, units, 16_384)


@pytest.mark.parametrize("name", RELATIONS)
def test_more_units_take_no_more_but_for_their_tokens(name):
    taken = [peak(RELATIONS[name], units, 8, 16_384)[0] - 2 * units * UNIT_BYTES for units in (1_000, 2_000, 4_000)]
    assert all(after <= 1.1 * before for before, after in pairwise(taken))


def test_control_one_batch_of_all_units_takes_more():
    relation = RELATIONS["grouped"]
    assert peak(relation, 4_000, 8, 10**9)[0] > bound(relation, 4_000, 16_384)


# -- the formulas ------------------------------------------------------------------------------------------------------


def test_rows_of_a_unit_at_all_private_nodes():
    assert unit_rows_held(LEFT) == 1 + CAP
    assert unit_rows_held(SQUARE) == 1 + 2 * CAP + CAP * CAP
    assert unit_rows_held(RELATIONS["grouped"]) == 1 + 2 * CAP + 2 * CAP * CAP
    assert unit_rows_held(PerUnit(LEFT, (), (("s", SUMMED),))) == 1 + CAP + 1
    assert unit_rows_held(RELATIONS["united"]) == 1 + 4 * CAP + 2 * CAP


def test_public_rows_are_held_whole():
    assert public_rows_held(SQUARE) == 0
    on = ((X, ColumnRef("p.x", Type.INT)),)
    assert public_rows_held(Join(LEFT, PUBLIC, "left", on, CAP, unique=True)) == 5_000
    some = Filter(PUBLIC, Comparison("<", ColumnRef("p.x", Type.INT), ColumnRef("p.x", Type.INT)))
    joined = Join(LEFT, some, "left", on, CAP, unique=True)
    assert public_rows_held(joined) == 10_000
    assert unit_rows_held(joined) == 1 + 2 * CAP


def test_a_batch_holds_one_unit_at_least():
    assert relation_rows_held(LEFT) == BATCH_ROWS
    wide = Join(scan("a.", 65_536), scan("b.", 65_536), "inner", (), 65_536, unique=False)
    assert relation_rows_held(wide) == unit_rows_held(wide) == 1 + 3 * 65_536 > BATCH_ROWS


def test_columns_of_the_widest_node():
    assert columns_held(LEFT) == 1 + WORKING_COLUMNS
    assert columns_held(SQUARE) == 2 + WORKING_COLUMNS
    assert columns_held(RELATIONS["with windows"]) == 3 + 2 * 3 + WORKING_COLUMNS
