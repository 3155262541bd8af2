"""The meaning of the functions that choose among their arguments."""

from typing import Any


def coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def nullif(value: Any, other: Any) -> Any:
    return None if value is not None and other is not None and value == other else value


def is_distinct(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return (value is None) is not (other is None)
    return bool(value != other)
