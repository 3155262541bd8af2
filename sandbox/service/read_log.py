"""The log as everybody may check it, and as officers may read it."""

from collections.abc import Iterator

from policies.roles import Action
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.log_export import export_lines
from sandbox.proof.signing import VerifyingKey
from sandbox.service.access import require
from sandbox.service.enclave import Enclave
from sandbox.service.views import ConsistencyView, InclusionView
from sandbox.terms.people import Person
from sandbox.terms.refusal import MalformedRequest, NotFound

_BATCH = 500


def checkpoint(enclave: Enclave, actor: Person) -> str:
    """The newest signed checkpoint."""
    require(enclave, actor, Action.READ_CHECKPOINT)
    return enclave.ledger.checkpoint()


def inclusion(enclave: Enclave, actor: Person, index: int) -> InclusionView:
    """Proof that an entry is covered by the newest checkpoint. Raises NotFound beyond its size."""
    require(enclave, actor, Action.PROVE_LOG)
    if not 0 <= index < enclave.ledger.size():
        raise NotFound("The log has no such entry.")
    return InclusionView(enclave.ledger.receipt(index))


def consistency(enclave: Enclave, actor: Person, old: int, new: int) -> ConsistencyView:
    """Proof that the log of size `new` extends that of size `old`. Raises MalformedRequest for sizes it never had."""
    require(enclave, actor, Action.PROVE_LOG)
    if not 0 < old <= new <= enclave.ledger.size():
        raise MalformedRequest("old and new are sizes of this log, with 0 < old <= new.")
    return ConsistencyView(old, new, enclave.ledger.consistency(old, new))


def export(enclave: Enclave, actor: Person) -> Iterator[str]:
    """The whole log in lines that the offline verifier reads; query texts in it stay sealed."""
    require(enclave, actor, Action.EXPORT_LOG)
    settings = enclave.settings
    note = enclave.ledger.checkpoint()
    size = open_checkpoint(note, VerifyingKey.parse(settings.log_key), settings.origin).size
    return iter(export_lines(settings.origin, settings.log_key, _entries(enclave, size), note))


def _entries(enclave: Enclave, size: int) -> Iterator[bytes]:
    for start in range(0, size, _BATCH):
        yield from enclave.ledger.entries(start, min(start + _BATCH, size))
