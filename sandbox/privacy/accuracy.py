"""How far off an answer may be: from the noise alone, so it may be told before and after without any cost.

Floats are fine here: nothing below touches privacy. Intervals cover the sum of clamped, rounded values of the rows that
the contribution bounds keep; what clamping and bounding leave out is not noise and is not in them.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import Any

from sandbox.plan.answers import CountOutput, MeanOutput, SumOutput
from sandbox.plan.lineage import Lineage, Passed, Scaled, lineage, summed, vector_of
from sandbox.plan.primitives import SumValues
from sandbox.plan.query import Plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import (
    Answer,
    AnswerColumn,
    ComputedColumn,
    CountColumn,
    KeyColumn,
    MeanColumn,
    Noise,
    SumColumn,
)
from sandbox.terms.cells import double
from sandbox.terms.loss import Mode

GROUP_SIZES = (100, 1_000, 10_000)
"""Group sizes for which the error of a mean is foretold."""

_GAUSSIAN_SUM_BELOW = 50.0
"""Below this σ the discrete Gaussian is summed; above, it is the normal within less than one integer."""

GAUSSIAN = "discrete gaussian"
LAPLACE = "discrete laplace"


def half_width(noise: Noise, level: float) -> float:
    """The least integer h with P(|noise| > h) <= 1 - level; for wide Gaussians at most two above it.

    Raises:
        ValueError: an unknown mechanism, a scale that is not positive, or a level outside (0, 1).
    """
    scale = float.fromhex(noise.scale)
    if not 0 < level < 1 or not (math.isfinite(scale) and scale > 0):
        raise ValueError("a level lies in (0, 1) and a scale is positive")
    if noise.mechanism == GAUSSIAN:
        return float(_gaussian_half_width(scale, level))
    if noise.mechanism == LAPLACE:
        return float(_laplace_half_width(scale, level))
    raise ValueError("unknown mechanism")


def has_interval(column: AnswerColumn) -> bool:
    """Whether bounds around the column's numbers are known: not of keys, nor of most of what was computed from noise."""
    match column:
        case KeyColumn():
            return False
        case ComputedColumn():
            return column.noise is not None and None not in column.values
        case _:
            return True


def intervals(answer: Answer, level: float) -> dict[str, tuple[tuple[float, float], ...]]:
    """Of every column that has intervals, by name: see `interval`."""
    return {column.name: interval(column, level) for column in answer.columns if has_interval(column)}


def interval(column: AnswerColumn, level: float) -> tuple[tuple[float, float], ...]:
    """For each row, bounds that cover the value without noise with chance `level` or more.

    A mean's bounds are the worst ratio of its two parts, each covered at (1 + level) / 2, kept within the value's bounds.
    A computed value's are those of the one noisy integer it follows.

    Raises:
        ValueError: keys carry no noise, and of other computed values nobody knows it: no interval rather than a wrong one.
    """
    match column:
        case KeyColumn():
            raise ValueError("group keys carry no noise")
        case CountColumn():
            reach = half_width(column.noise, level)
            return tuple((integer - reach, integer + reach) for integer in column.integers)
        case SumColumn():
            reach = half_width(column.noise, level)
            step = column.granularity
            return tuple(
                (double((integer - Fraction(reach)) * step), double((integer + Fraction(reach)) * step))
                for integer in column.integers
            )
        case MeanColumn():
            return _mean_intervals(column, level)
        case ComputedColumn():
            return _computed_intervals(column, level)


def expected_error(plan: Plan, spec: MeasurementSpec, level: float) -> list[dict[str, Any]]:
    """What to expect of each output column before asking; it depends on the plan and the spec alone.

    Each item has "column", "half_width" and "per". The half width of a count, a sum, or a multiple of one is a float, per
    "group". A mean's depends on how many values its group has: a dict from number of values to half width, per "values".
    Keys, and columns whose error has no simple formula (quantiles, spreads, ratios), have None and None.
    """
    return [_expected(name, origin, plan, spec, level) for name, origin in lineage(plan).items()]


def noise_of(spec: MeasurementSpec, primitive: int) -> Noise:
    """The noise of primitive number `primitive` of the plan, as an answer states it."""
    return Noise(GAUSSIAN if spec.mode is Mode.ZCDP else LAPLACE, spec.vectors[primitive].scale)


def _expected(name: str, origin: Lineage, plan: Plan, spec: MeasurementSpec, level: float) -> dict[str, Any]:
    width: float | dict[int, float] | None = None
    per: str | None = None

    def reach(measurement: int, primitive: int, each: float) -> float:
        return half_width(noise_of(spec, vector_of(plan, measurement, primitive)), each)

    match origin:
        case Passed(_, number, CountOutput(_, count)):
            width, per = reach(number, count, level), "group"
        case Passed(_, number, SumOutput(_, total)):
            step = double(summed(plan.measurements[number], total).granularity)
            width, per = reach(number, total, level) * step, "group"
        case Passed(_, number, MeanOutput(_, total, count)):
            each = (1 + level) / 2
            values = summed(plan.measurements[number], total)
            parts = _Parts(reach(number, total, each), reach(number, count, each), values)
            width, per = {size: parts.half_width(size) for size in GROUP_SIZES}, "values"
        case Scaled(number, vector, step):
            width, per = reach(number, vector, level) * double(step), "group"
        case _:
            pass
    return {"column": name, "half_width": width, "per": per}


@dataclass(frozen=True, slots=True)
class _Parts:
    """Half widths of a mean's total and count."""

    total: float
    count: float
    values: SumValues

    def half_width(self, size: int) -> float:
        """|T'/C' - T/C| <= (|e1| + |T/C|·|e2|) / C' for a group of `size` values; never more than the whole range."""
        whole = double(self.values.high - self.values.low)
        least = size - self.count
        if least < 1:
            return whole
        return min(whole, (self.total + self.values.magnitude * self.count) / least * double(self.values.granularity))


def _computed_intervals(column: ComputedColumn, level: float) -> tuple[tuple[float, float], ...]:
    numbers = column.numbers()
    if column.noise is None or None in numbers:
        raise ValueError("a computed column without known intervals")
    reach = Fraction(half_width(column.noise, level)) * column.step
    exact = [Fraction(number) for number in numbers if isinstance(number, int | float)]
    return tuple((double(number - reach), double(number + reach)) for number in exact)


def _mean_intervals(column: MeanColumn, level: float) -> tuple[tuple[float, float], ...]:
    each = (1 + level) / 2
    total_reach = int(half_width(column.total_noise, each))
    count_reach = int(half_width(column.count_noise, each))

    def shown(ratio: Fraction) -> float:
        return double(min(max(column.center + column.granularity * ratio, column.low), column.high))

    found = []
    for total, count in zip(column.totals, column.counts, strict=True):
        least, most = max(count - count_reach, 1), max(count + count_reach, 1)
        low, high = total - total_reach, total + total_reach
        found.append(
            (shown(Fraction(low, most if low >= 0 else least)), shown(Fraction(high, least if high >= 0 else most)))
        )
    return tuple(found)


def _laplace_half_width(scale: float, level: float) -> int:
    """P(|X| > h) = 2·a^(h+1) / (1 + a) with a = e^(-1/b)."""
    ratio = math.exp(-1 / scale)
    reach = scale * math.log(2 / ((1 + ratio) * (1 - level)))
    return max(0, math.ceil(reach) - 1)


@lru_cache(maxsize=1024)
def _gaussian_half_width(scale: float, level: float) -> int:
    if scale >= _GAUSSIAN_SUM_BELOW:
        return math.ceil(NormalDist().inv_cdf((1 + level) / 2) * scale) + 1
    weights = [1.0]
    while weights[-1] > 0 and len(weights) < 40 * scale + 2:
        weights.append(math.exp(-((len(weights) / scale) ** 2) / 2))
    whole = weights[0] + 2 * math.fsum(weights[1:])
    tail, reach = 0.0, len(weights)
    while reach > 0 and (tail + 2 * weights[reach - 1]) / whole <= 1 - level:
        reach -= 1
        tail += 2 * weights[reach]
    return max(0, reach - 1)
