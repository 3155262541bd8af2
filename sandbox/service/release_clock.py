"""When an answer comes out: a function of the plan and of the declared size of its table, never of the rows.

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

BASE_MS = 1_000
"""Signing, socket, handing buckets to warm actors, unwrapping keys, opening files, one ledger write: tens of
milliseconds each on a quiet machine; a second leaves room for a busy one, as each late slot would tell something."""

ROW_COLUMN_NS = 60
"""Decrypt, decode, filter and bound one value. The spike behind design §6 took about 15 ns a row and column on one of
two cores; four times that keeps neighbours on the machine from moving an answer to the next slot."""

GROUP_VECTOR_US = 100
"""One exact draw of the discrete Gaussian or Laplace and its finishing; OpenDP takes 10 to 40 µs."""

DOUBLINGS = 3
"""How often a late engine moves an answer to the next slot before the loss is forfeited."""


def slot_ms(plan: Plan, tick_ms: int) -> int:
    """Milliseconds from acceptance to the first slot, a multiple of the tick."""
    columns = len(columns_read(plan)) + 1  # the units file is read by every plan
    nanoseconds = (
        BASE_MS * 10**6
        + plan.rows_max * columns * ROW_COLUMN_NS
        + plan.groups * len(plan.primitives) * GROUP_VECTOR_US * 10**3
    )
    tick = tick_ms * 10**6
    return -(-nanoseconds // tick) * tick_ms


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
    expressions: list[Expression] = [plan.where] if plan.where is not None else []
    expressions += [item.operand for item in plan.primitives if isinstance(item, CountValues | SumValues)]
    named = {name for expression in expressions for name in _names(expression)}
    return frozenset(named | {key.column for key in plan.keys})


def _names(expression: Expression) -> Iterator[str]:
    match expression:
        case ColumnRef(name=name):
            yield name
        case Literal():
            return
        case Negation(operand=operand) | Membership(operand=operand) | NullTest(operand=operand) | Not(operand=operand):
            yield from _names(operand)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            yield from _names(left)
            yield from _names(right)
        case Conjunction(operands=operands) | Disjunction(operands=operands):
            for operand in operands:
                yield from _names(operand)
