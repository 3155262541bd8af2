"""What is known of the results of the functions of dates and timestamps."""

from collections.abc import Callable
from fractions import Fraction

from sandbox.plan.facts import Facts, Range
from sandbox.plan.functions import moment_meanings as mean
from sandbox.plan.functions.calendar import FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from sandbox.terms.dataset import Type

Arguments = tuple[Facts, ...]

_DAYS = Range(Fraction(FIRST_DAY), Fraction(LAST_DAY))
_MOMENTS = Range(Fraction(FIRST_MOMENT), Fraction(LAST_MOMENT))
_PARTS = {
    "quarter": (1, 4), "month": (1, 12), "day": (1, 31), "dow": (0, 6), "isodow": (1, 7), "doy": (1, 366),
    "week": (1, 53), "hour": (0, 23), "minute": (0, 59), "second": (0, 59), "millisecond": (0, 59_999),
    "microsecond": (0, 59_999_999),
}  # fmt: skip
"""Parts that come round again; the others rise with time."""


def within(facts: Facts) -> tuple[int, int]:
    """The first and the last day or moment of an argument, within the years 1 to 9999."""
    whole = _DAYS if facts.type is Type.DATE else _MOMENTS
    span = facts.range or whole
    low, high = max(span.low, whole.low), min(span.high, whole.high)
    # Where all of it lies outside, every result is NULL, and any range holds.
    return (-(-low // 1), high // 1) if low <= high else (int(whole.low), int(whole.high))


def _unit(facts: Facts) -> str:
    """The constant that names a unit or a part."""
    return str(next(iter(facts.values))) if facts.values else ""


def _span(kind: Type, low: int, high: int) -> Facts:
    return Facts(kind, Range(Fraction(low), Fraction(high)))


def _truncated(meaning: Callable[[str, int], int | None], kind: Type) -> Callable[[Arguments], Facts]:
    def rule(arguments: Arguments) -> Facts:
        low, high = within(arguments[1])
        unit = _unit(arguments[0])
        first, last = meaning(unit, low), meaning(unit, high)
        least = FIRST_DAY if kind is Type.DATE else FIRST_MOMENT
        return _span(kind, least if first is None else first, high if last is None else last)

    return rule


date_trunc = _truncated(mean.date_trunc, Type.DATE)
timestamp_trunc = _truncated(mean.timestamp_trunc, Type.TIMESTAMP)


def _part(meaning: Callable[[str, int], int | None]) -> Callable[[Arguments], Facts]:
    def rule(arguments: Arguments) -> Facts:
        part = _unit(arguments[0])
        if part in _PARTS:
            return _span(Type.INT, *_PARTS[part])
        low, high = within(arguments[1])
        return _span(Type.INT, meaning(part, low) or 0, meaning(part, high) or 0)

    return rule


date_part = _part(mean.date_part)
timestamp_part = _part(mean.timestamp_part)


def epoch(arguments: Arguments) -> Facts:
    low, high = within(arguments[0])
    ends = Range(Fraction(low) / 1_000_000, Fraction(high) / 1_000_000)
    found = [Fraction(mean.epoch(end) or 0) for end in (low, high)]
    span = Range(min(ends.low, found[0]), max(ends.high, found[1]))
    return Facts(Type.FLOAT, span, granularity=Fraction(1, 1_000_000))


def _difference(meaning: Callable[[str, int, int], int | None]) -> Callable[[Arguments], Facts]:
    """The difference falls with the start and rises with the end."""

    def rule(arguments: Arguments) -> Facts:
        unit = _unit(arguments[0])
        (first, last), (low, high) = within(arguments[1]), within(arguments[2])
        return _span(Type.INT, meaning(unit, last, low) or 0, meaning(unit, first, high) or 0)

    return rule


date_diff = _difference(mean.date_diff)
timestamp_diff = _difference(mean.timestamp_diff)


def date_sub_days(arguments: Arguments) -> Facts:
    (low, high), (first, last) = (within(argument) for argument in arguments)
    return _span(Type.INT, low - last, high - first)


def _added(meaning: Callable[[int, int, str], int | None], kind: Type) -> Callable[[Arguments], Facts]:
    """The sum rises with both arguments, as far as it stays within the years 1 to 9999."""

    def rule(arguments: Arguments) -> Facts:
        whole = _DAYS if kind is Type.DATE else _MOMENTS
        number, unit = arguments[1].range, _unit(arguments[2])
        if number is None:
            return Facts(kind, whole)
        low, high = within(arguments[0])
        first, last = meaning(low, int(number.low), unit), meaning(high, int(number.high), unit)
        least = whole.low if first is None else Fraction(first)
        most = whole.high if last is None else Fraction(last)
        return Facts(kind, Range(least, most) if least <= most else whole)

    return rule


date_add = _added(mean.date_add, Type.DATE)
timestamp_add = _added(mean.timestamp_add, Type.TIMESTAMP)


def any_date(_arguments: Arguments) -> Facts:
    return Facts(Type.DATE, _DAYS)


def last_day(arguments: Arguments) -> Facts:
    low, high = within(arguments[0])
    return _span(Type.DATE, mean.last_day(low) or low, mean.last_day(high) or high)


def dayname(_arguments: Arguments) -> Facts:
    return Facts(Type.STRING, values=mean.DAY_NAMES, max_length=max(map(len, mean.DAY_NAMES)))


def monthname(_arguments: Arguments) -> Facts:
    return Facts(Type.STRING, values=mean.MONTH_NAMES, max_length=max(map(len, mean.MONTH_NAMES)))
