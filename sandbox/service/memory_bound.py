"""What a worker may need for a query: a function of the plan and of declared sizes, refused before anything is spent.

A measurement that ran out of memory would be forfeited, and whether it does could depend on one unit with very many rows.
So every plan that runs fits whatever the rows are: a worker reads a row group at a time, all rows of a table may be in one
bucket, and every text may be as long as its column allows.
"""

from sandbox.plan.nodes import KeyOutput, MeanOutput, Plan
from sandbox.service.release_clock import columns_read
from sandbox.terms.dataset import Table, Type
from sandbox.terms.refusal import MemoryBound

BASE_BYTES = 512 * 2**20
"""Interpreter, libraries and compiled passes (180 MB measured), what a block's expressions need (at most 50 MB: see
`workers.evaluate`), and the footer of a large file."""

ROW_GROUP = 131_072
"""Rows that a worker holds at a time, of every column that it reads."""

VALUE_BYTES = 64
"""One value of a row group: decoded, joined, its validity and its decompressed page. Measured: 26."""

RUN_BYTES = 24
"""One unit's number of rows, all of a bucket's at once: 8, twice while they are joined."""

TEXT_FACTOR = 6
"""Bytes for a byte of text that has no declared keys: pages, the dictionary as it grows, the finished one. Measured: 5.0
where all texts are different."""

TEXT_BYTES_MAX = 2**31 - 1
"""Text of one column in one row group: offsets into it have 32 bits."""

GROUP_VECTOR_BYTES = 64
"""One group of one primitive: its sum in the worker, packed and sealed. Eight bytes, a few times."""

LENGTH_UNDECLARED = 2**18
"""Characters of a text whose column declares no length: a cell of a file has at most 1 MiB. Descriptions always do."""

ANSWER_BYTES_MAX = 48 * 2**20
"""What an answer may weigh on its way from the engine, whose frames hold 64 MiB: a heavier one would be paid for and lost."""

NUMBER_BYTES = 24
"""One noisy integer in an answer: sign, up to 19 digits, quotes and comma."""

_UTF8_BYTES = 4


def check_memory(plan: Plan, table: Table, limit: int) -> None:
    """Raises MemoryBound where a worker may need more than `limit` bytes for the plan. `table` is the plan's."""
    needed = worker_bytes(plan, table)
    if needed > limit or any(size > TEXT_BYTES_MAX for size in _text_bytes(plan, table)):
        raise MemoryBound(f"It could need {_gib(needed)} GiB; a worker has {_gib(limit)} GiB.")
    if answer_bytes(plan) > ANSWER_BYTES_MAX:
        raise MemoryBound(f"Its answer of {plan.groups:,} groups and {len(plan.outputs)} columns is too large to send.")


def answer_bytes(plan: Plan) -> int:
    """Bytes of the answer at most, from the plan alone: its groups, keys and columns."""
    row = 0
    for output in plan.outputs:
        if isinstance(output, KeyOutput):
            longest = max(len(str(value).encode()) for value in plan.keys[output.key].values)
            row += 2 * longest + 3  # a quote or a backslash in a key is escaped
        else:
            row += NUMBER_BYTES * (2 if isinstance(output, MeanOutput) else 1)
    return plan.groups * row


def worker_bytes(plan: Plan, table: Table) -> int:
    """Bytes that one worker needs at most, from the plan and the table's declared sizes alone."""
    held = min(plan.rows_max, ROW_GROUP)
    return (
        BASE_BYTES
        + plan.rows_max * RUN_BYTES
        + held * len(columns_read(plan)) * VALUE_BYTES
        + sum(_text_bytes(plan, table)) * TEXT_FACTOR
        + plan.groups * (len(plan.primitives) + len(plan.keys) + 4) * GROUP_VECTOR_BYTES
    )


def _text_bytes(plan: Plan, table: Table) -> list[int]:
    """Bytes of text in one row group of each text column that the plan reads."""
    read = columns_read(plan)
    held = min(plan.rows_max, ROW_GROUP)
    return [
        held * _UTF8_BYTES * (column.max_length or LENGTH_UNDECLARED)
        for column in table.columns
        if column.name in read and column.type is Type.STRING and column.keys is None
    ]


def _gib(size: int) -> str:
    """Gibibytes to one digit, rounded up."""
    tenths = -(-size * 10 // 2**30)
    return f"{tenths // 10}.{tenths % 10}"
