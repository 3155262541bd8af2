"""When an answer comes out: a function of the plan and of the declared sizes of its table, never of the rows.

A query is accepted at some moment; it is settled one slot later, or, when the engine is late, two, four or eight slots
later, and forfeited at the last. Until then nothing that anybody can see depends on whether, when or how the engine came
back (security.md P1: neighbouring datasets told apart by run time alone).
"""

from collections.abc import Iterator, Mapping

from sandbox.plan.answers import listed_tables
from sandbox.plan.expressions import children
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Expression, Membership
from sandbox.plan.primitives import CountDistinct, TreeCounts
from sandbox.plan.query import Plan
from sandbox.plan.relation_facts import relation_facts
from sandbox.plan.relations import (
    Filter,
    Join,
    Project,
    Relation,
    Scan,
    expressions_of,
    is_public,
    rows_max,
    scans_of,
    sources_of,
    streamed,
)
from sandbox.service.call_costs import calls_ns, costly
from sandbox.service.relation_costs import keys_ns, public_joins_ns
from sandbox.terms.dataset import Table, Type

Tables = Mapping[tuple[str, str], Table]
"""Tables by dataset and name."""

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

TREE_NODE_US = 40
"""The same for one node of a tree of counts, whose finishing is arithmetic on arrays."""

SELECTED_US = 40
"""One draw that decides whether a private group shows; every row could be in a group of its own."""

RELATION_ROW_NS = 600
"""One row through a node that sorts or looks up: per-unit aggregates, windows, joins. Measured: 80 to 250 ns. Keys and
aggregates come on top: see `relation_costs`."""

MERGE_ROW_NS = 3_000
"""One row of a table whose rows come from several loads, put in its place. Measured: 300 to 1,100 ns."""

DISTINCT_ROW_NS = 1_500
"""One counted row's distinct value or private key: coded, hashed, sealed, merged. Measured: 300 to 700 ns."""

LISTED_CELL_NS = 2_000
"""One value of a public row that becomes a line: computed, written as a value, joined. Measured: 400 and 1,000 ns."""

DOUBLINGS = 3
"""How often a late engine moves an answer to the next slot before the loss is forfeited."""


def slot_ms(plan: Plan, tables: Tables, tick_ms: int, turns: int, buckets: int = 1, *, merged: bool = False) -> int:
    """Milliseconds from acceptance to the first slot, a multiple of the tick. `tables` are those that the plan scans.

    `turns` is how many queries one worker may have to serve at a time: each waits for the rows of all others. A public
    table is read and worked on for each of the `buckets`. `merged` says that rows of a table come from several loads.
    """
    nanoseconds = BASE_MS * 10**6
    for measurement in plan.measurements:
        nanoseconds += turns * _rows_ns(measurement, tables, buckets) + _noise_ns(measurement)
        if merged:
            nanoseconds += turns * sum(scan.rows_max for scan in scans_of(measurement.relation)) * MERGE_ROW_NS
    for table in listed_tables(plan.answer):
        nanoseconds += _relation_ns(table.relation, tables, 1)
        nanoseconds += rows_max(table.relation) * len(table.columns) * LISTED_CELL_NS
    tick = tick_ms * 10**6
    return -(-nanoseconds // tick) * tick_ms


def _rows_ns(measurement: Measurement, tables: Tables, buckets: int) -> int:
    """What all rows take at most: reading, every operator, and what is measured of them."""
    relation = measurement.relation
    found = _relation_ns(relation, tables, buckets) + public_joins_ns(relation, tables, buckets, RELATION_ROW_NS)
    passes = 1 + sum(
        primitive.depth if isinstance(primitive, TreeCounts) else 1 for primitive in measurement.primitives
    )
    each = passes * ROW_COLUMN_NS + _nodes_ns(measurement.expressions)
    each += sum(_calls_ns(expression, relation, tables) for expression in measurement.expressions)
    if measurement.selected or any(isinstance(item, CountDistinct) for item in measurement.primitives):
        each += DISTINCT_ROW_NS
    return found + rows_max(relation) * each


def _relation_ns(relation: Relation, tables: Tables, buckets: int) -> int:
    below = sum(_relation_ns(source, tables, buckets) for source in sources_of(relation))
    if isinstance(relation, Scan):
        times = buckets if relation.public else 1
        return times * relation.rows_max * _scan_ns(relation, tables)
    expressions, sources = expressions_of(relation), sources_of(relation)
    each = _nodes_ns(expressions)
    for place, expression in enumerate(expressions):
        each += _calls_ns(expression, sources[place % 2 if isinstance(relation, Join) else 0], tables)
    if not isinstance(relation, Filter | Project):
        each += RELATION_ROW_NS
    elif not streamed(relation):
        each += ROW_COLUMN_NS
    rows = max(rows_max(relation), *(rows_max(source) for source in sources))
    return below + (buckets if is_public(relation) else 1) * (rows * each + keys_ns(relation, tables))


def _calls_ns(expression: Expression, source: Relation, tables: Tables) -> int:
    """What functions and operators on texts take on one row of the source."""
    return calls_ns(expression, relation_facts(source, tables)) if costly(expression) else 0


def _scan_ns(scan: Scan, tables: Tables) -> int:
    """What reading one row takes: its columns, and its texts at their full lengths."""
    read = {name for name, _ in scan.columns}
    characters = sum(
        column.max_length or 0
        for column in tables[scan.dataset, scan.table].columns
        if column.name in read and column.type is Type.STRING and column.keys is None
    )
    return (len(read) + 1) * ROW_COLUMN_NS + 4 * characters * TEXT_BYTE_NS


def _noise_ns(measurement: Measurement) -> int:
    if measurement.selected:
        # Every row may make a group that is drawn for; those that show are fewer by the threshold's size.
        return measurement.rows_max * (SELECTED_US + len(measurement.primitives) * GROUP_VECTOR_US // 8) * 10**3
    each = sum(GROUP_VECTOR_US if wide == 1 else wide * TREE_NODE_US for wide in measurement.widths)
    return measurement.groups * each * 10**3


def _nodes_ns(expressions: tuple[Expression, ...]) -> int:
    nodes = [node for expression in expressions for node in _nodes(expression)]
    listed = sum(len(node.values) for node in nodes if isinstance(node, Membership))
    return len(nodes) * ROW_NODE_NS + listed * ROW_LISTED_NS


def slots_ms(first: int) -> tuple[int, ...]:
    """Every moment after acceptance at which a query may be settled."""
    return tuple(first << doubling for doubling in range(DOUBLINGS + 1))


def deadline_ms(first: int) -> int:
    """The last slot: the engine's deadline."""
    return first << DOUBLINGS


def next_slot_ms(first: int, elapsed_ms: float) -> int:
    """The first slot that is still to come; the last one when all have passed."""
    return next((slot for slot in slots_ms(first) if slot > elapsed_ms), deadline_ms(first))


def columns_read(plan: Plan) -> frozenset[tuple[str, str, str]]:
    """(dataset, table, column) of all that a plan reads."""
    return frozenset((scan.dataset, scan.table, name) for scan in plan.scans for name, _ in scan.columns)


def _nodes(expression: Expression) -> Iterator[Expression]:
    """The expression and all in it; the values of an IN list are no nodes."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)
