"""Whether an expression that came from outside is one that the binder could have made: types, columns, functions, sizes."""

from collections.abc import Mapping
from fractions import Fraction

from sandbox.plan.expressions import children
from sandbox.plan.facts import INTEGER_LIMIT
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.literals import LARGEST, value_of
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
    type_of,
)
from sandbox.terms.dataset import Type

_VALUE_TYPES: dict[Type, type] = {
    Type.INT: int,
    Type.FLOAT: Fraction,
    Type.STRING: str,
    Type.BOOL: bool,
    Type.DATE: int,
    Type.TIMESTAMP: int,
}
_EQUAL = {"=", "<>"}
_ORDERED = {"<", "<=", ">", ">="}


def check_types(expression: Expression, columns: Mapping[str, Type]) -> None:
    """Whether every node has operands of types it takes, over columns of these names and types.

    Raises:
        ValueError: it does not.
    """
    for part in children(expression):
        check_types(part, columns)
    match expression:
        case ColumnRef(name, kind):
            _require(columns.get(name) is kind, "a column that is not there")
        case Literal():
            _check_literal(expression)
        case Negation(operand, kind):
            _require(kind.is_number and type_of(operand) is kind, "minus something")
        case Arithmetic(sign, left, right, kind):
            sides = {type_of(left), type_of(right)}
            _require(sign in ("+", "-", "*", "/") and all(side.is_number for side in sides), "arithmetic")
            _require(kind is (Type.INT if sides == {Type.INT} and sign != "/" else Type.FLOAT), "arithmetic's type")
        case Comparison(sign, left, right):
            one, other = type_of(left), type_of(right)
            _require(one is other or (one.is_number and other.is_number), "a comparison")
            _require(sign in _EQUAL or (sign in _ORDERED and one is not Type.BOOL), "an order")
        case Membership(operand, values):
            _require(bool(values), "a list without values")
            for item in values:
                _check_literal(item)
                _require(item.type is type_of(operand) and item.value is not None, "a listed value")
        case NullTest():
            pass
        case Not(operand):
            _require(type_of(operand) is Type.BOOL, "NOT of something")
        case Conjunction(operands) | Disjunction(operands):
            _require(len(operands) >= 2, "AND and OR join two or more")
            _require(all(type_of(part) is Type.BOOL for part in operands), "AND and OR of conditions")
        case Case(branches, default, kind):
            _require(bool(branches), "a CASE without branches")
            _require(all(type_of(condition) is Type.BOOL for condition, _ in branches), "a condition of a CASE")
            values_ = [*(value for _, value in branches), default]
            _require(all(type_of(value) is kind for value in values_), "the values of a CASE")
        case Call():
            _check_call(expression)


def _check_literal(literal: Literal) -> None:
    value, kind = literal.value, literal.type
    _require(value is None or type(value) is _VALUE_TYPES[kind], "a constant's type")
    limit = LARGEST if kind is Type.FLOAT else Fraction(INTEGER_LIMIT)
    _require(not isinstance(value, int | Fraction) or abs(Fraction(value)) <= limit, "a constant's size")


def _check_call(call: Call) -> None:
    """A function of the table, arguments of types that go together, and constants where it needs them."""
    entry = FUNCTIONS.get(call.function)
    if entry is None:
        raise ValueError("not a sound plan: a function that is not there")
    types = [type_of(operand) for operand in call.operands]
    _require(entry.result_type(types) is call.type, "the arguments of a function")
    for number, operand in enumerate(call.operands):
        parameter = entry.parameter(number)
        if parameter.constant:
            fits = isinstance(operand, Literal) and parameter.takes(value_of(operand))
            _require(fits, "a constant argument")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"not a sound plan: {what}")
