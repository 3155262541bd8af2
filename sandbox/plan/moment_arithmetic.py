"""Dates and timestamps plus and minus intervals: each part of an interval is one call of date_add or timestamp_add."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from sandbox.plan.conversions import cast
from sandbox.plan.facts import INTEGER_LIMIT
from sandbox.plan.function_calls import unit_of
from sandbox.plan.functions.moments import DATE_STEPS, TIME_UNITS
from sandbox.plan.nodes import Call, Expression, Literal, Negation, type_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scope_terms import Columns
from sandbox.plan.spans import span_of
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import NotAnswerable, PlanNotSupported, TypeMismatch

_PARTS = re.compile(r"\s*([+-]?\d{1,9})\s*([a-zA-Z]+)", re.ASCII)
_NUMBER = re.compile(r"\s*([+-]?\d{1,9})\s*", re.ASCII)
_MAKERS = {f"to_{unit}s": unit for unit in (*DATE_STEPS, *TIME_UNITS)}

INTERVAL_NODES: dict[type[exp.Expr], frozenset[str]] = {
    exp.Interval: frozenset({"this", "unit"}),
    exp.ToDays: frozenset({"this"}),
    exp.DateAdd: frozenset({"this", "expression"}),
}
"""Node types of intervals with the arguments that are read; to_months(n) and its like are exp.Anonymous."""

_MADE_OF = {
    "year": (12, "month"),
    "quarter": (3, "month"),
    "month": (1, "month"),
    "week": (7, "day"),
    "day": (1, "day"),
    "hour": (3_600_000_000, "microsecond"),
    "minute": (60_000_000, "microsecond"),
    "second": (1_000_000, "microsecond"),
    "millisecond": (1_000, "microsecond"),
    "microsecond": (1, "microsecond"),
}

_FORM = "An interval is a whole number of units, such as interval 3 day or interval (n) month."


def is_interval(node: exp.Expr) -> bool:
    """Whether a node is a span of time: interval 3 day, to_months(n), in brackets or not."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _MAKERS
    return isinstance(node, exp.Interval | exp.ToDays)


def shifted(
    moment: Expression, span: exp.Expr, earlier: bool, scope: Columns, bind: Callable[[exp.Expr, Columns], Expression]
) -> Expression:
    """A date or timestamp later, or earlier, by an interval. A date stays one, unless hours or less are added.

    Args:
        bind: how a number of units that is no constant is read.

    Raises:
        Unanswerable: not a moment, or not a number of units.
    """
    if type_of(moment) not in (Type.DATE, Type.TIMESTAMP):
        detail = f"An interval is added to a date or timestamp, not to a {type_of(moment).value}."
        raise _unfit(TypeMismatch, detail, "1", span, scope)
    for number, unit in _steps(span, scope, bind):
        by = normalise(Negation(number, Type.INT)) if earlier else number
        word = Literal(unit, Type.STRING)
        if type_of(moment) is Type.DATE and unit in DATE_STEPS:
            moment = Call("date_add", (moment, by, word), Type.DATE)
        else:
            moment = Call("timestamp_add", (cast(moment, Type.TIMESTAMP) or moment, by, word), Type.TIMESTAMP)
    return moment


def _steps(
    span: exp.Expr, scope: Columns, bind: Callable[[exp.Expr, Columns], Expression]
) -> Iterator[tuple[Expression, str]]:
    """The parts of an interval: how many of which unit."""
    while isinstance(span, exp.Paren):
        span = span.this
    if isinstance(span, exp.ToDays):
        yield _number(span.this, span, scope, bind), "day"
        return
    if isinstance(span, exp.Anonymous):
        if len(span.expressions) != 1:
            raise _unfit(PlanNotSupported, _FORM, "interval 1 day", span, scope)
        yield _number(span.expressions[0], span, scope, bind), _MAKERS[str(span.this).lower()]
        return
    inner, word = span.this, span.args.get("unit")
    if isinstance(word, exp.Var):
        unit = unit_of(str(word.this))
        if unit not in (*DATE_STEPS, *TIME_UNITS):
            units = ", ".join((*TIME_UNITS, *DATE_STEPS))
            detail = f"The units of an interval are {units}."
            raise _unfit(PlanNotSupported, detail, "interval 1 day", span, scope)
        yield _number(inner, span, scope, bind), unit
        return
    if word is None and isinstance(inner, exp.Literal) and inner.args["is_string"]:
        yield from _spelt(str(inner.this), span, scope)
        return
    raise _unfit(PlanNotSupported, _FORM, "interval 1 day", span, scope)


def _spelt(text: str, span: exp.Expr, scope: Columns) -> list[tuple[Expression, str]]:
    """The parts of '1 year 2 months': an interval has months, days and microseconds, each added in one step."""
    counts = dict.fromkeys(("month", "day", "microsecond"), 0)
    place = 0
    for match in _PARTS.finditer(text):
        unit = unit_of(match.group(2))
        if match.start() != place or unit not in _MADE_OF:
            break
        size, base = _MADE_OF[unit]
        counts[base] += int(match.group(1)) * size
        place = match.end()
    if not place or text[place:].strip() or max(map(abs, counts.values())) >= INTEGER_LIMIT:
        raise _unfit(PlanNotSupported, _FORM, "interval 1 day", span, scope)
    steps = [(Literal(count, Type.INT), unit) for unit, count in counts.items() if count]
    return [*steps] or [(Literal(0, Type.INT), "day")]


def _number(
    node: exp.Expr, span: exp.Expr, scope: Columns, bind: Callable[[exp.Expr, Columns], Expression]
) -> Expression:
    """How many units: a whole number, in quotation marks or not, or an INT expression."""
    if isinstance(node, exp.Literal):
        match = _NUMBER.fullmatch(str(node.this))
        if match is None:
            raise _unfit(PlanNotSupported, _FORM, "interval 1 day", span, scope)
        return Literal(int(match.group(1)), Type.INT)
    number = normalise(bind(node, scope))
    if type_of(number) is not Type.INT:
        raise _unfit(PlanNotSupported, _FORM, "interval 1 day", span, scope)
    return number


def _unfit(kind: type[NotAnswerable], detail: str, new: str, span: exp.Expr, scope: Columns) -> Unanswerable:
    """The refusal of an interval, with another text in its place."""
    text = scope.text
    start, end = _place(span, scope)
    found = scope.refuse(kind, detail, span, text.replaced((start, end), new))
    found.refusal.span = span_of(text.sql, start, end)
    return found


def _place(span: exp.Expr, scope: Columns) -> tuple[int, int]:
    """From the word INTERVAL to the unit; the parser keeps no place of numbers there."""
    text = scope.text
    start, end = text.extent(span)
    if not isinstance(span, exp.Interval):
        return start, end
    for word, number in pairwise(text.tokens):
        plain = isinstance(span.this, exp.Literal) and number.text == str(span.this.this)
        if word.token_type is TokenType.INTERVAL and (plain or word.start < start <= number.end + 1):
            end = max(number.end + 1, end if not plain else 0)
            following = next((token for token in text.tokens if token.start >= end), None)
            unit = following is not None and span.args.get("unit") is not None
            return word.start, following.end + 1 if unit and following is not None else end
    return start, end
