"""Units found along a declared foreign key: lineitem names an order, the order names its customer.

A row that names no row of the other table belongs to nobody and is left out; so is one that names nothing. The keys of the
other table are held as keyed 128-bit hashes beside the tokens of their rows' units: 36 bytes a row, whatever a key is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.tokens import Tokens, tokens_of
from workers.unusable import Place

LINK_ROWS_MAX = 1 << 26
"""Rows that a table may declare through which others are linked: its map then takes 2.3 GiB."""

_PERSON = b"sandbox/link/v1"
_WORD_BITS = 64

Words = npt.NDArray[np.uint64]


def key_hashes(keys: pa.Array, key: bytes) -> Tokens:
    """The hashes of keys (no NULL): 42 and "42" have one."""
    return tokens_of(keys, key, _PERSON)


@dataclass(frozen=True, slots=True, eq=False)
class LinkMap:
    """Key hashes in ascending order, the token of each one's unit, and where the hashes of each prefix begin."""

    keys: Tokens
    units: Tokens
    starts: npt.NDArray[np.int64]

    @classmethod
    def build(cls, rows: int, parts: Iterable[tuple[Tokens, Tokens]], place: Place) -> "LinkMap":
        """From `rows` pairs of a key's hash and a unit's token, in parts that ascend by the hashes' first bits.

        Raises:
            FileNotUsable: two rows have the same key.
        """
        held = np.empty((4, rows), dtype=np.uint64)
        at = 0
        for keys, units in parts:
            order = np.lexsort((keys.low, keys.high))
            part = held[:, at : at + len(order)]
            for target, source in zip(part, (keys.high, keys.low, units.high, units.low), strict=True):
                target[:] = source[order]
            at += len(order)
            if ((part[0, 1:] == part[0, :-1]) & (part[1, 1:] == part[1, :-1])).any():
                raise place.whole.refusal("each key once, since other rows find their unit by it")
        bits = max(1, (rows >> 1).bit_length())
        edges = np.arange(1 << bits, dtype=np.uint64) << np.uint64(_WORD_BITS - bits)
        starts = np.append(np.searchsorted(held[0], edges), rows).astype(np.int64)
        return cls(Tokens(held[0], held[1]), Tokens(held[2], held[3]), starts)

    def find(self, named: pa.Array, key: bytes) -> tuple[Tokens, npt.NDArray[np.bool_]]:
        """The tokens of the rows that name a row of the other table, and which rows those are."""
        present = named.is_valid().to_numpy(zero_copy_only=False)
        asked = key_hashes(named.drop_null() if named.null_count else named, key)
        at = np.empty(len(asked.high), dtype=np.int64)
        shift = _WORD_BITS - (len(self.starts) - 1).bit_length() + 1
        _places(self.keys.high, self.keys.low, self.starts, shift, asked.high, asked.low, at)
        kept = present.copy()
        kept[present] = at >= 0
        found = at[at >= 0]
        return Tokens(self.units.high[found], self.units.low[found]), kept


@numba.njit(nogil=True, cache=True)
def _places(high: Any, low: Any, starts: Any, shift: int, asked_high: Any, asked_low: Any, at: Any) -> None:
    """Where each asked hash stands, -1 where it does not."""
    for row in range(len(at)):
        prefix = np.int64(asked_high[row] >> np.uint64(shift))
        at[row] = -1
        for place in range(starts[prefix], starts[prefix + 1]):
            if high[place] == asked_high[row] and low[place] == asked_low[row]:
                at[row] = place
                break


def in_link_order(links: dict[str, str | None]) -> list[str]:
    """Table names such that each comes after the one it is linked through; `links` maps a table to that one."""
    done: list[str] = []
    waiting = sorted(links)
    while waiting:
        ready = [name for name in waiting if links[name] is None or links[name] in done]
        if not ready:
            raise ValueError("links go round in a circle")
        done += ready
        waiting = [name for name in waiting if name not in ready]
    return done
