"""Numbers while they are read: Arrow arrays of whatever width and unit become int64 or float64 with a valid mask."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workers.unusable import Place

_INT64 = np.iinfo(np.int64)
_FLOAT_EXACT = 2.0**53
_MICROSECONDS_PER_DAY = 86_400_000_000
_PER_MICROSECOND = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """`beyond` is -1 or +1 where the value was below or above int64 (or infinite) and stands at its end; else None."""

    values: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]
    beyond: npt.NDArray[np.int8] | None = None


def integers(array: pa.Array, place: Place) -> Integers:
    """Whole numbers from integer, decimal or floating arrays.

    Raises:
        FileNotUsable: another type, or a fraction.
    """
    array = _plain(array)
    valid = _valid(array)
    if pa.types.is_signed_integer(array.type) or pa.types.is_null(array.type):
        return Integers(_filled(pc.cast(array, pa.int64()), 0), valid)
    if pa.types.is_unsigned_integer(array.type):
        wide = _filled(pc.cast(array, pa.uint64()), 0)
        beyond = wide > np.uint64(_INT64.max)
        return Integers(np.minimum(wide, np.uint64(_INT64.max)).astype(np.int64), valid, beyond.astype(np.int8))
    if pa.types.is_floating(array.type):
        return _integral(_filled(pc.cast(array, pa.float64()), 0.0), valid, place)
    if pa.types.is_decimal(array.type):
        try:
            return Integers(_filled(pc.cast(array, pa.int64()), 0), valid)
        except pa.ArrowInvalid:
            raise place.refusal("integers of 64 bits") from None
    raise place.whole.refusal("integers")


def floats(array: pa.Array, place: Place) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Doubles, infinities among them, NaN not valid.

    Raises:
        FileNotUsable: not numbers.
    """
    array = _plain(array)
    type_ = array.type
    if not (
        pa.types.is_floating(type_)
        or pa.types.is_integer(type_)
        or pa.types.is_decimal(type_)
        or pa.types.is_null(type_)
    ):
        raise place.whole.refusal("numbers")
    values = _filled(pc.cast(array, pa.float64(), safe=False), 0.0)
    valid = _valid(array) & ~np.isnan(values)
    return np.where(valid, values, 0.0), valid


def days(array: pa.Array, place: Place) -> Integers:
    """Days since 1970-01-01 from dates, or from times that all are midnight.

    Raises:
        FileNotUsable: another type, or a time of day.
    """
    array = _plain(array)
    if pa.types.is_date32(array.type) or pa.types.is_null(array.type):
        return Integers(_filled(pc.cast(pc.cast(array, pa.date32()), pa.int32()), 0).astype(np.int64), _valid(array))
    if not (pa.types.is_timestamp(array.type) or pa.types.is_date64(array.type)):
        raise place.whole.refusal("dates")
    moments = microseconds(array, place)
    whole, rest = np.divmod(moments.values, _MICROSECONDS_PER_DAY)
    _refuse_where(moments.valid & (rest != 0), place, "a date without a time of day")
    return Integers(whole, moments.valid)


def microseconds(array: pa.Array, place: Place) -> Integers:
    """Microseconds since 1970-01-01 UTC from times (without a zone they are UTC; nanoseconds round down) or dates.

    Raises:
        FileNotUsable: another type, or a time beyond what 64 bits of microseconds reach.
    """
    array = _plain(array)
    type_ = array.type
    if pa.types.is_timestamp(type_):
        times, per = _PER_MICROSECOND[type_.unit]
    elif pa.types.is_date64(type_):
        times, per = _PER_MICROSECOND["ms"]
    elif pa.types.is_date32(type_):
        times, per = _MICROSECONDS_PER_DAY, 1
        array = pc.cast(array, pa.int32())
    elif pa.types.is_null(type_):
        times, per = 1, 1
    else:
        raise place.whole.refusal("times")
    values = _filled(pc.cast(array, pa.int64()), 0)
    reach = _INT64.max // times
    _refuse_where((values > reach) | (values < -reach), place, "a time within the reach of 64 bits of microseconds")
    return Integers(values * times // per, _valid(array))


def exact_identifiers(array: pa.Array, place: Place) -> pa.Array:
    """Integer identifiers from floating ones, where doubles still tell neighbours apart; NaN is NULL.

    Raises:
        FileNotUsable: a fraction, an infinity, or 2^53 and more, where two people could become one.
    """
    values = _filled(pc.cast(_plain(array), pa.float64()), np.nan)
    missing = np.isnan(values)
    exact = (np.abs(values) < _FLOAT_EXACT) & (values == np.floor(values))
    _refuse_where(~missing & ~exact, place, "a unit identifier that is text or an exact integer")
    return pa.array(np.where(missing, 0.0, values).astype(np.int64), mask=missing)


def _integral(values: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_], place: Place) -> Integers:
    valid = valid & ~np.isnan(values)
    values = np.where(valid, values, 0.0)
    finite = np.isfinite(values)
    _refuse_where(finite & (values != np.floor(values)), place, "an integer")
    beyond = np.where(values >= 2.0**63, np.int8(1), np.where(values < -(2.0**63), np.int8(-1), np.int8(0)))
    within = np.where(beyond == 0, values, 0.0).astype(np.int64)
    ends = np.where(beyond > 0, _INT64.max, _INT64.min)
    return Integers(np.where(beyond == 0, within, ends), valid, beyond)


def _refuse_where(bad: npt.NDArray[np.bool_], place: Place, expected: str) -> None:
    if bad.any():
        raise Place(place.file, place.column, (place.row or 1) + int(np.argmax(bad))).refusal(expected)


def _plain(array: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(array.type):
        return array
    # Text is no number: say so by its type, without unfolding it.
    text = pa.types.is_string(array.type.value_type) or pa.types.is_large_string(array.type.value_type)
    return array.dictionary if text else array.dictionary_decode()


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    return array.is_valid().to_numpy(zero_copy_only=False)


def _filled(array: pa.Array, value: float) -> npt.NDArray[Any]:
    return (array if array.null_count == 0 else array.fill_null(value)).to_numpy(zero_copy_only=False)
