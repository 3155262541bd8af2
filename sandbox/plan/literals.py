"""Constants: their exact values, the same as values of rows, and the reading of one type's constant as another type's."""

import math
import re
import sys
from dataclasses import replace
from fractions import Fraction

from sandbox.plan.facts import INTEGER_LIMIT, Value
from sandbox.plan.nodes import Expression, Literal, type_of
from sandbox.terms.dataset import Type
from sandbox.terms.moments import days, microseconds

TRUE = Literal(True, Type.BOOL)
FALSE = Literal(False, Type.BOOL)
NULL = Literal(None, Type.BOOL)
"""NULL before its type is known: it fits everywhere."""

_NUMBER = re.compile(r"(\d{0,40})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_EXPONENT_MAX = 300

LARGEST = Fraction(10) ** 300
"""Real constants stay within ±10^300, well inside a double."""


def number_literal(text: str) -> Literal | None:
    """The exact value of a decimal numeral, or None where it is too large to mean anything here."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, part, exponent = match.groups()
    if part is None and exponent is None:
        return Literal(int(whole), Type.INT) if whole and int(whole) < INTEGER_LIMIT else None
    power = int(exponent or 0)
    if not (whole or part) or abs(power) > _EXPONENT_MAX:
        return None
    value = Fraction(int((whole or "") + (part or "")), 10 ** len(part or "")) * Fraction(10) ** power
    return Literal(value, Type.FLOAT) if value <= LARGEST else None


def as_type(literal: Literal, kind: Type) -> Literal | None:
    """The same constant as a `kind`, or None where it has no such value. NULL is NULL of any type."""
    value = literal.value
    if value is None or literal.type is kind:
        return replace(literal, type=kind)
    if literal.type is Type.INT and kind is Type.FLOAT and isinstance(value, int):
        return Literal(Fraction(value), kind)
    if literal.type is Type.FLOAT and kind is Type.INT and isinstance(value, Fraction):
        fits = value.denominator == 1 and abs(value) < INTEGER_LIMIT
        return Literal(int(value), kind) if fits else None
    if literal.type is Type.STRING and kind in (Type.DATE, Type.TIMESTAMP) and isinstance(value, str):
        moment = days(value) if kind is Type.DATE else microseconds(value)
        return None if moment is None else Literal(moment, kind)
    if literal.type is Type.DATE and kind is Type.TIMESTAMP and isinstance(value, int):
        return Literal(value * 86_400_000_000, kind)
    return None


def matched(left: Expression, right: Expression) -> tuple[Expression, Expression] | None:
    """Both sides of a comparison in types that compare, or None. An integer beside a real number stays as it is."""
    left_type, right_type = type_of(left), type_of(right)
    if is_null(left) or is_null(right):
        return left, right
    if isinstance(right, Literal) and left_type is not right_type:
        converted = as_type(right, left_type)
        if converted is not None:
            return left, converted
    if isinstance(left, Literal) and left_type is not right_type:
        converted = as_type(left, right_type)
        if converted is not None:
            return converted, right
    fits = left_type is right_type or (left_type.is_number and right_type.is_number)
    return (left, right) if fits else None


def is_null(expression: Expression) -> bool:
    """Whether it is the constant NULL."""
    return isinstance(expression, Literal) and expression.value is None


def nearest_double(number: Fraction) -> float:
    """The double nearest to a number, the largest finite one where it lies beyond them."""
    largest = Fraction(sys.float_info.max)
    return float(min(max(number, -largest), largest))


def value_of(literal: Literal) -> Value:
    """The constant as rows hold it: a real number is the nearest double."""
    return nearest_double(literal.value) if isinstance(literal.value, Fraction) else literal.value


def literal_of(value: Value, kind: Type) -> Literal | None:
    """The constant of a row's value, or None where no constant is the same: beyond the sizes of constants, and -0.0."""
    if isinstance(value, float):
        small = abs(value) <= LARGEST and (value != 0 or math.copysign(1, value) > 0)
        return Literal(Fraction(value), kind) if small else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= INTEGER_LIMIT:
        return None
    return Literal(value, kind)
