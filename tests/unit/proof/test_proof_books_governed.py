"""The books of people, grants, freezes and reviews: laws over small logs, each beside the log that keeps it."""

import pytest
from made_lives import lived, opened
from made_logs import OTHER_DIGEST
from taken_logs import broken, codes, kept


def test_uses_count_reservations_and_reused_answers_alike():
    log = opened()
    log.granted(2, first=False, uses=3)
    log.asked(1, grant="g2")
    log.reused(2, of=1, grant="g2")
    log.reserved(3, grant="g2")
    log.forfeited(3)  # also what failed was a use
    kept(log)
    log.reused(4, of=1, grant="g2")
    broken(log, "more often")


def test_a_human_with_several_names_counts_once():
    """An identity decides; without one the name does."""
    log = opened()
    log.enrolled("ann2", role="steward", organisation="bureau", identity="staff-1")
    log.requested(2)
    log.given(2, by="ann2", first=False)
    broken(log, "own request")
    log = opened()
    log.enrolled("sue2", role="steward", organisation="bureau", identity="sue")
    log.requested(2)
    log.given(2, by="sue2", first=False)  # sue's second name is another human than ann
    kept(log)


def test_roles_that_do_not_go_together_are_told():
    log = opened()
    log.enrolled("sam", role="steward", organisation="bureau", identity="staff-7")
    assert codes(log) == {}  # rita reviews, and may be a steward
    log.enrolled("sid", role="officer", organisation="watch", identity="staff-7")
    log.enrolled("sol", role="analyst", organisation="acme", identity="sue")
    assert codes(log) == {"roles-together": (2, len(log.entries) - 2)}


def test_a_grant_may_be_given_as_asked_or_narrower_and_only_then():
    for narrower in (
        {},
        {"columns": [], "aggregates": ["count"], "tables": ["clinic.visits"]},
        {"uses": 1, "epsilon": "1/3", "review": "held"},
        {"not_before": "2026-05-01T00:00:00Z", "not_after": "2026-05-02T00:00:00Z"},
    ):
        log = opened()
        log.requested(2)
        log.given(2, first=False, **narrower)
        kept(log)
    log = opened()
    log.requested(2, uses=None, not_before=None)
    log.given(2, first=False, uses=None, not_before="2020-01-01T00:00:00.000000Z")
    kept(log)


def test_a_grants_duty_is_the_least_that_a_review_asks_for():
    for duty, outcome, votes, holds in (
        ("held", "automatic", 0, False),
        ("held", "sampled", 0, False),
        ("held", "held", 1, True),
        ("held", "held", 2, True),
        ("two", "held", 1, False),
        ("two", "held", 2, True),
    ):
        log = opened()
        log.requested(2)
        log.given(2, first=False, review=duty)
        log.asked(1, outcome, votes, grant="g2")
        if holds:
            kept(log)
        else:
            broken(log, "fewer votes than its grant demands")


def test_who_gave_a_grant_does_not_vote_on_what_is_asked_under_it():
    for identity, holds in (("sue", False), ("staff-9", True)):
        log = opened()
        log.enrolled("rex", role="reviewer", organisation="bureau", identity=identity)
        log.asked(1, "held", 1)
        log.voted(1, "rex", "approve", "approved")
        if holds:
            kept(log)
        else:
            broken(log, "the same human gave")


def test_a_sampled_release_takes_votes_afterwards_from_different_humans():
    log = opened()
    log.asked(1, "sampled")
    log.released(1)
    log.voted(1, "rita", "reject", None, "afterwards")
    log.voted(1, "ray", "reject", None, "afterwards")
    assert codes(log)["doubted-afterwards"] == (2, len(log.entries) - 2)
    log.voted(1, "rita", "approve", None, "afterwards")
    broken(log, "does not take")


def test_votes_of_an_earlier_policy_do_not_count_but_return_with_it():
    log = opened()
    log.asked(1, "held", 2)
    log.voted(1, "rita")
    log.started()
    log.voted(1, "ray", digest=OTHER_DIGEST)
    kept(log)
    log.voted(1, "rita", "approve", "approved")
    broken(log, "something else")  # no start between: the policy is still the other one
    log.entries.pop()
    log.started()
    log.voted(1, "ray", "approve", "approved")  # with rita's first vote, under the first policy again
    kept(log)


def test_an_engines_restart_changes_no_policy():
    log = opened()
    log.asked(1, "held", 1)
    log.add("engine.restarted", version="1", boot="b", clock={"tick_ms": 1, "on": True}, network="private")
    log.voted(1, "ray", "approve", "approved", digest=OTHER_DIGEST)
    broken(log, "something else")


@pytest.mark.parametrize(("subject", "name"), [("person", "ann"), ("grant", "g1"), ("dataset", "clinic")])
def test_what_is_frozen_stands_still_until_two_officers_let_go(subject, name):
    for attempt in (
        lambda log: log.reserved(9),
        lambda log: log.reused(9, of=1),
        lambda log: log.released(1),
    ):
        log = opened()
        log.asked(1)
        log.frozen(1, subject, name)
        log.loaded("clinic", 2)
        kept(log)
        attempt(log)
        broken(log, f"the {subject} {name} is frozen")
        log.entries.pop()
        log.lift_asked(1)
        attempt(log)
        broken(log, f"the {subject} {name} is frozen")
        log.entries.pop()
        log.lifted(1)
        attempt(log)
        kept(log)
        log.frozen(2, subject, name, by="enclave")  # and again, under another id
        kept(log)


def test_others_go_on_while_one_is_frozen():
    log = lived()
    log.granted(4, "bob", first=False)
    log.frozen(9, "person", "ann")
    log.frozen(10, "grant", "g1")
    log.reserved(31, person="bob", grant="g4")
    kept(log)


def test_the_enclave_is_whoever_created_it():
    log = opened()
    log.frozen(1, "person", "ann", by="engine")
    broken(log, "not enrolled as officer")
    log = opened()
    log.lift_asked(1, by="enclave")
    broken(log, "not in force")
    log = opened()
    log.frozen(1, "person", "ann", by="enclave")
    log.lift_asked(1, by="enclave")  # it freezes, and never lifts
    broken(log, "not enrolled as officer")
