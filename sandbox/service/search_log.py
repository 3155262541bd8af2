"""The security officer's looks into the log. Who searches, and who opens a sealed request and why, is in the log itself.

A search is written down before it is made, a request opened only after the entry that says so: no entry, no look.
"""

import json
from base64 import b64decode
from dataclasses import asdict, replace
from datetime import datetime

from policies.roles import Action
from sandbox.proof.entry import read_entry, time_text
from sandbox.proof.sealing import unseal
from sandbox.service.access import require
from sandbox.service.audit import check_reason, entry, is_label, stated, text_tag
from sandbox.service.enclave import Enclave
from sandbox.service.found_entries import EntryFilter
from sandbox.service.views import EntryView, FoundView, OpenedView
from sandbox.terms.people import Person
from sandbox.terms.refusal import MalformedRequest, NotFound

PAGE, PAGE_LIMIT = 50, 200
_WORD_LIMIT = 200


def search(
    enclave: Enclave,
    actor: Person,
    wanted: EntryFilter,
    *,
    text: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> FoundView:
    """A page of the entries that `wanted` finds, newest first, below entry `before`. `text` is a query's exact text.

    Raises:
        RoleNotPermitted, MalformedRequest, AuditUnavailable (nothing was searched).
    """
    require(enclave, actor, Action.SEARCH_LOG)
    if not 1 <= limit <= PAGE_LIMIT:
        raise MalformedRequest(f"limit is 1 to {PAGE_LIMIT}.", fields=["limit"])
    if text is not None:
        if wanted.text_tag is not None:
            raise MalformedRequest("Search by text or by text_tag, not by both.", fields=["text", "text_tag"])
        wanted = replace(wanted, text_tag=text_tag(enclave, text))
    public = {name: _public(name, value) for name, value in asdict(wanted).items() if value is not None}
    facts = {"filter": public, "before": before, "limit": limit}
    own = enclave.ledger.append(entry(enclave, actor, "log.searched", facts)).index
    # One more than the page tells whether there is another one. The search's own entry is never in it.
    found = enclave.ledger.search(wanted, own if before is None else min(before, own), limit + 1)
    page = tuple(found[:limit])
    return FoundView(page, page[-1].index if len(found) > limit else None, own)


def show(enclave: Enclave, actor: Person, index: int) -> EntryView:
    """One entry with its inclusion proof. Raises NotFound beyond the log's end."""
    require(enclave, actor, Action.VIEW_ENTRY)
    _check_there(enclave, index)
    return EntryView(stated(enclave, index))


def open_sealed(enclave: Enclave, actor: Person, index: int, reason: str) -> OpenedView:
    """The request that is sealed in an entry, for a reason of 10 to 500 printable characters, which the log keeps.

    Raises:
        RoleNotPermitted, NotFound, MalformedRequest (the reason; or nothing is sealed in this entry), AuditUnavailable
        (nothing was opened), ProofFailed (the sealed text was changed).
    """
    require(enclave, actor, Action.OPEN_ENTRY)
    check_reason(reason)
    _check_there(enclave, index)
    (body,) = enclave.ledger.entries(index, index + 1)
    facts = read_entry(body)["facts"]
    if "sealed" not in facts:
        raise MalformedRequest(
            "Nothing is sealed in this entry: requests are in query.reserved and query.reused.", field="index"
        )
    # The write comes first. Where it fails it raises, and nothing was opened.
    own = enclave.ledger.append(entry(enclave, actor, "entry.opened", {"index": index, "reason": reason})).index
    request = json.loads(unseal(enclave.state_key, b64decode(facts["sealed"]), facts["query"]))
    return OpenedView(stated(enclave, index), request, stated(enclave, own))


def _check_there(enclave: Enclave, index: int) -> None:
    if not 0 <= index < enclave.ledger.size():
        raise NotFound("The log has no such entry.")


def _public(name: str, value: str | datetime) -> str:
    if isinstance(value, datetime):
        return time_text(value)
    if not is_label(value, _WORD_LIMIT):
        raise MalformedRequest(f"{name} takes 1 to {_WORD_LIMIT} printable characters.", fields=[name])
    return value
