"""Values as described: what the fixed rules of ingest make of each cell, whatever the file held.

NaN is NULL. A value beyond the declared bounds, infinities included, becomes the bound; an infinity without a bound, and
an integer beyond 64 bits without one, is NULL. A value that is no declared key, and a string over `max_length`
characters, is NULL. Strings are NFC. A cell of another type than the description's is the steward's error, not NULL.
"""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor, inf, nextafter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.terms.dataset import Column, KeyValue, Type
from workers.bucket import ColumnArray
from workers.numbers import Integers, days, floats, integers, microseconds
from workers.schema import keys_of
from workers.texts import normal_text
from workers.unusable import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def conform(piece: pa.Array, column: Column, place: Place) -> ColumnArray:
    """One column of a batch; `place` names the batch's first row. Strings without declared keys are an Arrow array.

    Raises:
        FileNotUsable: a cell is of another type.
    """
    if column.type is Type.STRING:
        return _texts(normal_text(piece, place), column)
    values, valid = _numbers(piece, column, place)
    if column.keys is None and column.type is not Type.BOOL:
        return ColumnArray(values, None if valid.all() else valid)
    keys = keys_of(column)
    codes = _codes(values, np.array([_key_number(key, column.type) for key in keys], dtype=np.int64))
    codes[~valid] = -1
    return ColumnArray(codes, dictionary=keys)


def _texts(array: pa.DictionaryArray, column: Column) -> ColumnArray:
    dictionary, codes = array.dictionary, array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    kept = np.ones(len(dictionary) + 1, dtype=bool)  # the last one is where -1 points
    if column.max_length is not None:
        kept[:-1] = pc.less_equal(pc.utf8_length(dictionary), column.max_length).to_numpy(zero_copy_only=False)
    kept[-1] = False
    if column.keys is None:
        return ColumnArray(np.where(kept[codes], codes, np.int32(-1)).astype(np.int32), dictionary=dictionary)
    keys = pc.utf8_normalize(pa.array([str(key) for key in column.keys], pa.string()), "NFC")
    number = pc.index_in(dictionary, keys).fill_null(-1).to_numpy(zero_copy_only=False)
    number = np.append(number, -1).astype(np.int32)
    number[~kept] = -1
    return ColumnArray(number[codes], dictionary=column.keys)


def _numbers(piece: pa.Array, column: Column, place: Place) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    match column.type:
        case Type.FLOAT:
            return _bounded_floats(*floats(piece, place), column)
        case Type.BOOL:
            if not pa.types.is_boolean(piece.type) and not pa.types.is_null(piece.type):
                raise place.whole.refusal("truth values")
            valid = piece.is_valid().to_numpy(zero_copy_only=False)
            return pc.cast(piece, pa.bool_()).fill_null(False).to_numpy(zero_copy_only=False).astype(np.int64), valid
        case Type.INT:
            return _bounded(integers(piece, place), column)
        case Type.DATE:
            return _bounded(days(piece, place), column)
        case _:
            return _bounded(microseconds(piece, place), column)


def _bounded(numbers: Integers, column: Column) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    values, valid = numbers.values, numbers.valid
    if column.low is not None:
        values = np.maximum(values, ceil(column.low))
    elif numbers.beyond is not None:
        valid = valid & (numbers.beyond >= 0)
    if column.high is not None:
        values = np.minimum(values, floor(column.high))
    elif numbers.beyond is not None:
        valid = valid & (numbers.beyond <= 0)
    return np.where(valid, values, 0), valid


def _bounded_floats(
    values: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_], column: Column
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    if column.low is not None:
        values = np.maximum(values, _at_least(column.low))
    if column.high is not None:
        values = np.minimum(values, _at_most(column.high))
    valid = valid & np.isfinite(values)
    return np.where(valid, values, 0.0) + 0.0, valid  # adding 0.0 makes -0.0 be 0.0


def _at_least(bound: Fraction) -> float:
    """The least double that is not below `bound`."""
    near = float(bound)
    return near if Fraction(near) >= bound else nextafter(near, inf)


def _at_most(bound: Fraction) -> float:
    near = float(bound)
    return near if Fraction(near) <= bound else nextafter(near, -inf)


def _codes(values: npt.NDArray[np.int64], keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    if len(keys) == 0:
        return np.full(len(values), -1, dtype=np.int32)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    at = np.minimum(np.searchsorted(ordered, values), len(keys) - 1)
    return np.where(ordered[at] == values, order[at], -1).astype(np.int32)


def _key_number(key: KeyValue, type_: Type) -> int:
    match type_:
        case Type.DATE:
            return (date.fromisoformat(str(key)) - _EPOCH.date()).days
        case Type.TIMESTAMP:
            moment = datetime.fromisoformat(str(key))
            aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return (aware - _EPOCH) // timedelta(microseconds=1)
        case _:
            return int(key)
