"""Row-wise expressions over columns, vectorised and total: no row value can raise, warn or reach infinity.

An expression is compiled once for the columns at hand and then run block by block, so that what it needs beside the
columns grows with the block and the depth of the expression, never with the rows. Every step gives a Vector, whose
docstring says how it is read. NULL follows SQL's three-valued logic (Kleene); NaN is NULL, an infinite result counts as
the largest double, integers are int64. The meaning is that of `sandbox.plan.evaluate`, bit for bit.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sandbox.plan.expressions import children
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
from sandbox.terms.dataset import KeyValue, Type
from workers.bucket import ColumnArray
from workers.kernels import KERNELS
from workers.kernels.compare import comparison, membership, text_comparison, text_membership
from workers.kernels.conditionals import chosen
from workers.kernels.kernel import held
from workers.text_codes import TEXT, texts_array
from workers.vector import DTYPES, Block, Step, Vector, finite, nearest_double, value_of

__all__ = ["KEPT_MAX", "Block", "Compiler", "Step", "Vector", "nearest_double", "repeated"]

KEPT_MAX = 32
"""Results that a block keeps because they are needed again: a bound on its memory."""

_EPOCH = date(1970, 1, 1).toordinal()


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
            waiting.extend(children(expression))
    return frozenset(list(found)[:KEPT_MAX])


class Compiler:
    """Makes steps over the given columns. Run them under `np.errstate(all="ignore")`, on blocks of `largest` rows at most."""

    def __init__(self, columns: Mapping[str, ColumnArray], largest: int, kept: frozenset[Expression]) -> None:
        self._columns = columns
        self._largest = largest
        self._kept = kept
        self._texts: dict[str, Any] = {}

    @cached_property
    def _true(self) -> NDArray[np.bool_]:
        return self._constant(True, np.bool_)

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
                return self._column(name, kind)
            case Literal():
                return self._literal(expression)
            case Negation(operand, kind):
                return _negation(self.step(operand), kind)
            case Arithmetic():
                return _arithmetic(expression, self.step(expression.left), self.step(expression.right))
            case Comparison(operator, left, right):
                if type_of(left) is Type.STRING:
                    return text_comparison(expression, self.step(left), self.step(right))
                return comparison(operator, self.step(left), self.step(right))
            case Membership(operand, literals):
                if type_of(operand) is Type.STRING:
                    return text_membership(self.step(operand), literals)
                return membership(self.step(operand), literals)
            case NullTest(operand):
                return self._null_test(self.step(operand))
            case Not(operand):
                return _negated(self.step(operand))
            case Conjunction(operands):
                return _all([self.step(operand) for operand in operands], deciding=False)
            case Disjunction(operands):
                return _all([self.step(operand) for operand in operands], deciding=True)
            case Case(branches, default, kind):
                steps = [(self.step(condition), self.step(value)) for condition, value in branches]
                return chosen(steps, self.step(default), kind)
            case Call(function, operands):
                return KERNELS[function](expression, tuple(self.step(operand) for operand in operands))

    def _constant(self, value: object, dtype: type[np.generic]) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(value, dtype=dtype), (self._largest,))

    def _literal(self, literal: Literal) -> Step:
        value = value_of(literal)
        valid = self._constant(value is not None, np.bool_)
        if literal.type is Type.STRING:
            codes, texts = self._constant(0, np.int32), pa.array([value] if value is not None else [], TEXT)
            return lambda block: Vector(codes[: block.rows], valid[: block.rows], texts)
        values = self._constant(0 if value is None else value, DTYPES[literal.type])
        return lambda block: Vector(values[: block.rows], valid[: block.rows])

    def _column(self, name: str, kind: Type) -> Step:
        column = self._columns[name]
        values, dictionary = column.values, column.dictionary
        if kind is Type.STRING:
            texts = self._texts.setdefault(name, texts_array(dictionary))
            count = len(texts)

            def codes(block: Block) -> Vector:
                part = values[block.start : block.stop].astype(np.int32, copy=False)
                return Vector(part, (part >= 0) & (part < count), texts)

            return codes
        if dictionary is None:
            return self._plain(column, kind)
        # A column with declared keys stores codes; what is no code reads the slot added at the end.
        meanings = np.asarray([*(_key_number(key, kind) for key in dictionary), 0], DTYPES[kind])
        count = len(dictionary)

        def keys(block: Block) -> Vector:
            part = values[block.start : block.stop].astype(np.int32, copy=False)
            valid = (part >= 0) & (part < count)
            return Vector(meanings[np.where(valid, part, count)], valid)

        return keys

    def _plain(self, column: ColumnArray, kind: Type) -> Step:
        dtype = DTYPES[kind]

        def plain(block: Block) -> Vector:
            rows = slice(block.start, block.stop)
            valid = self._true[: block.rows] if column.valid is None else column.valid[rows]
            values = column.values[rows].astype(dtype, copy=False)
            if column.scale:
                return Vector(values / column.scale, valid)
            return finite(values, valid) if kind is Type.FLOAT else Vector(values, valid)

        return plain

    def _null_test(self, operand: Step) -> Step:
        return lambda block: Vector(~operand(block).valid, self._true[: block.rows])


def _negation(operand: Step, kind: Type) -> Step:
    dtype = DTYPES[kind]

    def negation(block: Block) -> Vector:
        inner = operand(block)
        return held(np.negative(inner.values.astype(dtype, copy=False)), inner.valid, kind)

    return negation


def _negated(operand: Step) -> Step:
    def negated(block: Block) -> Vector:
        inner = operand(block)
        return Vector(~inner.values, inner.valid)

    return negated


def _arithmetic(node: Arithmetic, left: Step, right: Step) -> Step:
    dtype, floating = DTYPES[node.type], node.type is Type.FLOAT
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
        return finite(values, valid) if floating else Vector(values, valid)

    return arithmetic


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
