"""Unit tokens: who a row belongs to, without saying who that is.

A token is the 128-bit keyed BLAKE2b (RFC 7693) of the unit's canonical identifier under its unit space's key: integers
as decimal text, strings in NFC. The same person has the same token in every table and dataset of a space, whether
the identifier was written as 42, 42.0 or "42".
"""

from dataclasses import dataclass
from unicodedata import normalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.keyed_hash import hash_decimals, hash_one, hash_texts

_PERSON = b"sandbox/unit/v1"


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The token of each row's unit, in two halves: the order of tokens is that of `high`, then `low`."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]


def token(identifier: str | int, key: bytes) -> bytes:
    """The 16 bytes that stand for a unit."""
    text = identifier if isinstance(identifier, str) else str(identifier)
    return hash_one(normalize("NFC", text).encode(), key, _PERSON)


def tokens_of(identifiers: pa.Array, key: bytes, person: bytes = _PERSON) -> Tokens:
    """The tokens of rows whose identifiers (integers, or NFC strings with a dictionary; no NULL) are given."""
    if pa.types.is_dictionary(identifiers.type):
        codes = identifiers.indices.to_numpy(zero_copy_only=False)
        words = hash_texts(identifiers.dictionary, key, person)[codes]
    else:
        words = hash_decimals(identifiers.to_numpy(zero_copy_only=False), key, person)
    return Tokens(words[:, 0].byteswap(), words[:, 1].byteswap())
