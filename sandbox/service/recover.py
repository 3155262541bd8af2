"""At start: what a crash left open is forfeited, and what it held up is released. The loss was spent when it was reserved."""

from sandbox.service.audit import entry
from sandbox.service.enclave import Enclave
from sandbox.service.release_answer import release_pending


def recover(enclave: Enclave) -> int:
    """Forfeit every unsettled reservation; returns how many. Approved answers that are not out yet go out.

    To be called before the first request is taken.

    Raises:
        AuditUnavailable: the ledger cannot be written; the enclave must not start.
    """
    unsettled = enclave.ledger.unsettled()
    for record in unsettled:
        enclave.ledger.forfeit(record.order, entry(enclave, None, "query.forfeited", {}))
    release_pending(enclave)
    return len(unsettled)
