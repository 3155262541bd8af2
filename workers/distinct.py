"""Distinct values of groups, exactly: of each unit the first pairs of group and value, as many as the plan lets it bring.

Which pairs a unit brings depends on its own counted rows alone, never on what others brought; the set of a group is the
union of what its units bring. So one unit more adds no more pairs than it may bring.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from workers.contribute import Groups, Integers, roomier
from workers.frozen import frozen
from workers.word_table import WordTable, triple_place


class DistinctPairs:
    """The pairs of group and value of one bucket."""

    def __init__(self, values_per_unit: int) -> None:
        self._most = values_per_unit
        self._table = WordTable()
        self._owners = np.full(self._table.room, -1, np.int64)
        self._place = np.asarray([-1, 0], np.int64)  # the last row's unit, and how many pairs it has brought

    def add(self, groups: Groups, owners: Integers, valid: NDArray[np.bool_], high: Integers, low: Integers) -> None:
        """Take the values (`high`, `low`) of the next rows. A row counts where its group is not negative."""
        if not len(groups) == len(owners) == len(valid) == len(high) == len(low):
            raise ValueError("values do not cover the rows")
        self._table.reserve(len(groups))
        self._owners = roomier(self._owners, self._table.room, -1)
        words = (frozen(column, np.int64) for column in (high, low))
        self._table.count = _add(
            groups,
            frozen(owners, np.int64),
            frozen(valid, np.bool_),
            *words,
            self._most,
            *self._table.parts,
            self._table.count,
            self._owners,
            self._place,
        )

    @property
    def pairs(self) -> Integers:
        """Group, high and low word [3, pairs] of each pair, in any order."""
        return self._table.words


@numba.njit(nogil=True, cache=True)
def _add(
    groups: Any,
    owners: Any,
    valid: Any,
    high: Any,
    low: Any,
    most: Any,
    places: Any,
    words: Any,
    secret: Any,
    count: Any,
    last: Any,
    place: Any,
) -> Any:  # pragma: no cover - compiled
    unit, brought = place
    for row in range(groups.size):
        group = np.int64(groups[row])
        if group < 0 or not valid[row]:
            continue
        if owners[row] != unit:
            unit = owners[row]
            brought = 0
        at = triple_place(group, high[row], low[row], places, words, secret)
        number = places[at]
        if (number >= 0 and last[number] == unit) or brought == most:
            continue
        if number < 0:
            number = count
            places[at] = number
            words[0, number], words[1, number], words[2, number] = group, high[row], low[row]
            count += 1
        last[number] = unit
        brought += 1
    place[0], place[1] = unit, brought
    return count
