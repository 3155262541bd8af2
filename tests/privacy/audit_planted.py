"""Faults planted into the product, each as a context manager that patches its modules in this process.

They sit where a real bug would: here in the engine's bounding, clamping and merging; in `audit_planted_noise` in pricing,
drawing and finishing.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np

from workers import accumulators, conform, contribute, evaluate, fixed_point, group_codes, numbers, partial, scan, tally
from workers.lookups import PieceCodes

_FAR = 2**40


# -- bounding ------------------------------------------------------------------------------------------------------------


def _bounding(change: Any) -> Any:
    """`workers.scan.Bounding` after `change(self)`."""

    class Loose(contribute.Bounding):
        def __init__(self, bounds: Any, group_count: int, **counted: bool) -> None:
            super().__init__(bounds, group_count, **counted)
            change(self)

    return mock.patch.object(scan, "Bounding", Loose)


def _unlimited(place: int) -> Any:
    def change(bounding: Any) -> None:
        bounding._limits[place] = 10**9

    return _bounding(change)


def no_row_bound() -> Any:
    """R and Linf are not enforced."""

    def change(bounding: Any) -> None:
        bounding._limits[0] = bounding._limits[2] = 10**9

    return _bounding(change)


def no_group_bound() -> Any:
    """L0 is not enforced."""
    return _unlimited(1)


def no_rows_per_group_bound() -> Any:
    """Linf is not enforced."""
    return _unlimited(2)


def runs_bounded_apart() -> Any:
    """One unit's rows in several runs, as appends without a merge would leave them, each bounded alone."""

    class Apart(contribute.Bounding):
        def begin(self, runs: Any) -> None:
            parts = [min(10, int(run) - start) for run in runs for start in range(0, int(run), 10)]
            super().begin(np.asarray(parts, np.int64))

    return mock.patch.object(scan, "Bounding", Apart)


def units_counted_by_rows() -> Any:
    """COUNT(DISTINCT unit) counts rows."""
    return mock.patch.object(
        accumulators.OfBounding, "integers", lambda self, count: self._bounding.rows[:count].copy()
    )


@contextmanager
def bounded_before_the_filter() -> Iterator[None]:
    """Rows are bounded first and filtered afterwards: private in one table, but rows that count are lost."""
    made, compiled = scan._Measuring.__init__, scan._Measuring._compiled

    def make(self: Any, measurement: Any, *rest: Any) -> None:
        made(self, measurement, *rest)
        self.unfiltered = group_codes.PublicGroups(measurement, [], self._derived)

    def compile_(self: Any, columns: Any, block_rows: int) -> Any:
        compiler = evaluate.Compiler(columns, block_rows, frozenset())
        self.first = self.unfiltered.step(compiler, columns, PieceCodes(columns)).step
        return replace(compiled(self, columns, block_rows), large=False)

    def counted(self: Any, block: Any, placed: Any) -> Any:
        found = self.first(block).groups
        groups = np.zeros(block.rows, np.int32) if found is None else found
        owners = np.empty(block.rows, np.int64)
        self._bounding.mark(groups, owners)
        failing = np.zeros(block.rows, np.bool_) if placed.groups is None else placed.groups < 0
        lost = groups[failing]
        self._bounding.rows -= np.bincount(lost[lost >= 0], minlength=len(self._bounding.rows))
        groups[failing] = -1
        return accumulators.Counted(block.rows, self._groups.count, groups, None, owners)

    with mock.patch.multiple(scan._Measuring, __init__=make, _compiled=compile_, _counted=counted):
        yield


def keys_by_rank_of_appearance() -> Any:
    """A group's number is the rank of its key among those present, as category codes are (opendp #2944)."""
    original = group_codes.PublicGroups.step

    def step(self: Any, compiler: Any, columns: Any, codes: Any) -> Any:
        grouping = original(self, compiler, columns, codes)

        def ranked(block: Any) -> Any:
            placed = grouping.step(block)
            found = placed.groups
            present = np.unique(found[found >= 0])
            ranks = np.full(self.count + 1, -1, np.int32)
            ranks[present] = np.arange(len(present))
            return replace(placed, groups=ranks[found])

        return replace(grouping, step=ranked)

    return mock.patch.object(group_codes.PublicGroups, "step", step)


# -- values --------------------------------------------------------------------------------------------------------------


def _apply(rows: Any) -> Any:
    """`FixedPoint.apply` as `rows(doubles, low, high, center, granularity)`, NULL still 0."""

    def apply(self: Any, vector: Any) -> Any:
        with np.errstate(all="ignore"):
            steps = rows(vector.values.astype(np.float64), *self.doubles)
        return np.where(vector.valid, steps, 0).astype(np.int64)

    return mock.patch.object(fixed_point.FixedPoint, "apply", apply)


def _far(steps: Any) -> Any:
    """Doubles as a cast leaves them, but short of undefined behaviour: NaN is the least integer."""
    return np.rint(np.clip(np.where(np.isnan(steps), -_FAR, steps), -_FAR, _FAR))


@contextmanager
def _open_ingest() -> Iterator[None]:
    """Ingest lets through what the file holds: NaN, infinities, values out of bounds."""

    def as_they_are(array: Any, place: Any) -> Any:
        values, valid = numbers.floats(array, place)
        raw = np.asarray(array.to_numpy(zero_copy_only=False), np.float64)
        return np.where(valid, values, np.where(np.isnan(raw), np.nan, 0.0)), array.is_valid().to_numpy(
            zero_copy_only=False
        )

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(conform, "floats", as_they_are))
        stack.enter_context(
            mock.patch.object(
                conform, "_bounded_floats", lambda values, valid, _: (np.where(valid, values, 0.0), valid)
            )
        )
        yield


def ingest_lets_all_through() -> Any:
    """The outer fence alone is down: what the scan does with values must be enough."""
    return _open_ingest()


def scan_clamps_nothing() -> Any:
    """The inner fence alone is down: what ingest does with values must be enough."""
    return _apply(lambda values, _low, _high, center, step: _far((values - center) / step))


@contextmanager
def clamped_after_the_sum() -> Iterator[None]:
    """Rows are added as they are; only the total is held within what all rows could bring."""
    with _open_ingest(), scan_clamps_nothing():
        yield


@contextmanager
def nan_not_nulled() -> Iterator[None]:
    """NaN is a valid value, and no comparison clamps it."""

    def rows(values: Any, low: Any, high: Any, center: Any, step: Any) -> Any:
        clamped = np.where(values > high, high, np.where(values < low, low, values))
        return _far((clamped - center) / step)

    def keep(values: Any, valid: Any) -> evaluate.Vector:
        return evaluate.Vector(values, valid)

    with _open_ingest(), _apply(rows), mock.patch.object(evaluate, "finite", keep):
        yield


@contextmanager
def infinity_not_clamped() -> Iterator[None]:
    """Only finite values are clamped."""

    def rows(values: Any, low: Any, high: Any, center: Any, step: Any) -> Any:
        finite = np.abs(values) < 1e300
        return _far((np.where(finite, np.clip(values, low, high), values) - center) / step)

    with _open_ingest(), _apply(rows):
        yield


def centre_from_the_rows() -> Any:
    """A mean is taken around the rows' own mean."""

    def rows(values: Any, low: Any, high: Any, _center: Any, step: Any) -> Any:
        return _far((np.clip(values, low, high) - (values.mean() if len(values) else 0)) / step)

    return _apply(rows)


@contextmanager
def rounded_after_the_sum() -> Iterator[None]:
    """Doubles are added up and the total is rounded: its error depends on the order (Casacuberta et al. 2022)."""

    def add(groups: Any, summands: Any, sums: Any) -> None:
        totals = [0.0] * len(sums)
        for group, summand in zip(groups.tolist(), summands.tolist(), strict=True):
            if group >= 0:
                totals[group] += summand
        sums += np.rint(totals).astype(np.int64)

    with mock.patch.object(accumulators, "add", add):
        yield


def _filtered_summands(drop: Any) -> Any:
    """`contribute.add` where `drop(summands)` are taken for 0."""

    def add(groups: Any, summands: Any, sums: Any) -> None:
        contribute.add(groups, np.where(drop(summands), 0, summands), sums)

    return mock.patch.object(accumulators, "add", add)


def largest_rows_of_the_table() -> Any:
    """The table is cut to its 60 largest values, whoever's they are."""
    return _filtered_summands(lambda summands: np.argsort(np.argsort(-summands, kind="stable"), kind="stable") >= 60)


def values_of_two_units_dropped() -> Any:
    """Rows whose value occurs twice in the table are taken for errors."""

    def twice(summands: Any) -> Any:
        _, number, count = np.unique(summands, return_inverse=True, return_counts=True)
        return count[number] > 1

    return _filtered_summands(twice)


# -- merging -------------------------------------------------------------------------------------------------------------


def bucket_counted_twice() -> Any:
    """A retried chunk is added again."""
    original = tally.Merger.add

    def add(self: Any, part: Any) -> None:
        original(self, part)
        original(self, part)

    return mock.patch.object(tally.Merger, "add", add)


def bucket_dropped() -> Any:
    """The last bucket to come is forgotten: private, and wrong."""
    original = partial.Merge.add

    def add(self: Any, buckets: Any, sealed: bytes) -> None:
        if self._missing == set(buckets):
            self._missing = set()
        else:
            original(self, buckets, sealed)

    return mock.patch.object(partial.Merge, "add", add)


def sums_wrap_around() -> Any:
    """Totals are kept in eight bits (OpenDP's and others' integer overflow, in small)."""
    original = partial.Merge.total

    def total(self: Any) -> Any:
        return [replace(found, sums=found.sums.astype(np.int8).astype(np.int64)) for found in original(self)]

    return mock.patch.object(partial.Merge, "total", total)
