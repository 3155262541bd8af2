"""Noise, drawn once, after the exact merge: the only module that calls OpenDP, and only its int64 vector mechanisms.

Before any row is read, `prepare` derives each vector's sensitivity from the bounds that the pass enforces, on its own
and not with the control plane's code, and has OpenDP's privacy map confirm that the vector costs no more than its
declared share; it derives what a threshold lets through, in doubles of its own, and has OpenDP's map of such a selection
agree. Two derivations must agree before noise is drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray

from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import CountDistinct, CountUnits, Primitive, SumValues, TreeCounts, width
from sandbox.plan.query import Plan
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.terms.loss import DELTA_UNITS, UNITS, Loss, Mode

dp.enable_features("contrib")

_ROOM = 2**62
"""Sums and 64 scales of noise stay below this, so that int64 never saturates."""

_INT64 = np.iinfo(np.int64)

_SUMMED_TO = 64.0
"""Largest σ whose tail is summed term by term; beyond, the normal's is above it by less than one integer's share."""

_OWN_ROUNDING = 1 + 2**-42
_MAP_ROUNDING, _MAP_STEP = 1e-5, 2.0**-50
"""OpenDP's map of a selection takes a normal's tail as one minus the rest, in doubles: a δ of 1e-16 a group is zero to it."""


SHARED_FROM = 8_192
"""Integers of a vector from which on its noise is shared out: about 0.1 s of drawing."""


class Pool(Protocol):
    """Where many draws are made at once."""

    def draw(self, mode: Mode, scale: float, count: int) -> NDArray[np.int64]:
        """So many independent draws of that noise."""


class NoiseRefused(Exception):
    """The order's specification does not hold; nothing was read."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One OpenDP measurement on int64 vectors, checked by `prepare`.

    `size` is their length, None where it follows from the groups that are there. `threshold` says of a noisy number of
    units that its group shows if it is strictly greater; None where nothing is selected.
    """

    size: int | None
    threshold: int | None
    measurement: Any

    def draw(self, exact: NDArray[np.int64]) -> NDArray[np.int64]:
        """`exact` with fresh noise.

        Raises:
            ValueError: not an int64 vector of the plan's length.
        """
        if exact.dtype != np.int64 or exact.ndim != 1 or self.size not in (None, len(exact)):
            raise ValueError("noise goes on int64 vectors of the plan's groups")
        return np.asarray(self.measurement(np.ascontiguousarray(exact)), dtype=np.int64)


def prepare(
    plan: Plan, spec: MeasurementSpec, reserved: Loss, pool: Pool | None = None
) -> tuple[tuple[Mechanism, ...], ...]:
    """The mechanisms of each measurement's primitives, in their order; long vectors are drawn for by the `pool`.

    Raises:
        NoiseRefused: a sensitivity, scale, threshold or cost that does not follow from the plan's bounds, or costs beyond
            what was reserved.
    """
    if len(spec.vectors) != len(plan.primitives):
        raise NoiseRefused("one vector for each primitive")
    if spec.mode is not reserved.mode or any(vector.cost < 1 or vector.delta < 0 for vector in spec.vectors):
        raise NoiseRefused("costs are positive and of the reserved mode")
    if sum(vector.cost for vector in spec.vectors) > reserved.units:
        raise NoiseRefused("the vectors cost more than was reserved")
    if sum(vector.delta for vector in spec.vectors) > reserved.delta:
        raise NoiseRefused("the selections cost more than was reserved")
    vectors = iter(spec.vectors)
    return tuple(
        tuple(
            _mechanism(measurement, place, next(vectors), spec.mode, pool)
            for place in range(len(measurement.primitives))
        )
        for measurement in plan.measurements
    )


def warm() -> None:
    """Build and use each mechanism once, so that the first order does not pay for what the library sets up."""
    for mode in Mode:
        draws(mode, 1.0, 1)


def draws(mode: Mode, scale: float, count: int) -> NDArray[np.int64]:
    """So many independent draws of the noise alone: the mechanism on zeros."""
    return np.asarray(_additive(mode, scale)(np.zeros(count, np.int64)), np.int64)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A mechanism whose noise on long vectors comes from a pool: of the same law, since it is added to exact integers and
    does not depend on them. Where the sum leaves int64 it saturates, as in the library."""

    measurement: Any
    mode: Mode
    scale: float
    pool: Pool

    def __call__(self, exact: NDArray[np.int64]) -> Any:
        if len(exact) < SHARED_FROM:
            return self.measurement(exact)
        drawn = self.pool.draw(self.mode, self.scale, len(exact))
        return exact + np.clip(drawn, _INT64.min - np.minimum(exact, 0), _INT64.max - np.maximum(exact, 0))


def _additive(mode: Mode, scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="i64"))
    if mode is Mode.PURE:
        return dp.m.make_laplace(space, dp.l1_distance(T="i64"), scale=scale)
    return dp.m.make_gaussian(space, dp.l2_distance(T="f64"), scale=scale)


def _mechanism(measurement: Measurement, place: int, vector: NoisyVector, mode: Mode, pool: Pool | None) -> Mechanism:
    primitive = measurement.primitives[place]
    size = None if measurement.selected else measurement.groups * width(primitive)
    scale = _scale(vector)
    if measurement.selected and place == 0:
        _check_threshold(measurement, vector, scale, mode)
    elif vector.threshold is not None or vector.delta != 0:
        raise NoiseRefused("a threshold where nothing is selected")
    drawing = _measurement(measurement, primitive, vector, scale, mode)
    if pool is not None:
        drawing = _Shared(drawing, mode, scale, pool)
    return Mechanism(size, vector.threshold, drawing)


def _scale(vector: NoisyVector) -> float:
    try:
        scale = float.fromhex(vector.scale)
    except (ValueError, OverflowError):
        raise NoiseRefused("a scale is a hexadecimal double") from None
    if not (math.isfinite(scale) and scale > 0):
        raise NoiseRefused("a scale is positive and finite")
    return scale


def _measurement(measurement: Measurement, primitive: Primitive, vector: NoisyVector, scale: float, mode: Mode) -> Any:
    row = _largest_summand(primitive)
    if measurement.rows_max * row + 64 * Fraction(scale) >= _ROOM:
        raise NoiseRefused("sum and noise could leave int64")
    distance = _distance(measurement, primitive, mode)
    if distance != vector.sensitivity:
        raise NoiseRefused("the sensitivity does not follow from the bounds")
    mechanism = _additive(mode, scale)
    loss = mechanism.map(distance if mode is Mode.PURE else root_up(distance))
    if not math.isfinite(loss) or Fraction(loss) > Fraction(vector.cost, UNITS):
        raise NoiseRefused("OpenDP's privacy map exceeds the vector's cost")
    return mechanism


def _distance(measurement: Measurement, primitive: Primitive, mode: Mode) -> int:
    """How far one unit can move the vector: L1 norm, or squared L2 norm in zCDP.

    One unit brings `most` things in all, at most `each` to one integer of one level, in at most L0 groups, and each thing
    moves one integer of every level by `row`. Things are counted rows; for units, groups; for distinct values, the pairs
    that the pass lets through. The norm is largest when they are packed into as few integers as `each` allows: `full`
    ones and one of the rest. We use the closed bounds of design §5, which are never below that packing.
    """
    groups = min(measurement.bounds.groups, measurement.groups)
    most, each = measurement.bounds.rows, measurement.bounds.rows_per_group
    levels = 1
    if isinstance(primitive, CountUnits):
        most, each = min(most, groups), 1
    elif isinstance(primitive, CountDistinct):
        most = min(most, primitive.values_per_unit)
        each = min(each, most)
    elif isinstance(primitive, TreeCounts):
        levels = primitive.depth
    row = _largest_summand(primitive)
    if mode is Mode.PURE:
        return levels * row * min(most, groups * each)
    return levels * row * row * min(groups * each * each, most * each)


def _largest_summand(primitive: Primitive) -> int:
    return primitive.magnitude if isinstance(primitive, SumValues) else 1


def _check_threshold(measurement: Measurement, vector: NoisyVector, scale: float, mode: Mode) -> None:
    """A group of one unit shows with a chance that, over all groups where one unit can be alone, is within δ.

    OpenDP's map bounds the Gaussian's tail at an integer by the normal's one below it, we by the normal's half an integer
    below: its δ one above our threshold must be within ours. That is a second opinion on what is asked, not the bound.
    """
    tau = vector.threshold
    if mode is not Mode.ZCDP or tau is None or not 1 <= tau < _ROOM:
        raise NoiseRefused("groups are selected by a threshold under Gaussian noise")
    alone = min(measurement.bounds.rows, measurement.bounds.groups, measurement.groups)
    delta = Fraction(vector.delta, DELTA_UNITS)
    if alone * Fraction(_tail(scale, tau) * _OWN_ROUNDING) > delta:
        raise NoiseRefused("the threshold lets through more than its delta")
    space = dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64"))
    metric = dp.l02inf_distance(dp.absolute_distance(T="f64"))
    selection = dp.m.make_gaussian_threshold(space, metric, scale=scale, threshold=tau + 1)
    _, shown = selection.map((alone, root_up(alone), 1.0))
    if not shown <= float(delta) * (1 + _MAP_ROUNDING) + alone * _MAP_STEP:
        raise NoiseRefused("OpenDP's map of the selection exceeds its delta")


def _tail(scale: float, least: int) -> float:
    """P(noise >= least) of the discrete Gaussian, from above but for rounding in the 13th digit."""
    if scale > _SUMMED_TO:
        reach = (least - 0.5) / scale
        return 0.5 * math.erfc(reach / math.sqrt(2)) if reach >= 1 else 1.0
    last = math.ceil(40 * scale) + 1  # beyond, a term is less than e^-800 of the first
    weights = [math.exp(-((step / scale) ** 2) / 2) for step in range(1, last)]
    whole = 1 + 2 * math.fsum(weights)
    return math.fsum(weights[least - 1 :]) / whole if least < last else 0.0


def root_up(square: int) -> float:
    """The least double at or above the square root of a positive integer (or the one after it)."""
    root = math.sqrt(square) if square < 2**1000 else math.inf
    while root < math.inf and Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root


def noisy_units(mechanism: Mechanism, units: NDArray[np.int64]) -> tuple[Sequence[int], NDArray[np.int64]]:
    """The lines that show and their noisy numbers of units: those that are strictly greater than the threshold.

    Raises:
        ValueError: a mechanism that selects nothing.
    """
    if mechanism.threshold is None:
        raise ValueError("nothing is selected")
    drawn = mechanism.draw(units)
    chosen = np.flatnonzero(drawn > mechanism.threshold)
    return chosen.tolist(), drawn[chosen]
