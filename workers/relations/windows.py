"""Window functions over rows of one unit. A partition's rows are put in the window's order, ties in stored order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import type_of
from sandbox.plan.relations import Order, UnitAggregate, Window
from workers.bucket import ColumnArray
from workers.relations.aggregates import Frames, aggregated, ordering
from workers.relations.evaluation import evaluated
from workers.relations.numbering import known, numbered, with_null, words
from workers.relations.rows import Integers, Rows, taken, taken_or_null

Booleans = NDArray[np.bool_]


def windowed(node: Window, rows: Rows) -> Rows:
    """The source's rows with one more column."""
    operands = [] if node.operand is None else [node.operand]
    values = evaluated(rows, [*node.partition, *(item.operand for item in node.order), *operands])
    parts = values[: len(node.partition)]
    sorts = values[len(node.partition) : len(node.partition) + len(node.order)]
    operand = values[-1] if operands else None
    typed = [(column, type_of(expression)) for column, expression in zip(parts, node.partition, strict=True)]
    partition = numbered(words([rows.units, *with_null(typed)], rows.count)).of_row
    keys = _sort_keys(node.order, sorts)
    order = np.lexsort([*reversed(keys), partition]) if rows.count else np.empty(0, np.int64)
    starts = _changes([partition], order)
    fresh = _changes([partition, *keys], order) if node.order else starts
    return Rows(rows.units, {**rows.columns, node.name: _column(node, operand, order, starts, fresh)})


def _column(
    node: Window, operand: ColumnArray | None, order: Integers, starts: Booleans, fresh: Booleans
) -> ColumnArray:
    """The new column, for rows in `order`: `starts` marks a partition's first row, `fresh` the first of each peers."""
    places = np.arange(len(order))
    first = np.maximum.accumulate(np.where(starts, places, 0)) if len(order) else places
    match node.function:
        case "row_number":
            return ColumnArray(_unordered(order, places - first + 1))
        case "rank":
            peers = np.maximum.accumulate(np.where(fresh, places, 0)) if len(order) else places
            return ColumnArray(_unordered(order, peers - first + 1))
        case "dense_rank":
            number = np.cumsum(fresh, dtype=np.int64)
            return ColumnArray(_unordered(order, number - number[first] + np.int64(1)))
    ends = np.append(fresh[1:], True) if len(order) else fresh
    if operand is None or node.function not in ("lag", "lead", "first_value", "last_value"):
        found = aggregated(
            UnitAggregate(node.function, node.operand, node.type), operand, Frames.of(order, starts, ends)
        )
        return taken(found, _unordered(order, np.cumsum(fresh) - 1))
    if node.function == "first_value":
        sought = first
    elif node.function == "last_value":
        sought = np.flatnonzero(ends)[np.cumsum(fresh) - 1]
    else:
        sought = places + (node.offset if node.function == "lead" else -node.offset)
        within = (sought >= 0) & (sought < len(order))
        sought = np.where(within, sought, 0)
        sought = np.where(within & (first[sought] == first), sought, -1) if len(order) else sought
    rows = np.where(sought >= 0, order[sought], -1) if len(order) else sought
    return taken_or_null(operand, _unordered(order, rows))


def _sort_keys(orders: tuple[Order, ...], columns: Sequence[ColumnArray]) -> list[Integers]:
    """Integers that ascend as the rows shall: for each sort key where NULL stands, then its values."""
    keys: list[Integers] = []
    for item, column in zip(orders, columns, strict=True):
        valid, values = known(column), ordering(column, type_of(item.operand))
        keys.append((valid if item.nulls_first else ~valid).astype(np.int64))
        keys.append(np.where(valid, ~values if item.descending else values, 0))
    return keys


def _changes(keys: list[Integers], order: Integers) -> Booleans:
    """Which places of `order` differ in a key from the one before."""
    found = np.zeros(len(order), np.bool_)
    found[:1] = True
    for key in keys:
        ordered = key[order]
        found[1:] |= ordered[1:] != ordered[:-1]
    return found


def _unordered(order: Integers, values: Integers) -> Integers:
    """What stands at each place of `order`, for the rows as they are stored."""
    result = np.empty(len(order), np.int64)
    result[order] = values
    return result
