"""Row-wise expressions over columns, vectorised and total: no row value can raise, warn or reach infinity.

Every expression gives `values` and a `valid` mask. NULL follows SQL's three-valued logic (Kleene); NaN is NULL, an
infinite result counts as the largest double, integers are int64. Strings are codes into a dictionary of their file,
so that text is compared once for each distinct value and never for each row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import (
    Arithmetic,
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
from sandbox.terms.dataset import KeyValue, Type
from workers.bucket import ColumnArray

Booleans = NDArray[np.bool_]

_LARGEST = float(np.finfo(np.float64).max)
_EPOCH = date(1970, 1, 1).toordinal()
_DTYPES: dict[Type, type[np.generic]] = {
    Type.INT: np.int64,
    Type.FLOAT: np.float64,
    Type.STRING: np.int32,
    Type.BOOL: np.bool_,
    Type.DATE: np.int64,
    Type.TIMESTAMP: np.int64,
}


@dataclass(frozen=True, slots=True)
class Vector:
    """One expression over all rows: `valid` False is NULL. `dictionary` gives the text of STRING codes."""

    values: NDArray[Any]
    valid: Booleans
    dictionary: tuple[KeyValue, ...] | None = None


class Evaluator:
    """Evaluates expressions over the columns of one bucket; equal expressions are computed once."""

    def __init__(self, columns: Mapping[str, ColumnArray], rows: int) -> None:
        self._columns = columns
        self._rows = rows
        self._known: dict[Expression, Vector] = {}

    def vector(self, expression: Expression) -> Vector:
        """Values and validity of `expression` in every row."""
        found = self._known.get(expression)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._compute(expression)
            self._known[expression] = found
        return found

    def holds(self, predicate: Expression) -> Booleans:
        """Where the predicate is TRUE: neither FALSE nor NULL."""
        vector = self.vector(predicate)
        return vector.values & vector.valid

    def _compute(self, expression: Expression) -> Vector:
        match expression:
            case ColumnRef(name, kind):
                return _column(self._columns[name], kind)
            case Literal():
                return self._literal(expression)
            case Negation(operand, kind):
                inner = self.vector(operand)
                return Vector(np.negative(inner.values.astype(_DTYPES[kind], copy=False)), inner.valid)
            case Arithmetic():
                return self._arithmetic(expression)
            case Comparison(operator, left, right):
                return _compare(operator, self.vector(left), self.vector(right))
            case Membership(operand, values):
                return _member(self.vector(operand), values)
            case NullTest(operand):
                return Vector(~self.vector(operand).valid, self._constant(True, np.bool_))
            case Not(operand):
                inner = self.vector(operand)
                return Vector(~inner.values, inner.valid)
            case Conjunction(operands):
                return self._all(operands, deciding=False)
            case Disjunction(operands):
                return self._all(operands, deciding=True)

    def _constant(self, value: object, dtype: type[np.generic]) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(value, dtype=dtype), (self._rows,))

    def _literal(self, literal: Literal) -> Vector:
        dtype = _DTYPES[literal.type]
        if literal.value is None:
            text = ("",) if literal.type is Type.STRING else None
            return Vector(self._constant(0, dtype), self._constant(False, np.bool_), text)
        if literal.type is Type.STRING:
            return Vector(self._constant(0, dtype), self._constant(True, np.bool_), (str(literal.value),))
        return Vector(self._constant(_number(literal), dtype), self._constant(True, np.bool_))

    def _arithmetic(self, node: Arithmetic) -> Vector:
        left, right = self.vector(node.left), self.vector(node.right)
        valid = left.valid & right.valid
        dtype = _DTYPES[node.type]
        first, second = left.values.astype(dtype, copy=False), right.values.astype(dtype, copy=False)
        match node.operator:
            case "+":
                values = first + second
            case "-":
                values = first - second
            case "*":
                values = first * second
            case "/":
                valid = valid & (second != 0)
                values = first / np.where(second == 0, 1, second)
            case _:
                raise ValueError("no such arithmetic operator")
        return _finite(values, valid) if node.type is Type.FLOAT else Vector(values, valid)

    def _all(self, operands: tuple[Expression, ...], *, deciding: bool) -> Vector:
        """AND (`deciding` False) or OR (True): one operand that equals `deciding` decides, whatever is NULL."""
        decided = np.zeros(self._rows, np.bool_)
        known = np.ones(self._rows, np.bool_)
        for operand in operands:
            inner = self.vector(operand)
            decided |= inner.valid & (inner.values == deciding)
            known &= inner.valid
        return Vector(decided if deciding else ~decided, known | decided)


def nearest_double(value: Fraction) -> float:
    """The double nearest to `value`, the largest finite one where it lies beyond them."""
    return float(min(max(value, -Fraction(_LARGEST)), Fraction(_LARGEST)))


def _finite(values: NDArray[Any], valid: Booleans) -> Vector:
    """NaN becomes NULL, infinities the largest double."""
    if np.isfinite(values).all():
        return Vector(values, valid)
    return Vector(np.nan_to_num(values, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), valid & ~np.isnan(values))


def _column(column: ColumnArray, kind: Type) -> Vector:
    values, dictionary = column.values, column.dictionary
    if dictionary is not None:
        valid = (values >= 0) & (values < len(dictionary))
        if kind is Type.STRING:
            return Vector(values, valid, tuple(dictionary))
        # A column with declared keys stores codes; -1 reads the slot added at the end.
        meanings = np.asarray([*(_key_number(key, kind) for key in dictionary), 0], _DTYPES[kind])
        return Vector(meanings[np.where(valid, values, len(dictionary))], valid)
    valid = np.ones(len(values), np.bool_) if column.valid is None else column.valid
    values = values.astype(_DTYPES[kind], copy=False)
    return _finite(values, valid) if kind is Type.FLOAT else Vector(values, valid)


def _key_number(key: KeyValue, kind: Type) -> int | bool | float:
    """A declared key as a number: dates and timestamps among keys are ISO 8601 text."""
    if isinstance(key, str):
        if kind is Type.DATE:
            return date.fromisoformat(key).toordinal() - _EPOCH
        if kind is Type.TIMESTAMP:
            moment = datetime.fromisoformat(key)
            aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            since = aware - datetime(1970, 1, 1, tzinfo=UTC)
            return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return key if isinstance(key, bool | int) else float(key)


def _number(literal: Literal) -> float | int | bool:
    value = literal.value
    if isinstance(value, Fraction):
        return nearest_double(value)
    return value if isinstance(value, bool | int) else 0


def _compare(operator: str, left: Vector, right: Vector) -> Vector:
    valid = left.valid & right.valid
    first, second = (left.values, right.values) if left.dictionary is None else _shared_codes(left, right)
    match operator:
        case "=":
            return Vector(first == second, valid)
        case "<>":
            return Vector(first != second, valid)
        case "<":
            return Vector(first < second, valid)
        case "<=":
            return Vector(first <= second, valid)
        case ">":
            return Vector(first > second, valid)
        case ">=":
            return Vector(first >= second, valid)
        case _:
            raise ValueError("no such comparison operator")


def _shared_codes(left: Vector, right: Vector) -> tuple[NDArray[Any], NDArray[Any]]:
    """Codes of two strings with different dictionaries, renumbered so that equal text has equal codes."""
    numbers: dict[KeyValue, int] = {}

    def renumber(vector: Vector) -> NDArray[Any]:
        texts = vector.dictionary or ()
        codes = np.asarray([*(numbers.setdefault(text, len(numbers)) for text in texts), -1], np.int64)
        return codes[np.where(vector.valid, vector.values, len(texts))]

    return renumber(left), renumber(right)


def _member(operand: Vector, literals: tuple[Literal, ...]) -> Vector:
    if operand.dictionary is not None:
        wanted = {literal.value for literal in literals}
        hits = np.asarray([*(text in wanted for text in operand.dictionary), False], np.bool_)
        return Vector(hits[np.where(operand.valid, operand.values, len(operand.dictionary))], operand.valid)
    found = np.zeros(len(operand.values), np.bool_)
    for literal in literals:
        found |= operand.values == _number(literal)
    return Vector(found, operand.valid)
