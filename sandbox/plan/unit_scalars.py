"""One value of each unit's own rows, in a condition: `x > (select avg(y) from t where t.unit = s.unit)`.

It is an exact aggregate for each unit that never leaves: one row for each unit (and each value of further equalities), of
which a row around it finds one at most. So nothing of what a unit brings grows.
"""

from sqlglot import exp

from sandbox.plan.answers_binding import alone_in_group
from sandbox.plan.context import Context, Found
from sandbox.plan.correlation import correlated
from sandbox.plan.from_clause import bind_from
from sandbox.plan.grouped import GroupScope
from sandbox.plan.joins import Piece
from sandbox.plan.nodes import Call, ColumnRef, Expression, Literal
from sandbox.plan.relations import PerUnit, Relation, UnitAggregate, is_public, rows_per_unit
from sandbox.plan.rewrite import normalise
from sandbox.plan.row_blocks import first_of, grouped_rows
from sandbox.plan.row_keys import determined
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.sources import Rows
from sandbox.plan.subqueries import matched, split_where
from sandbox.plan.unit_aggregates import bind_unit_aggregate
from sandbox.terms.dataset import Type

_COUNTS = ("count_rows", "count", "count_distinct")
_PARTS = ("group", "having", "distinct", "qualify", "order", "limit", "offset", "with_")


def bind_unit_scalar(node: exp.Subquery, context: Context, outer: Scope) -> Found | None:
    """The value of a query in brackets that is correlated on the unit; None where it is another kind of query.

    Raises:
        Unanswerable: a correlation that is no equality, or a value that is none of the unit's own.
    """
    select: exp.Expr = node
    while isinstance(select, exp.Subquery | exp.Paren):
        select = select.this
    if not isinstance(select, exp.Select) or any(select.args.get(part) for part in _PARTS):
        return None
    if len(select.expressions) != 1 or outer.noisy:
        return None
    inner = context.inner(node).correlated(outer)
    binding = context.binding
    plain, matches = split_where(select)
    found = bind_from(select, inner, plain)
    if not isinstance(found.block, Rows) or not any(item.same_unit for item in found.outside):
        return None
    relation = matched(found.block.relation, matches, found.scope, inner)
    if is_public(relation):
        return None
    number = binding.number()
    inside = frozenset(source.number for source in found.scope.sources)
    keys, conditions = correlated(found.outside, inside, number, binding)
    value, made = _value(select.expressions[0], found.scope, relation, keys)
    binding.relation(node)
    binding.owners.update(dict.fromkeys([name for name, _ in (*made.keys, *made.aggregates)], number))
    return value, Piece(made, frozenset({number}), node), conditions


def _value(
    node: exp.Expr, scope: Scope, relation: Relation, keys: dict[Expression, ColumnRef]
) -> tuple[Expression, PerUnit]:
    """The value over the per-unit table, and that table. Where a unit has no rows its counts are 0, all else is NULL."""
    binding = scope.binding
    aggregates: dict[UnitAggregate, ColumnRef] = {}
    follows = determined(relation, {item.name for item in keys if isinstance(item, ColumnRef)}, binding)

    def aggregate(item: exp.Expr) -> Expression:
        made, facts = bind_unit_aggregate(item, scope, rows_per_unit(relation))
        column = aggregates.setdefault(made, binding.column("u", facts))
        if made.function not in _COUNTS:
            return column
        return normalise(Call("coalesce", (column, Literal(0, Type.INT)), Type.INT))

    grouped = GroupScope(
        scope,
        {},
        aggregate,
        lambda item: alone_in_group(item, scope),
        noisy=False,
        follows=lambda item: first_of(item, follows, aggregates, binding),
    )
    inner = node.this if isinstance(node, exp.Alias) else node
    value = normalise(bind_scalar(inner, grouped))
    return value, grouped_rows(relation, keys, aggregates, binding)
