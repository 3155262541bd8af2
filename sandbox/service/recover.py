"""At start: what a crash left open is forfeited, with an entry each. The loss was spent when it was reserved."""

from sandbox.service.audit import entry
from sandbox.service.enclave import Enclave


def recover(enclave: Enclave) -> int:
    """Forfeit every unsettled reservation; returns how many. To be called before the first request is taken.

    Raises:
        AuditUnavailable: the ledger cannot be written; the enclave must not start.
    """
    unsettled = enclave.ledger.unsettled()
    for record in unsettled:
        enclave.ledger.forfeit(record.order, entry(enclave, None, "query.forfeited", {}))
    return len(unsettled)
