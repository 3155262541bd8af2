"""What the public catalogue shows of a registered dataset: nothing of its loads, and no withheld column."""

from dataclasses import dataclass
from typing import Any

from sandbox.terms.dataset import Dataset


@dataclass(frozen=True, slots=True)
class OfferSummary:
    """A dataset that grants can be requested for, in a list."""

    dataset: Dataset

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.dataset.name,
            "title": self.dataset.title,
            "grade": self.dataset.grade.value,
            "steward": self.dataset.steward,
            "unit_space": self.dataset.unit_space,
        }


@dataclass(frozen=True, slots=True)
class OfferView:
    """A dataset that grants can be requested for."""

    summary: OfferSummary
    tables: tuple[dict[str, Any], ...]
    space: dict[str, str] | None
    epsilon: str

    def to_json(self) -> dict[str, Any]:
        return self.summary.to_json() | {"tables": list(self.tables), "space": self.space, "epsilon": self.epsilon}
