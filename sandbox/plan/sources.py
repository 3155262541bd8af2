"""What a query block offers to the block around it: rows of units or of public tables, or the lines of an answer."""

from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from sandbox.plan.answers import AnswerTable
from sandbox.plan.expressions import children, with_children
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.relations import Relation, is_public
from sandbox.terms.dataset import ColumnRole


@dataclass(frozen=True, slots=True)
class Field:
    """One column that a block offers, by the name the text calls it.

    `expression` is over the columns of the block's relation or table; None for the unit's identifier, which is no value,
    and for a withheld column. `optional` marks an identifier that an outer join may leave empty.
    """

    name: str
    expression: Expression | None
    role: ColumnRole = ColumnRole.VALUE
    optional: bool = False

    @property
    def is_unit(self) -> bool:
        return self.role is ColumnRole.UNIT


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that never leave: of units, or of public tables alone."""

    relation: Relation
    fields: tuple[Field, ...]

    @property
    def public(self) -> bool:
        return is_public(self.relation)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of an answer: at most `most`, no two with the same values in all columns of `keys` (None: not known so).

    `single` says that there is exactly one.
    """

    table: AnswerTable
    fields: tuple[Field, ...]
    single: bool
    most: int
    keys: frozenset[str] | None


Block: TypeAlias = Rows | Lines


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of FROM. `hidden` are names that are not meant without the entry's own name before them (USING)."""

    number: int
    called: str
    dataset: str | None
    fields: tuple[Field, ...]
    hidden: frozenset[str] = field(default=frozenset())
    node: exp.Expr | None = None

    def named(self, name: str) -> tuple[Field, ...]:
        """The columns of that name."""
        return tuple(item for item in self.fields if item.name == name)


def names_in(expression: Expression) -> set[str]:
    """The columns that an expression reads."""
    found: set[str] = set()
    waiting = [expression]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ColumnRef):
            found.add(item.name)
        waiting.extend(children(item))
    return found


def size_of(expression: Expression) -> int:
    """How many nodes an expression has."""
    count, waiting = 0, [expression]
    while waiting:
        count += 1
        waiting.extend(children(waiting.pop()))
    return count


def renamed(expression: Expression, names: dict[str, str]) -> Expression:
    """The expression over columns of other names."""
    if isinstance(expression, ColumnRef):
        return ColumnRef(names.get(expression.name, expression.name), expression.type)
    parts = children(expression)
    return with_children(expression, tuple(renamed(part, names) for part in parts)) if parts else expression


def replaced(expression: Expression, values: dict[str, Expression]) -> Expression:
    """The expression with columns replaced by what they stand for."""
    if isinstance(expression, ColumnRef):
        return values.get(expression.name, expression)
    parts = children(expression)
    return with_children(expression, tuple(replaced(part, values) for part in parts)) if parts else expression
