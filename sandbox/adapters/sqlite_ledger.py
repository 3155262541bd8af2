"""The `Ledger` port on SQLite: accounts and audit entries in one file, every change one durable transaction.

One writing connection under one lock; each write is `BEGIN IMMEDIATE` … `COMMIT` with `synchronous = FULL` and appends
exactly one entry. What fails is rolled back and raises. Facts that restate a record, and those that only the transaction
knows (`sealed`, `of`, which accounts are new), are written into the entry here: a caller may leave them out.
"""

import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.adapters import (
    sqlite_accounts,
    sqlite_entry_facts,
    sqlite_log,
    sqlite_records,
    sqlite_schema,
    stated_facts,
)
from sandbox.adapters.row_seal import RowSeal
from sandbox.adapters.sqlite_connections import Connections
from sandbox.adapters.sqlite_log import LogWriter
from sandbox.adapters.sqlite_queries import Queries
from sandbox.adapters.sqlite_statements import SqliteTables
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.entry import time_text
from sandbox.proof.signing import SigningKey, VerifyingKey
from sandbox.service.ports import Entry, EntryFilter, FoundEntry, QueryRecord, QueryState, Receipt, Reservation
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Account, Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.people import Grant, Person
from sandbox.terms.refusal import (
    DatasetExists,
    EnclaveSealed,
    GrantNotInForce,
    NameTaken,
    NotFound,
    ProofFailed,
    UnitSpaceConflict,
)


class SqliteLedger:
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

    # -- writes --------------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> Receipt:
        if entry.kind in stated_facts.RECORD_KINDS:
            raise ValueError(f"an entry {entry.kind} is written with the record that it states")
        with self._write() as connection:
            return sqlite_log.receipt(connection, self._log.append(connection, entry, {}))

    def add_person(self, person: Person, token_digest: bytes, entry: Entry) -> Receipt:
        _expect(entry, stated_facts.PERSON_ENROLLED)
        with self._write() as connection:
            if sqlite_records.person(connection, person.name) is not None:
                raise NameTaken("A person of this name is enrolled already.", name=person.name)
            index = self._log.append(connection, entry, stated_facts.person_facts(person))
            sqlite_records.add_person(connection, person, token_digest, index, self._seal)
            return sqlite_log.receipt(connection, index)

    def add_dataset(
        self, dataset: Dataset, text: str, space: UnitSpace, space_limit: Loss, limit: Loss, entry: Entry
    ) -> Receipt:
        _expect(entry, stated_facts.DATASET_REGISTERED)
        if space.name != dataset.unit_space or sqlite_records.described(text) != dataset:
            raise ValueError("the text, the dataset and its unit space belong together")
        if not space_limit.mode is limit.mode is space.mode:
            raise ValueError("limits are counted as their unit space counts")
        with self._write() as connection:
            if sqlite_records.dataset(connection, dataset.name) is not None:
                raise DatasetExists(f"A dataset named {dataset.name} is registered already.", dataset=dataset.name)
            registered = sqlite_records.space(connection, space.name)
            if registered not in (None, space):
                raise UnitSpaceConflict(
                    f"The unit space {space.name} is registered with another definition.", unit_space=space.name
                )
            facts = stated_facts.dataset_facts(dataset, text) | {
                "limit": stated_facts.loss_facts(limit),
                "space": None
                if registered
                else stated_facts.space_facts(space) | {"limit": stated_facts.loss_facts(space_limit)},
            }
            index = self._log.append(connection, entry, facts)
            if registered is None:
                sqlite_records.add_space(connection, space, index)
                sqlite_accounts.add_account(connection, space.name, "space", space.name, space_limit)
            sqlite_records.add_dataset(connection, dataset, text, index)
            sqlite_accounts.add_account(connection, space.name, "dataset", dataset.name, limit)
            return sqlite_log.receipt(connection, index)

    def add_version(self, version: Version, entry: Entry) -> Receipt:
        _expect(entry, stated_facts.VERSION_LOADED)
        with self._write() as connection:
            if sqlite_records.dataset(connection, version.dataset) is None:
                raise NotFound(f"No dataset is named {version.dataset}.")
            current = sqlite_records.version(connection, version.dataset)
            if version.number <= (current.number if current is not None else 0):
                raise ValueError("a version's number is above the current one's")
            index = self._log.append(connection, entry, stated_facts.version_facts(version))
            sqlite_records.add_version(connection, version, index)
            return sqlite_log.receipt(connection, index)

    def add_grant(self, grant: Grant, limits: dict[str, tuple[Loss, Loss]], entry: Entry) -> Receipt:
        _expect(entry, stated_facts.GRANT_GIVEN)
        with self._write() as connection:
            if sqlite_records.person(connection, grant.analyst) is None:
                raise NotFound(f"Nobody is enrolled as {grant.analyst}.")
            if sqlite_records.grant(connection, grant.id) is not None:
                raise NameTaken("A grant of this id is recorded already.", name=grant.id)
            spaces = {_space_of(connection, name) for name in grant.datasets}
            if spaces != set(limits):
                raise ValueError("a grant has limits for the unit spaces of its datasets, and no others")
            stated: dict[str, Any] = {}
            for space, (own, analyst) in limits.items():
                known = sqlite_accounts.account(connection, space, "analyst", grant.analyst) is not None
                stated[space] = {
                    "grant": stated_facts.loss_facts(own),
                    "analyst": None if known else stated_facts.loss_facts(analyst),
                }
            facts = stated_facts.grant_facts(grant) | {"limits": stated}
            index = self._log.append(connection, entry, facts)
            sqlite_records.add_grant(connection, grant, index, self._seal)
            for space, (own, analyst) in limits.items():
                sqlite_accounts.add_account(connection, space, "grant", grant.id, own)
                if stated[space]["analyst"] is not None:
                    sqlite_accounts.add_account(connection, space, "analyst", grant.analyst, analyst)
            return sqlite_log.receipt(connection, index)

    def reserve(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt]:
        _expect(entry, stated_facts.QUERY_RESERVED)
        with self._write() as connection:
            earlier = self._earlier(connection, reservation)
            if earlier is not None:
                return earlier, sqlite_log.receipt(connection, earlier.entry)
            _check_grant(connection, reservation)
            sqlite_accounts.check_room(connection, reservation)
            return self._record(connection, reservation, entry, None)

    def reuse(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt] | None:
        _expect(entry, stated_facts.QUERY_REUSED)
        with self._write() as connection:
            earlier = self._earlier(connection, reservation)
            if earlier is not None:
                return earlier, sqlite_log.receipt(connection, earlier.entry)
            _check_grant(connection, reservation)
            first = self._queries.committed(connection, reservation.grant, reservation.answer_key)
            return self._record(connection, reservation, entry, first) if first is not None else None

    def commit(self, order: str, answer: dict[str, Any], entry: Entry) -> Receipt:
        _expect(entry, stated_facts.QUERY_COMMITTED)
        return self._settle(order, QueryState.COMMITTED, answer, entry, {"answer": digest(answer)})

    def forfeit(self, order: str, entry: Entry) -> Receipt:
        _expect(entry, stated_facts.QUERY_FORFEITED)
        return self._settle(order, QueryState.FORFEITED, None, entry, {})

    def _earlier(self, connection: sqlite3.Connection, asked: Reservation) -> QueryRecord | None:
        return self._queries.earlier(connection, asked.person, asked.idempotency_key, asked.body_digest)

    def _record(
        self, connection: sqlite3.Connection, reservation: Reservation, entry: Entry, reused_of: str | None
    ) -> tuple[QueryRecord, Receipt]:
        sealed = self._queries.sealed_request(reservation)
        facts = stated_facts.query_facts(reservation, reused_of) | {"sealed": b64encode(sealed).decode()}
        index = self._log.append(connection, entry, facts)
        self._queries.add(connection, reservation, sealed, index, reused_of)
        record = self._queries.by_id(connection, reservation.query)
        assert record is not None, "the row was added a line above"
        return record, sqlite_log.receipt(connection, index)

    def _settle(
        self, order: str, outcome: str, answer: dict[str, Any] | None, entry: Entry, facts: dict[str, Any]
    ) -> Receipt:
        with self._write() as connection:
            query = self._queries.waiting(connection, order)
            index = self._log.append(connection, entry, {"query": query, "order": order, **facts})
            self._queries.settle(connection, order, outcome, answer, index)
            return sqlite_log.receipt(connection, index)

    # -- reads ---------------------------------------------------------------------------------------------------------

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

    def grants(self, analyst: str | None = None) -> Sequence[Grant]:
        with self._read() as connection:
            return sqlite_records.grants(connection, analyst)

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


def _expect(entry: Entry, kind: str) -> None:
    if entry.kind != kind:
        raise ValueError(f"this change is stated by an entry {kind}")


def _space_of(connection: sqlite3.Connection, dataset: str) -> str:
    found = sqlite_records.space_of(connection, dataset)
    if found is None:
        raise NotFound(f"No dataset is named {dataset}.")
    return found


def _check_grant(connection: sqlite3.Connection, reservation: Reservation) -> None:
    """That the grant is the one the caller decided by, covers this person and dataset, and is in force.

    Raises:
        GrantNotInForce: it is not.
    """
    grant = sqlite_records.grant(connection, reservation.grant)
    if (
        grant is None
        or grant.version != reservation.grant_version
        or grant.analyst != reservation.person
        or reservation.dataset not in grant.datasets
    ):
        raise GrantNotInForce("The grant was changed or ended while the query was being prepared.")
    if not grant.not_before <= reservation.accepted_at < grant.not_after:
        raise GrantNotInForce(
            "The grant's term has not begun or is over.",
            not_before=time_text(grant.not_before),
            not_after=time_text(grant.not_after),
        )
    if _space_of(connection, reservation.dataset) != reservation.space:
        raise ValueError("the dataset is of another unit space")
