"""What cannot stand in an expression of rows, and what says the same."""

from sqlglot import exp

from sandbox.plan.aggregate_nodes import is_aggregate
from sandbox.plan.arithmetic import text_of
from sandbox.plan.calls import unknown_function
from sandbox.plan.function_calls import CALL_NODES
from sandbox.plan.moved_aggregates import asked_alone, moved_aggregate
from sandbox.plan.scope_terms import Columns
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import PlanNotSupported, TypeMismatch

_QUERIES = (exp.Exists, exp.Subquery, exp.Select, exp.SetOperation)
_BITS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift)


def not_a_row_value(node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of a node that is no expression of one row."""
    if is_aggregate(node):
        detail = "No row has an aggregate: conditions on one go into HAVING, statistics of several over a subquery."
        return scope.refuse(PlanNotSupported, detail, node, *moved_aggregate(node, scope), *first_column(node, scope))
    if isinstance(node, _QUERIES):
        detail = "A query has no place in an expression: EXISTS and IN stand in WHERE, as conditions joined by AND."
        if node.find_ancestor(exp.Where) is not None and not isinstance(node, exp.Exists):
            detail = "Rows are not compared with an answer: ask for it first, and write its value into the query."
        return scope.refuse(PlanNotSupported, detail, node, *asked_alone(node, scope))
    if type(node) in CALL_NODES:
        return other_form(node, scope)
    special = reworded(node, scope)
    if special is not None:
        return special
    if isinstance(node, exp.Func):
        word = text_of(node, scope).partition("(")[0].strip().lower()
        return unknown_function(word, node, scope)
    return scope.refuse(PlanNotSupported, "This cannot stand in an expression.", node, *first_column(node, scope))


def reworded(node: exp.Expr, scope: Columns) -> Unanswerable | None:
    """The refusal of a form that has another wording; None for every other node."""
    place = scope.text.extent(node)
    if isinstance(node, exp.Bracket):
        start, end = scope.text.extent(node.this)
        close = scope.text.sql.find("]", end) + 1
        inside = scope.text.sql[end:close].strip("[] ")
        first, _, last = inside.partition(":")
        length = f"({last}) - ({first}) + 1" if last else "1"
        new = f"substring({scope.text.text((start, end))}, {first or 1}, {length})"
        detail = "Parts of texts are taken with substring(text, start, length)."
        return scope.refuse(PlanNotSupported, detail, node, scope.text.replaced((start, max(close, end)), new))
    if isinstance(node, exp.BitwiseXor):
        sides = f"({text_of(node.this, scope)}) <> ({text_of(node.args['expression'], scope)})"
        detail = "Bits are not computed with; of two conditions, <> says that one holds and the other does not."
        return scope.refuse(
            PlanNotSupported, detail, node, scope.text.replaced(place, sides), *first_column(node, scope)
        )
    if isinstance(node, _BITS):
        return scope.refuse(PlanNotSupported, "Bits are not computed with.", node, *first_column(node, scope))
    if isinstance(node, exp.Collate):
        start, end = scope.text.extent(node.this)
        words = [token for token in scope.text.tokens if token.start >= end][:2]
        extent = (start, words[-1].end + 1 if words else end)
        detail = "Texts are compared by their characters: lower(text) makes letters alike."
        new = f"lower({scope.text.text((start, end))})"
        return scope.refuse(PlanNotSupported, detail, node, scope.text.replaced(extent, new))
    if isinstance(node, exp.Escape):
        detail = "LIKE has no ESCAPE here: contains, starts_with and ends_with take any text."
        return scope.refuse(PlanNotSupported, detail, node, scope.text.replaced(place, text_of(node.this, scope)))
    if isinstance(node, exp.Tuple) and isinstance(node.parent, exp.EQ):
        other = node.parent.args["expression"] if node is node.parent.this else node.parent.this
        pairs = zip(node.expressions, other.expressions, strict=False)
        each = " and ".join(f"{text_of(one, scope)} = {text_of(two, scope)}" for one, two in pairs)
        start, end = (scope.text.extent(node.parent.this)[0], scope.text.extent(node.parent.args["expression"])[1])
        sql = scope.text.sql
        whole = sql[: sql.rfind("(", 0, start)] + each + sql[sql.find(")", end) + 1 :]
        return scope.refuse(PlanNotSupported, "Values are compared one by one.", node, whole)
    if isinstance(node, exp.ArrayOverlaps):
        detail = "Conditions are joined by AND and OR."
        return scope.refuse(PlanNotSupported, detail, node, scope.text.sql.replace("&&", "and"))
    if isinstance(node, exp.AtTimeZone):
        detail = "Moments are in UTC: there are no other time zones."
        start, end = scope.text.extent(node.this)
        rest = [token for token in scope.text.tokens if token.start >= end][:4]
        cut = (end, rest[-1].end + 1 if rest else end)
        return scope.refuse(PlanNotSupported, detail, node, scope.text.without(cut))
    if isinstance(node, exp.Any | exp.All):
        return _any(node, scope)
    return None


def _any(node: exp.Any | exp.All, scope: Columns) -> Unanswerable:
    """ANY and ALL of lists and queries."""
    other, text = node.parent, scope.text
    if other is None or not isinstance(other.args.get("this"), exp.Expr):
        return scope.refuse(PlanNotSupported, "A list of values stands after IN.", node)
    left = text_of(other.this, scope)
    start, end = text.extent(other.this)[0], text.extent(node)[1]
    close = text.sql.find(")", end) + 1 if text.sql[end - 1 : end] != ")" else end
    place = (start, max(close, end))
    items = [text_of(item, scope) for item in (node.find(exp.Array) or node.find(exp.Tuple) or node).expressions]
    if isinstance(other, exp.Like | exp.ILike) and items:
        sign, word = (
            ("ilike" if isinstance(other, exp.ILike) else "like"),
            (" or " if isinstance(node, exp.Any) else " and "),
        )
        new = word.join(f"{left} {sign} {item}" for item in items)
        return scope.refuse(
            PlanNotSupported, f"Each pattern has its own {sign.upper()}.", node, text.replaced(place, f"({new})")
        )
    if isinstance(other, exp.EQ) and items:
        new = f"{left} in ({', '.join(items)})"
        return scope.refuse(PlanNotSupported, "A list of values stands after IN.", node, text.replaced(place, new))
    detail = "Rows are not compared with any or all of others: IN asks whether a value is among those of the same unit."
    opening = text.sql.rfind("(", 0, text.extent(node)[0])
    inside = (text.replaced((start, opening), f"{left} in "),) if isinstance(other, exp.EQ) and opening > start else ()
    return scope.refuse(PlanNotSupported, detail, node, *inside)


def first_column(node: exp.Expr, scope: Columns) -> list[str]:
    """The text with the first column of a node in place of it."""
    columns = [text_of(column, scope) for column in node.find_all(exp.Column)]
    return [scope.text.replaced(scope.text.extent(node), column) for column in columns[:1]]


def other_form(node: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of a known node with an argument that has no meaning here."""
    detail = "This form is not available here: an argument or a word of it has no meaning."
    candidates = first_column(node, scope)
    if isinstance(node, exp.Between):
        low, high = (text_of(node.args[side], scope) for side in ("low", "high"))
        inner = f"{text_of(node.this, scope)} between least({low}, {high}) and greatest({low}, {high})"
        candidates = [scope.text.replaced(scope.text.extent(node), inner)]
    return scope.refuse(PlanNotSupported, detail, node, *candidates)


def date_add_form(node: exp.DateAdd, scope: Columns) -> Unanswerable:
    """The refusal of date_add with a number instead of an interval."""
    detail = "date_add takes a date and an interval: date_add(day, interval 3 day)."
    columns = [text_of(column, scope) for column in node.find_all(exp.Column)]
    place = scope.text.extent(node)
    candidates = [scope.text.replaced(place, f"{column} + interval 1 day") for column in columns]
    return scope.refuse(PlanNotSupported, detail, node, *candidates)


def compared_again(node: exp.Expr, scope: Columns) -> list[str]:
    """`sex = 'F' or 'M'` with the comparison written once more: `sex = 'F' or sex = 'M'`."""
    other = node.parent.this if isinstance(node.parent, exp.Or | exp.And) and node is not node.parent.this else None
    while isinstance(other, exp.Or | exp.And):
        other = other.args["expression"]
    if not isinstance(node, exp.Literal) or not isinstance(other, exp.EQ | exp.NEQ | exp.Like):
        return []
    sign = {exp.EQ: "=", exp.NEQ: "<>"}.get(type(other), "like")
    return [scope.text.replaced(scope.text.extent(node), f"{text_of(other.this, scope)} {sign} {text_of(node, scope)}")]


def unit_quoted(node: exp.Expr, scope: Columns) -> list[str]:
    """date_trunc(month, day) with its unit in quotation marks."""
    start, end = scope.text.extent(node)
    unit = str(node.args.get("unit") or "").lower()
    found = (token for token in scope.text.tokens if start <= token.start < end and token.text.lower() == unit)
    return [scope.text.replaced((token.start, token.end + 1), f"'{unit}'") for token in found][:1]


def with_null(node: exp.Expr, scope: Columns) -> Unanswerable:
    """`x = null`, which is true of no row: always a slip, and it would cost what an answer costs."""
    sides = [node.this, node.args["expression"]]
    other = next((side for side in sides if not isinstance(side, exp.Null)), None)
    detail = "Nothing equals NULL, not even NULL: IS NULL asks whether a value is missing."
    if other is None:
        return scope.refuse(TypeMismatch, detail, node)
    test = "is not null" if isinstance(node, exp.NEQ) else "is null"
    start, end = scope.text.extent(other)
    before = [token for token in scope.text.tokens if token.end < start][-2:]
    after = [token for token in scope.text.tokens if token.start >= end][:2]
    place = (start, after[-1].end + 1) if other is sides[0] and after else (before[0].start if before else start, end)
    found = scope.refuse(
        TypeMismatch, detail, node, scope.text.replaced(place, f"{scope.text.text((start, end))} {test}")
    )
    found.refusal.span = scope.text.span_at(*place)
    return found
