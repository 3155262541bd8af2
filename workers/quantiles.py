"""Quantiles of a noisy tree of counts: made consistent, made monotone, and searched.

Consistency is that of Hay, Rastogi, Miklau, Suciu (Boosting the accuracy of differentially private histograms through
consistency, VLDB 2010): first every count becomes the best mixture of itself and the sum of its children, going up; then
what children lack to their parent's count is spread over them, going down. There is no noisy root: level 1 stays as it is,
and the number of rows is its sum. Doubles, in one order of operations: the same tree gives the same bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.primitives import BRANCHING, TreeCounts
from sandbox.terms.cells import Cell, double
from sandbox.terms.dataset import Type

Doubles: TypeAlias = NDArray[np.float64]

_TIE = 1e-6
"""Counts closer than this are equal: consistency rounds, and the ranks of a tree without noise are whole or half."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many rows lie in or before each leaf: never less than before the leaf in front, at least 0, at most all."""

    tree: TreeCounts
    upto: Doubles

    @property
    def rows(self) -> float:
        """The noisy number of rows in the tree."""
        return float(self.upto[-1])


def consistent(tree: TreeCounts, counts: Sequence[int]) -> Doubles:
    """The counts of the leaves, of least squares with all noisy counts of the tree, which all have the same noise.

    Args:
        counts: level 1 first, each level from the lowest leaf on.

    Raises:
        ValueError: another number of counts than the tree has nodes.
    """
    levels, begin = [], 0
    for level in range(1, tree.depth + 1):
        levels.append(np.array(counts[begin : begin + BRANCHING**level], dtype=np.float64))
        begin += BRANCHING**level
    if begin != len(counts):
        raise ValueError("the counts do not fit the tree")
    mixed = levels[-1]
    upward = [mixed]
    for height in range(2, tree.depth + 1):
        whole, part = BRANCHING**height - 1, BRANCHING ** (height - 1) - 1
        own = (whole - part) / whole
        mixed = own * levels[tree.depth - height] + (part / whole) * _by_parent(mixed).sum(axis=1)
        upward.append(mixed)
    settled = upward.pop()
    while upward:
        below = _by_parent(upward.pop())
        lacking = (settled - below.sum(axis=1)) / BRANCHING
        settled = (below + lacking[:, None]).reshape(-1)
    return settled


def ranks(tree: TreeCounts, counts: Sequence[int]) -> Ranks:
    """The ranks at the leaves' ends: halfway between the least monotone bound above the sums and the greatest below them.

    Noise makes some counts negative and sums fall; the upper bound alone would rise with the number of leaves.
    """
    sums = np.cumsum(consistent(tree, counts)[: _leaves(tree)])
    above = np.maximum.accumulate(sums)
    below = np.minimum.accumulate(sums[::-1])[::-1]
    return Ranks(tree, np.clip((above + below) / 2, 0.0, max(float(sums[-1]), 0.0)))


def quantile(found: Ranks, fraction: Fraction, kind: Type) -> Cell:
    """The value with the share `fraction` of the rows in or before it, NULL where there are no rows.

    The row that decides is number max(1, fraction · rows). A number, and any value of leaves wider than 1, is where that
    row would lie if the leaf's rows were spread evenly over it; else it is the leaf's own value.
    """
    if found.rows <= 0:
        return None
    rank = min(max(double(fraction) * found.rows, 1.0), found.rows)
    leaf = min(int(np.searchsorted(found.upto, rank - _TIE)), len(found.upto) - 1)
    before = float(found.upto[leaf - 1]) if leaf else 0.0
    within = float(found.upto[leaf]) - before
    share = min(max((rank - before) / within, 0.0), 1.0) if within > 0 else 0.0
    tree = found.tree
    value = tree.low + tree.step * leaf
    if kind is Type.FLOAT or tree.step > 1:
        value += tree.step * Fraction(share)
    if tree.high is not None:
        value = min(value, max(tree.high, tree.low))
    if kind is Type.FLOAT:
        return double(value)
    # The last whole value that begins in the leaf, where the share would lead to the next leaf.
    last = math.ceil(tree.low + tree.step * (leaf + 1)) - 1
    first = math.ceil(tree.low + tree.step * leaf)
    return max(min(math.floor(value + tree.step * Fraction(_TIE)), last), first)


def _by_parent(level: Doubles) -> Doubles:
    return level.reshape(-1, BRANCHING)


def _leaves(tree: TreeCounts) -> int:
    """Leaves that may hold rows."""
    if tree.high is None:
        return tree.leaves
    return min(max(math.floor((tree.high - tree.low) / tree.step) + 1, 1), tree.leaves)
