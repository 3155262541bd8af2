"""Numbers as a rows file holds them: integers of 1, 2 or 4 bytes, so that a scan decrypts and reads no more than there is.

A column of int32, int64 or float64 is packed where all its values are whole multiples of 1, 1/10, … 1/10,000 within 31
bits: each is the integer `value * scale`, and reading divides by the scale, which gives the same double to the bit. NULL is
the smallest integer of the width. What does not fit stays as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_KEY = b"packing"
_SCALES = (1, 10, 100, 1_000, 10_000)
_SAMPLE = 1_024
_WIDTHS = (1, 2, 4)
_KINDS: dict[str, pa.DataType] = {"int32": pa.int32(), "int64": pa.int64(), "double": pa.float64()}


@dataclass(frozen=True, slots=True)
class Packing:
    """How a column is packed: `kind` is its Arrow type, `scale` 0 where that is an integer, `nulls` whether any is NULL."""

    kind: str
    width: int
    scale: int
    nulls: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The integers' type."""
        return np.dtype(f"<i{self.width}")

    @property
    def null(self) -> int:
        """The integer that stands for NULL."""
        return -(1 << (8 * self.width - 1))


@dataclass(frozen=True, slots=True)
class Spread:
    """The integers that values of a column became at `scale`: from `low` to `high`."""

    kind: str
    low: int
    high: int
    scale: int
    nulls: bool

    def united(self, other: "Spread") -> "Spread":
        """That of both columns' values."""
        scale = max(self.scale, other.scale)
        own, others = (scale // part.scale if scale else 1 for part in (self, other))
        return Spread(
            self.kind,
            min(self.low * own, other.low * others),
            max(self.high * own, other.high * others),
            scale,
            self.nulls or other.nulls,
        )

    @property
    def packing(self) -> Packing | None:
        """The narrowest packing, None where no width is enough."""
        for width in _WIDTHS:
            most = (1 << (8 * width - 1)) - 1
            if -most <= self.low and self.high <= most:
                return Packing(self.kind, width, self.scale, self.nulls)
        return None


def spread_of(column: pa.ChunkedArray) -> Spread | None:
    """What the values of a column need; None where they are no such numbers."""
    kind = str(column.type)
    if kind not in _KINDS:
        return None
    values, valid = _plain(column)
    known = values if valid is None else values[valid]
    if kind == "double":
        return _spread_of_doubles(known, valid is not None)
    if not len(known):
        return Spread(kind, 0, 0, 0, valid is not None)
    return Spread(kind, int(known.min()), int(known.max()), 0, valid is not None)


def packed_schema(schema: pa.Schema, packings: Mapping[str, Packing]) -> pa.Schema:
    """The schema of a file whose columns are so packed."""
    return pa.schema(
        [
            pa.field(field.name, pa.binary(packings[field.name].width), nullable=False)
            if field.name in packings
            else field
            for field in schema
        ]
    )


def metadata_of(packings: Mapping[str, Packing]) -> dict[bytes, bytes]:
    """What such a file says of itself, for `packings_of`."""
    said = json.dumps({name: _packing_json(packing) for name, packing in packings.items()}, sort_keys=True)
    return {_KEY: said.encode()}


def packed(table: pa.Table, schema: pa.Schema, packings: Mapping[str, Packing]) -> pa.Table:
    """The table as a file of `packed_schema` holds it."""
    columns = [
        _packed(table.column(field.name), packings[field.name])
        if field.name in packings
        else table.column(field.name).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def packings_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, Packing]:
    """How the columns of a file are packed, from the file's own metadata.

    Raises:
        KeyError, ValueError, TypeError: the metadata say no such thing.
    """
    said = json.loads((metadata or {}).get(_KEY, b"{}"))
    return {name: _packing(value) for name, value in said.items()}


def saying(schema: pa.Schema, packings: Mapping[str, Packing]) -> pa.Schema:
    """The schema of a table as it was read; the fields of packed columns say how they are packed, for `packing_of`."""
    return pa.schema(
        [
            field.with_metadata({_KEY: json.dumps(_packing_json(packings[field.name])).encode()})
            if field.name in packings
            else field
            for field in schema
        ]
    )


def packing_of(field: pa.Field) -> Packing | None:
    """How a column of such a table is packed, None where it is not."""
    metadata = field.metadata
    return None if metadata is None or _KEY not in metadata else _read(metadata[_KEY])


@lru_cache(maxsize=256)
def _read(said: bytes) -> Packing:
    return _packing(json.loads(said))


def unpacked(table: pa.Table, packings: Mapping[str, Packing]) -> pa.Table:
    """A table as it was read, packed columns as the numbers that they were."""
    columns = [
        pa.chunked_array(
            [_numbers(chunk, packings[name]) for chunk in table.column(name).chunks], _KINDS[packings[name].kind]
        )
        if name in packings
        else table.column(name)
        for name in table.column_names
    ]
    return pa.table(columns, table.column_names) if columns else table


def packed_integers(column: pa.ChunkedArray, packing: Packing) -> NDArray[Any]:
    """The integers of a packed column."""
    parts = [_integers(chunk, packing) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, packing.dtype), *parts])


def _spread_of_doubles(known: NDArray[np.float64], nulls: bool) -> Spread | None:
    for scale in _SCALES:
        if all(_multiples(part, scale) for part in (known[:_SAMPLE], known)):
            steps = np.rint(known * scale)
            low, high = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
            return Spread("double", low, high, scale, nulls)
    return None


def _multiples(values: NDArray[np.float64], scale: int) -> bool:
    """Whether every value comes back to the bit. Infinities, NaN and the negative zero do not."""
    with np.errstate(all="ignore"):
        steps = np.rint(values * scale) + 0.0
        back = steps / scale
    return bool((np.abs(steps) < 2**31).all() and (back.view(np.int64) == values.view(np.int64)).all())


def _plain(column: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    array = column.combine_chunks()
    if array.null_count == 0:
        return array.to_numpy(zero_copy_only=False), None
    return array.fill_null(0).to_numpy(zero_copy_only=False), array.is_valid().to_numpy(zero_copy_only=False)


def _packed(column: pa.ChunkedArray, packing: Packing) -> pa.Array:
    values, valid = _plain(column)
    steps = np.rint(values * packing.scale) if packing.scale else values
    whole = steps.astype(packing.dtype)
    if valid is not None:
        whole[~valid] = packing.null
    buffer = pa.py_buffer(np.ascontiguousarray(whole))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(packing.width), len(whole), [None, buffer])


def _numbers(chunk: pa.Array, packing: Packing) -> pa.Array:
    whole = _integers(chunk, packing)
    mask = whole == packing.null if packing.nulls else None
    values = whole / np.float64(packing.scale) if packing.scale else whole
    return pa.array(values.astype(_KINDS[packing.kind].to_pandas_dtype()), _KINDS[packing.kind], mask=mask)


def _integers(chunk: pa.Array, packing: Packing) -> NDArray[Any]:
    if chunk.null_count or chunk.type != pa.binary(packing.width):
        raise ValueError("no packed numbers")
    data = chunk.buffers()[1]
    if not len(chunk):
        return np.empty(0, packing.dtype)
    return np.frombuffer(data, packing.dtype, len(chunk), chunk.offset * packing.width)


def _packing_json(packing: Packing) -> list[Any]:
    return [packing.kind, packing.width, packing.scale, packing.nulls]


def _packing(value: Any) -> Packing:
    kind, width, scale, nulls = value
    found = Packing(str(kind), int(width), int(scale), bool(nulls))
    floating = found.kind == "double"
    if found.kind not in _KINDS or found.width not in _WIDTHS or (found.scale in _SCALES) != floating:
        raise ValueError("no such packing")
    return found
