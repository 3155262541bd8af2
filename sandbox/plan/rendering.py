"""Expressions as SQL text, for people and for reading back."""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from sandbox.plan.functions.table import FUNCTIONS
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
from sandbox.terms.moments import date_text, timestamp_text

_CASTS = {
    "cast_int": "BIGINT",
    "cast_float": "DOUBLE",
    "cast_string": "VARCHAR",
    "date_string": "VARCHAR",
    "timestamp_string": "VARCHAR",
    "cast_date": "DATE",
    "cast_timestamp": "TIMESTAMP",
    "cast_bool": "BOOLEAN",
}
_SIGNS = {
    "concat_op": "||",
    "mod": "%",
    "intdiv": "//",
    "like": "LIKE",
    "ilike": "ILIKE",
    "date_sub_days": "-",
    "is_distinct": "IS DISTINCT FROM",
}
_SHIFTS = ("date_add", "timestamp_add")

_FIRST_DAY, _LAST_DAY, _DAY = -719_162, 2_932_896, 86_400_000_000
"""Days of 0001-01-01 and 9999-12-31, and the microseconds of a day."""

_SHORT = 10**15
"""Numbers of so many digits are written as they are."""

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def render(expression: Expression, names: Mapping[str, str] = _NO_NAMES) -> str:
    """An expression as SQL text.

    Args:
        expression: any expression.
        names: what to write for a column, by its name in the plan; without an entry it is its name. A text that is more
            than one word or call stands in brackets of its own (`atom`).
    """
    match expression:
        case ColumnRef(name):
            return names.get(name, name)
        case Literal():
            return _literal(expression)
        case Negation(operand):
            return f"-({render(operand, names)})"
        case Arithmetic(sign, left, right) | Comparison(sign, left, right):
            return f"{atom(left, names)} {sign} {atom(right, names)}"
        case Membership(operand, values):
            return f"{atom(operand, names)} IN ({', '.join(_literal(value) for value in values)})"
        case NullTest(operand):
            return f"{atom(operand, names)} IS NULL"
        case Not(NullTest(operand)):
            return f"{atom(operand, names)} IS NOT NULL"
        case Not(operand):
            return f"NOT {atom(operand, names)}"
        case Conjunction(operands):
            return " AND ".join(atom(operand, names) for operand in operands)
        case Disjunction(operands):
            return " OR ".join(atom(operand, names) for operand in operands)
        case Case(branches, default):
            return _case(branches, default, names)
        case Call(function, operands):
            return _call(function, operands, names)


def atom(expression: Expression, names: Mapping[str, str] = _NO_NAMES) -> str:
    """The text of an operand: in brackets, unless it is one word, literal or call."""
    whole = isinstance(expression, ColumnRef | Literal | Case) or (
        isinstance(expression, Call) and expression.function not in (*_SIGNS, *_SHIFTS)
    )
    return render(expression, names) if whole else f"({render(expression, names)})"


def _case(branches: tuple[tuple[Expression, Expression], ...], default: Expression, names: Mapping[str, str]) -> str:
    whens = " ".join(f"WHEN {render(when, names)} THEN {render(value, names)}" for when, value in branches)
    otherwise = "" if isinstance(default, Literal) and default.value is None else f" ELSE {render(default, names)}"
    return f"CASE {whens}{otherwise} END"


def _call(function: str, operands: tuple[Expression, ...], names: Mapping[str, str]) -> str:
    if function in _CASTS:
        return f"CAST({render(operands[0], names)} AS {_CASTS[function]})"
    if function in _SIGNS:
        return f"{atom(operands[0], names)} {_SIGNS[function]} {atom(operands[1], names)}"
    if function in _SHIFTS:
        return _shifted(operands, names)
    spelling = FUNCTIONS[function].sql[0]
    return f"{spelling}({', '.join(render(operand, names) for operand in operands)})"


def _shifted(operands: tuple[Expression, ...], names: Mapping[str, str]) -> str:
    moment, number, unit = operands
    word = str(unit.value) if isinstance(unit, Literal) else render(unit, names)
    if isinstance(number, Literal) and isinstance(number.value, int):
        sign = "-" if number.value < 0 else "+"
        return f"{atom(moment, names)} {sign} INTERVAL {abs(number.value)} {word}"
    if word == "day" and type_of(moment) is Type.DATE:
        return f"{atom(moment, names)} + {atom(number, names)}"
    return f"{atom(moment, names)} + INTERVAL ({render(number, names)}) {word}"


def _real(value: Fraction) -> str:
    """The shortest decimal of a double where that is exact, a short quotient where there is one, else the nearest double,
    which is what the number counts as."""
    text = repr(float(value))
    short = max(abs(value.numerator), value.denominator) < _SHORT
    return f"({value.numerator}.0 / {value.denominator}.0)" if short and Fraction(text) != value else text


def _date(value: int) -> str:
    """A date; one beyond the years that are written with four digits by its distance from one within."""
    return f"DATE '{date_text(value)}'" if _FIRST_DAY <= value <= _LAST_DAY else f"(DATE '1970-01-01' + {value})"


def _timestamp(value: int) -> str:
    if _FIRST_DAY <= value // _DAY <= _LAST_DAY:
        return f"TIMESTAMP '{timestamp_text(value)}'"
    return f"(TIMESTAMP '1970-01-01 00:00:00' + INTERVAL ({value}) microsecond)"


def _literal(literal: Literal) -> str:
    value = literal.value
    if value is None:
        return "NULL"
    match literal.type:
        case Type.STRING:
            return "'" + str(value).replace("'", "''") + "'"
        case Type.BOOL:
            return "TRUE" if value else "FALSE"
        case Type.DATE if isinstance(value, int):
            return _date(value)
        case Type.TIMESTAMP if isinstance(value, int):
            return _timestamp(value)
        case Type.FLOAT if not isinstance(value, str):
            return _real(Fraction(value))
        case _:
            return str(value)
