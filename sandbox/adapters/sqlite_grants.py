"""Grants inside the ledger's database: what was asked for, what was given or declined, and what was revoked.

A request and a grant are documents, written once. Writers run within the caller's transaction.
"""

import json
import sqlite3
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sandbox.adapters.row_seal import RowSeal
from sandbox.proof.entry import read_time, time_text
from sandbox.proof.signed_grant import grant_document, read_grant
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.people import Aggregate, Grant, GrantRequest, GrantStanding, RequestStanding, RequestState

_REMEMBERED = 50_000

_STANDINGS = """
SELECT id,
    max(coalesce((SELECT max(use) FROM queries WHERE grant_id = grants.id), 0),
        coalesce((SELECT max(use) FROM also_under WHERE grant_id = grants.id), 0)) AS used,
    EXISTS (SELECT 1 FROM revocations WHERE grant_id = grants.id) AS revoked,
    EXISTS (SELECT 1 FROM frozen WHERE subject = 'grant' AND name = grants.id) AS frozen
FROM grants
"""

_REQUESTS = """
SELECT grant_requests.*, declines.decided_by, declines.reason, grants.id AS grant_id, grants.given_by
FROM grant_requests
LEFT JOIN declines ON declines.request = grant_requests.id
LEFT JOIN grants ON grants.request = grant_requests.id
"""


class Grants:
    """Reads grants. Their documents never change, so each is parsed once."""

    def __init__(self) -> None:
        self._parsed: dict[str, Grant] = {}

    def grant(self, connection: sqlite3.Connection, name: str) -> Grant | None:
        found = self._parsed.get(name)
        if found is not None:
            return found
        row = connection.execute("SELECT document, signature FROM grants WHERE id = ?", (name,)).fetchone()
        if row is None:
            return None
        if len(self._parsed) >= _REMEMBERED:
            self._parsed.clear()
        found = self._parsed[name] = parsed(row)
        return found

    def standing(self, connection: sqlite3.Connection, name: str) -> GrantStanding | None:
        row = connection.execute(_STANDINGS + "WHERE id = ?", (name,)).fetchone()
        return self._standing(connection, row) if row is not None else None

    def standings(self, connection: sqlite3.Connection, analyst: str | None) -> Sequence[GrantStanding]:
        """All grants, or one analyst's, in the order in which they were given."""
        if analyst is None:
            rows = connection.execute(_STANDINGS + "ORDER BY entry").fetchall()
        else:
            rows = connection.execute(_STANDINGS + "WHERE analyst = ? ORDER BY entry", (analyst,)).fetchall()
        return [self._standing(connection, row) for row in rows]

    def _standing(self, connection: sqlite3.Connection, row: sqlite3.Row) -> GrantStanding:
        grant = self.grant(connection, row["id"])
        assert grant is not None, "the row was read in this very snapshot"
        return GrantStanding(grant, row["used"], bool(row["revoked"]), bool(row["frozen"]))


def parsed(row: sqlite3.Row) -> Grant:
    """The grant of a row with `document` and `signature`.

    Raises:
        ProofFailed: the document is none.
    """
    return read_grant(json.loads(row["document"]), row["signature"])


def add_grant(connection: sqlite3.Connection, grant: Grant, index: int) -> None:
    document = canonical_bytes(grant_document(grant)).decode()
    connection.execute(
        "INSERT INTO grants (id, version, analyst, request, uses, given_by, document, signature, entry) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            grant.id,
            grant.version,
            grant.analyst,
            grant.request,
            grant.uses,
            grant.given_by,
            document,
            grant.signature,
            index,
        ),
    )
    connection.executemany(
        "INSERT INTO granted_datasets VALUES (?, ?, ?)",
        [(grant.id, place, dataset) for place, dataset in enumerate(grant.datasets)],
    )


def add_revocation(connection: sqlite3.Connection, grant: str, reason: str, index: int) -> None:
    connection.execute("INSERT INTO revocations VALUES (?, ?, ?)", (grant, reason, index))


def is_revoked(connection: sqlite3.Connection, grant: str) -> bool:
    return connection.execute("SELECT 1 FROM revocations WHERE grant_id = ?", (grant,)).fetchone() is not None


def used(connection: sqlite3.Connection, grant: str) -> int:
    """How many queries are recorded under a grant, alone or with others, reused ones too."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(use) FROM queries WHERE grant_id = ?1), 0),"
        " coalesce((SELECT max(use) FROM also_under WHERE grant_id = ?1), 0))",
        (grant,),
    ).fetchone()
    return int(row[0])


def add_request(connection: sqlite3.Connection, request: GrantRequest, index: int, seal: RowSeal) -> None:
    cells = (request.id, canonical_bytes(_document(request)).decode())
    connection.execute(
        "INSERT INTO grant_requests (id, document, analyst, entry, mac) VALUES (?, ?, ?, ?, ?)",
        (*cells, request.analyst, index, seal.mac("grant_requests", *cells)),
    )


def add_decline(connection: sqlite3.Connection, request: str, reason: str, decided_by: str, index: int) -> None:
    connection.execute("INSERT INTO declines VALUES (?, ?, ?, ?)", (request, reason, decided_by, index))


def request(connection: sqlite3.Connection, name: str) -> RequestStanding | None:
    row = connection.execute(_REQUESTS + "WHERE grant_requests.id = ?", (name,)).fetchone()
    return _request_standing(row) if row is not None else None


def requests(connection: sqlite3.Connection, analyst: str | None) -> Sequence[RequestStanding]:
    """All requests, or one analyst's, in the order in which they were asked."""
    rows = connection.execute(
        _REQUESTS + "WHERE ?1 IS NULL OR grant_requests.analyst = ?1 ORDER BY grant_requests.entry", (analyst,)
    )
    return [_request_standing(row) for row in rows]


def read_request(row: sqlite3.Row) -> GrantRequest:
    """The request of a row with `document`.

    Raises:
        KeyError, ValueError, TypeError: the document is none.
    """
    found: dict[str, Any] = json.loads(row["document"])
    return GrantRequest(
        found["id"],
        found["analyst"],
        found["organisation"],
        tuple(found["datasets"]),
        tuple(found["tables"]),
        tuple(found["columns"]),
        tuple(Aggregate(name) for name in found["aggregates"]),
        found["purpose"],
        Fraction(found["epsilon"]),
        found["uses"],
        read_time(found["not_before"]) if found["not_before"] is not None else None,
        read_time(found["not_after"]),
        found["reason"],
        read_time(found["asked_at"]),
    )


def _document(request: GrantRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "analyst": request.analyst,
        "organisation": request.organisation,
        "datasets": list(request.datasets),
        "tables": list(request.tables),
        "columns": list(request.columns),
        "aggregates": [aggregate.value for aggregate in request.aggregates],
        "purpose": request.purpose,
        "epsilon": str(request.epsilon),
        "uses": request.uses,
        "not_before": time_text(request.not_before) if request.not_before is not None else None,
        "not_after": time_text(request.not_after),
        "reason": request.reason,
        "asked_at": time_text(request.asked_at),
    }


def _request_standing(row: sqlite3.Row) -> RequestStanding:
    asked = read_request(row)
    if row["grant_id"] is not None:
        return RequestStanding(asked, RequestState.APPROVED, row["grant_id"], row["given_by"])
    if row["decided_by"] is not None:
        return RequestStanding(asked, RequestState.DECLINED, None, row["decided_by"], row["reason"])
    return RequestStanding(asked, RequestState.ASKED)
