"""Measurements: the rows of a relation in groups, bounded for each unit, and the primitives measured of them."""

from dataclasses import dataclass
from math import prod

from sandbox.plan.nodes import Expression
from sandbox.plan.primitives import CountUnits, Primitive, operands_of, width
from sandbox.plan.relations import Relation, rows_max
from sandbox.terms.dataset import KeyValue, Type

SELECTED_LINES_MAX = 100_000
"""Selected groups that an answer shows at most: of more, those with the largest noisy numbers of units."""

SELECTED_CHARACTERS_MAX = 4_000_000
"""Characters that the private texts of the shown groups have at most in all: of long texts fewer groups show."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A key of the groups: the value of `operand`, which is neither text of any length nor a real number.

    `values` are public: each makes a group, and rows with any other value or NULL belong to none. They are in canonical
    order, dates and timestamps as ISO 8601 text. None: the values are private, and a group shows only if it is selected;
    a text is then at most `max_length` characters (a longer one is NULL), 0 for other types. Rows with NULL are in no group.
    `distinct_max` says how many private values there are at most, None where only the number of rows bounds them.
    """

    operand: Expression
    type: Type
    values: tuple[KeyValue, ...] | None
    max_length: int = 0
    distinct_max: int | None = None

    @property
    def size(self) -> int | None:
        """How many groups the key makes at most, None where that is not known."""
        return self.distinct_max if self.values is None else len(self.values)


@dataclass(frozen=True, slots=True)
class ContributionBounds:
    """What one unit can bring into one answer: `rows` in all (R), `groups` touched (L0), `rows_per_group` (Linf)."""

    rows: int
    groups: int
    rows_per_group: int

    def __post_init__(self) -> None:
        if min(self.rows, self.groups, self.rows_per_group) < 1 or self.rows_per_group > self.rows:
            raise ValueError("contribution bounds are at least 1, and rows per group at most rows")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One table of noisy integers: a line for each group, `width` integers for each primitive in it.

    With public keys there are `groups` lines, in the order of the keys' product (the last key turns fastest), zeros
    included. With a private key (`selected`) the first primitive is `CountUnits()`: a group shows if its noisy count is
    strictly greater than the threshold of the specification, and if it is one of the `lines_max` largest; lines are in the
    order of their key values.
    """

    relation: Relation
    keys: tuple[GroupKey, ...]
    bounds: ContributionBounds
    primitives: tuple[Primitive, ...]

    def __post_init__(self) -> None:
        if not self.primitives:
            raise ValueError("a measurement measures something")
        if self.selected and self.primitives[0] != CountUnits():
            raise ValueError("private keys are selected by their units")

    @property
    def selected(self) -> bool:
        """Whether groups show by noisy selection."""
        return any(key.values is None for key in self.keys)

    @property
    def groups(self) -> int:
        """How many groups the public keys make, 1 without keys; of selected groups, the most that there can be."""
        sizes = [key.size for key in self.keys]
        known = prod(size for size in sizes if size is not None)
        if not self.selected:
            return known
        return self.rows_max if None in sizes else min(self.rows_max, known)

    @property
    def lines_max(self) -> int:
        """The most lines after the noise: all public groups, or as many selected ones as are shown."""
        if not self.selected:
            return self.groups
        characters = sum(key.max_length for key in self.keys if key.values is None)
        return min(self.groups, SELECTED_LINES_MAX, SELECTED_CHARACTERS_MAX // max(1, characters))

    @property
    def rows_max(self) -> int:
        """The most rows of the relation: overflow, deadlines and memory follow from it."""
        return rows_max(self.relation)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(width(primitive) for primitive in self.primitives)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What is evaluated on the relation's rows."""
        measured = (operand for primitive in self.primitives for operand in operands_of(primitive))
        return (*(key.operand for key in self.keys), *measured)
