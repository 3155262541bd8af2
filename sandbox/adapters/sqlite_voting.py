"""What must hold in the very transaction that records a vote: who votes, on what, in which round, and what it decides.

Rounds and decisions are those of the books (`sandbox.proof.books_votes`): a vote that they would refuse, and with it the
enclave's next start, is never written.
"""

import sqlite3

from sandbox.adapters import sqlite_freezes, sqlite_records, sqlite_reviews
from sandbox.proof.books_votes import AFTERWARDS, Ballot, may_vote, standing
from sandbox.service.ports import ReviewRecord, VoteRecord
from sandbox.terms.people import Role
from sandbox.terms.refusal import AlreadyDecided, NotFound, OwnRequest, ReviewChanged


def check_vote(
    connection: sqlite3.Connection, review: ReviewRecord, vote: VoteRecord, seen: int, decision: str | None
) -> None:
    """That this vote may be cast, and brings about that decision.

    Raises:
        NotFound: the voter is of the author's organisation.
        OwnRequest: the voter is the author, or gave one of the grants.
        Frozen: the voter is frozen.
        AlreadyDecided: the review is decided, or this human has voted in this round.
        ReviewChanged: others voted meanwhile, or the vote is on something else than the review is about.
        ValueError: the round or the decision does not follow from the votes, or the voter is not as enrolled.
    """
    _check_voter(connection, review, vote)
    sampled = review.opening.outcome == sqlite_reviews.SAMPLED
    if review.decision is not None and not sampled:
        raise AlreadyDecided(f"The review {vote.review} is {review.decision} already.")
    if seen != len(review.votes) or not _is_bound(connection, review, vote.digest):
        raise ReviewChanged
    ballots = [Ballot(old.human, old.verdict, old.round, old.digest) for old in review.votes]
    counted = [old for old in ballots if old.digest == vote.digest]
    ballot = Ballot(vote.human, vote.verdict, vote.round, vote.digest)
    if any((old.human, old.round) == (vote.human, vote.round) for old in counted):
        raise AlreadyDecided("You have voted in this round.")
    due = AFTERWARDS if sampled else standing(review.opening.votes, counted)[0]
    if due is None or vote.round != due or not may_vote(vote.human, due, counted):
        raise ValueError("this round is not due, or not for this reviewer")
    if decision != (None if sampled else standing(review.opening.votes, [*counted, ballot])[1]):
        raise ValueError("the decision does not follow from the votes")


def _check_voter(connection: sqlite3.Connection, review: ReviewRecord, vote: VoteRecord) -> None:
    voter = sqlite_records.person(connection, vote.reviewer)
    if voter is None or (voter.role, voter.human, voter.organisation) != (
        Role.REVIEWER,
        vote.human,
        vote.organisation,
    ):
        raise ValueError("a vote is by a reviewer, as enrolled")
    if voter.human == review.human:
        raise OwnRequest("Nobody reviews what they asked for themselves.")
    if voter.organisation == review.organisation:
        raise NotFound(f"There is no review {vote.review}.")
    if connection.execute(_GIVEN_BY, (review.query, voter.human)).fetchone() is not None:
        raise OwnRequest("Nobody reviews what was asked under a grant that they gave.")
    sqlite_freezes.check_free(connection, person=voter.name)


def _is_bound(connection: sqlite3.Connection, review: ReviewRecord, digest: str) -> bool:
    """Whether votes may be about this digest: the last one stated, or another one since the enclave was started again,
    perhaps with other policies."""
    newest = review.votes[-1].digest if review.votes else review.opening.digest
    return digest == newest or connection.execute(_STARTED_SINCE, {"review": review.opening.id}).fetchone() is not None


_GIVEN_BY = """
SELECT 1 FROM asked_under JOIN grants ON grants.id = asked_under.grant_id JOIN people ON people.name = grants.given_by
WHERE asked_under.query = ? AND people.human = ?
"""

_STARTED_SINCE = """
SELECT 1 FROM entry_facts WHERE kind = 'enclave.started' AND entry > coalesce(
    (SELECT max(entry) FROM votes WHERE review = :review), (SELECT entry FROM reviews WHERE id = :review)) LIMIT 1
"""
