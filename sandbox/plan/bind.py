"""A checked syntax tree becomes a plan: the block at the top is an answer, or nothing leaves."""

from collections.abc import Mapping

from sandbox.plan.answer_pruning import shaped
from sandbox.plan.answers import listed_tables
from sandbox.plan.binding import EXPRESSIONS_MAX, MEASUREMENTS_MAX, RELATIONS_MAX, Binding
from sandbox.plan.blocks import bind_block, bind_correlated
from sandbox.plan.context import Context
from sandbox.plan.listed_rows import too_long
from sandbox.plan.nodes import Expression
from sandbox.plan.parse import Parsed, tables
from sandbox.plan.plan_size import expressions_in, relations_in, tables_in
from sandbox.plan.query import Plan
from sandbox.plan.sources import Rows
from sandbox.plan.spans import Text, span_of
from sandbox.plan.syntax import check_syntax, check_tokens
from sandbox.plan.unanswerable import Unanswerable
from sandbox.plan.unit_scalars import bind_unit_scalar
from sandbox.terms.dataset import Dataset
from sandbox.terms.refusal import MemoryBound, RowsNotReleased, SqlTooLarge


def bind(parsed: Parsed, datasets: Mapping[str, Dataset]) -> Plan:
    """The plan of a parsed query over the datasets that the caller may know of.

    Raises:
        Unanswerable: with the refusal and candidates for a rewrite.
    """
    check_syntax(parsed)
    binding = Binding(Text(parsed.sql, parsed.tokens), datasets)
    block = bind_block(parsed.tree, Context(binding, bind_block, bind_correlated, {}, bind_unit_scalar))
    while binding.unused:
        binding.unused.pop(next(iter(binding.unused)))()
    check_tokens(parsed)
    if isinstance(block, Rows):
        detail = "Rows never leave: ask for an aggregate of them."
        refusal = RowsNotReleased(detail, span=binding.text.span(parsed.tree))
        raise Unanswerable(refusal, binding.examples, tables(parsed.tree))
    outputs: list[tuple[str, Expression]] = []
    for item in block.fields:
        assert item.expression is not None, "the columns of an answer are values"
        outputs.append((item.name, item.expression))
    measurements, answer = shaped(block.table, outputs, binding.measurements)
    plan = Plan(binding.unit_space, measurements, answer)
    _check_size(plan, parsed)
    return plan


def _check_size(plan: Plan, parsed: Parsed) -> None:
    """Raises Unanswerable where the plan is larger than any that is carried out."""
    too_many = {
        f"A query has at most {MEASUREMENTS_MAX} groupings that are measured.": len(plan.measurements)
        > MEASUREMENTS_MAX,
        f"A query has at most {RELATIONS_MAX} tables, filters and joins.": relations_in(plan) > RELATIONS_MAX,
        f"A query has at most {RELATIONS_MAX} steps after the noise.": tables_in(plan) > RELATIONS_MAX,
        f"A query has at most {EXPRESSIONS_MAX} values and signs.": expressions_in(plan) > EXPRESSIONS_MAX,
    }
    for detail, holds in too_many.items():
        if holds:
            raise Unanswerable(SqlTooLarge(detail, span=span_of(parsed.sql, 0, len(parsed.sql))))
    if any(too_long(table) for table in listed_tables(plan.answer)):
        detail = "The texts of a public table beside an answer are too long: leave out some, or shorten them with LEFT."
        raise Unanswerable(MemoryBound(detail, span=span_of(parsed.sql, 0, len(parsed.sql))))
