"""How the rows of one unit stand where they lie in several segments: mixed at random, and by the unit's own rows alone.

Within a segment a unit's rows lie in the random order of `workers.row_order`. Each next row is taken from a segment that
is drawn with a chance in proportion to the rows the unit has left there: so every order of all its rows is as likely as any
other, and a bound that keeps the first few favours neither old rows nor new ones. The draws are AES of (token, place) under
a key of the table: a PRF, which follows neither values nor other units.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from workers.frozen import frozen

_BLOCK = 16

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int8]


def mixed(order: bytes, high: Words, low: Words, taken: Integers) -> Numbers:
    """The number of the segment of each row of all units. `taken` are their rows in each segment (segment, unit); `order`
    is the table's key, none for a table without units, whose segments follow one another."""
    totals = taken.sum(axis=0)
    found = np.empty(int(totals.sum()), dtype=np.int8)
    draws = np.zeros(len(found), dtype=np.uint64)
    if order:
        shared = (taken > 0).sum(axis=0) > 1
        unit = np.repeat(np.arange(len(totals)), totals)
        place = np.arange(len(found)) - np.repeat(np.cumsum(totals) - totals, totals)
        rows = np.flatnonzero(shared[unit])
        draws[rows] = _draws(order, high[unit[rows]], low[unit[rows]], place[rows].astype(np.uint64))
        _mix(frozen(taken.T, np.int64), draws, found)
    else:
        at = 0
        for counts in taken.T.tolist():
            found[at : at + sum(counts)] = np.repeat(np.arange(len(counts)), counts)
            at += sum(counts)
    return found


def mixed_of_one(order: bytes, high: int, low: int, done: int, size: int, left: Integers) -> Numbers:
    """The number of the segment of the next `size` rows of one unit, of which `done` came before; `left` are its rows still
    to come of each segment, and are counted down."""
    found = np.empty(size, dtype=np.int8)
    if order:
        place = np.arange(done, done + size, dtype=np.uint64)
        token = np.full(size, high, np.uint64), np.full(size, low, np.uint64)
        _choose(left, _draws(order, *token, place), found)
        return found
    ends = np.minimum(np.cumsum(left), size)
    counts = np.diff(ends, prepend=0)
    found[:] = np.repeat(np.arange(len(left)), counts)
    left -= counts
    return found


def _draws(key: bytes, high: Words, low: Words, place: Words) -> Words:
    """64 bits for each (token, place): the CBC-MAC of two blocks."""
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305  the block cipher of a CBC-MAC
    state = _encrypted(encryptor, np.column_stack([high, low]))
    state[:, 0] ^= place
    return np.ascontiguousarray(_encrypted(encryptor, state)[:, 0])


def _encrypted(encryptor: CipherContext, blocks: Words) -> Words:
    sink = bytearray(len(blocks) * _BLOCK + _BLOCK)
    encryptor.update_into(np.ascontiguousarray(blocks).tobytes(), sink)
    return np.frombuffer(sink, dtype=np.uint64, count=2 * len(blocks)).reshape(-1, 2).copy()


@numba.njit(nogil=True, cache=True)
def _choose(left: Any, draws: Any, found: Any) -> None:  # pragma: no cover - compiled
    total = left.sum()
    for row in range(found.size):
        pick = np.int64(draws[row] % np.uint64(total))
        segment = 0
        while pick >= left[segment]:
            pick -= left[segment]
            segment += 1
        left[segment] -= 1
        total -= 1
        found[row] = segment


@numba.njit(nogil=True, cache=True)
def _mix(taken: Any, draws: Any, found: Any) -> None:  # pragma: no cover - compiled
    at = 0
    for unit in range(taken.shape[0]):
        left = taken[unit].copy()
        end = at + left.sum()
        _choose(left, draws[at:end], found[at:end])
        at = end
