"""Losses in words that people use: ρ or ε as decimals, and what they mean as (ε, δ)."""

from fractions import Fraction

from sandbox.privacy.conversion import epsilon_of
from sandbox.service.views import CostView
from sandbox.terms.dataset import Account, UnitSpace
from sandbox.terms.loss import DELTA_UNITS, Loss, Mode, decimal_text, units_text

MECHANISMS = {Mode.ZCDP: "discrete gaussian", Mode.PURE: "discrete laplace"}


def epsilon_text(space: UnitSpace, units: int) -> str:
    """The ε that this many units of the space's mode stand for, at its δ of conversion."""
    if space.mode is Mode.PURE:
        return units_text(units)
    return decimal_text(epsilon_of(units, space.delta_conversion))


def cost_view(space: UnitSpace, cost: Loss, epsilon: str) -> CostView:
    """The cost of a query asked at `epsilon`; its δ is that of conversion and what key selection takes."""
    delta = space.delta_conversion + Fraction(cost.delta, DELTA_UNITS)
    return CostView(space.name, space.mode.value, units_text(cost.units), epsilon, decimal_text(delta))


def delta_left(account: Account) -> int:
    """The δ that an account has left, in its units; never below 0."""
    return max(0, account.limit.delta - account.spent.delta)


def more_like_this(account: Account, cost: Loss) -> int:
    """How many more questions of this cost the account covers: a whole number, never a subtraction of ε."""
    more = account.left // cost.units
    return min(more, delta_left(account) // cost.delta) if cost.delta else more


def number_text(value: Fraction) -> str:
    """A declared number as a decimal, with its sign."""
    return f"-{decimal_text(-value)}" if value < 0 else decimal_text(value)
