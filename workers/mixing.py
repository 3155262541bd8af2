"""The mixing of hash tables: words into places, under a secret that is drawn anew for each table.

Every bit of every word reaches every bit of the place. One multiplication alone leaves the low bits of words that differ
in high bits only as they are, whatever the secret: doubles with few digits would all meet in one place, a table of them
would take the square of its size, and how long an answer takes would tell of one unit's rows.
"""

import secrets
from typing import Any

import numba
import numpy as np


def drawn() -> np.uint64:
    """A secret for one table."""
    return np.uint64(secrets.randbits(64))


@numba.njit(nogil=True, cache=True)
def stirred(state: Any, word: Any) -> Any:  # pragma: no cover - compiled
    """The state after one more word (both uint64); begin with the table's secret."""
    mixed = state ^ word
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return mixed ^ (mixed >> np.uint64(33))
