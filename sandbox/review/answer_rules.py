"""Rules on the noisy answer. They read what left the mechanism and nothing else, so ruling on it costs no privacy.

Each gives True where it holds the release, False where it passes it, None where it cannot be evaluated.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, SumColumn

Intervals: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""Value column → one (low, high) a row, at level 0.95 (privacy.accuracy.interval makes them)."""


def more_than_asked(answer: Answer, groups: int, columns: int) -> bool | None:
    """Whether the answer has more rows or value columns than its plan. None: its columns differ in length."""
    lengths = {len(column.numbers()) for column in answer.columns}
    if len(lengths) != 1:
        return None
    return lengths.pop() > groups or len(_values(answer)) > columns


def small_noisy_count(answer: Answer, threshold: int) -> bool | None:
    """Whether a noisy count n has 1 <= n < threshold. None: the answer shows no count."""
    counts: list[int] = []
    for column in answer.columns:
        match column:
            case CountColumn():
                counts += column.integers
            case MeanColumn():
                counts += column.counts
            case _:
                pass
    return any(1 <= count < threshold for count in counts) if counts else None


def wide_intervals(answer: Answer, intervals: Intervals | None, share: Fraction) -> bool | None:
    """Whether in more than `share` of the cells half the interval's width exceeds the value's size.

    None: there are no value cells, or not each of them has a finite interval.
    """
    wide = cells = 0
    for column in _values(answer):
        numbers, bounds = column.numbers(), (intervals or {}).get(column.name, ())
        if len(bounds) != len(numbers):
            return None
        for number, (low, high) in zip(numbers, bounds, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                return None
            wide += (high - low) / 2 > abs(number)
            cells += 1
    return wide > share * cells if cells else None


def _values(answer: Answer) -> list[CountColumn | SumColumn | MeanColumn]:
    return [column for column in answer.columns if not isinstance(column, KeyColumn)]
