"""What somebody with the file and plenty of time, but without keys, can do: edit any cell past every constraint."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.adapters import books
from sandbox.terms.refusal import EnclaveSealed


@contextmanager
def past_all_rules(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to which no trigger, CHECK or foreign key applies; the triggers are put back afterwards."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    rules = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in rules:
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    for _, sql in rules:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()


def tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]


def key(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in connection.execute(f"PRAGMA table_info({table})") if row["pk"]]


def changed(value: object) -> object:
    """Another value of the same type."""
    match value:
        case None:
            return b"x"
        case int():
            return value + 1
        case str():
            return value[:-1] + ("x" if value[-1:] != "x" else "y")
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
    raise AssertionError(type(value))


def refuses(open_ledger: Callable[[], object]) -> EnclaveSealed | None:
    """What the start of an enclave says of the file: the refusal, or None where it finds nothing."""
    try:
        ledger = open_ledger()
    except EnclaveSealed as refusal:
        return refusal
    try:
        books.verify(ledger)
    except EnclaveSealed as refusal:
        return refusal
    finally:
        ledger.close()
    return None
