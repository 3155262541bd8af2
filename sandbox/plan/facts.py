"""What is known of an expression's values before any row is read: type, range, finite domain, length of texts, step."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.dataset import Column, KeyValue, Type
from sandbox.terms.moments import days, microseconds

INTEGER_LIMIT = 2**62
"""Integer results stay strictly within ±2^62, so that int64 never overflows."""

TEXT_LIMIT = 10_000
"""The most characters of a text that a function makes."""

Value: TypeAlias = int | float | str | bool | None
"""A value of a row: DATE and TIMESTAMP are days and microseconds since 1970-01-01 UTC; None is NULL."""

_LARGEST = 10**300
_FINEST = 2**2048
_COUNTED = 2**40


@dataclass(frozen=True, slots=True)
class Range:
    """All values lie in [low, high]."""

    low: Fraction
    high: Fraction

    @property
    def fits_integer(self) -> bool:
        return self.low > -INTEGER_LIMIT and self.high < INTEGER_LIMIT

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for each value that is not NULL: it lies in `range` (numbers, days, microseconds; None where nothing is
    known), is one of `values`, and has at most `max_length` characters. Without `values` (an empty set) it always is NULL.
    Ranges of reals hold up to the rounding of doubles. `granularity` is the step of real values: the one to which they are
    rounded before they are summed. `nullable` says that NULL may occur. `distinct_max` bounds the number of different values
    beside NULL, None where nothing is known: see `distinct`."""

    type: Type
    range: Range | None = None
    values: frozenset[int | float | str | bool] | None = None
    max_length: int | None = None
    granularity: Fraction | None = None
    nullable: bool = True
    distinct_max: int | None = None

    @property
    def distinct(self) -> int | None:
        """At most so many different values beside NULL, None where it cannot be told."""
        return self.distinct_max if self.values is None else len(self.values)


def column_facts(column: Column) -> Facts:
    """What the declaration of a column says: its keys, bounds, step and length."""
    if column.type is Type.BOOL:
        return Facts(Type.BOOL, values=frozenset({False, True}))
    values = None if column.keys is None else frozenset(_key_value(key, column.type) for key in column.keys)
    length = column.max_length
    if column.type is Type.STRING and values is not None:
        length = max((len(str(value)) for value in values), default=0)
    return Facts(
        column.type, column_range(column), values, length, column.granularity, distinct_max=column.distinct_max
    )


def _key_value(key: KeyValue, kind: Type) -> int | str | bool:
    """A declared key as rows hold it: dates and timestamps among keys are ISO 8601 text."""
    found: int | str | bool | None = key
    if isinstance(key, str) and kind in (Type.DATE, Type.TIMESTAMP):
        found = days(key) if kind is Type.DATE else microseconds(key)
    if found is None:
        raise ValueError("a declared key is no value of its column's type")
    return found


def column_range(column: Column) -> Range | None:
    """The declared bounds of a column of numbers or moments, narrowed to its keys; None where it has neither."""
    if column.type in (Type.STRING, Type.BOOL):
        return None
    keys = [Fraction(_key_value(key, column.type)) for key in column.keys or ()]
    if keys:
        return Range(min(keys), max(keys))
    if column.low is None or column.high is None:
        return None
    return Range(column.low, column.high)


def reach(kind: Type) -> Range:
    """All values that a number or moment of this type can have."""
    end = Fraction(sys.float_info.max) if kind is Type.FLOAT else Fraction(2**63)
    return Range(-end, end)


def hull(several: Sequence[Facts]) -> Facts:
    """What is known of a value that is one of several; what always is NULL adds nothing but NULL."""
    kind = several[0].type
    known = [facts for facts in several if facts.values != frozenset()]
    nullable = any(facts.nullable for facts in several)
    if not known:
        return Facts(kind, values=frozenset(), max_length=0)
    spans = [facts.range for facts in known if facts.range is not None]
    span = Range(min(each.low for each in spans), max(each.high for each in spans)) if spans else None
    lists = [facts.values for facts in known if facts.values is not None]
    lengths = [facts.max_length for facts in known if facts.max_length is not None]
    return Facts(
        kind,
        span if len(spans) == len(known) else None,
        frozenset().union(*lists) if len(lists) == len(known) else None,
        max(lengths) if len(lengths) == len(known) else None,
        finest(facts.granularity for facts in known),
        nullable=nullable,
        distinct_max=_total([facts.distinct for facts in known]),
    )


def combinations(several: Iterable[Facts]) -> int | None:
    """How many different results there are at most of something that is made of these values and NULLs alone."""
    found = 1
    for facts in several:
        if facts.distinct is None or found > _COUNTED:
            return None
        found *= facts.distinct + facts.nullable
    return found


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def finest(steps: Iterable[Fraction | None]) -> Fraction | None:
    """The least of the steps, None where one is unknown."""
    listed = list(steps)
    known = [step for step in listed if step is not None]
    return min(known) if known and len(known) == len(listed) else None


def combine(operator: str, left: Range | None, right: Range | None) -> Range | None:
    """The range of `left operator right`, or None where it is unbounded."""
    if left is None or right is None:
        return None
    if operator == "+":
        return _tidy(left.low + right.low, left.high + right.high)
    if operator == "-":
        return _tidy(left.low - right.high, left.high - right.low)
    if operator == "/" and right.has_zero:
        return None
    corners = [a * b if operator == "*" else a / b for a in (left.low, left.high) for b in (right.low, right.high)]
    return _tidy(min(corners), max(corners))


def _tidy(low: Fraction, high: Fraction) -> Range | None:
    """The range in fractions of bounded size: beyond 10^300 it counts as unbounded, tiny parts are rounded outwards."""
    if max(abs(low), abs(high)) > _LARGEST:
        return None
    if low.denominator > _FINEST:
        low = Fraction(low * _FINEST // 1, _FINEST)
    if high.denominator > _FINEST:
        high = Fraction(-(-high * _FINEST // 1), _FINEST)
    return Range(low, high)
