"""Reviews: what waits, a copy to decide on, the vote, and the author's change of mind.

A reviewer sees the noisy answer, the plan in words and the cost: never a row, never the query's text. Reviews by the
reviewer's own organisation, or by the same human under another name, are no reviews to them.
"""

from policies.roles import Action
from sandbox.review.copy import ReviewCopy
from sandbox.review.rules import Outcome
from sandbox.review.votes import Verdict, may_vote
from sandbox.service.access import require
from sandbox.service.audit import check_reason, entry
from sandbox.service.enclave import Enclave
from sandbox.service.ports import ReviewRecord, VoteRecord
from sandbox.service.read_query import IN_REVIEW, cost_of, own_record, seen, stand_of
from sandbox.service.release_answer import lapse, release
from sandbox.service.review_views import ReviewSummary, VoteView
from sandbox.service.reviewed_query import Reviewed, counted, plan_of, reviewed
from sandbox.service.ruling import intervals, profile_for
from sandbox.service.views import QueryView
from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Dataset
from sandbox.terms.people import Person
from sandbox.terms.refusal import AlreadyDecided, Fault, MalformedRequest, NotFound, OwnRequest, ReviewChanged

_LISTED = 1_000
_TRIES = 5
"""How often a vote is counted anew because another reviewer's came in between."""


def listed(enclave: Enclave, actor: Person) -> list[ReviewSummary]:
    """Open reviews, and sampled releases that nobody has looked at, oldest first; none of the actor's own organisation,
    of the same human, or under a grant which that human gave."""
    require(enclave, actor, Action.LIST_REVIEWS)
    found = [lapse(enclave, review) for review in enclave.ledger.reviews(limit=_LISTED)]
    theirs = (
        reviewed(enclave, review)
        for review in found
        if _waits(review) and review.organisation != actor.organisation and review.human != actor.human
    )
    return [_summary(item, actor) for item in theirs if not _gave_grant(enclave, actor, item)]


def copy(enclave: Enclave, actor: Person, review_id: str) -> ReviewCopy:
    """What the actor decides on. That they looked is in the log before they see it.

    Raises:
        RoleNotPermitted, Frozen, NotFound (none, or their own organisation's), OwnRequest, AuditUnavailable.
    """
    review = _theirs(enclave, actor, Action.VIEW_REVIEW, review_id)
    enclave.ledger.append(entry(enclave, actor, "review.viewed", {"review": review.opening.id}))
    item = reviewed(enclave, lapse(enclave, review))
    record, opening = item.record, item.review.opening
    if record.answer is None:
        raise Fault
    answer = Answer.from_json(record.answer["answer"])
    return ReviewCopy(
        id=opening.id,
        plan=plan_of(enclave, item),
        grade=item.grade,
        data_version=int(record.request["measured"]["data_version"]),
        purpose=str(record.request["purpose"]),
        need=str(record.request["need"]),
        author=item.review.author,
        organisation=item.review.organisation,
        grants=item.standings,
        cost=cost_of(record).to_json(),
        profile=profile_for(item.grade),
        reasons=opening.reasons,
        outcome=opening.outcome,
        votes_needed=opening.votes,
        answer=answer,
        intervals=intervals(answer),
        tally=item.found,
        viewer=actor.human,
        digest=item.digest,
        opened_at=item.review.opened_at,
    )


def vote(enclave: Enclave, actor: Person, review_id: str, verdict: str, reason: str, digest: str) -> VoteView:
    """Vote on what was seen: `digest` is the copy's. The vote that decides releases the answer too.

    Raises:
        RoleNotPermitted, Frozen, NotFound, OwnRequest: as for the copy; OwnRequest also where the same human gave the grant.
        MalformedRequest: a verdict that is none, or no reason.
        ReviewChanged: plan, data, answer or policies are not those of `digest`, or it is not the actor's turn.
        AlreadyDecided: no vote is waited for, or none of the actor's.
        AuditUnavailable: the vote does not count.
    """
    review = _theirs(enclave, actor, Action.VOTE, review_id)
    if verdict not in set(Verdict):
        raise MalformedRequest(
            "verdict is approve or reject.", field="verdict", allowed=[item.value for item in Verdict]
        )
    check_reason(reason)
    for _ in range(_TRIES):
        try:
            return _counted(enclave, actor, review, verdict, reason, digest)
        except ReviewChanged:
            now = enclave.ledger.review(review.opening.id)
            if now is None or len(now.votes) == len(review.votes):
                raise
            review = now
    raise ReviewChanged


def withdraw(enclave: Enclave, actor: Person, query: str) -> QueryView:
    """Take an own query back while its review is open. Its loss stays spent.

    Raises:
        RoleNotPermitted, Frozen, NotFound, AlreadyDecided (it is not under review), AuditUnavailable.
    """
    require(enclave, actor, Action.WITHDRAW)
    record = own_record(enclave, actor, query)
    stand = stand_of(enclave, record)
    if stand.state != IN_REVIEW or stand.review is None:
        raise AlreadyDecided("Only what is under review can be withdrawn.", state=stand.state)
    closing = entry(enclave, actor, "review.closed", {})
    enclave.ledger.close_review(stand.review.opening.id, "withdrawn", closing)
    return seen(enclave, record)


def _theirs(enclave: Enclave, actor: Person, action: Action, review_id: str) -> ReviewRecord:
    """A review that this reviewer may know of. Automatic ones wait for nobody and are shown to nobody."""
    require(enclave, actor, action)
    review = enclave.ledger.review(review_id)
    unknown = NotFound("There is no review of this id for you.")
    if review is None or review.opening.outcome == Outcome.AUTOMATIC:
        raise unknown
    try:
        require(enclave, actor, action, author=enclave.ledger.person(review.author))
    except NotFound:
        raise unknown from None
    return review


def _counted(enclave: Enclave, actor: Person, review: ReviewRecord, verdict: str, reason: str, digest: str) -> VoteView:
    item = reviewed(enclave, lapse(enclave, review))
    if item.review.decision == "lapsed":
        raise AlreadyDecided("A grant was revoked, so this review has lapsed.")
    refusal = may_vote(item.found, actor, item.review.human, item.review.organisation)
    if refusal is not None:
        raise refusal
    if _gave_grant(enclave, actor, item):
        raise OwnRequest("You gave a grant that this was asked under; somebody else reviews it.")
    if digest != item.digest:
        raise ReviewChanged
    now = enclave.clock.now()
    cast = VoteRecord(
        review=item.review.opening.id,
        reviewer=actor.name,
        human=actor.human,
        organisation=actor.organisation,
        verdict=verdict,
        reason=reason,
        round=str(item.found.round),
        digest=digest,
        at=now,
    )
    after = counted(item.review, digest, (*item.review.votes, cast))
    decision = after.decision if item.review.decision is None else None
    enclave.ledger.vote(cast, len(item.review.votes), decision, entry(enclave, actor, "review.voted", {}, now))
    decided = enclave.ledger.review(cast.review)
    if decided is not None and decision == "approved":
        release(enclave, decided)
    return VoteView(cast.review, after.state.value, decision)


def _gave_grant(enclave: Enclave, actor: Person, item: Reviewed) -> bool:
    """Whether the human who reviews gave one of the grants as steward: what one human opened, another looks at."""
    givers = [enclave.ledger.person(standing.grant.given_by) for standing in item.standings]
    return any(giver is None or giver.human == actor.human for giver in givers)


def _waits(review: ReviewRecord) -> bool:
    return review.decision is None or (review.opening.outcome == Outcome.SAMPLED and not review.votes)


def _named(dataset: Dataset) -> str:
    return f"{dataset.name} (public)" if dataset.public else dataset.name


def _summary(item: Reviewed, actor: Person) -> ReviewSummary:
    opening = item.review.opening
    return ReviewSummary(
        id=opening.id,
        dataset=", ".join(_named(dataset) for dataset in sorted(item.datasets, key=lambda dataset: dataset.public)),
        grade=item.grade.value,
        purpose=str(item.record.request["purpose"]),
        outcome=opening.outcome,
        state=item.found.state.value,
        votes_needed=opening.votes,
        voted=any(ballot.human == actor.human for ballot in item.found.counted),
        opened_at=item.review.opened_at,
    )
