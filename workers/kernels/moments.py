"""Kernels of functions of dates and timestamps: as `sandbox.plan.functions.moment_meanings`, in whole columns of integers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sandbox.plan.functions.calendar import DAY, FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from sandbox.plan.functions.moment_meanings import MICROSECONDS, MONTHS
from sandbox.plan.nodes import Call
from workers.kernels.kernel import Kernel, by_call, by_row, constant
from workers.text_codes import TEXT
from workers.vector import Block, Step, Vector

Array = NDArray[np.int64]
Made = tuple[Array, NDArray[np.bool_]]

_MONDAY = 3  # 1970-01-01 is the fourth day of its week
_YEAR_ZERO = 1970 * 12
_MONTHS_REACH = 200_000
_DAYS_REACH = 10**7
_MOMENTS_REACH = 10**18

_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def known_days(days: Array) -> Made:
    """The days within the calendar, and which those are; the others stand as day 0."""
    known = (days >= FIRST_DAY) & (days <= LAST_DAY)
    return (days if known.all() else np.where(known, days, 0)), known


def known_moments(moments: Array) -> Made:
    """The moments within the calendar, and which those are; the others stand as moment 0."""
    known = (moments >= FIRST_MOMENT) & (moments <= LAST_MOMENT)
    return (moments if known.all() else np.where(known, moments, 0)), known


def _month_numbers(days: Array) -> Array:
    """Months since January of the year 0."""
    return days.view("M8[D]").astype("M8[M]").view(np.int64) + _YEAR_ZERO


def _first_days(months: Array) -> Array:
    return (months - _YEAR_ZERO).view("M8[M]").astype("M8[D]").view(np.int64)


def _on_days(work: Callable[[str, Array], Made | Array]) -> Kernel:
    """A function of a constant unit or part and a date."""
    return by_call(lambda call: lambda days: _within(work, _text(call, 0), *known_days(days)), places=(1,))


def _on_moments(work: Callable[[str, Array], Made | Array]) -> Kernel:
    """A function of a constant unit or part and a timestamp."""
    return by_call(lambda call: lambda moments: _within(work, _text(call, 0), *known_moments(moments)), places=(1,))


def _text(call: Call, place: int) -> str:
    return str(constant(call.operands[place]))


def _within(work: Callable[[str, Array], Made | Array], unit: str, values: Array, known: NDArray[np.bool_]) -> Made:
    made = work(unit, values)
    return (made[0], made[1] & known) if isinstance(made, tuple) else (made, known)


def _date_trunc(unit: str, days: Array) -> Made:
    if unit == "day":
        return days, np.ones(len(days), np.bool_)
    if unit == "week":
        first = days - (days + _MONDAY) % 7
        return first, first >= FIRST_DAY
    months = _month_numbers(days) // MONTHS[unit] * MONTHS[unit]
    return _first_days(months), months >= 12


def _timestamp_trunc(unit: str, moments: Array) -> Made | Array:
    if unit in MICROSECONDS and unit != "week":
        return moments - moments % MICROSECONDS[unit]
    days, known = _date_trunc(unit, moments // DAY)
    return np.where(known, days, 0) * DAY, known


def _date_part(part: str, days: Array) -> Array:
    if part == "dow":
        return (days + _MONDAY + 1) % 7
    if part == "isodow":
        return (days + _MONDAY) % 7 + 1
    if part in ("week", "isoyear"):
        days = days - (days + _MONDAY) % 7 + 3  # a week belongs to the year of its Thursday
    months = _month_numbers(days)
    match part:
        case "year" | "isoyear":
            return months // 12
        case "quarter":
            return months % 12 // 3 + 1
        case "month":
            return months % 12 + 1
        case "day":
            return days - _first_days(months) + 1
        case "doy":
            return days - _first_days(months // 12 * 12) + 1
        case "week":
            return (days - _first_days(months // 12 * 12)) // 7 + 1
        case "decade":
            return months // 120
        case _:
            return (months // 12 - 1) // 100 + 1


def _timestamp_part(part: str, moments: Array) -> Array:
    match part:
        case "hour":
            return moments % DAY // MICROSECONDS["hour"]
        case "minute":
            return moments % MICROSECONDS["hour"] // MICROSECONDS["minute"]
        case "second" | "millisecond" | "microsecond":
            return moments % MICROSECONDS["minute"] // MICROSECONDS[part]
        case _:
            return _date_part(part, moments // DAY)


def _epoch(moments: Array) -> tuple[Any, Any]:
    moments, known = known_moments(moments)
    return moments.astype(np.float64) / 1e6, known


def _days_between(unit: str, start: Array, end: Array) -> Array:
    if unit == "day":
        return end - start
    if unit == "week":
        return np.sign(end - start) * (np.abs(end - start) // 7)
    return _month_numbers(end) // MONTHS[unit] - _month_numbers(start) // MONTHS[unit]


def _date_diff(unit: str, start: Array, end: Array) -> Made:
    (start, one), (end, two) = known_days(start), known_days(end)
    return _days_between(unit, start, end), one & two


def _timestamp_diff(unit: str, start: Array, end: Array) -> Made:
    (start, one), (end, two) = known_moments(start), known_moments(end)
    if unit in MICROSECONDS and unit != "week":
        return end // MICROSECONDS[unit] - start // MICROSECONDS[unit], one & two
    return _days_between(unit, start // DAY, end // DAY), one & two


def _sub_days(day: Array, other: Array) -> Made:
    (day, one), (other, two) = known_days(day), known_days(other)
    return day - other, one & two


def _later(days: Array, months: Array) -> Made:
    """The same day so many months later, or the last one of that month. Steps beyond the calendar are cut: they leave it."""
    number = _month_numbers(days)
    total = number + months
    known = (total >= 12) & (total < 10_000 * 12)
    total = np.where(known, total, _YEAR_ZERO)
    first = _first_days(total)
    return first + np.minimum(days - _first_days(number), _first_days(total + 1) - first - 1), known


def _date_add(unit: str, days: Array, number: Array) -> Made:
    days, known = known_days(days)
    if unit in MONTHS:
        made, there = _later(days, np.clip(number, -_MONTHS_REACH, _MONTHS_REACH) * MONTHS[unit])
        return made, known & there
    made = days + np.clip(number, -_DAYS_REACH, _DAYS_REACH) * (7 if unit == "week" else 1)
    return made, known & known_days(made)[1]


def _timestamp_add(unit: str, moments: Array, number: Array) -> Made:
    moments, known = known_moments(moments)
    if unit in MICROSECONDS:
        reach = _MOMENTS_REACH // MICROSECONDS[unit]
        made = moments + np.clip(number, -reach, reach) * MICROSECONDS[unit]
        return made, known & known_moments(made)[1]
    days, there = _later(moments // DAY, np.clip(number, -_MONTHS_REACH, _MONTHS_REACH) * MONTHS[unit])
    return days * DAY + moments % DAY, known & there


def _make_date(year: Array, month: Array, day: Array) -> Made:
    known = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(known, year, 1970) * 12 + np.where(known, month, 1) - 1
    made = _first_days(months) + np.where(known, day, 1) - 1
    return made, known & (made < _first_days(months + 1))


def _last_day(days: Array) -> Made:
    days, known = known_days(days)
    return _first_days(_month_numbers(days) + 1) - 1, known


def _named(names: tuple[str, ...], number: Callable[[Array], Array]) -> Kernel:
    """A name for a small number of the date."""
    texts = pa.array(names, TEXT)

    def kernel(_: Call, steps: tuple[Step, ...]) -> Step:
        operand = steps[0]

        def named(block: Block) -> Vector:
            inner = operand(block)
            days, known = known_days(inner.values)
            return Vector(number(days).astype(np.int32), inner.valid & known, texts)

        return named

    return kernel


def _day_of(moments: Array) -> Made:
    moments, known = known_moments(moments)
    return moments // DAY, known


def _midnight(days: Array) -> Made:
    days, known = known_days(days)
    return days * DAY, known


day_of_moment: Kernel = by_row(_day_of)
midnight: Kernel = by_row(_midnight)

KERNELS: dict[str, Kernel] = {
    "date_trunc": _on_days(_date_trunc),
    "timestamp_trunc": _on_moments(_timestamp_trunc),
    "date_part": _on_days(_date_part),
    "timestamp_part": _on_moments(_timestamp_part),
    "epoch": by_row(_epoch, np.int64),
    "date_diff": by_call(lambda call: partial(_date_diff, _text(call, 0)), places=(1, 2)),
    "timestamp_diff": by_call(lambda call: partial(_timestamp_diff, _text(call, 0)), places=(1, 2)),
    "date_add": by_call(lambda call: partial(_date_add, _text(call, 2)), places=(0, 1)),
    "timestamp_add": by_call(lambda call: partial(_timestamp_add, _text(call, 2)), places=(0, 1)),
    "date_sub_days": by_row(_sub_days),
    "make_date": by_row(_make_date),
    "last_day": by_row(_last_day),
    "dayname": _named(_DAY_NAMES, lambda days: (days + _MONDAY) % 7),
    "monthname": _named(_MONTH_NAMES, lambda days: _month_numbers(days) % 12),
}
