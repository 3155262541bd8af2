"""Triples of 64-bit words get numbers 0, 1, … in the order in which they first come: an exact hash table, compiled.

Numbers follow from the rows' order alone; the secret that mixes words into places only keeps anybody from choosing rows
that all meet in one place (`workers.mixing`).
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from workers.frozen import frozen
from workers.mixing import drawn, stirred

Integers = NDArray[np.int64]

_FIRST = 1_024


class WordTable:
    """The distinct triples so far: column `n` of `words` is number n's, for n < `count`.

    There is room for at most twice as many triples (24 bytes each) as there are with those of the block at hand, and at
    most four places (8 bytes each) for each room; while the table grows, the old one of half that size is there too:
    no more than 168 bytes a triple (`sandbox.plan.measurement_sizes`).
    """

    def __init__(self) -> None:
        self.count = 0
        self._words = np.zeros((3, _FIRST), np.int64)
        self._places = np.full(2 * _FIRST, -1, np.int64)
        self._secret = drawn()

    @property
    def words(self) -> Integers:
        """The triples [3, count]."""
        return self._words[:, : self.count]

    @property
    def room(self) -> int:
        """How many triples there is room for; more than there are."""
        return self._words.shape[1]

    def reserve(self, rows: int) -> None:
        """Make room for `rows` more triples."""
        needed = self.count + rows
        if needed <= self.room:
            return
        room = max(needed, 2 * self.room)
        grown = np.zeros((3, room), np.int64)
        grown[:, : self.count] = self.words
        self._words = grown
        self._places = np.full(1 << (2 * room - 1).bit_length(), -1, np.int64)
        fill(self._places, self._words, self.count, self._secret)

    def numbers(self, first: Integers, second: Integers, third: Integers) -> Integers:
        """The number of each row's triple, new ones added; -1 where `first` is negative."""
        self.reserve(len(first))
        out = np.empty(len(first), np.int64)
        columns = (frozen(column, np.int64) for column in (first, second, third))
        self.count = _number(*columns, self._places, self._words, self.count, self._secret, out)
        return out

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        """Places, words and secret, for compiled passes that call `triple_place`; they add to `count` themselves."""
        return self._places, self._words, self._secret


@numba.njit(nogil=True, cache=True)
def triple_place(
    first: Any, second: Any, third: Any, places: Any, words: Any, secret: Any
) -> Any:  # pragma: no cover - compiled
    """The place of a triple, or the empty one where it belongs."""
    mixed = stirred(stirred(stirred(secret, np.uint64(first)), np.uint64(second)), np.uint64(third))
    last = np.uint64(places.size - 1)
    at = np.int64(mixed & last)
    while places[at] >= 0:
        number = places[at]
        if words[0, number] == first and words[1, number] == second and words[2, number] == third:
            return at
        at = (at + 1) & (places.size - 1)
    return at


@numba.njit(nogil=True, cache=True)
def fill(places: Any, words: Any, count: Any, secret: Any) -> None:  # pragma: no cover - compiled
    """Put the first `count` triples into places that are all empty."""
    for number in range(count):
        places[triple_place(words[0, number], words[1, number], words[2, number], places, words, secret)] = number


@numba.njit(nogil=True, cache=True)
def _number(
    first: Any, second: Any, third: Any, places: Any, words: Any, count: Any, secret: Any, out: Any
) -> Any:  # pragma: no cover - compiled
    for row in range(first.size):
        if first[row] < 0:
            out[row] = -1
            continue
        at = triple_place(first[row], second[row], third[row], places, words, secret)
        if places[at] < 0:
            places[at] = count
            words[0, count], words[1, count], words[2, count] = first[row], second[row], third[row]
            count += 1
        out[row] = places[at]
    return count
