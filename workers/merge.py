"""Several segments of a bucket read as one: units in token order, each once, with all its rows together.

A segment that replaces hides the rows that its units have in the segments before it; a unit's rows depend on its own files'
lines alone. Memory does not grow with rows or units: every segment is read a row group at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.bucket_key import BucketKey, SegmentKey
from workers.interleave import mixed, mixed_of_one
from workers.schema import StoredColumn
from workers.segment import (
    RUN_COLUMN,
    TOKEN_COLUMNS,
    coded_texts,
    plain_schema,
    plain_texts,
    segment_rows,
    segment_units,
)
from workers.store_refused import StoreRefused

SLICE = 32_768
"""Rows put together at a time."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MergedUnits:
    """Units in token order. `stored` are their rows in each segment (segment, unit), `taken` those that count."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    stored: Integers
    taken: Integers


def merged_units(segments: Sequence[SegmentKey]) -> Iterator[MergedUnits]:
    """The units of all segments, some at a time.

    Raises:
        StoreRefused: a file is not the one the manifest names, was changed, or its tokens do not ascend.
    """
    readers = [_Units(segment) for segment in segments]
    if len(readers) == 1:
        while readers[0].fill():
            high, low, runs = readers[0].upto(readers[0].last)
            yield MergedUnits(high, low, runs[np.newaxis], runs[np.newaxis])
        return
    while active := [number for number, reader in enumerate(readers) if reader.fill()]:
        bound = min(readers[number].last for number in active)
        parts = [(number, *readers[number].upto(bound)) for number in active]
        of_segment = np.repeat([part[0] for part in parts], [len(part[3]) for part in parts])
        high, low, runs = (np.concatenate([part[at] for part in parts]) for at in (1, 2, 3))
        order = _token_order(high, low)
        high, low, runs, of_segment = high[order], low[order], runs[order], of_segment[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        number = np.cumsum(fresh) - 1
        stored = np.zeros((len(segments), int(fresh.sum())), dtype=np.int64)
        stored[of_segment, number] = runs
        present = np.zeros(stored.shape, dtype=bool)
        present[of_segment, number] = True
        taken = stored.copy()
        for place, segment in enumerate(segments):
            if segment.replaces:
                taken[:place, present[place]] = 0
        yield MergedUnits(high[fresh], low[fresh], stored, taken)


def _token_order(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> Integers:
    """The order of tokens that lie in a few ascending runs, which a stable sort merges."""
    order = np.argsort(high, kind="stable")
    top, rest = high[order], low[order]
    if ((top[1:] == top[:-1]) & (rest[1:] < rest[:-1])).any():
        return np.lexsort((low, high))
    return order


def merged_rows(key: BucketKey, columns: Sequence[StoredColumn], rows: int) -> Iterator[pa.Table]:
    """The `columns`, at least one, of all `rows` rows that count, each unit's together. Within a unit, segments are mixed
    as `workers.interleave` says.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed, or has another number of rows.
    """
    readers = [_Rows(segment, columns) for segment in key.segments]
    left = rows
    for units in merged_units(key.segments):
        for first, end in _cuts(units.stored.sum(axis=0)):
            for table in _unit_rows(key.order, units, first, end, readers):
                if table.num_rows:
                    left -= table.num_rows
                    yield coded_texts(table, columns)
    if left or not all(reader.ended() for reader in readers):
        raise StoreRefused


def _cuts(stored: Integers) -> Iterator[tuple[int, int]]:
    """Units first … end-1 that have SLICE rows or fewer together, or one unit with more."""
    upto = np.cumsum(stored)
    first, done = 0, 0
    while first < len(stored):
        end = max(first + 1, int(np.searchsorted(upto, done + SLICE, side="right")))
        yield first, end
        first, done = end, int(upto[end - 1])


def _unit_rows(
    order: bytes, units: MergedUnits, first: int, end: int, readers: Sequence["_Rows"]
) -> Iterator[pa.Table]:
    stored, taken = units.stored[:, first:end], units.taken[:, first:end]
    if int(stored.sum()) > SLICE:
        yield from _large_unit_rows(order, units, first, readers)
        return
    parts = []
    for reader, lie, count in zip(readers, stored, taken, strict=True):
        part = reader.take(int(lie.sum()))
        if not np.array_equal(lie, count):
            part = part.filter(pa.array(np.repeat(count == lie, lie)))
        parts.append(part)
    yield _mixed(parts, mixed(order, units.high[first:end], units.low[first:end], taken))


def _large_unit_rows(order: bytes, units: MergedUnits, unit: int, readers: Sequence["_Rows"]) -> Iterator[pa.Table]:
    """The rows of one unit, slice by slice."""
    left = units.taken[:, unit].copy()
    for reader, lie, count in zip(readers, units.stored[:, unit].tolist(), left.tolist(), strict=True):
        for start in range(0, lie if count == 0 else 0, SLICE):
            reader.take(min(SLICE, lie - start))
    done = 0
    while total := int(left.sum()):
        size = min(SLICE, total)
        before = left.copy()
        drawn = mixed_of_one(order, int(units.high[unit]), int(units.low[unit]), done, size, left)
        yield _mixed([reader.take(int(n)) for reader, n in zip(readers, before - left, strict=True)], drawn)
        done += size


def _mixed(parts: Sequence[pa.Table], of_segment: npt.NDArray[np.int8]) -> pa.Table:
    """Rows of the parts, each part's in its own order, drawn from the part that each place names."""
    table = pa.concat_tables(parts)
    if sum(part.num_rows > 0 for part in parts) < 2:
        return table
    place = np.empty(len(of_segment), dtype=np.int64)
    place[np.argsort(of_segment, kind="stable")] = np.arange(len(of_segment))
    return table.take(pa.array(place))


class _Units:
    """Reads the units of one segment in token order."""

    def __init__(self, key: SegmentKey) -> None:
        self._tables = segment_units(key)
        self._high, self._low = np.empty(0, np.uint64), np.empty(0, np.uint64)
        self._runs = np.empty(0, np.int64)
        self.last: tuple[int, int] = (-1, -1)

    def fill(self) -> bool:
        """Whether there are units left; `last` is then the last token at hand."""
        while not len(self._runs):
            table = next(self._tables, None)
            if table is None:
                return False
            names = (*TOKEN_COLUMNS, RUN_COLUMN)
            if set(table.column_names) != set(names):
                raise StoreRefused
            self._high, self._low, self._runs = (table.column(name).combine_chunks().to_numpy() for name in names)
            self._check()
        return True

    def upto(self, bound: tuple[int, int]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Integers]:
        """Take the units whose tokens are not above `bound`."""
        start, stop = (int(np.searchsorted(self._high, np.uint64(bound[0]), side=side)) for side in ("left", "right"))
        end = start + int(np.searchsorted(self._low[start:stop], np.uint64(bound[1]), side="right"))
        taken = self._high[:end], self._low[:end], self._runs[:end]
        self._high, self._low, self._runs = self._high[end:], self._low[end:], self._runs[end:]
        return taken

    def _check(self) -> None:
        high, low = self._high, self._low
        before, after = slice(None, -1), slice(1, None)
        ascending = (high[before] < high[after]) | ((high[before] == high[after]) & (low[before] < low[after]))
        if not ascending.all() or int(self._runs.min(initial=0)) < 0:
            raise StoreRefused
        if len(high):
            if (int(high[0]), int(low[0])) <= self.last:
                raise StoreRefused
            self.last = (int(high[-1]), int(low[-1]))


class _Rows:
    """Reads the rows of one segment from front to back; text comes as strings, so that parts of segments go together."""

    def __init__(self, key: SegmentKey, columns: Sequence[StoredColumn]) -> None:
        self._tables = segment_rows(key, columns, None)
        self._columns = columns
        self._table: pa.Table | None = None
        self._at = 0

    def take(self, count: int) -> pa.Table:
        """The next `count` rows."""
        parts = []
        while count:
            if self._table is None or self._at == self._table.num_rows:
                self._table, self._at = None, 0  # before the next one is read
                self._table = next(self._tables, None)
                if self._table is None:
                    raise StoreRefused
            part = self._table.slice(self._at, count)
            self._at += part.num_rows
            count -= part.num_rows
            parts.append(plain_texts(part, self._columns))
        return pa.concat_tables(parts) if parts else plain_schema(self._columns).empty_table()

    def ended(self) -> bool:
        """Whether no row is left."""
        if self._table is not None and self._at < self._table.num_rows:
            return False
        return all(table.num_rows == 0 for table in self._tables)
