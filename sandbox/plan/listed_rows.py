"""Public rows beside a noisy answer: they become lines of it, as they are stored, and cost nothing."""

from dataclasses import replace

from sqlglot import exp

from sandbox.plan.answers import Listed, ListedColumn
from sandbox.plan.binding import Binding
from sandbox.plan.facts import TEXT_LIMIT, Facts
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.relations import rows_max
from sandbox.plan.row_keys import key_of
from sandbox.plan.soundness_answers import LISTED_CHARACTERS_MAX, LISTED_ROWS_MAX
from sandbox.plan.sources import Field, Lines, Rows
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import TooManyGroups


def listed(block: Rows, node: exp.Expr, binding: Binding) -> Lines:
    """The rows of a public table as lines.

    Raises:
        Unanswerable: a table with too many rows.
    """
    rows = rows_max(block.relation)
    if rows > LISTED_ROWS_MAX:
        detail = (
            f"A public table beside an answer has at most {LISTED_ROWS_MAX} rows: join it with rows, before the noise."
        )
        raise binding.refuse(TooManyGroups, detail, node)
    columns: list[ListedColumn] = []
    fields: list[Field] = []
    for item in block.fields:
        if item.expression is None:
            fields.append(item)
            continue
        expression = binding.tidy(item.expression)
        facts = binding.known(expression)
        made = binding.column("p", facts)
        columns.append(ListedColumn(made.name, expression, _length(facts)))
        fields.append(replace(item, expression=made))
    key = key_of(block.relation, binding)
    named = {item.operand.name: item.name for item in columns if isinstance(item.operand, ColumnRef)}
    keys = tuple(sorted(named[name] for name in key)) if key and key <= named.keys() else ()
    table = Listed(block.relation, tuple(columns), keys)
    return Lines(table, tuple(fields), False, rows, frozenset(keys) or None)


def too_long(table: Listed) -> bool:
    """Whether the texts of public rows are more than an answer is joined with."""
    return rows_max(table.relation) * sum(column.max_length for column in table.columns) > LISTED_CHARACTERS_MAX


def _length(facts: Facts) -> int:
    if facts.type is not Type.STRING:
        return 0
    if facts.values is not None:
        return max((len(str(value)) for value in facts.values), default=0) or 1
    return facts.max_length or TEXT_LIMIT
