"""Buckets → the exact tallies of a plan's measurements. Reads only the columns that the plan names.

A relation whose rows are those of one private table is read a row group at a time; others come in batches of whole units.
Either is evaluated a block at a time, so that neither many rows of one unit nor a long expression makes memory grow:
whether a measurement fits is a function of the plan and of declared sizes (`sandbox.plan.measurement_sizes`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountRows, CountUnits, CountValues
from sandbox.plan.query import Plan
from sandbox.plan.relations import Relation, streamed
from workers.accumulators import Counted, OfLeaves, OfPairs, accumulator
from workers.bucket import Bucket, ColumnArray, Piece, read_runs
from workers.contribute import Bounding, Integers
from workers.evaluate import Block, Compiler, Step, repeated
from workers.group_codes import GroupStep, Placed, PrivateGroups, PublicGroups
from workers.lookups import Codes, PieceCodes, conjuncts, sole_column
from workers.relations.execute import relation_pieces
from workers.relations.sources import BucketSources, Sources
from workers.streams import Stream, plain_stream, stream_of
from workers.tally import Tally, sorted_out

BLOCK_ROWS = 16_384
"""Rows evaluated at a time: few enough that what an expression needs stays in the processor's cache."""

_LARGER = 8
"""Blocks are as many times larger where all is looked up: a row then needs four bytes."""

_NO_OWNERS = np.zeros(0, np.int64)

Batches: TypeAlias = Iterable[tuple[Integers, Iterable[Piece]]]
"""Whole units: the rows of each, and those rows, in pieces."""


def scan(plan: Plan, buckets: Sequence[Sources], secret: bytes) -> list[Tally]:
    """Read and decrypt buckets and return the tally of each measurement. `secret` is the order's key for texts.

    Raises:
        StoreRefused: a bucket's files are not those of the manifest.
    """
    return [_scanned(measurement, buckets, secret) for measurement in plan.measurements]


def _scanned(measurement: Measurement, buckets: Sequence[Sources], secret: bytes) -> Tally:
    stream = stream_of(measurement.relation, buckets[0]) if buckets else None
    measuring = _Measuring(measurement, stream, secret, BLOCK_ROWS)
    for sources in buckets:
        measuring.take(_batches(measurement.relation, stream, sources))
    return measuring.tally()


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
    stream = plain_stream(measurement.relation) if streamed(measurement.relation) else None
    measuring = _Measuring(measurement, stream, secret, block_rows)
    measuring.take(batches)
    return measuring.tally()


def _batches(relation: Relation, stream: Stream | None, sources: Sources) -> Iterator[tuple[Integers, Iterable[Piece]]]:
    if stream is None:
        for runs, piece in relation_pieces(relation, sources):
            yield runs, [piece]
        return
    table = stream.scan
    # Where no private table meets another, tokens need not be read.
    runs = read_runs(sources.key(table)) if isinstance(sources, BucketSources) else sources.units(table).runs
    yield runs, sources.pieces(table, [name for name, _ in table.columns], int(runs.sum()))


class _Measuring:
    """One measurement, as far as its rows have come."""

    def __init__(self, measurement: Measurement, stream: Stream | None, secret: bytes, block_rows: int) -> None:
        self._block_rows = block_rows
        self._stream = stream
        filters = [] if stream is None else list(conjuncts(stream.filters))
        derived = self._derived = None if stream is None else stream.derived
        self._expressions = [*filters, *measurement.expressions]
        self._kept = repeated(self._expressions)
        self._groups = (
            PrivateGroups(measurement, filters, derived, secret)
            if measurement.selected
            else PublicGroups(measurement, filters, derived)
        )
        self._bounding = _bounding(measurement)
        self._parts = [
            accumulator(item, self._bounding, measurement, derived, secret) for item in measurement.primitives
        ]
        self._owned = any(part.owned for part in self._parts)

    def take(self, batches: Batches) -> None:
        """Measure more units."""
        for runs, pieces in batches:
            self._bounding.begin(runs)
            for piece in pieces:
                self._add(piece)
                del piece  # before the next is read: text makes pieces large
            self._bounding.finish()

    def _add(self, piece: Piece) -> None:
        prefix = "" if self._stream is None else self._stream.scan.prefix
        columns = {prefix + name: column for name, column in piece.columns.items()}
        block_rows = min(self._block_rows, max(piece.rows, 1))
        compiled = self._compiled(columns, block_rows)
        if compiled.large:
            block_rows *= _LARGER
        with np.errstate(all="ignore"):
            for start in range(0, piece.rows, block_rows):
                self._block(Block(start, min(start + block_rows, piece.rows)), compiled)

    def tally(self) -> Tally:
        """What was counted. Of private groups only those with a counted row are there."""
        count = self._groups.count
        self._bounding.grow(count)
        keys: tuple[bytes, ...] = ()
        order = np.arange(count, dtype=np.int64)
        if isinstance(self._groups, PrivateGroups):
            present = np.flatnonzero(self._bounding.units[:count])
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
        codes = PieceCodes(columns)
        if self._derived is not None and not self._all_looked_up(codes):
            columns = {**columns, **self._derived.of(columns[self._derived.column])}
        compiler = Compiler(columns, block_rows, self._kept)
        grouping = self._groups.step(compiler, columns, codes)
        looked_up = [None if part.lookup is None else codes.of(part.lookup.column) for part in self._parts]
        operands = [
            None if part.operand is None or found is not None else compiler.step(part.operand)
            for part, found in zip(self._parts, looked_up, strict=True)
        ]
        return _Compiled(grouping.step, looked_up, operands, grouping.large and not any(operands))

    def _all_looked_up(self, codes: PieceCodes) -> bool:
        """Whether nothing is computed from the piece's own rows."""
        columns = (sole_column(expression, self._derived) for expression in self._expressions)
        chained = isinstance(self._groups, PrivateGroups) and self._groups.chained
        return not chained and all(codes.of(column) is not None for column in columns)

    def _block(self, block: Block, compiled: "_Compiled") -> None:
        placed = compiled.groups(block)
        self._bounding.grow(self._groups.count)
        counted = self._counted(block, placed)
        for part, codes, step in zip(self._parts, compiled.looked_up, compiled.operands, strict=True):
            if codes is not None:
                part.look_up(counted, block, codes)
            elif step is not None:
                part.add(counted, step(block))

    def _counted(self, block: Block, placed: Placed) -> Counted:
        count = self._groups.count
        first = 0 if self._stream is None else self._stream.rows_per_unit
        if placed.groups is None and self._bounding.spanning and not self._owned and not first:
            return Counted(block.rows, count, None, self._bounding.spans(block.rows), _NO_OWNERS)
        groups = np.zeros(block.rows, np.int32) if placed.groups is None else placed.groups
        if first:
            self._bounding.cut_units(groups, first)
        owners = np.empty(block.rows, np.int64) if self._owned else _NO_OWNERS
        self._bounding.mark(groups, owners if self._owned else None)
        return Counted(block.rows, count, groups, None, owners)


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """A measurement compiled for the columns of one piece. Of each primitive the codes that it looks up, or the step that
    gives its operand, or neither. `large` says that blocks may be: nothing is computed row by row."""

    groups: GroupStep
    looked_up: list[Codes | None]
    operands: list[Step | None]
    large: bool


def _bounding(measurement: Measurement) -> Bounding:
    """What bounds a measurement, and counts the rows and units that its primitives speak of."""
    selected = measurement.selected
    return Bounding(
        measurement.bounds,
        0 if selected else measurement.groups,
        of_rows=any(isinstance(item, CountRows | CountValues) for item in measurement.primitives),
        of_units=selected or CountUnits() in measurement.primitives,
        fixed=not selected,
    )


def _placed(columns: Integers, lines: Integers, words: int) -> Integers:
    """Columns (group, …) by their lines, ascending."""
    return sorted_out(np.vstack([lines[columns[0]], columns[1:]]), words)
