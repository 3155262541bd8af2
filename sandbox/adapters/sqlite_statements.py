"""The tables, told as the log would tell them: for each kind of entry, which facts the stored records stand for.

`sandbox.adapters.books` lays this beside the log. One snapshot, one pass, in order of entries.
"""

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.adapters import (
    sqlite_accounts,
    sqlite_entry_facts,
    sqlite_grants,
    sqlite_log,
    sqlite_records,
    sqlite_reviews,
    stated_facts,
)
from sandbox.adapters.books import Statement
from sandbox.adapters.entry_facts import EntryFacts
from sandbox.adapters.row_seal import RowSeal
from sandbox.adapters.sqlite_queries import Queries
from sandbox.terms.dataset import Account
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.refusal import EnclaveSealed


class SqliteTables:
    """The ledger's tables within one read transaction."""

    def __init__(self, connection: sqlite3.Connection, queries: Queries, seal: RowSeal) -> None:
        self._connection = connection
        self._queries = queries
        self._seal = seal

    def checkpoint(self) -> tuple[int, str]:
        return sqlite_log.size(self._connection), sqlite_log.checkpoint(self._connection)

    def bodies(self) -> Iterator[tuple[int, bytes]]:
        return sqlite_log.bodies(self._connection)

    def hashes(self) -> Iterator[tuple[int, bytes]]:
        return sqlite_log.stored(self._connection)

    def entry_facts(self) -> Iterator[tuple[int, EntryFacts]]:
        return sqlite_entry_facts.stored(self._connection)

    def accounts(self) -> Iterator[Account]:
        return sqlite_accounts.all_accounts(self._connection)

    def statements(self) -> dict[str, Iterator[Statement]]:
        """By kind of entry, in order of entries."""
        readers: dict[str, tuple[str, Callable[[sqlite3.Row], Statement]]] = {
            stated_facts.PERSON_ENROLLED: ("SELECT * FROM people ORDER BY entry", self._person),
            stated_facts.KEYS_REGISTERED: ("SELECT * FROM person_keys ORDER BY entry", _keys),
            stated_facts.DATASET_REGISTERED: (_DATASETS, self._dataset),
            stated_facts.VERSION_LOADED: ("SELECT * FROM versions ORDER BY entry", _version),
            stated_facts.GRANT_REQUESTED: ("SELECT * FROM grant_requests ORDER BY entry", self._request),
            stated_facts.GRANT_DECLINED: ("SELECT * FROM declines ORDER BY entry", _decline),
            stated_facts.GRANT_GIVEN: ("SELECT * FROM grants ORDER BY entry", self._grant),
            stated_facts.GRANT_REVOKED: ("SELECT * FROM revocations ORDER BY entry", _revocation),
            stated_facts.FREEZE_SET: ("SELECT * FROM freezes ORDER BY entry", self._freeze),
            stated_facts.LIFT_ASKED: ("SELECT * FROM lifts WHERE place = 1 ORDER BY entry", _lift),
            stated_facts.LIFTED: ("SELECT * FROM lifts WHERE place <> 1 ORDER BY entry", _lift),
            stated_facts.QUERY_RESERVED: (
                "SELECT * FROM queries WHERE reused_of IS NULL ORDER BY entry",
                self._reserved,
            ),
            stated_facts.QUERY_REUSED: (
                "SELECT * FROM queries WHERE reused_of IS NOT NULL ORDER BY entry",
                self._reused,
            ),
            stated_facts.QUERY_COMMITTED: (_COMMITTED, self._committed),
            stated_facts.QUERY_FORFEITED: (_FORFEITED, _forfeited),
            stated_facts.REVIEW_VOTED: (_VOTED, self._vote),
            stated_facts.REVIEW_CLOSED: (_CLOSED, _closed),
            stated_facts.RELEASED: ("SELECT * FROM releases ORDER BY entry", _release),
        }
        return {kind: map(read, self._connection.execute(sql)) for kind, (sql, read) in readers.items()}

    def _person(self, row: sqlite3.Row) -> Statement:
        cells = (row["name"], row["organisation"], row["role"], row["identity"], row["token_digest"])
        self._seal.check(row["mac"], "people", row["name"], *cells)
        return Statement(
            "people", row["name"], row["entry"], stated_facts.person_facts(sqlite_records.read_person(row))
        )

    def _dataset(self, row: sqlite3.Row) -> Statement:
        facts: dict[str, Any] = {
            "dataset": row["name"],
            "description": stated_facts.description_digest(row["description"]),
            "unit_space": row["space"],
            "limit": self._limit(row["space"], "dataset", row["name"]) if row["space"] is not None else None,
            "space": None,
        }
        found = self._connection.execute("SELECT * FROM spaces WHERE entry = ?", (row["entry"],)).fetchone()
        if found is not None:
            limit = self._limit(found["name"], "space", found["name"])
            facts["space"] = stated_facts.space_facts(sqlite_records.read_space(found)) | {"limit": limit}
        return Statement("datasets", row["name"], row["entry"], facts)

    def _limit(self, space: str, kind: str, owner: str) -> dict[str, str] | None:
        found = sqlite_accounts.account(self._connection, space, kind, owner)
        return stated_facts.loss_facts(found.limit) if found is not None else None

    def _request(self, row: sqlite3.Row) -> Statement:
        self._seal.check(row["mac"], "grant_requests", row["id"], row["id"], row["document"])
        asked = sqlite_grants.read_request(row)
        _same(row, "grant_requests", id=asked.id, analyst=asked.analyst)
        return Statement("grant_requests", row["id"], row["entry"], stated_facts.request_facts(asked), row["analyst"])

    def _grant(self, row: sqlite3.Row) -> Statement:
        grant = sqlite_grants.parsed(row)
        _same(
            row,
            "grants",
            id=grant.id,
            version=grant.version,
            analyst=grant.analyst,
            request=grant.request,
            uses=grant.uses,
            given_by=grant.given_by,
        )
        named = self._connection.execute(
            "SELECT place, dataset FROM granted_datasets WHERE grant_id = ? ORDER BY place", (row["id"],)
        )
        facts = stated_facts.grant_facts(grant)
        if [tuple(item) for item in named] != list(enumerate(grant.datasets)):
            facts["datasets"] = None  # the rows that bind queries to datasets are not those of the document
        return Statement("grants", row["id"], row["entry"], facts, grant.given_by)

    def _freeze(self, row: sqlite3.Row) -> Statement:
        self._seal.check(row["mac"], "freezes", row["id"], row["id"], row["at"])
        facts = {"freeze": row["id"], "subject": row["subject"], "name": row["name"], "reason": row["reason"]}
        return Statement("freezes", row["id"], row["entry"], facts, row["set_by"])

    def _reserved(self, row: sqlite3.Row) -> Statement:
        loss = Loss(Mode(row["mode"]), row["units"], row["delta"])
        return self._query(row, {"loss": stated_facts.loss_facts(loss)})

    def _reused(self, row: sqlite3.Row) -> Statement:
        return self._query(row, {"of": row["reused_of"]})

    def _query(self, row: sqlite3.Row, more: dict[str, Any]) -> Statement:
        self._queries.check_row(row)
        facts = {
            "query": row["id"],
            "order": row["order_id"],
            "person": row["person"],
            "grant": row["grant_id"],
            "dataset": row["dataset"],
            "space": row["space"],
            "key": row["key_id"],
            "sealed": base64.b64encode(row["request"]).decode(),
            "also": [dict(source) for source in self._connection.execute(_ALSO, (row["id"],))],
            "also_under": self._further_grants(row["id"]),
            **more,
        }
        return Statement("queries", row["id"], row["entry"], facts)

    def _further_grants(self, query: str) -> list[dict[str, Any]]:
        rows = self._connection.execute(_ALSO_UNDER, (query,)).fetchall()
        for row in rows:
            self._queries.check_further(row)
        return [{"grant": row["grant_id"], "grant_version": row["version"]} for row in rows]

    def _committed(self, row: sqlite3.Row) -> Statement:
        facts: dict[str, Any] = {"query": row["id"], "order": row["order_id"], "answer": None, "review": None}
        if row["answer"] is not None:
            facts["answer"] = self._queries.answer_digest(row["answer"], row["order_id"])
        if row["review"] is not None:
            facts["review"] = {
                "id": row["review"],
                "outcome": row["review_outcome"],
                "votes": row["votes"],
                "reasons": json.loads(row["reasons"]),
                "profile": row["profile"],
                "digest": row["digest"],
            }
        # What no reviewer is asked about is approved by this very entry, and nothing else is.
        at_once = None if row["review_outcome"] in (None, sqlite_reviews.HELD) else sqlite_reviews.APPROVED
        if row["review_entry"] not in (None, row["entry"]) or row["decided_at_once"] != at_once:
            facts["review"] = None
        return Statement("reviews", row["order_id"], row["entry"], facts)

    def _vote(self, row: sqlite3.Row) -> Statement:
        self._seal.check(row["mac"], "votes", row["review"], row["review"], row["place"], row["at"])
        names = ("review", "query", "verdict", "round", "reason", "digest", "decision")
        return Statement("votes", row["review"], row["entry"], {name: row[name] for name in names}, row["reviewer"])


def _keys(row: sqlite3.Row) -> Statement:
    facts = stated_facts.keys_facts(sqlite_records.read_keys(row))
    return Statement("person_keys", row["id"], row["entry"], facts, row["person"])


def _version(row: sqlite3.Row) -> Statement:
    facts = stated_facts.version_facts(sqlite_records.read_version(row))
    return Statement("versions", row["dataset"], row["entry"], facts)


def _decline(row: sqlite3.Row) -> Statement:
    facts = {"request": row["request"], "reason": row["reason"]}
    return Statement("declines", row["request"], row["entry"], facts, row["decided_by"])


def _revocation(row: sqlite3.Row) -> Statement:
    facts = {"grant": row["grant_id"], "reason": row["reason"]}
    return Statement("revocations", row["grant_id"], row["entry"], facts)


def _lift(row: sqlite3.Row) -> Statement:
    facts = {"freeze": row["freeze"] if row["place"] in (1, 2) else None, "reason": row["reason"]}
    return Statement("lifts", row["freeze"], row["entry"], facts, row["officer"])


def _forfeited(row: sqlite3.Row) -> Statement:
    facts = {"query": row["id"], "order": row["order_id"]}
    if row["answer"] is not None:
        facts["answer"] = "kept"  # a forfeit has none, and no entry states one
    return Statement("settlements", row["order_id"], row["entry"], facts)


def _closed(row: sqlite3.Row) -> Statement:
    facts = {"review": row["review"], "query": row["query"], "decision": row["outcome"]}
    return Statement("decisions", row["review"], row["entry"], facts)


def _release(row: sqlite3.Row) -> Statement:
    facts = stated_facts.release_facts(
        row["order_id"], row["query"], row["review"], row["key_id"], row["certificate"].encode(), row["envelope"]
    )
    return Statement("releases", row["order_id"], row["entry"], facts)


def _same(row: sqlite3.Row, table: str, **expected: str | int | None) -> None:
    """That the columns which repeat a document say what it says."""
    for name, value in expected.items():
        if row[name] != value:
            raise EnclaveSealed(
                f"A row of the ledger's table {table} differs from its own document.",
                table=table,
                owner=row["id"],
                field=name,
            )


# A unit space that no dataset's entry brought comes out as a dataset that no entry states.
_DATASETS = """
SELECT name, space, description, entry FROM datasets
UNION ALL SELECT name, name, '', entry FROM spaces WHERE entry NOT IN (SELECT entry FROM datasets)
ORDER BY entry
"""

# Without a version in the ledger a source has no manifest, and so is not the one that the entry states.
_ALSO = """
SELECT also_read.dataset, also_read.version AS data_version, manifest FROM also_read
LEFT JOIN versions ON versions.dataset = also_read.dataset AND number = also_read.version
WHERE query = ? ORDER BY also_read.dataset
"""

_ALSO_UNDER = """
SELECT also_under.*, version FROM also_under JOIN grants ON grants.id = also_under.grant_id WHERE query = ?
ORDER BY grant_id
"""

# A review of what was never committed comes out as a commit that no entry states.
_COMMITTED = """
SELECT queries.id, settlements.order_id, settlements.answer, settlements.entry, reviews.id AS review,
    reviews.outcome AS review_outcome, reviews.votes, reviews.reasons, reviews.profile, reviews.digest,
    reviews.entry AS review_entry, decisions.outcome AS decided_at_once
FROM settlements JOIN queries ON queries.order_id = settlements.order_id
LEFT JOIN reviews ON reviews.order_id = settlements.order_id
LEFT JOIN decisions ON decisions.review = reviews.id AND decisions.entry = reviews.entry
WHERE settlements.outcome = 'committed'
UNION ALL SELECT NULL, order_id, NULL, entry, id, outcome, votes, reasons, profile, digest, entry, NULL FROM reviews
WHERE order_id NOT IN (SELECT order_id FROM settlements WHERE outcome = 'committed')
ORDER BY 4
"""

_FORFEITED = """
SELECT queries.id, settlements.* FROM settlements JOIN queries USING (order_id)
WHERE outcome = 'forfeited' ORDER BY settlements.entry
"""

_VOTED = """
SELECT votes.*, queries.id AS query, decisions.outcome AS decision FROM votes
LEFT JOIN reviews ON reviews.id = votes.review LEFT JOIN queries ON queries.order_id = reviews.order_id
LEFT JOIN decisions ON decisions.review = votes.review AND decisions.entry = votes.entry
ORDER BY votes.entry
"""

# A decision that neither the rules nor a vote brought about was stated on its own.
_CLOSED = """
SELECT decisions.*, queries.id AS query FROM decisions
LEFT JOIN reviews ON reviews.id = decisions.review LEFT JOIN queries ON queries.order_id = reviews.order_id
WHERE NOT EXISTS (SELECT 1 FROM votes WHERE votes.review = decisions.review AND votes.entry = decisions.entry)
    AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.id = decisions.review AND reviews.entry = decisions.entry)
ORDER BY decisions.entry
"""
