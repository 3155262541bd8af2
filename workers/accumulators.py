"""What is kept of each primitive while the rows of a bucket come: every one reads the same counted rows."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sandbox.plan.nodes import Expression, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, SumValues, TreeCounts
from workers.contribute import Bounding, Groups, Integers, UnitsWhere, add, roomier
from workers.distinct import DistinctPairs
from workers.fixed_point import FixedPoint
from workers.tree_counts import LeafCounts
from workers.value_words import ValueWords
from workers.vector import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A block after bounding. `groups` is -1 where a row does not count, below `count` elsewhere; `owners` are the rows'
    units, there where an accumulator needs them."""

    groups: Groups
    count: int
    owners: Integers


class OfBounding:
    """Rows or units, which bounding counts already."""

    operand: Expression | None = None
    owned = False

    def __init__(self, bounding: Bounding, units: bool) -> None:
        self._bounding = bounding
        self._units = units

    def add(self, counted: Counted, vector: Vector) -> None:
        """There is no operand to add."""
        raise NotImplementedError

    def integers(self, count: int) -> Integers:
        """What was counted of each group."""
        return (self._bounding.units if self._units else self._bounding.rows)[:count]


class OfValues:
    """How many values there are, or their sum in fixed point."""

    owned = False

    def __init__(self, operand: Expression, total: SumValues | None, groups: int) -> None:
        self.operand: Expression | None = operand
        self._fixed = None if total is None else FixedPoint.of(total)
        self._sums = np.zeros(groups, np.int64)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._sums = roomier(self._sums, counted.count, 0)
        summands = vector.valid.astype(np.int64) if self._fixed is None else self._fixed.apply(vector)
        add(counted.groups, summands, self._sums)

    def integers(self, count: int) -> Integers:
        return roomier(self._sums, count, 0)[:count]


class OfUnits:
    """Units with a counted row for which a condition holds."""

    owned = True

    def __init__(self, condition: Expression, groups: int) -> None:
        self.operand: Expression | None = condition
        self._units = UnitsWhere(groups)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._units.grow(counted.count)
        self._units.add(counted.groups, counted.owners, vector.values & vector.valid)

    def integers(self, count: int) -> Integers:
        self._units.grow(count)
        return self._units.units[:count]


class OfPairs:
    """Distinct values."""

    owned = True

    def __init__(self, distinct: CountDistinct, secret: bytes) -> None:
        self.operand: Expression | None = distinct.operand
        self._words = ValueWords(type_of(distinct.operand), secret)
        self._pairs = DistinctPairs(distinct.values_per_unit)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._pairs.add(counted.groups, counted.owners, vector.valid, *self._words.of(vector))

    @property
    def pairs(self) -> Integers:
        """(group, high, low word) of each pair."""
        return self._pairs.pairs


class OfLeaves:
    """Leaves of a tree of counts."""

    owned = False

    def __init__(self, tree: TreeCounts) -> None:
        self.operand: Expression | None = tree.operand
        self._leaves = LeafCounts(tree)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._leaves.add(counted.groups, vector)

    @property
    def leaves(self) -> Integers:
        """(group, leaf, rows) of each leaf with rows."""
        return self._leaves.counts


Accumulator: TypeAlias = OfBounding | OfValues | OfUnits | OfPairs | OfLeaves


def accumulator(primitive: Primitive, bounding: Bounding, groups: int, secret: bytes) -> Accumulator:
    """The accumulator of a primitive, for `groups` groups to begin with."""
    match primitive:
        case CountRows():
            return OfBounding(bounding, units=False)
        case CountUnits(None):
            return OfBounding(bounding, units=True)
        case CountUnits(condition) if condition is not None:
            return OfUnits(condition, groups)
        case CountValues(operand):
            return OfValues(operand, None, groups)
        case SumValues(operand):
            return OfValues(operand, primitive, groups)
        case CountDistinct():
            return OfPairs(primitive, secret)
        case TreeCounts():
            return OfLeaves(primitive)
    raise TypeError("no such primitive")
