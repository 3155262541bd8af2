"""Columns of rows on their way into the store: joined, put in another order, and cut into parts that carry their own
strings and no others. Text here has its strings in an Arrow array."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.bucket import ColumnArray
from workers.schema import Encoding, StoredColumn

TEXT: pa.DataType = pa.large_string()
_NOTHING: pa.Array = pa.array([], TEXT)


def empty(column: StoredColumn) -> ColumnArray:
    """A column of no rows."""
    if column.encoding is Encoding.TEXT:
        return ColumnArray(np.empty(0, np.int32), dictionary=_NOTHING)
    if column.encoding is Encoding.CODES:
        return ColumnArray(np.empty(0, np.int32), dictionary=column.keys)
    return ColumnArray(np.empty(0, np.float64 if column.encoding is Encoding.FLOAT64 else np.int64))


def joined(column: StoredColumn, parts: Sequence[ColumnArray]) -> ColumnArray:
    """One column of the rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty(column)
    if column.encoding is Encoding.TEXT:
        return _joined_texts(parts)
    values = np.concatenate([part.values for part in parts])
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate(
            [np.ones(len(part.values), bool) if part.valid is None else part.valid for part in parts]
        )
    return ColumnArray(values, valid, parts[0].dictionary)


def _joined_texts(parts: Sequence[ColumnArray]) -> ColumnArray:
    every: pa.Array = pa.concat_arrays([pa.array(part.dictionary).cast(TEXT) for part in parts])
    distinct = every.dictionary_encode()
    # -1, which points at the end, stays -1.
    number = np.append(distinct.indices.to_numpy(zero_copy_only=False), -1).astype(np.int32)
    codes, start = [], 0
    for part in parts:
        codes.append(np.where(part.values < 0, np.int32(-1), number[part.values + np.int32(start)]))
        start += len(part.dictionary or ())
    return ColumnArray(np.concatenate(codes), dictionary=distinct.dictionary)


def taken(column: ColumnArray, rows: npt.NDArray[Any]) -> ColumnArray:
    """The given rows (numbers, or truth values) in their order."""
    valid = None if column.valid is None else column.valid[rows]
    return ColumnArray(column.values[rows], valid, column.dictionary)


def cut(column: ColumnArray, edges: npt.NDArray[np.int64], *, text: bool) -> list[ColumnArray]:
    """The parts from edge to edge; a part of text has the strings of its own rows, in the order of their first row."""
    starts, ends = edges[:-1].tolist(), edges[1:].tolist()
    if not text:
        return [
            ColumnArray(column.values[a:b], None if column.valid is None else column.valid[a:b], column.dictionary)
            for a, b in zip(starts, ends, strict=True)
        ]
    strings = pa.array(column.dictionary).cast(TEXT)
    local, used, used_edges = _narrowed(column.values, edges, len(strings))
    return [
        ColumnArray(local[a:b], dictionary=strings.take(pa.array(used[used_edges[part] : used_edges[part + 1]])))
        for part, (a, b) in enumerate(zip(starts, ends, strict=True))
    ]


@numba.njit(nogil=True, cache=True)
def _narrowed(codes: Any, edges: Any, strings: int) -> Any:
    """Codes into each part's own strings; which strings those are, part after part; and where each part's begin."""
    local, used = np.empty(len(codes), np.int32), np.empty(len(codes), np.int32)
    used_edges = np.zeros(len(edges), np.int64)
    seen, place = np.full(strings, -1, np.int64), np.empty(strings, np.int32)
    count = 0
    for part in range(len(edges) - 1):
        first = count
        for row in range(edges[part], edges[part + 1]):
            code = codes[row]
            if code < 0:
                local[row] = -1
                continue
            if seen[code] != part:
                seen[code] = part
                place[code] = count - first
                used[count] = code
                count += 1
            local[row] = place[code]
        used_edges[part + 1] = count
    return local, used[:count], used_edges
