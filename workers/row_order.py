"""The order of a unit's rows: random-looking, and a function of the rows alone.

Each row gets AES-CBC-MAC(token, values) under a key of its table: a PRF, since all messages of a table have one length.
So which rows a bound keeps follows neither the values nor the order of the file nor the number of buckets, and differs
from unit to unit. Rows of a unit that are alike get their occurrence number mixed in, so that each is drawn for itself.
"""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from workers.bucket import ColumnArray
from workers.keyed_hash import hash_texts
from workers.schema import Encoding, StoredColumn
from workers.tokens import Tokens

_SLICE = 1 << 14
_BLOCK = 16
_WORD_BITS = 64
_PERSON = b"sandbox/text/v1"
_SHORT_RUN = 24
"""Up to so many rows are quickest put in order by insertion."""

Words = npt.NDArray[np.uint64]


def row_order(
    tokens: Tokens, stored: Sequence[StoredColumn], columns: Sequence[ColumnArray], key: bytes
) -> npt.NDArray[np.int64]:
    """The permutation that puts rows in token order and, within a unit, in the PRF's order. `key` has 32 bytes.

    Text has its strings in an Arrow array.
    """
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305  the block cipher of a CBC-MAC
    words = [tokens.high, tokens.low, *_null_words(stored, columns)]
    for column, array in zip(stored, columns, strict=True):
        words += _value_words(column, array, key)
    drawn = _mac(words, encryptor)
    order = _in_order(tokens, drawn)
    occurrence = _occurrences(tokens.high[order], tokens.low[order], drawn[order])
    if occurrence.any():
        of_row = np.empty_like(occurrence)
        of_row[order] = occurrence
        repeated = np.flatnonzero(of_row)
        drawn[repeated] = _mac([drawn[repeated], of_row[repeated]], encryptor)
        order = _in_order(tokens, drawn)
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
    halves = np.zeros((len(array.dictionary or ()) + 1, 2), dtype=np.uint64)  # -1 is the last
    halves[:-1] = hash_texts(array.dictionary, key, _PERSON)
    return [halves[array.values, 0], halves[array.values, 1]]


def _mac(words: Sequence[Words], encryptor: CipherContext) -> Words:
    """The first 64 bits of CBC-MAC over the words of each row, slice by slice so that the state stays in cache."""
    rows = len(words[0])
    drawn = np.empty(rows, dtype=np.uint64)
    padded = list(words)
    if len(words) % 2:
        padded.append(np.zeros(rows, dtype=np.uint64))
    pairs = list(zip(padded[::2], padded[1::2], strict=True))
    sink = bytearray(_SLICE * _BLOCK + _BLOCK)
    made = np.frombuffer(sink, dtype=np.uint64)
    blocks = np.empty((_SLICE, 2), dtype=np.uint64)
    for start in range(0, rows, _SLICE):
        count = min(_SLICE, rows - start)
        state, block = made[: 2 * count].reshape(-1, 2), blocks[:count]
        state[:] = 0
        for left, right in pairs:
            np.bitwise_xor(state[:, 0], left[start : start + count], out=block[:, 0])
            np.bitwise_xor(state[:, 1], right[start : start + count], out=block[:, 1])
            encryptor.update_into(block.data.cast("B"), sink)
        drawn[start : start + count] = state[:, 0]
    return drawn


def _in_order(tokens: Tokens, drawn: Words) -> npt.NDArray[np.int64]:
    """The permutation into the order of (high, low, drawn): high halves in one vectorised sort, the rest run by run."""
    order = np.argsort(tokens.high)
    _settle(tokens.high[order], tokens.low[order], drawn[order], order)
    return order


@numba.njit(nogil=True, cache=True)
def _settle(high: Any, low: Any, drawn: Any, order: Any) -> None:
    """Order the rows of each run of one `high` by (low, drawn); `low`, `drawn` and `order` move together."""
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and high[end] == high[start]:
            end += 1
        if end - start > _SHORT_RUN:
            by_drawn = np.argsort(drawn[start:end])
            # Two units with one high half are next to impossible, but then their rows must not mix.
            turned = by_drawn[np.argsort(low[start:end][by_drawn], kind="mergesort")]
            for part in (low[start:end], drawn[start:end]):
                part[:] = part[turned]
            order[start:end] = order[start:end][turned]
        else:
            for at in range(start + 1, end):
                held_low, held, row, to = low[at], drawn[at], order[at], at
                while to > start and (low[to - 1] > held_low or (low[to - 1] == held_low and drawn[to - 1] > held)):
                    low[to], drawn[to], order[to] = low[to - 1], drawn[to - 1], order[to - 1]
                    to -= 1
                low[to], drawn[to], order[to] = held_low, held, row
        start = end


def _occurrences(high: Words, low: Words, drawn: Words) -> Words:
    """Of sorted rows: how many rows alike stand before each."""
    positions = np.arange(len(high))
    fresh = np.ones(len(high), dtype=bool)
    fresh[1:] = (drawn[1:] != drawn[:-1]) | (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return (positions - np.maximum.accumulate(np.where(fresh, positions, 0))).astype(np.uint64)
