"""Which noise, how much of it, at what cost: exact arithmetic, fixed before any read.

zCDP: discrete Gaussian with σ² >= S / (2ρ) for squared L2 sensitivity S (Canonne, Kamath, Steinke 2020, Theorem 4).
Pure: discrete Laplace with b >= S / ε for L1 sensitivity S. Scales are doubles, rounded up. Costs are computed back from
the double and carry a relative slack of 2^-40, so that OpenDP's privacy map, which rounds every step up, stays within
them: the engine compares the two before it draws. Which groups of private keys show is in `selection`.
"""

import math
from fractions import Fraction

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import Primitive
from sandbox.plan.query import Plan
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.privacy.selection import THRESHOLD_LIMIT, exposed_groups, keeps, threshold
from sandbox.privacy.sensitivity import effective_bounds, magnitude, sensitivity
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import KeysNotPublic, LossTooSmall, RangeTooWide

SLACK = 1 + Fraction(1, 2**40)

INTEGER_LIMIT = 2**62
"""Sums and their noise stay below it, so int64 never wraps nor saturates."""

NOISE_REACH = 64
"""Noise beyond this many scales has a chance below 2·e^-64."""


def measurement_spec(plan: Plan, mode: Mode, units: int, delta: int = 0) -> MeasurementSpec:
    """Split `units` of loss evenly over the plan's primitives and `delta` over its selected measurements, and choose the
    noise of each primitive and the thresholds.

    The spec costs no more than `units` and `delta`.

    Raises:
        KeysNotPublic: private keys where no δ may be spent on them.
        LossTooSmall: not one unit for each primitive, or for each selection.
        RangeTooWide: a noisy sum could leave int64 at the declared sizes.
    """
    selections = sum(measurement.selected for measurement in plan.measurements)
    if selections and (mode is Mode.PURE or delta < 1):
        raise KeysNotPublic
    share, each = units // len(plan.primitives), delta // selections if selections else 0
    if share < 1 or (selections and each < 1):
        raise LossTooSmall("The asked-for loss, split over the parts of the query, is less than the ledger counts.")
    vectors: list[NoisyVector] = []
    for measurement in plan.measurements:
        found = [_vector(measurement, primitive, mode, share) for primitive in measurement.primitives]
        if measurement.selected:
            found[0] = _selecting(measurement, found[0], mode, each)
        vectors += found
    return MeasurementSpec(mode, tuple(vectors))


def _vector(measurement: Measurement, primitive: Primitive, mode: Mode, share: int) -> NoisyVector:
    size = sensitivity(primitive, effective_bounds(measurement), mode)
    scale = noise_scale(size, mode, share)
    if not _in_range(measurement.rows_max * magnitude(primitive), scale):
        raise RangeTooWide
    return NoisyVector(size, scale.hex(), noise_cost(size, mode, scale))


def _selecting(measurement: Measurement, units: NoisyVector, mode: Mode, delta: int) -> NoisyVector:
    groups = exposed_groups(effective_bounds(measurement))
    tau = threshold(mode, float.fromhex(units.scale), groups, delta)
    return NoisyVector(units.sensitivity, units.scale, units.cost, tau, delta)


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
    waiting = iter(spec.vectors)
    for measurement in plan.measurements:
        for place, primitive in enumerate(measurement.primitives):
            vector = next(waiting)
            _check_vector(measurement, primitive, vector, spec.mode)
            _check_selection(measurement, place, vector, spec.mode)


def _check_vector(measurement: Measurement, primitive: Primitive, vector: NoisyVector, mode: Mode) -> None:
    if vector.sensitivity != sensitivity(primitive, effective_bounds(measurement), mode):
        raise ValueError("the spec states another sensitivity than the plan has")
    scale = read_scale(vector.scale)
    if vector.cost < 1 or not _pays(vector.sensitivity, mode, scale, vector.cost):
        raise ValueError("the spec's noise is too small for its cost")
    if not _in_range(measurement.rows_max * magnitude(primitive), scale):
        raise ValueError("the spec's noise could leave int64")


def _check_selection(measurement: Measurement, place: int, vector: NoisyVector, mode: Mode) -> None:
    if not (measurement.selected and place == 0):
        if vector.threshold is not None or vector.delta != 0:
            raise ValueError("the spec has a threshold where nothing is selected")
        return
    if mode is Mode.PURE or vector.threshold is None or not 1 <= vector.threshold <= THRESHOLD_LIMIT:
        raise ValueError("the spec selects groups without a threshold")
    groups = exposed_groups(effective_bounds(measurement))
    if vector.delta < 1 or not keeps(mode, read_scale(vector.scale), groups, vector.delta, vector.threshold):
        raise ValueError("the spec's threshold is too low for its delta")


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
