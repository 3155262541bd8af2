"""Keyed BLAKE2b (RFC 7693) of many short messages at once: what `hashlib.blake2b` gives, compiled.

A digest here has 16 bytes: two 64-bit words, the first eight bytes and the last, each little-endian.
"""

from hashlib import blake2b
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

DIGEST_BYTES = 16
_BLOCK = 128
_DECIMAL_BYTES = 20

Words = npt.NDArray[np.uint64]

_IV = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)  # fmt: skip


def hash_texts(texts: pa.Array, key: bytes, person: bytes) -> Words:
    """The digests of strings (no NULL among them), one row each, of their UTF-8 bytes."""
    held = texts.cast(pa.large_string())
    _, offsets, content = held.buffers()
    ends = np.frombuffer(offsets, np.int64, len(held) + 1, held.offset * 8) if offsets else np.zeros(1, np.int64)
    letters = np.frombuffer(content, np.uint8) if content is not None and content.size else np.zeros(1, np.uint8)
    made = np.empty((len(held), 2), dtype=np.uint64)
    _hash_bytes(letters, ends, _begun(len(key), person), _key_block(key), made)
    return made


def hash_decimals(numbers: npt.NDArray[Any], key: bytes, person: bytes) -> Words:
    """The digests of integers (int64 or uint64) in decimal, such as -42."""
    made = np.empty((len(numbers), 2), dtype=np.uint64)
    negative = numbers < 0
    words = np.ascontiguousarray(numbers).view(np.uint64)
    magnitude = np.where(negative, np.uint64(0) - words, words)
    _hash_decimals(magnitude, negative, _begun(len(key), person), _key_block(key), made)
    return made


def hash_one(message: bytes, key: bytes, person: bytes) -> bytes:
    """The digest of one message."""
    return blake2b(message, digest_size=DIGEST_BYTES, key=key, person=person).digest()


def _begun(key_bytes: int, person: bytes) -> Words:
    """The state before the first block: the initial value and the parameters."""
    parameters = bytes([DIGEST_BYTES, key_bytes, 1, 1]) + bytes(44) + person.ljust(16, b"\0")
    return np.bitwise_xor(_IV, np.frombuffer(parameters, dtype="<u8").astype(np.uint64))


def _key_block(key: bytes) -> Words:
    if not 1 <= len(key) <= 64:
        raise ValueError("a BLAKE2b key has 1 to 64 bytes")
    return np.frombuffer(key.ljust(_BLOCK, b"\0"), dtype="<u8").astype(np.uint64)


@numba.njit(nogil=True, cache=True)
def _turned(value: np.uint64, bits: int) -> np.uint64:
    return (value >> np.uint64(bits)) | (value << np.uint64(64 - bits))


@numba.njit(nogil=True, cache=True)
def _mixed(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    a = a + b + x
    d = _turned(d ^ a, 32)
    c = c + d
    b = _turned(b ^ c, 24)
    a = a + b + y
    d = _turned(d ^ a, 16)
    c = c + d
    b = _turned(b ^ c, 63)
    return a, b, c, d


@numba.njit(nogil=True, cache=True, inline="always")
def _round(v: Any, m: Any, s: Any) -> Any:
    """One round: `v` are the sixteen working words, `s` says in which order it takes the words of `m`."""
    v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, va, vb, vc, vd, ve, vf = v
    v0, v4, v8, vc = _mixed(v0, v4, v8, vc, m[s[0]], m[s[1]])
    v1, v5, v9, vd = _mixed(v1, v5, v9, vd, m[s[2]], m[s[3]])
    v2, v6, va, ve = _mixed(v2, v6, va, ve, m[s[4]], m[s[5]])
    v3, v7, vb, vf = _mixed(v3, v7, vb, vf, m[s[6]], m[s[7]])
    v0, v5, va, vf = _mixed(v0, v5, va, vf, m[s[8]], m[s[9]])
    v1, v6, vb, vc = _mixed(v1, v6, vb, vc, m[s[10]], m[s[11]])
    v2, v7, v8, vd = _mixed(v2, v7, v8, vd, m[s[12]], m[s[13]])
    v3, v4, v9, ve = _mixed(v3, v4, v9, ve, m[s[14]], m[s[15]])
    return v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, va, vb, vc, vd, ve, vf


@numba.njit(nogil=True, cache=True)
def _compress(h: Any, m: Any, counted: int, last: bool) -> None:
    """One block `m` into the state `h`. The rounds are written out: compiled, each word has its register."""
    e, f = _IV[4] ^ np.uint64(counted), ~_IV[6] if last else _IV[6]
    iv = _IV
    v = (h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], iv[0], iv[1], iv[2], iv[3], e, iv[5], f, iv[7])
    v = _round(v, m, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
    v = _round(v, m, (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3))
    v = _round(v, m, (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4))
    v = _round(v, m, (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8))
    v = _round(v, m, (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13))
    v = _round(v, m, (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9))
    v = _round(v, m, (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11))
    v = _round(v, m, (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10))
    v = _round(v, m, (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5))
    v = _round(v, m, (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0))
    v = _round(v, m, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
    v = _round(v, m, (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3))
    for at in range(8):
        h[at] ^= v[at] ^ v[at + 8]


@numba.njit(nogil=True, cache=True)
def _hash_message(letters: Any, start: int, end: int, begun: Any, keyed: Any, h: Any, m: Any) -> None:
    """The digest of letters[start:end] into h[:2]; `keyed` is the state after the key's block, `m` is scratch."""
    if start == end:
        # The key's block is the last one.
        h[:] = begun[:8]
        _compress(h, begun[8:], 128, True)
        return
    h[:] = keyed
    counted = 128
    while start < end:
        size = min(128, end - start)
        m[:] = 0
        for at in range(size):
            m[at >> 3] |= np.uint64(letters[start + at]) << np.uint64((at & 7) * 8)
        start += size
        counted += size
        _compress(h, m, counted, start == end)


@numba.njit(nogil=True, cache=True)
def _hash_bytes(letters: Any, ends: Any, begun: Any, key_block: Any, made: Any) -> None:
    first, keyed = np.concatenate((begun, key_block)), begun.copy()
    _compress(keyed, key_block, 128, False)
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for row in range(len(made)):
        _hash_message(letters, ends[row], ends[row + 1], first, keyed, h, m)
        made[row, 0] = h[0]
        made[row, 1] = h[1]


@numba.njit(nogil=True, cache=True)
def _hash_decimals(magnitude: Any, negative: Any, begun: Any, key_block: Any, made: Any) -> None:
    first, keyed = np.concatenate((begun, key_block)), begun.copy()
    _compress(keyed, key_block, 128, False)
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    letters = np.empty(_DECIMAL_BYTES + 1, np.uint8)
    ten = np.uint64(10)
    for row in range(len(made)):
        if row > 0 and magnitude[row] == magnitude[row - 1] and negative[row] == negative[row - 1]:
            made[row] = made[row - 1]  # files are often in the order of their units
            continue
        left, at = magnitude[row], len(letters)
        while True:
            at -= 1
            rest = left // ten
            letters[at] = np.uint8(48) + np.uint8(left - rest * ten)
            left = rest
            if left == np.uint64(0):
                break
        if negative[row]:
            at -= 1
            letters[at] = np.uint8(45)
        _hash_message(letters, at, len(letters), first, keyed, h, m)
        made[row, 0] = h[0]
        made[row, 1] = h[1]
