"""Which groups of private keys show: those whose noisy number of units is strictly greater than a threshold τ.

Law. Let D' have one unit more than D. A group that D' has and D has not holds that unit alone: its count is 1, and there
are at most k = min(R, L0) such groups. None of them shows but with chance k·P(1 + X > τ) <= δ (union bound), X being the
noise; and where none shows, what is released is a function of the noisy vectors over the groups that both have. So
selection adds δ to the loss of the vectors and nothing else, whatever the keys are. The inequality is strict, or δ would
miss the mass at τ.

Tails are bounded from above in 60-digit decimals, whose rounding errors are far below the slack that is added. For the
discrete Laplace of scale b, P(X >= t) = a^t / (1 + a) with a = e^(-1/b). For the discrete Gaussian of scale σ,
P(X >= t) = Σ_(k >= t) g(k) / Σ_k g(k) with g(k) = e^(-k²/2σ²). Up to σ = 64 both sums are taken term by term, the rest of
the first one by a geometric series (its ratios fall). Beyond, g is convex from σ on, so g(k) is at most its integral
from k - 1/2 to k + 1/2, and the whole sum is at least σ√(2π) (Poisson's summation): P(X >= t) <= Q((t - 1/2)/σ) for
t >= σ + 1/2, with Q the normal's tail, bounded by a continued fraction of Mills' ratio cut where it is too large.
"""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from statistics import NormalDist

from sandbox.plan.measurement import ContributionBounds
from sandbox.terms.loss import DELTA_UNITS, Mode
from sandbox.terms.refusal import RangeTooWide

SLACK = 1 + Decimal(2) ** -40
"""Room for the engine's own derivation, which is in doubles."""

THRESHOLD_LIMIT = 2**61

_DIGITS = 60
_SUMMED_TO = 64
"""Largest σ whose tail is summed term by term."""

_LEVELS = 400
"""Levels of the continued fraction, an even number: cut there, it is above Mills' ratio."""

_TWO_PI = Decimal("6.28318530717958647692528676655900576839433879875021164194989")
_REST = Decimal("1e-45")


def exposed_groups(bounds: ContributionBounds) -> int:
    """k: the most groups that hold one and the same unit alone. `bounds` are those in effect."""
    return min(bounds.rows, bounds.groups)


@lru_cache(maxsize=1024)
def threshold(mode: Mode, scale: float, groups: int, delta: int) -> int:
    """The least τ >= 1 with `groups` · P(1 + noise > τ) <= `delta` · 10^-18 by the bounds above.

    They are exact to the slack for Laplace noise and up to σ = 64. Beyond, τ is at most one above the least there is, or
    the least above σ where δ / groups is larger than 0.15.

    Raises:
        RangeTooWide: it would leave int64.
        ValueError: `delta` or `groups` is not positive, or the scale is no positive double.
    """
    if delta < 1 or groups < 1 or not (math.isfinite(scale) and scale > 0):
        raise ValueError("a threshold needs a positive delta, scale and number of groups")
    high, step = _guess(mode, scale, groups, delta), 1
    while not keeps(mode, scale, groups, delta, high):
        high, step = high + step, 2 * step
        if high > THRESHOLD_LIMIT:
            raise RangeTooWide
    low, step = high, 1
    while low > 1 and keeps(mode, scale, groups, delta, low):
        low, step = max(1, low - step), 2 * step
    while low < high:
        middle = (low + high) // 2
        if keeps(mode, scale, groups, delta, middle):
            high = middle
        else:
            low = middle + 1
    return low


def _guess(mode: Mode, scale: float, groups: int, delta: int) -> int:
    """Where to look first: in doubles, good to an integer or a few parts in 10^9, and not relied upon."""
    chance = min(0.5, delta / DELTA_UNITS / groups)
    reach = -math.log(chance) if mode is Mode.PURE else -NormalDist().inv_cdf(chance)
    return min(THRESHOLD_LIMIT, max(1, math.ceil(min(scale * reach, float(THRESHOLD_LIMIT)))))


def keeps(mode: Mode, scale: float, groups: int, delta: int, tau: int) -> bool:
    """Whether `groups` · P(1 + noise > τ) <= `delta` · 10^-18 is certain."""
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        return groups * tail(mode, scale, tau) * SLACK * DELTA_UNITS <= delta


def tail(mode: Mode, scale: float, least: int) -> Decimal:
    """A number that is not below P(noise >= `least`), `least` >= 1, apart from rounding in the 50th digit."""
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        exact = Decimal(scale)  # a double, so a finite decimal
        if mode is Mode.PURE:
            return (-least / exact).exp() / (1 + (-1 / exact).exp())
        return _summed(exact, least) if exact <= _SUMMED_TO else _integrated(exact, least)


def _summed(sigma: Decimal, least: int) -> Decimal:
    twice = 2 * sigma * sigma
    whole = 1 + 2 * _from(1, twice)
    return _from(least, twice) / whole


def _from(start: int, twice: Decimal) -> Decimal:
    """Σ_(k >= start) e^(-k²/twice) from above, by terms that follow from the last: g(k+1)/g(k) = e^(-(2k+1)/twice)."""
    term, ratio, fall = (-start * start / twice).exp(), (-(2 * start + 1) / twice).exp(), (-2 / twice).exp()
    total = term
    first = term
    while term > first * _REST:
        term *= ratio
        ratio *= fall
        total += term
    return total + term * ratio / (1 - ratio)


def _integrated(sigma: Decimal, least: int) -> Decimal:
    if least < sigma + Decimal("0.5"):
        return Decimal(1)
    reach = (least - Decimal("0.5")) / sigma
    below = reach
    for level in range(_LEVELS, 0, -1):
        below = reach + level / below
    return (-reach * reach / 2).exp() / (below * _TWO_PI.sqrt())
