"""Which noise, how much of it, at what cost: exact arithmetic, fixed before any read.

zCDP: discrete Gaussian with σ² >= S / (2ρ) for squared L2 sensitivity S (Canonne, Kamath, Steinke 2020, Theorem 4).
Pure: discrete Laplace with b >= S / ε for L1 sensitivity S. Scales are doubles, rounded up. Costs are computed back from
the double and carry a relative slack of 2^-40, so that OpenDP's privacy map, which rounds every step up, stays within
them: the engine compares the two before it draws.
"""

import math
from fractions import Fraction

from sandbox.plan.nodes import Plan
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.privacy.sensitivity import effective_bounds, magnitude, sensitivity
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import LossTooSmall, RangeTooWide

SLACK = 1 + Fraction(1, 2**40)

INTEGER_LIMIT = 2**62
"""Sums and their noise stay below it, so int64 never wraps nor saturates."""

NOISE_REACH = 64
"""Noise beyond this many scales has a chance below 2·e^-64."""


def measurement_spec(plan: Plan, mode: Mode, units: int) -> MeasurementSpec:
    """Split `units` of loss evenly over the plan's primitives and choose the noise of each.

    The spec costs no more than `units`.

    Raises:
        LossTooSmall: not one unit for each primitive.
        RangeTooWide: a noisy sum could leave int64 at the declared sizes.
    """
    share = units // len(plan.primitives)
    if share < 1:
        raise LossTooSmall("The asked-for loss, split over the parts of the query, is less than the ledger counts.")
    bounds = effective_bounds(plan)
    vectors = []
    for primitive in plan.primitives:
        size = sensitivity(primitive, bounds, mode)
        scale = noise_scale(size, mode, share)
        if not _in_range(plan.rows_max * magnitude(primitive), scale):
            raise RangeTooWide
        vectors.append(NoisyVector(size, scale.hex(), noise_cost(size, mode, scale)))
    return MeasurementSpec(mode, tuple(vectors))


def noise_scale(size: int, mode: Mode, units: int) -> float:
    """The least double (σ or b) at which a vector of sensitivity `size` costs at most `units`.

    Raises:
        RangeTooWide: no double is that large.
    """
    if mode is Mode.ZCDP:
        return _double_root_above(Fraction(size * UNITS, 2 * units) * SLACK)
    return _double_above(Fraction(size * UNITS, units) * SLACK)


def noise_cost(size: int, mode: Mode, scale: float) -> int:
    """What a vector of sensitivity `size` costs under noise of this scale, in loss units, rounded up."""
    exact = Fraction(scale)
    loss = Fraction(size, 2) / exact**2 if mode is Mode.ZCDP else size / exact
    return math.ceil(loss * SLACK * UNITS)


def check_spec(plan: Plan, spec: MeasurementSpec) -> None:
    """Recheck, from the plan alone, that `spec` is private at the cost it states.

    Raises:
        ValueError: it is not, or it is not a spec of this plan.
    """
    if len(spec.vectors) != len(plan.primitives):
        raise ValueError("the spec does not match the plan's primitives")
    bounds = effective_bounds(plan)
    for primitive, vector in zip(plan.primitives, spec.vectors, strict=True):
        if vector.sensitivity != sensitivity(primitive, bounds, spec.mode):
            raise ValueError("the spec states another sensitivity than the plan has")
        scale = read_scale(vector.scale)
        if vector.cost < 1 or not _pays(vector.sensitivity, spec.mode, scale, vector.cost):
            raise ValueError("the spec's noise is too small for its cost")
        if not _in_range(plan.rows_max * magnitude(primitive), scale):
            raise ValueError("the spec's noise could leave int64")


def read_scale(text: str) -> float:
    """The double that `float.hex` wrote.

    Raises:
        ValueError: another spelling, or not a positive finite number.
    """
    try:
        scale = float.fromhex(text)
    except OverflowError:
        raise ValueError("a scale is a finite double") from None
    if not (math.isfinite(scale) and scale > 0) or scale.hex() != text:
        raise ValueError("a scale is a positive double in its one hexadecimal spelling")
    return scale


def _pays(size: int, mode: Mode, scale: float, units: int) -> bool:
    """Whether `units` cover the loss: multiplied out in integers, apart from how `noise_cost` computes it."""
    over, under = scale.as_integer_ratio()
    wide = 2**40 + 1
    if mode is Mode.ZCDP:
        return size * UNITS * wide * under**2 <= 2 * over**2 * units * 2**40
    return size * UNITS * wide * under <= over * units * 2**40


def _in_range(largest_sum: int, scale: float) -> bool:
    return largest_sum + NOISE_REACH * Fraction(scale) < INTEGER_LIMIT


def _double_above(value: Fraction) -> float:
    """The least double >= a positive value."""
    try:
        near = value.numerator / value.denominator  # correctly rounded, so at most one step below
    except OverflowError:
        raise RangeTooWide from None
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)


def _double_root_above(value: Fraction) -> float:
    """A double whose square is >= a positive value, at most one step above the least such."""
    shift = max(0, 128 - (value.numerator.bit_length() - value.denominator.bit_length()))
    shift += shift & 1
    scaled = -(-(value.numerator << shift) // value.denominator)
    root = math.isqrt(scaled - 1) + 1  # ⌈√scaled⌉, of 64 bits or more
    found = _double_above(Fraction(root, 1 << (shift // 2)))
    lower = math.nextafter(found, 0.0)
    return lower if lower > 0 and Fraction(lower) ** 2 >= value else found
