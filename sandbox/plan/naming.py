"""Names as SQL text: what an identifier means, how a name is written, and what an output without an alias is called."""

from collections.abc import Collection

from sqlglot import exp

from sandbox.plan.aggregate_calls import is_aggregate
from sandbox.plan.spans import Text

LENGTH_MAX = 63
"""Characters in the name of an output column."""


def name_of(identifier: exp.Identifier) -> str:
    """The name an identifier means: lower case, unless it is quoted."""
    name = str(identifier.this)
    return name if identifier.args.get("quoted") else name.lower()


def quoted(name: str) -> str:
    """A name as SQL text, in quotes where it needs them."""
    return name if name.isidentifier() and name.isascii() and name.islower() else '"' + name.replace('"', '""') + '"'


def bare(node: exp.Expr) -> exp.Expr:
    """A node without the brackets around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def unique(name: str, taken: Collection[str]) -> str:
    """The name, or the name with the first number that is free."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name[: LENGTH_MAX - 6]}_{number}"
    return candidate


def default_name(node: exp.Expr, text: Text) -> str:
    """The column's name; count, sum_cost, avg_cost, count_patient_id; sum and avg for expressions; else value."""
    if isinstance(node, exp.Column):
        return node.name.lower()[:LENGTH_MAX] or "value"
    if not is_aggregate(node):
        return "value"
    function = text.text(text.extent(node)).partition("(")[0].strip().lower()
    function = function if function.isidentifier() else "value"
    argument = next((part for part in node.walk() if isinstance(part, exp.Column)), None)
    inner = node.this if isinstance(node, exp.Filter | exp.WithinGroup) else node
    first = inner.args.get("this")
    if isinstance(first, exp.Distinct) and first.expressions:
        first = first.expressions[0]
    if isinstance(node, exp.WithinGroup):
        first = argument
    return f"{function}_{first.name.lower()}"[:LENGTH_MAX] if isinstance(first, exp.Column) else function
