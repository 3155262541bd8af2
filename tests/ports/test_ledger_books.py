"""Books against log: any cell changed, row removed or row added past the ledger keeps the enclave sealed."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from ledger_tampering import changed, columns, key, past_all_rules, refuses, tables
from ledger_world import (
    ORIGIN,
    SIGNER,
    STATE_KEY,
    a_grant,
    add_dataset,
    add_grant,
    add_person,
    commit,
    entry,
    forfeit,
    loss,
    open_sqlite,
    reservation,
    reserved,
    reused,
    seed,
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
    add_person(ledger, "bob")
    add_dataset(ledger, "dentist")
    add_grant(ledger, a_grant("bob", "g-bob", ("clinic", "dentist")))
    for number in range(4):
        ledger.reserve(reservation(number, 10, loss=loss(10, 1)), reserved(number))
    commit(ledger, "o0")
    forfeit(ledger, "o1")
    commit(ledger, "o2")
    ledger.reuse(reservation(9, answer_key="question 0"), reused(9))
    books.verify(ledger)
    ledger.close()
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def test_control_the_same_handling_without_a_change_is_accepted(copy: Path) -> None:
    with past_all_rules(copy / "ledger.sqlite") as raw:
        assert len(tables(raw)) == 14
    assert refuses(lambda: open_sqlite(copy)) is None


def test_every_cell_of_every_row_counts(written: Path, tmp_path: Path) -> None:
    """One cell at a time, in a fresh copy: all are found, and the refusal names no amounts."""
    with past_all_rules(written / "ledger.sqlite") as raw:
        cells = [
            (table, column, tuple(row[name] for name in key(raw, table)), row[column])
            for table in tables(raw)
            for column in columns(raw, table)
            if column != "only"  # the constant 1 of the one-row tables: it says nothing
            for row in raw.execute(f"SELECT * FROM {table}").fetchall()
        ]
        keys = {table: key(raw, table) for table in tables(raw)}
    assert len(cells) > 300
    missed = []
    for number, (table, column, place, value) in enumerate(cells):
        folder = tmp_path / str(number)
        folder.mkdir(mode=0o700)
        shutil.copy(written / "ledger.sqlite", folder)
        where = " AND ".join(f"{name} IS ?" for name in keys[table])
        with past_all_rules(folder / "ledger.sqlite") as raw:
            try:
                raw.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed(value), *place))
            except sqlite3.IntegrityError:  # the neighbour has that unique value: take one that nobody has
                far = value + 10**6 if isinstance(value, int) else f"{value}-other"
                raw.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (far, *place))
        refusal = refuses(lambda folder=folder: open_sqlite(folder))
        if refusal is None:
            missed.append((table, column, place))
        shutil.rmtree(folder)
    assert missed == []


def test_every_row_removed_counts(written: Path, tmp_path: Path) -> None:
    with past_all_rules(written / "ledger.sqlite") as raw:
        rows = [
            (table, key(raw, table), tuple(row[name] for name in key(raw, table)))
            for table in tables(raw)
            for row in raw.execute(f"SELECT * FROM {table}").fetchall()
        ]
    missed = []
    for number, (table, names, place) in enumerate(rows):
        folder = tmp_path / str(number)
        folder.mkdir(mode=0o700)
        shutil.copy(written / "ledger.sqlite", folder)
        with past_all_rules(folder / "ledger.sqlite") as raw:
            raw.execute(f"DELETE FROM {table} WHERE " + " AND ".join(f"{name} = ?" for name in names), place)
        if refuses(lambda folder=folder: open_sqlite(folder)) is None:
            missed.append((table, place))
        shutil.rmtree(folder)
    assert missed == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO accounts VALUES ('patients', 'analyst', 'eve', 'zcdp', 5, 5, 0, 0)",
        "INSERT INTO spaces VALUES ('more', 'zcdp', '1', '0', 16, 0)",
        "INSERT INTO people SELECT 'eve', organisation, role, randomblob(32), 0, mac FROM people WHERE name = 'ann'",
        "INSERT INTO versions VALUES ('clinic', 2, 'ff', 0)",
        "INSERT INTO settlements VALUES ('o3', 'forfeited', NULL, 0)",
        "INSERT INTO hashes SELECT max(position) + 1, randomblob(32) FROM hashes",
        "INSERT INTO entries SELECT max(position) + 1, body FROM entries",
    ],
)
def test_every_row_added_counts(copy: Path, statement: str) -> None:
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
    "dataset": "clinic",
    "space": "patients",
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
        ([("query.committed", {"query": "q", "order": "o", "answer": "00" * 32})], "never reserved"),
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
