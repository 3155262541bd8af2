"""When an answer comes out: a function of the plan and of the declared sizes of its table, never of the rows.

A query is accepted at some moment; it is settled one slot later, or, when the engine is late, two, four or eight slots
later, and forfeited at the last. Until then nothing that anybody can see depends on whether, when or how the engine came
back (security.md P1: neighbouring datasets told apart by run time alone).
"""

from collections.abc import Iterator

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountValues,
    Disjunction,
    Expression,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumValues,
)
from sandbox.terms.dataset import Table, Type

BASE_MS = 1_000
"""Signing, socket, handing buckets to warm actors, unwrapping keys, opening files, one ledger write: tens of
milliseconds each on a quiet machine; a second leaves room for a busy one, as each late slot would tell something."""

ROW_COLUMN_NS = 30
"""Decrypt, decode, filter and bound one value, or add it up, where all rows are in one bucket and so at one worker.
Measured: 7 to 15 ns on a core of a busy machine, 2 million rows in one encrypted bucket. Twice that, so that neighbours
on the machine do not move an answer to the next slot; rows spread over two workers leave four times."""

ROW_NODE_NS = 5
"""One operator of an expression on one row: an analyst may write hundreds of them. Measured: 0.8 to 1.2 ns."""

ROW_LISTED_NS = 2
"""One value of an IN list on one row. Measured: 0.3 ns."""

TEXT_BYTE_NS = 10
"""Decrypt, decode and compare one byte of text that has no declared keys, all texts being different and of one unit, and
so in one bucket. Measured: 4 ns on a quiet machine, up to 14 on one that is short of free pages. Lengths count characters, each taken
for the four bytes that UTF-8 needs at most."""

GROUP_VECTOR_US = 100
"""One exact draw of the discrete Gaussian or Laplace and its finishing; OpenDP takes 10 to 40 µs."""

DOUBLINGS = 3
"""How often a late engine moves an answer to the next slot before the loss is forfeited."""


def slot_ms(plan: Plan, table: Table, tick_ms: int, turns: int) -> int:
    """Milliseconds from acceptance to the first slot, a multiple of the tick. `table` is the plan's.

    `turns` is how many queries one worker may have to serve at a time: each waits for the rows of all others.
    """
    nanoseconds = (
        BASE_MS * 10**6
        + turns * plan.rows_max * _row_ns(plan, table)
        + plan.groups * len(plan.primitives) * GROUP_VECTOR_US * 10**3
    )
    tick = tick_ms * 10**6
    return -(-nanoseconds // tick) * tick_ms


def _row_ns(plan: Plan, table: Table) -> int:
    """What one row takes at most: its columns, its measurements, every operator on the way to them, and its texts."""
    read = columns_read(plan)
    nodes = [node for expression in _expressions(plan) for node in _nodes(expression)]
    listed = sum(len(node.values) for node in nodes if isinstance(node, Membership))
    characters = sum(
        column.max_length or 0
        for column in table.columns
        if column.name in read and column.type is Type.STRING and column.keys is None
    )
    passes = len(read) + 1 + len(plan.primitives)  # the units file is read by every plan
    return passes * ROW_COLUMN_NS + len(nodes) * ROW_NODE_NS + listed * ROW_LISTED_NS + 4 * characters * TEXT_BYTE_NS


def slots_ms(first: int) -> tuple[int, ...]:
    """Every moment after acceptance at which a query may be settled."""
    return tuple(first << doubling for doubling in range(DOUBLINGS + 1))


def deadline_ms(first: int) -> int:
    """The last slot: the engine's deadline."""
    return first << DOUBLINGS


def next_slot_ms(first: int, elapsed_ms: float) -> int:
    """The first slot that is still to come; the last one when all have passed."""
    return next((slot for slot in slots_ms(first) if slot > elapsed_ms), deadline_ms(first))


def columns_read(plan: Plan) -> frozenset[str]:
    """Names of the columns that a plan reads."""
    nodes = (node for expression in _expressions(plan) for node in _nodes(expression))
    return frozenset({node.name for node in nodes if isinstance(node, ColumnRef)} | {key.column for key in plan.keys})


def _expressions(plan: Plan) -> list[Expression]:
    measured = [item.operand for item in plan.primitives if isinstance(item, CountValues | SumValues)]
    return measured if plan.where is None else [plan.where, *measured]


def _nodes(expression: Expression) -> Iterator[Expression]:
    """The expression and all in it; the values of an IN list are no nodes."""
    yield expression
    match expression:
        case ColumnRef() | Literal():
            return
        case Negation(operand=operand) | Membership(operand=operand) | NullTest(operand=operand) | Not(operand=operand):
            yield from _nodes(operand)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            yield from _nodes(left)
            yield from _nodes(right)
        case Conjunction(operands=operands) | Disjunction(operands=operands):
            for operand in operands:
                yield from _nodes(operand)
