"""Books against log: any cell changed, row removed or row added past the ledger keeps the enclave sealed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_tampering import changed, columns, key, past_all_rules, refuses, tables
from ledger_world import (
    ORIGIN,
    SIGNER,
    STATE_KEY,
    a_request,
    add_analyst,
    add_dataset,
    add_keys,
    add_public,
    add_request,
    add_version,
    approve,
    close_review,
    commit,
    decline,
    entry,
    forfeit,
    freeze,
    held,
    keys_of,
    lift,
    loss,
    open_sqlite,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    sources,
    vote,
)

from sandbox.adapters import books
from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.adapters.sqlite_log import LogWriter
from sandbox.proof.log_export import export_lines, verify_export
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import EnclaveSealed


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed ledger in which every table has rows and every state occurs."""
    folder = tmp_path_factory.mktemp("written")
    ledger = open_sqlite(folder)
    seed(ledger)
    add_keys(ledger, turn=2)
    add_dataset(ledger, "dentist")
    add_public(ledger)
    for name in ("areas", "dentist"):
        add_version(ledger, name)
    add_analyst(ledger, "bob", ("clinic", "dentist"))
    also = sources("areas", "dentist")
    ledger.reserve(reservation("bob", 5, person="bob", grant="g-bob", also=also), reserved("bob"))
    commit(ledger, "obob")
    again = reservation("bob 2", person="bob", grant="g-bob", also=also, answer_key="question bob")
    ledger.reuse(again, reused("bob 2"))
    add_request(ledger, a_request(name="r-more"))
    decline(ledger, "r-more")
    add_request(ledger, a_request(name="r-open", not_before=a_request().asked_at))
    for number in range(4):
        ledger.reserve(reservation(number, 10, loss=loss(10, 1)), reserved(number))
    commit(ledger, "o0")
    forfeit(ledger, "o1")
    commit(ledger, "o2", outcome="sampled")
    vote(ledger, "rr-o2", "rosa", "reject", "afterwards")
    ledger.reuse(reservation(9, answer_key="question 0"), reused(9))
    approve(ledger, held(ledger, 10))
    vote(ledger, held(ledger, 11), "rita", "reject")
    vote(ledger, held(ledger, 12, votes=1), "rita", "reject", decision="rejected")
    close_review(ledger, held(ledger, 13))
    held(ledger, 14)
    release(ledger, 0)
    release(ledger, 10)
    freeze(ledger, "dataset", "dentist", 1)
    freeze(ledger, "person", "bob", 2)
    lift(ledger, "olga", 2)
    freeze(ledger, "grant", "g-ann", 3)
    lift(ledger, "olga", 3)
    lift(ledger, "omar", 3)
    revoke(ledger, "g-bob")
    books.verify(ledger)
    ledger.close()
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def test_control_the_same_handling_without_a_change_is_accepted(copy: Path) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        assert len(tables(raw)) == 26
    assert refuses(lambda: open_sqlite(copy)) is None


OF_ONE_ROW = ("ledger", "checkpoint")
"""Tables that are read when the file is opened: editing them is tried with an opening each."""


@contextmanager
def laid_open(folder: Path) -> Iterator[tuple[SqliteLedger, sqlite3.Connection]]:
    """An open ledger, and a connection to its file past all rules that commits each statement."""
    ledger = open_sqlite(folder)
    raw = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    raw.row_factory = sqlite3.Row
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA ignore_check_constraints = ON")
    raw.execute("PRAGMA synchronous = OFF")
    for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    yield ledger, raw
    raw.close()
    books.verify(ledger)  # the control: everything was put back
    ledger.close()


def agrees(ledger: SqliteLedger) -> bool:
    try:
        books.verify(ledger)
    except EnclaveSealed:
        return False
    return True


def edits(raw: sqlite3.Connection) -> Iterator[tuple[str, str, tuple[object, ...], object]]:
    """Every cell: table, column, key of the row, and value."""
    for table in tables(raw):
        rows, names = raw.execute(f"SELECT * FROM {table}").fetchall(), key(raw, table)
        for column in columns(raw, table):
            if column != "only":  # the constant 1 of the one-row tables: it says nothing
                yield from ((table, column, tuple(row[name] for name in names), row[column]) for row in rows)


def edit(raw: sqlite3.Connection, table: str, column: str, place: tuple[object, ...], value: object) -> None:
    where = " AND ".join(f"{name} IS ?" for name in key(raw, table))
    try:
        raw.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed(value), *place))
    except sqlite3.IntegrityError:  # the neighbour has that unique value, or it is a number that may be missing
        far = (value or 0) + 10**6 if isinstance(value, int | None) else f"{value}-other"
        raw.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (far, *place))


def put_back(raw: sqlite3.Connection, table: str, row: sqlite3.Row) -> None:
    names = columns(raw, table)
    marks = ", ".join("?" * len(names))
    raw.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names])


def test_every_cell_of_every_row_counts(copy: Path) -> None:
    """One cell at a time."""
    missed, tried = [], 0
    with laid_open(copy) as (ledger, raw):
        for table, column, place, value in list(edits(raw)):
            if table in OF_ONE_ROW:
                continue
            tried += 1
            raw.execute(f"CREATE TEMP TABLE kept AS SELECT {', '.join(columns(raw, table))} FROM {table}")
            edit(raw, table, column, place, value)
            if agrees(ledger):
                missed.append((table, column, place))
            raw.execute(f"DELETE FROM {table}")
            raw.execute(f"INSERT INTO {table} ({', '.join(columns(raw, table))}) SELECT * FROM kept")
            raw.execute("DROP TABLE kept")
    assert missed == []
    assert tried > 900


@pytest.mark.parametrize("table", OF_ONE_ROW)
def test_every_cell_of_the_one_row_tables_counts(written: Path, tmp_path: Path, table: str) -> None:
    with past_all_rules(written / "ledger.sqlite") as raw:
        cells = [found for found in edits(raw) if found[0] == table]
    assert cells
    for number, cell in enumerate(cells):
        folder = tmp_path / str(number)
        shutil.copytree(written, folder)
        with past_all_rules(folder / "ledger.sqlite") as raw:
            edit(raw, *cell)
        assert refuses(lambda folder=folder: open_sqlite(folder)) is not None, cell


def test_every_row_removed_counts(copy: Path) -> None:
    missed = []
    with laid_open(copy) as (ledger, raw):
        for table in tables(raw):
            names = key(raw, table)
            where = " AND ".join(f"{name} = ?" for name in names)
            for row in raw.execute(f"SELECT * FROM {table}").fetchall():
                place = tuple(row[name] for name in names)
                raw.execute(f"DELETE FROM {table} WHERE {where}", place)
                # Whose ledger it is is asked when the file is opened.
                if table != "ledger" and agrees(ledger):
                    missed.append((table, place))
                put_back(raw, table, row)
    assert missed == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger",
        "INSERT INTO accounts VALUES ('patients', 'analyst', 'eve', 'zcdp', 5, 5, 0, 0)",
        "INSERT INTO spaces VALUES ('more', 'zcdp', '1', '0', 16, 0)",
        "INSERT INTO people SELECT 'eve', organisation, role, '', randomblob(32), 0, mac FROM people WHERE name = 'ann'",
        "INSERT INTO person_keys SELECT 'k_1', person, sealing, signing, 0 FROM person_keys WHERE person = 'bob'",
        "INSERT INTO grant_requests SELECT 'r-2', analyst, document, 0, mac FROM grant_requests WHERE id = 'r-ann'",
        "INSERT INTO declines VALUES ('r-open', 'No.', 'bureau', 0)",
        (
            "INSERT INTO grants SELECT 'g-2', version, analyst, 'r-2', uses, given_by, document, signature, 0 FROM grants"
            " WHERE id = 'g-ann'"
        ),
        "INSERT INTO granted_datasets VALUES ('g-ann', 1, 'dentist')",
        "INSERT INTO revocations VALUES ('g-ann', 'No more of this.', 0)",
        "INSERT INTO freezes SELECT 'f9', 'grant', 'g-bob', set_by, reason, at, 0, mac FROM freezes WHERE id = 'f1'",
        "INSERT INTO lifts VALUES ('f1', 1, 'omar', 'It was nothing.', 0)",
        (
            "INSERT INTO reviews SELECT 'rr-x', 'o3', 'automatic', 0, '[]', profile, digest, 0 FROM reviews"
            " WHERE id = 'rr-o0'"
        ),
        (
            "INSERT INTO votes SELECT 'rr-o11', 2, 'ron', 'approve', reason, round, digest, at, 0, mac FROM votes"
            " WHERE review = 'rr-o11'"
        ),
        "INSERT INTO decisions VALUES ('rr-o11', 'approved', 0)",
        "INSERT INTO decisions SELECT 'rr-o11', 'approved', entry FROM votes WHERE review = 'rr-o11'",
        "INSERT INTO decisions SELECT 'rr-o14', 'approved', entry FROM reviews WHERE id = 'rr-o14'",
        "INSERT INTO decisions SELECT 'rr-o14', 'withdrawn', 0",
        (
            "INSERT INTO releases SELECT 'o2', 'q2', 'rr-o2', key_id, certificate, envelope, 0 FROM releases"
            " WHERE order_id = 'o0'"
        ),
        "INSERT INTO versions VALUES ('clinic', 2, 'ff', 1, 0)",
        "INSERT INTO settlements VALUES ('o3', 'forfeited', NULL, 0)",
        "INSERT INTO hashes SELECT max(position) + 1, randomblob(32) FROM hashes",
        "INSERT INTO entries SELECT max(position) + 1, body FROM entries",
    ],
)
def test_every_row_added_past_the_rules_counts(copy: Path, statement: str) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        raw.execute(statement)
    assert refuses(lambda: open_sqlite(copy)) is not None


def test_a_refusal_names_what_differs(copy: Path) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        raw.execute("UPDATE accounts SET spent_units = 0 WHERE kind = 'analyst' AND owner = 'ann'")
    refusal = refuses(lambda: open_sqlite(copy))
    assert refusal is not None
    assert (refusal.facts["account"], refusal.facts["owner"]) == ("analyst", "ann")
    assert not any(character.isdigit() for character in refusal.detail)


def test_an_answer_moved_to_another_order_counts(copy: Path) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        raw.execute(
            "UPDATE settlements SET answer = (SELECT answer FROM settlements WHERE order_id = 'o0') "
            "WHERE order_id = 'o2'"
        )
    assert refuses(lambda: open_sqlite(copy)) is not None


def test_a_token_moved_to_another_person_counts(copy: Path) -> None:
    """Nobody without keys can sign in as somebody else by editing the table."""
    with past_all_rules(copy / "ledger.sqlite") as raw:
        raw.execute("DELETE FROM people WHERE name = 'bob'")
        raw.execute("UPDATE people SET token_digest = zeroblob(32) WHERE name = 'ann'")
    refusal = refuses(lambda: open_sqlite(copy))
    assert refusal is not None
    assert (refusal.facts["table"], refusal.facts["owner"]) == ("people", "ann")


def test_a_log_cut_short_with_its_records_counts_against_the_checkpoint(copy: Path) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        last = raw.execute("SELECT max(position) FROM entries").fetchone()[0]
        raw.execute("DELETE FROM queries WHERE entry = ?", (last,))
        raw.execute("DELETE FROM entries WHERE position = ?", (last,))
        raw.execute("UPDATE checkpoint SET size = ?", (last,))
    assert refuses(lambda: open_sqlite(copy)) is not None


def test_another_log_key_or_name_is_refused(copy: Path) -> None:
    other = SigningKey(ORIGIN, b"t" * 32)
    for origin, signer in ((ORIGIN, other), ("sandbox.test/other", SIGNER)):
        with pytest.raises(EnclaveSealed):
            SqliteLedger(copy / "ledger.sqlite", origin=origin, signer=signer, state_key=STATE_KEY)


def test_another_state_key_is_refused(copy: Path) -> None:
    ledger = SqliteLedger(copy / "ledger.sqlite", origin=ORIGIN, signer=SIGNER, state_key=b"x" * 32)
    with pytest.raises(EnclaveSealed):
        books.verify(ledger)
    ledger.close()


LOSS = {"mode": "zcdp", "units": "600", "delta": "0"}
RESERVED = {
    "query": "q",
    "order": "o",
    "person": "ann",
    "grant": "g-ann",
    "grant_version": 1,
    "data_version": 1,
    "manifest": "ab" * 32,
    "also": [],
    "also_under": [],
    "dataset": "clinic",
    "space": "patients",
    "key": keys_of("ann").id,
    "loss": LOSS,
}


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ([("query.reserved", {**RESERVED, "loss": {**LOSS, "units": "1001"}})], "over its limit"),
        (
            [("query.reserved", RESERVED), ("query.reserved", {**RESERVED, "query": "r", "order": "p"})],
            "over its limit",
        ),
        ([("query.reserved", {**RESERVED, "grant": "g-none"})], "grant"),
        ([("query.reserved", {"query": "q"})], "order"),
        ([("query.committed", {"query": "q", "order": "o", "answer": "00" * 32})], "never"),
        ([("query.forfeited", {"query": "q1", "order": "o1"})], "second time"),
    ],
)
def test_a_log_that_breaks_the_rules_is_refused_though_signed(
    copy: Path, monkeypatch: pytest.MonkeyPatch, facts: list[tuple[str, dict]], named: str
) -> None:
    """Even who holds the log key, and edits the tables to match, cannot make a log that overspends."""
    monkeypatch.setattr(books._Cursor, "match", lambda *_: None)
    monkeypatch.setattr(books._Cursor, "finish", lambda *_: None)
    ledger = open_sqlite(copy)
    with ledger._write() as connection:
        for kind, stated in facts:
            LogWriter(ORIGIN, SIGNER).append(connection, entry(kind, stated), {})
    with pytest.raises(EnclaveSealed, match=named):
        books.verify(ledger)
    ledger.close()


def test_a_signed_entry_without_its_record_is_refused(copy: Path) -> None:
    ledger = open_sqlite(copy)
    with ledger._write() as connection:
        LogWriter(ORIGIN, SIGNER).append(connection, entry("query.reserved", RESERVED), {})
    with pytest.raises(EnclaveSealed, match="missing from the tables"):
        books.verify(ledger)
    ledger.close()


def test_the_offline_verifier_agrees_with_the_books(copy: Path) -> None:
    ledger = open_sqlite(copy)
    books.verify(ledger)
    lines = export_lines(ORIGIN, SIGNER.verifier.text, ledger.entries(0, ledger.size()), ledger.checkpoint())
    report = verify_export(lines, SIGNER.verifier.text)
    kept = {(account.kind, account.owner): account for account in ledger.accounts("patients", "clinic", "g-ann", "ann")}
    assert report.size == ledger.size()
    told = {(account.kind, account.owner): account for account in report.accounts}
    assert {key: told[key] for key in kept} == kept
    ledger.close()
