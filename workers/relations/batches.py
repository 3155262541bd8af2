"""Which units are computed together: whole ones, as many as their rows at all nodes allow.

A batch's size follows from caps and from the numbers of stored rows, so it differs from bucket to bucket; what a batch
gives of a unit does not, since every node looks at one unit at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from sandbox.plan.relations import Filter, Join, PerUnit, Project, Relation, Scan, Union, Window, is_public
from workers.bucket import UnitRuns
from workers.relations.rows import Integers

Matches = Callable[[Join], int]
"""The most rows of a public right side that one left row finds."""


def merged(tables: Sequence[UnitRuns]) -> tuple[int, list[Integers]]:
    """How many units there are in all tables together, and each table's units by their number among them, ascending."""
    if len(tables) == 1:
        return len(tables[0].high), [np.arange(len(tables[0].high), dtype=np.int64)]
    high = np.concatenate([table.high for table in tables])
    low = np.concatenate([table.low for table in tables])
    order = np.lexsort((low, high))
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (high[order[1:]] != high[order[:-1]]) | (low[order[1:]] != low[order[:-1]])
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(fresh) - 1
    ends = np.cumsum([len(table.high) for table in tables])[:-1]
    return int(fresh.sum()), np.split(numbers, ends)


def rows_ahead(relation: Relation, runs: Mapping[Scan, Integers], matches: Matches) -> tuple[Integers, Integers]:
    """For each unit the most rows that it can have in the relation, and at all private nodes of it together."""
    match relation:
        case Scan():
            rows = np.minimum(runs[relation], relation.rows_per_unit)
            return rows, rows
        case Filter(source) | Project(source) | Window(source) | PerUnit(source):
            rows, total = rows_ahead(source, runs, matches)
            return rows, total + rows
        case Union(sources):
            parts = [rows_ahead(source, runs, matches) for source in sources]
            rows = sum((part[0] for part in parts[1:]), parts[0][0])
            return rows, sum((part[1] for part in parts[1:]), parts[0][1]) + rows
        case Join():
            return _join_ahead(relation, runs, matches)


def _join_ahead(join: Join, runs: Mapping[Scan, Integers], matches: Matches) -> tuple[Integers, Integers]:
    rows, total = rows_ahead(join.left, runs, matches)
    each: Integers | int = 1
    if is_public(join.right):
        each = matches(join)
    else:
        each, others = rows_ahead(join.right, runs, matches)
        total = total + others
    if join.kind in ("inner", "left"):
        each = np.minimum(each, 1) if join.unique else each
        rows = np.minimum(rows * np.maximum(each, 1), join.rows_per_unit)
    return rows, total + rows


def cuts(totals: Integers, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive units whose `totals`, and one for each unit, add up to `most` or less, or that are one unit."""
    sums = np.cumsum(totals + 1)
    start, done = 0, 0
    while start < len(sums):
        stop = max(start + 1, int(np.searchsorted(sums, done + most, side="right")))
        yield start, stop
        start, done = stop, int(sums[stop - 1])
