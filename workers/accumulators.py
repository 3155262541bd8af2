"""What is kept of each primitive while the rows of a bucket come: every one reads the same counted rows."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Expression, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, SumValues, TreeCounts
from workers.bucket import ColumnArray
from workers.contribute import (
    Bounding,
    Groups,
    Integers,
    Spans,
    UnitsWhere,
    add,
    add_looked_up,
    add_spans,
    roomier,
)
from workers.distinct import DistinctPairs
from workers.evaluate import Compiler
from workers.fixed_point import FixedPoint
from workers.lookups import Codes, Derived, Lookup, sole_column
from workers.tree_counts import LeafCounts
from workers.value_words import ValueWords
from workers.vector import Block, Vector


class Counted:
    """A block after bounding: of `rows` rows either those of `spans` count, all in group 0, or the groups of all are given,
    below `count`, or -1 where a row does not count. `owners` are the rows' units, there where an accumulator needs them."""

    def __init__(self, rows: int, count: int, groups: Groups | None, spans: Spans | None, owners: Integers) -> None:
        self.count = count
        self.spans = spans
        self.owners = owners
        self._rows, self._groups = rows, groups

    @property
    def groups(self) -> Groups:
        """The group of each row, -1 where it does not count."""
        if self._groups is None:
            if self.spans is None:
                raise ValueError("neither groups nor spans")
            self._groups = self.spans.groups(self._rows)
        return self._groups


class OfBounding:
    """Rows or units, which bounding counts already."""

    operand: Expression | None = None
    lookup: Lookup | None = None
    owned = False

    def __init__(self, bounding: Bounding, units: bool) -> None:
        self._bounding = bounding
        self._units = units

    def add(self, counted: Counted, vector: Vector) -> None:
        """There is no operand to add."""
        raise NotImplementedError

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        """There is no operand to look up."""
        raise NotImplementedError

    def integers(self, count: int) -> Integers:
        """What was counted of each group."""
        return (self._bounding.units if self._units else self._bounding.rows)[:count]


class OfSums:
    """Sums of values in fixed point."""

    owned = False

    def __init__(self, total: SumValues, groups: int, derived: Derived | None) -> None:
        self.operand: Expression | None = total.operand
        self._fixed = FixedPoint.of(total)
        self.lookup = lookup_of(total.operand, self._fixed.apply, derived)
        self._sums = np.zeros(groups, np.int64)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._sums = roomier(self._sums, counted.count, 0)
        add(counted.groups, self._fixed.apply(vector), self._sums)

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        self._sums = roomier(self._sums, counted.count, 0)
        if self.lookup is not None:
            sum_up(counted, block, codes, self.lookup, self._sums)

    def integers(self, count: int) -> Integers:
        return roomier(self._sums, count, 0)[:count]


class OfValues:
    """How many values there are: the rows that bounding counts, less those that are NULL."""

    owned = False

    def __init__(self, operand: Expression, bounding: Bounding, groups: int, derived: Derived | None) -> None:
        self.operand: Expression | None = operand
        self.lookup = lookup_of(operand, lambda vector: (~vector.valid).astype(np.int64), derived)
        self._bounding = bounding
        self._nulls = np.zeros(groups, np.int64)

    def add(self, counted: Counted, vector: Vector) -> None:
        if not vector.valid.all():
            self._nulls = roomier(self._nulls, counted.count, 0)
            add(counted.groups, (~vector.valid).astype(np.int64), self._nulls)

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        self._nulls = roomier(self._nulls, counted.count, 0)
        if self.lookup is None:
            return
        low, table = self.lookup.table(codes)
        if table[codes.low - low : codes.high - low + 1].any():
            sum_up(counted, block, codes, self.lookup, self._nulls)

    def integers(self, count: int) -> Integers:
        return self._bounding.rows[:count] - roomier(self._nulls, count, 0)[:count]


class OfUnits:
    """Units with a counted row for which a condition holds."""

    owned = True
    lookup: Lookup | None = None

    def __init__(self, condition: Expression, groups: int) -> None:
        self.operand: Expression | None = condition
        self._units = UnitsWhere(groups)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._units.grow(counted.count)
        self._units.add(counted.groups, counted.owners, vector.values & vector.valid)

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        """Units need the rows' own values."""
        raise NotImplementedError

    def integers(self, count: int) -> Integers:
        self._units.grow(count)
        return self._units.units[:count]


class OfPairs:
    """Distinct values."""

    owned = True
    lookup: Lookup | None = None

    def __init__(self, distinct: CountDistinct, secret: bytes) -> None:
        self.operand: Expression | None = distinct.operand
        self._words = ValueWords(type_of(distinct.operand), secret)
        self._pairs = DistinctPairs(distinct.values_per_unit)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._pairs.add(counted.groups, counted.owners, vector.valid, *self._words.of(vector))

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        """Sets need the rows' own values."""
        raise NotImplementedError

    @property
    def pairs(self) -> Integers:
        """(group, high, low word) of each pair."""
        return self._pairs.pairs


class OfLeaves:
    """Leaves of a tree of counts."""

    owned = False

    def __init__(self, tree: TreeCounts, cells: int, derived: Derived | None) -> None:
        """`cells` are how many pairs of group and leaf there are, 0 where nobody knows."""
        self.operand: Expression | None = tree.operand
        self._leaves = LeafCounts(tree, cells)
        self.lookup = lookup_of(tree.operand, self._leaves.of, derived)

    def add(self, counted: Counted, vector: Vector) -> None:
        self._leaves.add(counted.groups, self._leaves.of(vector))

    def look_up(self, counted: Counted, block: Block, codes: Codes) -> None:
        if self.lookup is not None:
            low, table = self.lookup.table(codes)
            self._leaves.add_looked_up(counted.groups, codes.values[block.start : block.stop], low, table)

    @property
    def leaves(self) -> Integers:
        """(group, leaf, rows) of each leaf with rows."""
        return self._leaves.counts


Accumulator: TypeAlias = OfBounding | OfSums | OfValues | OfUnits | OfPairs | OfLeaves


def accumulator(
    primitive: Primitive, bounding: Bounding, measurement: Measurement, derived: Derived | None, secret: bytes
) -> Accumulator:
    """The accumulator of a primitive. Selected groups are none to begin with."""
    groups = 0 if measurement.selected else measurement.groups
    match primitive:
        case CountRows():
            return OfBounding(bounding, units=False)
        case CountUnits(None):
            return OfBounding(bounding, units=True)
        case CountUnits(condition) if condition is not None:
            return OfUnits(condition, groups)
        case CountValues(operand):
            return OfValues(operand, bounding, groups, derived)
        case SumValues():
            return OfSums(primitive, groups, derived)
        case CountDistinct():
            return OfPairs(primitive, secret)
        case TreeCounts():
            return OfLeaves(primitive, groups * primitive.leaves, derived)
    raise TypeError("no such primitive")


def lookup_of(operand: Expression, apply: Callable[[Vector], NDArray[Any]], derived: Derived | None) -> Lookup | None:
    """What `apply` makes of an operand's values, where it reads one column alone."""
    column = sole_column(operand, derived)

    def make(compiler: Compiler, _: Mapping[str, ColumnArray]) -> Callable[[Block], NDArray[Any]]:
        step = compiler.step(operand)
        return lambda block: apply(step(block))

    return None if column is None else Lookup(column, make, derived)


def sum_up(counted: Counted, block: Block, codes: Codes, lookup: Lookup, sums: Integers) -> None:
    """Add up what the rows of a block look up."""
    low, table = lookup.table(codes)
    values = codes.values[block.start : block.stop]
    if counted.spans is not None:
        add_spans(counted.spans, values, low, table, sums)
    else:
        add_looked_up(counted.groups, values, low, table, sums)
