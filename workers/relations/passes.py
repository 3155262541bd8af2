"""Compiled passes that add up frames of rows: one result for each frame, in the order in which rows are given.

`order` puts rows of one partition together. `starts` marks the first row of each partition, `ends` the last of each frame:
a frame holds the rows of its partition up to there. All three speak of places in `order`. Values are added strictly one
after the other, so that sums of doubles are the same bits whatever else is in the batch.
"""

from typing import Any

import numba
import numpy as np

_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1


@numba.njit(nogil=True, cache=True)
def count_known(order: Any, starts: Any, ends: Any, valid: Any, counts: Any) -> None:  # pragma: no cover - compiled
    """Rows of each frame that are `valid`."""
    frame = 0
    count = 0
    for place in range(order.size):
        if starts[place]:
            count = 0
        if valid[order[place]]:
            count += 1
        if ends[place]:
            counts[frame] = count
            frame += 1


@numba.njit(nogil=True, cache=True)
def add_doubles(
    order: Any, starts: Any, ends: Any, values: Any, valid: Any, sums: Any
) -> None:  # pragma: no cover - compiled
    """Sums of the valid values of each frame, 0 where there is none."""
    frame = 0
    total = 0.0
    for place in range(order.size):
        if starts[place]:
            total = 0.0
        if valid[order[place]]:
            total += values[order[place]]
        if ends[place]:
            sums[frame] = total
            frame += 1


@numba.njit(nogil=True, cache=True)
def add_integers(
    order: Any, starts: Any, ends: Any, values: Any, valid: Any, high: Any, low: Any
) -> None:  # pragma: no cover - compiled
    """Exact sums of int64 values in two parts, high * 2^32 + low with 0 <= low < 2^32: nothing overflows."""
    frame = 0
    upper = np.int64(0)
    lower = np.int64(0)
    for place in range(order.size):
        if starts[place]:
            upper = np.int64(0)
            lower = np.int64(0)
        if valid[order[place]]:
            value = values[order[place]]
            lower += value & _LOW_MASK
            upper += (value >> _LOW_BITS) + (lower >> _LOW_BITS)
            lower &= _LOW_MASK
        if ends[place]:
            high[frame] = upper
            low[frame] = lower
            frame += 1


@numba.njit(nogil=True, cache=True)
def extreme_row(
    order: Any, starts: Any, ends: Any, values: Any, valid: Any, sign: Any, rows: Any
) -> None:  # pragma: no cover - compiled
    """The first row of each frame with the smallest (sign -1: largest; 0: any) valid value, -1 where there is none."""
    frame = 0
    best = -1
    for place in range(order.size):
        row = order[place]
        if starts[place]:
            best = -1
        if valid[row]:
            smaller = sign > 0 and best >= 0 and values[row] < values[best]
            larger = sign < 0 and best >= 0 and values[row] > values[best]
            if best < 0 or smaller or larger:
                best = row
        if ends[place]:
            rows[frame] = best
            frame += 1
