"""Relations: the rows of each privacy unit, made from that unit's own rows and from public tables alone.

Every node is a function of one unit at a time, so that all of them are computed in the unit's bucket and one unit more or
less changes nothing of any other. Column names of a relation differ; nodes refer to columns of their source by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.plan.nodes import Expression, type_of
from sandbox.terms.dataset import Type


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows of a stored table. A column is called `prefix` + its stored name.

    Of a private table each unit brings the first `rows_per_unit` of its rows in stored order (all of them, where the plan
    is a scan and filters alone: then only the final bounds cut). A public table has no units: `rows_per_unit` is 0.
    """

    dataset: str
    table: str
    prefix: str
    columns: tuple[tuple[str, Type], ...]
    rows_max: int
    rows_per_unit: int

    @property
    def public(self) -> bool:
        return self.rows_per_unit == 0


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which `predicate` is true."""

    source: "Relation"
    predicate: Expression


@dataclass(frozen=True, slots=True)
class Project:
    """Each row as new columns (name, expression), and no others."""

    source: "Relation"
    columns: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class UnitAggregate:
    """An exact aggregate of some rows of one unit; it never leaves the worker by itself.

    `function` is one of count_rows (no operand), count, count_distinct, sum, avg, min, max, first. `type` is INT for the
    counts, FLOAT for avg, else the operand's. NULLs are passed over; without values: NULL, counts 0.
    """

    function: str
    operand: Expression | None
    type: Type


@dataclass(frozen=True, slots=True)
class PerUnit:
    """One row for each unit and combination of the keys' values among its rows; NULL is a value of a key here."""

    source: "Relation"
    keys: tuple[tuple[str, Expression], ...]
    aggregates: tuple[tuple[str, UnitAggregate], ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key; NULLs come last unless `nulls_first`."""

    operand: Expression
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The source's columns and one more, `name`: a window function over rows of the same unit with equal `partition`.

    `function` is row_number, rank, dense_rank, lag, lead, first_value, last_value, or an aggregate of UnitAggregate.
    With `order`, aggregates run from the first row to the last peer of the current one, else over the whole partition.
    `offset` is that of lag and lead, 0 otherwise. Ties are broken by stored order in row_number, lag and lead.
    """

    source: "Relation"
    name: str
    function: str
    operand: Expression | None
    offset: int
    partition: tuple[Expression, ...]
    order: tuple[Order, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Union:
    """All rows of all sources, which have the same columns in the same order."""

    sources: tuple["Relation", ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of `left` with the rows of `right` of the same unit (or of a public relation) that are equal in all of `on`.

    `kind` is inner, left, semi or anti; semi and anti keep the columns of `left` alone. `on` holds pairs of expressions
    over left and right; NULL equals nothing. Of each unit the first `rows_per_unit` joined rows are kept, in the order of
    the left rows and, within one, of the right rows. `unique` says that a left row finds at most one right row.
    """

    left: "Relation"
    right: "Relation"
    kind: str
    on: tuple[tuple[Expression, Expression], ...]
    rows_per_unit: int
    unique: bool


Relation: TypeAlias = Scan | Filter | Project | PerUnit | Window | Union | Join


def sources_of(relation: Relation) -> tuple[Relation, ...]:
    """The relations directly below."""
    match relation:
        case Scan():
            return ()
        case Filter() | Project() | PerUnit() | Window():
            return (relation.source,)
        case Union():
            return relation.sources
        case Join():
            return (relation.left, relation.right)


def scans_of(relation: Relation) -> tuple[Scan, ...]:
    """Every scan below, left to right."""
    if isinstance(relation, Scan):
        return (relation,)
    return tuple(scan for source in sources_of(relation) for scan in scans_of(source))


def columns_of(relation: Relation) -> dict[str, Type]:
    """The columns that a relation gives, in order, with their types."""
    match relation:
        case Scan(prefix=prefix, columns=columns):
            return {prefix + name: kind for name, kind in columns}
        case Filter(source):
            return columns_of(source)
        case Project(_, columns):
            return {name: type_of(expression) for name, expression in columns}
        case PerUnit(_, keys, aggregates):
            made = {name: aggregate.type for name, aggregate in aggregates}
            return {name: type_of(expression) for name, expression in keys} | made
        case Window(source=source, name=name, type=kind):
            return columns_of(source) | {name: kind}
        case Union(sources):
            return columns_of(sources[0])
        case Join(left=left, right=right, kind=kind):
            return columns_of(left) if kind in ("semi", "anti") else columns_of(left) | columns_of(right)


def is_public(relation: Relation) -> bool:
    """Whether no row of it belongs to a unit."""
    return all(scan.public for scan in scans_of(relation))


def rows_per_unit(relation: Relation) -> int:
    """The most rows one unit has in a private relation."""
    match relation:
        case Scan():
            return relation.rows_per_unit
        case Filter(source) | Project(source, _) | Window(source=source):
            return rows_per_unit(source)
        case PerUnit(source, keys, _):
            return rows_per_unit(source) if keys else 1
        case Union(sources):
            return sum(rows_per_unit(source) for source in sources)
        case Join(left=left, kind=kind):
            return rows_per_unit(left) if kind in ("semi", "anti") else relation.rows_per_unit


def brought(relation: Relation, each: Callable[[Scan], int]) -> int:
    """What one unit brings at most of what `each` says for a private table: the most of its tables in a join, and in a
    union the sum over the parts, which a unit may have rows in all of."""
    match relation:
        case Scan():
            return 0 if relation.public else each(relation)
        case Union(sources):
            return sum(brought(source, each) for source in sources)
        case _:
            return max(brought(source, each) for source in sources_of(relation))


def rows_brought(relation: Relation) -> int:
    """The most rows of one unit that are measured, as far as the declarations of its tables say."""
    return min(rows_per_unit(relation), brought(relation, lambda scan: scan.rows_per_unit))


def rows_max(relation: Relation) -> int:
    """The most rows a relation has, from the declared sizes of its tables."""
    match relation:
        case Scan():
            return relation.rows_max
        case Filter(source) | Project(source, _) | Window(source=source) | PerUnit(source=source):
            return rows_max(source)
        case Union(sources):
            return sum(rows_max(source) for source in sources)
        case Join(left=left, right=right, kind=kind, unique=unique):
            if unique or kind in ("semi", "anti"):
                return rows_max(left)
            each = rows_max(right) if is_public(right) else rows_per_unit(right)
            return rows_max(left) * max(1, min(each, relation.rows_per_unit))


def streamed(relation: Relation) -> bool:
    """Whether it is one private scan under filters alone: rows are then read a block at a time, and no unit is cut early."""
    while isinstance(relation, Filter):
        relation = relation.source
    return isinstance(relation, Scan) and not relation.public


def expressions_of(relation: Relation) -> tuple[Expression, ...]:
    """The expressions of one node, not of those below."""
    match relation:
        case Scan() | Union():
            return ()
        case Filter(_, predicate):
            return (predicate,)
        case Project(_, columns):
            return tuple(expression for _, expression in columns)
        case PerUnit(_, keys, aggregates):
            operands = (aggregate.operand for _, aggregate in aggregates if aggregate.operand is not None)
            return (*(expression for _, expression in keys), *operands)
        case Window(operand=operand, partition=partition, order=order):
            own = () if operand is None else (operand,)
            return (*own, *partition, *(item.operand for item in order))
        case Join(on=on):
            return tuple(side for pair in on for side in pair)
