"""Which nodes of the syntax tree are aggregates, read into one shape: DuckDB has several spellings for most of them."""

from dataclasses import dataclass, replace
from fractions import Fraction

from sqlglot import exp

from sandbox.plan.aggregate_nodes import AGGREGATE_NODES, FRACTION_IN, FUNCTION_OF, NAMED, is_aggregate
from sandbox.plan.arithmetic import text_of
from sandbox.plan.nodes import Literal
from sandbox.plan.refused_aggregates import is_refused, refused_aggregate
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import PlanNotSupported

__all__ = ["AGGREGATE_NODES", "AggregateCall", "is_aggregate", "read_aggregate"]

_PAIRS = ("covar_pop", "covar_samp", "corr")


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate call, whatever its spelling.

    `function` is one of count_rows, count, count_if, sum, avg, min, max, quantile, var_pop, var_samp, stddev_pop,
    stddev_samp, covar_pop, covar_samp, corr. `arguments` are its operands (none for count_rows), `distinct` whether only
    distinct values count, `condition` what FILTER demands, `fraction` which quantile (None for others).
    """

    function: str
    arguments: tuple[exp.Expr, ...]
    node: exp.Expr
    distinct: bool = False
    condition: exp.Expr | None = None
    fraction: Fraction | None = None


def read_aggregate(node: exp.Expr, scope: Columns) -> AggregateCall | None:
    """The aggregate call that a node is, None where it is none.

    Raises:
        Unanswerable: an aggregate that has no private form, or a form of one that has no meaning here.
    """
    if not is_aggregate(node):
        return None
    condition: exp.Expr | None = None
    inner = node
    if isinstance(node, exp.Filter):
        inner, where = node.this, node.args["expression"]
        condition = where.this if isinstance(where, exp.Where) else where
    _check_form(inner, node, scope)
    call = _within(inner, node, scope) if isinstance(inner, exp.WithinGroup) else _read(inner, node, scope)
    return replace(call, condition=condition)


def _check_form(inner: exp.Expr, node: exp.Expr, scope: Columns) -> None:
    """Refuse aggregates without a private form, and arguments that are not read."""
    call = inner.this if isinstance(inner, exp.WithinGroup | exp.IgnoreNulls) else inner
    if is_refused(call):
        raise refused_aggregate(call, node, scope)
    if isinstance(call, exp.Anonymous):
        return
    read = AGGREGATE_NODES.get(type(call), frozenset())
    unread = any(value not in (None, False, "", []) for part, value in call.args.items() if part not in read)
    if unread or isinstance(inner, exp.IgnoreNulls) or isinstance(call.args.get("this"), exp.Order):
        raise scope.refuse(
            PlanNotSupported,
            "An aggregate takes one value (corr and its like two), without ORDER BY.",
            node,
            *_simplest(call, node, scope),
        )


def _simplest(call: exp.Expr, node: exp.Expr, scope: Columns) -> list[str]:
    """The text with the aggregate of its first column alone, and with a count of that column."""
    column = next(iter(call.find_all(exp.Column)), None)
    place = scope.text.extent(node)
    if column is None:
        return [scope.text.replaced(place, "count(*)")]
    word = text_of(call, scope).partition("(")[0].strip()
    inner = text_of(column, scope)
    return [scope.text.replaced(place, f"{name}({inner})") for name in (word, "count")]


def _read(call: exp.Expr, node: exp.Expr, scope: Columns) -> AggregateCall:
    if isinstance(call, exp.Anonymous):
        return _named(call, node, scope)
    function = FUNCTION_OF[type(call)]
    argument = call.args.get("this")
    if function == "count":
        if isinstance(argument, exp.Star):
            return AggregateCall("count_rows", (), node)
        if argument is None:
            whole = scope.text.replaced(scope.text.extent(call), "count(*)")
            raise scope.refuse(PlanNotSupported, "COUNT needs an argument: count(*) counts rows.", node, whole)
    if isinstance(argument, exp.Star) or argument is None:
        whole = scope.text.replaced(scope.text.extent(call), "count(*)")
        raise scope.refuse(PlanNotSupported, "Only COUNT takes *.", node, whole)
    fraction = None
    if function == "quantile":
        part = FRACTION_IN.get(type(call))
        fraction = Fraction(1, 2) if part is None else _fraction(call.args.get(part), call, node, scope)
    distinct = isinstance(argument, exp.Distinct) or isinstance(call, exp.ApproxDistinct)
    arguments = tuple(argument.expressions) if isinstance(argument, exp.Distinct) else (argument,)
    if len(arguments) != 1 or isinstance(arguments[0], exp.Star):
        raise _one_value(call, node, arguments, scope)
    if function in _PAIRS:
        arguments = (*arguments, call.args["expression"])
    return AggregateCall(function, arguments, node, distinct=distinct, fraction=fraction)


def _one_value(call: exp.Expr, node: exp.Expr, arguments: tuple[exp.Expr, ...], scope: Columns) -> Unanswerable:
    place = scope.text.extent(call)
    values = [text_of(argument, scope) for argument in arguments if not isinstance(argument, exp.Star)]
    new = [f"count(distinct {value})" for value in values] or ["count(*)"]
    if len(values) > 1:
        joined = " || '|' || ".join(f"coalesce(cast({value} as varchar), '')" for value in values)
        new.insert(0, f"count(distinct {joined})")
    detail = "DISTINCT takes one value: join several into one text."
    return scope.refuse(PlanNotSupported, detail, node, *(scope.text.replaced(place, item) for item in new[:3]))


def _named(call: exp.Anonymous, node: exp.Expr, scope: Columns) -> AggregateCall:
    """An aggregate by a name that the parser does not know."""
    function = NAMED[str(call.this).lower()]
    arguments = tuple(call.expressions)
    distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
    if distinct:
        arguments = tuple(arguments[0].expressions)
    if len(arguments) != (0 if function == "count_rows" else 1):
        raise scope.refuse(PlanNotSupported, "An aggregate takes one value.", node, *_simplest(call, node, scope))
    return AggregateCall(function, arguments, node, distinct=distinct)


def _within(group: exp.WithinGroup, node: exp.Expr, scope: Columns) -> AggregateCall:
    """percentile_cont(0.5) WITHIN GROUP (ORDER BY x)."""
    call, order = group.this, group.args["expression"]
    items = order.expressions if isinstance(order, exp.Order) else []
    ordered = items[0] if len(items) == 1 else None
    quantile = isinstance(call, exp.PercentileCont | exp.PercentileDisc | exp.Quantile)
    if not quantile or not isinstance(ordered, exp.Ordered) or call.args.get(FRACTION_IN[type(call)]) is not None:
        detail = "WITHIN GROUP orders one value for a percentile: percentile_cont(0.5) within group (order by x)."
        columns = [text_of(column, scope) for column in group.find_all(exp.Column)][:1]
        place = scope.text.extent(group)
        raise scope.refuse(
            PlanNotSupported, detail, node, *(scope.text.replaced(place, f"median({item})") for item in columns)
        )
    fraction = _fraction(call.this, call, node, scope)
    fraction = 1 - fraction if ordered.args.get("desc") else fraction
    return AggregateCall("quantile", (ordered.this,), node, fraction=fraction)


def _fraction(part: exp.Expr | None, call: exp.Expr, node: exp.Expr, scope: Columns) -> Fraction:
    """The constant from 0 to 1 that says which quantile."""
    place = scope.text.extent(node)
    if isinstance(part, exp.Array):
        inner = text_of(call.this, scope)
        each = ", ".join(f"quantile_cont({inner}, {text_of(item, scope)})" for item in part.expressions)
        detail = "Ask for each quantile by itself: together they cost no more than one."
        raise scope.refuse(PlanNotSupported, detail, node, scope.text.replaced(place, each or f"median({inner})"))
    bound = normalise(bind_scalar(part, scope)) if part is not None else None
    value = bound.value if isinstance(bound, Literal) and bound.type.is_number else None
    if not isinstance(value, int | Fraction) or not 0 <= value <= 1:
        columns = [text_of(column, scope) for column in node.find_all(exp.Column)][:1]
        medians = (scope.text.replaced(place, f"median({column})") for column in columns)
        detail = "Which quantile is said by a constant from 0 to 1: quantile_cont(x, 0.9)."
        raise scope.refuse(PlanNotSupported, detail, node, *medians)
    return Fraction(value)
