"""The columns of one table as expressions name them, for tests of the binder's parts; and the text they stand in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from plan_examples import CLINIC
from sqlglot import exp

from sandbox.plan.facts import Facts, column_facts
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.parse import Parsed, parse
from sandbox.plan.spans import Text
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import ColumnRole, Table
from sandbox.terms.refusal import NotAnswerable, UnitColumnUse, UnknownColumn

VISITS = CLINIC["clinic"].tables[0]


@dataclass
class TableColumns:
    """A scope over one table; `meanings` are expressions for whole nodes, by their SQL."""

    text: Text
    table: Table = VISITS
    noisy: bool = False
    meanings: Mapping[str, Expression] = field(default_factory=dict)

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        return {column.name: column_facts(column) for column in self.table.columns}

    @property
    def unit_name(self) -> str | None:
        return self.table.unit

    def column(self, node: exp.Column) -> tuple[Expression, Facts]:
        column = self.table.column(node.name)
        if column is None:
            raise self.refuse(UnknownColumn, "The table has no such column.", node)
        if column.role is ColumnRole.UNIT:
            raise self.refuse(UnitColumnUse, "It identifies the unit.", node)
        return ColumnRef(column.name, column.type), column_facts(column)

    def is_unit(self, node: exp.Expr) -> bool:
        while isinstance(node, exp.Paren):
            node = node.this
        return isinstance(node, exp.Column) and node.name == self.table.unit

    def special(self, node: exp.Expr) -> Expression | None:
        return self.meanings.get(node.sql("duckdb")) if self.meanings else None

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        return Unanswerable(kind(detail, span=self.text.span(node)), candidates)


def parsed(sql: str) -> tuple[Parsed, Text]:
    """A query's tree and its text."""
    tree = parse(sql)
    return tree, Text(tree.sql, tree.tokens)


def item(expression: str, *, table: Table = VISITS, noisy: bool = False) -> tuple[exp.Expr, TableColumns]:
    """The tree of one expression of the select list, and the scope it stands in."""
    query, text = parsed(f"select {expression} from visits")
    node = query.tree.expressions[0]
    return node.this if isinstance(node, exp.Alias) else node, TableColumns(text, table, noisy)
