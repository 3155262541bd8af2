"""One bucket → the exact tallies of a plan's measurements. Reads only the columns that the plan names.

A relation that is one private table under filters is read a row group at a time; others come in batches of whole units.
Either is evaluated a block at a time, so that neither many rows of one unit nor a long expression makes memory grow:
whether a measurement fits is a function of the plan and of declared sizes (`sandbox.plan.measurement_sizes`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Expression
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Relation, Scan, streamed
from workers.accumulators import Counted, OfLeaves, OfPairs, accumulator
from workers.bucket import Bucket, ColumnArray, Piece, read_runs
from workers.contribute import Bounding, Integers
from workers.evaluate import Block, Compiler, Step, repeated
from workers.group_codes import GroupStep, Passing, PrivateGroups, PublicGroups
from workers.relations.execute import relation_pieces
from workers.relations.sources import BucketSources, Sources
from workers.tally import Tally, sorted_out

BLOCK_ROWS = 16_384
"""Rows evaluated at a time: few enough that what an expression needs stays in the processor's cache."""

_NO_OWNERS = np.zeros(0, np.int64)

Batches: TypeAlias = Iterable[tuple[Integers, Iterable[Piece]]]
"""Whole units: the rows of each, and those rows, in pieces."""


def scan(plan: Plan, sources: Sources, secret: bytes) -> list[Tally]:
    """Read and decrypt one bucket and return the tally of each measurement. `secret` is the order's key for texts.

    Raises:
        StoreRefused: the bucket's files are not those of the manifest.
    """
    return [
        measure_batches(measurement, _batches(measurement.relation, sources), secret)
        for measurement in plan.measurements
    ]


def measure_bucket(
    measurement: Measurement, bucket: Bucket, block_rows: int = BLOCK_ROWS, secret: bytes = b""
) -> Tally:
    """The tally of a streamed measurement over a bucket in memory."""
    return measure_batches(measurement, [(bucket.runs, bucket.pieces())], secret, block_rows)


def measure_batches(
    measurement: Measurement, batches: Batches, secret: bytes = b"", block_rows: int = BLOCK_ROWS
) -> Tally:
    """The tally of all units of a bucket, in order. Any cut into batches, pieces and blocks gives the same bits.

    Raises:
        ValueError: runs are not those of the pieces' rows.
    """
    measuring = _Measuring(measurement, secret, block_rows)
    for runs, pieces in batches:
        measuring.bounding.begin(runs)
        for piece in pieces:
            measuring.add(piece)
            del piece  # before the next is read: text makes pieces large
        measuring.bounding.finish()
    return measuring.tally()


def _batches(relation: Relation, sources: Sources) -> Iterator[tuple[Integers, Iterable[Piece]]]:
    if not streamed(relation):
        for runs, piece in relation_pieces(relation, sources):
            yield runs, [piece]
        return
    table = _scan_of(relation)
    # Where no table meets another, tokens need not be read.
    runs = read_runs(sources.key(table)) if isinstance(sources, BucketSources) else sources.units(table).runs
    yield runs, sources.pieces(table, [name for name, _ in table.columns], int(runs.sum()))


def _scan_of(relation: Relation) -> Scan:
    while isinstance(relation, Filter):
        relation = relation.source
    if not isinstance(relation, Scan):
        raise TypeError("the relation is not streamed")
    return relation


def _filters(relation: Relation) -> list[Expression]:
    """The predicates that rows of a streamed relation must fulfil."""
    found: list[Expression] = []
    while isinstance(relation, Filter):
        found.insert(0, relation.predicate)
        relation = relation.source
    return found


class _Measuring:
    """One measurement of one bucket, as far as its rows have come."""

    def __init__(self, measurement: Measurement, secret: bytes, block_rows: int) -> None:
        self._block_rows = block_rows
        inline = streamed(measurement.relation)
        self._prefix = _scan_of(measurement.relation).prefix if inline else ""
        self._filters = _filters(measurement.relation) if inline else []
        self._kept = repeated([*self._filters, *measurement.expressions])
        self._groups = PrivateGroups(measurement, secret) if measurement.selected else PublicGroups(measurement)
        groups = 0 if measurement.selected else measurement.groups
        self.bounding = Bounding(measurement.bounds, groups)
        self._parts = [accumulator(item, self.bounding, groups, secret) for item in measurement.primitives]
        self._owned = any(part.owned for part in self._parts)

    def add(self, piece: Piece) -> None:
        """Measure the next rows."""
        columns = {self._prefix + name: column for name, column in piece.columns.items()}
        block_rows = min(self._block_rows, max(piece.rows, 1))
        compiled = self._compiled(columns, block_rows)
        with np.errstate(all="ignore"):
            for start in range(0, piece.rows, block_rows):
                self._block(Block(start, min(start + block_rows, piece.rows)), compiled)

    def tally(self) -> Tally:
        """What was counted. Of private groups only those with a counted row are there."""
        count = self._groups.count
        self.bounding.grow(count)
        keys: tuple[bytes, ...] = ()
        order = np.arange(count, dtype=np.int64)
        if isinstance(self._groups, PrivateGroups):
            present = np.flatnonzero(self.bounding.units[:count])
            held = self._groups.key_bytes(present)
            ranked = sorted(range(len(held)), key=held.__getitem__)
            keys, order = tuple(held[place] for place in ranked), present[ranked]
        lines = np.full(count, -1, np.int64)
        lines[order] = np.arange(len(order))
        sums = [part.integers(count)[order] for part in self._parts if not isinstance(part, OfLeaves | OfPairs)]
        return Tally(
            keys,
            np.vstack([np.zeros((0, len(order)), np.int64), *sums]),
            tuple(_placed(part.leaves, lines, 2) for part in self._parts if isinstance(part, OfLeaves)),
            tuple(_placed(part.pairs, lines, 3) for part in self._parts if isinstance(part, OfPairs)),
        )

    def _compiled(self, columns: Mapping[str, ColumnArray], block_rows: int) -> "_Compiled":
        compiler = Compiler(columns, block_rows, self._kept)
        return _Compiled(
            [compiler.step(predicate) for predicate in self._filters],
            self._groups.step(compiler, columns),
            [None if part.operand is None else compiler.step(part.operand) for part in self._parts],
        )

    def _block(self, block: Block, compiled: "_Compiled") -> None:
        passing: Passing = None
        for predicate in compiled.filters:
            found = predicate(block)
            holds = found.values & found.valid
            passing = holds if passing is None else passing & holds
        groups = compiled.groups(block, passing)
        self.bounding.grow(self._groups.count)
        owners = np.empty(block.rows, np.int64) if self._owned else _NO_OWNERS
        self.bounding.mark(groups, owners if self._owned else None)
        counted = Counted(groups, self._groups.count, owners)
        for part, step in zip(self._parts, compiled.operands, strict=True):
            if step is not None:
                part.add(counted, step(block))


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """A measurement compiled for the columns of one piece; `operands` are None where a primitive has none."""

    filters: list[Step]
    groups: GroupStep
    operands: list[Step | None]


def _placed(columns: Integers, lines: Integers, words: int) -> Integers:
    """Columns (group, …) by their lines, ascending."""
    return sorted_out(np.vstack([lines[columns[0]], columns[1:]]), words)
