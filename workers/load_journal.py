"""The journal of a load: what of it is done, so that the next load of the same files goes on from there.

Records are sealed under the load's key and chained: each is bound to its number and to the one before it, so none can be
changed, moved or left out; a cut end is an earlier state of the same load. A record is written once what it tells of is
durable. The load's key is wrapped under the dataset's KEK and goes with the load: then what it spilled opens no more.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.proof.sealing import derive, seal, unseal
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed
from workers import durable

_KEY, _RECORDS = "load.key", "load.journal"
_KEY_LIMIT = 4096
_LENGTH_BYTES = 4
_RECORD_LIMIT = 64 << 20
_KEY_BYTES = 32
_CHAIN_BYTES = 16


@dataclass(slots=True, repr=False)
class Journal:
    """`records` are those written, oldest first; `key` is the root of what the load spills."""

    folder: Path
    key: bytes
    records: list[dict[str, Any]]
    _file: Any = field(default=None)
    _chain: str = field(default="")

    def append(self, record: dict[str, Any]) -> None:
        """Write a record and sync it."""
        sealed = self._sealed(record)
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records.append(record)

    def of(self, kind: str, table: str) -> list[dict[str, Any]]:
        """The records of one kind about one table."""
        return [record for record in self.records if record["kind"] == kind and record["table"] == table]

    def remove(self) -> None:
        """The key goes first: without it nothing that the load spilled opens."""
        for name in (_KEY, _RECORDS):
            (self.folder / name).unlink(missing_ok=True)
        durable.sync_folder(self.folder)

    def _sealed(self, record: dict[str, Any]) -> bytes:
        sealed = seal(derive(self.key, _RECORDS), canonical_bytes(record), self._bound(len(self.records)))
        self._chain = sealed[-_CHAIN_BYTES:].hex()
        return sealed

    def opened(self, sealed: bytes) -> dict[str, Any]:
        """The next record, as it was sealed. Raises ProofFailed where it is none."""
        plain = unseal(derive(self.key, _RECORDS), sealed, self._bound(len(self.records)))
        self._chain = sealed[-_CHAIN_BYTES:].hex()
        record: dict[str, Any] = json.loads(plain)
        return record

    def _bound(self, number: int) -> str:
        return f"{number}|{self._chain}"


@contextmanager
def begun(folder: Path, kek: bytes, load: dict[str, Any] | None) -> Iterator[Journal]:
    """The journal of a new load; `load` says which load this is, None where it cannot be taken up again."""
    key = secrets.token_bytes(_KEY_BYTES)
    durable.write_new(folder / _KEY, seal(kek, key, _place(folder)))
    with os.fdopen(durable.create(folder / _RECORDS), "wb") as file:
        durable.sync_folder(folder)
        journal = Journal(folder, key, [], file)
        journal.append({"kind": "load", "table": "", "load": load})
        yield journal


@contextmanager
def resumed(folder: Path, kek: bytes, load: dict[str, Any]) -> Iterator[Journal | None]:
    """The journal of a load that was cut short; None where the folder holds none, or that of another load."""
    try:
        key = unseal(kek, durable.read(folder / _KEY, _KEY_LIMIT), _place(folder))
        descriptor = os.open(folder / _RECORDS, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ProofFailed):
        yield None
        return
    with os.fdopen(descriptor, "r+b") as file:
        journal = Journal(folder, key, [], file)
        _read(journal, file)
        first = journal.records[0] if journal.records else {}
        yield journal if first.get("kind") == "load" and first.get("load") == load else None


def _read(journal: Journal, file: Any) -> None:
    """Take in the records up to the first that is not whole, and cut off what follows."""
    end = 0
    while True:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
        sealed = file.read(length) if 0 < length <= _RECORD_LIMIT else b""
        try:
            journal.records.append(journal.opened(sealed))
        except ProofFailed:
            break
        end = file.tell()
    file.truncate(end)
    file.seek(end)


def _place(folder: Path) -> str:
    return f"sandbox/load/v1|{folder.parent.name}|{folder.name}"
