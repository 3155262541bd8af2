"""Audit entries: what only the use cases know of what happened. The ledger itself states the record an entry goes with
(ids, amounts, digests), in the same transaction, so that table and log cannot differ.
"""

from datetime import datetime
from typing import Any

from sandbox.proof.books import REASON_LEAST, REASON_LIMIT
from sandbox.proof.sealing import tag
from sandbox.service.enclave import Enclave
from sandbox.service.ports import Entry, EntryReceipt
from sandbox.terms.loss import Loss
from sandbox.terms.people import Person
from sandbox.terms.refusal import MalformedRequest

PURPOSE_LIMIT = 200


def entry(
    enclave: Enclave, actor: Person | None, kind: str, facts: dict[str, Any], at: datetime | None = None
) -> Entry:
    """An entry by `actor`, or by the enclave itself, at the moment given or now; it names the policies in force."""
    name = actor.name if actor is not None else enclave.settings.name
    return Entry(kind, at or enclave.clock.now(), name, facts | {"bundle": enclave.bundle})


def stated(enclave: Enclave, index: int) -> EntryReceipt:
    """The receipt of an entry with its text, for those whom the entry concerns; a request in it stays sealed."""
    receipt = enclave.ledger.receipt(index)
    (body,) = enclave.ledger.entries(index, index + 1)
    return EntryReceipt(receipt.index, receipt.leaf, receipt.checkpoint, receipt.proof, body.decode("utf-8"))


def loss_facts(loss: Loss) -> dict[str, Any]:
    """A loss as entries and certificates write it."""
    return {"mode": loss.mode.value, "units": str(loss.units), "delta": str(loss.delta)}


def text_tag(enclave: Enclave, sql: str) -> str:
    """The keyed hash by which a query's text is found in the log; lone surrogates count as question marks."""
    return tag(enclave.tag_key, sql.encode("utf-8", "replace").decode("utf-8"))


def purpose_fact(purpose: str) -> str:
    """A purpose fit for an entry: what is too long or not printable was refused and is not copied into the log."""
    return purpose if is_label(purpose, PURPOSE_LIMIT) else ""


def is_label(text: str, limit: int) -> bool:
    """Whether a short name is one line of printable characters without spaces around it."""
    return 0 < len(text) <= limit and text.isprintable() and text == text.strip()


def check_reason(reason: str) -> None:
    """Raises MalformedRequest unless it is a reason that the log keeps."""
    if len(reason) < REASON_LEAST or not is_label(reason, REASON_LIMIT):
        raise MalformedRequest(f"reason takes {REASON_LEAST} to {REASON_LIMIT} printable characters.", field="reason")
