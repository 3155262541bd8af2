"""After the reservation: measure, and settle at a slot of the release clock, never before.

Two jobs a query. One asks the engine and leaves the outcome on the desk. The other wakes at the slots only and settles
with what is there: so the moment of every write and every visible change follows from plan and time, whether the engine
was fast, late, dead, or never asked.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.proof.certificate import sign_certificate
from sandbox.service.amounts import MECHANISMS
from sandbox.service.audit import entry, loss_facts
from sandbox.service.desk import Running
from sandbox.service.enclave import Enclave
from sandbox.service.release_clock import slots_ms
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import digest
from sandbox.terms.loss import Loss
from sandbox.terms.order import MeasureOrder
from sandbox.terms.people import Person
from sandbox.terms.refusal import AuditUnavailable

CERTIFICATE = "sandbox/certificate/v1"
ASSURANCE = "software"
"""No attestation by hardware yet: every release says so."""


@dataclass(frozen=True, slots=True)
class Task:
    """All that settling needs to know of a reserved query. `index` is its reserving entry's place in the log."""

    running: Running
    order: MeasureOrder
    person: Person
    grant: str
    plan_digest: str
    text_tag: str
    network: str
    loss: Loss
    index: int


def dispatch(enclave: Enclave, task: Task) -> None:
    """Start both jobs. Where the pool is closing, what is open stays reserved and paid; the next start forfeits it."""
    try:
        if enclave.settings.clock_on:
            enclave.runner.submit(lambda: settle_on_time(enclave, task))
    except RuntimeError:
        enclave.desk.close(task.running)
        return
    try:
        enclave.runner.submit(lambda: measure(enclave, task))
    except RuntimeError:
        task.running.deliver(None)
        if not enclave.settings.clock_on:
            enclave.desk.close(task.running)


def measure(enclave: Enclave, task: Task) -> None:
    """Ask the engine. Without the release clock, settle right away."""
    answer = None
    try:
        answer = enclave.compute.measure(task.order)
        digest(
            answer.to_json()
        )  # what cannot be written down and signed is no answer: better known here than at the slot
    except Exception:  # noqa: BLE001 - whatever went wrong must look the same from outside: forfeited at the slot
        answer = None
    finally:
        task.running.deliver(answer)
        if not enclave.settings.clock_on:
            settle_at_once(enclave, task)


def settle_on_time(enclave: Enclave, task: Task) -> None:
    """Wake at each slot until the query is settled; at the last, forfeit what the engine has not brought."""
    running = task.running
    slots = slots_ms(running.slot_ms)
    try:
        for slot in slots:
            enclave.clock.sleep_until(running.accepted + slot / 1000)
            came_back, answer = running.outcome()
            if (came_back or slot == slots[-1]) and _settle(enclave, task, answer):
                return
    finally:
        # Where the ledger could not be written at the last slot, the reservation stays open and paid for.
        enclave.desk.close(running)


def settle_at_once(enclave: Enclave, task: Task) -> None:
    """For benchmarks without the release clock."""
    try:
        _settle(enclave, task, task.running.outcome()[1])
    finally:
        enclave.desk.close(task.running)


def _settle(enclave: Enclave, task: Task, answer: Answer | None) -> bool:
    """Commit or forfeit, at most once; False where the ledger could not be written: nothing changed, try at the next slot."""
    try:
        if answer is None:
            enclave.ledger.forfeit(task.order.id, entry(enclave, None, "query.forfeited", {}))
        else:
            document = answer.to_json()
            certificate = sign_certificate(_certificate(enclave, task, digest(document)), enclave.release_key)
            stored = {"answer": document, "certificate": certificate}
            # The ledger states the digest of both in the entry: the log holds which answer left, and under what.
            enclave.ledger.commit(task.order.id, stored, entry(enclave, None, "query.committed", {}))
    except AuditUnavailable:
        return False
    return True


def _certificate(enclave: Enclave, task: Task, answer_digest: str) -> dict[str, Any]:
    settings = enclave.settings
    return {
        "format": CERTIFICATE,
        "query": task.running.query,
        "order": task.order.id,
        "text_tag": task.text_tag,
        "plan_digest": task.plan_digest,
        "dataset": task.order.dataset,
        "data_version": task.order.version,
        "manifest": task.order.manifest,
        "mechanism": MECHANISMS[task.loss.mode],
        "loss": loss_facts(task.loss),
        "grant": task.grant,
        "answer": answer_digest,
        "clock": {"tick_ms": settings.tick_ms, "on": settings.clock_on},
        "assurance": ASSURANCE,
        "network": task.network,
        "log": {"index": task.index, "origin": settings.origin},
    }
