"""An attacker who knows both tables, the plan and the stated noise, and proves from draws how much privacy was lost.

From half of the draws he picks a statistic (the likelihood ratio of the honest noise, each integer, each difference of
two, the answer's length) and a threshold; on the other half he bounds both probabilities of that one event by
Clopper-Pearson at 5·10⁻⁷ a side. What he proves then exceeds the truth with chance 10⁻⁶ at most. Pure: ε >= ln(p/q).
zCDP: ρ >= max over α of D_α(Bernoulli p ‖ Bernoulli q) / α, since ρ-zCDP bounds every Rényi divergence of every event
(Bun and Steinke 2016, Definition 1.1 and post-processing).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from audit_line import Asked, Measured, draws_of
from scipy import optimize, stats

from sandbox.terms.loss import UNITS, Mode

SIDE = 5e-7
_Z = float(stats.norm.isf(SIDE))
_ORDERS = 1 + np.asarray([1e-6, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 9, 19])
_THRESHOLDS = np.linspace(0.01, 0.99, 60)
_LOOKED_AT = 24
"""Integers that are looked at alone and in pairs, of those that moved; the likelihood ratio takes all."""


@dataclass(frozen=True)
class Proof:
    """`loss` is proven (ε in pure, ρ in zCDP); `claim` is what it must not exceed."""

    loss: float
    claim: float
    by: str

    @property
    def caught(self) -> bool:
        return self.loss > self.claim


def audit(absent: Measured, present: Measured, draws: int, one_by_one: bool = False) -> Proof:
    """What `draws` answers on each of two neighbours prove, against what their question claims."""
    sides = [draws_of(measured, draws, one_by_one) for measured in (absent, present)]
    names, first, second = _statistics(absent, present, *sides)
    half = draws // 2
    best = max(
        (
            (gain, name, column, threshold, above, swapped)
            for column, name in enumerate(names)
            for gain, threshold, above, swapped in [_best_event(first[:half, column], second[:half, column], absent)]
        ),
        key=lambda found: found[0],
    )
    _, name, column, threshold, above, swapped = best
    one, two = first[half:, column], second[half:, column]
    if swapped:
        one, two = two, one
    hits = [int(((side >= threshold) == above).sum()) for side in (two, one)]
    low = stats.beta.ppf(SIDE, hits[0], half - hits[0] + 1) if hits[0] else 0.0
    high = stats.beta.isf(SIDE, hits[1] + 1, half - hits[1]) if hits[1] < half else 1.0
    return Proof(float(_proven(np.asarray(low), np.asarray(high), absent.asked.mode)), claimed(absent.asked), name)


def claimed(asked: Asked) -> float:
    """The least of what the question was charged and what was asked for. Computed here from ε and δ, not by the product."""
    charged = asked.spec.cost.units / UNITS
    if asked.mode is Mode.PURE:
        return min(charged, float(asked.epsilon))
    return min(charged, lawful_rho(float(asked.epsilon), float(asked.delta)) + 1e-9)


def lawful_rho(epsilon: float, delta: float) -> float:
    """The ρ that implies (ε, δ) by Canonne, Kamath, Steinke 2020, Corollary 13: by numeric search alone."""

    def log_delta(rho: float) -> float:
        def at(log_above: float) -> float:
            order = 1 + np.exp(log_above)
            return (order - 1) * (order * rho - epsilon) - np.log(order - 1) + order * np.log1p(-1 / order)

        return float(optimize.minimize_scalar(at, bounds=(-5, 9), method="bounded", options={"xatol": 1e-10}).fun)

    return float(optimize.brentq(lambda rho: log_delta(rho) - np.log(delta), 1e-9, 10 * epsilon + 10, xtol=1e-14))


def _statistics(
    absent: Measured, present: Measured, first: list[np.ndarray], second: list[np.ndarray]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names and values [draw, statistic] on both sides."""
    width = max(len(answer) for answer in (*first, *second))
    lengths = [np.asarray([len(answer) for answer in side]) for side in (first, second)]
    values = [
        np.asarray([np.pad(answer, (0, width - len(answer))) for answer in side], np.float64)
        for side in (first, second)
    ]
    names, columns = ["length"], [(lengths[0], lengths[1])]
    one, two = flat(absent), flat(present)
    if len(one) == width:
        names.append("likelihood")
        columns.append(tuple(_ratio(side, one, two, _scales(absent), absent.asked.mode) for side in values))
    moved = [number for number in range(width) if len(one) != width or one[number] != two[number]][:_LOOKED_AT]
    # What did not move matters too where noise is shared; a few are enough to find that.
    still = [number for number in range(width) if number not in moved][:2]
    for number in moved:
        names.append(f"integer {number}")
        columns.append((values[0][:, number], values[1][:, number]))
    for one, two in combinations([*moved, *still], 2):
        names.append(f"integer {one} - {two}")
        columns.append((values[0][:, one] - values[0][:, two], values[1][:, one] - values[1][:, two]))
    return names, np.stack([pair[0] for pair in columns], axis=1), np.stack([pair[1] for pair in columns], axis=1)


def flat(measured: Measured) -> np.ndarray:
    """All exact integers of an answer, one after the other."""
    return np.concatenate([vector for vectors in measured.vectors() for vector in vectors])


def _scales(measured: Measured) -> np.ndarray:
    lengths = [len(vector) for vectors in measured.vectors() for vector in vectors]
    return np.repeat([float.fromhex(vector.scale) for vector in measured.asked.spec.vectors], lengths)


def _ratio(values: np.ndarray, absent: np.ndarray, present: np.ndarray, scales: np.ndarray, mode: Mode) -> np.ndarray:
    one, two = (values - absent) / scales, (values - present) / scales
    if mode is Mode.ZCDP:
        return (one**2 - two**2).sum(axis=1) / 2
    return (np.abs(one) - np.abs(two)).sum(axis=1)


def _best_event(one: np.ndarray, two: np.ndarray, absent: Measured) -> tuple[float, float, bool, bool]:
    """The event of a statistic that proves most on the training half: threshold, at or above it, sides swapped."""
    thresholds = np.unique(np.quantile(np.concatenate([one, two]), _THRESHOLDS))
    tails = [1 - np.searchsorted(np.sort(side), thresholds) / len(side) for side in (one, two)]
    best = (-1.0, float(thresholds[0]), True, False)
    for above in (True, False):
        for swapped in (False, True):
            p, q = (tails[0], tails[1]) if swapped else (tails[1], tails[0])
            p, q = (p, q) if above else (1 - p, 1 - q)
            gains = _proven(_wilson(p, len(one), -1), _wilson(q, len(one), 1), absent.asked.mode)
            at = int(np.argmax(gains))
            if gains[at] > best[0]:
                best = (float(gains[at]), float(thresholds[at]), above, swapped)
    return best


def _wilson(p: np.ndarray, count: int, sign: int) -> np.ndarray:
    middle = p + _Z**2 / (2 * count)
    spread = _Z * np.sqrt(p * (1 - p) / count + _Z**2 / (4 * count**2))
    return (middle + sign * spread) / (1 + _Z**2 / count)


def _proven(low: np.ndarray, high: np.ndarray, mode: Mode) -> np.ndarray:
    """The least loss at which an event of probability >= `low` on one side has at most `high` on the other."""
    low, high = np.clip(low, 1e-12, 1 - 1e-12), np.clip(high, 1e-12, 1 - 1e-12)
    if mode is Mode.PURE:
        return np.where(low > high, np.log(low / high), 0.0)
    order = _ORDERS.reshape((-1,) + (1,) * low.ndim)
    inside = np.logaddexp(
        order * np.log(low) + (1 - order) * np.log(high), order * np.log1p(-low) + (1 - order) * np.log1p(-high)
    )
    return np.where(low > high, (inside / ((order - 1) * order)).max(axis=0), 0.0)
