"""The `Ledger` port on SQLite: accounts and audit entries in one file, every change one durable transaction.

One writing connection under one lock; each write is `BEGIN IMMEDIATE` … `COMMIT` with `synchronous = FULL` and appends
exactly one entry. What fails is rolled back and raises. Facts that restate a record, and those that only the transaction
knows (`sealed`, `of`, which accounts are new), are written into the entry here: a caller may leave them out.
"""

import sqlite3
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.adapters import (
    sqlite_accounts,
    sqlite_freezes,
    sqlite_grants,
    sqlite_log,
    sqlite_reviews,
    sqlite_schema,
    stated_facts,
)
from sandbox.adapters.row_seal import RowSeal
from sandbox.adapters.sqlite_connections import Connections
from sandbox.adapters.sqlite_grants import Grants
from sandbox.adapters.sqlite_log import LogWriter
from sandbox.adapters.sqlite_queries import Queries
from sandbox.adapters.sqlite_registers import LedgerRegisters, expect
from sandbox.adapters.sqlite_standing import check_uses, check_version
from sandbox.adapters.sqlite_voting import check_vote
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.signing import SigningKey, VerifyingKey
from sandbox.service.ports import (
    Entry,
    QueryRecord,
    QueryState,
    Receipt,
    ReleaseRecord,
    Reservation,
    ReviewOpening,
    ReviewRecord,
    VoteRecord,
)
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.people import ReviewDuty
from sandbox.terms.refusal import (
    AlreadyDecided,
    EnclaveSealed,
    GrantRevoked,
    NotFound,
    ProofFailed,
)

_DUTY = {ReviewDuty.PROFILE: 0, ReviewDuty.HELD: 1, ReviewDuty.TWO: 2}
"""How many votes a grant demands at least."""


class SqliteLedger(LedgerRegisters):
    """A ledger in the file `path` (made where missing, mode 0600) for the log `origin`, signed by `signer`.

    Requests and answers are sealed under `state_key` (32 bytes). `busy_timeout` is how long, in seconds, a write waits
    for another process's.

    Raises:
        EnclaveSealed: the file, its settings, schema, owner or checkpoint are not as they must be.
        AuditUnavailable: the file cannot be opened or written.
    """

    def __init__(
        self, path: Path, *, origin: str, signer: SigningKey, state_key: bytes, busy_timeout: float = 5.0
    ) -> None:
        self._origin = origin
        self._verifier = signer.verifier
        self._log = LogWriter(origin, signer)
        self._queries = Queries(state_key)
        self._grants = Grants()
        self._seal = RowSeal(state_key)
        self._connections = Connections(path, busy_timeout)
        self._write, self._read = self._connections.write, self._connections.read
        try:
            with self._write() as connection:
                if sqlite_schema.is_new(connection):
                    sqlite_schema.make_schema(connection, origin, self._verifier.text, self._log.first_note())
            with self._read() as connection:
                sqlite_schema.check_schema(connection, origin, self._verifier.text)
                self._check_checkpoint(connection)
        except BaseException:
            self.close()
            raise

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._origin

    @property
    def verifier(self) -> VerifyingKey:
        """The public key of the log."""
        return self._verifier

    def append(self, entry: Entry) -> Receipt:
        if entry.kind in stated_facts.RECORD_KINDS:
            raise ValueError(f"an entry {entry.kind} is written with the record that it states")
        with self._write() as connection:
            return sqlite_log.receipt(connection, self._log.append(connection, entry, {}))

    # -- queries -------------------------------------------------------------------------------------------------------

    def reserve(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt]:
        expect(entry, stated_facts.QUERY_RESERVED)
        with self._write() as connection:
            earlier = self._earlier(connection, reservation)
            if earlier is not None:
                return earlier, sqlite_log.receipt(connection, earlier.entry)
            uses = check_uses(connection, self._grants, reservation)
            check_version(connection, reservation.dataset, entry.facts)
            sqlite_accounts.check_room(connection, reservation)
            return self._record(connection, reservation, uses, entry, None)

    def reuse(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt] | None:
        expect(entry, stated_facts.QUERY_REUSED)
        with self._write() as connection:
            earlier = self._earlier(connection, reservation)
            if earlier is not None:
                return earlier, sqlite_log.receipt(connection, earlier.entry)
            uses = check_uses(connection, self._grants, reservation)
            first = self._queries.committed(connection, reservation)
            return self._record(connection, reservation, uses, entry, first) if first is not None else None

    def commit(self, order: str, answer: dict[str, Any], review: ReviewOpening, entry: Entry) -> Receipt:
        expect(entry, stated_facts.QUERY_COMMITTED)
        stated = {"answer": digest(answer), "review": stated_facts.opening_facts(review)}
        return self._settle(order, QueryState.COMMITTED, answer, review, entry, stated)

    def forfeit(self, order: str, entry: Entry) -> Receipt:
        expect(entry, stated_facts.QUERY_FORFEITED)
        return self._settle(order, QueryState.FORFEITED, None, None, entry, {})

    def _earlier(self, connection: sqlite3.Connection, asked: Reservation) -> QueryRecord | None:
        return self._queries.earlier(connection, asked.person, asked.idempotency_key, asked.body_digest)

    def _record(
        self,
        connection: sqlite3.Connection,
        reservation: Reservation,
        uses: Sequence[int],
        entry: Entry,
        reused_of: str | None,
    ) -> tuple[QueryRecord, Receipt]:
        sealed = self._queries.sealed_request(reservation)
        facts = stated_facts.query_facts(reservation, reused_of) | {"sealed": b64encode(sealed).decode()}
        index = self._log.append(connection, entry, facts)
        self._queries.add(connection, reservation, uses, sealed, index, reused_of)
        record = self._queries.by_id(connection, reservation.query)
        assert record is not None, "the row was added a line above"
        return record, sqlite_log.receipt(connection, index)

    def _settle(
        self,
        order: str,
        outcome: str,
        answer: dict[str, Any] | None,
        review: ReviewOpening | None,
        entry: Entry,
        facts: dict[str, Any],
    ) -> Receipt:
        with self._write() as connection:
            query = self._queries.waiting(connection, order)
            if review is not None:
                self._check_duty(connection, query, review)
            index = self._log.append(connection, entry, {"query": query, "order": order, **facts})
            self._queries.settle(connection, order, outcome, answer, index)
            if review is not None:
                sqlite_reviews.open_review(connection, order, review, index)
            return sqlite_log.receipt(connection, index)

    def _check_duty(self, connection: sqlite3.Connection, query: str, review: ReviewOpening) -> None:
        """A grant may ask for more votes than the rules do: an answer that has fewer is not committed."""
        for name in self._queries.grants_of(connection, query):
            grant = self._grants.grant(connection, name)
            assert grant is not None, "a query's grants stay"
            if review.votes < _DUTY[grant.review]:
                raise ValueError("the grant demands more votes than this review")

    # -- reviews and releases ------------------------------------------------------------------------------------------

    def vote(self, vote: VoteRecord, seen: int, decision: str | None, entry: Entry) -> Receipt:
        """Also raises OwnRequest, Frozen, ValueError: see `check_vote`."""
        expect(entry, stated_facts.REVIEW_VOTED, vote.reviewer)
        if not vote.reason:
            raise ValueError("a vote has a reason")
        with self._write() as connection:
            found = _review(connection, vote.review)
            check_vote(connection, found, vote, seen, decision)
            facts = stated_facts.vote_facts(vote, found.query, decision)
            index = self._log.append(connection, entry, facts)
            sqlite_reviews.add_vote(connection, vote, seen + 1, index, self._seal)
            if decision is not None:
                sqlite_reviews.decide(connection, vote.review, decision, index)
            return sqlite_log.receipt(connection, index)

    def close_review(self, review: str, decision: str, entry: Entry) -> Receipt:
        expect(entry, stated_facts.REVIEW_CLOSED)
        if decision not in (sqlite_reviews.WITHDRAWN, sqlite_reviews.LAPSED):
            raise ValueError("without a vote a review is withdrawn or lapses")
        with self._write() as connection:
            found = _review(connection, review)
            by_author, by_enclave = entry.actor == found.author, sqlite_log.is_enclave(connection, entry.actor)
            if not (by_author if decision == sqlite_reviews.WITHDRAWN else by_enclave):
                raise ValueError("its author withdraws a review, the enclave lets it lapse")
            if found.decision is not None:
                raise AlreadyDecided(f"The review {review} is {found.decision} already.")
            facts = {"review": review, "query": found.query, "decision": decision}
            index = self._log.append(connection, entry, facts)
            sqlite_reviews.decide(connection, review, decision, index)
            return sqlite_log.receipt(connection, index)

    def release(self, release: ReleaseRecord, entry: Entry) -> tuple[ReleaseRecord, Receipt]:
        expect(entry, stated_facts.RELEASED)
        with self._write() as connection:
            earlier = sqlite_reviews.release_of(connection, release.order)
            if earlier is not None:
                return earlier, sqlite_log.receipt(connection, earlier.entry)
            review = sqlite_reviews.review(connection, release.review)
            if review is None or (review.order, review.query) != (release.order, release.query):
                raise ValueError("a release is of its own review's order and query")
            if review.decision != sqlite_reviews.APPROVED:
                raise ValueError("there is no release without an approving decision")
            if self._queries.key_of(connection, release.query) != release.key:
                raise ValueError("a release is sealed to the keys that its query named")
            for name in review.grants:
                if sqlite_grants.is_revoked(connection, name):
                    raise GrantRevoked(f"The grant {name} was revoked.", grant=name)
                sqlite_freezes.check_free(connection, person=review.author, grant=name, datasets=review.datasets)
            facts = stated_facts.release_facts(
                release.order,
                release.query,
                release.review,
                release.key,
                canonical_bytes(release.certificate),
                release.envelope,
            )
            index = self._log.append(connection, entry, facts)
            sqlite_reviews.add_release(connection, release, index)
            stored = sqlite_reviews.release_of(connection, release.order)
            assert stored is not None, "the row was added a line above"
            return stored, sqlite_log.receipt(connection, index)

    def close(self) -> None:
        """Take no more calls. What was acknowledged is on disk already."""
        self._connections.close()

    def _check_checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            signed = open_checkpoint(sqlite_log.checkpoint(connection), self._verifier, self._origin)
        except ProofFailed:
            raise EnclaveSealed("The stored checkpoint is not signed by the log's key.", table="checkpoint") from None
        if signed.size != sqlite_log.entry_count(connection):
            raise EnclaveSealed("The signed checkpoint does not cover every entry.", table="checkpoint")


def _review(connection: sqlite3.Connection, name: str) -> ReviewRecord:
    found = sqlite_reviews.review(connection, name)
    if found is None:
        raise NotFound(f"There is no review {name}.")
    return found
