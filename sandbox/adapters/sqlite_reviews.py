"""Reviews inside the ledger's database: how the rules ruled, who voted how, what was decided, and what left.

Writers run within the caller's transaction.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from sandbox.adapters.row_seal import RowSeal
from sandbox.proof.entry import read_time, time_text
from sandbox.service.ports import ReleaseRecord, ReviewOpening, ReviewRecord, VoteRecord
from sandbox.terms.canonical import canonical_bytes

HELD, SAMPLED = "held", "sampled"
APPROVED, WITHDRAWN, LAPSED = "approved", "withdrawn", "lapsed"

_REVIEWS = """
SELECT reviews.*, queries.id AS query, queries.person, queries.grant_id, queries.dataset,
    (SELECT group_concat(dataset, ' ') FROM also_read WHERE query = queries.id) AS further,
    (SELECT group_concat(grant_id, ' ') FROM also_under WHERE query = queries.id) AS also_under, people.human,
    people.organisation, entry_facts.at AS opened_at, decisions.outcome AS decision, decisions.entry AS decided_entry,
    releases.entry AS released_entry
FROM reviews
JOIN queries ON queries.order_id = reviews.order_id AND queries.reused_of IS NULL
JOIN people ON people.name = queries.person
JOIN entry_facts ON entry_facts.entry = reviews.entry
LEFT JOIN decisions ON decisions.review = reviews.id
LEFT JOIN releases ON releases.review = reviews.id
"""

_PENDING = """
WHERE reviews.outcome <> 'automatic' AND (decisions.review IS NULL
    OR reviews.outcome = 'sampled' AND NOT EXISTS (SELECT 1 FROM votes WHERE review = reviews.id))
ORDER BY reviews.entry LIMIT ?
"""

# The inner search looks at one index for each decision; only what it finds is joined.
_UNRELEASED = """
WHERE reviews.id IN (
        SELECT review FROM decisions WHERE outcome = 'approved'
            AND NOT EXISTS (SELECT 1 FROM releases WHERE releases.review = decisions.review))
    AND NOT EXISTS (SELECT 1 FROM revocations JOIN asked_under USING (grant_id) WHERE asked_under.query = queries.id)
ORDER BY reviews.entry
"""

_VOTES = """
SELECT votes.*, people.human, people.organisation FROM votes JOIN people ON people.name = votes.reviewer
WHERE review = ? ORDER BY place
"""


def open_review(connection: sqlite3.Connection, order: str, opening: ReviewOpening, index: int) -> None:
    """Store how the rules ruled on a committed answer, and the decision where they left none to people."""
    connection.execute(
        "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            opening.id,
            order,
            opening.outcome,
            opening.votes,
            canonical_bytes(list(opening.reasons)).decode(),
            opening.profile,
            opening.digest,
            index,
        ),
    )
    if opening.outcome != HELD:
        decide(connection, opening.id, APPROVED, index)


def add_vote(connection: sqlite3.Connection, vote: VoteRecord, place: int, index: int, seal: RowSeal) -> None:
    """Store vote number `place` of its review."""
    at = time_text(vote.at)
    connection.execute(
        "INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            vote.review,
            place,
            vote.reviewer,
            vote.verdict,
            vote.reason,
            vote.round,
            vote.digest,
            at,
            index,
            seal.mac("votes", vote.review, place, at),
        ),
    )


def decide(connection: sqlite3.Connection, review: str, outcome: str, index: int) -> None:
    connection.execute("INSERT INTO decisions VALUES (?, ?, ?)", (review, outcome, index))


def review(connection: sqlite3.Connection, name: str) -> ReviewRecord | None:
    row = connection.execute(_REVIEWS + "WHERE reviews.id = ?", (name,)).fetchone()
    return _review(connection, row) if row is not None else None


def review_of(connection: sqlite3.Connection, order: str) -> ReviewRecord | None:
    """The review of an order; for a reused answer that of the first query."""
    row = connection.execute(_REVIEWS + "WHERE reviews.order_id = ?", (_first(connection, order),)).fetchone()
    return _review(connection, row) if row is not None else None


def pending(connection: sqlite3.Connection, limit: int) -> Sequence[ReviewRecord]:
    """Open reviews, and sampled ones that nobody has looked at, oldest first."""
    return [_review(connection, row) for row in connection.execute(_REVIEWS + _PENDING, (limit,)).fetchall()]


def newest(connection: sqlite3.Connection, limit: int) -> Sequence[ReviewRecord]:
    rows = connection.execute(_REVIEWS + "ORDER BY reviews.entry DESC LIMIT ?", (limit,)).fetchall()
    return [_review(connection, row) for row in rows]


def unreleased(connection: sqlite3.Connection) -> Sequence[ReviewRecord]:
    """Approved, not out, and not revoked, oldest first."""
    return [_review(connection, row) for row in connection.execute(_REVIEWS + _UNRELEASED).fetchall()]


def add_release(connection: sqlite3.Connection, release: ReleaseRecord, index: int) -> None:
    connection.execute(
        "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            release.order,
            release.query,
            release.review,
            release.key,
            canonical_bytes(release.certificate).decode(),
            release.envelope,
            index,
        ),
    )


def release_of(connection: sqlite3.Connection, order: str) -> ReleaseRecord | None:
    """What left for an order; for a reused answer, what left for the first query."""
    row = connection.execute("SELECT * FROM releases WHERE order_id = ?", (_first(connection, order),)).fetchone()
    if row is None:
        return None
    certificate: dict[str, Any] = json.loads(row["certificate"])
    return ReleaseRecord(
        row["order_id"], row["query"], row["review"], row["key_id"], certificate, row["envelope"], row["entry"]
    )


def read_opening(row: sqlite3.Row) -> ReviewOpening:
    """How the rules ruled, of a row of reviews."""
    return ReviewOpening(
        row["id"], row["outcome"], row["votes"], tuple(json.loads(row["reasons"])), row["profile"], row["digest"]
    )


def read_vote(row: sqlite3.Row) -> VoteRecord:
    """A row of votes joined with its reviewer's."""
    return VoteRecord(
        row["review"],
        row["reviewer"],
        row["human"],
        row["organisation"],
        row["verdict"],
        row["reason"],
        row["round"],
        row["digest"],
        read_time(row["at"]),
        row["entry"],
    )


def _first(connection: sqlite3.Connection, order: str) -> str:
    """The order whose answer a query shows: its own, or that of the query whose answer it reuses."""
    row = connection.execute(
        "SELECT first.order_id FROM queries JOIN queries AS first ON first.id = queries.reused_of "
        "WHERE queries.order_id = ?",
        (order,),
    ).fetchone()
    return str(row[0]) if row is not None else order


def _review(connection: sqlite3.Connection, row: sqlite3.Row) -> ReviewRecord:
    return ReviewRecord(
        read_opening(row),
        row["query"],
        row["order_id"],
        row["person"],
        row["human"],
        row["organisation"],
        row["grant_id"],
        row["dataset"],
        read_time(row["opened_at"]),
        tuple(read_vote(vote) for vote in connection.execute(_VOTES, (row["id"],))),
        row["decision"],
        row["decided_entry"],
        row["released_entry"],
        tuple(sorted((row["further"] or "").split())),
        tuple(sorted((row["also_under"] or "").split())),
    )
