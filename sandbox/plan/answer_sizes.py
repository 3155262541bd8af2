"""How many bytes an answer can have on its way from the engine, as its plan alone tells it."""

from sandbox.plan.answer_lines import lines_between
from sandbox.plan.answers import (
    AnswerTable,
    Collected,
    Derived,
    Kept,
    KeyOutput,
    Listed,
    Matched,
    Measured,
    MeasuredColumn,
    Ordered,
    Stacked,
    output_type,
)
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts, hull
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import type_of
from sandbox.plan.query import Plan
from sandbox.terms.dataset import Type

CELL_BYTES = 48
"""A cell that is no text: two noisy integers of a mean, each with sign, up to 19 digits, quotes and comma; a double, a
moment and a truth value are shorter."""

CHARACTER_BYTES = 6
"""A character in JSON: a control character is written as \\u001f; others have at most four bytes of UTF-8."""

_MARKS = 3
"""Quotes and comma."""


def answer_bytes(plan: Plan) -> int:
    """Bytes of the answer's cells at most: its most lines, each with all its columns as long as they can be."""
    _, lines = lines_between(plan)
    return lines * sum(_cell_bytes(facts) for facts in _columns(plan.answer, plan.measurements).values())


def _cell_bytes(facts: Facts) -> int:
    if facts.type is not Type.STRING:
        return CELL_BYTES
    if facts.values is not None:
        longest = max((len(str(value).encode()) for value in facts.values), default=0)
        return max(2 * longest, len("null")) + _MARKS  # a quote or a backslash in a declared text is escaped
    return CHARACTER_BYTES * (TEXT_LIMIT if facts.max_length is None else facts.max_length) + _MARKS


def _columns(table: AnswerTable, measurements: tuple[Measurement, ...]) -> dict[str, Facts]:
    """What is known of the columns: of texts, how long they can be."""
    match table:
        case Measured(number, columns):
            return {output.name: _measured(output, measurements[number]) for output in columns}
        case Listed(_, listed):
            return {item.name: Facts(type_of(item.operand), max_length=item.max_length or None) for item in listed}
        case Derived(source, columns):
            below = _columns(source, measurements)
            return {name: facts_of(expression, below) for name, expression in columns}
        case Kept() | Ordered():
            return _columns(table.source, measurements)
        case Matched(left, right):
            return _columns(left, measurements) | _columns(right, measurements)
        case Stacked(sources):
            each = [list(_columns(source, measurements).values()) for source in sources]
            names = _columns(sources[0], measurements)
            return {name: hull([facts[place] for facts in each]) for place, name in enumerate(names)}
        case Collected(source, keys, aggregates):
            below = _columns(source, measurements)
            found = {name: facts_of(expression, below) for name, expression in keys}
            for name, _, operand, kind in aggregates:  # the least or greatest of texts is one of them
                text = operand if kind is Type.STRING else None
                found[name] = Facts(kind) if text is None else facts_of(text, below)
            return found


def _measured(output: MeasuredColumn, measurement: Measurement) -> Facts:
    kind = output_type(output)
    if not isinstance(output, KeyOutput) or kind is not Type.STRING:
        return Facts(kind)
    key = measurement.keys[output.key]
    if key.values is None:
        return Facts(kind, max_length=key.max_length)
    texts = frozenset(str(value) for value in key.values)
    return Facts(kind, values=texts, max_length=max((len(text) for text in texts), default=0))
