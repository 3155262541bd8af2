"""What to say, and what to write instead, where a query uses SQL that is not answered here."""

import difflib

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import PlanNotSupported, RowsNotReleased, UnknownFunction

FUNCTIONS = ("avg", "count", "sum")

_CLAUSES: dict[str, tuple[str, tuple[TokenType, ...]]] = {
    "with_": ("WITH is not available: ask about one table directly.", (TokenType.WITH,)),
    "distinct": ("SELECT DISTINCT is not available: GROUP BY gives each group once.", (TokenType.DISTINCT,)),
    "having": ("HAVING is not available: filter the noisy answer when you have it.", (TokenType.HAVING,)),
    "qualify": ("QUALIFY is not available.", (TokenType.QUALIFY,)),
    "windows": ("Window functions are not available.", (TokenType.WINDOW,)),
    "order": ("ORDER BY is not available: sort the noisy answer when you have it.", (TokenType.ORDER_BY,)),
    "limit": ("LIMIT is not available: all groups are always returned.", (TokenType.LIMIT, TokenType.FETCH)),
    "offset": ("OFFSET is not available: all groups are always returned.", (TokenType.OFFSET,)),
    "sample": ("Sampling is not available.", (TokenType.USING, TokenType.TABLE_SAMPLE)),
    "locks": ("FOR UPDATE and its like are not available.", (TokenType.FOR,)),
    "into": ("SELECT INTO is not available.", (TokenType.INTO,)),
}
_JOINS = "Joins are not available yet: ask about one table."
_JOIN_WORDS = {
    TokenType.COMMA,
    TokenType.JOIN,
    TokenType.LEFT,
    TokenType.RIGHT,
    TokenType.FULL,
    TokenType.INNER,
    TokenType.CROSS,
    TokenType.NATURAL,
    TokenType.ASOF,
    TokenType.SEMI,
    TokenType.ANTI,
}
_ORDERED_STATISTICS = (exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile)
_SPREADS = (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_SUBQUERIES = (exp.Subquery, exp.Exists, exp.SetOperation, exp.Select)


def unknown_part(node: exp.Expr, part: str, value: object, text: Text) -> Unanswerable:
    """The refusal of a part that an allowed node may not have."""
    place = _place(value, node, text)
    if part in _CLAUSES:
        detail, kinds = _CLAUSES[part]
        keyword, clause = text.keyword(*kinds), text.clause(*kinds)
        if part == "distinct":
            clause = keyword
        cut = (text.without(clause),) if clause else ()
        refusal = PlanNotSupported(detail, span=span_of(text.sql, *(clause or place)))
        return Unanswerable(refusal, () if part == "with_" else cut)
    if part == "joins":
        return Unanswerable(PlanNotSupported(_JOINS, span=span_of(text.sql, *_join_place(place, text))))
    if isinstance(node, exp.In) and part in ("query", "field", "unnest"):
        detail = "IN takes a list of values, not a query or a column."
        return Unanswerable(PlanNotSupported(detail, span=text.span(node)))
    if isinstance(node, exp.Star):
        return rows_not_released(node, text)
    if isinstance(node, exp.Group):
        return Unanswerable(PlanNotSupported("GROUP BY takes columns by name.", span=span_of(text.sql, *place)))
    if isinstance(node, exp.Count):
        detail = "COUNT takes *, one value, or DISTINCT and the unit column."
        return Unanswerable(PlanNotSupported(detail, span=text.span(node)))
    detail = "This part of SQL is not available here."
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *place)))


def unknown_node(node: exp.Expr, text: Text) -> Unanswerable:
    """The refusal of a node that is not on the list."""
    span = text.span(node)
    place = text.extent(node)
    if isinstance(node, _ORDERED_STATISTICS):
        detail = "Minima, maxima and quantiles are not available yet; an average is."
        return Unanswerable(PlanNotSupported(detail, span=span), _instead(node, text, ("avg", "count")))
    if isinstance(node, _SPREADS):
        detail = "Variances are not available yet; an average is."
        return Unanswerable(PlanNotSupported(detail, span=span), _instead(node, text, ("avg",)))
    if isinstance(node, exp.Window):
        inner = node.this
        whole = (place[0], _bracket_end(text, place[1]))
        new = text.text(text.extent(inner)) if isinstance(inner, exp.Expr) else "count(*)"
        detail = "Window functions are not available: aggregate over groups."
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *whole)), (text.replaced(whole, new),))
    if isinstance(node, exp.Filter):
        return _filter(node, text)
    if isinstance(node, _SUBQUERIES):
        detail = "Queries within queries are not available: ask about one table directly."
        return Unanswerable(PlanNotSupported(detail, span=span))
    if isinstance(node, exp.Like | exp.ILike | exp.RegexpLike | exp.SimilarTo | exp.Glob):
        detail = "Text patterns are not available: compare with = or IN."
        return Unanswerable(PlanNotSupported(detail, span=span), _equality(node, text))
    if isinstance(node, exp.CountIf):
        detail = "COUNT_IF is not available: write count(*) with the condition in WHERE."
        return Unanswerable(PlanNotSupported(detail, span=span), (text.replaced(place, "count(*)"),))
    if isinstance(node, exp.ApproxDistinct):
        detail = "Distinct values of a column are not available yet; distinct units are."
        return Unanswerable(PlanNotSupported(detail, span=span), _instead(node, text, ("count",)))
    if isinstance(node, exp.Func) and not isinstance(node, exp.Case | exp.Cast | exp.Interval):
        return _unknown_function(node, text)
    if isinstance(node, exp.Placeholder | exp.Parameter):
        detail = "Parameters are not available: write the value into the query."
        return Unanswerable(PlanNotSupported(detail, span=span))
    detail = "This part of SQL is not available here."
    return Unanswerable(PlanNotSupported(detail, span=span))


def rows_not_released(star: exp.Expr, text: Text) -> Unanswerable:
    """`select *`: the same question as a count."""
    refusal = RowsNotReleased("Rows never leave: ask for an aggregate of them.", span=text.span(star))
    return Unanswerable(refusal)


def _place(value: object, node: exp.Expr, text: Text) -> tuple[int, int]:
    first = value[0] if isinstance(value, list) and value else value
    return text.extent(first if isinstance(first, exp.Expr) else node)


def _join_place(place: tuple[int, int], text: Text) -> tuple[int, int]:
    """From the first word of the join to the end of FROM."""
    source = text.clause(TokenType.FROM)
    if source is None:
        return place
    inside = [token for token in text.tokens if source[0] < token.start < place[0]]
    start = next((token.start for token in inside if token.token_type in _JOIN_WORDS), place[0])
    return start, source[1]


def _instead(node: exp.Expr, text: Text, functions: tuple[str, ...]) -> tuple[str, ...]:
    inner = node.this
    if not isinstance(inner, exp.Expr):
        return ()
    argument = text.text(text.extent(inner))
    return tuple(text.replaced(text.extent(node), f"{function}({argument})") for function in functions)


def _unknown_function(node: exp.Func, text: Text) -> Unanswerable:
    place = text.extent(node)
    name = text.text(place).partition("(")[0].strip().lower()
    near = difflib.get_close_matches(name, FUNCTIONS, 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(FUNCTIONS)}."
    refusal = UnknownFunction(f"There is no such function here.{hint}", span=text.span(node))
    renamed = f"{near[0]}{text.text(place)[len(name) :]}" if near else ""
    arguments = list(node.iter_expressions())
    bare = text.text(text.extent(arguments[0])) if arguments else ""
    return Unanswerable(refusal, tuple(text.replaced(place, new) for new in (renamed, bare) if new))


def _equality(node: exp.Expr, text: Text) -> tuple[str, ...]:
    left, right = node.args.get("this"), node.args.get("expression")
    if not isinstance(left, exp.Expr) or not isinstance(right, exp.Literal):
        return ()
    new = f"{text.text(text.extent(left))} = {text.text(text.extent(right))}"
    return (text.replaced((text.extent(left)[0], text.extent(right)[1]), new),)


def _filter(node: exp.Filter, text: Text) -> Unanswerable:
    """`agg FILTER (WHERE c)`: the aggregate alone, with c in the query's WHERE."""
    inner = text.extent(node.this)
    start, end = text.extent(node)
    end = _bracket_end(text, end)
    refusal = PlanNotSupported(
        "FILTER is not available: put the condition into WHERE.", span=span_of(text.sql, start, end)
    )
    condition = text.text(text.extent(node.expression))
    where = text.clause(TokenType.WHERE)
    source = text.clause(TokenType.FROM)
    if source is None:
        return Unanswerable(refusal)
    if where is None:
        place, new = (source[1], source[1]), f" where {condition}"
    else:
        place, new = where, f"where ({text.text((where[0] + 5, where[1])).strip()}) and ({condition})"
    later = text.replaced(place, new)  # the FROM comes after the select list, so earlier offsets still hold
    return Unanswerable(refusal, (later[: inner[0]] + text.text(inner) + later[end:],))


def _bracket_end(text: Text, end: int) -> int:
    """The end of the bracket that closes next after `end`, where the next token closes one."""
    following = next((token for token in text.tokens if token.start >= end), None)
    closes = following is not None and following.token_type is TokenType.R_PAREN
    return following.end + 1 if closes and following is not None else end
