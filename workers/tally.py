"""What is counted of a measurement before the noise: exact, and the same whatever the split into blocks, buckets and jobs.

Lines are groups: all of them where keys are public, those with a counted row where they are selected, ascending by the
bytes of their keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, TreeCounts

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a measurement's tallies have: `groups` lines (None where they are selected), `sums` primitives with one integer
    that adds up, the numbers of leaves of its trees, and as many sets of `pairs`."""

    groups: int | None
    sums: int
    trees: tuple[int, ...]
    pairs: int

    @classmethod
    def of(cls, measurement: Measurement) -> "Shape":
        """The shape that follows from the plan."""
        trees = tuple(item.leaves for item in measurement.primitives if isinstance(item, TreeCounts))
        pairs = sum(isinstance(item, CountDistinct) for item in measurement.primitives)
        sums = len(measurement.primitives) - len(trees) - pairs
        return cls(None if measurement.selected else measurement.groups, sums, trees, pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """`keys` are the lines' keys as bytes, () where lines are all groups. `sums` is [primitive, line]. Each of `trees` is
    (line, leaf, rows) [3, leaves with rows], each of `pairs` (line, high, low word) [3, distinct pairs], ascending."""

    keys: tuple[bytes, ...]
    sums: Integers
    trees: tuple[Integers, ...]
    pairs: tuple[Integers, ...]

    @property
    def lines(self) -> int:
        return self.sums.shape[1]


class Merger:
    """Adds up tallies of one shape. Integer addition and union of sets commute: their order leaves no trace."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._numbers: dict[bytes, int] = {}
        self._sums = np.zeros((shape.sums, shape.groups or 0), np.int64)
        self._trees = [_Gathered(2) for _ in shape.trees]
        self._pairs = [_Gathered(3) for _ in range(shape.pairs)]

    def add(self, tally: Tally) -> None:
        """Take in one more. It is of the shape: `workers.partial` checks what comes from elsewhere."""
        if self._shape.groups is None:
            lines = self._lines(tally.keys)
            # Keys of a tally differ, so no line is named twice.
            self._sums[:, lines] += tally.sums
        else:
            lines = np.arange(self._shape.groups, dtype=np.int64)
            self._sums += tally.sums
        for gathered, part in zip([*self._trees, *self._pairs], [*tally.trees, *tally.pairs], strict=True):
            gathered.add(np.vstack([lines[part[0]], part[1:]]))

    def total(self) -> Tally:
        """All of them as one; nothing can be added afterwards."""
        keys: tuple[bytes, ...] = ()
        order = places = np.arange(self._sums.shape[1] if self._shape.groups is not None else 0, dtype=np.int64)
        if self._shape.groups is None:
            keys = tuple(sorted(self._numbers))
            order = np.asarray([self._numbers[key] for key in keys], np.int64)
            places = np.empty(len(order), np.int64)
            places[order] = np.arange(len(order))
        return Tally(
            keys,
            np.ascontiguousarray(self._sums[:, order]),
            tuple(gathered.total(places) for gathered in self._trees),
            tuple(gathered.total(places) for gathered in self._pairs),
        )

    def _lines(self, keys: Sequence[bytes]) -> Integers:
        numbers = self._numbers
        found = np.asarray([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
        if len(numbers) > self._sums.shape[1]:
            room = max(len(numbers), 2 * self._sums.shape[1])
            grown = np.zeros((self._shape.sums, room), np.int64)
            grown[:, : self._sums.shape[1]] = self._sums
            self._sums = grown
        return found


class _Gathered:
    """Columns [3, any] of which the first `words` say what is counted; a last one that is left over adds up.

    They are sorted out when they have become twice as many, so that memory follows what is different.
    """

    def __init__(self, words: int) -> None:
        self._words = words
        self._parts: list[Integers] = []
        self._settled = 0
        self._waiting = 0

    def add(self, part: Integers) -> None:
        self._parts.append(part)
        self._waiting += part.shape[1]
        if self._waiting > max(self._settled, 65_536):
            self._settle()

    def total(self, places: Integers) -> Integers:
        self._settle()
        (found,) = self._parts
        return sorted_out(np.vstack([places[found[0]], found[1:]]), self._words)

    def _settle(self) -> None:
        found = np.hstack([np.zeros((3, 0), np.int64), *self._parts])
        self._parts = [sorted_out(found, self._words)]
        self._settled, self._waiting = self._parts[0].shape[1], 0


def sorted_out(columns: Integers, words: int) -> Integers:
    """The columns ascending by their first `words` rows, each once; where that leaves one row over, it is added up."""
    if not columns.shape[1]:
        return columns
    ascending = columns[:, np.lexsort(columns[:words][::-1])]
    fresh = np.ones(columns.shape[1], np.bool_)
    fresh[1:] = (ascending[:words, 1:] != ascending[:words, :-1]).any(axis=0)
    found = ascending[:, fresh]
    if words < columns.shape[0]:
        found[words] = np.add.reduceat(ascending[words], np.flatnonzero(fresh))
    return np.ascontiguousarray(found)
