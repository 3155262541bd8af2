"""The calendar: days and microseconds since 1970-01-01 in the proleptic Gregorian calendar, within the years 1 to 9999."""

from calendar import monthrange
from datetime import date

DAY = 86_400_000_000
"""Microseconds of a day."""

_EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY = date.min.toordinal() - _EPOCH
LAST_DAY = date.max.toordinal() - _EPOCH
FIRST_MOMENT = FIRST_DAY * DAY
LAST_MOMENT = (LAST_DAY + 1) * DAY - 1


def known_day(day: int | None) -> int | None:
    """The day, NULL outside of the years 1 to 9999."""
    return day if day is not None and FIRST_DAY <= day <= LAST_DAY else None


def known_moment(moment: int | None) -> int | None:
    """The moment, NULL outside of the years 1 to 9999."""
    return moment if moment is not None and FIRST_MOMENT <= moment <= LAST_MOMENT else None


def civil(day: int) -> date:
    """The date of a known day."""
    return date.fromordinal(day + _EPOCH)


def day_of(year: int, month: int, day: int) -> int | None:
    """The day of a date, NULL where there is none."""
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return date(year, month, day).toordinal() - _EPOCH


def month_end(year: int, month: int) -> int:
    """The last day number of a month."""
    return monthrange(year, month)[1]
