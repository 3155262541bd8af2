"""The log's index: what of an entry can be searched for. A pure function of the entries before it and the entry itself.

Derived data: a ledger writes a row with each entry, and `sandbox.adapters.books` derives all rows anew at every start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sandbox.adapters import stated_facts
from sandbox.proof.entry import time_text
from sandbox.service.ports import Entry

OUTCOMES: Mapping[str, str] = {
    stated_facts.GRANT_REQUESTED: "requested",
    stated_facts.GRANT_DECLINED: "declined",
    stated_facts.GRANT_GIVEN: "granted",
    stated_facts.GRANT_REVOKED: "revoked",
    stated_facts.FREEZE_SET: "frozen",
    stated_facts.LIFT_ASKED: "lift-asked",
    stated_facts.LIFTED: "lifted",
    "query.attached": "attached",
    stated_facts.QUERY_RESERVED: "reserved",
    stated_facts.QUERY_REUSED: "reused",
    stated_facts.QUERY_COMMITTED: "committed",
    stated_facts.QUERY_FORFEITED: "forfeited",
    "review.viewed": "viewed",
    stated_facts.RELEASED: "released",
    "policy.explained": "explained",  # whatever the explanation: nobody was refused
}
"""Kind of entry → what it decides, where its kind alone says so."""

VERDICTS = ("answerable", "approve", "reject", "approved", "rejected", "withdrawn", "lapsed")
"""What else an entry may decide, other than a refusal by its code."""

_ASKED = (stated_facts.QUERY_RESERVED, stated_facts.QUERY_REUSED)

_OF_ANOTHER = (
    stated_facts.GRANT_DECLINED,
    stated_facts.GRANT_REVOKED,
    stated_facts.LIFT_ASKED,
    stated_facts.LIFTED,
    stated_facts.QUERY_COMMITTED,
    stated_facts.QUERY_FORFEITED,
    "review.viewed",
    stated_facts.REVIEW_VOTED,
    stated_facts.REVIEW_CLOSED,
    stated_facts.RELEASED,
)
"""Entries about what somebody asked for: that somebody is the person concerned, whoever acts."""

_THINGS = {
    stated_facts.GRANT_REQUESTED: "request",
    stated_facts.GRANT_GIVEN: "grant",
    stated_facts.FREEZE_SET: "freeze",
    stated_facts.QUERY_RESERVED: "query",
    stated_facts.QUERY_REUSED: "query",
}
"""Kind of entry → the fact that names what it begins. Later entries that name the same thing are about it."""

_LOOKED_UP = ("query", "review", "freeze", "grant", "request")


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


Beginning: TypeAlias = Callable[[str, str], EntryFacts | None]
"""Gives the row of the earlier entry that began a thing: its kind (query, review, freeze, grant, request) and id. A
review begins with its query."""


def derive(entry: Mapping[str, Any], beginning: Beginning) -> EntryFacts:
    """The row of an entry (kind, at, actor, facts)."""
    kind, actor, facts = entry["kind"], entry["actor"], entry["facts"]
    about = _about(kind, facts, beginning)
    purpose = _text(facts, "purpose") or (about.purpose if about is not None else None)
    if kind in _ASKED:
        grant = _text(facts, "grant")
        under = beginning("grant", grant) if grant is not None else None
        purpose = purpose or (under.purpose if under is not None else None)
    return EntryFacts(
        kind=kind,
        at=entry["at"],
        actor=actor,
        person=_person(kind, actor, facts, about),
        datasets=_datasets(kind, facts) or (about.datasets if about is not None else ""),
        purpose=purpose,
        decision=OUTCOMES.get(kind) or _text(facts, "decision") or _text(facts, "verdict") or _text(facts, "code"),
        text_tag=_text(facts, "text_tag") or (about.text_tag if about is not None else None),
    )


def as_read(entry: Entry, facts: Mapping[str, Any]) -> dict[str, Any]:
    """An entry about to be written, as `read_entry` will give it."""
    return {"kind": entry.kind, "at": time_text(entry.at), "actor": entry.actor, "facts": facts}


@dataclass(slots=True)
class EntryIndex:
    """Derives the rows of a whole log, entry by entry."""

    _begun: dict[tuple[str, str], EntryFacts] = field(default_factory=dict)

    def take(self, entry: Mapping[str, Any]) -> EntryFacts:
        """The row of the next entry."""
        row = derive(entry, lambda thing, name: self._begun.get((thing, name)))
        facts, thing = entry["facts"], _THINGS.get(row.kind)
        if thing is not None:
            self._begun[thing, str(facts.get(thing))] = row
        elif row.kind == stated_facts.QUERY_COMMITTED:
            query, review = self._begun.get(("query", str(facts.get("query")))), facts.get("review")
            if query is not None and isinstance(review, dict):
                self._begun["review", str(review.get("id"))] = query
        return row


def _about(kind: str, facts: Mapping[str, Any], beginning: Beginning) -> EntryFacts | None:
    """The row that began what an entry is about: the first thing it names that is known."""
    if kind in _THINGS and kind != stated_facts.FREEZE_SET:
        return None
    names = [(thing, _text(facts, thing)) for thing in _LOOKED_UP]
    if kind == stated_facts.FREEZE_SET:
        names = [("grant", _text(facts, "name"))] if facts.get("subject") == "grant" else []
    found = (beginning(thing, name) for thing, name in names if name is not None)
    return next((row for row in found if row is not None), None)


def _person(kind: str, actor: str, facts: Mapping[str, Any], about: EntryFacts | None) -> str:
    if kind in (stated_facts.GRANT_GIVEN, stated_facts.GRANT_REQUESTED):
        return _text(facts, "analyst") or actor
    if kind == stated_facts.FREEZE_SET and facts.get("subject") == "person":
        return _text(facts, "name") or actor
    if about is not None and (kind in _OF_ANOTHER or kind == stated_facts.FREEZE_SET):
        return about.person
    return actor


def _datasets(kind: str, facts: Mapping[str, Any]) -> str:
    named = facts.get("datasets")
    if isinstance(named, list):
        return " ".join(str(name) for name in named)
    if kind == stated_facts.FREEZE_SET and facts.get("subject") == "dataset":
        return _text(facts, "name") or ""
    also = facts.get("also")
    further = [str(item.get("dataset")) for item in also if isinstance(item, dict)] if isinstance(also, list) else []
    return " ".join([_text(facts, "dataset") or "", *further])


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None
