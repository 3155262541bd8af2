"""Rules on the noisy answer. They read what left the mechanism and nothing else, so ruling on it costs no privacy.

Each gives True where it holds the release, False where it passes it, None where it cannot be evaluated.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn

Intervals: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""Value column → one (low, high) a row, at level 0.95 (privacy.accuracy.intervals makes them); computed ones may have none."""


def more_than_asked(answer: Answer, groups: int | None, columns: int) -> bool | None:
    """Whether the answer has more rows or value columns than its plan, whose rows None leaves open. None: its columns
    differ in length."""
    lengths = {len(column.numbers()) for column in answer.columns}
    if len(lengths) != 1:
        return None
    return (groups is not None and lengths.pop() > groups) or len(_values(answer)) > columns


def small_noisy_count(answer: Answer, threshold: int) -> bool | None:
    """Whether a noisy count n has 1 <= n < threshold. None: the answer shows no counts, so nobody sees the groups' sizes."""
    counts: list[int] = []
    shown = False
    for column in answer.columns:
        match column:
            case CountColumn():
                counts += column.integers
                shown = True
            case MeanColumn():
                counts += column.counts
                shown = True
            case _:
                pass
    return any(1 <= count < threshold for count in counts) if shown or _is_empty(answer) else None


def wide_intervals(answer: Answer, intervals: Intervals | None, share: Fraction) -> bool | None:
    """Whether in more than `share` of the cells half the interval's width exceeds the value's size.

    Computed columns whose intervals nobody knows (quantiles, ratios) do not take part. None: there are no other value
    cells in an answer of some rows, or not each of them has a finite interval.
    """
    wide = cells = 0
    for column in _values(answer):
        numbers, bounds = column.numbers(), (intervals or {}).get(column.name, ())
        if isinstance(column, ComputedColumn) and not bounds:
            continue
        if len(bounds) != len(numbers):
            return None
        for number, (low, high) in zip(numbers, bounds, strict=True):
            if not isinstance(number, int | float) or not (math.isfinite(low) and math.isfinite(high) and low <= high):
                return None
            wide += (high - low) / 2 > abs(number)
            cells += 1
    return wide > share * cells if cells or _is_empty(answer) else None


def _is_empty(answer: Answer) -> bool:
    """Whether it is a table without rows: nothing in it is small or wide."""
    return bool(answer.columns) and answer.rows == 0


def _values(answer: Answer) -> list[CountColumn | SumColumn | MeanColumn | ComputedColumn]:
    return [column for column in answer.columns if not isinstance(column, KeyColumn)]
