"""One row for each unit and combination of key values, in the order in which the unit's rows first have them."""

import numpy as np

from sandbox.plan.nodes import type_of
from sandbox.plan.relations import PerUnit
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.relations.aggregates import Frames, aggregated
from workers.relations.evaluation import evaluated
from workers.relations.numbering import numbered, with_null, words
from workers.relations.rows import Integers, Rows, taken


def per_unit(node: PerUnit, rows: Rows) -> Rows:
    """The table of the node, from the rows of its source."""
    expressions = [expression for _, expression in node.keys]
    operands = [aggregate.operand for _, aggregate in node.aggregates if aggregate.operand is not None]
    values = evaluated(rows, [*expressions, *operands])
    keys, waiting = values[: len(expressions)], iter(values[len(expressions) :])
    typed = [(key, type_of(expression)) for key, expression in zip(keys, expressions, strict=True)]
    of_row, firsts = _groups(rows, typed)
    frames = _frames(of_row)
    columns = {name: taken(key, firsts) for (name, _), key in zip(node.keys, keys, strict=True)}
    for name, aggregate in node.aggregates:
        operand = None if aggregate.operand is None else next(waiting)
        columns[name] = aggregated(aggregate, operand, frames)
    return Rows(rows.units[firsts], columns)


def _groups(rows: Rows, keys: list[tuple[ColumnArray, Type]]) -> tuple[Integers, Integers]:
    """The group of each row, and the first row of each group."""
    if keys:
        found = numbered(words([rows.units, *with_null(keys)], rows.count))
        return found.of_row, found.firsts
    fresh = np.ones(rows.count, np.bool_)  # rows of a unit stand together: nothing needs hashing
    fresh[1:] = rows.units[1:] != rows.units[:-1]
    return np.cumsum(fresh, dtype=np.int64) - np.int64(1), np.flatnonzero(fresh)


def _frames(groups: Integers) -> Frames:
    """Each group is a partition and a frame of its own; its rows keep their order."""
    order = np.argsort(groups, kind="stable")
    changes = np.flatnonzero(np.diff(groups[order])) + 1
    starts, ends = np.zeros(len(groups), np.bool_), np.zeros(len(groups), np.bool_)
    if len(groups):
        starts[0], ends[-1] = True, True
        starts[changes], ends[changes - 1] = True, True
    return Frames.of(order, starts, ends)
