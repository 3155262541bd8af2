"""A query block by its kind: rows of units, rows aggregated for each unit, an answer, or a query over an answer."""

from dataclasses import replace

from sqlglot import exp

from sandbox.plan.answers_binding import bind_answer, bind_lines
from sandbox.plan.conditions import Condition
from sandbox.plan.context import Context
from sandbox.plan.from_clause import From, bind_from
from sandbox.plan.grouped import holds_aggregate
from sandbox.plan.released import rows_refused
from sandbox.plan.row_blocks import bind_per_unit, bind_rows, per_unit_key
from sandbox.plan.scope import Scope
from sandbox.plan.select_list import group_nodes, read_items
from sandbox.plan.sources import Block, Lines, Rows
from sandbox.plan.stacks import bind_union
from sandbox.plan.subqueries import Match, matched, split_where
from sandbox.terms.refusal import PlanNotSupported


def bind_block(node: exp.Expr, context: Context) -> Block:
    """Any query.

    Raises:
        Unanswerable: with the refusal and candidates for a rewrite.
    """
    while isinstance(node, exp.Subquery | exp.Paren):
        node = node.this
    if isinstance(node, exp.SetOperation):
        return bind_union(node, context.with_queries(node))
    if not isinstance(node, exp.Select):
        raise context.binding.refuse(PlanNotSupported, "Only a plain SELECT is answered here.", node)
    context = context.with_queries(node)
    plain, matches = split_where(node)
    found = bind_from(node, replace(context, around=None), plain)
    return bind_parts(node, found, matches, context)


def bind_correlated(select: exp.Select, context: Context, outer: Scope) -> tuple[Scope, Block, list[Condition]]:
    """The query of EXISTS or IN: its scope, its block, and its conditions on the block around."""
    context = replace(context.with_queries(select), around=outer)
    plain, matches = split_where(select)
    found = bind_from(select, context, plain)
    changed = any(select.args.get(part) for part in ("group", "having", "distinct", "qualify"))
    changed = changed or any(isinstance(part, exp.Window) for item in select.expressions for part in item.walk())
    for condition in found.outside:
        if changed and condition.expression is not None:
            detail = "A query that groups its rows is compared with those around it by the unit alone: join it instead."
            raise context.binding.refuse(PlanNotSupported, detail, condition.node)
    return found.scope, bind_parts(select, found, matches, context), found.outside


def bind_parts(select: exp.Select, found: From, matches: list[Match], context: Context) -> Block:
    """The block over its FROM and WHERE."""
    scope, binding = found.scope, context.binding
    items = read_items(select, scope)
    groups = group_nodes(select, items, scope, holds_aggregate)
    parts = [item.node for item in items if item.field is None]
    parts += [part for name in ("having", "order") if (part := select.args.get(name)) is not None]
    aggregated = bool(groups) or select.args.get("having") is not None or any(holds_aggregate(part) for part in parts)
    if isinstance(found.block, Lines):
        if matches:
            detail = "EXISTS and IN ask of rows: answers are joined."
            raise binding.refuse(PlanNotSupported, detail, matches[0].node)
        return bind_lines(select, scope, found.block, items, groups, aggregated, context)
    relation = matched(found.block.relation, matches, scope, context)
    if not aggregated:
        if context.depth == 0:
            raise rows_refused(select, items, scope)
        return bind_rows(select, scope, relation, items)
    if context.depth and not Rows(relation, ()).public and any(per_unit_key(node, scope) for node in groups):
        return bind_per_unit(select, scope, relation, items, groups)
    return bind_answer(select, scope, relation, items, groups, context)
