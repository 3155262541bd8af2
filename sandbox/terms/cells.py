"""Values of an answer's cells: as they are computed with, as canonical text, and as a reader sees them.

Computed with, a DATE is its days and a TIMESTAMP its microseconds since 1970-01-01 UTC; a reader sees both as ISO 8601
text. The canonical text of a FLOAT is the shortest that reads back as the same double.
"""

import math
from fractions import Fraction
from typing import TypeAlias

from sandbox.terms.dataset import KeyValue, Type
from sandbox.terms.moments import date_text, days, microseconds, timestamp_text

Cell: TypeAlias = int | float | str | bool | None
"""One value computed with; None is NULL."""

LARGEST = float.fromhex("0x1.fffffffffffffp+1023")
_DAYS = range(-719_162, 2_932_897)
"""From 0001-01-01 to 9999-12-31: ISO 8601 has no text for other days."""
_DAY = 86_400_000_000
_TRUTH = {"false": False, "true": True}


def in_int64(number: int) -> bool:
    """Whether an integer fits in 64 bits."""
    return -(2**63) <= number < 2**63


def double(value: Fraction | int) -> float:
    """The nearest double, the largest of its sign where the number is beyond it."""
    try:
        return float(value)
    except OverflowError:
        return LARGEST if value > 0 else -LARGEST


def shown(cell: Cell, kind: Type) -> Cell:
    """What a reader sees: moments as text, a day before the year 1 or after 9999 as NULL, all else as it is."""
    if cell is None or kind not in (Type.DATE, Type.TIMESTAMP):
        return cell
    number = int(cell)
    if (number if kind is Type.DATE else number // _DAY) not in _DAYS:
        return None
    return date_text(number) if kind is Type.DATE else timestamp_text(number)


def from_key(key: KeyValue | None, kind: Type) -> Cell:
    """A group key as it is computed with.

    Raises:
        ValueError: a moment that is not ISO 8601 text.
    """
    if key is None or kind not in (Type.DATE, Type.TIMESTAMP):
        return key
    found = (days if kind is Type.DATE else microseconds)(str(key))
    if found is None:
        raise ValueError("a key that is no moment")
    return found


def cell_text(cell: Cell, kind: Type) -> str | None:
    """The canonical text, None for NULL."""
    found = shown(cell, kind)
    if found is None:
        return None
    match kind:
        case Type.BOOL:
            return "true" if found else "false"
        case Type.INT:
            return str(int(found))
        case Type.FLOAT:
            return repr(float(found))
        case _:
            return str(found)


def read_cell(text: str | None, kind: Type) -> Cell:
    """What a reader sees of a canonical text.

    Raises:
        ValueError: not the canonical text of a value of that type, or an INT beyond int64.
    """
    if text is None:
        return None
    found: Cell
    match kind:
        case Type.BOOL:
            found = _TRUTH.get(text)
        case Type.INT:
            found = number if len(text) <= 20 and in_int64(number := int(text)) else None
        case Type.FLOAT:
            found = real if len(text) <= 32 and math.isfinite(real := float(text)) else None
        case Type.STRING:
            return text
        case Type.DATE:
            found = days(text)
        case Type.TIMESTAMP:
            found = microseconds(text)
    if found is None or cell_text(found, kind) != text:
        raise ValueError("not a cell of that type in its one spelling")
    return shown(found, kind)
