"""How the ledger's file is reached: one writing connection under one lock, and reading connections beside it.

A write is `BEGIN IMMEDIATE` … `COMMIT`, or nothing. Reads run in WAL snapshots and never wait for writers.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.adapters import sqlite_schema
from sandbox.terms.refusal import AuditUnavailable

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT}
"""Primary result codes after which a rolled-back connection may go on: the file itself is sound."""

_IDLE_LIMIT = 16


class Connections:
    """All connections to one file.

    After an error of the storage itself there are no more writes until the file is opened again: whether a commit that
    failed reached the disk is unknown until then.

    Raises:
        AuditUnavailable: the file cannot be opened.
        EnclaveSealed: its mode or settings are not as they must be.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._writing = threading.Lock()
        self._pool = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        try:
            sqlite_schema.make_file(path)
            self._writer: sqlite3.Connection | None = self._connect(writer=True)
        except (OSError, sqlite3.Error):
            raise AuditUnavailable("The ledger cannot be opened.") from None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed durably when the block ends, or rolled back.

        Raises:
            AuditUnavailable: the database failed; nothing was changed, or (where the storage failed at the very
                commit) it is found changed as a whole when the ledger is next opened.
        """
        with self._writing:
            connection = self._writer
            if connection is None:
                raise AuditUnavailable
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back(connection, sound=_is_passing(error))
                raise AuditUnavailable from None
            except BaseException:
                self._roll_back(connection, sound=True)
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One snapshot.

        Raises:
            AuditUnavailable: the database failed.
        """
        try:
            connection = self._take()
        except sqlite3.Error:
            raise AuditUnavailable("The ledger cannot be read.") from None
        sound = False
        try:
            connection.execute("BEGIN")
            yield connection
            sound = True
        except sqlite3.Error:
            raise AuditUnavailable("The ledger cannot be read.") from None
        finally:
            self._give_back(connection, sound=sound)

    def close(self) -> None:
        """End all connections. Calls after this raise AuditUnavailable."""
        with self._writing, self._pool:
            self._closed = True
            connections = [*self._idle, *([self._writer] if self._writer is not None else [])]
            self._idle, self._writer = [], None
        for connection in connections:
            _end(connection)

    def _connect(self, *, writer: bool) -> sqlite3.Connection:
        return sqlite_schema.connect(self._path, busy_timeout=self._busy_timeout, writer=writer)

    def _roll_back(self, connection: sqlite3.Connection, *, sound: bool) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            sound = False
        if not sound:
            self._writer = None
            _end(connection)

    def _take(self) -> sqlite3.Connection:
        with self._pool:
            if self._closed:
                raise AuditUnavailable("The ledger is closed.")
            if self._idle:
                return self._idle.pop()
        return self._connect(writer=False)

    def _give_back(self, connection: sqlite3.Connection, *, sound: bool) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            sound = False
        with self._pool:
            if sound and not self._closed and len(self._idle) < _IDLE_LIMIT:
                self._idle.append(connection)
                return
        _end(connection)


def _is_passing(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    # Errors without a code are raised before anything reaches the file (a value that cannot be bound, say).
    return code is None or code & 0xFF in _PASSING


def _end(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        connection.close()
