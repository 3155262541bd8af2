"""The log's index inside the ledger's database: one narrow row an entry, searched from the newest down.

A search walks the rows in order of entries and stops when it has enough: at 10^5 entries the whole walk takes less than
a tenth of a second, so no further index slows every write down.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from sandbox.adapters.entry_facts import OUTCOMES, VERDICTS, EntryFacts, as_read, derive
from sandbox.proof.entry import read_time, time_text
from sandbox.service.found_entries import EntryFilter, FoundEntry
from sandbox.service.ports import Entry

_ANY_REFUSAL = "refused"
_NO_REFUSAL = ", ".join(f"'{word}'" for word in (*VERDICTS, *OUTCOMES.values()))

_SEARCH = f"""
SELECT entry_facts.*, people.organisation FROM entry_facts LEFT JOIN people ON people.name = entry_facts.person
WHERE entry_facts.entry < :before
    AND (:actor IS NULL OR actor = :actor OR person = :actor)
    AND (:organisation IS NULL OR people.organisation = :organisation)
    AND (:dataset IS NULL OR instr(' ' || datasets || ' ', ' ' || :dataset || ' '))
    AND (:purpose IS NULL OR purpose = :purpose)
    AND (:decision IS NULL OR decision = :decision
        OR :decision = '{_ANY_REFUSAL}' AND decision NOT IN ({_NO_REFUSAL}))
    AND (:kind IS NULL OR kind = :kind)
    AND (:since IS NULL OR at >= :since)
    AND (:until IS NULL OR at < :until)
    AND (:text_tag IS NULL OR text_tag = :text_tag)
ORDER BY entry_facts.entry DESC LIMIT :limit
"""  # noqa: S608 - words from this program only

_BEGAN = {
    "query": "SELECT entry FROM queries WHERE id = ?",
    "review": "SELECT queries.entry FROM reviews JOIN queries USING (order_id) WHERE reviews.id = ?",
    "freeze": "SELECT entry FROM freezes WHERE id = ?",
    "grant": "SELECT entry FROM grants WHERE id = ?",
    "request": "SELECT entry FROM grant_requests WHERE id = ?",
}


def add(connection: sqlite3.Connection, index: int, entry: Entry, facts: Mapping[str, Any]) -> None:
    """Write the row of an entry that is being appended, within its transaction."""

    def beginning(thing: str, name: str) -> EntryFacts | None:
        row = connection.execute(f"SELECT * FROM entry_facts WHERE entry = ({_BEGAN[thing]})", (name,)).fetchone()  # noqa: S608 - words of this program
        return _read(row) if row is not None else None

    found = derive(as_read(entry, facts), beginning)
    connection.execute("INSERT INTO entry_facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (index, *astuple(found)))


def stored(connection: sqlite3.Connection) -> Iterator[tuple[int, EntryFacts]]:
    """Every row with its entry, in order."""
    for row in connection.execute("SELECT * FROM entry_facts ORDER BY entry"):
        yield row["entry"], _read(row)


def search(connection: sqlite3.Connection, wanted: EntryFilter, before: int, limit: int) -> Sequence[FoundEntry]:
    """Entries below `before` that the filter finds, newest first, at most `limit`. Times are in order of their texts."""
    asked = {
        "actor": wanted.actor,
        "organisation": wanted.organisation,
        "dataset": wanted.dataset,
        "purpose": wanted.purpose,
        "decision": wanted.decision,
        "kind": wanted.kind,
        "since": time_text(wanted.since) if wanted.since is not None else None,
        "until": time_text(wanted.until) if wanted.until is not None else None,
        "text_tag": wanted.text_tag,
        "before": before,
        "limit": limit,
    }
    return [
        FoundEntry(
            row["entry"],
            row["kind"],
            read_time(row["at"]),
            row["actor"],
            row["person"],
            row["organisation"],
            tuple(row["datasets"].split()),
            row["purpose"],
            row["decision"],
            row["text_tag"],
        )
        for row in connection.execute(_SEARCH, asked)
    ]


def _read(row: sqlite3.Row) -> EntryFacts:
    return EntryFacts(*(row[name] for name in EntryFacts.__slots__))
