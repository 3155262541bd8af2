"""The state machine is total, leads everywhere, and comes to an end from everywhere; nothing leaves unapproved."""

from itertools import product

import pytest

from sandbox.review.diagram import EVENT_WORDS, STATE_WORDS, diagram
from sandbox.review.states import (
    ENDS,
    IMPOSSIBLE,
    OPEN,
    PASSED,
    START,
    TRANSITIONS,
    WAITING,
    Event,
    State,
    step,
)

PAIRS = set(product(State, Event))


def reached(start: State, without: frozenset[Event] = frozenset()) -> set[State]:
    """Every state that events lead to from `start`, itself included."""
    found, fresh = {start}, [start]
    while fresh:
        here = fresh.pop()
        for (state, event), after in TRANSITIONS.items():
            if state is here and event not in without and after not in found:
                found.add(after)
                fresh.append(after)
    return found


def test_every_pair_has_a_transition_or_a_reason_and_not_both() -> None:
    assert set(TRANSITIONS) | set(IMPOSSIBLE) == PAIRS
    assert set(TRANSITIONS) & set(IMPOSSIBLE) == set()
    assert all(reason.endswith(".") and len(reason) > 10 for reason in IMPOSSIBLE.values())


@pytest.mark.parametrize("pair", sorted(PAIRS))
def test_step_takes_the_transition_or_says_why_not(pair: tuple[State, Event]) -> None:
    if pair in TRANSITIONS:
        assert step(*pair) is TRANSITIONS[pair]
    else:
        with pytest.raises(ValueError, match=IMPOSSIBLE[pair]):
            step(*pair)


def test_every_state_is_reached_and_every_event_happens() -> None:
    assert reached(START) == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.parametrize("state", OPEN)
def test_every_open_state_can_end(state: State) -> None:
    assert reached(state, frozenset({Event.RESET})) & set(ENDS)


@pytest.mark.parametrize("state", ENDS)
def test_what_is_over_stays_over(state: State) -> None:
    assert reached(state) == {state}


def test_the_kinds_of_states_are_apart() -> None:
    kinds = [{START}, set(WAITING), set(PASSED), {State.RELEASED_UNSEEN}, set(ENDS)]
    assert set().union(*kinds) == set(State)
    assert sum(map(len, kinds)) == len(State)


def test_nothing_leaves_unapproved() -> None:
    """Without an approving vote and without the rules' own approval no release can be reached."""
    left = {State.RELEASED, State.RELEASED_UNSEEN}
    approving = frozenset({Event.APPROVE, Event.RULE_AUTOMATIC, Event.RULE_SAMPLED})
    assert reached(START, approving) & left == set()
    for event in approving:  # the control: each of them alone opens a way out
        assert reached(START, approving - {event}) & left
    assert {state for (state, event) in TRANSITIONS if event is Event.RELEASE} == set(PASSED)


def test_two_votes_are_two_steps() -> None:
    """From the ruling of two votes, no single event approves; of one vote, one does."""
    assert State.APPROVED not in {after for (state, _), after in TRANSITIONS.items() if state is State.AWAITING_FIRST}
    assert step(step(State.AWAITING_FIRST, Event.VOTE), Event.APPROVE) is State.APPROVED
    assert step(State.AWAITING_VOTE, Event.APPROVE) is State.APPROVED


@pytest.mark.parametrize("state", [*WAITING, *PASSED])
def test_whatever_has_not_left_lapses_and_is_reset(state: State) -> None:
    assert step(state, Event.LAPSE) is State.LAPSED
    assert step(state, Event.RESET) is State.MEASURED


@pytest.mark.parametrize("state", [State.RELEASED, State.RELEASED_UNSEEN])
def test_what_has_left_cannot_be_called_back(state: State) -> None:
    for event in (Event.LAPSE, Event.WITHDRAW, Event.RESET, Event.STOP, Event.RELEASE):
        assert (state, event) in IMPOSSIBLE


def test_the_diagram_shows_every_transition_and_state() -> None:
    lines = [line.strip() for line in diagram().splitlines()]
    assert lines[0] == "stateDiagram-v2"
    for state in State:
        assert f'state "{state}" as {state.replace("-", "_")}' in lines
    for (state, event), after in TRANSITIONS.items():
        arrow = f"{state} --> {after}: ".replace("-", "_").replace("__>", "-->")
        shown = next(line for line in lines if line.startswith(arrow))
        assert EVENT_WORDS[event][0] in shown
    arrows = {(before, after) for (before, _), after in TRANSITIONS.items()}
    assert sum(" --> " in line for line in lines) == len(arrows) + 1 + len(ENDS)


def test_every_state_and_event_has_words() -> None:
    assert set(STATE_WORDS) == set(State)
    assert set(EVENT_WORDS) == set(Event)
    for english, chinese in STATE_WORDS.values():
        assert (english[-1], chinese[-1]) == (".", "。")
