"""A failed measurement is a bit somebody may have aimed at: a grant whose measurements fail in a row is frozen (design §5)."""

from itertools import takewhile

from ulid import ULID

from sandbox.service.audit import entry
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryState
from sandbox.terms.people import Freeze, Subject
from sandbox.terms.refusal import AlreadyDecided, AuditUnavailable

FAILURES = 3
"""Forfeited measurements in a row, since the grant was last frozen."""

REASON = "Measurements under this grant failed three times in a row."


def freeze_after_failures(enclave: Enclave, grant: str) -> bool:
    """Freeze the grant where its last measurements all failed; whether that was done now. Like any freeze, two officers
    lift it."""
    ledger = enclave.ledger
    standing = ledger.standing(grant)
    if standing is None or standing.revoked or ledger.frozen(Subject.GRANT, grant):
        return False
    before = [freeze.at for freeze in ledger.freezes(active=False) if freeze.name == grant]
    settled = [
        record
        for record in ledger.queries(standing.grant.analyst)
        if grant in record.grants
        and not record.reused
        and record.state != QueryState.RESERVED
        and all(record.accepted_at > at for at in before)
    ]
    settled.sort(key=lambda record: -(record.settled_entry or 0))
    failed = sum(1 for _ in takewhile(lambda record: record.state == QueryState.FORFEITED, settled))
    if failed < FAILURES:
        return False
    now = enclave.clock.now()
    freeze = Freeze(f"f_{ULID.from_datetime(now)}", Subject.GRANT, grant, enclave.settings.name, REASON, now)
    try:
        ledger.freeze(freeze, entry(enclave, None, "freeze.set", {}, now))
    except (AlreadyDecided, AuditUnavailable):  # an officer was faster; or nothing can be reserved now anyway
        return False
    return True
