"""The meaning of the functions of dates and timestamps."""

from sandbox.plan.functions.calendar import DAY, civil, day_of, known_day, known_moment, month_end

MICROSECONDS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": DAY,
    "week": 7 * DAY,
}
"""Units of fixed length."""

MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1_200}
"""Units of so many months."""

_MINUTE = MICROSECONDS["minute"]
_MONDAY = 3  # 1970-01-01 is the fourth day of its week
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def date_trunc(unit: str, day: int) -> int | None:
    if known_day(day) is None or unit == "day":
        return known_day(day)
    if unit == "week":
        return known_day(day - (day + _MONDAY) % 7)
    first = _month_number(day) // MONTHS[unit] * MONTHS[unit]
    return day_of(first // 12, first % 12 + 1, 1)


def _month_number(day: int) -> int:
    """Months since January of the year 0."""
    found = civil(day)
    return found.year * 12 + found.month - 1


def timestamp_trunc(unit: str, moment: int) -> int | None:
    if known_moment(moment) is None:
        return None
    if unit in MICROSECONDS and unit != "week":
        return moment - moment % MICROSECONDS[unit]
    day = date_trunc(unit, moment // DAY)
    return None if day is None else day * DAY


def date_part(part: str, day: int) -> int | None:
    if known_day(day) is None:
        return None
    found = civil(day)
    match part:
        case "year":
            return found.year
        case "quarter":
            return (found.month + 2) // 3
        case "month":
            return found.month
        case "day":
            return found.day
        case "dow":
            return found.isoweekday() % 7
        case "isodow":
            return found.isoweekday()
        case "doy":
            return found.timetuple().tm_yday
        case "week":
            return found.isocalendar().week
        case "isoyear":
            return found.isocalendar().year
        case "decade":
            return found.year // 10
        case _:
            return (found.year - 1) // 100 + 1


def timestamp_part(part: str, moment: int) -> int | None:
    if known_moment(moment) is None:
        return None
    match part:
        case "hour":
            return moment % DAY // MICROSECONDS["hour"]
        case "minute":
            return moment % MICROSECONDS["hour"] // _MINUTE
        case "second" | "millisecond" | "microsecond":
            return moment % _MINUTE // MICROSECONDS[part]
        case _:
            return date_part(part, moment // DAY)


def epoch(moment: int) -> float | None:
    return None if known_moment(moment) is None else float(moment) / 1e6


def date_diff(unit: str, start: int, end: int) -> int | None:
    if known_day(start) is None or known_day(end) is None:
        return None
    if unit == "day":
        return end - start
    if unit == "week":
        # As DuckDB counts: whole weeks, not Mondays.
        return (end - start) // 7 if end >= start else -((start - end) // 7)
    return _month_number(end) // MONTHS[unit] - _month_number(start) // MONTHS[unit]


def timestamp_diff(unit: str, start: int, end: int) -> int | None:
    if known_moment(start) is None or known_moment(end) is None:
        return None
    if unit in MICROSECONDS and unit != "week":
        return end // MICROSECONDS[unit] - start // MICROSECONDS[unit]
    return date_diff(unit, start // DAY, end // DAY)


def date_add(day: int, number: int, unit: str) -> int | None:
    if known_day(day) is None:
        return None
    if unit in MONTHS:
        return _later(day, number * MONTHS[unit])
    return known_day(day + number * (7 if unit == "week" else 1))


def _later(day: int, months: int) -> int | None:
    found = civil(day)
    total = _month_number(day) + months
    year, month = total // 12, total % 12 + 1
    return day_of(year, month, min(found.day, month_end(year, month))) if 1 <= year <= 9999 else None


def following(unit: str, day: int) -> int | None:
    """The first day of the next unit, for the first day of one."""
    return _later(day, MONTHS[unit]) if unit in MONTHS else known_day(day + (7 if unit == "week" else 1))


def following_moment(unit: str, moment: int) -> int | None:
    """The first moment of the next unit, for the first moment of one."""
    if unit in MICROSECONDS:
        return known_moment(moment + MICROSECONDS[unit])
    day = _later(moment // DAY, MONTHS[unit])
    return None if day is None else day * DAY


def timestamp_add(moment: int, number: int, unit: str) -> int | None:
    if known_moment(moment) is None:
        return None
    if unit in MICROSECONDS:
        return known_moment(moment + number * MICROSECONDS[unit])
    day = _later(moment // DAY, number * MONTHS[unit])
    return None if day is None else day * DAY + moment % DAY


def date_sub_days(day: int, other: int) -> int | None:
    return date_diff("day", other, day)


def make_date(year: int, month: int, day: int) -> int | None:
    return day_of(year, month, day)


def last_day(day: int) -> int | None:
    if known_day(day) is None:
        return None
    found = civil(day)
    return day - found.day + month_end(found.year, found.month)


def dayname(day: int) -> str | None:
    return None if known_day(day) is None else _DAY_NAMES[civil(day).weekday()]


def monthname(day: int) -> str | None:
    return None if known_day(day) is None else _MONTH_NAMES[civil(day).month - 1]


DAY_NAMES = frozenset(_DAY_NAMES)
MONTH_NAMES = frozenset(_MONTH_NAMES)
