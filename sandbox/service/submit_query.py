"""The straight line of one query: who signed it, decide, compile, price, reserve in one transaction, and only then ask
the engine.

One question, one draw: while a question is running under its grants, asking it again gives the query that runs; once it is
answered, the stored answer under a new query of no cost. A refusal spends nothing and is in the log; where even that
cannot be written, the caller hears `AuditUnavailable` and nothing has happened.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from policies.roles import Action
from sandbox.plan.canonical import plan_json
from sandbox.proof.signed_grant import check_grant
from sandbox.service.access import require
from sandbox.service.ask import QueryRequest, Question, ask, check_form, is_own
from sandbox.service.audit import entry, purpose_fact, text_tag
from sandbox.service.desk import Running
from sandbox.service.enclave import Enclave
from sandbox.service.line import Place, Ticket
from sandbox.service.ports import EngineStatus, QueryRecord, Reservation
from sandbox.service.read_query import seen
from sandbox.service.release_clock import deadline_ms
from sandbox.service.settle_query import Task, dispatch
from sandbox.service.signed_request import check_signed, sealed_request
from sandbox.service.views import QueryView
from sandbox.terms.loss import Loss
from sandbox.terms.order import MeasureOrder
from sandbox.terms.people import Grant, Person, UnderGrant
from sandbox.terms.refusal import (
    AuditUnavailable,
    BudgetInsufficient,
    Fault,
    IdempotencyKeyReused,
    MalformedRequest,
    ProofFailed,
    Refusal,
)

__all__ = ["QueryRequest", "submit"]

_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def submit(
    enclave: Enclave, actor: Person, request: QueryRequest, idempotency_key: str, ticket: Ticket | None = None
) -> QueryView:
    """Reserve and start a query, or say why not. It is signed by a registered key of the actor.

    The same key with the same body gives the first query again and spends nothing. Where all places are taken it waits in
    the line; whoever gives up the `ticket` meanwhile has spent nothing, and nothing is run.

    Raises:
        Refusal: nothing was spent, and a query.refused entry says so.
        Fault: nothing was spent; a grant in the ledger is not the one that was signed.
        AuditUnavailable: nothing was spent; the ledger cannot be written.
    """
    try:
        return _submit(enclave, actor, request, idempotency_key, ticket or Ticket())
    except AuditUnavailable:
        raise
    except Refusal as refusal:
        facts = {
            "text_tag": text_tag(enclave, request.sql),
            "code": refusal.code,
            "purpose": purpose_fact(request.purpose),
        }
        enclave.ledger.append(entry(enclave, actor, "query.refused", facts))
        raise


def _submit(enclave: Enclave, actor: Person, request: QueryRequest, key: str, ticket: Ticket) -> QueryView:
    require(enclave, actor, Action.SUBMIT_QUERY)
    if not _KEY.fullmatch(key):
        raise MalformedRequest("Idempotency-Key takes 1 to 128 visible ASCII characters.", field="Idempotency-Key")
    check_form(request)
    check_signed(enclave, actor, request, key)
    known = _known(enclave, actor, request, key)
    if known is not None:
        return known
    question = ask(enclave, actor, Action.SUBMIT_QUERY, request)
    _check_grants(enclave, question.choices)
    with enclave.desk.lock:
        answered = _answered(enclave, actor, request, key, question)
    if answered is not None:
        return answered
    ticket.person, ticket.organisation = actor.name, actor.organisation
    place = enclave.desk.line.enter(ticket, enclave.settings.limits, enclave.settings.line_seconds)
    try:
        # Only now is the engine needed. It is asked outside the lock, because a dead one answers slowly.
        engine = enclave.compute.status()
        with enclave.desk.lock:
            # Somebody may have been faster: look again, then reserve, as one step.
            answered = _known(enclave, actor, request, key) or _answered(enclave, actor, request, key, question)
            if answered is not None:
                place.leave()
                return answered
            record, task = _reserve(enclave, actor, request, key, question, engine, place)
    except BaseException:
        place.leave()
        raise
    if task is not None:
        dispatch(enclave, task)
    return seen(enclave, record)


def _check_grants(enclave: Enclave, choices: Sequence[Sequence[Grant]]) -> None:
    """Raises Fault where the ledger's row is not the grant that was signed: somebody has edited it."""
    try:
        for grant in {grant.id: grant for grants in choices for grant in grants}.values():
            check_grant(grant, enclave.release_key.verifier)
    except ProofFailed:
        raise Fault("A grant in the ledger is not the one that was signed; nothing was run.") from None


def _known(enclave: Enclave, actor: Person, request: QueryRequest, key: str) -> QueryView | None:
    """The query that this key stands for, whatever has happened to grants and data since.

    The ledger knows the keys of what it recorded, the desk those of submissions that met a running query.
    """
    record = enclave.ledger.known(actor.name, key, request.body_digest)
    if record is not None:
        return seen(enclave, record)
    found = enclave.desk.remembered(actor.name, key)
    if found is None:
        return None
    body, query = found
    if body != request.body_digest:
        raise IdempotencyKeyReused
    record = enclave.ledger.query(query)
    return seen(enclave, record) if record is not None else None


def _answered(enclave: Enclave, actor: Person, request: QueryRequest, key: str, question: Question) -> QueryView | None:
    """The same question of the same grants: the query that is running with it, else the stored answer for nothing.

    Running comes first: a query leaves the desk only after it was committed, so none is missed in between.
    """
    for grants in question.choices:
        running = enclave.desk.asking(question.answer_key(grants))
        record = enclave.ledger.query(running.query) if running is not None else None
        if record is not None:
            facts = {
                "query": record.id,
                "text_tag": text_tag(enclave, request.sql),
                "purpose": purpose_fact(request.purpose),
            }
            enclave.ledger.append(entry(enclave, actor, "query.attached", facts))
            enclave.desk.remember(actor.name, key, request.body_digest, record.id)
            return seen(enclave, record)
    for grants in question.choices:
        now = enclave.clock.now()
        reservation = _reservation(enclave, actor, request, key, question, grants, now, None)
        free = replace(reservation, loss=Loss(reservation.loss.mode, 0), visible_at=now)
        facts = _facts(enclave, request, question)
        found = enclave.ledger.reuse(free, entry(enclave, actor, "query.reused", facts, now))
        if found is not None:
            return seen(enclave, found[0])
    return None


def _reserve(
    enclave: Enclave,
    actor: Person,
    request: QueryRequest,
    key: str,
    question: Question,
    engine: EngineStatus,
    place: Place,
) -> tuple[QueryRecord, Task | None]:
    """The one transaction that spends, and what is to be done then; no task where the key was known to the ledger."""
    monotonic, now = enclave.clock.monotonic(), enclave.clock.now()
    reservation = _reservation(enclave, actor, request, key, question, question.grants, now, engine)
    facts = _facts(enclave, request, question)
    first = _slot_ms(enclave, question)
    running = Running(reservation.query, actor.name, reservation.answer_key, monotonic, first, place)
    enclave.desk.open(running)  # before the ledger has it, so that nobody ever sees it reserved and not running
    try:
        record, _ = enclave.ledger.reserve(reservation, entry(enclave, actor, "query.reserved", facts, now))
    except BudgetInsufficient as refusal:
        enclave.desk.close(running)
        raise _own_business(refusal) from None
    except BaseException:
        enclave.desk.close(running)
        raise
    if record.id != reservation.query:
        enclave.desk.close(running)
        return record, None
    order = MeasureOrder(
        id=reservation.order,
        boot=engine.boot,
        sources=question.sources,
        plan=plan_json(question.plan),
        spec=question.spec.to_json(),
        reserved=reservation.loss,
        deadline_ms=deadline_ms(first),
    )
    task = Task(
        running,
        order,
        tuple(grant.id for grant in question.grants),
        question.plan_digest,
        question.asked,
        question.profile,
        question.primary,
        question.also,
    )
    return record, task


def _reservation(
    enclave: Enclave,
    actor: Person,
    request: QueryRequest,
    key: str,
    question: Question,
    grants: Sequence[Grant],
    now: datetime,
    engine: EngineStatus | None,
) -> Reservation:
    slot = timedelta(milliseconds=_slot_ms(enclave, question))
    first, *further = grants
    return Reservation(
        query=f"q_{ULID.from_datetime(now)}",
        order=f"o_{ULID.from_datetime(now)}",
        person=actor.name,
        grant=first.id,
        grant_version=first.version,
        dataset=question.plan.datasets[0],
        space=question.space.name,
        loss=question.spec.cost,
        answer_key=question.answer_key(grants),
        idempotency_key=key,
        body_digest=request.body_digest,
        key=request.key,
        request=sealed_request(enclave, request, key, question, engine),
        accepted_at=now,
        visible_at=now + slot,
        also=question.also,
        also_under=tuple(UnderGrant(grant.id, grant.version) for grant in further),
    )


def _slot_ms(enclave: Enclave, question: Question) -> int:
    return question.slot_ms(enclave.settings.tick_ms, enclave.settings.turns)


def _facts(enclave: Enclave, request: QueryRequest, question: Question) -> dict[str, Any]:
    """What only the service knows of a query. The ledger adds what the record states, and the request under seal."""
    return {
        "plan_tag": text_tag(enclave, question.plan_digest),
        "text_tag": text_tag(enclave, request.sql),
        "data_version": question.version.number,
        "manifest": question.version.manifest,
    }


def _own_business(refusal: BudgetInsufficient) -> BudgetInsufficient:
    """Which kind of account was short, and what is left only where it is the caller's own."""
    kind = str(refusal.facts.get("account", ""))
    if is_own(kind):
        return refusal
    return BudgetInsufficient(f"The {kind or 'shared'} account does not cover this query.", account=kind or None)
