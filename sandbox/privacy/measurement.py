"""What will be measured, at which sensitivity, with how much noise, and what it costs: fixed before any read."""

from dataclasses import dataclass
from typing import Any

from sandbox.terms.loss import Loss, Mode


@dataclass(frozen=True, slots=True)
class NoisyVector:
    """One primitive's noise.

    `sensitivity` is the exact integer L1 norm in pure mode and the **squared** L2 norm in zCDP of what one unit can
    change in the int64 vector. `scale` is that of OpenDP: b of the discrete Laplace, σ of the discrete Gaussian, a
    double written by `float.hex`. `cost` is in loss units, rounded up.

    The vector that selects the groups of private keys has a `threshold`: a group shows if its noisy number of units is
    strictly greater. `delta`, in units of 10^-18, is what that costs; 0 elsewhere.
    """

    sensitivity: int
    scale: str
    cost: int
    threshold: int | None = None
    delta: int = 0


@dataclass(frozen=True, slots=True)
class MeasurementSpec:
    """One vector for each of `plan.primitives`, in their order; `cost` is their sum."""

    mode: Mode
    vectors: tuple[NoisyVector, ...]

    @property
    def cost(self) -> Loss:
        """The loss the whole answer costs."""
        return Loss(
            self.mode, sum(vector.cost for vector in self.vectors), sum(vector.delta for vector in self.vectors)
        )

    def to_json(self) -> dict[str, Any]:
        """Canonical form: integers beyond 2^53 and scales are strings; only a vector that selects has the last two."""
        return {"mode": self.mode.value, "vectors": [_vector_json(vector) for vector in self.vectors]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "MeasurementSpec":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        return cls(Mode(value["mode"]), tuple(_vector(item) for item in value["vectors"]))


def _vector_json(vector: NoisyVector) -> dict[str, str]:
    found = {"sensitivity": str(vector.sensitivity), "scale": vector.scale, "cost": str(vector.cost)}
    if vector.threshold is None:
        return found
    return found | {"threshold": str(vector.threshold), "delta": str(vector.delta)}


def _vector(value: dict[str, Any]) -> NoisyVector:
    found = NoisyVector(int(value["sensitivity"]), str(value["scale"]), int(value["cost"]))
    if "threshold" not in value and "delta" not in value:
        return found
    return NoisyVector(found.sensitivity, found.scale, found.cost, int(value["threshold"]), int(value["delta"]))
