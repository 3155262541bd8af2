"""What can be read of the ledger on SQLite: each call one snapshot, never waiting for writers."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sandbox.adapters import (
    sqlite_accounts,
    sqlite_entry_facts,
    sqlite_freezes,
    sqlite_grants,
    sqlite_log,
    sqlite_records,
    sqlite_reviews,
)
from sandbox.adapters.row_seal import RowSeal
from sandbox.adapters.sqlite_grants import Grants
from sandbox.adapters.sqlite_queries import Queries
from sandbox.adapters.sqlite_statements import SqliteTables
from sandbox.service.found_entries import EntryFilter, FoundEntry
from sandbox.service.ports import QueryRecord, Receipt, ReleaseRecord, ReviewRecord
from sandbox.terms.dataset import Account, Dataset, UnitSpace, Version
from sandbox.terms.people import Freeze, GrantStanding, Person, PublicKeys, RequestStanding


class LedgerReads:
    """The reading half of the `Ledger` port."""

    _read: Callable[[], AbstractContextManager[sqlite3.Connection]]
    _queries: Queries
    _grants: Grants
    _seal: RowSeal

    def unsettled(self) -> Sequence[QueryRecord]:
        with self._read() as connection:
            return self._queries.unsettled(connection)

    def person_by_token(self, token_digest: bytes) -> Person | None:
        with self._read() as connection:
            return sqlite_records.person_by_token(connection, token_digest)

    def person(self, name: str) -> Person | None:
        with self._read() as connection:
            return sqlite_records.person(connection, name)

    def people(self) -> Sequence[Person]:
        with self._read() as connection:
            return sqlite_records.people(connection)

    def dataset(self, name: str) -> tuple[Dataset, str] | None:
        with self._read() as connection:
            return sqlite_records.dataset(connection, name)

    def datasets(self) -> Sequence[Dataset]:
        with self._read() as connection:
            return sqlite_records.datasets(connection)

    def space(self, name: str) -> UnitSpace | None:
        with self._read() as connection:
            return sqlite_records.space(connection, name)

    def version(self, dataset: str) -> Version | None:
        with self._read() as connection:
            return sqlite_records.version(connection, dataset)

    def standings(self, analyst: str | None = None) -> Sequence[GrantStanding]:
        with self._read() as connection:
            return self._grants.standings(connection, analyst)

    def standing(self, grant: str) -> GrantStanding | None:
        with self._read() as connection:
            return self._grants.standing(connection, grant)

    def grant_requests(self, analyst: str | None = None) -> Sequence[RequestStanding]:
        with self._read() as connection:
            return sqlite_grants.requests(connection, analyst)

    def grant_request(self, request: str) -> RequestStanding | None:
        with self._read() as connection:
            return sqlite_grants.request(connection, request)

    def keys(self, person: str) -> Sequence[PublicKeys]:
        with self._read() as connection:
            return sqlite_records.keys(connection, person)

    def freezes(self, *, active: bool = True) -> Sequence[Freeze]:
        with self._read() as connection:
            return sqlite_freezes.freezes(connection, active=active)

    def frozen(self, subject: str, name: str) -> bool:
        with self._read() as connection:
            return sqlite_freezes.is_frozen(connection, subject, name)

    def review(self, review: str) -> ReviewRecord | None:
        with self._read() as connection:
            return sqlite_reviews.review(connection, review)

    def review_of(self, order: str) -> ReviewRecord | None:
        """For the order of a reused answer: the review of the first query."""
        with self._read() as connection:
            return sqlite_reviews.review_of(connection, order)

    def reviews(self, *, pending: bool = True, limit: int = 100) -> Sequence[ReviewRecord]:
        with self._read() as connection:
            return (sqlite_reviews.pending if pending else sqlite_reviews.newest)(connection, limit)

    def release_of(self, order: str) -> ReleaseRecord | None:
        """For the order of a reused answer: the release of the first query."""
        with self._read() as connection:
            return sqlite_reviews.release_of(connection, order)

    def unreleased(self) -> Sequence[ReviewRecord]:
        with self._read() as connection:
            return sqlite_reviews.unreleased(connection)

    def accounts(
        self, space: str, dataset: str | None = None, grant: str | None = None, analyst: str | None = None
    ) -> Sequence[Account]:
        owners = (space, dataset, grant, analyst)
        with self._read() as connection:
            found = [
                sqlite_accounts.account(connection, space, kind, owner)
                for kind, owner in zip(sqlite_accounts.KINDS, owners, strict=True)
                if owner is not None
            ]
        return [account for account in found if account is not None]

    def query(self, query: str) -> QueryRecord | None:
        with self._read() as connection:
            return self._queries.by_id(connection, query)

    def known(self, person: str, idempotency_key: str, body_digest: str) -> QueryRecord | None:
        with self._read() as connection:
            return self._queries.earlier(connection, person, idempotency_key, body_digest)

    def queries(self, person: str | None = None, limit: int = 100) -> Sequence[QueryRecord]:
        with self._read() as connection:
            return self._queries.newest(connection, person, limit)

    def size(self) -> int:
        with self._read() as connection:
            return sqlite_log.size(connection)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        with self._read() as connection:
            return sqlite_log.entries(connection, start, end)

    def search(self, wanted: EntryFilter, before: int, limit: int) -> Sequence[FoundEntry]:
        with self._read() as connection:
            return sqlite_entry_facts.search(connection, wanted, before, limit)

    def checkpoint(self) -> str:
        with self._read() as connection:
            return sqlite_log.checkpoint(connection)

    def receipt(self, index: int) -> Receipt:
        with self._read() as connection:
            return sqlite_log.receipt(connection, index)

    def consistency(self, old: int, new: int) -> tuple[str, ...]:
        with self._read() as connection:
            return sqlite_log.consistency(connection, old, new)

    @contextmanager
    def tables(self) -> Iterator[SqliteTables]:
        """A snapshot for `books.verify`."""
        with self._read() as connection:
            yield SqliteTables(connection, self._queries, self._seal)
