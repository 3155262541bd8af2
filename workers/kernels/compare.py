"""Comparisons and membership: numbers row by row, texts once for each entry of their dictionaries."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.plan.nodes import Comparison, Literal
from workers.text_codes import TEXT, Latest, looked_up, ranks, renumbered, texts_among
from workers.vector import Block, Step, Vector, value_of

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_WITH_CONSTANT: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MANY = 16
"""Constants from which on a membership is looked up rather than compared with each."""


def comparison(operator: str, left: Step, right: Step) -> Step:
    """Numbers, dates, moments and truth values; an integer is compared with a double as a double."""
    operation = _operation(operator, _OPERATIONS)

    def compared(block: Block) -> Vector:
        one, two = left(block), right(block)
        return Vector(operation(one.values, two.values), one.valid & two.valid)

    return compared


def membership(operand: Step, literals: tuple[Literal, ...]) -> Step:
    """Whether a number is one of the constants."""
    numbers = [value_of(literal) for literal in literals]
    many = np.asarray(numbers) if len(numbers) >= _MANY else None

    def member(block: Block) -> Vector:
        inner = operand(block)
        if many is not None:
            return Vector(np.isin(inner.values, many), inner.valid)
        found = np.zeros(block.rows, np.bool_)
        for number in numbers:
            found |= inner.values == number
        return Vector(found, inner.valid)

    return member


def text_comparison(node: Comparison, left: Step, right: Step) -> Step:
    """Texts are equal where their code points are, and ordered by them."""
    if isinstance(node.right, Literal):
        return _with_constant(node.operator, left, node.right)
    if isinstance(node.left, Literal):
        return _with_constant(_TURNED[node.operator], right, node.left)
    operation = _operation(node.operator, _OPERATIONS)
    tables = Latest(renumbered if node.operator in ("=", "<>") else _ranked)

    def compared(block: Block) -> Vector:
        one, two = left(block), right(block)
        first, second = tables.of(one.texts, two.texts)
        return Vector(operation(looked_up(one, first), looked_up(two, second)), one.valid & two.valid)

    return compared


def text_membership(operand: Step, literals: tuple[Literal, ...]) -> Step:
    """Whether a text is one of the constants."""
    wanted = pa.array([value_of(literal) for literal in literals], TEXT)
    return tabled(operand, lambda texts: texts_among(texts, wanted))


def tabled(operand: Step, table_of: Callable[[Any], Any]) -> Step:
    """What `table_of` the dictionary says of each row's text; the table's last entry is that of NULL."""
    tables = Latest(table_of)

    def looked(block: Block) -> Vector:
        inner = operand(block)
        return Vector(looked_up(inner, tables.of(inner.texts)), inner.valid)

    return looked


def _with_constant(operator: str, operand: Step, literal: Literal) -> Step:
    operation = _operation(operator, _WITH_CONSTANT)
    text = pa.scalar("" if literal.value is None else literal.value, TEXT)

    def table(texts: Any) -> Any:
        return np.append(operation(texts, text).to_numpy(zero_copy_only=False), False)

    step = tabled(operand, table)
    return step if literal.value is not None else _nothing(step)


def _nothing(step: Step) -> Step:
    """Compared with NULL everything is NULL."""

    def nothing(block: Block) -> Vector:
        inner = step(block)
        return Vector(inner.values, np.zeros(block.rows, np.bool_))

    return nothing


def _ranked(left: Any, right: Any) -> tuple[Any, Any]:
    first, second = ranks(left, right)
    return np.append(first, -1), np.append(second, -1)


def _operation(operator: str, among: dict[str, Callable[[Any, Any], Any]]) -> Callable[[Any, Any], Any]:
    operation = among.get(operator)
    if operation is None:
        raise ValueError("no such comparison operator")
    return operation
