"""What reviewers see of reviews beside the copy itself (`sandbox.review.copy`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.proof.entry import time_text


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """A review that waits, in a list. `voted` says whether the reader's vote is among those that count."""

    id: str
    dataset: str
    grade: str
    purpose: str
    outcome: str
    state: str
    votes_needed: int
    voted: bool
    opened_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "dataset": self.dataset,
            "grade": self.grade,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "state": self.state,
            "votes_needed": self.votes_needed,
            "voted": self.voted,
            "opened_at": time_text(self.opened_at),
        }


@dataclass(frozen=True, slots=True)
class VoteView:
    """What a vote brought about: the review's state after it, and the decision if there is one now."""

    id: str
    state: str
    decision: str | None

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "decision": self.decision}
