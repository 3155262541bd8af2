"""What is wrong with an aggregate's argument, and an aggregate that can be answered instead."""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.aggregate_calls import AggregateCall
from sandbox.plan.arithmetic import text_of
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import (
    BoundsMissing,
    PlanNotSupported,
    RangeTooWide,
    TooManyGroups,
    TypeMismatch,
    UnitColumnUse,
)


def _word(call: AggregateCall, scope: Columns) -> str:
    """The aggregate's name as the text has it."""
    return text_of(call.node, scope).partition("(")[0].strip()


def _instead(call: AggregateCall, scope: Columns, *texts: str) -> tuple[str, ...]:
    """The text with the aggregate replaced; its FILTER stays where it has one."""
    node = call.node.this if isinstance(call.node, exp.Filter) else call.node
    place = scope.text.extent(node)
    return tuple(scope.text.replaced(place, text) for text in texts)


def not_an_aggregate(node: exp.Expr, scope: Columns) -> Unanswerable:
    whole = scope.text.replaced(scope.text.extent(node), "count(*)")
    return scope.refuse(PlanNotSupported, "An aggregate is needed here.", node, whole)


def unit_counted(call: AggregateCall, scope: Columns) -> Unanswerable:
    """count(unit): every row has one."""
    inner = text_of(call.arguments[0], scope)
    detail = f"{inner} identifies the unit: it can only be counted with DISTINCT."
    return scope.refuse(
        UnitColumnUse, detail, call.node, *_instead(call, scope, f"count(distinct {inner})", "count(*)")
    )


def nothing_counted(call: AggregateCall, scope: Columns) -> Unanswerable:
    detail = "A constant has one value, and NULL is never counted: count rows."
    return scope.refuse(TypeMismatch, detail, call.node, *_instead(call, scope, "count(*)"))


def never_true(call: AggregateCall, node: exp.Expr, scope: Columns) -> Unanswerable:
    """FILTER (WHERE false)."""
    start, end = scope.text.extent(call.node)
    words = [token for token in scope.text.tokens if token.start >= start]
    depth = 0
    for number, token in enumerate(words):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        following = words[number + 1] if number + 1 < len(words) else None
        goes_on = following is not None and following.token_type is TokenType.FILTER
        if depth == 0 and token.token_type is TokenType.R_PAREN and not goes_on:
            end = token.end + 1
            break
    whole = scope.text.replaced((start, end), "count(*)")
    return scope.refuse(PlanNotSupported, "No row can meet this condition.", node, whole)


def not_a_number(call: AggregateCall, argument: exp.Expr, kind: Type, scope: Columns) -> Unanswerable:
    """sum('text'): what can be done with a value of that type."""
    inner = text_of(argument, scope)
    new = [f"count({inner})"]
    if isinstance(argument, exp.Null):
        new = ["count(*)"]
    elif kind is Type.BOOL:
        new = [f"count_if({inner})", "count(*)"]
    elif kind in (Type.DATE, Type.TIMESTAMP) and call.function == "avg":
        new = [f"median({inner})", *new]
    elif kind is Type.STRING:
        new = [*new, f"{_word(call, scope)}(cast({inner} as double))"]
    detail = f"{_word(call, scope)} takes numbers, not a {kind.value}."
    if kind.is_number:  # rows of a number that is NULL by its form: x / 0
        detail = "This is NULL in every row: it divides by 0, or computes with NULL."
        new = _undivided(argument, call, scope)
    return scope.refuse(TypeMismatch, detail, argument, *_instead(call, scope, *new))


def _undivided(argument: exp.Expr, call: AggregateCall, scope: Columns) -> list[str]:
    """The aggregate of what is divided by 0, else a count of rows."""
    inner = argument.this if isinstance(argument, exp.Paren) else argument
    whole = [f"{_word(call, scope)}({text_of(inner.this, scope)})"] if isinstance(inner, exp.Div) else []
    return [*whole, "count(*)"]


def not_ranked(call: AggregateCall, argument: exp.Expr, kind: Type, scope: Columns) -> Unanswerable:
    """min('text'): only numbers and moments have quantiles."""
    inner = text_of(argument, scope)
    new = [f"count_if({inner})"] if kind is Type.BOOL else [f"count(distinct {inner})"]
    detail = f"{_word(call, scope)} is a quantile: it takes numbers, dates and timestamps, not a {kind.value}."
    return scope.refuse(TypeMismatch, detail, argument, *_instead(call, scope, *new, "count(*)"))


def no_bounds(call: AggregateCall, argument: exp.Expr, scope: Columns) -> Unanswerable:
    """A value that nothing bounds."""
    inner = text_of(argument, scope)
    detail = "This can be arbitrarily large: use columns with declared bounds, and divide by none that can be 0."
    return scope.refuse(BoundsMissing, detail, argument, *_instead(call, scope, f"count({inner})", "count(*)"))


def too_wide(call: AggregateCall, scope: Columns) -> Unanswerable:
    """A sum that could overflow; of smaller numbers it would not."""
    inner = text_of(call.arguments[0], scope)
    others = "".join(f", ({text_of(argument, scope)}) / 1000000.0" for argument in call.arguments[1:])
    smaller = [f"{_word(call, scope)}(({inner}) / {power}.0{others})" for power in (10**6, 10**12)]
    detail = "By the declared bounds and sizes this can leave the 64-bit integers, or a double."
    return scope.refuse(RangeTooWide, detail, call.node, *_instead(call, scope, *smaller, f"count({inner})"))


def too_many_cells(call: AggregateCall, scope: Columns) -> Unanswerable:
    """A quantile for each of very many groups."""
    inner = text_of(call.arguments[0], scope)
    detail = "A quantile takes thousands of counts in each group, and here are too many groups: group by fewer keys."
    return scope.refuse(TooManyGroups, detail, call.node, *_instead(call, scope, f"avg({inner})", f"count({inner})"))


def distinct_sum(call: AggregateCall, scope: Columns) -> Unanswerable:
    """sum(distinct x): a value that several units have would count for none of them alone; each unit's own do."""
    inner, word = text_of(call.arguments[0], scope), _word(call, scope)
    detail = (
        "DISTINCT values across units are not summed: take those of each unit in a subquery, or leave DISTINCT out."
    )
    texts = [text_of(argument, scope) for argument in call.arguments]
    plain = _instead(call, scope, f"{word}({', '.join(texts)})", f"count(distinct {inner})")
    if call.fraction is not None:
        plain = _instead(call, scope, f"quantile_cont({inner}, {float(call.fraction)})")
    whole = _per_unit(call, word, inner, scope)
    return scope.refuse(PlanNotSupported, detail, call.node, *whole, *plain)


def _per_unit(call: AggregateCall, word: str, inner: str, scope: Columns) -> tuple[str, ...]:
    """The query over each unit's distinct values, where it is one aggregate without groups."""
    text, unit = scope.text, scope.unit_name
    source, where = text.clause(TokenType.FROM), text.clause(TokenType.WHERE)
    selects = [token for token in text.tokens if token.token_type is TokenType.SELECT]
    grouped = text.clause(TokenType.GROUP_BY) is not None
    if (
        unit is None
        or source is None
        or grouped
        or len(selects) != 1
        or call.condition is not None
        or call.fraction is not None
    ):
        return ()
    rows = text.text(source) + (f" {text.text(where)}" if where else "")
    whole = f"select {word}(v) from (select {unit}, {inner} as v {rows.strip()} group by {unit}, {inner}) as each_unit"  # noqa: S608 - shown, never run
    return (whole,)
