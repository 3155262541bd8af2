"""Conditions over the rows of one declared table, bound without any query around them."""

from sandbox.plan.facts import column_facts
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.parse import parse
from sandbox.plan.scalar import bind_predicate, bind_scalar
from sandbox.plan.spans import Text


class OneTable:
    """The columns of a declared table, by their own names."""

    noisy = False
    unit_name = None

    def __init__(self, table, text):
        self.text = text
        self.facts = {column.name: column_facts(column) for column in table.columns}

    def column(self, node):
        known = self.facts[node.name]
        return ColumnRef(node.name, known.type), known

    def is_unit(self, node):
        return False

    def special(self, node):
        return None

    def refuse(self, kind, detail, node, *candidates):
        raise AssertionError((kind, detail, str(node)))


def condition(text, table):
    """The condition that stands after WHERE."""
    parsed = parse(f"select count(*) from visits where {text}")
    scope = OneTable(table, Text(parsed.sql, parsed.tokens))
    return bind_predicate(parsed.tree.args["where"].this, scope)


def scalar(text, table):
    """Any expression of a row."""
    parsed = parse(f"select count(*) from visits where ({text}) is null")
    scope = OneTable(table, Text(parsed.sql, parsed.tokens))
    return bind_scalar(parsed.tree.args["where"].this.this.this, scope)
