"""The meaning of an expression in one row: total, and what every other implementation must give.

Real numbers are IEEE doubles, NaN is NULL and what is infinite counts as the largest double; integers beyond ±2^62 are
NULL, as far as ranges do not rule them out. NULL follows SQL's three-valued logic.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.plan.facts import Value
from sandbox.plan.functions.entry import representable
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.literals import value_of
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Comparison,
    Conjunction,
    Disjunction,
    Expression,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
)
from sandbox.terms.dataset import Type

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(expression: Expression, row: Mapping[str, Value]) -> Value:
    """The value of a sound expression in a row, by column name; the row has every column that the expression names."""
    match expression:
        case ColumnRef(name):
            return row[name]
        case Literal():
            return value_of(expression)
        case Negation(operand):
            number: Any = evaluate(operand, row)
            return None if number is None else representable(-number)
        case Arithmetic(sign, left, right, kind):
            return arithmetic(sign, evaluate(left, row), evaluate(right, row), kind)
        case Comparison(sign, left, right):
            return compare(sign, evaluate(left, row), evaluate(right, row))
        case Membership(operand, values):
            member = evaluate(operand, row)
            return None if member is None else member in {value_of(item) for item in values}
        case NullTest(operand):
            return evaluate(operand, row) is None
        case Not(operand):
            truth = evaluate(operand, row)
            return None if truth is None else not truth
        case Conjunction(operands):
            return _decided((evaluate(part, row) for part in operands), deciding=False)
        case Disjunction(operands):
            return _decided((evaluate(part, row) for part in operands), deciding=True)
        case Case(branches, default):
            chosen = (value for condition, value in branches if evaluate(condition, row) is True)
            return evaluate(next(chosen, default), row)
        case Call(function, operands):
            return FUNCTIONS[function](*(evaluate(part, row) for part in operands))


def arithmetic(sign: str, left: Value, right: Value, kind: Type) -> Value:
    """`left sign right` as a value of type `kind`: an INT stays exact, all else is computed in doubles."""
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return None
    if kind is Type.INT:
        return representable(_ARITHMETIC[sign](left, right))
    one, other = float(left), float(right)
    if sign == "/":
        return None if other == 0 else representable(one / other)
    return representable(_ARITHMETIC[sign](one, other))


def compare(sign: str, left: Value, right: Value) -> bool | None:
    """`left sign right`: an integer beside a real number is compared as a double, texts by code points."""
    if left is None or right is None:
        return None
    if isinstance(left, float) and isinstance(right, int):
        right = float(right)
    elif isinstance(right, float) and isinstance(left, int):
        left = float(left)
    return bool(_COMPARE[sign](left, right))


def _decided(values: Iterable[Value], *, deciding: bool) -> bool | None:
    """AND (`deciding` False) or OR (True): one operand that equals `deciding` decides, whatever is NULL."""
    found: bool | None = not deciding
    for value in values:
        if value is deciding:
            return deciding
        if value is None:
            found = None
    return found
