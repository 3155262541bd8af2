"""Handing out a release: only settled, reviewed and let out, only to who asked, sealed as it was signed."""

import hashlib

from policies.roles import Action
from sandbox.proof.bundle import bundle_document
from sandbox.proof.certificate import verify_certificate
from sandbox.proof.entry import time_text
from sandbox.service import read_query
from sandbox.service.access import require
from sandbox.service.audit import stated
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord, ReleaseRecord, ReviewRecord
from sandbox.service.read_query import Stand, await_settled, cost_of, own_record, seen, stand_of
from sandbox.service.views import ReleaseView, entry_receipt_json
from sandbox.terms.people import Person
from sandbox.terms.refusal import (
    AnswerPending,
    Fault,
    Frozen,
    MeasurementForfeited,
    ProofFailed,
    ReleaseLapsed,
    ReleaseRefused,
    ReleaseWithdrawn,
    ReviewPending,
)


def release(enclave: Enclave, actor: Person, query: str, seconds: float = 0.0) -> ReleaseView:
    """The sealed release of one of the actor's own queries; where that runs, as soon as it is settled, or what is to be
    said of it after `seconds`, at most 60.

    Raises:
        NotFound: not there, or somebody else's.
        AnswerPending: its slot has not come (facts: visible_at, spent).
        ReviewPending: it waits for reviewers (facts: review, spent).
        ReleaseRefused, ReleaseWithdrawn, ReleaseLapsed: it will not come out (facts: spent; reason, the reviewers').
        Frozen: it is approved, and an officer's freeze holds it up (facts: spent); or it is out, and a dataset
            that it reads is frozen now: no answer from such a one is handed out.
        MeasurementForfeited: there will be none (facts: spent).
        ProofFailed: the stored release is not the one that was signed.
    """
    require(enclave, actor, Action.READ_RELEASE)
    record = own_record(enclave, actor, query)
    if seconds and await_settled(enclave, record, seconds):
        record = own_record(enclave, actor, query)
    stand = stand_of(enclave, record)
    if stand.state != read_query.DONE:
        raise _not_out(enclave, record, stand)
    require(enclave, actor, Action.READ_RELEASE, datasets=record.datasets)
    record = own_record(enclave, actor, query)
    if stand.review is None:
        raise Fault
    found = enclave.ledger.release_of(stand.review.order)
    if found is None:
        raise Fault
    _check(enclave, found)
    return ReleaseView(
        id=record.id,
        bundle=bundle_document(found.certificate, found.envelope, _receipts(enclave, record, found)),
        cost=cost_of(record),
        reused=record.reused,
    )


def _not_out(enclave: Enclave, record: QueryRecord, stand: Stand) -> Exception:
    spent = cost_of(record).amount
    match stand.state:
        case read_query.RUNNING:
            return AnswerPending(visible_at=time_text(seen(enclave, record).visible_at), spent=spent)
        case read_query.IN_REVIEW:
            return ReviewPending(review=stand.review.opening.id if stand.review is not None else None, spent=spent)
        case read_query.REFUSED:
            return ReleaseRefused(reason=_reasons(stand.review), spent=spent)
        case read_query.WITHDRAWN:
            return ReleaseWithdrawn(spent=spent)
        case read_query.LAPSED:
            return ReleaseLapsed(spent=spent)
        case read_query.STOPPED:
            return Frozen(spent=spent)
        case _:
            return MeasurementForfeited(spent=spent)


def _reasons(review: ReviewRecord | None) -> str:
    """What those who refused wrote, without their names."""
    votes = review.votes if review is not None else ()
    return " / ".join(dict.fromkeys(vote.reason for vote in votes if vote.verdict == "reject"))


def _check(enclave: Enclave, found: ReleaseRecord) -> None:
    facts = verify_certificate(found.certificate, enclave.release_key.verifier)
    if facts["envelope"] != hashlib.sha256(found.envelope).hexdigest() or facts["order"] != found.order:
        raise ProofFailed("The stored release is not the one that was signed.")


def _receipts(enclave: Enclave, record: QueryRecord, found: ReleaseRecord) -> dict[str, dict[str, object]]:
    """The entries that reserved, committed and released the answer, and, for a reused one, that recorded its reuse."""
    first = enclave.ledger.query(found.query)
    if first is None or first.settled_entry is None:
        raise Fault
    places = {"reserved": first.entry, "committed": first.settled_entry, "released": found.entry}
    if record.reused:
        places["reused"] = record.entry
    return {name: entry_receipt_json(stated(enclave, index)) for name, index in places.items()}
