"""The tables, told as the log would tell them: for each kind of entry, which facts the stored records stand for.

`sandbox.adapters.books` lays this beside the log. One snapshot, one pass, in order of entries.
"""

import base64
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.adapters import sqlite_accounts, sqlite_entry_facts, sqlite_log, sqlite_records, stated_facts
from sandbox.adapters.books import Statement
from sandbox.adapters.entry_facts import EntryFacts
from sandbox.adapters.row_seal import RowSeal
from sandbox.adapters.sqlite_queries import Queries
from sandbox.terms.dataset import Account
from sandbox.terms.loss import Loss, Mode


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
            stated_facts.DATASET_REGISTERED: (_DATASETS, self._dataset),
            stated_facts.VERSION_LOADED: ("SELECT * FROM versions ORDER BY entry", self._version),
            stated_facts.GRANT_GIVEN: ("SELECT * FROM grants ORDER BY entry", self._grant),
            stated_facts.QUERY_RESERVED: (
                "SELECT * FROM queries WHERE reused_of IS NULL ORDER BY entry",
                self._reserved,
            ),
            stated_facts.QUERY_REUSED: (
                "SELECT * FROM queries WHERE reused_of IS NOT NULL ORDER BY entry",
                self._reused,
            ),
            stated_facts.QUERY_COMMITTED: (_SETTLED.format("committed"), self._settled),
            stated_facts.QUERY_FORFEITED: (_SETTLED.format("forfeited"), self._settled),
        }
        return {kind: map(read, self._connection.execute(sql)) for kind, (sql, read) in readers.items()}

    def _person(self, row: sqlite3.Row) -> Statement:
        cells = (row["name"], row["organisation"], row["role"], row["token_digest"])
        self._seal.check(row["mac"], "people", row["name"], *cells)
        return Statement(
            "people", row["name"], row["entry"], stated_facts.person_facts(sqlite_records.read_person(row))
        )

    def _dataset(self, row: sqlite3.Row) -> Statement:
        facts: dict[str, Any] = {
            "dataset": row["name"],
            "description": stated_facts.description_digest(row["description"]),
            "unit_space": row["space"],
            "limit": self._limit(row["space"], "dataset", row["name"]),
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

    def _version(self, row: sqlite3.Row) -> Statement:
        facts = stated_facts.version_facts(sqlite_records.read_version(row))
        return Statement("versions", row["dataset"], row["entry"], facts)

    def _grant(self, row: sqlite3.Row) -> Statement:
        self._seal.check(row["mac"], "grants", row["id"], row["id"], row["given_by"])
        facts = stated_facts.grant_facts(sqlite_records.read_grant(self._connection, row))
        last = self._connection.execute("SELECT max(place) FROM granted_datasets WHERE grant_id = ?", (row["id"],))
        if last.fetchone()[0] != len(facts["datasets"]) - 1:
            facts["datasets"] = None  # places have gaps
        return Statement("grants", row["id"], row["entry"], facts)

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
            "sealed": base64.b64encode(row["request"]).decode(),
            **more,
        }
        return Statement("queries", row["id"], row["entry"], facts)

    def _settled(self, row: sqlite3.Row) -> Statement:
        facts = {"query": row["id"], "order": row["order_id"]}
        if row["answer"] is not None:
            facts["answer"] = self._queries.answer_digest(row["answer"], row["order_id"])
        return Statement("settlements", row["order_id"], row["entry"], facts)


# A unit space that no dataset's entry brought comes out as a dataset that no entry states.
_DATASETS = """
SELECT name, space, description, entry FROM datasets
UNION ALL SELECT name, name, '', entry FROM spaces WHERE entry NOT IN (SELECT entry FROM datasets)
ORDER BY entry
"""

_SETTLED = """
SELECT queries.id, settlements.* FROM settlements JOIN queries USING (order_id)
WHERE outcome = '{}' ORDER BY settlements.entry
"""
