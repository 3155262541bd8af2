"""What is known of an expression from what is known of its columns: exact arithmetic over declared bounds, and the
evaluation of what can only take a few values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod

from sandbox.plan.evaluate import arithmetic
from sandbox.plan.expressions import children
from sandbox.plan.facts import INTEGER_LIMIT, TEXT_LIMIT, Facts, Range, Value, combinations, combine, finest, hull
from sandbox.plan.functions.entry import Function
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.literals import value_of
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Expression,
    Literal,
    Negation,
    NullTest,
)
from sandbox.terms.dataset import Type

COMBINATIONS_MAX = 1_024
"""So many combinations of known values are evaluated to learn the values of a result."""

_INTEGERS = Range(Fraction(1 - INTEGER_LIMIT), Fraction(INTEGER_LIMIT - 1))
_TRUTHS: frozenset[int | float | str | bool] = frozenset({False, True})


def facts_of(expression: Expression, columns: Mapping[str, Facts]) -> Facts:
    """What is known of a sound expression over columns of which this is known, by name.

    Raises:
        ValueError: it names another column.
    """
    match expression:
        case ColumnRef(name, kind):
            if name not in columns or columns[name].type is not kind:
                raise ValueError("the relation has no such column")
            return columns[name]
        case Literal():
            return _constant(expression)
        case Negation(operand, kind):
            inner = facts_of(operand, columns)
            span = inner.range and Range(-inner.range.high, -inner.range.low)
            values = (
                None if inner.values is None else frozenset(-item for item in inner.values if not isinstance(item, str))
            )
            known = Facts(kind, span, values, granularity=inner.granularity, nullable=inner.nullable)
            known = replace(known, distinct_max=inner.distinct)
            return _integral(known) if kind is Type.INT else known
        case Arithmetic(_, left, right):
            return _arithmetic(expression, facts_of(left, columns), facts_of(right, columns))
        case Case(branches, default):
            return hull([facts_of(value, columns) for value in (*(value for _, value in branches), default)])
        case Call(function, operands):
            return _call(FUNCTIONS[function], tuple(facts_of(operand, columns) for operand in operands))
        case NullTest():
            return Facts(Type.BOOL, values=_TRUTHS, nullable=False)
        case _:
            parts = [facts_of(part, columns) for part in children(expression)]
            return Facts(Type.BOOL, values=_TRUTHS, nullable=any(part.nullable for part in parts))


def _constant(literal: Literal) -> Facts:
    """A constant is its only value; NULL has none. An integer is a step of itself: it keeps the step of a sum."""
    value, kind = literal.value, literal.type
    if value is None:
        return Facts(kind, Range(Fraction(0), Fraction(0)) if kind.is_number else None, frozenset(), 0)
    plain = value_of(literal)
    values = frozenset() if plain is None else frozenset({plain})
    if isinstance(value, str):
        return Facts(kind, values=values, max_length=len(value), nullable=False)
    if kind is Type.BOOL:
        return Facts(kind, values=values, nullable=False)
    exact = Fraction(value)
    return Facts(kind, Range(exact, exact), values, granularity=abs(exact) or None, nullable=False)


def _arithmetic(node: Arithmetic, left: Facts, right: Facts) -> Facts:
    span = combine(node.operator, left.range, right.range)
    nullable = left.nullable or right.nullable or node.operator == "/"
    known = Facts(node.type, span, granularity=_step(node, left, right), nullable=nullable)
    known = replace(known, distinct_max=combinations((left, right)))
    if node.type is Type.INT:
        known = _integral(known)
    if left.values is None or right.values is None or len(left.values) * len(right.values) > COMBINATIONS_MAX:
        return known
    made = (arithmetic(node.operator, one, other, node.type) for one in left.values for other in right.values)
    return replace(known, values=frozenset(value for value in made if value is not None))


def _integral(facts: Facts) -> Facts:
    """An integer result: what is beyond ±2^62 is NULL."""
    span = facts.range
    if span is None or span.fits_integer:
        return replace(facts, nullable=facts.nullable or span is None)
    low, high = max(span.low, _INTEGERS.low), min(span.high, _INTEGERS.high)
    return replace(facts, range=Range(low, high) if low <= high else _INTEGERS, nullable=True)


def _step(node: Arithmetic, left: Facts, right: Facts) -> Fraction | None:
    """The step of a real result: the finer one of a sum, the scaled one of a multiple; others have none."""
    if node.type is not Type.FLOAT:
        return None
    if node.operator in "+-":
        constants = [side for side in (left, right) if _single(side)]
        others = [side for side in (left, right) if not _single(side)]
        # Adding a constant moves the grid, and no more.
        return finest(side.granularity for side in (others or constants))
    factor, scaled = (left, right) if _single(left) and node.operator == "*" else (right, left)
    if not _single(factor) or factor.range is None or factor.range.low == 0 or scaled.granularity is None:
        return None
    size = abs(factor.range.low)
    return scaled.granularity * size if node.operator == "*" else scaled.granularity / size


def _single(facts: Facts) -> bool:
    return facts.range is not None and facts.range.low == facts.range.high


def _call(entry: Function, arguments: tuple[Facts, ...]) -> Facts:
    """By the rule of the function, and by its values where the arguments take only a few."""
    known = replace(entry.facts(arguments), distinct_max=combinations(arguments))
    if not known.nullable and not _surely_kept(known):
        known = replace(known, nullable=True)
    values = _values(entry, arguments)
    if values is None:
        return known
    found = frozenset(value for value in values if value is not None)
    span, length = known.range, known.max_length
    numbers = [Fraction(value) for value in found if not isinstance(value, str)]
    if numbers and known.type is not Type.BOOL and entry.exact:
        span = Range(min(numbers), max(numbers))
    if known.type is Type.STRING:
        length = max((len(value) for value in found if isinstance(value, str)), default=0)
    nullable = known.nullable if known.nullable is False else None in values or any(each.nullable for each in arguments)
    return replace(known, range=span, values=found if entry.exact else None, max_length=length, nullable=nullable)


def _surely_kept(facts: Facts) -> bool:
    """Whether no result is too large to be kept: see `functions.entry.representable`."""
    if facts.type is Type.STRING:
        return facts.max_length is not None and facts.max_length <= TEXT_LIMIT
    whole = facts.type in (Type.INT, Type.DATE, Type.TIMESTAMP)
    return not whole or (facts.range is not None and facts.range.fits_integer)


def _values(entry: Function, arguments: Sequence[Facts]) -> set[Value] | None:
    """Every value of the function, or None where there are too many to try."""
    if any(argument.values is None for argument in arguments):
        return None
    lists: list[list[Value]] = [
        [*(argument.values or ()), *([None] if entry.sees_null and argument.nullable else [])] for argument in arguments
    ]
    if prod(len(each) for each in lists) > COMBINATIONS_MAX:
        return None
    return {entry(*values) for values in product(*lists)}
