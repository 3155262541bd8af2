"""Reviews and releases in every adapter of the `Ledger` port: how the rules ruled, who voted, what was decided, what left."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from ledger_world import (
    DIGEST,
    T0,
    a_grant,
    a_person,
    a_release,
    a_request,
    a_vote,
    add_keys,
    add_person,
    add_request,
    an_answer,
    approve,
    close_review,
    commit,
    entry,
    freeze,
    give_grant,
    held,
    keys_of,
    lift,
    opening,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    vote,
)

from sandbox.proof.entry import read_entry
from sandbox.proof.merkle import leaf_hash
from sandbox.service.ports import ReviewRecord
from sandbox.terms.canonical import digest
from sandbox.terms.people import ReviewDuty, Role
from sandbox.terms.refusal import AlreadyDecided, Frozen, GrantRevoked, NotFound, OwnRequest, ReviewChanged


def last(ledger: Any) -> dict[str, Any]:
    size = ledger.size()
    return read_entry(ledger.entries(size - 1, size)[0])


def refuses(ledger: Any, kind: type[Exception], call: Callable[[], object], **match: str) -> None:
    """That a call raises and leaves nothing in the log."""
    size = ledger.size()
    with pytest.raises(kind, **match):
        call()
    assert ledger.size() == size


# -- opening -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "decision"), [("automatic", "approved"), ("sampled", "approved"), ("held", None)])
def test_a_commit_opens_its_review_in_one_entry(governed: Any, outcome: str, decision: str | None) -> None:
    governed.reserve(reservation(1), reserved(1))
    receipt = commit(governed, "o1", outcome=outcome)
    found = governed.review("rr-o1")
    decided = receipt.index if decision else None
    assert found == ReviewRecord(
        opening("o1", outcome),
        "q1", "o1", "ann", "ann", "acme", "g-ann", "clinic", T0, (), decision, decided, None,
    )  # fmt: skip
    assert governed.review_of("o1") == found
    assert governed.review_of("o-none") is None
    assert (last(governed)["kind"], last(governed)["facts"]["review"]["outcome"]) == ("query.committed", outcome)
    assert governed.unreleased() == ([found] if decision else [])


def test_a_forfeit_has_no_review(governed: Any) -> None:
    governed.reserve(reservation(1), reserved(1))
    governed.forfeit("o1", entry("query.forfeited"))
    assert governed.review_of("o1") is None
    assert governed.reviews(pending=False) == []


@pytest.mark.parametrize(
    ("duty", "outcome", "votes", "enough"),
    [
        (ReviewDuty.PROFILE, "automatic", 0, True),
        (ReviewDuty.HELD, "automatic", 0, False),
        (ReviewDuty.HELD, "sampled", 0, False),
        (ReviewDuty.HELD, "held", 1, True),
        (ReviewDuty.TWO, "held", 1, False),
        (ReviewDuty.TWO, "held", 2, True),
    ],
)
def test_a_review_asks_for_what_the_grant_demands(
    governed: Any, duty: ReviewDuty, outcome: str, votes: int, enough: bool
) -> None:
    add_request(governed, a_request(name="r-2"))
    give_grant(governed, a_grant(name="g-2", review=duty))
    governed.reserve(reservation(1, grant="g-2"), reserved(1))
    if enough:
        commit(governed, "o1", outcome=outcome, votes=votes)
    else:
        refuses(governed, ValueError, lambda: commit(governed, "o1", outcome=outcome, votes=votes), match="demands")


def test_reviews_are_listed_for_those_who_decide(governed: Any) -> None:
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1")
    for number, outcome in ((2, "sampled"), (3, "sampled"), (4, "held"), (5, "held")):
        governed.reserve(reservation(number), reserved(number))
        commit(governed, f"o{number}", outcome=outcome)
    assert [review.query for review in governed.reviews()] == ["q2", "q3", "q4", "q5"]
    vote(governed, "rr-o2", "rita", "reject", "afterwards")
    approve(governed, "rr-o4")
    assert [review.query for review in governed.reviews()] == ["q3", "q5"]
    assert [review.query for review in governed.reviews(limit=1)] == ["q3"]
    assert [review.query for review in governed.reviews(pending=False)] == ["q5", "q4", "q3", "q2", "q1"]
    assert [review.query for review in governed.reviews(pending=False, limit=2)] == ["q5", "q4"]


# -- votes -------------------------------------------------------------------------------------------------------------


def test_two_who_agree_decide(governed: Any) -> None:
    review = held(governed)
    cast = vote(governed, review, "rita")
    assert governed.review(review).votes == (a_vote(review, "rita"),)
    assert governed.review(review).votes[0].entry == cast.index
    assert (governed.review(review).decision, last(governed)["facts"]["decision"]) == (None, None)
    receipt = vote(governed, review, "ron", decision="approved")
    found = governed.review(review)
    assert (found.decision, found.decided_entry, len(found.votes)) == ("approved", receipt.index, 2)
    said = last(governed)
    assert said["actor"] == "ron"
    assert {name: said["facts"][name] for name in ("review", "query", "verdict", "round", "digest", "decision")} == {
        "review": review,
        "query": "q1",
        "verdict": "approve",
        "round": "independent",
        "digest": DIGEST,
        "decision": "approved",
    }
    assert said["facts"]["reason"] == a_vote(review, "ron").reason


def test_who_disagree_vote_again_and_a_third_decides(governed: Any) -> None:
    review = held(governed)
    vote(governed, review, "rita")
    vote(governed, review, "ron", "reject")
    refuses(governed, ValueError, lambda: vote(governed, review, "rosa", round_="third"))
    vote(governed, review, "ron", "reject", "consolidation")
    refuses(governed, ValueError, lambda: vote(governed, review, "rosa", round_="consolidation"))
    vote(governed, review, "rita", "approve", "consolidation")
    refuses(governed, ValueError, lambda: vote(governed, review, "rita", round_="third", decision="approved"))
    vote(governed, review, "rosa", "reject", "third", decision="rejected")
    found = governed.review(review)
    assert (found.decision, [ballot.round for ballot in found.votes]) == (
        "rejected",
        ["independent", "independent", "consolidation", "consolidation", "third"],
    )
    assert governed.unreleased() == []


def test_one_vote_decides_where_one_is_asked_for(governed: Any) -> None:
    review = held(governed, votes=1)
    refuses(governed, ValueError, lambda: vote(governed, review, "rita"), match="follow")
    vote(governed, review, "rita", "reject", decision="rejected")
    assert governed.review(review).decision == "rejected"


@pytest.mark.parametrize("decision", ["approved", "rejected", "withdrawn"])
def test_a_decision_follows_from_the_votes(governed: Any, decision: str) -> None:
    review = held(governed)
    refuses(governed, ValueError, lambda: vote(governed, review, "rita", decision=decision))
    vote(governed, review, "rita")
    if decision != "approved":
        refuses(governed, ValueError, lambda: vote(governed, review, "ron", decision=decision))
    refuses(governed, ValueError, lambda: vote(governed, review, "ron"))
    refuses(governed, ValueError, lambda: vote(governed, review, "ron", "reject", decision=decision))


def test_nobody_votes_twice_in_a_round_or_under_two_names(governed: Any) -> None:
    add_person(governed, "rita-too", Role.REVIEWER, identity="rita")
    review = held(governed)
    vote(governed, review, "rita")
    refuses(governed, AlreadyDecided, lambda: vote(governed, review, "rita"))
    too = replace(a_vote(review, "rita"), reviewer="rita-too")
    said = entry("review.voted", actor="rita-too")
    refuses(governed, AlreadyDecided, lambda: governed.vote(too, 1, "approved", said))


def test_only_reviewers_of_others_vote(governed: Any) -> None:
    rex = add_person(governed, "rex", Role.REVIEWER, organisation="acme")
    review = held(governed)
    own = replace(a_vote(review, "rita"), reviewer="rex", human=rex.human, organisation="acme")
    refuses(governed, NotFound, lambda: governed.vote(own, 0, None, entry("review.voted", actor="rex")))
    for name in ("ann", "bureau", "olga", "nobody"):
        person = a_person(name)
        other = replace(a_vote(review, "rita"), reviewer=name, human=person.human, organisation=person.organisation)
        said = entry("review.voted", actor=name)
        refuses(governed, ValueError, lambda other=other, said=said: governed.vote(other, 0, None, said))
    posing = replace(a_vote(review, "rita"), human="somebody else")
    refuses(governed, ValueError, lambda: governed.vote(posing, 0, None, entry("review.voted", actor="rita")))
    refuses(
        governed, ValueError, lambda: governed.vote(a_vote(review, "rita"), 0, None, entry("review.voted", actor="ron"))
    )
    silent = replace(a_vote(review, "rita"), reason="")
    refuses(governed, ValueError, lambda: governed.vote(silent, 0, None, entry("review.voted", actor="rita")))
    refuses(governed, NotFound, lambda: vote(governed, "rr-none", "rita", seen=0))


def test_nobody_reviews_under_a_grant_that_they_gave(governed: Any) -> None:
    giver = add_person(governed, "bureau-reviews", Role.REVIEWER, identity="bureau")
    review = held(governed)
    own = replace(a_vote(review, "rita"), reviewer=giver.name, human=giver.human, organisation=giver.organisation)
    said = entry("review.voted", actor=giver.name)
    refuses(governed, OwnRequest, lambda: governed.vote(own, 0, None, said))


def test_a_vote_counts_what_it_has_seen(governed: Any) -> None:
    review = held(governed)
    refuses(governed, ReviewChanged, lambda: vote(governed, review, "rita", seen=1))
    vote(governed, review, "rita")
    refuses(governed, ReviewChanged, lambda: vote(governed, review, "ron", seen=0))


def test_a_vote_is_on_what_the_review_binds_until_the_enclave_starts_again(governed: Any) -> None:
    review = held(governed)
    vote(governed, review, "rita")
    other = sha256(b"under other policies").hexdigest()
    anew = replace(a_vote(review, "rita"), digest=other)
    said = entry("review.voted", actor="rita")
    refuses(governed, ReviewChanged, lambda: governed.vote(anew, 1, None, said))
    governed.append(entry("enclave.started", {"clock": {"on": True}, "network": "private"}))
    governed.vote(anew, 1, None, said)
    refuses(governed, ReviewChanged, lambda: vote(governed, review, "ron", seen=2, decision="approved"))
    again = replace(a_vote(review, "ron"), digest=other)
    governed.vote(again, 2, "approved", entry("review.voted", actor="ron"))
    assert [ballot.digest for ballot in governed.review(review).votes] == [DIGEST, other, other]


def test_a_frozen_reviewer_does_not_vote(governed: Any) -> None:
    review = held(governed)
    freeze(governed, "person", "rita")
    refuses(governed, Frozen, lambda: vote(governed, review, "rita"))
    vote(governed, review, "ron")


def test_what_is_decided_takes_no_vote(governed: Any) -> None:
    review = held(governed)
    approve(governed, review)
    refuses(governed, AlreadyDecided, lambda: vote(governed, review, "rosa", round_="third"))
    governed.reserve(reservation(2), reserved(2))
    commit(governed, "o2")
    refuses(governed, AlreadyDecided, lambda: vote(governed, "rr-o2", "rita"))


def test_samples_are_looked_at_afterwards_and_that_decides_nothing(governed: Any) -> None:
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1", outcome="sampled")
    refuses(governed, ValueError, lambda: vote(governed, "rr-o1", "rita"))
    refuses(governed, ValueError, lambda: vote(governed, "rr-o1", "rita", "reject", "afterwards", "rejected"))
    vote(governed, "rr-o1", "rita", "reject", "afterwards")
    refuses(governed, AlreadyDecided, lambda: vote(governed, "rr-o1", "rita", "approve", "afterwards"))
    release(governed, 1)
    vote(governed, "rr-o1", "ron", "approve", "afterwards")
    assert governed.review("rr-o1").decision == "approved"
    review = held(governed, 2)
    refuses(governed, ValueError, lambda: vote(governed, review, "rita", "approve", "afterwards"), match="due")


# -- closing -----------------------------------------------------------------------------------------------------------


def test_a_review_is_withdrawn_by_its_author_or_lapses(governed: Any) -> None:
    for number, (decision, actor) in enumerate((("withdrawn", "ann"), ("lapsed", "enclave"))):
        review = held(governed, number)
        for wrong in {"ann", "enclave", "rita"} - {actor}:
            said = entry("review.closed", actor=wrong)
            refuses(governed, ValueError, lambda said=said, d=decision, r=review: governed.close_review(r, d, said))
        said = entry("review.closed", actor=actor)
        receipt = governed.close_review(review, decision, said)
        found = governed.review(review)
        assert (found.decision, found.decided_entry) == (decision, receipt.index)
        refuses(governed, AlreadyDecided, lambda said=said, d=decision, r=review: governed.close_review(r, d, said))
        refuses(governed, AlreadyDecided, lambda r=review: vote(governed, r, "rita"))
        refuses(governed, ValueError, lambda n=number: release(governed, n))
    refuses(governed, NotFound, lambda: close_review(governed, "rr-none"))
    refuses(governed, ValueError, lambda: close_review(governed, "rr-o1", "approved"))


def test_what_is_approved_is_not_withdrawn(governed: Any) -> None:
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1")
    refuses(governed, AlreadyDecided, lambda: close_review(governed, "rr-o1"))


# -- releases ----------------------------------------------------------------------------------------------------------


def test_a_release_is_made_once_and_kept_as_handed_out(governed: Any) -> None:
    approve(governed, held(governed))
    record, receipt = release(governed, 1)
    assert record == replace(a_release(1), entry=receipt.index)
    assert leaf_hash(governed.entries(receipt.index, receipt.index + 1)[0]).hex() == receipt.leaf
    facts = last(governed)["facts"]
    assert {name: facts[name] for name in ("query", "order", "review", "key", "certificate", "envelope")} == {
        "query": "q1",
        "order": "o1",
        "review": "rr-o1",
        "key": keys_of("ann").id,
        "certificate": digest(record.certificate),
        "envelope": sha256(record.envelope).hexdigest(),
    }
    size = governed.size()
    assert release(governed, 1, envelope=b"another", certificate={}) == (record, receipt)
    assert governed.size() == size
    assert governed.release_of("o1") == record
    assert governed.review("rr-o1").released_entry == receipt.index
    revoke(governed)
    freeze(governed)
    assert release(governed, 1)[0] == record, "what left, left"


def test_there_is_no_release_without_an_approval(governed: Any) -> None:
    held(governed, 1)
    refuses(governed, ValueError, lambda: release(governed, 1), match="approving")
    vote(governed, "rr-o1", "rita", "reject")
    refuses(governed, ValueError, lambda: release(governed, 1), match="approving")
    governed.reserve(reservation(2), reserved(2))
    refuses(governed, ValueError, lambda: release(governed, 2), match="own review")
    commit(governed, "o2")
    for changes in ({"review": "rr-o1"}, {"query": "q1"}, {"order": "o1"}, {"key": "k_other"}):
        refuses(governed, ValueError, lambda changes=changes: release(governed, 2, **changes))
    refuses(governed, ValueError, lambda: governed.release(a_release(2), entry("query.committed")))
    assert governed.release_of("o2") is None


def test_a_release_is_sealed_to_the_keys_the_query_named(governed: Any) -> None:
    add_keys(governed, turn=2)
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1")
    refuses(governed, ValueError, lambda: release(governed, 1, key=keys_of("ann", 2).id), match="keys")
    release(governed, 1)


@pytest.mark.parametrize(("subject", "name"), [("person", "ann"), ("grant", "g-ann"), ("dataset", "clinic")])
def test_what_is_frozen_is_not_released_until_it_is_lifted(governed: Any, subject: str, name: str) -> None:
    approve(governed, held(governed))
    freeze(governed, subject, name)
    refuses(governed, Frozen, lambda: release(governed, 1))
    assert [review.query for review in governed.unreleased()] == ["q1"]
    lift(governed, "olga")
    refuses(governed, Frozen, lambda: release(governed, 1))
    lift(governed, "omar")
    release(governed, 1)
    assert governed.unreleased() == []


def test_nothing_of_a_revoked_grant_is_released(governed: Any) -> None:
    approve(governed, held(governed))
    governed.reserve(reservation(2), reserved(2))
    revoke(governed)
    refuses(governed, GrantRevoked, lambda: release(governed, 1))
    commit(governed, "o2")
    refuses(governed, GrantRevoked, lambda: release(governed, 2))
    assert governed.unreleased() == []
    assert governed.query("q1").answer == an_answer("o1"), "settled as ever: what is stopped is the release"


def test_a_reused_query_shares_review_and_release(governed: Any) -> None:
    review = held(governed)
    governed.reuse(reservation(2, answer_key="question 1"), reused(2))
    assert governed.review_of("o2") == governed.review_of("o1")
    assert governed.release_of("o2") is None
    approve(governed, review)
    record, _ = release(governed, 1)
    assert governed.release_of("o2") == record
    refuses(governed, ValueError, lambda: governed.release(a_release(9), entry("release.released")))
    assert [found.query for found in governed.reviews(pending=False)] == ["q1"]


def test_unreleased_are_oldest_first(governed: Any) -> None:
    for number in range(4):
        governed.reserve(reservation(number), reserved(number))
        commit(governed, f"o{number}", outcome="sampled" if number % 2 else "automatic")
    held(governed, 9)
    release(governed, 1)
    assert [review.query for review in governed.unreleased()] == ["q0", "q2", "q3"]
