"""The meaning of the casts: what cannot be converted is NULL."""

import re

from sandbox.plan.functions.calendar import DAY, civil, known_day, known_moment
from sandbox.terms.moments import days, microseconds

_SPACES = " \t\n\v\f\r"
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


def to_int(value: float | str | bool) -> int | None:
    """Reals are rounded, halves to the even neighbour; a text is a sign and digits, between spaces."""
    if isinstance(value, str):
        plain = value.strip(_SPACES)
        return int(plain) if _INTEGER.fullmatch(plain) else None
    return round(value)


def to_float(value: int | str | bool) -> float | None:
    """A text is a decimal numeral, between spaces; one beyond the doubles counts as the largest."""
    if isinstance(value, str):
        plain = value.strip(_SPACES)
        return float(plain) if _REAL.fullmatch(plain) else None
    return float(value)


def to_string(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def date_string(day: int) -> str | None:
    return None if known_day(day) is None else civil(day).isoformat()


def timestamp_string(moment: int) -> str | None:
    if known_moment(moment) is None:
        return None
    seconds, rest = divmod(moment % DAY, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    part = f".{rest:06}".rstrip("0") if rest else ""
    return f"{civil(moment // DAY).isoformat()} {clock}{part}"


def to_date(value: str | int) -> int | None:
    """Of a timestamp, or of a text as 2024-01-31 between spaces."""
    if isinstance(value, str):
        return days(value.strip(_SPACES))
    return None if known_moment(value) is None else value // DAY


def to_timestamp(value: str | int) -> int | None:
    """Of a date, or of a text as literals are read: a day, or a day and a time, in UTC unless it says otherwise."""
    if not isinstance(value, str):
        return None if known_day(value) is None else value * DAY
    plain = value.strip(_SPACES)
    # Some Pythons read the hour 24 as midnight.
    return None if plain[11:13] >= "24" else known_moment(microseconds(plain))


def to_bool(value: float | str) -> bool | None:
    if isinstance(value, str):
        plain = value.translate(_CAPITALS)
        return True if plain in _TRUE else False if plain in _FALSE else None
    return value != 0


_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
