"""Privacy loss in exact integers.

A loss is counted in units of 10^-9 of ρ (zCDP) or of ε (pure differential privacy), and δ in units of 10^-18.
Costs round up, budgets round down, nothing is ever a float.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from sandbox.terms.refusal import MalformedNumber

UNITS = 10**9
"""Units in one ρ or one ε."""

DELTA_UNITS = 10**18
"""Units in δ = 1."""

MINIMUM_COST = 1_000
"""The least loss one query may cost (10^-6 of ρ or ε): below it, noise drowns everything and the ledger fills up."""

_DECIMAL = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,30})?(?:[eE][+-]?(?:[0-9]|1[0-2]))?")
"""Few enough digits that the exact value always has a short decimal spelling again."""


class Mode(StrEnum):
    """How losses of one unit space add up."""

    ZCDP = "zcdp"
    PURE = "pure"


@dataclass(frozen=True, slots=True)
class Loss:
    """What an account holds or a query costs: ρ or ε units by `mode`, and δ units for key selection."""

    mode: Mode
    units: int
    delta: int = 0

    def __post_init__(self) -> None:
        if self.units < 0 or self.delta < 0:
            raise ValueError("a loss is never negative")

    def __add__(self, other: "Loss") -> "Loss":
        if self.mode is not other.mode:
            raise ValueError("losses of different modes do not add")
        return Loss(self.mode, self.units + other.units, self.delta + other.delta)

    def fits(self, limit: "Loss") -> bool:
        """Whether this loss lies within `limit` in every part."""
        return self.mode is limit.mode and self.units <= limit.units and self.delta <= limit.delta


def parse_decimal(text: str, where: str) -> Fraction:
    """The exact value of a non-negative decimal such as "0.5" or "1e-6".

    Raises:
        MalformedNumber: anything else; `where` names the field in the message.
    """
    match = _DECIMAL.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= 64 else None
    if match is None:
        raise MalformedNumber(f'{where} must be a non-negative decimal in a string, such as "0.5" or "1e-6".')
    return Fraction(match.group(0))


def decimal_text(value: Fraction) -> str:
    """The shortest decimal of a value whose denominator divides a power of ten; the canonical spelling of a request."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        if digits > 60:
            raise ValueError("not a finite decimal")
    scaled = str(int(value * 10**digits)).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}" if digits else scaled


def units_text(units: int) -> str:
    """Loss units as a decimal of ρ or ε."""
    return decimal_text(Fraction(units, UNITS))
