"""Submissions are signed: whose keys, over what, and how the signed request is kept under seal and found again."""

from typing import Any

from sandbox.proof.submission import Submission, check_submission
from sandbox.service.ask import QueryRequest, Question, also_fact
from sandbox.service.enclave import Enclave
from sandbox.service.ports import EngineStatus, QueryRecord
from sandbox.terms.loss import decimal_text
from sandbox.terms.people import Person
from sandbox.terms.refusal import KeysRequired


def check_signed(enclave: Enclave, actor: Person, request: QueryRequest, idempotency_key: str) -> None:
    """That a registered key of the actor, current or earlier, signed exactly this request under this idempotency key.

    Raises:
        KeysRequired: the request names no registered keys of the actor.
        SignatureInvalid: they did not sign it.
    """
    keys = next((keys for keys in enclave.ledger.keys(actor.name) if keys.id == request.key), None)
    if keys is None:
        raise KeysRequired("The submission names no registered keys of yours.", field="key")
    submission = Submission(
        origin=enclave.settings.origin,
        person=actor.name,
        key=keys.id,
        sql=request.sql,
        purpose=request.purpose,
        epsilon=request.epsilon,
        need=request.need,
        idempotency_key=idempotency_key,
    )
    check_submission(keys, submission, request.signature)


def sealed_request(
    enclave: Enclave, request: QueryRequest, idempotency_key: str, question: Question, engine: EngineStatus | None
) -> dict[str, Any]:
    """What the entry holds under seal: the signed request, and what the `engine` was asked to measure, which review and
    release name. A reused answer was measured for the first query, so `engine` is None.

    `epsilon` is the canonical text, `epsilon_as_sent` what was signed.
    """
    sealed: dict[str, Any] = {
        "sql": request.sql,
        "purpose": request.purpose,
        "epsilon": question.epsilon,
        "epsilon_as_sent": request.epsilon,
        "need": request.need,
        "key": request.key,
        "signature": request.signature,
        "idempotency_key": idempotency_key,
        "origin": enclave.settings.origin,
        "space": question.space.name,
        "delta": decimal_text(question.space.delta_conversion),
    }
    if engine is None:
        return sealed
    return sealed | {
        "measured": {
            "plan_digest": question.plan_digest,
            "data_version": question.version.number,
            "manifest": question.version.manifest,
            "also": [also_fact(source) for source in question.also],
            "network": engine.network,
            "clock": {"tick_ms": enclave.settings.tick_ms, "on": enclave.settings.clock_on},
        }
    }


def submission_of(record: QueryRecord) -> tuple[Submission, str]:
    """The submission that a recorded query stands for, and its signature."""
    asked = record.request
    submission = Submission(
        origin=str(asked["origin"]),
        person=record.person,
        key=record.key,
        sql=str(asked["sql"]),
        purpose=str(asked["purpose"]),
        epsilon=str(asked["epsilon_as_sent"]),
        need=str(asked["need"]),
        idempotency_key=str(asked["idempotency_key"]),
    )
    return submission, str(asked["signature"])
