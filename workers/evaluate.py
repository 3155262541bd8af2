"""Row-wise expressions over columns, vectorised and total: no row value can raise, warn or reach infinity.

An expression is compiled once for the columns at hand and then run block by block, so that what it needs beside the
columns grows with the block and the depth of the expression, never with the rows. Every step gives `values` and a
`valid` mask. NULL follows SQL's three-valued logic (Kleene); NaN is NULL, an infinite result counts as the largest double,
integers are int64.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, TypeAlias

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
    type_of,
)
from sandbox.terms.dataset import KeyValue, Type
from workers.bucket import ColumnArray
from workers.text_codes import renumbered, text_literal, texts_among

Booleans = NDArray[np.bool_]

KEPT_MAX = 32
"""Results that a block keeps because they are needed again: a bound on its memory."""

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
    """One expression over the rows of a block: `valid` False is NULL. Text is its codes."""

    values: NDArray[Any]
    valid: Booleans


@dataclass(slots=True)
class Block:
    """Rows start..stop of the columns, and the results that will be needed again."""

    start: int
    stop: int
    known: dict[Expression, Vector] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.stop - self.start


Step: TypeAlias = Callable[[Block], Vector]


def repeated(expressions: Iterable[Expression]) -> frozenset[Expression]:
    """The expressions that occur more than once, the outermost of them, and no more than KEPT_MAX."""
    seen: set[Expression] = set()
    found: dict[Expression, None] = {}
    waiting = list(expressions)
    while waiting:
        expression = waiting.pop()
        if expression in seen:
            found[expression] = None
            continue
        if not isinstance(expression, Literal):
            seen.add(expression)
            waiting.extend(_parts(expression))
    return frozenset(list(found)[:KEPT_MAX])


class Compiler:
    """Makes steps over the given columns. Run them under `np.errstate(all="ignore")`, on blocks of `largest` rows at most."""

    def __init__(self, columns: Mapping[str, ColumnArray], largest: int, kept: frozenset[Expression]) -> None:
        self._columns = columns
        self._largest = largest
        self._kept = kept
        self._true = self._constant(True, np.bool_)

    def step(self, expression: Expression) -> Step:
        """What gives values and validity of `expression` in the rows of a block."""
        step = self._compiled(expression)
        if expression not in self._kept:
            return step

        def kept(block: Block) -> Vector:
            found = block.known.get(expression)
            if found is None:
                found = block.known[expression] = step(block)
            return found

        return kept

    def _compiled(self, expression: Expression) -> Step:
        match expression:
            case ColumnRef(name, kind):
                return self._column(self._columns[name], kind)
            case Literal():
                return self._literal(expression)
            case Negation(operand, kind):
                return _negation(self.step(operand), _DTYPES[kind])
            case Arithmetic():
                return _arithmetic(expression, self.step(expression.left), self.step(expression.right))
            case Comparison(operator, left, right):
                if type_of(left) is Type.STRING:
                    return self._text_comparison(operator, left, right)
                return _comparison(operator, self.step(left), self.step(right))
            case Membership(operand, literals):
                if type_of(operand) is Type.STRING:
                    return self._text_membership(operand, literals)
                return _membership(self.step(operand), literals)
            case NullTest(operand):
                return self._null_test(self.step(operand))
            case Not(operand):
                return _negated(self.step(operand))
            case Conjunction(operands):
                return _all([self.step(operand) for operand in operands], deciding=False)
            case Disjunction(operands):
                return _all([self.step(operand) for operand in operands], deciding=True)

    def _constant(self, value: object, dtype: type[np.generic]) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(value, dtype=dtype), (self._largest,))

    def _literal(self, literal: Literal) -> Step:
        known = literal.value is not None
        number = 0 if not known or literal.type is Type.STRING else _number(literal)
        values, valid = self._constant(number, _DTYPES[literal.type]), self._constant(known, np.bool_)
        return lambda block: Vector(values[: block.rows], valid[: block.rows])

    def _column(self, column: ColumnArray, kind: Type) -> Step:
        values, dictionary = column.values, column.dictionary
        if dictionary is None:
            return self._plain(column, kind)
        count = len(dictionary)
        if kind is Type.STRING:

            def codes(block: Block) -> Vector:
                part = values[block.start : block.stop]
                return Vector(part, (part >= 0) & (part < count))

            return codes
        # A column with declared keys stores codes; what is no code reads the slot added at the end.
        meanings = np.asarray([*(_key_number(key, kind) for key in dictionary), 0], _DTYPES[kind])

        def keys(block: Block) -> Vector:
            part = values[block.start : block.stop]
            valid = (part >= 0) & (part < count)
            return Vector(meanings[np.where(valid, part, count)], valid)

        return keys

    def _plain(self, column: ColumnArray, kind: Type) -> Step:
        dtype = _DTYPES[kind]

        def plain(block: Block) -> Vector:
            rows = slice(block.start, block.stop)
            valid = self._true[: block.rows] if column.valid is None else column.valid[rows]
            values = column.values[rows].astype(dtype, copy=False)
            return _finite(values, valid) if kind is Type.FLOAT else Vector(values, valid)

        return plain

    def _null_test(self, operand: Step) -> Step:
        return lambda block: Vector(~operand(block).valid, self._true[: block.rows])

    def _texts(self, expression: Expression) -> Any:
        """The dictionary of a text: strings are columns and constants only."""
        if isinstance(expression, ColumnRef):
            return self._columns[expression.name].dictionary or ()
        return text_literal(expression.value if isinstance(expression, Literal) else None)

    def _text_comparison(self, operator: str, left: Expression, right: Expression) -> Step:
        if operator not in ("=", "<>"):
            raise ValueError("text compares for = and <> only")
        first, second = renumbered(self._texts(left), self._texts(right))
        return _comparison(operator, _translated(self.step(left), first), _translated(self.step(right), second))

    def _text_membership(self, operand: Expression, literals: tuple[Literal, ...]) -> Step:
        return _translated(self.step(operand), texts_among(self._texts(operand), [item.value for item in literals]))


def nearest_double(value: Fraction) -> float:
    """The double nearest to `value`, the largest finite one where it lies beyond them."""
    return float(min(max(value, -Fraction(_LARGEST)), Fraction(_LARGEST)))


def _parts(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case ColumnRef() | Literal():
            return ()
        case Negation(operand) | NullTest(operand) | Not(operand) | Membership(operand):
            return (operand,)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Conjunction(operands) | Disjunction(operands):
            return operands


def _translated(step: Step, table: NDArray[Any]) -> Step:
    """Codes looked up in `table`, whose last entry is that of NULL."""
    last = len(table) - 1

    def translated(block: Block) -> Vector:
        vector = step(block)
        return Vector(table[np.where(vector.valid, vector.values, last)], vector.valid)

    return translated


def _negation(operand: Step, dtype: type[np.generic]) -> Step:
    def negation(block: Block) -> Vector:
        inner = operand(block)
        return Vector(np.negative(inner.values.astype(dtype, copy=False)), inner.valid)

    return negation


def _negated(operand: Step) -> Step:
    def negated(block: Block) -> Vector:
        inner = operand(block)
        return Vector(~inner.values, inner.valid)

    return negated


def _arithmetic(node: Arithmetic, left: Step, right: Step) -> Step:
    dtype, floating = _DTYPES[node.type], node.type is Type.FLOAT
    operation = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}.get(node.operator)
    if operation is None:
        raise ValueError("no such arithmetic operator")
    dividing = node.operator == "/"

    def arithmetic(block: Block) -> Vector:
        one, two = left(block), right(block)
        valid = one.valid & two.valid
        first, second = one.values.astype(dtype, copy=False), two.values.astype(dtype, copy=False)
        if dividing:
            zero = second == 0
            if zero.any():
                valid &= ~zero
                second = np.where(zero, 1, second)
        values = operation(first, second)
        return _finite(values, valid) if floating else Vector(values, valid)

    return arithmetic


def _comparison(operator: str, left: Step, right: Step) -> Step:
    operations = {
        "=": np.equal,
        "<>": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }
    operation = operations.get(operator)
    if operation is None:
        raise ValueError("no such comparison operator")

    def comparison(block: Block) -> Vector:
        one, two = left(block), right(block)
        return Vector(operation(one.values, two.values), one.valid & two.valid)

    return comparison


def _membership(operand: Step, literals: tuple[Literal, ...]) -> Step:
    numbers = [_number(literal) for literal in literals]

    def membership(block: Block) -> Vector:
        inner = operand(block)
        found = np.zeros(block.rows, np.bool_)
        for number in numbers:
            found |= inner.values == number
        return Vector(found, inner.valid)

    return membership


def _all(operands: list[Step], *, deciding: bool) -> Step:
    """AND (`deciding` False) or OR (True): one operand that equals `deciding` decides, whatever is NULL."""

    def combined(block: Block) -> Vector:
        decided = np.zeros(block.rows, np.bool_)
        known = np.ones(block.rows, np.bool_)
        for operand in operands:
            inner = operand(block)
            decided |= inner.valid & (inner.values == deciding)
            known &= inner.valid
        return Vector(decided if deciding else ~decided, known | decided)

    return combined


def _finite(values: NDArray[Any], valid: Booleans) -> Vector:
    """NaN becomes NULL, infinities the largest double."""
    if np.isfinite(values).all():
        return Vector(values, valid)
    return Vector(np.nan_to_num(values, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), valid & ~np.isnan(values))


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
