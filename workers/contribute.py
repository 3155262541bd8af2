"""Bounding what one unit brings, the last step before aggregation: one linear pass over a bucket's runs.

A unit's rows stand together and are taken in stored order. A row counts if it passes the filter and has a group, while
the unit has brought fewer than R rows, fewer than Linf rows to that group, and fewer than L0 groups or has been in this
one before. Every primitive reads the same counted rows, so that one unit changes each vector within the plan's bounds.
"""

from fractions import Fraction
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import ContributionBounds, SumValues
from workers.evaluate import Vector, nearest_double

Integers = NDArray[np.int64]


COUNT_ROWS = -1
"""A primitive that adds 1 for each counted row."""

COUNT_UNITS = -2
"""A primitive that adds 1 at a unit's first counted row in a group."""


def fixed_point(vector: Vector, total: SumValues) -> Integers:
    """round((clamp(v, low, high) - center) / granularity) in each row, 0 where NULL.

    The absolute value is at most `total.magnitude` by construction: the integers themselves are clipped to it, so no
    rounding of doubles can widen what one row adds.
    """
    magnitude = total.magnitude
    if magnitude > 2**62:
        raise ValueError("a summand leaves int64")
    whole = total.granularity == 1 and all(_is_int64(part) for part in (total.low, total.high, total.center))
    with np.errstate(all="ignore"):
        if whole and vector.values.dtype == np.int64:
            integers = np.clip(vector.values, int(total.low), int(total.high)) - np.int64(int(total.center))
        else:
            values = np.clip(
                vector.values.astype(np.float64, copy=False), nearest_double(total.low), nearest_double(total.high)
            )
            steps = np.nan_to_num((values - nearest_double(total.center)) / nearest_double(total.granularity), nan=0.0)
            integers = np.rint(np.clip(steps, -float(magnitude), float(magnitude))).astype(np.int64)
        integers = np.clip(integers, -magnitude, magnitude)
    return np.where(vector.valid, integers, np.int64(0))


def contribute(
    runs: Integers,
    groups: NDArray[np.int32],
    readings: tuple[int, ...],
    weights: Integers,
    bounds: ContributionBounds,
    group_count: int,
) -> Integers:
    """Partial sums [primitive, group] of one bucket.

    Args:
        runs: rows of each unit, in order; they add up to the number of rows.
        groups: each row's group, -1 where the row does not count.
        readings: for each primitive COUNT_ROWS, COUNT_UNITS, or the line of `weights` that it adds up.
        weights: [line, row], what a counted row adds.
        bounds: R, L0 and Linf.
        group_count: groups of the plan; every code lies below it.

    Raises:
        ValueError: runs, groups and weights do not describe the same rows.
    """
    rows = len(groups)
    if (len(runs) and int(runs.min()) < 0) or int(runs.sum()) != rows:
        raise ValueError("runs do not cover the rows")
    if rows and int(groups.max()) >= group_count:
        raise ValueError("a group beyond the plan's")
    if weights.ndim != 2 or weights.shape[1] != rows or max(readings) >= len(weights) or min(readings) < COUNT_UNITS:
        raise ValueError("weights do not cover the rows")
    sums = np.zeros((len(readings), group_count), np.int64)
    limits = np.asarray([bounds.rows, bounds.groups, bounds.rows_per_group], np.int64)
    stamps = np.full(group_count, -1, np.int64)
    brought = np.zeros(group_count, np.int64)
    _pass(
        _frozen(runs, np.int64),
        _frozen(groups, np.int32),
        _frozen(np.asarray(readings), np.int64),
        _frozen(weights, np.int64),
        limits,
        stamps,
        brought,
        sums,
    )
    return sums


def _is_int64(value: Fraction) -> bool:
    return value.denominator == 1 and -(2**63) <= value < 2**63


def _frozen(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    # Always a read-only view in C order: the pass is then compiled for one type only.
    view = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
    return view


@numba.njit(nogil=True, cache=True)
def _pass(
    runs: Any, groups: Any, readings: Any, weights: Any, limits: Any, stamps: Any, brought: Any, sums: Any
) -> None:  # pragma: no cover - compiled
    start = 0
    for unit in range(runs.size):
        end = start + runs[unit]
        counted = 0
        touched = 0
        for row in range(start, end):
            if counted == limits[0]:
                break
            group = groups[row]
            if group < 0:
                continue
            first = stamps[group] != unit
            if first:
                if touched == limits[1]:
                    continue
                touched += 1
                stamps[group] = unit
                brought[group] = 0
            if brought[group] == limits[2]:
                continue
            brought[group] += 1
            counted += 1
            for primitive in range(readings.size):
                reading = readings[primitive]
                if reading >= 0:
                    sums[primitive, group] += weights[reading, row]
                elif reading == -1 or first:
                    sums[primitive, group] += 1
        start = end
