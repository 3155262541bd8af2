"""How the ledger's database is made and opened: file, pragmas, schema.

The tables (`sqlite_tables`) and rules (`sqlite_rules`) make illegal states unrepresentable. The one table whose cells move
is `accounts`, and a trigger on the query row moves them, so that no code can store a reservation without its debit.
Whoever opens the file compares pragmas and schema with what this program would make.
"""

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from sandbox.adapters.sqlite_rules import rules_script
from sandbox.adapters.sqlite_tables import TABLES
from sandbox.terms.refusal import EnclaveSealed

SCHEMA_VERSION = 5

_PRAGMAS = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "recursive_triggers": ("ON", 1),  # or REPLACE would delete rows past the triggers
    "trusted_schema": ("OFF", 0),
}


def schema_script() -> str:
    """All statements that make an empty ledger."""
    return TABLES + rules_script()


def make_file(path: Path) -> None:
    """Create the database file where it is missing, readable by its owner alone.

    Raises:
        EnclaveSealed: the file is there and others may read it, or it is no plain file.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            raise EnclaveSealed(
                "The ledger's file must be a plain file that only its owner may read and write (mode 0600)."
            ) from None
        return
    os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name must survive a power cut as the rows do
    finally:
        os.close(folder)


def connect(path: Path, *, busy_timeout: float, writer: bool) -> sqlite3.Connection:
    """A connection in which every pragma is in force, read back.

    Raises:
        EnclaveSealed: one is not.
        sqlite3.Error: the file cannot be opened.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    try:
        _set_pragmas(connection)
        if not writer:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_pragmas(connection: sqlite3.Connection) -> None:
    for name, (value, expected) in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != expected:
            raise EnclaveSealed(f"The ledger's database does not hold the setting {name} = {value}.", setting=name)


def make_schema(connection: sqlite3.Connection, origin: str, log_key: str, first_note: str) -> None:
    """Fill a new database, within the caller's transaction: schema, whose log this is, the checkpoint of size 0."""
    for statement in _statements(schema_script()):
        connection.execute(statement)
    connection.execute("INSERT INTO ledger VALUES (1, ?, ?, ?)", (SCHEMA_VERSION, origin, log_key))
    connection.execute("INSERT INTO checkpoint VALUES (1, 0, ?)", (first_note,))


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written here."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def check_schema(connection: sqlite3.Connection, origin: str, log_key: str) -> None:
    """That this is our schema, whole and unchanged, for this origin and key.

    Raises:
        EnclaveSealed: it is not; `found` is the unknown schema version, where that is the reason.
    """
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "ledger" not in present:
        raise EnclaveSealed("The file is a database, but not a ledger of this enclave.")
    row = connection.execute("SELECT schema_version, origin, log_key FROM ledger").fetchone()
    if row is None or row["schema_version"] != SCHEMA_VERSION:
        raise EnclaveSealed(
            f"The ledger's schema is of another version than {SCHEMA_VERSION}, the one this program knows.",
            found=row["schema_version"] if row is not None else None,
        )
    if (row["origin"], row["log_key"]) != (origin, log_key):
        raise EnclaveSealed("The ledger belongs to a log of another name or key.")
    if _objects(connection) != _expected_objects():
        raise EnclaveSealed("The ledger's tables, rules or indexes were changed.")


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str, str | None]]:
    return {tuple(row) for row in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")}


def _expected_objects() -> set[tuple[str, str, str, str | None]]:
    scratch = sqlite3.connect(":memory:")
    try:
        scratch.executescript(schema_script())
        return _objects(scratch)
    finally:
        scratch.close()


def _statements(script: str) -> list[str]:
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
