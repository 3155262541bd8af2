"""From (ε, δ), in which people ask, to the loss units in which the ledger counts, and back.

ρ-zCDP implies (ε, δ)-DP for every α > 1 with

    ln δ = (α-1)(αρ - ε) - ln(α-1) + α·ln(1 - 1/α)

(Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", arXiv 2004.00010, Corollary 13). Solved for
ρ or ε this gives, for *any* α > 1, a valid bound; the best α is found in floating point and the bound at that α is then
evaluated in 60-digit decimals, minus (or plus) a slack far above their rounding errors. So a bad search can only make
the answer worse, never wrong.
"""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

from sandbox.terms.dataset import UnitSpace
from sandbox.terms.loss import DELTA_UNITS, MINIMUM_COST, UNITS, Loss, Mode
from sandbox.terms.refusal import LossTooLarge, LossTooSmall

UNITS_LIMIT = 9 * 10**18
"""Losses stay within a signed 64-bit integer of the ledger."""

_EPSILON_LIMIT = Fraction(10**11)
"""ρ is never above ε by the bound used here beyond this, and nothing larger can be counted."""
_DIGITS = 60
_SLACK = Decimal("1e-25")
_SEARCH = 40.0
"""The search looks at α - 1 between e^-40 and e^40."""


@lru_cache(maxsize=4096)
def rho_units(epsilon: Fraction, delta: Fraction) -> int:
    """The largest ρ, in loss units and rounded down, for which ρ-zCDP is certified to imply (ε, δ)-DP.

    Raises:
        ValueError: unless 0 <= ε <= 10^11 and 0 < δ < 1.
    """
    if not (0 <= epsilon <= _EPSILON_LIMIT and 0 < delta < 1):
        raise ValueError("epsilon lies in [0, 1e11] and delta in (0, 1)")
    eps, log_delta = float(epsilon), _log(delta)

    def slope(order: float, above: float) -> float:
        # The sign of -dρ/dα at (α, ρ(α)): the derivative of ln δ in α, which is convex in α.
        rho = (eps + (order * math.log1p(above) + log_delta) / above - math.log(above)) / order
        return (order + above) * rho - eps - math.log1p(1 / above)

    above = _best_order(slope)
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        order, minus_one = 1 + Decimal(above), Decimal(above)
        exact = _decimal(epsilon) + (order * order.ln() + _decimal(delta).ln()) / minus_one - minus_one.ln()
        rho = exact / order - _SLACK * (1 + abs(exact))
        return max(0, math.floor(rho * UNITS))


@lru_cache(maxsize=4096)
def epsilon_of(units: int, delta: Fraction) -> Fraction:
    """An ε, rounded up to 10^-9, for which zCDP with ρ = `units` is certified to imply (ε, δ)-DP.

    Raises:
        ValueError: unless 0 <= units <= 10^20 and 0 < δ < 1.
    """
    if not (0 <= units <= 10**20 and 0 < delta < 1):
        raise ValueError("units lie in [0, 1e20] and delta in (0, 1)")
    if units == 0:
        return Fraction(0)
    rho, log_delta = units / UNITS, _log(delta)

    def slope(order: float, above: float) -> float:
        # The sign of dε/dα at (α, ε(α)).
        eps = order * rho - (order * math.log1p(above) + log_delta) / above + math.log(above)
        return (order + above) * rho - eps - math.log1p(1 / above)

    above = _best_order(slope)
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        order, minus_one = 1 + Decimal(above), Decimal(above)
        exact = order * units / UNITS - (order * order.ln() + _decimal(delta).ln()) / minus_one + minus_one.ln()
        bound = exact + _SLACK * (1 + abs(exact))
        return Fraction(max(0, math.ceil(bound * UNITS)), UNITS)


def budget_loss(space: UnitSpace, epsilon: Fraction) -> Loss:
    """What an account with a budget of ε holds: rounded down; in zCDP also the space's δ for key selection.

    Raises:
        LossTooSmall, LossTooLarge: it lies outside what the ledger counts.
    """
    loss = request_loss(space, epsilon)
    return Loss(loss.mode, loss.units, math.floor(space.delta_selection * DELTA_UNITS))


def request_loss(space: UnitSpace, epsilon: Fraction) -> Loss:
    """The most a question asked at ε may cost: in zCDP the ρ that guarantees (ε, δ of conversion)-DP.

    Raises:
        LossTooSmall, LossTooLarge: it lies outside what the ledger counts.
    """
    if epsilon > _EPSILON_LIMIT:
        raise LossTooLarge
    units = rho_units(epsilon, space.delta_conversion) if space.mode is Mode.ZCDP else math.floor(epsilon * UNITS)
    if units < MINIMUM_COST:
        raise LossTooSmall
    if units > UNITS_LIMIT:
        raise LossTooLarge
    return Loss(space.mode, units)


SELECTIONS = 100
"""Questions by private keys that the δ kept for key selection pays for."""


def selection_delta(space: UnitSpace) -> int:
    """The δ, in its units, of one question by private keys; 0 where the space keeps none."""
    return math.floor(space.delta_selection * DELTA_UNITS / SELECTIONS)


def _best_order(slope: Callable[[float, float], float]) -> float:
    """α - 1 where `slope(α, α - 1)`, negative then positive, changes sign: bisection over its logarithm."""
    low, high = -_SEARCH, _SEARCH
    for _ in range(64):
        middle = (low + high) / 2
        above = math.exp(middle)
        if slope(1 + above, above) < 0:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _log(value: Fraction) -> float:
    """ln of a positive fraction that may be too small for a double."""
    return math.log(value.numerator) - math.log(value.denominator)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
