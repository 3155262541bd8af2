"""The books of reviews: what was held, who voted, what the votes decide, and what left."""

from dataclasses import dataclass, field

from sandbox.proof.books_freezes import Freezes
from sandbox.proof.books_grants import Grants
from sandbox.proof.books_people import People
from sandbox.proof.books_queries import Asked, Queries
from sandbox.proof.books_votes import AFTERWARDS, DECISIONS, ROUNDS, Ballot, may_vote, standing
from sandbox.proof.facts import Facts
from sandbox.proof.report import Finding, Findings
from sandbox.terms.people import Person, ReviewDuty, Role

_APPROVED = "approved"
_VOTES = {"automatic": (0,), "sampled": (0,), "held": (1, 2)}
"""Outcome of the rules → how many votes it may ask for."""
_DUTY = {ReviewDuty.PROFILE: 0, ReviewDuty.HELD: 1, ReviewDuty.TWO: 2}
"""Votes that a grant demands at least."""


@dataclass(slots=True)
class _Review:
    index: int
    asked: Asked
    outcome: str
    votes: int
    decision: str | None
    digest: str
    start: int  # the enclave's start in which `digest` was stated
    ballots: list[Ballot] = field(default_factory=list)
    released: bool = False


@dataclass(slots=True)
class Reviews:
    """Reviews by id, from the commit that opens one to the release."""

    people: People
    freezes: Freezes
    grants: Grants
    queries: Queries
    findings: Findings
    _starts: int = 0
    _reviews: dict[str, _Review] = field(default_factory=dict)

    def restarted(self) -> None:
        """Another start of the enclave: its policy may be another one now, and with it what votes are bound to."""
        self._starts += 1

    def opened(self, facts: Facts) -> None:
        """query.committed: the review it opens; an automatic or sampled one is decided at once."""
        asked, review = self.queries.named(facts), facts.inner("review")
        name, outcome, votes = review.text("id"), review.one_of("outcome", _VOTES), review.number("votes")
        review.text("profile")
        review.texts("reasons")
        if name in self._reviews:
            raise facts.wrong("opens a review for the second time")
        if votes not in _VOTES[outcome]:
            raise facts.wrong("asks for a number of votes that its outcome does not take")
        if votes < max(_DUTY[self.grants.given_so_far[name].review] for name in asked.grants):
            raise facts.wrong("asks for fewer votes than its grant demands")
        decision = None if votes else _APPROVED
        digest = review.digest("digest")
        self._reviews[name] = _Review(facts.index, asked, outcome, votes, decision, digest, self._starts)

    def viewed(self, facts: Facts) -> None:
        """review.viewed."""
        self._reviewer(facts, self._named(facts))

    def voted(self, facts: Facts) -> None:
        """review.voted: an allowed vote in the round that is due, stating the decision that it brings about."""
        review = self._of_query(facts)
        reviewer = self._reviewer(facts, review)
        self.freezes.check(facts, person=reviewer.name)
        if any(reviewer.human == self.grants.given_so_far[name].giver for name in review.asked.grants):
            raise facts.wrong("votes on what was asked under a grant that the same human gave")
        facts.text("reason")
        ballot = Ballot(
            reviewer.human,
            facts.one_of("verdict", DECISIONS),
            facts.one_of("round", ROUNDS),
            facts.digest("digest"),
        )
        sampled = review.outcome == "sampled"
        if review.decision is not None and not sampled:
            raise facts.wrong("votes on a review that is not open")
        self._bind(facts, review, ballot.digest)
        counted = [before for before in review.ballots if before.digest == ballot.digest]
        due = AFTERWARDS if sampled else standing(review.votes, counted)[0]
        if ballot.round != due:
            raise facts.wrong("votes in a round that is not due")
        if not may_vote(ballot.human, due, counted):
            raise facts.wrong("is a vote of a human whom this round does not take, or has heard")
        decision = None if sampled else standing(review.votes, [*counted, ballot])[1]
        if (None if facts.absent("decision") else facts.text("decision")) != decision:
            raise facts.wrong("states a decision that does not follow from the votes")
        review.ballots.append(ballot)
        self.findings.note("voted", facts.index)
        if sampled and ballot.verdict == "reject":
            self.findings.note("doubted-afterwards", facts.index)
        if decision is not None:
            review.decision = decision
            self.findings.note(f"review-{decision}", facts.index)

    def closed(self, facts: Facts) -> None:
        """review.closed: its author withdrew it, or the enclave let it lapse."""
        review = self._of_query(facts)
        decision = facts.one_of("decision", ("withdrawn", "lapsed"))
        if review.decision is not None:
            raise facts.wrong("closes a review that is not open")
        if decision == "withdrawn" and facts.actor != review.asked.person:
            raise facts.wrong("withdraws what somebody else asked")
        if decision == "lapsed" and not self.people.is_enclave(facts.actor):
            raise facts.wrong("lets a review lapse, which only the enclave does")
        review.decision = decision
        self.findings.note(f"review-{decision}", facts.index)

    def released(self, facts: Facts) -> None:
        """release.released: once, approved, sealed to the keys that the reservation names, nothing standing against it."""
        review = self._of_query(facts)
        asked = review.asked
        facts.digest("certificate")
        facts.digest("envelope")
        if (facts.text("query"), facts.text("order")) != (asked.query, asked.order):
            raise facts.wrong("releases another query or order than the reviewed one")
        if facts.text("key") != asked.key:
            raise facts.wrong("releases an answer to another key than the reservation's")
        if review.decision != _APPROVED:
            raise facts.wrong("releases an answer that no decision approved")
        if review.released:
            raise facts.wrong("releases an answer for the second time")
        for name in asked.grants:
            if self.grants.given_so_far[name].revoked:
                raise facts.wrong("releases an answer of a grant that was revoked")
            self.freezes.check(facts, person=asked.person, grant=name, datasets=asked.datasets)
        review.released = True
        self.findings.note(f"released-{review.outcome}", facts.index)

    def pending(self) -> list[Finding]:
        """Reviews left open at the end, and approved answers that have not left."""
        reviews = self._reviews.values()
        undecided = [review.index for review in reviews if review.decision is None]
        kept = [review.index for review in reviews if review.decision == _APPROVED and not review.released]
        both = (("review-open", undecided), ("unreleased", kept))
        return [Finding(code, len(found), min(found)) for code, found in both if found]

    def _named(self, facts: Facts) -> _Review:
        review = self._reviews.get(facts.text("review"))
        if review is None:
            raise facts.wrong("names a review that was never opened")
        return review

    def _of_query(self, facts: Facts) -> _Review:
        """The review an entry names, of the query that it names; a reused query shares the first one's."""
        review = self._named(facts)
        if self.queries.named(facts).order != review.asked.order:
            raise facts.wrong("names a review of another query")
        return review

    def _reviewer(self, facts: Facts, review: _Review) -> Person:
        reviewer = self.people.acting(facts, Role.REVIEWER)
        author = self.people.named(facts, review.asked.person, Role.ANALYST)
        if reviewer.human == author.human:
            raise facts.wrong("is by the human who asked the query")
        if reviewer.organisation == author.organisation:
            raise facts.wrong("is by somebody of the organisation that asked the query")
        return reviewer

    def _bind(self, facts: Facts, review: _Review, digest: str) -> None:
        """A vote is about what its review binds; only another start of the enclave, with other policies, changes that."""
        if digest != review.digest and review.start == self._starts:
            raise facts.wrong("is a vote on something else than what its review binds")
        review.digest, review.start = digest, self._starts
