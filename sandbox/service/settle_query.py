"""After the reservation: measure, and settle at a slot of the release clock, never before.

Two jobs a query. One asks the engine, has the review rules rule on what came, and leaves the outcome on the desk. The other
wakes at the slots only and settles with what is there: so the moment of every write and every visible change follows from
plan and time, whether the engine was fast, late, dead, or never asked.
"""

from dataclasses import dataclass

from ulid import ULID

from sandbox.proof.bundle import salted
from sandbox.review.binding import review_digest
from sandbox.review.profile import Profile
from sandbox.review.rules import Asked, after
from sandbox.service import release_answer
from sandbox.service.ask import also_fact
from sandbox.service.audit import entry
from sandbox.service.desk import Measured, Running
from sandbox.service.enclave import Enclave
from sandbox.service.failures import freeze_after_failures
from sandbox.service.ports import ReviewOpening
from sandbox.service.release_clock import slots_ms
from sandbox.service.ruling import draw, intervals
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import digest
from sandbox.terms.order import MeasureOrder, SourceVersion
from sandbox.terms.refusal import AuditUnavailable


@dataclass(frozen=True, slots=True)
class Task:
    """All that settling needs to know of a reserved query: its order, its grants, and what the review rules look at."""

    running: Running
    order: MeasureOrder
    grants: tuple[str, ...]
    plan_digest: str
    asked: Asked
    profile: Profile
    primary: SourceVersion
    also: tuple[SourceVersion, ...]


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
    measured = None
    try:
        measured = _ruled(enclave, task, enclave.compute.measure(task.order))
    except Exception:  # noqa: BLE001 - whatever went wrong must look the same from outside: forfeited at the slot
        measured = None
    finally:
        task.running.deliver(measured)
        if not enclave.settings.clock_on:
            settle_at_once(enclave, task)


def settle_on_time(enclave: Enclave, task: Task) -> None:
    """Wake at each slot until the query is settled; at the last, forfeit what the engine has not brought."""
    running = task.running
    slots = slots_ms(running.slot_ms)
    try:
        for slot in slots:
            enclave.clock.sleep_until(running.accepted + slot / 1000)
            came_back, measured = running.outcome()
            if (came_back or slot == slots[-1]) and _settle(enclave, task, measured):
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


def _ruled(enclave: Enclave, task: Task, answer: Answer) -> Measured:
    """The answer as it will be committed, and the ruling on it.

    What cannot be written down, signed or ruled on is no answer: better known here than at the slot.
    """
    document = salted(answer.to_json())
    digest(document)
    drawn = draw(enclave, task.order.id)
    return Measured(document, after(task.asked, answer, task.profile, drawn, intervals(answer)))


def _settle(enclave: Enclave, task: Task, measured: Measured | None) -> bool:
    """Commit or forfeit, at most once; False where the ledger could not be written: nothing changed, try at the next slot.

    An answer that waits for nobody is released here too, so that everything there is to see of it comes at the slot.
    """
    order = task.order.id
    try:
        if measured is None:
            enclave.ledger.forfeit(order, entry(enclave, None, "query.forfeited", {}))
        else:
            opening = _opening(enclave, task, measured)
            enclave.ledger.commit(order, measured.answer, opening, entry(enclave, None, "query.committed", {}))
    except AuditUnavailable:
        return False
    if measured is None:
        for grant in task.grants:
            freeze_after_failures(enclave, grant)
        return True
    review = enclave.ledger.review_of(order)
    if review is not None and review.decision is not None:
        release_answer.release(enclave, review)
    return True


def _opening(enclave: Enclave, task: Task, measured: Measured) -> ReviewOpening:
    """Made at the slot: the time in its id is that of the slot, not of the engine's return."""
    ruling = measured.ruling
    return ReviewOpening(
        id=f"rr_{ULID.from_datetime(enclave.clock.now())}",
        outcome=ruling.outcome.value,
        votes=ruling.votes,
        reasons=ruling.reasons,
        profile=task.profile.name,
        digest=review_digest(
            task.plan_digest,
            task.primary.version,
            task.primary.manifest,
            digest(measured.answer),
            enclave.bundle,
            [also_fact(source) for source in task.also],
        ),
    )
