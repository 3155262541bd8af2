"""Keys of a selected group as bytes: equal where and only where the keys are, and ordered as they are.

Each key in turn. A number (integers, days, 0 and 1 for truth values, the place among declared values): 8 bytes, most
significant first, with the sign turned round. A text: its UTF-8 bytes, a zero byte in it followed by 255, two zero bytes at
the end; UTF-8 keeps the order of code points.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.measurement import GroupKey
from sandbox.terms.dataset import KeyValue, Type

EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY = date.min.toordinal() - EPOCH
LAST_DAY = date.max.toordinal() - EPOCH

_NUMBER_BYTES = 8
_ZERO, _ZERO_IN_TEXT, _END = b"\0", b"\0\xff", b"\0\0"


def is_text(key: GroupKey) -> bool:
    """Whether the key stands in the bytes as a text."""
    return key.values is None and key.type is Type.STRING


def number_bytes(numbers: NDArray[np.int64]) -> list[bytes]:
    """The bytes of numbers."""
    turned = (numbers.astype(np.int64) ^ np.int64(-(2**63))).astype(">i8").tobytes()
    return [turned[at : at + _NUMBER_BYTES] for at in range(0, len(turned), _NUMBER_BYTES)]


def text_key_bytes(texts: Sequence[memoryview]) -> list[bytes]:
    """The bytes of texts, given in UTF-8."""
    return [text.tobytes().replace(_ZERO, _ZERO_IN_TEXT) + _END for text in texts]


def key_values(keys: Sequence[GroupKey], held: bytes) -> tuple[KeyValue, ...]:
    """The values of a group's keys, dates as ISO 8601 text.

    Raises:
        ValueError: not the bytes of such keys.
    """
    values: list[KeyValue] = []
    at = 0
    for key in keys:
        if is_text(key):
            end = _text_end(held, at)
            text = held[at:end].replace(_ZERO_IN_TEXT, _ZERO).decode()
            if len(text) > key.max_length:
                raise ValueError("a longer text than the key has")
            values.append(text)
            at = end + len(_END)
        else:
            number = held[at : at + _NUMBER_BYTES]
            if len(number) != _NUMBER_BYTES:
                raise ValueError("a key is cut short")
            values.append(_value(key, int.from_bytes(number, "big") - 2**63))
            at += _NUMBER_BYTES
    if at != len(held):
        raise ValueError("more bytes than keys")
    return tuple(values)


def _text_end(held: bytes, at: int) -> int:
    end = held.find(_ZERO, at)
    while end >= 0 and held[end : end + 2] == _ZERO_IN_TEXT:
        end = held.find(_ZERO, end + 2)
    if held[end : end + 2] != _END or end < 0:
        raise ValueError("a text without end")
    return end


def _value(key: GroupKey, number: int) -> KeyValue:
    if key.values is not None:
        if not 0 <= number < len(key.values):
            raise ValueError("no declared value")
        return key.values[number]
    match key.type:
        case Type.BOOL if number in (0, 1):
            return number == 1
        case Type.DATE if FIRST_DAY <= number <= LAST_DAY:
            return date.fromordinal(number + EPOCH).isoformat()
        case Type.INT:
            return number
    raise ValueError("no value of the key's type")
