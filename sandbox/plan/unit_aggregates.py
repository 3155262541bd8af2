"""Exact aggregates of one unit's rows, which stay with the unit; and of an answer's lines."""

from fractions import Fraction

from sqlglot import exp

from sandbox.plan.aggregate_calls import read_aggregate
from sandbox.plan.facts import Facts, Range
from sandbox.plan.literals import is_null
from sandbox.plan.nodes import Case, Expression, Literal, type_of
from sandbox.plan.ranges import facts_of
from sandbox.plan.relations import UnitAggregate
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.scalar import bind_predicate, bind_scalar
from sandbox.plan.scope_terms import Columns
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import BoundsMissing, PlanNotSupported, RangeTooWide, TypeMismatch

FIRST_NODES: dict[type[exp.Expr], frozenset[str]] = {
    exp.AnyValue: frozenset({"this"}),
    exp.First: frozenset({"this"}),
}
"""Aggregates that mean any of the values; over rows of a unit, the first in stored order."""

_COUNTS = {"count_rows", "count", "count_distinct"}


def bind_unit_aggregate(node: exp.Expr, scope: Columns, rows: int) -> tuple[UnitAggregate, Facts]:
    """The aggregate of at most `rows` rows, and what is known of it.

    Raises:
        Unanswerable: an aggregate that has no exact form here, or whose integers can leave their range.
    """
    if type(node) in FIRST_NODES:
        return _aggregate("first", _operand(node.this, None, scope), node, scope, rows)
    call = read_aggregate(node, scope)
    if call is None:
        raise scope.refuse(PlanNotSupported, "This is no aggregate.", node)
    function, arguments = call.function, call.arguments
    if function == "count_rows":
        if call.condition is None:
            return UnitAggregate("count_rows", None, Type.INT), _count(rows)
        return _aggregate("count", _operand(None, call.condition, scope), node, scope, rows)
    if function == "count_if":
        condition = normalise(bind_predicate(arguments[0], scope))
        return _aggregate("count", _only(condition, TRUE, call.condition, scope), node, scope, rows)
    if function not in ("count", "sum", "avg", "min", "max") or len(arguments) != 1:
        detail = "Within a unit there are count, sum, avg, min and max."
        raise scope.refuse(PlanNotSupported, detail, node)
    operand = _operand(arguments[0], call.condition, scope)
    if call.distinct and function in ("sum", "avg"):
        raise scope.refuse(PlanNotSupported, "DISTINCT is for counting.", node)
    if call.distinct and function == "count":
        function = "count_distinct"
    return _aggregate(function, operand, node, scope, rows)


def _aggregate(
    function: str, operand: Expression, node: exp.Expr, scope: Columns, rows: int
) -> tuple[UnitAggregate, Facts]:
    kind = type_of(operand)
    if is_null(operand):
        raise scope.refuse(TypeMismatch, "NULL is never counted.", node)
    if function in _COUNTS:
        return UnitAggregate(function, operand, Type.INT), _count(rows)
    if function in ("sum", "avg") and not kind.is_number:
        raise scope.refuse(TypeMismatch, f"{function.upper()} takes numbers, not a {kind.value}.", node)
    known = facts_of(operand, scope.facts)
    if function == "avg":
        return UnitAggregate("avg", operand, Type.FLOAT), Facts(Type.FLOAT, known.range)
    if function == "sum":
        return UnitAggregate("sum", operand, kind), _sum(kind, known, node, scope, rows)
    if kind is Type.BOOL and function != "first":
        raise scope.refuse(TypeMismatch, f"{function.upper()} takes values with an order.", node)
    return UnitAggregate(function, operand, kind), known


def _sum(kind: Type, known: Facts, node: exp.Expr, scope: Columns, rows: int) -> Facts:
    if known.range is None:
        if kind is Type.INT and not scope.noisy:
            raise scope.refuse(BoundsMissing, "A sum of integers needs columns with declared bounds.", node)
        return Facts(kind)
    low, high = known.range.low, known.range.high
    span = Range(min(low, low * rows), max(high, high * rows))
    if kind is Type.INT and not span.fits_integer:
        if not scope.noisy:
            detail = "By the declared bounds this sum can leave the 64-bit integers."
            raise scope.refuse(RangeTooWide, detail, node)
        return Facts(kind)
    return Facts(kind, span, granularity=known.granularity)


def _operand(argument: exp.Expr | None, condition: exp.Expr | None, scope: Columns) -> Expression:
    """The argument where the condition of FILTER holds, NULL elsewhere."""
    value: Expression = TRUE if argument is None else normalise(bind_scalar(argument, scope))
    if condition is None:
        return value
    return _only(normalise(bind_predicate(condition, scope)), value, None, scope)


def _only(condition: Expression, value: Expression, more: exp.Expr | None, scope: Columns) -> Expression:
    kind = type_of(value)
    chosen: Expression = Case(((condition, value),), Literal(None, kind), kind)
    if more is not None:
        chosen = Case(((normalise(bind_predicate(more, scope)), chosen),), Literal(None, kind), kind)
    return normalise(chosen)


def _count(rows: int) -> Facts:
    return Facts(Type.INT, Range(Fraction(0), Fraction(rows)))
