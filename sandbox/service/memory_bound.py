"""What a worker may need for a query: a function of the plan and of declared sizes, refused before anything is spent.

A measurement that ran out of memory would be forfeited, and whether it does could depend on one unit with very many rows.
So every plan that runs fits whatever the rows are: a worker reads a row group at a time, all rows of a table may be in one
bucket, and every text may be as long as its column allows.
"""

from sandbox.plan.answer_sizes import answer_bytes
from sandbox.plan.measurement import Measurement
from sandbox.plan.measurement_sizes import counted_bytes
from sandbox.plan.query import Plan
from sandbox.plan.relation_facts import made_texts
from sandbox.plan.relation_sizes import CELL_BYTES, UNIT_BYTES, columns_held, public_rows_held, relation_rows_held
from sandbox.plan.relations import Scan, scans_of, streamed
from sandbox.plan.text_sizes import LENGTH_UNDECLARED, worked_bytes
from sandbox.service.release_clock import Tables
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import MemoryBound

BASE_BYTES = 512 * 2**20
"""Interpreter, libraries and compiled passes (250 MB measured), what a block's expressions need without their texts (at
most 50 MB: see `workers.evaluate`), and the footer of a large file."""

ROW_GROUP = 131_072
"""Rows that a worker holds at a time, of every column that it reads."""

VALUE_BYTES = 64
"""One value of a row group: decoded, joined, its validity and its decompressed page. Measured: 26."""

RUN_BYTES = 24
"""One unit's number of rows, all of a bucket's at once: 8, twice while they are joined."""

TEXT_FACTOR = 6
"""Bytes for a byte of text that has no declared keys: pages, the dictionary as it grows, the finished one; where rows come
in batches, the texts of several row groups put together, told apart and sorted. Measured: 5.0 where all are different."""

MADE_COPIES = 5
"""Copies of a text that a relation computes of all rows of a batch, beside it: its blocks, these put together, the different
ones, those in use. One text is worked on at a time. Measured: 4.2."""

TEXT_BYTES_MAX = 2**31 - 1
"""Text of one column in one row group: offsets into it have 32 bits."""

MERGE_FACTOR = 2
"""Where loads are put together, what is read is held twice: as it lies in each, and in the order of the whole."""

MERGE_BYTES = 128 * 2**20
"""Beside it the smaller row groups of up to 16 loads, and which of their units are the same: 50 bytes for each of the
131,072 units of a row group and each load."""

GROUP_VECTOR_BYTES = 64
"""One group of one primitive: its sum in the worker, packed and sealed. Eight bytes, a few times."""

ANSWER_BYTES_MAX = 48 * 2**20
"""What an answer may weigh on its way from the engine, whose frames hold 64 MiB: a heavier one would be paid for and lost."""

_UTF8_BYTES = 4


def check_memory(plan: Plan, tables: Tables, limit: int, *, merged: bool = False) -> None:
    """Raises MemoryBound where a worker may need more than `limit` bytes for the plan. `tables` are those that it scans;
    `merged` says that rows of one come from several loads."""
    needed = worker_bytes(plan, tables, merged=merged)
    texts = [size for measurement in plan.measurements for size in _text_bytes(measurement, tables, ROW_GROUP)]
    if needed > limit or any(size > TEXT_BYTES_MAX for size in texts):
        raise MemoryBound(f"It could need {_gib(needed)} GiB; a worker has {_gib(limit)} GiB.")
    if answer_bytes(plan) > ANSWER_BYTES_MAX:
        raise MemoryBound(f"Its answer of {len(plan.columns)} columns is too large to send.")


def worker_bytes(plan: Plan, tables: Tables, *, merged: bool = False) -> int:
    """Bytes that one worker needs at most, from the plan and the tables' declared sizes alone: measurements are read one
    after the other, and what is counted for each is kept to the end."""
    read = max(_read_bytes(measurement, tables) for measurement in plan.measurements)
    read = MERGE_FACTOR * read + MERGE_BYTES if merged else read
    return BASE_BYTES + read + sum(_kept_bytes(measurement) for measurement in plan.measurements)


def _kept_bytes(measurement: Measurement) -> int:
    if measurement.selected:
        return counted_bytes(measurement)
    cells = measurement.groups * (sum(measurement.widths) + len(measurement.keys) + 4)
    return cells * GROUP_VECTOR_BYTES + counted_bytes(measurement)


def _read_bytes(measurement: Measurement, tables: Tables) -> int:
    relation = measurement.relation
    scans = [scan for scan in scans_of(relation) if not scan.public]
    held = sum(min(scan.rows_max, ROW_GROUP) * len(scan.columns) for scan in scans) * VALUE_BYTES
    if not streamed(relation):
        rows = relation_rows_held(relation) + public_rows_held(relation)
        held += rows * columns_held(relation) * CELL_BYTES
        made = list(made_texts(relation, tables))
        held += rows * _UTF8_BYTES * (sum(made) + MADE_COPIES * max(made, default=0))
    held += worked_bytes(measurement, tables)
    of_units = RUN_BYTES if streamed(relation) else UNIT_BYTES
    most = ROW_GROUP if streamed(relation) else max(ROW_GROUP, *(scan.rows_per_unit for scan in scans))
    held += sum(_text_bytes(measurement, tables, most)) * TEXT_FACTOR
    return sum(scan.rows_max for scan in scans) * of_units + held


def _text_bytes(measurement: Measurement, tables: Tables, most: int) -> list[int]:
    """Bytes of text held at a time of each text column that the measurement reads: of a private table `most` rows (a row
    group, and where rows come in batches all of one unit), all of a public one."""
    return [
        (scan.rows_max if scan.public else min(scan.rows_max, most)) * _UTF8_BYTES * length
        for scan in scans_of(measurement.relation)
        for length in _lengths(scan, tables)
    ]


def _lengths(scan: Scan, tables: Tables) -> list[int]:
    read = {name for name, _ in scan.columns}
    return [
        column.max_length or LENGTH_UNDECLARED
        for column in tables[scan.dataset, scan.table].columns
        if column.name in read and column.type is Type.STRING and column.keys is None
    ]


def _gib(size: int) -> str:
    """Gibibytes to one digit, rounded up."""
    tenths = -(-size * 10 // 2**30)
    return f"{tenths // 10}.{tenths % 10}"
