"""Noise, drawn once, after the exact merge: the only module that calls OpenDP, and only its int64 vector mechanisms.

Before any row is read, `prepare` derives each vector's sensitivity from the bounds that the pass enforces, on its own
and not with the control plane's code, and has OpenDP's privacy map confirm that the vector costs no more than its
declared share. Two derivations must agree before noise is drawn.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray

from sandbox.plan.nodes import CountUnits, Plan, Primitive, SumValues
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.terms.loss import UNITS, Loss, Mode

dp.enable_features("contrib")

_ROOM = 2**62
"""Sums and 64 scales of noise stay below this, so that int64 never saturates."""


class NoiseRefused(Exception):
    """The order's specification does not hold; nothing was read."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One OpenDP measurement on int64 vectors of `groups` numbers, checked by `prepare`."""

    groups: int
    measurement: Any

    def draw(self, exact: NDArray[np.int64]) -> NDArray[np.int64]:
        """`exact` with fresh noise.

        Raises:
            ValueError: not an int64 vector of the plan's length.
        """
        if exact.dtype != np.int64 or exact.shape != (self.groups,):
            raise ValueError("noise goes on int64 vectors of the plan's groups")
        return np.asarray(self.measurement(np.ascontiguousarray(exact)), dtype=np.int64)


def prepare(plan: Plan, spec: MeasurementSpec, reserved: Loss) -> tuple[Mechanism, ...]:
    """The mechanisms of the plan's primitives, in their order.

    Raises:
        NoiseRefused: a sensitivity, scale or cost that does not follow from the plan's bounds, or costs beyond what
            was reserved.
    """
    if len(spec.vectors) != len(plan.primitives):
        raise NoiseRefused("one vector for each primitive")
    if spec.mode is not reserved.mode or any(vector.cost < 1 for vector in spec.vectors):
        raise NoiseRefused("costs are positive and of the reserved mode")
    if sum(vector.cost for vector in spec.vectors) > reserved.units:
        raise NoiseRefused("the vectors cost more than was reserved")
    return tuple(
        Mechanism(plan.groups, _measurement(plan, primitive, vector, spec.mode))
        for primitive, vector in zip(plan.primitives, spec.vectors, strict=True)
    )


def warm() -> None:
    """Build and use each mechanism once, so that the first order does not pay for what the library sets up."""
    space = dp.vector_domain(dp.atom_domain(T="i64"))
    zeros = np.zeros(1, np.int64)
    dp.m.make_laplace(space, dp.l1_distance(T="i64"), scale=1.0)(zeros)
    dp.m.make_gaussian(space, dp.l2_distance(T="f64"), scale=1.0)(zeros)


def _measurement(plan: Plan, primitive: Primitive, vector: NoisyVector, mode: Mode) -> Any:
    try:
        scale = float.fromhex(vector.scale)
    except (ValueError, OverflowError):
        raise NoiseRefused("a scale is a hexadecimal double") from None
    if not (math.isfinite(scale) and scale > 0):
        raise NoiseRefused("a scale is positive and finite")
    row = _largest_summand(primitive)
    if plan.rows_max * row + 64 * Fraction(scale) >= _ROOM:
        raise NoiseRefused("sum and noise could leave int64")
    distance = _distance(plan, primitive, mode)
    if distance != vector.sensitivity:
        raise NoiseRefused("the sensitivity does not follow from the bounds")
    space = dp.vector_domain(dp.atom_domain(T="i64"))
    if mode is Mode.PURE:
        measurement = dp.m.make_laplace(space, dp.l1_distance(T="i64"), scale=scale)
        loss = measurement.map(distance)
    else:
        measurement = dp.m.make_gaussian(space, dp.l2_distance(T="f64"), scale=scale)
        loss = measurement.map(root_up(distance))
    if not math.isfinite(loss) or Fraction(loss) > Fraction(vector.cost, UNITS):
        raise NoiseRefused("OpenDP's privacy map exceeds the vector's cost")
    return measurement


def _distance(plan: Plan, primitive: Primitive, mode: Mode) -> int:
    """How far one unit can move the vector: L1 norm, or squared L2 norm in zCDP.

    One unit brings a count of at most Linf to each of at most L0 groups and at most R in all, `row` for each. The norm
    is largest when the rows are packed into as few groups as Linf allows: `full` groups of Linf and one of the rest.
    We use the closed bounds of design §5, which are never below that packing.
    """
    groups = min(plan.bounds.groups, plan.groups)
    rows, each = plan.bounds.rows, plan.bounds.rows_per_group
    if isinstance(primitive, CountUnits):
        rows, each = min(rows, groups), 1
    row = _largest_summand(primitive)
    if mode is Mode.PURE:
        return row * min(rows, groups * each)
    return row * row * min(groups * each * each, rows * each)


def _largest_summand(primitive: Primitive) -> int:
    return primitive.magnitude if isinstance(primitive, SumValues) else 1


def root_up(square: int) -> float:
    """The least double at or above the square root of a positive integer (or the one after it)."""
    root = math.sqrt(square) if square < 2**1000 else math.inf
    while root < math.inf and Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root
