"""A second, slow reading of expressions: one row at a time, in exact fractions, by the letter of the SQL standard.

Functions are read by the table; their meaning has its own tests."""

import operator
from fractions import Fraction

from sandbox.plan import nodes
from sandbox.plan.functions import FUNCTIONS

_SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_ORDER = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def value_of(expression, row):
    """The value of an expression in a row; None is NULL."""
    match expression:
        case nodes.ColumnRef(name):
            return row[name]
        case nodes.Literal(value):
            return value
        case nodes.Negation(operand):
            inner = value_of(operand, row)
            return None if inner is None else -inner
        case nodes.Arithmetic(sign, left, right):
            one, other = value_of(left, row), value_of(right, row)
            if one is None or other is None or (sign == "/" and other == 0):
                return None
            return Fraction(one) / Fraction(other) if sign == "/" else _SIGNS[sign](one, other)
        case nodes.Comparison(sign, left, right):
            one, other = value_of(left, row), value_of(right, row)
            return None if one is None or other is None else _ORDER[sign](one, other)
        case nodes.Membership(operand, values):
            inner = value_of(operand, row)
            return None if inner is None else inner in [item.value for item in values]
        case nodes.NullTest(operand):
            return value_of(operand, row) is None
        case nodes.Not(operand):
            inner = value_of(operand, row)
            return None if inner is None else not inner
        case nodes.Conjunction(operands):
            values = [value_of(item, row) for item in operands]
            return False if False in values else None if None in values else True
        case nodes.Disjunction(operands):
            values = [value_of(item, row) for item in operands]
            return True if True in values else None if None in values else False
        case nodes.Case(branches, default):
            for condition, value in branches:
                if value_of(condition, row):
                    return value_of(value, row)
            return value_of(default, row)
        case nodes.Call(function, operands):
            values = [value_of(item, row) for item in operands]
            made = FUNCTIONS[function](*(float(item) if isinstance(item, Fraction) else item for item in values))
            return Fraction(made) if isinstance(made, float) else made
    raise AssertionError(expression)
