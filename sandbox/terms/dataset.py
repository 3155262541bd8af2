"""What a steward declares about data: unit spaces, tables, columns, and the public bounds on them.

Everything here is public metadata. It is written by hand, never measured from the rows.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.loss import Loss, Mode


class Type(StrEnum):
    """Types of columns and expressions. DATE counts days and TIMESTAMP microseconds since 1970-01-01 UTC."""

    INT = "int"
    FLOAT = "float"
    STRING = "string"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"

    @property
    def is_number(self) -> bool:
        return self in (Type.INT, Type.FLOAT)


class ColumnRole(StrEnum):
    VALUE = "value"
    UNIT = "unit"
    WITHHELD = "withheld"


class Grade(StrEnum):
    """分类分级."""

    GENERAL = "general"
    IMPORTANT = "important"
    CORE = "core"

    def stricter_than(self, other: "Grade") -> bool:
        """Whether data of this grade is guarded more closely."""
        order = list(Grade)
        return order.index(self) > order.index(other)


KeyValue: TypeAlias = str | int | bool
"""One declared key: text, an integer, or a truth value. Dates among keys are ISO 8601 text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `low` and `high` are the declared bounds in the type's own unit (days for dates, microseconds for timestamps);
    values beyond them count as the bound. `granularity` is the step to which values are rounded before they are summed
    (1 for ints). `keys` are the public group keys in canonical order; None where the column has none; any other value
    is NULL. `max_length` bounds strings in characters; a longer one is NULL. `distinct_max` bounds the number of different
    values, which the steward declares of a column without keys: a version with more of them is not stored. `grade` is the
    column's own where it is stricter than the dataset's: it is then stored under keys of its own.
    """

    name: str
    type: Type
    role: ColumnRole = ColumnRole.VALUE
    low: Fraction | None = None
    high: Fraction | None = None
    granularity: Fraction | None = None
    keys: tuple[KeyValue, ...] | None = None
    max_length: int | None = None
    distinct_max: int | None = None
    grade: Grade | None = None


@dataclass(frozen=True, slots=True)
class UnitLink:
    """A declared foreign key to the unit: `column` of this table holds values of `key`, the key column of the table
    `through` of the same dataset; a row belongs to the unit of the row it names there, and to none (it is left out at
    ingest) where there is no such row."""

    through: str
    column: str
    key: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table. A unit has at most `max_rows_per_unit` rows and `max_groups_per_unit` groups in any one answer.

    A row's unit is named by the column `unit`, or found along `link`. A table of a public dataset has neither, and 0 for
    both limits. `key` names the columns that together tell rows apart; () where none are declared. A table that others
    link through has exactly one key column.
    """

    name: str
    unit: str | None
    rows_max: int
    max_rows_per_unit: int
    max_groups_per_unit: int
    columns: tuple[Column, ...]
    link: UnitLink | None = None
    key: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name (names are lower case), or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class UnitSpace:
    """Whose contribution is hidden, and how its losses add up.

    `budget` is the outermost account. Its mode's parameter is fixed here for good: in zCDP the total δ is split between
    `delta_conversion`, used to turn ρ into (ε, δ), and the rest, which only key selection may spend. `buckets` is the
    number of parts into which every table of the space is cut, a power of two.
    """

    name: str
    mode: Mode
    epsilon: Fraction
    delta: Fraction
    buckets: int = 16

    @property
    def delta_conversion(self) -> Fraction:
        """Half of δ in zCDP; pure differential privacy needs none."""
        return self.delta / 2 if self.mode is Mode.ZCDP else Fraction(0)

    @property
    def delta_selection(self) -> Fraction:
        return self.delta - self.delta_conversion


@dataclass(frozen=True, slots=True)
class Dataset:
    """A described dataset: what its TOML file says. A public one has no unit space (""), no budget and costs nothing."""

    name: str
    title: str
    steward: str
    unit_space: str
    grade: Grade
    epsilon: Fraction
    tables: tuple[Table, ...]
    space: UnitSpace | None = None
    """The unit space's definition, where this description brings a new one."""

    @property
    def public(self) -> bool:
        """Whether its rows may be seen by everybody: reference tables to join with."""
        return not self.unit_space

    def table(self, name: str) -> Table | None:
        """The table of that name, or None."""
        return next((table for table in self.tables if table.name == name), None)


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable load of a dataset, known by the digest of its signed manifest. `segments` is how many loads its rows come
    from at most: more than one, and a scan puts them together."""

    dataset: str
    number: int
    manifest: str
    segments: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """One account: `kind` is space, dataset, grant or analyst; `owner` names it within the unit space."""

    kind: str
    owner: str
    space: str
    limit: Loss
    spent: Loss

    @property
    def left(self) -> int:
        """Units that may still be spent."""
        return max(0, self.limit.units - self.spent.units)
