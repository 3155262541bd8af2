"""The order of a unit's rows: random-looking, and a function of the rows alone.

Each row gets AES-CBC-MAC(token, values) under a key of its table: a PRF, since all messages of a table have one length.
So which rows a bound keeps follows neither the values nor the order of the file nor the number of buckets, and differs
from unit to unit. Rows of a unit that are alike get their occurrence number mixed in, so that each is drawn for itself.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from workers.bucket import ColumnArray
from workers.schema import Encoding, StoredColumn
from workers.tokens import Units

_SLICE = 1 << 14
_BLOCK = 16
_WORD_BITS = 64
_PERSON = b"sandbox/text/v1"

Words = npt.NDArray[np.uint64]


def row_order(
    units: Units, stored: Sequence[StoredColumn], columns: Sequence[ColumnArray], key: bytes
) -> npt.NDArray[np.int64]:
    """The permutation that puts rows in token order and, within a unit, in the PRF's order. `key` has 32 bytes."""
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305  the block cipher of a CBC-MAC
    words = [units.high[units.of_row], units.low[units.of_row], *_null_words(stored, columns)]
    for column, array in zip(stored, columns, strict=True):
        words += _value_words(column, array, key)
    drawn = _mac(words, encryptor)
    order = np.lexsort((drawn, units.of_row))
    occurrence = _occurrences(units.of_row[order], drawn[order])
    if occurrence.any():
        of_row = np.empty_like(occurrence)
        of_row[order] = occurrence
        repeated = np.flatnonzero(of_row)
        drawn[repeated] = _mac([drawn[repeated], of_row[repeated]], encryptor)
        order = np.lexsort((drawn, units.of_row))
    return order


def _null_words(stored: Sequence[StoredColumn], columns: Sequence[ColumnArray]) -> list[Words]:
    """One bit for each column of plain numbers: set where the value is NULL."""
    plain = [
        array
        for column, array in zip(stored, columns, strict=True)
        if column.encoding in (Encoding.INT64, Encoding.FLOAT64)
    ]
    words: list[Words] = []
    for position, array in enumerate(plain):
        if position % _WORD_BITS == 0:
            words.append(np.zeros(len(array.values), dtype=np.uint64))
        if array.valid is not None:
            words[-1] |= (~array.valid).astype(np.uint64) << np.uint64(position % _WORD_BITS)
    return words


def _value_words(column: StoredColumn, array: ColumnArray, key: bytes) -> list[Words]:
    """One word a number or code, two a string."""
    if column.encoding is not Encoding.TEXT:
        wide = array.values if array.values.dtype == np.float64 else array.values.astype(np.int64, copy=False)
        return [wide.view(np.uint64)]
    digests = [
        blake2b(str(text).encode(), digest_size=_BLOCK, key=key, person=_PERSON).digest()
        for text in array.dictionary or ()
    ]
    halves = np.frombuffer(b"".join([*digests, bytes(_BLOCK)]), dtype="<u8").reshape(-1, 2)  # -1 is the last
    return [halves[array.values, 0], halves[array.values, 1]]


def _mac(words: Sequence[Words], encryptor: CipherContext) -> Words:
    """The first 64 bits of CBC-MAC over the words of each row, slice by slice so that the state stays in cache."""
    rows = len(words[0])
    drawn = np.empty(rows, dtype=np.uint64)
    zeros = np.zeros(rows, dtype=np.uint64)
    padded = [*words, zeros] if len(words) % 2 else list(words)
    pairs = list(zip(padded[::2], padded[1::2], strict=True))
    sink = bytearray(_SLICE * _BLOCK + _BLOCK)
    for start in range(0, rows, _SLICE):
        count = min(_SLICE, rows - start)
        state = np.zeros((count, 2), dtype=np.uint64)
        for left, right in pairs:
            state[:, 0] ^= left[start : start + count]
            state[:, 1] ^= right[start : start + count]
            encryptor.update_into(state.tobytes(), sink)
            state = np.frombuffer(sink, dtype=np.uint64, count=2 * count).reshape(-1, 2).copy()
        drawn[start : start + count] = state[:, 0]
    return drawn


def _occurrences(unit: npt.NDArray[np.int64], drawn: Words) -> Words:
    """Of sorted rows: how many rows alike stand before each."""
    positions = np.arange(len(unit))
    fresh = np.ones(len(unit), dtype=bool)
    fresh[1:] = (unit[1:] != unit[:-1]) | (drawn[1:] != drawn[:-1])
    return (positions - np.maximum.accumulate(np.where(fresh, positions, 0))).astype(np.uint64)
