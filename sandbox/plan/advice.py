"""What to say, and what to write instead, where a query uses SQL that is not answered here."""

from dataclasses import dataclass
from typing import cast

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.calls import unknown_function
from sandbox.plan.refused_aggregates import is_refused, refused_aggregate
from sandbox.plan.scalar_refusals import reworded
from sandbox.plan.scope_terms import Columns
from sandbox.plan.spans import Text, span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import NotAnswerable, PlanNotSupported, RowsNotReleased

_CLAUSES: dict[str, tuple[str, tuple[TokenType, ...]]] = {
    "windows": ("Named windows are not available: write the window after OVER.", (TokenType.WINDOW,)),
    "sample": ("Sampling is not available.", (TokenType.USING, TokenType.TABLE_SAMPLE)),
    "locks": ("FOR UPDATE and its like are not available.", (TokenType.FOR,)),
    "into": ("SELECT INTO is not available.", (TokenType.INTO,)),
}
_MORE_CLAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "distribute": ("DISTRIBUTE BY and its like are not available: ORDER BY sorts the answer.", ("distribute",)),
    "sort": ("SORT BY and its like are not available: ORDER BY sorts the answer.", ("sort",)),
    "cluster": ("CLUSTER BY and its like are not available: ORDER BY sorts the answer.", ("cluster",)),
    "laterals": ("LATERAL is not available: tables are joined on the unit.", ("lateral",)),
    "hints": ("Table hints are not read here.", ("with",)),
    "pivots": ("PIVOT and UNPIVOT are not available: GROUP BY gives a line for each key.", ("pivot", "unpivot")),
}
"""Parts of queries and tables by what to say of them, and their first words in the text."""

_TEXTUAL = {exp.DType.UUID, exp.DType.JSON, exp.DType.BINARY, exp.DType.VARBINARY, exp.DType.BLOB, exp.DType.INET}
_SET_WORDS = ("rollup", "cube", "grouping", "with")
_CAST_WORDS = ("cast", "try_cast", "convert")
_TRUNCATED = {
    "mm": "month",
    "mon": "month",
    "yy": "year",
    "yyyy": "year",
    "q": "quarter",
    "ww": "week",
    "iw": "week",
    "dd": "day",
}
_SETS = (exp.GroupingSets, exp.Rollup, exp.Cube)


@dataclass(frozen=True, slots=True)
class _Anywhere:
    """As much of a scope as the refusal of a function needs, before any name is bound."""

    text: Text

    def refuse(self, kind: type[NotAnswerable], detail: str, node: exp.Expr, *candidates: str) -> Unanswerable:
        return Unanswerable(kind(detail, span=self.text.span(node)), candidates)


def unknown_part(node: exp.Expr, part: str, value: object, text: Text) -> Unanswerable:
    """The refusal of a part that an allowed node may not have."""
    place = _place(value, node, text)
    if part in _CLAUSES:
        detail, kinds = _CLAUSES[part]
        clause = text.clause(*kinds)
        cut = (text.without(clause),) if clause else ()
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *(clause or place))), cut)
    if isinstance(node, exp.Join) and part == "method":
        detail = "NATURAL and its like are not available: name the columns with USING."
        named = [token for token in text.tokens if token.text.lower() == str(value).lower()]
        place = (named[0].start, named[0].end + 1) if named else place
        mended = [text.without(place)] if named else []
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *place)), tuple(mended))
    if isinstance(node, exp.In):
        return _unlisted(node, value, text)
    if isinstance(node, exp.DataType):
        return _typed(node, text)
    if isinstance(node, exp.Trunc) and isinstance(value, exp.Expr):
        return _truncated(node, value, text)
    if part in _MORE_CLAUSES:
        return _clause_cut(part, node, place, text)
    if isinstance(node, exp.Star):
        return Unanswerable(RowsNotReleased("Rows never leave: ask for an aggregate of them.", span=text.span(node)))
    if isinstance(node, exp.Group):
        return _sets(node, text)
    if isinstance(node, exp.Distinct) and part == "on":
        word = next(
            ((token.start, token.end + 1) for token in text.tokens if token.token_type is TokenType.DISTINCT), place
        )
        detail = "DISTINCT ON is not available: a window numbers the rows of each unit."
        without = text.sql[: word[0]] + text.sql[_bracket_end(text, place[1]) :]
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *word)), (without,))
    if isinstance(node, exp.With) and part == "recursive":
        word = text.keyword(TokenType.RECURSIVE) or place
        detail = "A query of WITH does not name itself."
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *word)), (text.without(word),))
    if isinstance(node, exp.Count):
        detail = "COUNT takes *, one value, or DISTINCT and one value."
        return Unanswerable(PlanNotSupported(detail, span=text.span(node)))
    detail = "This part of SQL is not available here."
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *place)))


def unknown_node(node: exp.Expr, text: Text) -> Unanswerable:
    """The refusal of a node that is not on the list."""
    span, place = text.span(node), text.extent(node)
    if isinstance(node, exp.SetOperation):
        detail = "INTERSECT and EXCEPT are not available: rows of a unit are found with EXISTS and NOT EXISTS."
        return Unanswerable(PlanNotSupported(detail, span=span))
    if isinstance(node, _SETS):
        return _sets(node, text)
    scope = cast("Columns", _Anywhere(text))
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls) and isinstance(node.this, exp.Expr):
        node = node.this
    if is_refused(node):
        return refused_aggregate(node, node, scope)
    other = reworded(node, scope)
    if other is not None:
        return other
    if isinstance(node, exp.Func) and not isinstance(node, exp.Connector):
        name = text.text(place).partition("(")[0].strip().lower()
        return unknown_function(name, node, scope)
    if isinstance(node, exp.RegexpLike | exp.SimilarTo | exp.Glob):
        detail = "Of text patterns there are LIKE and ILIKE."
        return Unanswerable(PlanNotSupported(detail, span=span), _like(node, text))
    if isinstance(node, exp.Placeholder | exp.Parameter):
        return _parameter(node, text)
    detail = "This part of SQL is not available here."
    return Unanswerable(PlanNotSupported(detail, span=span))


def _unlisted(node: exp.In, value: object, text: Text) -> Unanswerable:
    """`x in 3` without brackets."""
    detail = "IN takes a list of values or a query in brackets."
    sign = next((token for token in text.tokens if token.start >= text.extent(node.this)[1]), None)
    start, end = text.extent(value) if isinstance(value, exp.Expr) else (0, 0)
    listed: tuple[str, ...] = ()
    if sign is not None and sign.token_type in (TokenType.IN, TokenType.NOT) and start > sign.start:
        listed = (f"{text.sql[:start]}({text.sql[start:end]}){text.sql[end:]}",)
    return Unanswerable(PlanNotSupported(detail, span=text.span(node)), listed)


def _sets(node: exp.Expr, text: Text) -> Unanswerable:
    """GROUPING SETS, ROLLUP and CUBE: grouped by all their columns at once instead."""
    detail = "GROUPING SETS and their like are not available: ask for each grouping by itself."
    clause = text.clause(TokenType.GROUP_BY) or text.extent(node)
    group = node if isinstance(node, exp.Group) else node.find_ancestor(exp.Group) or node
    columns = list(dict.fromkeys(text.text(text.extent(column)) for column in group.find_all(exp.Column)))
    start, end = clause
    words = [token for token in text.tokens if token.text.lower().startswith(_SET_WORDS) and token.start >= start]
    first, end = (words[0].start, max(end, words[-1].end + 1)) if words else (start, end)
    whole = text.replaced((start, end), f"group by {', '.join(columns)}") if columns else text.without((start, end))
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, first, end)), (whole,))


def _typed(node: exp.DataType, text: Text) -> Unanswerable:
    """A type with parameters or of another system: DOUBLE holds what DECIMAL does."""
    detail = "The types are bigint, double, varchar, boolean, date and timestamp."
    cast_node = node.parent if isinstance(node.parent, exp.Cast) else node
    inner = text.text(text.extent(cast_node.this)) if isinstance(cast_node, exp.Cast) else "0"
    word = "varchar" if node.this in _TEXTUAL else "double"
    if node.args.get("kind") and inner.lower() in ("int", "integer", "bigint", "double", "varchar", "date"):
        inner, word = str(node.args["kind"]), inner  # CONVERT(int, x) of SQL Server
    start, end = _cast_place(cast_node, text)
    candidate = text.replaced((start, end), f"cast({inner} as {word})")
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, start, end)), (candidate,))


def _cast_place(node: exp.Expr, text: Text) -> tuple[int, int]:
    """The extent of cast(x as t) or x::t with all brackets of the type."""
    start, end = text.extent(node.this) if isinstance(node.this, exp.Expr) else text.extent(node)
    numbers = [number for number, token in enumerate(text.tokens) if token.end + 1 <= end]
    after = numbers[-1] + 1 if numbers else 0
    marks = text.tokens
    if after < len(marks) and marks[after].token_type is TokenType.DCOLON:
        last = after + 1
        if last + 1 < len(marks) and marks[last + 1].token_type is TokenType.L_PAREN:
            last = next((n for n in range(last + 1, len(marks)) if marks[n].token_type is TokenType.R_PAREN), last)
        return start, marks[min(last, len(marks) - 1)].end + 1
    first = next((n for n in range(after - 1, -1, -1) if marks[n].text.lower() in _CAST_WORDS), 0)
    depth = 0
    for token in marks[first:]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type is TokenType.R_PAREN:
            return marks[first].start, token.end + 1
    return text.extent(node)


def _truncated(node: exp.Trunc, value: exp.Expr, text: Text) -> Unanswerable:
    """trunc(day, 'MM') and trunc(x, 2)."""
    inner, place = text.text(text.extent(node.this)), text.extent(node)
    if isinstance(value, exp.Literal) and value.args["is_string"]:
        unit = _TRUNCATED.get(str(value.this).lower(), str(value.this).lower())
        detail = "Moments are cut with date_trunc('month', day)."
        new = f"date_trunc('{unit}', {inner})"
    else:
        detail = "TRUNC leaves no digits after the point: round(x, 2) does."
        new = f"round({inner}, {text.text(text.extent(value))})"
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *place)), (text.replaced(place, new),))


def _clause_cut(part: str, node: exp.Expr, place: tuple[int, int], text: Text) -> Unanswerable:
    """A clause that is not available: its first word, and the text without it."""
    detail, words = _MORE_CLAUSES[part]
    first = next((token for token in text.tokens if token.text.lower() in words), None)
    if first is None:
        return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, *place)))
    clause = text.clause(first.token_type) or (first.start, len(text.sql))
    cut = [text.without(clause), text.sql[: first.start].rstrip()]
    if part == "pivots":
        keys = [text.text(text.extent(item.this)) for item in node.find_all(exp.In)]
        rows = text.sql[: first.start].rstrip()
        source = text.clause(TokenType.FROM)
        if keys and source is not None:
            cut.insert(0, f"select {keys[0]}, count(*) {rows[source[0] :]} group by {keys[0]}")
    return Unanswerable(PlanNotSupported(detail, span=span_of(text.sql, first.start, first.end + 1)), tuple(cut))


def _parameter(node: exp.Expr, text: Text) -> Unanswerable:
    """?, $1, :name: the place is the sign's, which the parser does not keep."""
    detail = "Parameters are not available: write the value into the query."
    for number, token in enumerate(text.tokens):
        if token.token_type in (TokenType.PLACEHOLDER, TokenType.PARAMETER, TokenType.COLON):
            following = text.tokens[number + 1] if number + 1 < len(text.tokens) else token
            named = token.token_type is not TokenType.PLACEHOLDER and following.start == token.end + 1
            end = (following if named else token).end + 1
            place = span_of(text.sql, token.start, end)
            return Unanswerable(PlanNotSupported(detail, span=place), (text.replaced((token.start, end), "1"),))
    return Unanswerable(PlanNotSupported(detail, span=text.span(node)))


def _place(value: object, node: exp.Expr, text: Text) -> tuple[int, int]:
    first = value[0] if isinstance(value, list) and value else value
    return text.extent(first if isinstance(first, exp.Expr) else node)


def _like(node: exp.Expr, text: Text) -> tuple[str, ...]:
    left, right = node.args.get("this"), node.args.get("expression")
    if not isinstance(left, exp.Expr) or not isinstance(right, exp.Literal):
        return ()
    new = f"{text.text(text.extent(left))} like {text.text(text.extent(right))}"
    return (text.replaced((text.extent(left)[0], text.extent(right)[1]), new),)


def _bracket_end(text: Text, end: int) -> int:
    """The end of the bracket that closes next after `end`, where the next token closes one."""
    following = next((token for token in text.tokens if token.start >= end), None)
    closes = following is not None and following.token_type is TokenType.R_PAREN
    return following.end + 1 if closes and following is not None else end
