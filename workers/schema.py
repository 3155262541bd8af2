"""What of a table is stored, and in which form: the withheld columns and the unit's identifier are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, KeyValue, Table, Type

FORMAT = "sandbox/schema/v3"
ROWS, UNITS = "rows", "units"


class Encoding(StrEnum):
    """CODES index the declared keys, -1 elsewhere; TEXT is a string without keys; the others are plain numbers."""

    CODES = "codes"
    TEXT = "text"
    INT64 = "int64"
    FLOAT64 = "float64"


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a rows file; `keys` are the declared keys where the encoding is CODES, `grade` is its own where that
    is stricter than the dataset's."""

    name: str
    type: Type
    encoding: Encoding
    keys: tuple[KeyValue, ...] = ()
    grade: Grade | None = None

    @property
    def group(self) -> str:
        """The kind of the rows file that holds it: columns of one grade share a file, and so a key."""
        return ROWS if self.grade is None else f"{ROWS}-{self.grade.value}"

    def to_json(self) -> dict[str, Any]:
        """The canonical form; integer keys are strings."""
        return {
            "name": self.name,
            "type": self.type.value,
            "encoding": self.encoding.value,
            "keys": [_key_json(key) for key in self.keys],
            "grade": None if self.grade is None else self.grade.value,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "StoredColumn":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        type_ = Type(value["type"])
        keys = tuple(int(key) if type_ is Type.INT else key for key in value["keys"])
        grade = None if value["grade"] is None else Grade(value["grade"])
        return cls(str(value["name"]), type_, Encoding(value["encoding"]), keys, grade)


@dataclass(frozen=True, slots=True)
class TableLimits:
    """A table's declared size, and what one unit brings into one answer at most."""

    rows_max: int
    max_rows_per_unit: int
    max_groups_per_unit: int

    @classmethod
    def of(cls, table: Table) -> "TableLimits":
        return cls(table.rows_max, table.max_rows_per_unit, table.max_groups_per_unit)

    def to_json(self) -> dict[str, int]:
        """The canonical form."""
        return {
            "rows_max": self.rows_max,
            "max_rows_per_unit": self.max_rows_per_unit,
            "max_groups_per_unit": self.max_groups_per_unit,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TableLimits":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        return cls(int(value["rows_max"]), int(value["max_rows_per_unit"]), int(value["max_groups_per_unit"]))


def stored_columns(table: Table) -> tuple[StoredColumn, ...]:
    """The columns that a rows file of `table` holds, in the order of the description."""
    return tuple(_stored(column) for column in value_columns(table))


def value_columns(table: Table) -> tuple[Column, ...]:
    """The described columns that queries may read row by row."""
    return tuple(column for column in table.columns if column.role is ColumnRole.VALUE and column.name != table.unit)


def schema_digest(dataset: Dataset) -> str:
    """Hex SHA-256 of everything in a description that decides what stored values mean."""
    tables = sorted(dataset.tables, key=lambda table: table.name)
    return digest({"format": FORMAT, "tables": [_table_json(table) for table in tables]})


def keys_of(column: Column) -> tuple[KeyValue, ...]:
    """The declared keys; truth values always have both."""
    if column.keys is None and column.type is Type.BOOL:
        return (False, True)
    return column.keys or ()


def _stored(column: Column) -> StoredColumn:
    if column.keys is not None or column.type is Type.BOOL:
        return StoredColumn(column.name, column.type, Encoding.CODES, keys_of(column), column.grade)
    match column.type:
        case Type.STRING:
            encoding = Encoding.TEXT
        case Type.FLOAT:
            encoding = Encoding.FLOAT64
        case _:
            encoding = Encoding.INT64
    return StoredColumn(column.name, column.type, encoding, (), column.grade)


def column_groups(stored: Sequence[StoredColumn]) -> dict[str, list[str]]:
    """The columns of each rows file, by its kind. A table of units alone has one constant column, of no name."""
    groups: dict[str, list[str]] = {}
    for column in stored:
        groups.setdefault(column.group, []).append(column.name)
    return groups or {ROWS: [""]}


def _table_json(table: Table) -> dict[str, Any]:
    columns: Sequence[Column] = value_columns(table)
    link = table.link
    return {
        "name": table.name,
        "unit": table.unit,
        "link": None if link is None else {"through": link.through, "column": link.column, "key": link.key},
        "key": list(table.key),
        "columns": [_column_json(column) for column in columns],
    }


def _column_json(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type.value,
        "low": _fraction(column.low),
        "high": _fraction(column.high),
        "granularity": _fraction(column.granularity),
        "keys": None if column.keys is None else [_key_json(key) for key in column.keys],
        "max_length": column.max_length,
        "distinct_max": column.distinct_max,
        "grade": None if column.grade is None else column.grade.value,
    }


def _fraction(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _key_json(key: KeyValue) -> str | bool:
    return key if isinstance(key, bool | str) else str(key)
