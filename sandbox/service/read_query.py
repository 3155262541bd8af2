"""Looking at queries. What a running one shows is a function of its plan and of the time; what a measured one shows is how
its review stands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from policies.roles import Action
from sandbox.service.access import require
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord, QueryState, ReviewRecord
from sandbox.service.release_answer import is_revoked, is_stopped, lapse, release
from sandbox.service.release_clock import next_slot_ms
from sandbox.service.views import CostView, QueryView
from sandbox.terms.loss import units_text
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import Fault, NotFound

RUNNING, DONE, FAILED = "running", "done", "failed"
IN_REVIEW, REFUSED, WITHDRAWN, LAPSED, STOPPED = "in-review", "refused", "withdrawn", "lapsed", "stopped"
WAIT_LIMIT_SECONDS = 60.0

_ENDED = {"rejected": REFUSED, "withdrawn": WITHDRAWN, "lapsed": LAPSED}
"""Decisions after which nothing is released."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How a query stands, and its review once there is one that its owner may know of."""

    state: str
    review: ReviewRecord | None = None


def view(enclave: Enclave, actor: Person, query: str) -> QueryView:
    """One of the actor's own queries. Raises NotFound for anybody else's."""
    require(enclave, actor, Action.VIEW_QUERY)
    return seen(enclave, own_record(enclave, actor, query))


def listed(enclave: Enclave, actor: Person) -> list[QueryView]:
    """The newest queries: an analyst's own, or for an officer everybody's; never their text, nor others' need."""
    require(enclave, actor, Action.LIST_QUERIES)
    if actor.role is not Role.OFFICER:
        return [seen(enclave, record) for record in enclave.ledger.queries(actor.name)]
    return [seen(enclave, record, need="") for record in enclave.ledger.queries(None)]


def wait(enclave: Enclave, actor: Person, query: str, seconds: float) -> QueryView:
    """The query as soon as it is settled, or as it is after `seconds`, at most 60."""
    require(enclave, actor, Action.VIEW_QUERY)
    await_settled(enclave, own_record(enclave, actor, query), seconds)
    return view(enclave, actor, query)


def await_settled(enclave: Enclave, record: QueryRecord, seconds: float) -> bool:
    """Wait until a running query is settled, at most `seconds` and at most 60; False where there was nothing to wait for."""
    running = enclave.desk.running(record.id)
    if running is None:
        return False
    running.settled.wait(min(max(seconds, 0.0), WAIT_LIMIT_SECONDS))
    return True


def own_record(enclave: Enclave, actor: Person, query: str) -> QueryRecord:
    """Raises NotFound for what is not there and for what is somebody else's, in the same words."""
    record = enclave.ledger.query(query)
    if record is None or record.person != actor.name:
        raise NotFound("You have no such query.")
    return record


def stand_of(enclave: Enclave, record: QueryRecord) -> Stand:
    """Running until the settling write; a reservation that nobody holds any more will not be answered. A measured query
    stands as its review does, a reused one as that of the first query.

    Looking does what is due: a review whose grant was revoked lapses, an approved answer that was held up goes out.
    """
    if record.state == QueryState.RESERVED:
        if enclave.desk.running(record.id) is not None:
            return Stand(RUNNING)
        # Looked up again: it may have been settled between reading the record and asking the desk.
        record = enclave.ledger.query(record.id) or record
    if record.state != QueryState.COMMITTED or record.answer is None:
        return Stand(FAILED)
    review = enclave.ledger.review_of(answered_order(record))
    if review is None:
        raise Fault
    review = lapse(enclave, review)
    return Stand(_reviewed(enclave, review), review)


def answered_order(record: QueryRecord) -> str:
    """The order whose answer a committed query has: for a reused answer that of the first query."""
    return str(record.answer["answer"]["order"]) if record.answer is not None else record.order


def _reviewed(enclave: Enclave, review: ReviewRecord) -> str:
    if review.released_entry is not None:
        return DONE
    if review.decision in _ENDED:
        return _ENDED[review.decision]
    if is_revoked(enclave, review):
        return LAPSED
    if review.decision is None:
        return IN_REVIEW
    if enclave.desk.running(review.query) is not None:
        return RUNNING  # between the two writes of its slot
    if release(enclave, review):
        return DONE
    return STOPPED if is_stopped(enclave, review) else RUNNING


def seen(enclave: Enclave, record: QueryRecord, need: str | None = None) -> QueryView:
    """The view of a record; `need` is what is shown of its need, by default all."""
    stand = stand_of(enclave, record)
    visible_at = record.visible_at
    if stand.state == RUNNING:
        # A late engine moves the answer to the next slot: shown when that slot has come, late or not known to be.
        slot = round((record.visible_at - record.accepted_at) / timedelta(milliseconds=1))
        elapsed = (enclave.clock.now() - record.accepted_at) / timedelta(milliseconds=1)
        visible_at = record.accepted_at + timedelta(milliseconds=next_slot_ms(slot, elapsed))
    return QueryView(
        id=record.id,
        state=stand.state,
        dataset=record.dataset,
        datasets=record.datasets,
        purpose=str(record.request["purpose"]),
        epsilon=str(record.request["epsilon"]),
        need=str(record.request["need"]) if need is None else need,
        key=record.key,
        reused=record.reused,
        cost=cost_of(record),
        accepted_at=record.accepted_at,
        visible_at=visible_at,
        receipt=enclave.ledger.receipt(record.entry),
        review=_review_json(stand),
    )


def cost_of(record: QueryRecord) -> CostView:
    """What the record's query was charged; a reused answer nothing."""
    return CostView(
        space=str(record.request["space"]),
        mode=record.loss.mode.value,
        amount="0" if record.reused else units_text(record.loss.units),
        epsilon=str(record.request["epsilon"]),
        delta=str(record.request["delta"]),
    )


def _review_json(stand: Stand) -> dict[str, Any] | None:
    """None while the query runs, also between the two writes of its slot."""
    if stand.review is None or stand.state == RUNNING:
        return None
    opening = stand.review.opening
    return {"id": opening.id, "outcome": opening.outcome, "votes_needed": opening.votes}
