"""How large a plan is: relations, tables after the noise, and nodes of expressions."""

from collections.abc import Iterator

from sandbox.plan.answers import (
    AnswerTable,
    Collected,
    Derived,
    Kept,
    Listed,
    Matched,
    Ordered,
    answer_sources,
    listed_tables,
)
from sandbox.plan.nodes import Expression
from sandbox.plan.query import Plan
from sandbox.plan.relations import Relation, expressions_of, sources_of
from sandbox.plan.sources import size_of


def relations_in(plan: Plan) -> int:
    """Nodes of all relations."""
    return sum(len(list(_relations(relation))) for relation in _roots(plan))


def tables_in(plan: Plan) -> int:
    """Tables after the noise."""
    return len(list(_tables(plan.answer)))


def expressions_in(plan: Plan) -> int:
    """Nodes of all expressions, before the noise and after it."""
    found = [item for measurement in plan.measurements for item in measurement.expressions]
    found += [item for root in _roots(plan) for relation in _relations(root) for item in expressions_of(relation)]
    found += [item for table in _tables(plan.answer) for item in _expressions(table)]
    return sum(size_of(item) for item in found)


def _roots(plan: Plan) -> list[Relation]:
    listed = [table.relation for table in listed_tables(plan.answer)]
    return [*(measurement.relation for measurement in plan.measurements), *listed]


def _relations(relation: Relation) -> Iterator[Relation]:
    yield relation
    for source in sources_of(relation):
        yield from _relations(source)


def _tables(table: AnswerTable) -> Iterator[AnswerTable]:
    yield table
    for source in answer_sources(table):
        yield from _tables(source)


def _expressions(table: AnswerTable) -> list[Expression]:
    match table:
        case Listed(_, listed):
            return [column.operand for column in listed]
        case Derived(_, columns):
            return [item for _, item in columns]
        case Kept(_, predicate):
            return [predicate]
        case Ordered(_, by):
            return [item.operand for item in by]
        case Matched(_, _, _, on):
            return [side for pair in on for side in pair]
        case Collected(_, keys, aggregates):
            return [*(item for _, item in keys), *(item[2] for item in aggregates if item[2] is not None)]
        case _:
            return []
