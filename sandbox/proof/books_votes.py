"""Which round of a held review is due, and what its votes decide: restated for the verifier, from the votes alone.

One vote, or two blind ones. Two that differ are cast again by the same reviewers, each seeing the other's; where they
still differ, a third human decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

INDEPENDENT, CONSOLIDATION, THIRD, AFTERWARDS = "independent", "consolidation", "third", "afterwards"
ROUNDS = (INDEPENDENT, CONSOLIDATION, THIRD, AFTERWARDS)
DECISIONS = {"approve": "approved", "reject": "rejected"}
"""Verdict → the decision that it brings about."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote by a human, about what `digest` binds."""

    human: str
    verdict: str
    round: str
    digest: str


def standing(needed: int, ballots: Sequence[Ballot]) -> tuple[str | None, str | None]:
    """Where a held review that needs `needed` votes (1 or 2) stands: the round that is due, or the decision.

    `ballots` are the valid ones so far, all about the same digest.
    """
    for due, least in ((INDEPENDENT, needed), (CONSOLIDATION, 2)):
        verdicts = [ballot.verdict for ballot in ballots if ballot.round == due]
        if len(verdicts) < least:
            return due, None
        if len(set(verdicts)) == 1:
            return None, DECISIONS[verdicts[0]]
    third = [ballot.verdict for ballot in ballots if ballot.round == THIRD]
    return (None, DECISIONS[third[0]]) if third else (THIRD, None)


def may_vote(human: str, due: str, ballots: Sequence[Ballot]) -> bool:
    """Whether this human may vote in the round that is due: once in each; again in the second; in the third only
    somebody new."""
    if any((ballot.human, ballot.round) == (human, due) for ballot in ballots):
        return False
    began = any((ballot.human, ballot.round) == (human, INDEPENDENT) for ballot in ballots)
    return began if due == CONSOLIDATION else not began
