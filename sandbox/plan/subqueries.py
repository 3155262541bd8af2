"""EXISTS and IN: conditions on other rows of the same unit, or on public tables."""

from dataclasses import dataclass

from sqlglot import exp

from sandbox.plan.conditions import Condition, conjuncts, equality, unit_condition
from sandbox.plan.context import Context
from sandbox.plan.correlation import compared, inequality
from sandbox.plan.joins import Piece, joined, push, unmatched_nulls
from sandbox.plan.naming import bare
from sandbox.plan.nodes import type_of
from sandbox.plan.relations import Join, Relation, columns_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope
from sandbox.plan.sources import Rows
from sandbox.terms.refusal import PlanNotSupported, TypeMismatch, UnitColumnUse


@dataclass(frozen=True, slots=True)
class Match:
    """One condition of WHERE that is [NOT] EXISTS or [NOT] IN with a query."""

    node: exp.Expr
    inner: exp.Exists | exp.In
    negated: bool


def split_where(select: exp.Select) -> tuple[list[exp.Expr], list[Match]]:
    """The plain conditions of WHERE, and those that ask of another query."""
    where = select.args.get("where")
    plain: list[exp.Expr] = []
    matches: list[Match] = []
    for node in conjuncts(where.this if where is not None else None):
        inner, negated = node, False
        while isinstance(inner, exp.Not):
            inner, negated = bare(inner.this), not negated
        if isinstance(inner, exp.Exists) or (isinstance(inner, exp.In) and inner.args.get("query") is not None):
            matches.append(Match(node, inner, negated))
        else:
            plain.append(node)
    return plain, matches


def matched(relation: Relation, matches: list[Match], scope: Scope, context: Context) -> Relation:
    """The rows for which all these conditions hold.

    Raises:
        Unanswerable: a query about rows of other units, or one that is no rows at all.
    """
    for match in matches:
        sources = frozenset(source.number for source in scope.sources)
        left = Piece(relation, sources, match.node)
        relation = _one(left, match, scope, context)
    return relation


def _one(left: Piece, match: Match, scope: Scope, context: Context) -> Relation:
    binding = context.binding
    query = match.inner.this if isinstance(match.inner, exp.Exists) else match.inner.args["query"]
    while isinstance(query, exp.Subquery | exp.Paren):
        query = query.this
    if not isinstance(query, exp.Select):
        raise binding.refuse(PlanNotSupported, "A condition asks of one plain SELECT.", match.node)
    inner = context.inner(match.node)
    inner_scope, block, outside = context.ask(query, inner, scope)
    if not isinstance(block, Rows):
        raise binding.refuse(PlanNotSupported, "Rows are not compared with an answer: it is noisy.", match.node)
    inside = frozenset(source.number for source in inner_scope.sources)
    unequal = inequality(outside, inside, binding) if isinstance(match.inner, exp.Exists) else None
    if unequal is not None and not block.public:
        return compared(left, block.relation, outside, unequal, inside, binding, negated=match.negated)
    number = binding.number()
    own = columns_of(block.relation)
    binding.owners.update(dict.fromkeys(own, number))
    conditions = [_turned(item, inside, number) for item in outside]
    right = Piece(block.relation, frozenset({number}), match.node)
    kind = "anti" if match.negated else "semi"
    if isinstance(match.inner, exp.Exists):
        return _joined(left, right, kind, conditions, context)
    if len(block.fields) != 1:
        raise binding.refuse(PlanNotSupported, "IN compares with a query of one column.", match.node)
    return _in(left, right, kind, conditions, match, block, scope, context)


def _in(
    left: Piece,
    right: Piece,
    kind: str,
    conditions: list[Condition],
    match: Match,
    block: Rows,
    scope: Scope,
    context: Context,
) -> Relation:
    binding = context.binding
    operand, (found,) = match.inner.this, block.fields
    number = next(iter(right.sources))
    if scope.is_unit(operand) or found.is_unit:
        named = bare(operand)
        source = scope.find(named)[0] if isinstance(named, exp.Column) and scope.is_unit(named) else None
        if source is None or not found.is_unit or found.optional:
            detail = "The unit's identifier is compared with another table's alone."
            raise scope.refuse(UnitColumnUse, detail, operand)
        return _joined(left, right, kind, [*conditions, unit_condition(source.number, number, match.node)], context)
    value = normalise(bind_scalar(operand, scope))
    assert found.expression is not None
    other = binding.tidy(found.expression)
    if type_of(value) is not type_of(other):
        detail = f"Values of type {type_of(value).value} and {type_of(other).value} do not compare."
        raise scope.refuse(TypeMismatch, detail, operand)
    equal = equality(value, other, match.node, binding)
    if equal.pair is None:
        raise scope.refuse(PlanNotSupported, "IN compares a column of rows with a column of the query.", match.node)
    result = _joined(left, right, kind, [*conditions, equal], context)
    if kind == "anti" and isinstance(result, Join) and not equal.same_unit:
        # NOT IN is not true where NULL is among the values. Keys and links name rows, so a NULL among them names none.
        for pair in unmatched_nulls(value, other):
            on = tuple(item for item in result.on if item not in ((value, other), (other, value)))
            result = Join(result, result.right, "anti", (*on, pair), result.rows_per_unit, unique=False)
    return result


def _joined(left: Piece, right: Piece, kind: str, conditions: list[Condition], context: Context) -> Relation:
    right, rest = push(right, conditions, frozenset())
    return joined(left, right, kind, rest, context.binding)[0].relation


def _turned(item: Condition, inside: frozenset[int], number: int) -> Condition:
    """The condition with all entries of the inner query as one."""

    def turn(sources: frozenset[int]) -> frozenset[int]:
        return (sources - inside) | {number} if sources & inside else sources

    pair = item.pair
    if pair is not None:
        pair = ((turn(pair[0][0]), pair[0][1]), (turn(pair[1][0]), pair[1][1]))
    return Condition(item.node, turn(item.sources), item.expression, item.same_unit, pair)
