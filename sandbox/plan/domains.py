"""The finite domain of an expression: every value it can take, known from declarations alone, so that they can be keys."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from math import prod

from sandbox.plan.evaluate import evaluate
from sandbox.plan.expressions import children, with_children
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import Facts, Value
from sandbox.plan.functions.calendar import known_day, known_moment
from sandbox.plan.functions.moment_meanings import following, following_moment
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.nodes import Call, Case, ColumnRef, Expression, Literal, type_of
from sandbox.terms.dataset import KeyValue, Type
from sandbox.terms.moments import date_text, timestamp_text

TRIALS_MAX = 10_000
"""So many combinations of values are evaluated to learn a domain."""

_STEPS = ("date_trunc", "timestamp_trunc")


def domain_of(expression: Expression, columns: Mapping[str, Facts], limit: int) -> tuple[KeyValue, ...] | None:
    """Every value other than NULL that a sound expression can take, in canonical key order; dates and timestamps as ISO
    8601 text. None where there is none, or more than `limit`, or the values are real numbers or cannot be told."""
    kind = type_of(expression)
    if kind is Type.FLOAT:
        return None
    values = _values(expression, columns, limit)
    if not values or len(values) > limit:
        return None
    ordered = sorted(values)  # type: ignore[type-var]
    return _keys(ordered, kind)


def _keys(ordered: list[Value], kind: Type) -> tuple[KeyValue, ...] | None:
    """Values as keys; moments outside of the years 1 to 9999 have no text."""
    numbers = [value for value in ordered if isinstance(value, int)]
    if kind is Type.DATE:
        known = all(known_day(value) is not None for value in numbers)
        return tuple(date_text(value) for value in numbers) if known else None
    if kind is Type.TIMESTAMP:
        known = all(known_moment(value) is not None for value in numbers)
        return tuple(timestamp_text(value) for value in numbers) if known else None
    return tuple(value for value in ordered if isinstance(value, int | str))


def _values(expression: Expression, columns: Mapping[str, Facts], limit: int) -> set[Value] | None:
    """Every value other than NULL; more than there are, where parts that go together are taken one by one."""
    facts = facts_of(expression, columns)
    if facts.values is not None and not isinstance(expression, Call):
        return set(facts.values)
    tried = None if _stepped(expression, columns) else _tried(expression, columns)
    if tried is not None:
        return tried
    if facts.values is not None:
        return set(facts.values)
    composed = _composed(expression, columns, limit)
    if composed is not None:
        return composed
    return _listed(facts, limit)


def _stepped(expression: Expression, columns: Mapping[str, Facts]) -> bool:
    """Whether it cuts off a column of days that fill a range: its values are then found step by step."""
    if not isinstance(expression, Call) or expression.function not in _STEPS:
        return False
    moment = expression.operands[-1]
    return isinstance(moment, ColumnRef) and columns[moment.name].values is None


def _listed(facts: Facts, limit: int) -> set[Value] | None:
    """The known values, or the whole numbers and days of a range, unless there are more than `limit`."""
    if facts.values is not None:
        return set(facts.values)
    if facts.range is None or facts.type not in (Type.INT, Type.DATE):
        return None
    low, high = -(-facts.range.low // 1), facts.range.high // 1
    return set(range(low, high + 1)) if high - low < limit else None


def _tried(expression: Expression, columns: Mapping[str, Facts]) -> set[Value] | None:
    """By evaluating the expression for all combinations of its columns' values."""
    found = _tried_of(expression, tuple((name, columns[name]) for name in sorted(_names(expression))))
    return None if found is None else set(found)


@lru_cache(maxsize=128)
def _tried_of(expression: Expression, columns: tuple[tuple[str, Facts], ...]) -> frozenset[Value] | None:
    """The same, kept: thousands of evaluations are most of what planning a query by year or month takes."""
    names = [name for name, _ in columns]
    lists: list[list[Value]] = []
    for _, facts in columns:
        values = _listed(facts, TRIALS_MAX)
        if values is None:
            return None
        lists.append([*values, *([None] if facts.nullable else [])])
    if prod(len(each) for each in lists) > TRIALS_MAX:
        return None
    rows = (dict(zip(names, row, strict=True)) for row in product(*lists))
    return frozenset(evaluate(expression, row) for row in rows) - {None}


def _names(expression: Expression) -> set[str]:
    if isinstance(expression, ColumnRef):
        return {expression.name}
    return set().union(*(_names(part) for part in children(expression)))


def _composed(expression: Expression, columns: Mapping[str, Facts], limit: int) -> set[Value] | None:
    """From the values of the parts: those of all branches of a choice; a truncated moment step by step; else by
    evaluating the node for all combinations."""
    match expression:
        case Case(branches, default):
            return _united([*(value for _, value in branches), default], columns, limit)
        case Call("coalesce" | "greatest" | "least", operands):
            return _united(operands, columns, limit)
        case Call(name, (Literal(str() as unit), moment)) if name in _STEPS:
            return _steps(name, unit, facts_of(moment, columns), limit)
        case ColumnRef() | Literal():
            return None
        case _:
            return _combined(expression, columns)


def _united(parts: Iterable[Expression], columns: Mapping[str, Facts], limit: int) -> set[Value] | None:
    found: set[Value] = set()
    for part in parts:
        values = _values(part, columns, limit)
        if values is None:
            return None
        found |= values
    return found


def _steps(name: str, unit: str, facts: Facts, limit: int) -> set[Value] | None:
    """The beginnings of all units between two moments."""
    if facts.range is None:
        return None
    low, high = -(-facts.range.low // 1), facts.range.high // 1
    place = FUNCTIONS[name](unit, low)
    found: set[Value] = set()
    while isinstance(place, int) and place <= high and len(found) <= limit:
        found.add(place)
        place = following(unit, place) if name == "date_trunc" else following_moment(unit, place)
    return found or None


def _combined(expression: Expression, columns: Mapping[str, Facts]) -> set[Value] | None:
    parts = children(expression)
    names = [f"part {number}" for number in range(len(parts))]
    lists: list[list[Value]] = []
    new: list[Expression] = []
    for name, part in zip(names, parts, strict=True):
        if isinstance(part, Literal):
            new.append(part)
            lists.append([None])
            continue
        values = _values(part, columns, TRIALS_MAX)
        if values is None:
            return None
        new.append(ColumnRef(name, type_of(part)))
        lists.append([*values, None])
    if prod(len(each) for each in lists) > TRIALS_MAX:
        return None
    node = with_children(expression, tuple(new))
    return {evaluate(node, dict(zip(names, row, strict=True))) for row in product(*lists)} - {None}
