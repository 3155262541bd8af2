"""Buckets: a table cut by the top bits of the unit token, each part a rows file and a small units file.

All tables of a unit space are cut alike, so whatever concerns one unit lies in one bucket. Neither file holds an
identifier; a scan that walks runs needs the units file's third column alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.bucket import RUN_COLUMN, ColumnArray
from workers.schema import Encoding, StoredColumn
from workers.tokens import Units

BUCKETS_MAX = 4096
_TOKEN_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """One bucket's two tables, ready to be written."""

    rows: pa.Table
    units: pa.Table


def check_buckets(buckets: int) -> None:
    """Raises ValueError where `buckets` is no power of two, or out of range."""
    if not 1 <= buckets <= BUCKETS_MAX or buckets & (buckets - 1):
        raise ValueError("the number of buckets is a power of two")


def arrange(
    units: Units,
    stored: Sequence[StoredColumn],
    columns: Sequence[ColumnArray],
    order: npt.NDArray[np.int64],
    buckets: int,
) -> Iterator[Arranged]:
    """The tables of bucket 0, 1, …: rows in the given order, units in token order. Empty buckets are there too."""
    check_buckets(buckets)
    runs = np.bincount(units.of_row, minlength=len(units.high)).astype(np.int64)
    bits = buckets.bit_length() - 1
    bucket_of = units.high >> np.uint64(_TOKEN_BITS - bits) if bits else np.zeros_like(units.high)
    unit_edges = np.searchsorted(bucket_of, np.arange(buckets + 1, dtype=np.uint64))
    row_edges = np.concatenate([[0], np.cumsum(runs)])[unit_edges]
    ordered = [_ordered(array, order) for array in columns]
    for bucket in range(buckets):
        of_units = slice(int(unit_edges[bucket]), int(unit_edges[bucket + 1]))
        of_rows = slice(int(row_edges[bucket]), int(row_edges[bucket + 1]))
        yield Arranged(
            rows=_rows_table(stored, ordered, of_rows),
            units=pa.table(
                {
                    "token_high": units.high[of_units],
                    "token_low": units.low[of_units],
                    RUN_COLUMN: runs[of_units],
                }
            ),
        )


def dictionary_columns(stored: Sequence[StoredColumn]) -> list[str]:
    """The columns worth a Parquet dictionary: few distinct values, or strings."""
    return [column.name for column in stored if column.encoding in (Encoding.CODES, Encoding.TEXT)]


def _ordered(array: ColumnArray, order: npt.NDArray[np.int64]) -> ColumnArray:
    valid = None if array.valid is None else array.valid[order]
    return ColumnArray(array.values[order], valid, array.dictionary)


def _rows_table(stored: Sequence[StoredColumn], columns: Sequence[ColumnArray], rows: slice) -> pa.Table:
    fields = [
        pa.field(column.name, _arrow_type(column), nullable=column.encoding is not Encoding.CODES) for column in stored
    ]
    arrays = [_array(column, array, rows) for column, array in zip(stored, columns, strict=True)]
    if not arrays:
        # A table of units alone still has rows: one constant column keeps their number.
        count = rows.stop - rows.start
        return pa.table({"": pa.array(np.zeros(count, dtype=np.int32))})
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(column: StoredColumn, array: ColumnArray, rows: slice) -> pa.Array:
    values = array.values[rows]
    if column.encoding is Encoding.TEXT:
        # Only this bucket's strings: a file must not carry those of other buckets.
        used, codes = np.unique(values, return_inverse=True)
        first = int(np.searchsorted(used, 0))
        texts = array.dictionary or ()
        local = codes.astype(np.int32) - first
        return pa.DictionaryArray.from_arrays(
            pa.array(local, mask=local < 0), pa.array([texts[code] for code in used[first:]], pa.string())
        )
    mask = None if array.valid is None else ~array.valid[rows]
    return pa.array(values, mask=mask)


def _arrow_type(column: StoredColumn) -> pa.DataType:
    match column.encoding:
        case Encoding.CODES:
            return pa.int32()
        case Encoding.TEXT:
            return pa.dictionary(pa.int32(), pa.string())
        case Encoding.INT64:
            return pa.int64()
        case Encoding.FLOAT64:
            return pa.float64()
