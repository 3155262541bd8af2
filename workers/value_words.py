"""Values as 128-bit words that are equal where and only where the values are: for sets of distinct values and for keys.

A number is its own word. A text is its BLAKE2b hash of 16 bytes under a key that is made for one order and travels sealed,
so that nobody can choose texts that meet; two texts meet by chance with probability below n² / 2^129.
"""

from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sandbox.terms.dataset import Type
from workers.text_codes import Latest, looked_up, narrowed
from workers.vector import Vector

Integers = NDArray[np.int64]

SECRET_BYTES = 32
_DIGEST_BYTES = 16
_PERSON = b"sandbox/value/v1"


class ValueWords:
    """The words of the values of one expression, block by block. `secret` is the order's, of SECRET_BYTES bytes."""

    def __init__(self, kind: Type, secret: bytes) -> None:
        self._text = kind is Type.STRING
        self._hashes = Latest(lambda texts: text_words(texts, secret))

    def of(self, vector: Vector) -> tuple[Integers, Integers]:
        """High and low word of each row's value; what they are where it is NULL means nothing."""
        if self._text:
            narrow = narrowed(vector)
            words = self._hashes.of(narrow.texts)
            return looked_up(narrow, words[0]), looked_up(narrow, words[1])
        values = vector.values
        whole = values.dtype != np.float64
        low = values.astype(np.int64, copy=False) if whole else (values + 0.0).view(np.int64)  # one zero
        return np.zeros(len(low), np.int64), low


def text_words(texts: Any, secret: bytes) -> Integers:
    """High and low words [2, texts + 1] of an Arrow array of strings without nulls; zeros at the end, for NULL."""
    found = bytearray()
    for text in text_bytes(texts):
        found += blake2b(text, digest_size=_DIGEST_BYTES, key=secret, person=_PERSON).digest()
    found += bytes(_DIGEST_BYTES)
    return np.ascontiguousarray(np.frombuffer(found, "<i8").reshape(-1, 2).T)


def text_bytes(texts: Any) -> list[memoryview]:
    """The UTF-8 bytes of each text of an Arrow array of strings, where Arrow holds them."""
    if not len(texts):
        return []
    _, offsets, content = texts.buffers()
    form = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    ends = np.frombuffer(offsets, form, count=len(texts) + 1, offset=form.itemsize * texts.offset).tolist()
    held = memoryview(content if content is not None else b"")
    return [held[start:end] for start, end in pairwise(ends)]
