"""Bounding what one unit brings, the last step before aggregation: one linear pass over units' runs, block by block.

A unit's rows stand together and are taken in stored order. A row counts if it passes the filter and has a group, while
the unit has brought fewer than R rows, fewer than Linf rows to that group, and fewer than L0 groups or has been in this
one before. Every primitive reads the same counted rows, so that one unit changes each vector within the plan's bounds.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.plan.measurement import ContributionBounds
from workers.frozen import frozen

Integers = NDArray[np.int64]
Groups = NDArray[np.int32]


class Bounding:
    """Walks runs once. What it keeps between blocks is where it stands, and what the current unit has brought.

    `rows` and `units` are the counted rows, and the units with a counted row, of each group; without `of_rows` or
    `of_units` they are nothing. Groups may become more, unless `fixed` says that there are none but these.
    """

    def __init__(
        self,
        bounds: ContributionBounds,
        group_count: int,
        *,
        of_rows: bool = True,
        of_units: bool = True,
        fixed: bool = False,
    ) -> None:
        self.rows = np.zeros(group_count, np.int64)
        self.units = np.zeros(group_count, np.int64)
        self._runs = frozen(np.zeros(0, np.int64), np.int64)
        self._ahead = 0
        self._of_rows, self._of_units = of_rows, of_units
        # The number of a unit's rows alone then decides which of them count.
        each = bounds.rows_per_group >= bounds.rows
        self._by_rows = each and (bounds.groups >= bounds.rows or (fixed and group_count <= bounds.groups))
        self._limits = np.asarray([bounds.rows, bounds.groups, bounds.rows_per_group], np.int64)
        self._place = np.asarray([-1, 0, 0, 0], np.int64)  # run, its rows ahead, its counted rows, its groups
        self._before = 0
        self._stamps = np.full(group_count, -1, np.int64)
        self._brought = np.zeros(group_count, np.int64)

    def begin(self, runs: Integers) -> None:
        """Take on more units: `runs` are the rows of each, in order.

        Raises:
            ValueError: one is negative, or rows of the units before never came.
        """
        self.finish()
        if len(runs) and int(runs.min()) < 0:
            raise ValueError("a run has rows or none")
        self._before += len(self._runs)
        self._runs = frozen(runs, np.int64)
        self._ahead = int(runs.sum())
        self._place[:] = (-1, 0, 0, 0)

    def grow(self, group_count: int) -> None:
        """Let there be that many groups or more."""
        self.rows, self.units, self._brought = (
            roomier(kept, group_count, 0) for kept in (self.rows, self.units, self._brought)
        )
        self._stamps = roomier(self._stamps, group_count, -1)

    def mark(self, groups: Groups, owners: Integers | None = None) -> None:
        """Set to -1, in place, the group of each of the next rows that does not count; it is -1 already where a row
        fails the filter or has no group. `owners` gets the number of each row's unit, which no other unit has.

        Raises:
            ValueError: more rows than the runs have, or a group beyond those there are.
        """
        self._ahead -= len(groups)
        if self._ahead < 0:
            raise ValueError("runs do not cover the rows")
        if len(groups) and int(groups.max()) >= len(self.rows):
            raise ValueError("a group beyond the plan's")
        if owners is not None:
            _own(self._runs, self._place, self._before, owners)
        if self._by_rows and not self._of_units:
            _cut(self._runs, groups, self._limits, self._place)
            if self._of_rows:
                _count_rows(groups, self.rows)
            return
        _mark(
            self._runs,
            groups,
            self._limits,
            self._place,
            self._before,
            self._stamps,
            self._brought,
            self.rows,
            self.units,
        )

    @property
    def spanning(self) -> bool:
        """Whether `spans` may take rows that all are in group 0."""
        return self._by_rows

    def spans(self, count: int) -> "Spans":
        """Which of the next `count` rows count, where all are in group 0 and `spanning` holds.

        Raises:
            ValueError: more rows than the runs have.
        """
        self._ahead -= count
        if self._ahead < 0:
            raise ValueError("runs do not cover the rows")
        most = min(count, len(self._runs) - max(int(self._place[0]), 0))
        starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
        found, rows, units = _spans(self._runs, count, self._limits, self._place, starts, ends)
        self.rows[0] += rows
        self.units[0] += units
        return Spans(starts[:found], ends[:found])

    def cut_units(self, groups: Groups, rows_per_unit: int) -> None:
        """Set to -1, in place, the groups of those of the next rows that are not among their unit's first `rows_per_unit`
        stored ones; `mark` is for the same rows, afterwards.

        Raises:
            ValueError: more rows than the runs have.
        """
        if self._ahead < len(groups):
            raise ValueError("runs do not cover the rows")
        _cut_units(self._runs, groups, rows_per_unit, self._place)

    def finish(self) -> None:
        """Raises ValueError where the runs have rows that never came."""
        if self._ahead:
            raise ValueError("runs do not cover the rows")


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Ranges of rows of a block, ascending: `starts` and where they end."""

    starts: Integers
    ends: Integers

    def groups(self, rows: int) -> Groups:
        """Group 0 for each of the rows in a range, -1 for others."""
        groups = np.full(rows, -1, np.int32)
        _fill(self.starts, self.ends, groups)
        return groups


class UnitsWhere:
    """The units of each group that have a counted row for which a condition holds."""

    def __init__(self, group_count: int) -> None:
        self.units = np.zeros(group_count, np.int64)
        self._stamps = np.full(group_count, -1, np.int64)

    def grow(self, group_count: int) -> None:
        """Let there be that many groups or more."""
        self.units = roomier(self.units, group_count, 0)
        self._stamps = roomier(self._stamps, group_count, -1)

    def add(self, groups: Groups, owners: Integers, holds: NDArray[np.bool_]) -> None:
        """Count the units of counted rows for which the condition `holds`."""
        if not len(groups) == len(owners) == len(holds):
            raise ValueError("conditions do not cover the rows")
        _add_units(groups, owners, frozen(holds, np.bool_), self._stamps, self.units)


def roomier(kept: Integers, size: int, empty: int) -> Integers:
    """The same array where it is of that size or larger, else one of twice its length or more, filled up."""
    if size <= len(kept):
        return kept
    return np.append(kept, np.full(max(size, 2 * len(kept)) - len(kept), empty, np.int64))


def add(groups: Groups, summands: Integers, sums: Integers) -> None:
    """Add what each counted row adds to the sum of its group."""
    if not len(groups) == len(summands):
        raise ValueError("summands do not cover the rows")
    _add(groups, summands, sums)


def add_looked_up(groups: Groups, codes: NDArray[Any], low: int, table: Integers, sums: Integers) -> None:
    """`add` of what the codes' entries in a table say, whose first is that of `low`."""
    _add_looked_up(groups, codes, low, table, sums)


def add_spans(spans: Spans, codes: NDArray[Any], low: int, table: Integers, sums: Integers) -> None:
    """The same where the rows that count are those of `spans`, all in group 0."""
    _add_spans(spans.starts, spans.ends, codes, low, table, sums)


@numba.njit(nogil=True, cache=True)
def _add_looked_up(groups: Any, codes: Any, low: Any, table: Any, sums: Any) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        group = groups[row]
        if group >= 0:
            sums[group] += table[np.int64(codes[row]) - low]


@numba.njit(nogil=True, cache=True)
def _add_spans(
    starts: Any, ends: Any, codes: Any, low: Any, table: Any, sums: Any
) -> None:  # pragma: no cover - compiled
    total = np.int64(0)
    for span in range(starts.size):
        for row in range(starts[span], ends[span]):
            total += table[np.int64(codes[row]) - low]
    sums[0] += total


@numba.njit(nogil=True, cache=True)
def _fill(starts: Any, ends: Any, groups: Any) -> None:  # pragma: no cover - compiled
    for span in range(starts.size):
        groups[starts[span] : ends[span]] = 0


@numba.njit(nogil=True, cache=True)
def _spans(
    runs: Any, count: Any, limits: Any, place: Any, starts: Any, ends: Any
) -> Any:  # pragma: no cover - compiled
    unit, ahead, counted, _ = place
    row, found, rows, units = 0, 0, 0, 0
    while row < count:
        while ahead == 0:
            unit += 1
            ahead = runs[unit]
            counted = 0
        here = min(count - row, ahead)
        kept = min(here, limits[0] - counted)
        if kept > 0:
            starts[found] = row
            ends[found] = row + kept
            found += 1
            rows += kept
            units += 1 if counted == 0 else 0
            counted += kept
        ahead -= here
        row += here
    place[0], place[1], place[2] = unit, ahead, counted
    return found, rows, units


@numba.njit(nogil=True, cache=True)
def _cut(runs: Any, groups: Any, limits: Any, place: Any) -> None:  # pragma: no cover - compiled
    unit, ahead, counted, _ = place
    row = 0
    while row < groups.size:
        while ahead == 0:
            unit += 1
            ahead = runs[unit]
            counted = 0
        end = min(groups.size, row + ahead)
        ahead -= end - row
        if runs[unit] > limits[0]:  # of a unit with fewer rows all count
            for at in range(row, end):
                if groups[at] >= 0:
                    if counted == limits[0]:
                        groups[at] = -1
                    else:
                        counted += 1
        row = end
    place[0], place[1], place[2] = unit, ahead, counted


@numba.njit(nogil=True, cache=True)
def _cut_units(runs: Any, groups: Any, most: Any, place: Any) -> None:  # pragma: no cover - compiled
    unit, ahead = place[0], place[1]
    row = 0
    while row < groups.size:
        while ahead == 0:
            unit += 1
            ahead = runs[unit]
        end = min(groups.size, row + ahead)
        first = runs[unit] - ahead  # the unit's rows before this one
        ahead -= end - row
        for at in range(max(row, row + most - first), end):
            groups[at] = -1
        row = end


@numba.njit(nogil=True, cache=True)
def _count_rows(groups: Any, rows: Any) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        group = groups[row]
        if group >= 0:
            rows[group] += 1


@numba.njit(nogil=True, cache=True)
def _add(groups: Any, summands: Any, sums: Any) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        group = groups[row]
        if group >= 0:
            sums[group] += summands[row]


@numba.njit(nogil=True, cache=True)
def _add_units(groups: Any, owners: Any, holds: Any, stamps: Any, units: Any) -> None:  # pragma: no cover - compiled
    for row in range(groups.size):
        group = groups[row]
        if group >= 0 and holds[row] and stamps[group] != owners[row]:
            stamps[group] = owners[row]
            units[group] += 1


@numba.njit(nogil=True, cache=True)
def _own(runs: Any, place: Any, before: Any, owners: Any) -> None:  # pragma: no cover - compiled
    unit, ahead = place[0], place[1]
    row = 0
    while row < owners.size:
        while ahead == 0:
            unit += 1
            ahead = runs[unit]
        end = min(owners.size, row + ahead)
        ahead -= end - row
        owners[row:end] = before + unit
        row = end


@numba.njit(nogil=True, cache=True)
def _mark(
    runs: Any,
    groups: Any,
    limits: Any,
    place: Any,
    before: Any,
    stamps: Any,
    brought: Any,
    rows: Any,
    units: Any,
) -> None:  # pragma: no cover - compiled
    unit, ahead, counted, touched = place
    least = min(limits[0], limits[1], limits[2])
    row = 0
    while row < groups.size:
        while ahead == 0:
            unit += 1
            ahead = runs[unit]
            counted = 0
            touched = 0
        end = min(groups.size, row + ahead)
        ahead -= end - row
        owner = before + unit
        if runs[unit] <= least:  # no limit can be met
            for at in range(row, end):
                group = groups[at]
                if group >= 0:
                    rows[group] += 1
                    if stamps[group] != owner:
                        stamps[group] = owner
                        units[group] += 1
            row = end
            continue
        for at in range(row, end):
            group = groups[at]
            if group < 0:
                continue
            first = stamps[group] != owner
            if counted == limits[0] or (first and touched == limits[1]):
                groups[at] = -1
                continue
            if first:
                touched += 1
                stamps[group] = owner
                brought[group] = 0
            if brought[group] == limits[2]:
                groups[at] = -1
                continue
            brought[group] += 1
            counted += 1
            rows[group] += 1
            if first:
                units[group] += 1
        row = end
    place[0], place[1], place[2], place[3] = unit, ahead, counted, touched
