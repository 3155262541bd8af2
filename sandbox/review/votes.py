"""Votes: two blind ones, consolidation, a third. What the ballots come to, who may vote next, who sees whose vote.

The ballots are walked through the state machine; a ballot that could not have been cast where it stands (another
digest, another round, a human who had voted in it) does not count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.review.rules import Outcome
from sandbox.review.states import Event, State, step
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import AlreadyDecided, NotFound, OwnRequest, Refusal, ReviewChanged, RoleNotPermitted


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Round(StrEnum):
    INDEPENDENT = "independent"  # blind: nobody sees another's vote until all are in
    CONSOLIDATION = "consolidation"  # the same two, seeing each other's votes
    THIRD = "third"  # another human decides
    AFTERWARDS = "afterwards"  # a look at a sampled release; decides nothing


APPROVED, REJECTED, WITHDRAWN, LAPSED = "approved", "rejected", "withdrawn", "lapsed"
"""Decisions as the ledger records them."""

ROUND_OF = {
    State.AWAITING_VOTE: Round.INDEPENDENT,
    State.AWAITING_FIRST: Round.INDEPENDENT,
    State.AWAITING_SECOND: Round.INDEPENDENT,
    State.CONSOLIDATING: Round.CONSOLIDATION,
    State.CONSOLIDATING_SECOND: Round.CONSOLIDATION,
    State.AWAITING_THIRD: Round.THIRD,
    State.SAMPLED: Round.AFTERWARDS,
    State.RELEASED_UNSEEN: Round.AFTERWARDS,
}
"""The round of the vote that a state waits for."""

_RULED = {0: Event.RULE_SAMPLED, 1: Event.RULE_HELD_ONE, 2: Event.RULE_HELD_TWO}
_CLOSED = {REJECTED: State.REJECTED, WITHDRAWN: State.WITHDRAWN, LAPSED: State.LAPSED}
_DECISIONS = {State.APPROVED: APPROVED, State.SAMPLED: APPROVED, State.REJECTED: REJECTED}


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote as recorded. `verdict` is approve or reject, `round` a Round's value; `human` is who the reviewer is,
    `digest` what they saw (sandbox.review.binding)."""

    reviewer: str
    human: str
    organisation: str
    verdict: str
    reason: str
    round: str
    digest: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ballots come to. `round` is the next vote's, None where no vote is waited for; `decision` is approved,
    rejected or None (undecided, withdrawn or lapsed: see `state`); `counted` are the ballots that count, in order."""

    state: State
    round: Round | None
    decision: str | None
    counted: tuple[Ballot, ...]


def tally(
    needed: int, ballots: Iterable[Ballot], digest: str, decision: str | None = None, outcome: str | None = None
) -> Tally:
    """Where a review stands.

    Args:
        needed: votes that the ruling asked for: 0, 1 or 2.
        ballots: all that were recorded, in order.
        digest: the review's current digest; ballots with another one do not count, so a change begins anew.
        decision: as the ledger holds it. A rejection, withdrawal or lapse stands; an approval must be borne out by the
            ballots that count, or the review is open again.
        outcome: of the ruling; "automatic" asks for no look afterwards, any other ruling of 0 votes is a sampled one.

    Raises:
        ValueError: another number of votes.
    """
    if needed not in _RULED:
        raise ValueError("a review needs 0, 1 or 2 votes")
    automatic = needed == 0 and outcome == Outcome.AUTOMATIC
    state = step(State.MEASURED, Event.RULE_AUTOMATIC if automatic else _RULED[needed])
    counted: tuple[Ballot, ...] = ()
    for ballot in ballots:
        if ballot.digest == digest and ballot.round == ROUND_OF.get(state) and _is_turn(state, counted, ballot.human):
            event = _event(state, counted, ballot)
            if event is not None:
                state, counted = step(state, event), (*counted, ballot)
    state = _CLOSED.get(decision or "", state)
    return Tally(state, ROUND_OF.get(state), _DECISIONS.get(state), counted)


def may_vote(found: Tally, reviewer: Person, author_human: str, author_organisation: str) -> Refusal | None:
    """None where this person may cast the next vote, else why not.

    A reviewer of the author's organisation is told that there is no such review: it is not theirs to know of.
    """
    if reviewer.role is not Role.REVIEWER:
        return RoleNotPermitted("Only reviewers vote on releases.")
    if reviewer.human == author_human:
        return OwnRequest("You asked this query yourself; somebody else reviews it.")
    if reviewer.organisation == author_organisation:
        return NotFound("There is no review of this id for you.")
    if found.round is None:
        return AlreadyDecided("No vote is waited for: the review is decided or closed.")
    if not _is_turn(found.state, found.counted, reviewer.human):
        if found.round is Round.CONSOLIDATION and reviewer.human not in _humans(found.counted, Round.INDEPENDENT):
            return ReviewChanged("Two reviewers have voted and disagree: those two vote again before a third does.")
        return AlreadyDecided("You have voted in this review; the next vote is another reviewer's.")
    return None


def seen_by(found: Tally, reviewer_human: str) -> tuple[Ballot, ...]:
    """The votes this human may see: their own, and everybody's once the independent ones are all in or it is over."""
    if found.round is Round.INDEPENDENT:
        return tuple(ballot for ballot in found.counted if ballot.human == reviewer_human)
    return found.counted


def _is_turn(state: State, counted: tuple[Ballot, ...], human: str) -> bool:
    """One human votes once a round; consolidation belongs to the first two, the third vote to anybody but them."""
    first_two = _humans(counted, Round.INDEPENDENT)
    match ROUND_OF.get(state):
        case Round.INDEPENDENT:
            return human not in first_two
        case Round.CONSOLIDATION:
            return human in first_two - _humans(counted, Round.CONSOLIDATION)
        case Round.THIRD:
            return human not in first_two
        case Round.AFTERWARDS:
            return True
        case None:
            return False


def _humans(counted: tuple[Ballot, ...], wanted: Round) -> frozenset[str]:
    return frozenset(ballot.human for ballot in counted if ballot.round == wanted)


def _event(state: State, counted: tuple[Ballot, ...], ballot: Ballot) -> Event | None:
    """What a ballot does in a state; None for a verdict that is none."""
    if ballot.verdict not in (Verdict.APPROVE, Verdict.REJECT):
        return None
    match state:
        case State.AWAITING_FIRST | State.CONSOLIDATING:
            return Event.VOTE
        case State.SAMPLED | State.RELEASED_UNSEEN:
            return Event.LOOK
        case State.AWAITING_SECOND | State.CONSOLIDATING_SECOND if counted[-1].verdict != ballot.verdict:
            return Event.CONFLICT
        case _:
            return Event.APPROVE if ballot.verdict == Verdict.APPROVE else Event.REJECT
