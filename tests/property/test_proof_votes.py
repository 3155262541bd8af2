"""The books restate the rounds of a review; the review room has its own account of them. Both agree on any votes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.proof import books_votes
from sandbox.review import votes

DIGEST = "ab" * 32
cast = st.tuples(
    st.sampled_from(["rita", "ray", "rose", "rob"]),
    st.sampled_from(["approve", "reject"]),
    st.sampled_from(["independent", "consolidation", "third"]),
)
one_of_two = st.sampled_from([DIGEST, "cd" * 32])
"""What a vote is bound to: policies may change, and change back."""


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([1, 2]), st.lists(cast, max_size=12))
def test_the_verifier_takes_the_votes_that_the_desk_counts(needed, ballots):
    mine: list[books_votes.Ballot] = []
    theirs: list[votes.Ballot] = []
    for human, verdict, round_ in ballots:
        due, _ = books_votes.standing(needed, mine)
        taken = due == round_ and books_votes.may_vote(human, round_, mine)
        before = votes.tally(needed, theirs, DIGEST)
        after = votes.tally(needed, [*theirs, votes.Ballot(human, human, "o", verdict, "why", round_, DIGEST)], DIGEST)
        assert taken == (len(after.counted) > len(before.counted))
        if taken:
            mine.append(books_votes.Ballot(human, verdict, round_, DIGEST))
            theirs.append(after.counted[-1])
        due, decision = books_votes.standing(needed, mine)
        now = votes.tally(needed, theirs, DIGEST)
        assert (due, decision) == (now.round, now.decision)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([1, 2]), st.lists(st.tuples(cast, one_of_two), max_size=16))
def test_they_agree_when_what_is_voted_on_changes(needed, ballots):
    """Votes on something else count for neither; where it is the same again, those on it count again for both."""
    mine: list[books_votes.Ballot] = []
    theirs: list[votes.Ballot] = []
    for (human, verdict, round_), digest in ballots:
        same = [ballot for ballot in mine if ballot.digest == digest]
        due, decided = books_votes.standing(needed, same)
        assert (due, decided) == ((found := votes.tally(needed, theirs, digest)).round, found.decision)
        if due == round_ and books_votes.may_vote(human, round_, same):
            mine.append(books_votes.Ballot(human, verdict, round_, digest))
            theirs.append(votes.Ballot(human, human, "o", verdict, "why", round_, digest))
            now, kept = votes.tally(needed, theirs, digest), [ballot for ballot in mine if ballot.digest == digest]
            assert len(now.counted) == len(kept)
            assert (now.round, now.decision) == books_votes.standing(needed, kept)
        else:
            offered = votes.Ballot(human, human, "o", verdict, "why", round_, digest)
            assert len(votes.tally(needed, [*theirs, offered], digest).counted) == len(same)


def test_control_every_end_is_reached():
    """So the agreement above is about all of it."""
    conflict = [("rita", "approve", "independent"), ("ray", "reject", "independent")]
    again = [("ray", "reject", "consolidation"), ("rita", "approve", "consolidation")]
    for needed, given_votes, expected in (
        (1, [], ("independent", None)),
        (1, [("rita", "reject", "independent")], (None, "rejected")),
        (2, conflict[:1], ("independent", None)),
        (2, conflict, ("consolidation", None)),
        (2, [*conflict, *again], ("third", None)),
        (2, [*conflict, *again, ("rose", "reject", "third")], (None, "rejected")),
        (2, [*conflict, again[0], ("rita", "reject", "consolidation")], (None, "rejected")),
    ):
        ballots = [books_votes.Ballot(*vote, DIGEST) for vote in given_votes]
        assert books_votes.standing(needed, ballots) == expected
