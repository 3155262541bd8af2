"""Handing out an answer: only settled, only to who asked, only as it was signed."""

from policies.roles import Action
from sandbox.proof.certificate import verify_certificate
from sandbox.proof.entry import time_text
from sandbox.service.access import require
from sandbox.service.audit import stated
from sandbox.service.enclave import Enclave
from sandbox.service.read_query import FAILED, RUNNING, cost_of, own_record, seen, state_of
from sandbox.service.views import ReleaseView
from sandbox.terms.canonical import digest
from sandbox.terms.people import Person
from sandbox.terms.refusal import AnswerPending, MeasurementForfeited, ProofFailed


def release(enclave: Enclave, actor: Person, query: str) -> ReleaseView:
    """The release of one of the actor's own queries.

    Raises:
        NotFound: not there, or somebody else's.
        AnswerPending: its slot has not come (facts: visible_at).
        MeasurementForfeited: there will be none (facts: spent).
        ProofFailed: the stored answer is not the one that was signed.
    """
    require(enclave, actor, Action.READ_RELEASE)
    record = own_record(enclave, actor, query)
    state = state_of(enclave, record)
    if state == RUNNING:
        raise AnswerPending(visible_at=time_text(seen(enclave, record).visible_at))
    if state == FAILED:
        raise MeasurementForfeited(spent=cost_of(record).amount)
    record = own_record(enclave, actor, query)
    document = record.answer
    if document is None or record.settled_entry is None:
        raise ProofFailed("The ledger holds no answer for a committed query.")
    certificate = document["certificate"]
    facts = verify_certificate(certificate, enclave.release_key.verifier)
    if facts["answer"] != digest(document["answer"]) or facts["order"] != document["answer"]["order"]:
        raise ProofFailed("The stored answer is not the one that was signed.")
    return ReleaseView(
        id=record.id,
        answer=document["answer"],
        certificate=certificate,
        receipt=stated(enclave, record.settled_entry),
        reserved_receipt=stated(enclave, record.entry),
        cost=cost_of(record),
        reused=record.reused,
    )
