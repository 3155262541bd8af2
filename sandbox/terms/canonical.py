"""One byte string for one value: the form in which everything signed or hashed is written.

A strict subset of RFC 8785 (JSON Canonicalization Scheme): objects, arrays, strings, integers within ±2^53,
booleans and null. Floats are refused, so no number has two spellings; larger integers and fractions travel as strings.
"""

import hashlib
import json
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any] | list[Any] | str | int | bool | None

INTEGER_LIMIT = 2**53

_PLAIN = frozenset({str, int, bool, dict, list, type(None)})
"""Types that are checked without asking of what they are subclasses."""


def canonical_bytes(value: Json) -> bytes:
    """UTF-8 canonical JSON of `value`.

    Raises:
        TypeError: a float, a non-string key, or any other type that has no canonical form.
        ValueError: an integer beyond ±2^53 or a lone surrogate in a string.
    """
    _check(value)
    # RFC 8785 §3.2.3 sorts keys by UTF-16 code units; our keys are ASCII, where that order is the code point order.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(value: Json) -> str:
    """Lower-case hex SHA-256 of the canonical bytes."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _check(value: Any) -> None:
    # Exact types come first: answers hold texts and integers by the million.
    kind = type(value)
    if kind is dict or (kind not in _PLAIN and isinstance(value, dict)):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError("object keys are ASCII strings")
            if type(item) is not str:
                _check(item)
    elif kind is list or (kind not in _PLAIN and isinstance(value, list)):
        for item in value:
            if type(item) is not str:
                _check(item)
    elif kind is int or (kind not in _PLAIN and isinstance(value, int)):
        if not -INTEGER_LIMIT <= value <= INTEGER_LIMIT:
            raise ValueError("integers beyond 2^53 travel as strings")
    elif kind not in _PLAIN and not isinstance(value, str):
        raise TypeError(f"{kind.__name__} has no canonical form")
