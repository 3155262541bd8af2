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
    """

    sensitivity: int
    scale: str
    cost: int


@dataclass(frozen=True, slots=True)
class MeasurementSpec:
    """One vector for each primitive of the plan, in its order; `cost` is their sum."""

    mode: Mode
    vectors: tuple[NoisyVector, ...]

    @property
    def cost(self) -> Loss:
        """The loss the whole answer costs."""
        return Loss(self.mode, sum(vector.cost for vector in self.vectors))

    def to_json(self) -> dict[str, Any]:
        """Canonical form: integers beyond 2^53 and scales are strings."""
        return {
            "mode": self.mode.value,
            "vectors": [
                {"sensitivity": str(vector.sensitivity), "scale": vector.scale, "cost": str(vector.cost)}
                for vector in self.vectors
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "MeasurementSpec":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        return cls(
            Mode(value["mode"]),
            tuple(
                NoisyVector(int(item["sensitivity"]), str(item["scale"]), int(item["cost"]))
                for item in value["vectors"]
            ),
        )
