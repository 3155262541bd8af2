"""The log's index: what of an entry can be searched for. A pure function of the entries before it and the entry itself.

Derived data: a ledger writes a row with each entry, and `sandbox.adapters.books` derives all rows anew at every start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.adapters import stated_facts
from sandbox.proof.entry import time_text
from sandbox.service.ports import Entry

OUTCOMES: Mapping[str, str] = {
    "query.attached": "attached",
    stated_facts.QUERY_RESERVED: "reserved",
    stated_facts.QUERY_REUSED: "reused",
    stated_facts.QUERY_COMMITTED: "committed",
    stated_facts.QUERY_FORFEITED: "forfeited",
}
ANSWERABLE = "answerable"
_SETTLED = (stated_facts.QUERY_COMMITTED, stated_facts.QUERY_FORFEITED)
_ASKED = (stated_facts.QUERY_RESERVED, stated_facts.QUERY_REUSED)


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One row of the index. `datasets` is a text of names with a space between them: no name holds one."""

    kind: str
    at: str
    actor: str
    person: str
    datasets: str
    purpose: str | None
    decision: str | None
    text_tag: str | None


def derive(
    entry: Mapping[str, Any],
    purpose_of: Callable[[str], str | None],
    asked_in: Callable[[str], EntryFacts | None],
) -> EntryFacts:
    """The row of an entry (kind, at, actor, facts). `purpose_of` gives an earlier grant's purpose, `asked_in` the row of
    the entry that recorded a query."""
    kind, actor, facts = entry["kind"], entry["actor"], entry["facts"]
    query, grant = _text(facts, "query"), _text(facts, "grant")
    asked = asked_in(query) if query is not None and kind not in _ASKED else None
    purpose = _text(facts, "purpose") or (asked.purpose if asked is not None else None)
    if purpose is None and kind in _ASKED and grant is not None:
        purpose = purpose_of(grant)
    return EntryFacts(
        kind=kind,
        at=entry["at"],
        actor=actor,
        person=asked.person if asked is not None and kind in _SETTLED else actor,
        datasets=_datasets(facts) or (asked.datasets if asked is not None else ""),
        purpose=purpose,
        decision=OUTCOMES.get(kind) or _text(facts, "verdict") or _text(facts, "code"),
        text_tag=_text(facts, "text_tag") or (asked.text_tag if asked is not None else None),
    )


def as_read(entry: Entry, facts: Mapping[str, Any]) -> dict[str, Any]:
    """An entry about to be written, as `read_entry` will give it."""
    return {"kind": entry.kind, "at": time_text(entry.at), "actor": entry.actor, "facts": facts}


@dataclass(slots=True)
class EntryIndex:
    """Derives the rows of a whole log, entry by entry."""

    _purposes: dict[str, str | None] = field(default_factory=dict)
    _asked: dict[str, EntryFacts] = field(default_factory=dict)

    def take(self, entry: Mapping[str, Any]) -> EntryFacts:
        """The row of the next entry."""
        row = derive(entry, self._purposes.get, self._asked.get)
        facts = entry["facts"]
        if row.kind == stated_facts.GRANT_GIVEN:
            self._purposes[str(facts.get("grant"))] = row.purpose
        elif row.kind in _ASKED:
            self._asked[str(facts.get("query"))] = row
        return row


def _datasets(facts: Mapping[str, Any]) -> str:
    named = facts.get("datasets")
    if isinstance(named, list):
        return " ".join(str(name) for name in named)
    return _text(facts, "dataset") or ""


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None
