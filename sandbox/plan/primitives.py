"""Primitive noisy vectors: what is measured, in int64, of the counted rows of each group."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sandbox.plan.nodes import Expression


@dataclass(frozen=True, slots=True)
class CountRows:
    """How many rows."""


@dataclass(frozen=True, slots=True)
class CountUnits:
    """How many distinct units; with a `condition`, those with a counted row for which it is true."""

    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class CountValues:
    """How many rows whose `operand` is not NULL."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class SumValues:
    """Σ round((clamp(operand, low, high) - center) / granularity) over rows whose `operand` is not NULL.

    `magnitude` is the largest absolute integer one row can add: it follows from the other fields and is checked.
    """

    operand: Expression
    low: Fraction
    high: Fraction
    center: Fraction
    granularity: Fraction

    def __post_init__(self) -> None:
        if not (self.low <= self.center <= self.high or self.center == 0) or self.granularity <= 0:
            raise ValueError("a sum needs low <= high, a center and a positive granularity")

    @property
    def magnitude(self) -> int:
        """⌈max(|low - center|, |high - center|) / granularity⌉, at least 1."""
        span = max(abs(self.low - self.center), abs(self.high - self.center)) / self.granularity
        return max(1, -(-span.numerator // span.denominator))


@dataclass(frozen=True, slots=True)
class CountDistinct:
    """How many distinct values of `operand` (NULL is none) occur in the group.

    Of each unit the first `values_per_unit` pairs of group and distinct value, in the order of its counted rows, take part.
    """

    operand: Expression
    values_per_unit: int

    def __post_init__(self) -> None:
        if self.values_per_unit < 1:
            raise ValueError("a unit brings at least one value")


BRANCHING = 16
"""Children of a node of a tree of counts."""


@dataclass(frozen=True, slots=True)
class TreeCounts:
    """Counts of the rows by `operand`, at every level of a tree over [low, low + step * leaves).

    Leaf number ⌊(operand - low) / step⌋, cut to 0 .. leaves - 1; leaves = BRANCHING ** depth. Level d (1 .. depth) has
    BRANCHING ** d nodes; the vector holds the levels one after the other, level 1 first. A row whose operand is NULL is in
    no node. One row adds 1 to one node of each level. Dates and timestamps are their days and microseconds. No value lies
    beyond `high`, where that is known: leaves that begin above it hold noise alone, and no quantile falls there.
    """

    operand: Expression
    low: Fraction
    step: Fraction
    depth: int
    high: Fraction | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 4 or self.step <= 0 or (self.high is not None and self.high < self.low):
            raise ValueError("a tree has 1 to 4 levels, a positive step and low <= high")

    @property
    def leaves(self) -> int:
        return int(BRANCHING**self.depth)


Primitive: TypeAlias = CountRows | CountUnits | CountValues | SumValues | CountDistinct | TreeCounts


def width(primitive: Primitive) -> int:
    """Integers that a primitive has for each group."""
    if not isinstance(primitive, TreeCounts):
        return 1
    return sum(int(BRANCHING**level) for level in range(1, primitive.depth + 1))


def operands_of(primitive: Primitive) -> tuple[Expression, ...]:
    """The expressions that a primitive evaluates."""
    match primitive:
        case CountRows():
            return ()
        case CountUnits(condition):
            return () if condition is None else (condition,)
        case CountValues(operand) | SumValues(operand) | CountDistinct(operand) | TreeCounts(operand):
            return (operand,)
