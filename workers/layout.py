"""Buckets: a table cut by the top bits of the unit token, each part a rows file and a small units file.

All tables of a unit space are cut alike, so whatever concerns one unit lies in one bucket. Neither file holds an
identifier; a scan that walks runs needs the units file's third column alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workers.bucket import ColumnArray, UnitRuns
from workers.row_columns import cut
from workers.schema import Encoding, StoredColumn
from workers.sealed_parquet import ROW_GROUP
from workers.segment import RUN_COLUMN, TOKEN_COLUMNS
from workers.tokens import Tokens

BUCKETS_MAX = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Consecutive rows of a bucket, and units whose rows begin among them, ready to be written."""

    rows: pa.Table
    units: pa.Table


def check_buckets(buckets: int) -> None:
    """Raises ValueError where `buckets` is no power of two, or out of range."""
    if not 1 <= buckets <= BUCKETS_MAX or buckets & (buckets - 1):
        raise ValueError("the number of buckets is a power of two")


def arrange(
    stored: Sequence[StoredColumn], units: UnitRuns, columns: Sequence[ColumnArray], rows: int
) -> Iterator[Arranged]:
    """`rows` rows that are in order, and units that begin among them, in row groups as they are written; at least one."""
    edges = np.append(np.arange(0, rows, ROW_GROUP), rows) if rows else np.zeros(2, np.int64)
    parts = [
        cut(array, edges, text=column.encoding is Encoding.TEXT) for column, array in zip(stored, columns, strict=True)
    ]
    for group, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        of_units = slice(None) if group == 0 else slice(0)
        yield Arranged(
            rows=_rows_table(stored, [part[group] for part in parts], end - start),
            units=pa.table(
                {
                    TOKEN_COLUMNS[0]: units.high[of_units],
                    TOKEN_COLUMNS[1]: units.low[of_units],
                    RUN_COLUMN: units.runs[of_units],
                }
            ),
        )


def unit_runs(tokens: Tokens) -> UnitRuns:
    """The units of rows that are in token order."""
    fresh = np.ones(len(tokens.high), dtype=bool)
    fresh[1:] = (tokens.high[1:] != tokens.high[:-1]) | (tokens.low[1:] != tokens.low[:-1])
    firsts = np.flatnonzero(fresh)
    runs = np.diff(np.append(firsts, len(fresh))).astype(np.int64)
    return UnitRuns(tokens.high[firsts], tokens.low[firsts], runs)


def dictionary_columns(stored: Sequence[StoredColumn]) -> list[str]:
    """The columns worth a Parquet dictionary: few distinct values, or strings."""
    return [column.name for column in stored if column.encoding in (Encoding.CODES, Encoding.TEXT)]


def _rows_table(stored: Sequence[StoredColumn], columns: Sequence[ColumnArray], rows: int) -> pa.Table:
    fields = [
        pa.field(column.name, _arrow_type(column), nullable=column.encoding is not Encoding.CODES) for column in stored
    ]
    arrays = [_array(column, array) for column, array in zip(stored, columns, strict=True)]
    if not arrays:
        # A table of units alone still has rows: one constant column keeps their number.
        return pa.table({"": pa.array(np.zeros(rows, dtype=np.int32))})
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(column: StoredColumn, array: ColumnArray) -> pa.Array:
    if column.encoding is Encoding.TEXT:
        codes = pa.array(array.values, mask=array.values < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(array.dictionary).cast(pa.string()))
    return pa.array(array.values, mask=None if array.valid is None else ~array.valid)


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
