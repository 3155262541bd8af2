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

from sandbox.plan.nodes import CountOutput, KeyOutput, MeanOutput, Plan, SumOutput, SumValues
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.answer import AnswerColumn, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
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


def interval(column: AnswerColumn, level: float) -> tuple[tuple[float, float], ...]:
    """For each row, bounds that cover the value without noise with chance `level` or more.

    A mean's bounds are the worst ratio of its two parts, each covered at (1 + level) / 2, kept within the value's bounds.

    Raises:
        ValueError: keys carry no noise.
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
                (float((integer - Fraction(reach)) * step), float((integer + Fraction(reach)) * step))
                for integer in column.integers
            )
        case MeanColumn():
            return _mean_intervals(column, level)


def expected_error(plan: Plan, spec: MeasurementSpec, level: float) -> list[dict[str, Any]]:
    """What to expect of each output column before asking; it depends on the plan and the spec alone.

    Each item has "column", "half_width" and "per". A count's or sum's half width is a float, per "group". A mean's depends
    on how many values its group has: a dict from number of values to half width, per "values". Keys have None and None.
    """
    return [_expected(output, plan, spec, level) for output in plan.outputs]


def noise_of(spec: MeasurementSpec, primitive: int) -> Noise:
    """The noise of primitive number `primitive`, as an answer states it."""
    return Noise(GAUSSIAN if spec.mode is Mode.ZCDP else LAPLACE, spec.vectors[primitive].scale)


def _expected(
    output: KeyOutput | CountOutput | SumOutput | MeanOutput, plan: Plan, spec: MeasurementSpec, level: float
) -> dict[str, Any]:
    width: float | dict[int, float] | None = None
    per: str | None = None
    match output:
        case KeyOutput():
            pass
        case CountOutput():
            width, per = half_width(noise_of(spec, output.count), level), "group"
        case SumOutput():
            step = float(_total(plan, output.total).granularity)
            width, per = half_width(noise_of(spec, output.total), level) * step, "group"
        case MeanOutput():
            total, each = _total(plan, output.total), (1 + level) / 2
            parts = _Parts(
                half_width(noise_of(spec, output.total), each), half_width(noise_of(spec, output.count), each), total
            )
            width, per = {size: parts.half_width(size) for size in GROUP_SIZES}, "values"
    return {"column": output.name, "half_width": width, "per": per}


@dataclass(frozen=True, slots=True)
class _Parts:
    """Half widths of a mean's total and count."""

    total: float
    count: float
    values: SumValues

    def half_width(self, size: int) -> float:
        """|T'/C' - T/C| <= (|e1| + |T/C|·|e2|) / C' for a group of `size` values; never more than the whole range."""
        whole = float(self.values.high - self.values.low)
        least = size - self.count
        if least < 1:
            return whole
        return min(whole, (self.total + self.values.magnitude * self.count) / least * float(self.values.granularity))


def _total(plan: Plan, number: int) -> SumValues:
    primitive = plan.primitives[number]
    if not isinstance(primitive, SumValues):
        raise TypeError("the output's total is not a sum")
    return primitive


def _mean_intervals(column: MeanColumn, level: float) -> tuple[tuple[float, float], ...]:
    each = (1 + level) / 2
    total_reach = int(half_width(column.total_noise, each))
    count_reach = int(half_width(column.count_noise, each))

    def shown(ratio: Fraction) -> float:
        return float(min(max(column.center + column.granularity * ratio, column.low), column.high))

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
