"""What is SQLite's own: settings read back, the file's mode, constraints, what lies on disk, and failures of a write."""

import hashlib
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_tampering import past_all_rules, refuses
from ledger_world import (
    ORIGIN,
    SIGNER,
    STATE_KEY,
    a_grant,
    a_request,
    add_keys,
    add_person,
    add_request,
    an_answer,
    close_review,
    commit,
    decline,
    entry,
    forfeit,
    freeze,
    give_grant,
    held,
    lift,
    open_sqlite,
    opening,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    spent,
    token,
    vote,
)

from sandbox.adapters import books, sqlite_schema
from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.terms.refusal import AuditUnavailable, EnclaveSealed


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = open_sqlite(tmp_path)
    seed(opened)
    yield opened
    opened.close()


# -- opening -----------------------------------------------------------------------------------------------------------


def test_the_files_are_the_owners_alone(ledger: SqliteLedger, tmp_path: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    open_sqlite(tmp_path).close()
    (tmp_path / "ledger.sqlite").chmod(mode)
    with pytest.raises(EnclaveSealed, match="0600"):
        open_sqlite(tmp_path)
    (tmp_path / "ledger.sqlite").chmod(0o600)
    open_sqlite(tmp_path).close()


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    open_sqlite(tmp_path / "real").close()
    (tmp_path / "ledger.sqlite").symlink_to(tmp_path / "real" / "ledger.sqlite")
    with pytest.raises(EnclaveSealed):
        open_sqlite(tmp_path)


def test_settings_are_in_force_on_every_connection(ledger: SqliteLedger) -> None:
    for opened in (ledger._write, ledger._read):
        with opened() as connection:
            found = {
                name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}


@pytest.mark.parametrize("name", ["journal_mode", "synchronous", "foreign_keys"])
def test_a_setting_that_does_not_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As when the switch to WAL meets an I/O error, which SQLite tolerates in silence."""
    settings = dict(sqlite_schema._PRAGMAS)
    weak = {"journal_mode": "DELETE", "synchronous": "NORMAL", "foreign_keys": "OFF"}[name]
    monkeypatch.setattr(sqlite_schema, "_PRAGMAS", {**settings, name: (weak, settings[name][1])})
    with pytest.raises(EnclaveSealed) as refused:
        open_sqlite(tmp_path)
    assert refused.value.facts["setting"] == name
    monkeypatch.setattr(sqlite_schema, "_PRAGMAS", settings)
    open_sqlite(tmp_path).close()


def test_an_unknown_schema_version_is_refused(ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.close()
    with past_all_rules(tmp_path / "ledger.sqlite") as raw:
        raw.execute("UPDATE ledger SET schema_version = 2")
    refusal = refuses(lambda: open_sqlite(tmp_path))
    assert refusal is not None
    assert refusal.facts["found"] == 2


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER a_reservation_debits_its_accounts",
        "DROP TRIGGER entries_no_update",
        "CREATE TRIGGER mine AFTER INSERT ON queries BEGIN SELECT 1; END",
        "CREATE TABLE more (x)",
        "DROP INDEX queries_by_answer",
    ],
)
def test_a_changed_schema_is_refused(ledger: SqliteLedger, tmp_path: Path, statement: str) -> None:
    ledger.close()
    raw = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    raw.execute(statement)
    raw.close()
    with pytest.raises(EnclaveSealed, match="changed"):
        open_sqlite(tmp_path)


def test_another_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "ledger.sqlite")
    raw.execute("CREATE TABLE notes (x)")
    raw.close()
    (tmp_path / "ledger.sqlite").chmod(0o600)
    with pytest.raises(EnclaveSealed, match="not a ledger"):
        open_sqlite(tmp_path)


def test_what_is_no_database_is_refused_without_library_text(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(AuditUnavailable) as refused:
        open_sqlite(tmp_path)
    assert "database" not in refused.value.detail


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable):
        SqliteLedger(tmp_path / "none" / "ledger.sqlite", origin=ORIGIN, signer=SIGNER, state_key=STATE_KEY)


# -- illegal states cannot be stored -----------------------------------------------------------------------------------

HASH = "zeroblob(32)"
QUERY = (
    "INSERT INTO queries SELECT 'q9', 'o9', person, grant_id, (SELECT max(use) + 1 FROM queries), dataset, space, "
    "key_id, mode, {units}, delta, {of}, answer_key, randomblob(32), body, request, accepted_at, visible_at, {entry}, mac FROM queries WHERE id = 'q1'"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = x'00' WHERE position = 0",
        "DELETE FROM entries WHERE position = 0",
        "REPLACE INTO entries VALUES (0, x'00')",
        f"INSERT INTO entries VALUES (99, {HASH})",
        f"INSERT INTO hashes VALUES (99, {HASH})",
        f"UPDATE hashes SET hash = {HASH} WHERE position = 0",
        "UPDATE checkpoint SET size = size + 1",
        "UPDATE checkpoint SET size = size - 1",
        "DELETE FROM checkpoint",
        "UPDATE accounts SET spent_units = spent_units - 1",
        "UPDATE accounts SET spent_units = limit_units + 1",
        "UPDATE accounts SET limit_units = limit_units + 1",
        "DELETE FROM accounts",
        "INSERT INTO accounts VALUES ('patients', 'analyst', 'eve', 'zcdp', 5, 5, 1, 0)",
        "INSERT INTO settlements VALUES ('o-none', 'committed', x'00', 0)",
        "INSERT INTO settlements VALUES ('o1', 'forfeited', NULL, 0)",
        "INSERT INTO settlements VALUES ('o2', 'committed', NULL, 1)",
        "INSERT INTO settlements VALUES ('o2', 'forfeited', x'00', 1)",
        "INSERT INTO settlements VALUES ('o2', 'lost', NULL, 1)",
        "INSERT INTO settlements VALUES ('o4', 'forfeited', NULL, 1)",
        "UPDATE settlements SET outcome = 'forfeited', answer = NULL",
        "DELETE FROM settlements",
        "UPDATE queries SET units = 0",
        "DELETE FROM queries",
        QUERY.format(units=0, of="NULL", entry=1),
        QUERY.format(units=5, of="'q1'", entry=1),
        QUERY.format(units=0, of="'q2'", entry=1),
        QUERY.format(units=2000, of="NULL", entry=1),
        QUERY.format(units=5, of="NULL", entry=999),
        "INSERT INTO people VALUES ('eve', 'x', 'king', '', zeroblob(32), 0, '')",
        "INSERT INTO versions VALUES ('clinic', 1, 'ff', 1, 1)",
        "INSERT INTO ledger VALUES (2, 1, '', '')",
    ],
)
def test_the_database_itself_refuses(ledger: SqliteLedger, statement: str) -> None:
    ledger.reserve(reservation(1), reserved(1))
    commit(ledger, "o1")
    ledger.reserve(reservation(2), reserved(2))
    ledger.reuse(reservation(4, answer_key="question 1"), reused(4))
    with pytest.raises(AuditUnavailable), ledger._write() as connection:
        connection.execute(statement)
    books.verify(ledger)
    ledger.reserve(reservation(3), reserved(3))


def test_control_a_row_that_is_right_is_taken(ledger: SqliteLedger) -> None:
    ledger.reserve(reservation(1), reserved(1))
    with ledger._write() as connection:
        connection.execute(QUERY.format(units=5, of="NULL", entry=1))
        connection.execute("INSERT INTO settlements VALUES ('o9', 'forfeited', NULL, 2)")
    assert spent(ledger)["space"] == 15, "the trigger debits, whoever stores the row"


# -- what lies on disk -------------------------------------------------------------------------------------------------


def test_requests_answers_keys_and_tokens_are_not_readable(ledger: SqliteLedger, tmp_path: Path) -> None:
    canary = {"sql": "select canary-sql", "purpose": "research", "epsilon": "1"}
    ledger.reserve(reservation(1, request=canary, idempotency_key="canary-key"), reserved(1))
    ledger.commit("o1", an_answer("o1") | {"note": "canary-answer"}, opening("o1"), entry("query.committed"))
    add_person(ledger, "canary-person")
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"canary-sql", b"canary-key", b"canary-answer", b"token of ann"):
        assert secret not in everything
    assert b"canary-person" in everything, "control: what is public is found"
    assert hashlib.sha256(b"canary-key").digest() in everything
    assert token("ann") in everything


# -- failures ----------------------------------------------------------------------------------------------------------


class Failing:
    """A connection whose statement number `turn` fails with `code`."""

    def __init__(self, real: sqlite3.Connection, turn: int, code: int) -> None:
        self._real, self._turn, self._code = real, turn, code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _count(self) -> None:
        self._turn -= 1
        if self._turn == 0:
            error = sqlite3.OperationalError("library text")
            error.sqlite_errorcode = self._code
            raise error

    def execute(self, *arguments: Any) -> Any:
        if arguments[0] != "ROLLBACK":
            self._count()
        return self._real.execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        self._count()
        return self._real.executemany(*arguments)


WRITES: dict[str, Callable[[SqliteLedger], object]] = {
    "reserve": lambda ledger: ledger.reserve(reservation(7), reserved(7)),
    "reuse": lambda ledger: ledger.reuse(reservation(8, answer_key="question 1"), reused(8)),
    "commit": lambda ledger: commit(ledger, "o2"),
    "commit to review": lambda ledger: commit(ledger, "o2", outcome="held"),
    "forfeit": lambda ledger: forfeit(ledger, "o2"),
    "vote": lambda ledger: vote(ledger, "rr-o3", "rita"),
    "decide": lambda ledger: vote(ledger, "rr-o4", "ron", decision="approved"),
    "close": lambda ledger: close_review(ledger, "rr-o3"),
    "release": lambda ledger: release(ledger, 1),
    "add_person": lambda ledger: add_person(ledger, "zoe"),
    "add_keys": lambda ledger: add_keys(ledger, turn=2),
    "request": lambda ledger: add_request(ledger, a_request(name="r-3")),
    "decline": lambda ledger: decline(ledger, "r-2"),
    "grant": lambda ledger: give_grant(ledger, a_grant(name="g-2")),
    "revoke": revoke,
    "freeze": lambda ledger: freeze(ledger, "dataset", "clinic", 2),
    "lift": lambda ledger: lift(ledger, "olga"),
}


def everything(ledger: SqliteLedger) -> tuple[object, ...]:
    return (
        ledger.checkpoint(),
        spent(ledger),
        ledger.queries(),
        ledger.people(),
        ledger.keys("ann"),
        ledger.grant_requests(),
        ledger.standings(),
        ledger.freezes(active=False),
        ledger.reviews(pending=False),
        [ledger.release_of(f"o{number}") for number in range(5)],
    )


@pytest.mark.parametrize("verb", WRITES)
def test_a_failure_at_any_statement_changes_nothing_and_says_nothing(ledger: SqliteLedger, verb: str) -> None:
    ledger.reserve(reservation(1), reserved(1))
    commit(ledger, "o1")
    ledger.reserve(reservation(2), reserved(2))
    held(ledger, 3)
    vote(ledger, held(ledger, 4), "rita")
    add_request(ledger, a_request(name="r-2"))
    add_person(ledger, "bob")
    freeze(ledger, "person", "bob")
    connections = ledger._connections
    real = connections._writer
    failed = 0
    before = everything(ledger)
    for turn in range(1, 60):
        connections._writer = Failing(real, turn, sqlite3.SQLITE_FULL)
        try:
            WRITES[verb](ledger)
        except AuditUnavailable as refused:
            failed += 1
            assert refused.detail == AuditUnavailable.title
            assert refused.__cause__ is None
            assert before == everything(ledger)
            connections._writer = real
        else:
            break
    assert failed >= 8, "every statement had its turn"
    assert before != everything(ledger), "and in the end it was done"
    connections._writer = real
    books.verify(ledger)


def test_after_an_error_of_the_storage_only_a_restart_helps(ledger: SqliteLedger, tmp_path: Path) -> None:
    connections = ledger._connections
    connections._writer = Failing(connections._writer, 5, sqlite3.SQLITE_IOERR | (4 << 8))
    with pytest.raises(AuditUnavailable):
        ledger.reserve(reservation(1), reserved(1))
    with pytest.raises(AuditUnavailable):
        ledger.reserve(reservation(2), reserved(2))
    assert spent(ledger)["space"] == 0, "what was committed can still be read"
    ledger.close()
    again = open_sqlite(tmp_path)
    books.verify(again)
    again.reserve(reservation(1), reserved(1))
    again.close()


def test_a_busy_file_is_unavailable_and_then_available(tmp_path: Path) -> None:
    ledger = SqliteLedger(
        tmp_path / "ledger.sqlite", origin=ORIGIN, signer=SIGNER, state_key=STATE_KEY, busy_timeout=0.05
    )
    seed(ledger)
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditUnavailable):
        ledger.reserve(reservation(1), reserved(1))
    other.execute("ROLLBACK")
    other.close()
    ledger.reserve(reservation(1), reserved(1))
    ledger.close()


def test_threads_read_while_others_write(ledger: SqliteLedger) -> None:
    """Each read is one snapshot: a receipt's checkpoint, proof and size belong together."""
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        from sandbox.proof import merkle
        from sandbox.proof.checkpoint import open_checkpoint

        try:
            while not done.is_set():
                receipt = ledger.receipt(0)
                signed = open_checkpoint(receipt.checkpoint, SIGNER.verifier, ORIGIN)
                proof = [bytes.fromhex(step) for step in receipt.proof]
                merkle.verify_inclusion(bytes.fromhex(receipt.leaf), 0, signed.size, proof, signed.root)
                assert len({*spent(ledger).values()}) == 1
        except BaseException as fault:
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(100):
        ledger.reserve(reservation(number), reserved(number))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []


def test_no_file_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        ledger = open_sqlite(tmp_path)
        ledger.size()
        ledger.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
