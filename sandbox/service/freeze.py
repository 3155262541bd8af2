"""An officer stops a person, a grant or a dataset at once; two officers let it go on."""

from ulid import ULID

from policies.roles import Action
from sandbox.service.access import require
from sandbox.service.audit import check_reason, entry
from sandbox.service.enclave import Enclave
from sandbox.service.people_views import FreezeView
from sandbox.service.release_answer import release_pending
from sandbox.terms.people import Freeze, Person, Subject
from sandbox.terms.refusal import AlreadyDecided, MalformedRequest, NotFound, OwnRequest


def freeze(enclave: Enclave, actor: Person, subject: str, name: str, reason: str) -> FreezeView:
    """Stop a person, grant or dataset, by name or id, for a reason of 10 to 500 printable characters.

    A frozen person may see how their own things stand and do nothing; nothing is asked or released under a frozen grant
    or of a frozen dataset. Officers may freeze each other and themselves: the others lift it.

    Raises:
        RoleNotPermitted, Frozen, MalformedRequest, NotFound (there is no such subject), AlreadyDecided (it is frozen),
        AuditUnavailable.
    """
    require(enclave, actor, Action.FREEZE)
    if subject not in set(Subject):
        raise MalformedRequest(
            "subject is one of those listed.", field="subject", allowed=[item.value for item in Subject]
        )
    check_reason(reason)
    if not _exists(enclave, Subject(subject), name):
        raise NotFound(f"There is no such {subject} to freeze.")
    now = enclave.clock.now()
    stop = Freeze(f"f_{ULID.from_datetime(now)}", Subject(subject), name, actor.name, reason, now)
    enclave.ledger.freeze(stop, entry(enclave, actor, "freeze.set", {}, now))
    return FreezeView(stop)


def lift(enclave: Enclave, actor: Person, freeze_id: str, reason: str) -> FreezeView:
    """Consent to lifting a freeze. The first officer's consent is recorded; the second's, by another human, ends it, and
    releases that waited for nothing else go out.

    Raises:
        RoleNotPermitted, Frozen, MalformedRequest, NotFound, AlreadyDecided (it is lifted), OwnRequest (this human
        asked for it already), AuditUnavailable.
    """
    require(enclave, actor, Action.LIFT_FREEZE)
    check_reason(reason)
    found = next((item for item in enclave.ledger.freezes(active=False) if item.id == freeze_id), None)
    if found is None:
        raise NotFound("There is no such freeze.")
    if found.lifted:
        raise AlreadyDecided("This freeze was lifted already.")
    first = enclave.ledger.person(found.lift_asked_by) if found.lift_asked_by is not None else None
    if first is not None and first.human == actor.human:
        raise OwnRequest("You asked for this freeze to be lifted: another officer must agree.")
    require(enclave, actor, Action.LIFT_FREEZE, author=first)
    stop, _ = enclave.ledger.lift(freeze_id, actor, reason, entry(enclave, actor, "freeze.lift-asked", {}))
    if stop.lifted:
        _release_soon(enclave)
    return FreezeView(stop)


def listed(enclave: Enclave, actor: Person) -> list[FreezeView]:
    """The freezes in force, newest first."""
    require(enclave, actor, Action.LIST_FREEZES)
    return [FreezeView(stop) for stop in enclave.ledger.freezes()]


def _exists(enclave: Enclave, subject: Subject, name: str) -> bool:
    match subject:
        case Subject.PERSON:
            return enclave.ledger.person(name) is not None
        case Subject.GRANT:
            return enclave.ledger.standing(name) is not None
        case Subject.DATASET:
            return enclave.ledger.dataset(name) is not None


def _release_soon(enclave: Enclave) -> None:
    """In the runner: whatever goes wrong there is not the officer's failure, and the next start tries again."""

    def job() -> None:
        release_pending(enclave)

    try:
        enclave.runner.submit(job)
    except RuntimeError:  # the pool is closing
        return
