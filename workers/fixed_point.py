"""Summands: doubles or integers become fixed-point int64 within the plan's magnitude, in one compiled pass a block."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.plan.primitives import SumValues
from workers.frozen import frozen
from workers.vector import Vector, nearest_double

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """round((clamp(v, low, high) - center) / granularity) in each row, half to even, 0 where NULL or NaN.

    The absolute value is at most the sum's magnitude by construction: the integers themselves are clipped to it, so no
    rounding of doubles can widen what one row adds. `integers` are low, high and center where no double is needed.
    """

    magnitude: int
    doubles: tuple[float, float, float, float]
    integers: tuple[int, int, int] | None

    @classmethod
    def of(cls, total: SumValues) -> "FixedPoint":
        """Raises ValueError where a summand would leave int64."""
        if total.magnitude > 2**62:
            raise ValueError("a summand leaves int64")
        parts = (total.low, total.high, total.center)
        whole = total.granularity == 1 and all(_is_int64(part) for part in parts)
        low, high, center = (nearest_double(part) for part in parts)
        return cls(
            total.magnitude,
            (low, high, center, nearest_double(total.granularity)),
            (int(total.low), int(total.high), int(total.center)) if whole else None,
        )

    def apply(self, vector: Vector) -> Integers:
        """What each row adds."""
        out = np.empty(len(vector.values), np.int64)
        valid = frozen(vector.valid, np.bool_)
        if self.integers is not None and vector.values.dtype == np.int64:
            _whole(frozen(vector.values, np.int64), valid, *self.integers, self.magnitude, out)
        else:
            _rounded(frozen(vector.values, np.float64), valid, *self.doubles, self.magnitude, out)
        return out


def _is_int64(value: Fraction) -> bool:
    return value.denominator == 1 and -(2**63) <= value < 2**63


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _rounded(
    values: Any, valid: Any, low: Any, high: Any, center: Any, granularity: Any, magnitude: Any, out: Any
) -> None:  # pragma: no cover - compiled
    reach = float(magnitude)
    for row in range(values.size):
        steps = (min(max(values[row], low), high) - center) / granularity
        # The double `reach` may lie above the magnitude; the integers are clipped again.
        steps = min(max(steps, -reach), reach) if not (np.isnan(steps) or np.isnan(values[row])) else 0.0
        whole = np.int64(np.rint(steps))
        out[row] = min(max(whole, -magnitude), magnitude) if valid[row] else 0


@numba.njit(nogil=True, cache=True)
def _whole(
    values: Any, valid: Any, low: Any, high: Any, center: Any, magnitude: Any, out: Any
) -> None:  # pragma: no cover - compiled
    for row in range(values.size):
        whole = min(max(values[row], low), high) - center
        out[row] = min(max(whole, -magnitude), magnitude) if valid[row] else 0
