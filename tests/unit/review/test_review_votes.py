"""Votes: who may, who sees what, what they come to; and against a count written here, for every sequence up to length 6."""

from dataclasses import replace
from itertools import product

import pytest
from review_examples import DIGEST, a_ballot, a_reviewer

from sandbox.review.states import ENDS, Event, State, step
from sandbox.review.votes import Ballot, Round, Tally, may_vote, seen_by, tally
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import AlreadyDecided, NotFound, OwnRequest, Refusal, ReviewChanged, RoleNotPermitted

NEW = "e" * 64
HUMANS = ("h1", "h2", "h3")
VERDICTS = ("approve", "reject")


def cast(needed: int, *votes: str, digest: str = DIGEST) -> Tally:
    """Votes such as "h1+" and "h2-", each in the round that waits for it."""
    ballots: list[Ballot] = []
    for vote in votes:
        now = tally(needed, ballots, digest)
        assert now.round is not None
        ballots.append(a_ballot(vote[:-1], "approve" if vote[-1] == "+" else "reject", now.round, digest))
    return tally(needed, ballots, digest)


def asked(found: Tally, reviewer: Person, human: str = "ann", organisation: str = "acme") -> type[Refusal] | None:
    refusal = may_vote(found, reviewer, human, organisation)
    return None if refusal is None else type(refusal)


# -- what votes come to --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needed", "votes", "state", "round_", "decision"),
    [
        (1, "", "awaiting-vote", "independent", None),
        (1, "h1+", "approved", None, "approved"),
        (1, "h1-", "rejected", None, "rejected"),
        (2, "", "awaiting-first", "independent", None),
        (2, "h1+", "awaiting-second", "independent", None),
        (2, "h1+ h2+", "approved", None, "approved"),
        (2, "h1- h2-", "rejected", None, "rejected"),
        (2, "h1+ h2-", "consolidating", "consolidation", None),
        (2, "h1+ h2- h2-", "consolidating-second", "consolidation", None),
        (2, "h1+ h2- h2- h1-", "rejected", None, "rejected"),
        (2, "h1+ h2- h1+ h2+", "approved", None, "approved"),
        (2, "h1+ h2- h1- h2+", "awaiting-third", "third", None),
        (2, "h1+ h2- h1- h2+ h3+", "approved", None, "approved"),
        (2, "h1+ h2- h1- h2+ h3-", "rejected", None, "rejected"),
        (0, "", "sampled", "afterwards", "approved"),
        (0, "h1-", "approved", None, "approved"),
    ],
)
def test_the_rounds(needed: int, votes: str, state: str, round_: str | None, decision: str | None) -> None:
    found = cast(needed, *votes.split())
    assert (found.state, found.round, found.decision) == (state, round_, decision)
    assert len(found.counted) == len(votes.split())


def test_an_automatic_review_waits_for_nothing() -> None:
    found = tally(0, (), DIGEST, "approved", "automatic")
    assert (found.state, found.round, found.decision) == (State.APPROVED, None, "approved")
    assert tally(0, (), DIGEST, "approved", "sampled").round == "afterwards"
    assert tally(1, (), DIGEST, None, "automatic").decision is None  # a ruling that asks for votes is not automatic


@pytest.mark.parametrize("needed", [-1, 3])
def test_no_other_number_of_votes_is_known(needed: int) -> None:
    with pytest.raises(ValueError, match="0, 1 or 2"):
        tally(needed, (), DIGEST)


@pytest.mark.parametrize("decision", ["withdrawn", "lapsed", "rejected"])
@pytest.mark.parametrize("needed", [0, 1, 2])
def test_an_ending_stands_whatever_the_votes(decision: str, needed: int) -> None:
    ballots = (a_ballot("h1", "approve"), a_ballot("h2", "approve"))
    for given in ((), ballots[:1], ballots):
        found = tally(needed, given, DIGEST, decision)
        assert (found.state, found.round) == (decision, None)
        assert found.decision == ("rejected" if decision == "rejected" else None)


def test_an_approval_must_be_borne_out() -> None:
    both = (a_ballot("h1", "approve"), a_ballot("h2", "approve"))
    assert tally(2, both, DIGEST, "approved").decision == "approved"
    assert tally(2, both[:1], DIGEST, "approved").decision is None
    assert tally(2, (), DIGEST, "approved").decision is None
    assert tally(2, both, NEW, "approved").decision is None


# -- what does not count -------------------------------------------------------------------------------------------------


def test_a_changed_digest_begins_anew() -> None:
    old = (a_ballot("h1", "approve"), a_ballot("h2", "approve", digest=NEW))
    assert tally(2, old, DIGEST).counted == old[:1]
    assert tally(2, old, NEW).counted == old[1:]
    assert tally(2, old, NEW).state is State.AWAITING_SECOND
    same = (old[0], replace(old[1], digest=DIGEST))  # the control: of one digest they decide
    assert tally(2, same, DIGEST).decision == "approved"


@pytest.mark.parametrize(
    "change",
    [
        {"human": "h1"},
        {"round": "consolidation"},
        {"round": "third"},
        {"round": "afterwards"},
        {"round": ""},
        {"verdict": "Approve"},
        {"verdict": ""},
        {"digest": NEW},
        {"digest": DIGEST.upper()},
    ],
)
def test_a_ballot_out_of_place_does_not_count(change: dict[str, str]) -> None:
    first, second = a_ballot("h1", "approve"), a_ballot("h2", "approve")
    assert tally(2, (first, second), DIGEST).decision == "approved"  # the control
    found = tally(2, (first, replace(second, **change)), DIGEST)
    assert (found.state, found.counted) == (State.AWAITING_SECOND, (first,))


def test_one_human_under_two_names_votes_once() -> None:
    twice = (a_ballot("h1", "approve"), replace(a_ballot("h1", "approve"), reviewer="another-name"))
    assert tally(2, twice, DIGEST).decision is None
    two = (twice[0], replace(twice[1], human="h2"))
    assert tally(2, two, DIGEST).decision == "approved"


def test_ballots_after_the_decision_do_not_count() -> None:
    ballots = (a_ballot("h1", "approve"), a_ballot("h2", "reject"))
    assert tally(1, ballots, DIGEST).counted == ballots[:1]


# -- against a count that knows no machine -------------------------------------------------------------------------------


def slow(needed: int, votes: tuple[tuple[str, str], ...]) -> tuple[str | None, str | None, int]:
    """(decision, next round, how many count), told from the votes by counting; a vote out of turn is passed over."""
    first: dict[str, str] = {}
    again: dict[str, str] = {}
    last: dict[str, str] = {}

    def now() -> tuple[str | None, str | None]:
        if len(first) < needed:
            return None, "independent"
        if len(set(first.values())) == 1:
            return first[next(iter(first))], None
        if len(again) < 2:
            return None, "consolidation"
        if len(set(again.values())) == 1:
            return again[next(iter(again))], None
        return (next(iter(last.values())), None) if last else (None, "third")

    for human, verdict in votes:
        round_ = now()[1]
        if round_ == "independent":
            first.setdefault(human, verdict)
        elif round_ == "consolidation" and human in first:
            again.setdefault(human, verdict)
        elif round_ == "third" and human not in first:
            last[human] = verdict
    verdict, round_ = now()
    return (
        {"approve": "approved", "reject": "rejected", None: None}[verdict],
        round_,
        len(first) + len(again) + len(last),
    )


@pytest.mark.parametrize("needed", [1, 2])
def test_the_tally_counts_right_for_every_sequence_up_to_six_votes(needed: int) -> None:
    choices = list(product(HUMANS, VERDICTS))
    people = {human: a_reviewer(human) for human in HUMANS}
    level: list[tuple[tuple[tuple[str, str], ...], tuple[Ballot, ...], str | None]] = [((), (), None)]
    seen = 0
    for length in range(7):
        following = []
        for votes, ballots, decision in level:
            found = tally(needed, ballots, DIGEST, decision)
            assert (found.decision, found.round, len(found.counted)) == slow(needed, votes), votes
            seen += 1
            if length == 6:
                continue
            for human, verdict in choices:
                ballot = a_ballot(human, verdict, found.round or "independent")
                more = tally(needed, (*ballots, ballot), DIGEST, decision)
                # who may vote counts, and who may not does not: the two never part
                assert (may_vote(found, people[human], "ann", "acme") is None) == (
                    len(more.counted) > len(found.counted)
                )
                following.append(((*votes, (human, verdict)), (*ballots, ballot), more.decision))
        level = following
    assert seen == sum(6**length for length in range(7))


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_the_tally_walks_the_machine_for_every_sequence_with_resets(needed: int) -> None:
    """Votes by whoever may, and changes of the digest: the machine's own steps lead to the tally's state."""
    ruled = {0: Event.RULE_SAMPLED, 1: Event.RULE_HELD_ONE, 2: Event.RULE_HELD_TWO}[needed]
    walked = 0
    for moves in product(("+", "-", "reset"), repeat=6):
        ballots: list[Ballot] = []
        digest, decision = 0, None
        state, standing = step(State.MEASURED, ruled), ""
        for move in moves:
            found = tally(needed, ballots, str(digest), decision)
            assert found.state is state
            if move == "reset":
                if state in ENDS:
                    break
                digest += 1
                state, decision = step(step(state, Event.RESET), ruled), None
                continue
            if found.round is None:
                break
            human = next(name for name in HUMANS if may_vote(found, a_reviewer(name), "ann", "acme") is None)
            ballots.append(a_ballot(human, "approve" if move == "+" else "reject", found.round, str(digest)))
            match state:
                case State.SAMPLED:
                    state = step(state, Event.LOOK)
                case State.AWAITING_FIRST | State.CONSOLIDATING:
                    standing = move
                    state = step(state, Event.VOTE)
                case State.AWAITING_SECOND | State.CONSOLIDATING_SECOND if move != standing:
                    state = step(state, Event.CONFLICT)
                case _:
                    state = step(state, Event.APPROVE if move == "+" else Event.REJECT)
            decision = tally(needed, ballots, str(digest), decision).decision
            walked += 1
    assert walked > 500


# -- who may -------------------------------------------------------------------------------------------------------------


def test_a_reviewer_of_another_organisation_may() -> None:
    for needed in (0, 1, 2):
        assert asked(tally(needed, (), DIGEST), a_reviewer("rae")) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER])
def test_no_other_role_votes(role: Role) -> None:
    assert asked(tally(1, (), DIGEST), a_reviewer("rae", role=role)) is RoleNotPermitted


def test_the_author_never_votes_under_any_name() -> None:
    found = tally(2, (), DIGEST)
    assert asked(found, a_reviewer("rae", identity="no-7"), human="no-7") is OwnRequest
    assert asked(found, a_reviewer("no-7"), human="no-7") is OwnRequest
    assert asked(found, a_reviewer("rae", "acme", identity="no-7"), human="no-7") is OwnRequest
    assert asked(found, a_reviewer("rae", identity="no-8"), human="no-7") is None


def test_the_authors_organisation_does_not_learn_of_the_review() -> None:
    for votes in ("", "h1+", "h1+ h2+"):
        found = cast(2, *votes.split())
        assert asked(found, a_reviewer("rae", "acme")) is NotFound
        assert asked(found, a_reviewer("rae", "bureau")) in (None, AlreadyDecided)


def test_nobody_votes_twice_in_a_round() -> None:
    found = cast(2, "h1+")
    assert asked(found, a_reviewer("h1")) is AlreadyDecided
    assert asked(found, a_reviewer("other-name", identity="h1")) is AlreadyDecided
    assert asked(found, a_reviewer("h2")) is None


def test_consolidation_belongs_to_the_two() -> None:
    found = cast(2, "h1+", "h2-")
    assert asked(found, a_reviewer("h1")) is None
    assert asked(found, a_reviewer("h2")) is None
    assert asked(found, a_reviewer("h3")) is ReviewChanged
    half = cast(2, "h1+", "h2-", "h2-")
    assert asked(half, a_reviewer("h2")) is AlreadyDecided
    assert asked(half, a_reviewer("h1")) is None
    assert asked(half, a_reviewer("h3")) is ReviewChanged


def test_the_third_is_a_third_human() -> None:
    found = cast(2, "h1+", "h2-", "h1+", "h2-")
    assert asked(found, a_reviewer("h1")) is AlreadyDecided
    assert asked(found, a_reviewer("third-name", identity="h2")) is AlreadyDecided
    assert asked(found, a_reviewer("h3")) is None
    stuffed = (*found.counted, a_ballot("h1", "approve", "third"))
    assert tally(2, stuffed, DIGEST) == found  # and a ballot that got in all the same does not count


@pytest.mark.parametrize("decision", ["approved", "rejected", "withdrawn", "lapsed"])
def test_what_is_decided_takes_no_vote(decision: str) -> None:
    found = cast(1, "h1+") if decision == "approved" else tally(1, (), DIGEST, decision)
    assert asked(found, a_reviewer("h2")) is AlreadyDecided


# -- who sees what -------------------------------------------------------------------------------------------------------


def humans(ballots: tuple[Ballot, ...]) -> list[str]:
    return [ballot.human for ballot in ballots]


def test_independent_votes_are_blind_until_both_are_in() -> None:
    half = cast(2, "h1+")
    assert humans(seen_by(half, "h1")) == ["h1"]
    assert seen_by(half, "h2") == ()
    assert seen_by(half, "h3") == ()
    for votes in ("h1+ h2+", "h1+ h2-"):  # the control: then they are shown
        assert humans(seen_by(cast(2, *votes.split()), "h2")) == ["h1", "h2"]


def test_the_third_sees_what_the_two_disagree_on() -> None:
    found = cast(2, "h1+", "h2-", "h1+", "h2-")
    assert humans(seen_by(found, "h3")) == ["h1", "h2", "h1", "h2"]


def test_nothing_of_a_tally_tells_how_the_first_voted() -> None:
    yes, no = cast(2, "h1+"), cast(2, "h1-")
    assert (yes.state, yes.round, yes.decision) == (no.state, no.round, no.decision)
    assert seen_by(yes, "h2") == seen_by(no, "h2")
    assert seen_by(yes, "h1") != seen_by(no, "h1")


def test_votes_on_another_digest_are_not_shown() -> None:
    found = tally(2, (a_ballot("h1", "approve", digest=NEW), a_ballot("h2", "reject", digest=NEW)), DIGEST)
    assert seen_by(found, "h1") == ()
    assert found.round is Round.INDEPENDENT
