"""The function table: every function that a plan may call, by name, and the SQL names by which they are found."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sandbox.plan.functions import casts, conditionals, moments, numbers, texts
from sandbox.plan.functions.entry import Function
from sandbox.terms.dataset import Type

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {entry.name: entry for family in (numbers, texts, moments, conditionals, casts) for entry in family.ENTRIES}
)
"""Name → entry, family by family."""


def overloads(spelling: str) -> tuple[Function, ...]:
    """The entries that SQL text calls by this name, in lower case."""
    return tuple(entry for entry in FUNCTIONS.values() if spelling in entry.sql)


def overload(spelling: str, types: Sequence[Type]) -> Function | None:
    """The entry of this SQL name that takes arguments of these types, or None."""
    return next((entry for entry in overloads(spelling) if entry.result_type(types) is not None), None)
