"""Dates and times as exact integers: days, and microseconds, since 1970-01-01 in UTC."""

import re
from datetime import UTC, date, datetime, timedelta

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days(text: str) -> int | None:
    """Days since 1970-01-01 of an ISO date such as 2024-01-31, or None where it is none."""
    if not text.isascii() or not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None


def microseconds(text: str) -> int | None:
    """Microseconds since 1970-01-01 UTC of an ISO timestamp, or None where it is none.

    A date alone is its midnight; without an offset the time is in UTC.
    """
    day = days(text)
    if day is not None:
        return day * 86_400_000_000
    if not text.isascii() or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def date_text(number: int) -> str:
    """ISO date of a count of days."""
    return date.fromordinal(_EPOCH.toordinal() + number).isoformat()


def timestamp_text(number: int) -> str:
    """ISO timestamp in UTC of a count of microseconds."""
    return (_EPOCH + timedelta(microseconds=number)).isoformat()
