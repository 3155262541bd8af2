"""The log inside the ledger's database: entries, stored Merkle hashes, the one newest checkpoint.

Every function works on the caller's connection, within the caller's transaction.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.adapters import sqlite_entry_facts
from sandbox.proof import merkle
from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes, read_entry
from sandbox.proof.signing import SigningKey
from sandbox.service.ports import Entry, Receipt
from sandbox.terms.refusal import EnclaveSealed


class LogWriter:
    """Appends entries: one leaf, its row of the index, the hashes it completes, a checkpoint that covers it."""

    def __init__(self, origin: str, signer: SigningKey) -> None:
        self._origin = origin
        self._signer = signer

    def first_note(self) -> str:
        """The checkpoint of the empty log."""
        return sign_checkpoint(Checkpoint(self._origin, 0, merkle.EMPTY_ROOT), self._signer)

    def append(self, connection: sqlite3.Connection, entry: Entry, facts: dict[str, Any]) -> int:
        """Write `entry`, with `facts` and a salt laid over its own, and return its index.

        Everybody signed in may see leaf hashes, and proofs are made of them: without 128 random bits an entry of few
        possible words (whose dataset was refused a load, and when) could be found by guessing.
        """
        salt = secrets.token_hex(16)
        stated = {**entry.facts, **facts, "salt": salt}
        body = entry_bytes(entry.kind, entry.at, entry.actor, stated)
        leaf = merkle.leaf_hash(body)
        index = size(connection)
        read = reader(connection)
        hashes = merkle.stored_hashes(index, leaf, read)
        start = merkle.stored_count(index)
        connection.execute("INSERT INTO entries VALUES (?, ?)", (index, body))
        sqlite_entry_facts.add(connection, index, entry, stated)
        connection.executemany("INSERT INTO hashes VALUES (?, ?)", enumerate(hashes, start))
        root = merkle.tree_root(index + 1, read)
        note = sign_checkpoint(Checkpoint(self._origin, index + 1, root), self._signer)
        connection.execute("UPDATE checkpoint SET size = ?, note = ?", (index + 1, note))
        return index


def size(connection: sqlite3.Connection) -> int:
    """The number of entries, as the checkpoint says."""
    found: int = _checkpoint(connection)["size"]
    return found


def entry_count(connection: sqlite3.Connection) -> int:
    """The number of entries, counted in the entries themselves."""
    found: int = connection.execute("SELECT coalesce(max(position), -1) + 1 FROM entries").fetchone()[0]
    return found


def checkpoint(connection: sqlite3.Connection) -> str:
    """The newest signed checkpoint."""
    found: str = _checkpoint(connection)["note"]
    return found


def entries(connection: sqlite3.Connection, start: int, end: int) -> list[bytes]:
    """Canonical bytes of entries start … end-1, as far as they exist."""
    rows = connection.execute(
        "SELECT body FROM entries WHERE position >= ? AND position < ? ORDER BY position", (start, end)
    )
    return [row[0] for row in rows]


def is_enclave(connection: sqlite3.Connection, name: str) -> bool:
    """Whether an actor of this name is the enclave itself, as its first entry says (`sandbox.proof.books_people`)."""
    row = connection.execute("SELECT body FROM entries WHERE position = 0").fetchone()
    if row is None:
        return False
    first = read_entry(row[0])
    return name in (first["actor"], first["facts"].get("name"))


def stored(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """Every stored hash with its index, in order."""
    for row in connection.execute("SELECT position, hash FROM hashes ORDER BY position"):
        yield row[0], row[1]


def bodies(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """Every entry with its index, in order."""
    for row in connection.execute("SELECT position, body FROM entries ORDER BY position"):
        yield row[0], row[1]


def receipt(connection: sqlite3.Connection, index: int) -> Receipt:
    """Proof that entry `index` is under the newest checkpoint.

    Raises:
        ValueError: there is no such entry.
    """
    read = reader(connection)
    total = size(connection)
    proof = merkle.prove_inclusion(index, total, read)
    leaf = read([merkle.stored_count(index)])[0]  # a leaf is the first hash that its entry stores
    return Receipt(index, leaf.hex(), checkpoint(connection), tuple(step.hex() for step in proof))


def consistency(connection: sqlite3.Connection, old: int, new: int) -> tuple[str, ...]:
    """Proof that the log of size `new` extends that of size `old`.

    Raises:
        ValueError: unless 0 <= old <= new <= size.
    """
    if new > size(connection):
        raise ValueError("the log is not that long")
    return tuple(step.hex() for step in merkle.prove_consistency(old, new, reader(connection)))


def reader(connection: sqlite3.Connection) -> merkle.Read:
    """Reads stored hashes, in the order asked."""

    def read(indexes: Sequence[int]) -> list[bytes]:
        if not indexes:
            return []
        marks = ",".join("?" * len(indexes))
        rows = connection.execute(f"SELECT position, hash FROM hashes WHERE position IN ({marks})", tuple(indexes))  # noqa: S608 - question marks only
        found = {row[0]: row[1] for row in rows}
        return [found[index] for index in indexes]

    return read


def _checkpoint(connection: sqlite3.Connection) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT size, note FROM checkpoint").fetchone()
    if row is None:
        raise EnclaveSealed("The ledger's checkpoint is missing.", table="checkpoint")
    return row
