"""JSON as this face takes it: UTF-8, no duplicate keys, no NaN or Infinity, no lone surrogates, bounded depth and digits."""

import json
from typing import Any

from sandbox.terms.refusal import MalformedRequest

MAX_DEPTH = 16
_MAX_DIGITS = 40


def parse(body: bytes) -> Any:
    """The value that `body` spells.

    Raises:
        MalformedRequest: anything that two JSON readers could understand differently, or that is not JSON.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8 text.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    _check(value, MAX_DEPTH)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedRequest("A field appears twice in the body.")
    return found


def _constant(_: str) -> Any:
    raise MalformedRequest("NaN and Infinity are not JSON.")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise MalformedRequest("A number in the body is too long.")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise MalformedRequest("A number in the body is too long.")
    return float(digits)


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise MalformedRequest("The body is nested too deeply.")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedRequest("A text in the body holds half of a surrogate pair.")
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth - 1)
