"""A review with all that it is about: the measured query, its plan and answer, and the votes that count now."""

from collections.abc import Iterator
from dataclasses import dataclass

from policies.visible import granted
from sandbox.plan.canonical import plan_digest
from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.review.votes import Ballot, Tally, tally
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord, ReviewRecord, VoteRecord
from sandbox.service.ruling import binding, strictest
from sandbox.terms.dataset import Dataset, Grade
from sandbox.terms.people import GrantStanding
from sandbox.terms.refusal import Fault, Refusal


@dataclass(frozen=True, slots=True)
class Reviewed:
    """`datasets` are all that the query reads, `grade` is the strictest of them. `digest` is what a vote is bound to now;
    `standings` are the grants it was asked under, `found` counts the votes that are bound to it."""

    review: ReviewRecord
    record: QueryRecord
    datasets: tuple[Dataset, ...]
    standings: tuple[GrantStanding, ...]
    digest: str
    found: Tally

    @property
    def grade(self) -> Grade:
        return strictest(self.datasets)


def reviewed(enclave: Enclave, review: ReviewRecord) -> Reviewed:
    """Look up what a review is about."""
    record = enclave.ledger.query(review.query)
    standings = [given for name in review.grants if (given := enclave.ledger.standing(name)) is not None]
    datasets = [found[0] for name in review.datasets if (found := enclave.ledger.dataset(name)) is not None]
    if record is None or len(datasets) != len(review.datasets) or len(standings) != len(review.grants):
        raise Fault
    digest = binding(enclave, record)
    return Reviewed(review, record, tuple(datasets), tuple(standings), digest, counted(review, digest, review.votes))


def counted(review: ReviewRecord, digest: str, votes: tuple[VoteRecord, ...]) -> Tally:
    """What these votes come to, those of another digest left out."""
    ballots = [
        Ballot(vote.reviewer, vote.human, vote.organisation, vote.verdict, vote.reason, vote.round, vote.digest)
        for vote in votes
    ]
    return tally(review.opening.votes, ballots, digest, review.decision, review.opening.outcome)


def plan_of(enclave: Enclave, item: Reviewed) -> Plan:
    """The plan that was measured, compiled anew from the sealed text: its digest must be the recorded one.

    Raises:
        Fault: the text does not give that plan any more.
    """
    wanted = item.record.request["measured"]["plan_digest"]
    for datasets in _descriptions(enclave, item):
        try:
            plan = compile_query(str(item.record.request["sql"]), {dataset.name: dataset for dataset in datasets})
        except Refusal:
            continue
        if plan_digest(plan) == wanted:
            return plan
    raise Fault("The measured plan cannot be shown.")


def _descriptions(enclave: Enclave, item: Reviewed) -> Iterator[tuple[Dataset, ...]]:
    """The datasets as their author saw them, as far as that can still be told: grants may have come and gone since."""
    for standings in (enclave.ledger.standings(item.record.person), item.standings):
        yield tuple(granted(dataset, standings) for dataset in item.datasets)
    yield item.datasets
