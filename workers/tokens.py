"""Unit tokens: who a row belongs to, without saying who that is.

A token is the 128-bit keyed BLAKE2b (RFC 7693) of the unit's canonical identifier under its unit space's key: integers
as decimal text, strings in NFC. The same person has the same token in every table and dataset of a space, whether
the identifier was written as 42, 42.0 or "42".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_PERSON = b"sandbox/unit/v1"
_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of one table in token order, `high`/`low` halves of each token, and the unit number of each row."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    of_row: npt.NDArray[np.int64]


def token(identifier: str | int, key: bytes) -> bytes:
    """The 16 bytes that stand for a unit."""
    text = identifier if isinstance(identifier, str) else str(identifier)
    return blake2b(normalize("NFC", text).encode(), digest_size=_TOKEN_BYTES, key=key, person=_PERSON).digest()


def units_of(identifiers: pa.DictionaryArray, key: bytes) -> Units:
    """Token, sort and number the units of rows whose identifiers (strings or integers, no NULL) are given."""
    distinct = _tokens(identifiers.dictionary.to_pylist(), key)
    order = np.lexsort((distinct[:, 1], distinct[:, 0]))
    ordered = distinct[order]
    # Two spellings of one identifier have one token: number the tokens, not the spellings.
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(len(ordered), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    codes = identifiers.indices.to_numpy(zero_copy_only=False)
    of_row = number[codes]
    present = np.zeros(int(fresh.sum()), dtype=bool)
    present[of_row] = True
    kept = ordered[fresh][present]
    of_row = (np.cumsum(present) - 1)[of_row]
    return Units(np.ascontiguousarray(kept[:, 0]), np.ascontiguousarray(kept[:, 1]), of_row)


def _tokens(identifiers: Iterable[str | int], key: bytes) -> npt.NDArray[np.uint64]:
    joined = b"".join([token(identifier, key) for identifier in identifiers])
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64).reshape(-1, 2)
