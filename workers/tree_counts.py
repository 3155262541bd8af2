"""Leaves of trees of counts: how many counted rows have their value in each, kept for the leaves alone that have any.

Levels above follow from the leaves, exactly: they are summed up in the engine, before the noise.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import type_of
from sandbox.plan.primitives import BRANCHING, TreeCounts
from sandbox.terms.dataset import Type
from workers.contribute import Groups, Integers, roomier
from workers.frozen import frozen
from workers.vector import Vector
from workers.word_table import WordTable

_INT64 = np.iinfo(np.int64)
_DENSE_CELLS = 131_072
"""Pairs of group and leaf, up to which each has a place (1 MiB), whether rows are in it or not."""


class LeafCounts:
    """Counted rows by group and leaf, of one bucket: in an array where there are few of both, else in a table of those
    that have rows."""

    def __init__(self, tree: TreeCounts, cells: int = 0) -> None:
        """`cells` are how many pairs of group and leaf there are, 0 where nobody knows."""
        self._whole = type_of(tree.operand) is not Type.FLOAT
        self._edges = leaf_edges(tree, self._whole)
        self._size = tree.leaves
        # A guess from doubles, put right by the edges.
        self._low, self._step = float(tree.low), float(tree.step)
        self._dense = np.zeros(cells if cells <= _DENSE_CELLS else 0, np.int64)
        self._table = WordTable()
        self._counts = np.zeros(self._table.room, np.int64)

    def of(self, vector: Vector) -> NDArray[np.int32]:
        """The leaf of each value, -1 where it is NULL."""
        values = frozen(vector.values, np.int64 if self._whole else np.float64)
        leaves = np.empty(len(values), np.int32)
        _leaves(values, frozen(vector.valid, np.bool_), self._edges, self._low, self._step, leaves)
        return leaves

    def add(self, groups: Groups, leaves: NDArray[np.int32]) -> None:
        """Count the next rows: those whose group and leaf are not negative."""
        if len(self._dense):
            _add_dense(groups, leaves, self._size, self._dense)
            return
        counted = np.where(leaves < 0, np.int32(-1), groups).astype(np.int64)
        numbers = self._table.numbers(counted, leaves.astype(np.int64), np.zeros(len(leaves), np.int64))
        self._counts = roomier(self._counts, self._table.room, 0)
        _count(numbers, self._counts)

    def add_looked_up(self, groups: Groups, codes: NDArray[Any], low: int, table: NDArray[np.int32]) -> None:
        """The same where the leaves are the codes' entries in a table, whose first is that of `low`."""
        if len(self._dense):
            _add_dense_looked_up(groups, codes, low, table, self._size, self._dense)
        else:
            self.add(groups, table[codes.astype(np.int64) - low])

    @property
    def counts(self) -> Integers:
        """Group, leaf and rows [3, leaves with rows], in any order."""
        if len(self._dense):
            there = np.flatnonzero(self._dense)
            return np.vstack([there // self._size, there % self._size, self._dense[there]])
        return np.vstack([self._table.words[:2], self._counts[: self._table.count]])


@lru_cache(maxsize=64)
def leaf_edges(tree: TreeCounts, whole: bool) -> NDArray[Any]:
    """Where leaves 1, 2, … begin: the least int64 or double at or above low + step · number."""
    under = tree.low.denominator * tree.step.denominator
    first, step = tree.low.numerator * tree.step.denominator, tree.step.numerator * tree.low.denominator
    overs = range(first + step, first + step * tree.leaves, step)
    if whole:
        edges = np.asarray([min(max(-(-over // under), _INT64.min), _INT64.max) for over in overs], np.int64)
    else:
        edges = np.asarray([_double_at_or_above(over, under) for over in overs], np.float64)
    return frozen(edges, edges.dtype.type)


def levels_of(leaves: Integers, depth: int) -> Integers:
    """The vector of a tree from its leaves [leaves, lines]: all levels [width, lines], level 1 first."""
    levels: list[Integers] = [leaves]
    for _ in range(depth - 1):
        below = levels[0]
        levels.insert(0, below.reshape(len(below) // BRANCHING, BRANCHING, below.shape[1]).sum(axis=1))
    return np.concatenate(levels)


def dense_leaves(counts: Integers, lines: Sequence[int] | Integers, leaves: int) -> Integers:
    """Rows [leaves, lines] of the groups `lines`, each once and ascending, from group, leaf and rows [3, any]."""
    wanted = np.asarray(lines, np.int64)
    found = np.zeros((leaves, len(wanted)), np.int64)
    if len(wanted) and counts.shape[1]:
        places = np.minimum(np.searchsorted(wanted, counts[0]), len(wanted) - 1)
        here = wanted[places] == counts[0]
        np.add.at(found, (counts[1][here], places[here]), counts[2][here])
    return found


def _double_at_or_above(over: int, under: int) -> float:
    try:
        near = over / under
    except OverflowError:  # beyond all doubles: no value reaches it, or all do
        return math.inf if over > 0 else -math.inf
    top, bottom = near.as_integer_ratio()
    return near if top * under >= over * bottom else math.nextafter(near, math.inf)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _leaves(values: Any, valid: Any, edges: Any, low: Any, step: Any, out: Any) -> None:  # pragma: no cover - compiled
    last = edges.size
    for row in range(values.size):
        if not valid[row]:
            out[row] = -1
            continue
        value = values[row]
        steps = (np.float64(value) - low) / step
        leaf = np.int64(min(max(steps, 0.0), np.float64(last))) if not np.isnan(steps) else 0
        if (leaf > 0 and value < edges[leaf - 1]) or (leaf < last and value >= edges[leaf]):
            # By halves, not leaf by leaf: a guess may be off by thousands where doubles are as coarse as the range.
            leaf, above = np.int64(0), last
            while leaf < above:
                middle = (leaf + above) // 2
                if value >= edges[middle]:
                    leaf = middle + 1
                else:
                    above = middle
        out[row] = leaf


@numba.njit(nogil=True, cache=True)
def _add_dense(groups: Any, leaves: Any, size: Any, counts: Any) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        if (groups[row] | leaves[row]) >= 0:
            counts[np.int64(groups[row]) * size + leaves[row]] += 1


@numba.njit(nogil=True, cache=True)
def _add_dense_looked_up(
    groups: Any, codes: Any, low: Any, table: Any, size: Any, counts: Any
) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        leaf = table[np.int64(codes[row]) - low]
        if (groups[row] | leaf) >= 0:
            counts[np.int64(groups[row]) * size + leaf] += 1


@numba.njit(nogil=True, cache=True)
def _count(numbers: Any, counts: Any) -> None:  # pragma: no cover - compiled
    for row in range(numbers.size):
        if numbers[row] >= 0:
            counts[numbers[row]] += 1
