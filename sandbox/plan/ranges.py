"""Interval arithmetic over declared bounds, in exact fractions: what values an expression can take, whatever the rows."""

from dataclasses import dataclass
from fractions import Fraction

from sandbox.plan.nodes import Arithmetic, ColumnRef, Expression, Literal, Negation
from sandbox.terms.dataset import Column, Table, Type

INTEGER_LIMIT = 2**62
"""Integer results stay strictly within ±2^62, so that int64 never overflows."""

_LARGEST = 10**300
_FINEST = 2**2048


@dataclass(frozen=True, slots=True)
class Range:
    """All values lie in [low, high]."""

    low: Fraction
    high: Fraction

    @property
    def fits_integer(self) -> bool:
        return self.low > -INTEGER_LIMIT and self.high < INTEGER_LIMIT

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high


def column_range(column: Column) -> Range | None:
    """The declared bounds of a numeric column, narrowed to its integer keys; None where it has neither."""
    keys = [Fraction(key) for key in column.keys or () if column.type is Type.INT]
    if keys:
        return Range(min(keys), max(keys))
    if column.low is None or column.high is None:
        return None
    return Range(column.low, column.high)


def combine(operator: str, left: Range | None, right: Range | None) -> Range | None:
    """The range of `left operator right`, or None where it is unbounded."""
    if left is None or right is None:
        return None
    if operator == "+":
        return _tidy(left.low + right.low, left.high + right.high)
    if operator == "-":
        return _tidy(left.low - right.high, left.high - right.low)
    if operator == "/" and right.has_zero:
        return None
    corners = [a * b if operator == "*" else a / b for a in (left.low, left.high) for b in (right.low, right.high)]
    return _tidy(min(corners), max(corners))


def _tidy(low: Fraction, high: Fraction) -> Range | None:
    """The range in fractions of bounded size: beyond 10^300 it counts as unbounded, tiny parts are rounded outwards."""
    if max(abs(low), abs(high)) > _LARGEST:
        return None
    if low.denominator > _FINEST:
        low = Fraction(low * _FINEST // 1, _FINEST)
    if high.denominator > _FINEST:
        high = Fraction(-(-high * _FINEST // 1), _FINEST)
    return Range(low, high)


def range_of(expression: Expression, table: Table) -> Range | None:
    """The range of a numeric expression over the table's declared bounds, or None where it is unbounded.

    Raises:
        ValueError: not a numeric expression of this table.
    """
    match expression:
        case ColumnRef(name):
            column = table.column(name)
            if column is None:
                raise ValueError("the table has no such column")
            return column_range(column)
        case Literal(int() | Fraction() as value, Type.INT | Type.FLOAT):
            return Range(Fraction(value), Fraction(value))
        case Literal(None):
            return Range(Fraction(0), Fraction(0))
        case Negation(operand):
            inner = range_of(operand, table)
            return inner and Range(-inner.high, -inner.low)
        case Arithmetic(operator, left, right):
            return combine(operator, range_of(left, table), range_of(right, table))
        case _:
            raise ValueError("only numbers have ranges")
