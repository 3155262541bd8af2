"""Queries inside the ledger's database: what was asked, under which key, and how it ended.

Requests and answers are sealed; idempotency keys and bodies are kept as SHA-256 digests only. Writers run within the
caller's transaction.
"""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from sandbox.adapters.row_seal import RowSeal
from sandbox.proof.entry import read_time, time_text
from sandbox.proof.sealing import seal, unseal
from sandbox.service.ports import QueryRecord, QueryState, Reservation
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.refusal import IdempotencyKeyReused

_RECORDS = """
SELECT queries.*, first.order_id AS answer_order, outcome, answer, settlements.entry AS settled_entry,
    (SELECT group_concat(dataset, ' ') FROM also_read WHERE query = queries.id) AS further,
    (SELECT group_concat(grant_id, ' ') FROM also_under WHERE query = queries.id) AS also_under
FROM queries
JOIN queries AS first ON first.id = coalesce(queries.reused_of, queries.id)
LEFT JOIN settlements ON settlements.order_id = first.order_id
"""

_MAC_CELLS = ("id", "use", "mode", "units", "delta", "answer_key", "idempotency", "body", "accepted_at", "visible_at")


class Queries:
    """Writes and reads query rows; holds the key under which requests and answers are sealed."""

    def __init__(self, state_key: bytes) -> None:
        self._key = state_key
        self._seal = RowSeal(state_key)

    def sealed_request(self, reservation: Reservation) -> bytes:
        """The request, readable with the state key alone and bound to its query."""
        text = json.dumps(
            reservation.request, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return seal(self._key, text.encode(), reservation.query)

    def earlier(self, connection: sqlite3.Connection, person: str, key: str, body: str) -> QueryRecord | None:
        """The query that this person recorded before under the same idempotency key, if any.

        Raises:
            IdempotencyKeyReused: there is one, with another body.
        """
        found = connection.execute(
            _RECORDS + "WHERE queries.person = ? AND queries.idempotency = ?",
            (person, _digest(key)),
        ).fetchone()
        if found is None:
            return None
        if found["body"] != _digest(body):
            raise IdempotencyKeyReused("This Idempotency-Key of yours was used with another request.")
        return self.record(found)

    def committed(self, connection: sqlite3.Connection, asked: Reservation) -> str | None:
        """The id of the first query of the grant and dataset whose committed answer has this key."""
        found = connection.execute(
            "SELECT id FROM queries JOIN settlements USING (order_id) WHERE grant_id = ? AND answer_key = ? "
            "AND dataset = ? AND reused_of IS NULL AND outcome = 'committed' ORDER BY queries.entry LIMIT 1",
            (asked.grant, asked.answer_key, asked.dataset),
        ).fetchone()
        return found[0] if found is not None else None

    def add(
        self,
        connection: sqlite3.Connection,
        asked: Reservation,
        uses: Sequence[int],
        sealed: bytes,
        index: int,
        reused_of: str | None,
    ) -> None:
        """Store a query; `uses` are the numbers of the uses that it makes of its grants. A trigger debits every account it
        touches; one that reuses an answer costs nothing."""
        covered: dict[str, str | int | bytes] = {
            "id": asked.query,
            "use": uses[0],
            "mode": asked.loss.mode.value,
            "units": asked.loss.units if reused_of is None else 0,
            "delta": asked.loss.delta if reused_of is None else 0,
            "answer_key": asked.answer_key,
            "idempotency": _digest(asked.idempotency_key),
            "body": _digest(asked.body_digest),
            "accepted_at": time_text(asked.accepted_at),
            "visible_at": time_text(asked.visible_at),
        }
        row = {
            **covered,
            "order_id": asked.order,
            "person": asked.person,
            "grant_id": asked.grant,
            "dataset": asked.dataset,
            "space": asked.space,
            "key_id": asked.key,
            "reused_of": reused_of,
            "request": sealed,
            "entry": index,
            "mac": self._seal.mac("queries", *(covered[name] for name in _MAC_CELLS)),
        }
        further = [(asked.query, source.dataset, source.version) for source in asked.also]
        connection.executemany("INSERT INTO also_read VALUES (?, ?, ?)", further)
        also = [(asked.query, under.grant, use) for under, use in zip(asked.also_under, uses[1:], strict=True)]
        connection.executemany(
            "INSERT INTO also_under VALUES (?, ?, ?, ?)",
            [(*cells, self._seal.mac("also_under", *cells)) for cells in also],
        )
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(f"INSERT INTO queries ({names}) VALUES ({marks})", row)  # noqa: S608 - names from above

    def settle(
        self, connection: sqlite3.Connection, order: str, outcome: str, answer: dict[str, Any] | None, index: int
    ) -> None:
        """End a reservation, once."""
        sealed = seal(self._key, canonical_bytes(answer), order) if answer is not None else None
        connection.execute("INSERT INTO settlements VALUES (?, ?, ?, ?)", (order, outcome, sealed, index))

    def by_id(self, connection: sqlite3.Connection, query: str) -> QueryRecord | None:
        found = connection.execute(_RECORDS + "WHERE queries.id = ?", (query,)).fetchone()
        return self.record(found) if found is not None else None

    def newest(self, connection: sqlite3.Connection, person: str | None, limit: int) -> Sequence[QueryRecord]:
        """Newest first."""
        if person is None:
            rows = connection.execute(_RECORDS + "ORDER BY queries.entry DESC LIMIT ?", (limit,))
        else:
            rows = connection.execute(
                _RECORDS + "WHERE queries.person = ? ORDER BY queries.entry DESC LIMIT ?", (person, limit)
            )
        return [self.record(row) for row in rows]

    def unsettled(self, connection: sqlite3.Connection) -> Sequence[QueryRecord]:
        """Oldest first."""
        rows = connection.execute(
            _RECORDS + "WHERE queries.reused_of IS NULL AND outcome IS NULL ORDER BY queries.entry"
        )
        return [self.record(row) for row in rows]

    def waiting(self, connection: sqlite3.Connection, order: str) -> str:
        """The id of the query whose reservation this order is.

        Raises:
            ValueError: there is no such reservation, or it is settled.
        """
        found = connection.execute(
            "SELECT id FROM queries LEFT JOIN settlements USING (order_id) "
            "WHERE order_id = ? AND reused_of IS NULL AND outcome IS NULL",
            (order,),
        ).fetchone()
        if found is None:
            raise ValueError("no reservation of this order waits for settlement")
        return str(found[0])

    def grants_of(self, connection: sqlite3.Connection, query: str) -> list[str]:
        """The ids of the grants that a recorded query is under."""
        return [str(row[0]) for row in connection.execute("SELECT grant_id FROM asked_under WHERE query = ?", (query,))]

    def key_of(self, connection: sqlite3.Connection, query: str) -> str | None:
        """The id of the keys that a query named."""
        found = connection.execute("SELECT key_id FROM queries WHERE id = ?", (query,)).fetchone()
        return str(found[0]) if found is not None else None

    def record(self, row: sqlite3.Row) -> QueryRecord:
        """A row of queries joined with its settlement.

        Raises:
            ProofFailed: its sealed cells were changed.
        """
        answer = row["answer"]
        return QueryRecord(
            row["id"],
            row["order_id"],
            row["person"],
            row["grant_id"],
            row["dataset"],
            row["key_id"],
            row["outcome"] or QueryState.RESERVED,
            Loss(Mode(row["mode"]), row["units"], row["delta"]),
            row["reused_of"] is not None,
            self._open(row["request"], row["id"]),
            read_time(row["accepted_at"]),
            read_time(row["visible_at"]),
            row["entry"],
            row["settled_entry"],
            self._open(answer, row["answer_order"]) if answer is not None else None,
            tuple(sorted((row["further"] or "").split())),
            tuple(sorted((row["also_under"] or "").split())),
        )

    def check_row(self, row: sqlite3.Row) -> None:
        """That the cells which the log does not state are as they were written.

        Raises:
            EnclaveSealed: they are not.
        """
        self._seal.check(row["mac"], "queries", row["id"], *(row[name] for name in _MAC_CELLS))

    def check_further(self, row: sqlite3.Row) -> None:
        """The same of a row of `also_under`."""
        self._seal.check(row["mac"], "also_under", row["query"], row["query"], row["grant_id"], row["use"])

    def answer_digest(self, sealed: bytes, order: str) -> str:
        """SHA-256 of a stored answer's canonical bytes.

        Raises:
            ProofFailed: it was changed.
        """
        return hashlib.sha256(unseal(self._key, sealed, order)).hexdigest()

    def _open(self, sealed: bytes, context: str) -> dict[str, Any]:
        opened: dict[str, Any] = json.loads(unseal(self._key, sealed, context))
        return opened


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
