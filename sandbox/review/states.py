"""The review of one committed answer as a state machine in two tables: what can happen, and why the rest cannot.

No state tells how anybody voted: a reviewer may see it before voting. Whether something is frozen or revoked is for the
ledger to say, in the transaction that releases; here are only what follows from it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a review stands."""

    MEASURED = "measured"
    AWAITING_VOTE = "awaiting-vote"
    AWAITING_FIRST = "awaiting-first"
    AWAITING_SECOND = "awaiting-second"
    CONSOLIDATING = "consolidating"
    CONSOLIDATING_SECOND = "consolidating-second"
    AWAITING_THIRD = "awaiting-third"
    SAMPLED = "sampled"
    APPROVED = "approved"
    STOPPED = "stopped"
    RELEASED_UNSEEN = "released-unseen"
    RELEASED = "released"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Event(StrEnum):
    """What can happen to a review."""

    RULE_AUTOMATIC = "rule-automatic"
    RULE_SAMPLED = "rule-sampled"
    RULE_HELD_ONE = "rule-held-one"
    RULE_HELD_TWO = "rule-held-two"
    VOTE = "vote"
    APPROVE = "approve"
    REJECT = "reject"
    CONFLICT = "conflict"
    LOOK = "look"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    RESET = "reset"
    RELEASE = "release"
    STOP = "stop"


START = State.MEASURED
WAITING = (
    State.AWAITING_VOTE,
    State.AWAITING_FIRST,
    State.AWAITING_SECOND,
    State.CONSOLIDATING,
    State.CONSOLIDATING_SECOND,
    State.AWAITING_THIRD,
)
"""Held, and not decided."""
PASSED = (State.SAMPLED, State.APPROVED, State.STOPPED)
"""Approved, and not out."""
ENDS = (State.RELEASED, State.REJECTED, State.WITHDRAWN, State.LAPSED)
OPEN = tuple(state for state in State if state not in ENDS)

_SINGLE = (State.AWAITING_VOTE, State.AWAITING_THIRD)
_FIRST = (State.AWAITING_FIRST, State.CONSOLIDATING)
_SECOND = (State.AWAITING_SECOND, State.CONSOLIDATING_SECOND)

TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.MEASURED, Event.RULE_AUTOMATIC): State.APPROVED,
    (State.MEASURED, Event.RULE_SAMPLED): State.SAMPLED,
    (State.MEASURED, Event.RULE_HELD_ONE): State.AWAITING_VOTE,
    (State.MEASURED, Event.RULE_HELD_TWO): State.AWAITING_FIRST,
    (State.AWAITING_FIRST, Event.VOTE): State.AWAITING_SECOND,
    (State.CONSOLIDATING, Event.VOTE): State.CONSOLIDATING_SECOND,
    (State.AWAITING_SECOND, Event.CONFLICT): State.CONSOLIDATING,
    (State.CONSOLIDATING_SECOND, Event.CONFLICT): State.AWAITING_THIRD,
    **{(state, Event.APPROVE): State.APPROVED for state in (*_SINGLE, *_SECOND)},
    **{(state, Event.REJECT): State.REJECTED for state in (*_SINGLE, *_SECOND)},
    **{(state, Event.WITHDRAW): State.WITHDRAWN for state in WAITING},
    **{(state, Event.LAPSE): State.LAPSED for state in (*WAITING, *PASSED)},
    **{(state, Event.RESET): State.MEASURED for state in (*WAITING, *PASSED)},
    (State.SAMPLED, Event.LOOK): State.APPROVED,
    (State.SAMPLED, Event.RELEASE): State.RELEASED_UNSEEN,
    (State.SAMPLED, Event.STOP): State.SAMPLED,
    (State.RELEASED_UNSEEN, Event.LOOK): State.RELEASED,
    (State.APPROVED, Event.RELEASE): State.RELEASED,
    (State.APPROVED, Event.STOP): State.STOPPED,
    (State.STOPPED, Event.RELEASE): State.RELEASED,
    (State.STOPPED, Event.STOP): State.STOPPED,
}
"""(state, event) → the next state."""

_RULINGS = (Event.RULE_AUTOMATIC, Event.RULE_SAMPLED, Event.RULE_HELD_ONE, Event.RULE_HELD_TWO)
_VOTES = (Event.VOTE, Event.APPROVE, Event.REJECT, Event.CONFLICT)

_REASONS: tuple[tuple[Iterable[State], Iterable[Event], str], ...] = (
    ([State.MEASURED], _VOTES, "The rules rule before anybody votes."),
    ([State.MEASURED], [Event.LOOK], "Nothing has been sampled yet."),
    ([State.MEASURED], [Event.WITHDRAW, Event.LAPSE], "The rules rule in the transaction that commits the answer."),
    ([State.MEASURED], [Event.RESET], "There is nothing to reset before the rules have ruled."),
    ([State.MEASURED, *WAITING], [Event.RELEASE, Event.STOP], "Nothing leaves before it is approved."),
    ([*WAITING, *PASSED, State.RELEASED_UNSEEN], _RULINGS, "The rules rule once, unless what they ruled on changes."),
    (_SINGLE, [Event.VOTE], "This one vote decides; it waits for no other."),
    (_SINGLE, [Event.CONFLICT], "One vote conflicts with none."),
    (_FIRST, [Event.APPROVE, Event.REJECT], "One vote of two decides nothing."),
    (_FIRST, [Event.CONFLICT], "One vote conflicts with none."),
    (_SECOND, [Event.VOTE], "The second vote agrees with the first or conflicts with it."),
    (WAITING, [Event.LOOK], "What is held is voted on, not sampled."),
    ([*PASSED, State.RELEASED_UNSEEN], _VOTES, "It is approved; nobody votes on it again."),
    ([State.APPROVED, State.STOPPED], [Event.LOOK], "It was not sampled, or was looked at already."),
    (PASSED, [Event.WITHDRAW], "What is approved is released at once; its author can leave the bundle unopened."),
    ([State.RELEASED_UNSEEN], [Event.WITHDRAW, Event.LAPSE, Event.RESET, Event.STOP], "It has left."),
    ([State.RELEASED_UNSEEN], [Event.RELEASE], "An answer is released once."),
    (ENDS, Event, "The review is over."),
)

IMPOSSIBLE: Mapping[tuple[State, Event], str] = {
    (state, event): reason for states, events, reason in _REASONS for state in states for event in events
}
"""(state, event) → why it cannot happen. Together with TRANSITIONS it holds every pair once."""


def step(state: State, event: Event) -> State:
    """The state after `event`.

    Raises:
        ValueError: the event cannot happen in this state; the message says why.
    """
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise ValueError(f"{state}, {event}: {IMPOSSIBLE[state, event]}")
    return found
