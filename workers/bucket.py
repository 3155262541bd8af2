"""One bucket of one table, as a scan walks it: runs of rows, one run a unit, and columns as plain arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sandbox.terms.dataset import KeyValue
from workers.bucket_key import BucketKey
from workers.merge import merged_rows, merged_units
from workers.packing import packed_integers, packing_of
from workers.schema import Encoding, StoredColumn
from workers.sealed_parquet import ROW_GROUP, read_sealed
from workers.segment import RUN_COLUMN, segment_rows
from workers.store_refused import StoreRefused

__all__ = ["Bucket", "BucketKey", "ColumnArray", "Piece", "StoreRefused", "UnitRuns", "check_bucket", "read_bucket"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnArray:
    """Values of one column, read-only.

    With a `dictionary` the values are signed integers, codes into it, -1 for NULL (and, for declared keys, any other
    value), and `valid` is None. Without, they are signed integers (int, days, microseconds) or finite float64, or, where
    `scale` is not 0, signed integers whose quotients by it are the float64 values. `valid` is None where no value is NULL;
    of values that are not valid nothing is said.
    """

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_] | None = None
    dictionary: tuple[KeyValue, ...] | None = None
    scale: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive rows of a bucket. Dictionaries of text are Arrow arrays, and differ from piece to piece."""

    rows: int
    columns: dict[str, ColumnArray]


@dataclass(frozen=True, slots=True, eq=False)
class UnitRuns:
    """The units of one bucket of one table, in the order of their tokens, and how many rows each has.

    A token is 128 bits in two halves. A unit has the same token in all tables of its unit space, and stands once here.
    """

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    runs: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """`runs` are the numbers of rows of each unit, in order; their sum is `rows`. `units` are there where tables meet."""

    rows: int
    runs: npt.NDArray[np.int64]
    columns: dict[str, ColumnArray]
    units: UnitRuns | None = None

    def pieces(self) -> Iterator[Piece]:
        """All rows at once."""
        yield Piece(self.rows, self.columns)


def read_runs(key: BucketKey) -> npt.NDArray[np.int64]:
    """Decrypt the numbers of rows of each unit, in order. Of one segment, tokens are not read.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed.
    """
    if len(key.segments) > 1:
        return read_units(key).runs
    units = read_sealed(
        key.segments[0].units, lambda file: file.read([RUN_COLUMN], use_threads=False).column(RUN_COLUMN)
    )
    return _frozen(units.combine_chunks().to_numpy())


def read_units(key: BucketKey) -> UnitRuns:
    """Decrypt the tokens and the numbers of rows of each unit, in order; a unit of several segments stands once.

    Raises:
        StoreRefused: a file is not the one the manifest names, was changed, or its tokens do not ascend.
    """
    parts = [(part.high, part.low, part.taken.sum(axis=0)) for part in merged_units(key.segments)]
    high, low, runs = (
        _frozen(np.concatenate([part[at] for part in parts] or [np.empty(0, dtype)]))
        for at, dtype in enumerate((np.uint64, np.uint64, np.int64))
    )
    return UnitRuns(high, low, runs)


def read_pieces(key: BucketKey, columns: Sequence[str], rows: int) -> Iterator[Piece]:
    """Decrypt the named columns of a bucket of `rows` rows, one row group at a time or less: memory does not grow with rows.
    Without columns no file is read.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed, or has another number of rows.
        KeyError: a column that is not stored.
    """
    wanted = _wanted(key, columns)
    if not wanted:
        yield from (Piece(min(ROW_GROUP, rows - start), {}) for start in range(0, rows, ROW_GROUP))
        return
    for table in _tables(key, wanted, rows, narrow=True):
        yield Piece(table.num_rows, {column.name: _of_table(table, column) for column in wanted})


def read_bucket(key: BucketKey, columns: Sequence[str]) -> Bucket:
    """Decrypt the runs and the named columns, all rows at once and text as Python strings: for small tables.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed.
        KeyError: a column that is not stored.
    """
    wanted = _wanted(key, columns)
    runs = read_runs(key)
    rows = int(runs.sum())
    tables = list(_tables(key, wanted, rows, narrow=False)) if wanted else []
    return Bucket(
        rows,
        runs,
        {
            column.name: _column(
                pa.chunked_array(
                    [part for table in tables for part in table.column(column.name).chunks], _type(column)
                ),
                column,
                False,
            )
            for column in wanted
        },
    )


def check_bucket(key: BucketKey) -> None:
    """Read every file to the last byte; `read_bucket` checks what it reads, which may be a few columns.

    Raises:
        StoreRefused: a bit differs from what was written.
    """
    for segment in key.segments:
        units = read_sealed(segment.units, lambda file: file.read(use_threads=False).column(RUN_COLUMN))
        for file in segment.rows.values():
            rows = read_sealed(file, lambda file: file.read(use_threads=False))
            if int(units.to_numpy().sum()) != rows.num_rows:
                raise StoreRefused


def _tables(key: BucketKey, wanted: Sequence[StoredColumn], rows: int, *, narrow: bool) -> Iterator[pa.Table]:
    if len(key.segments) > 1:
        return merged_rows(key, wanted, rows)
    return segment_rows(key.segments[0], wanted, rows, narrow=narrow)


def _wanted(key: BucketKey, columns: Sequence[str]) -> list[StoredColumn]:
    stored = {column.name: column for column in key.columns}
    return [stored[name] for name in dict.fromkeys(columns)]


def _type(column: StoredColumn) -> pa.DataType:
    match column.encoding:
        case Encoding.CODES:
            return pa.int32()
        case Encoding.TEXT:
            return pa.dictionary(pa.int32(), pa.string())
        case Encoding.INT64:
            return pa.int64()
        case Encoding.FLOAT64:
            return pa.float64()


def _column(chunks: pa.ChunkedArray, column: StoredColumn, arrow_texts: bool) -> ColumnArray:
    if column.encoding is Encoding.TEXT:
        array = chunks.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # no rows, no chunk
            return ColumnArray(_frozen(np.empty(0, dtype=np.int32)), dictionary=())
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return ColumnArray(
            _frozen(codes), dictionary=array.dictionary if arrow_texts else tuple(array.dictionary.to_pylist())
        )
    array = chunks.combine_chunks()
    if column.encoding is Encoding.CODES:
        return ColumnArray(_frozen(array.to_numpy(zero_copy_only=False)), dictionary=column.keys)
    if array.null_count == 0:
        return ColumnArray(_frozen(array.to_numpy(zero_copy_only=False)))
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return ColumnArray(_frozen(array.fill_null(0).to_numpy(zero_copy_only=False)), _frozen(valid))


def _of_table(table: pa.Table, column: StoredColumn) -> ColumnArray:
    packing, chunks = packing_of(table.schema.field(column.name)), table.column(column.name)
    if packing is None:
        return _column(chunks, column, arrow_texts=True)
    values = _frozen(packed_integers(chunks, packing))
    floating = column.encoding is Encoding.FLOAT64
    if (packing.scale != 0) != floating or (packing.nulls and column.encoding is Encoding.CODES):
        raise StoreRefused
    if column.encoding is Encoding.CODES:
        return ColumnArray(values, dictionary=column.keys)
    valid = _frozen(values != packing.null) if packing.nulls else None
    return ColumnArray(values, valid, scale=packing.scale)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # All read-only, those that Arrow owns and those that it does not: compiled code then sees one type.
    array.flags.writeable = False
    return array
