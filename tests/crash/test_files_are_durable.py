"""A power cut: what was acknowledged had been synced, files and names both, before anybody was told.

No kill shows this, since the kernel keeps what a dead process wrote. So every call that changes names or makes bytes
durable is noted, and what a file system may lose is computed: bytes of a file that was not synced after it was last open for
writing, and names in a folder that was not synced after they were made. Of a load, a key and a new home nothing may be
lost. The controls leave one kind of sync out.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.adapters.home import create_home
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type
from workers import durable
from workers.ingest import load_dataset
from workers.keyring import DataKeys

PEOPLE = Table("stays", "who", 100, 5, 1, (Column("who", Type.STRING, ColumnRole.UNIT), Column("size", Type.INT)))
CLINIC = Dataset("clinic", "t", "s", "people", Grade.GENERAL, 1, (PEOPLE,))


class Disk:
    """What below `root` would be there after a power cut: synced contents, and names in folders synced after them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: set[int] = set()  # files whose bytes were synced, by inode
        self.names: dict[
            int, dict[str, int]
        ] = {}  # folder → its names and what they stood for, when it was last synced

    def sync(self, descriptor: int) -> None:
        """`fsync` of that descriptor."""
        where = Path("/proc/self/fd", str(descriptor)).readlink()
        if where.is_dir():
            self.names[where.stat().st_ino] = {entry.name: entry.inode() for entry in os.scandir(where)}
        else:
            self.contents.add(os.fstat(descriptor).st_ino)

    def lost(self) -> list[str]:
        """What is there now and would not be."""
        found = []
        for path in sorted(self.root.rglob("*")):
            kept = self.names.get(path.parent.stat().st_ino, {})
            name = str(path.relative_to(self.root))
            if kept.get(path.name) != path.stat().st_ino:
                found.append(f"the name {name}")
            if path.is_file() and path.stat().st_ino not in self.contents:
                found.append(f"the bytes of {name}")
        return found


@contextmanager
def watched(root: Path) -> Iterator[Disk]:
    disk, plain = Disk(root), os.fsync

    def fsync(descriptor: int) -> None:
        plain(descriptor)
        disk.sync(descriptor)

    with mock.patch.object(os, "fsync", fsync):
        yield disk


def load(root: Path) -> None:
    """Two versions of a table, with every key that is made on the way."""
    inbox = root.parent / "inbox"
    inbox.mkdir()
    pq.write_table(pa.table({"who": ["a", "b", "c"], "size": [1, 2, 3]}), inbox / "stays.parquet")
    for name in ("store", "keys"):
        durable.make_folder(root / name)
    keys = DataKeys(root / "keys", b"d" * 32)
    for number in (1, 2):
        load_dataset(
            CLINIC, number, 4, {"stays": "stays.parquet"},
            inbox=inbox, store=root / "store", keys=keys, progress=lambda *_: None,
        )  # fmt: skip


def home(root: Path) -> None:
    create_home(root / "home", "test.enclave", b"a long enough passphrase")


ACTS: dict[str, tuple[Callable[[Path], None], int]] = {"a load": (load, 20), "a home": (home, 10)}
"""What is done, and how many files and folders it leaves at least."""


def lost_of(act: Callable[[Path], None], root: Path) -> list[str]:
    root.mkdir()
    with watched(root) as disk:
        act(root)
    return disk.lost()


@pytest.mark.parametrize("name", ACTS)
def test_a_power_cut_loses_nothing_of_what_is_done(tmp_path: Path, name: str) -> None:
    act, least = ACTS[name]
    assert lost_of(act, tmp_path / "root") == []
    assert len(list((tmp_path / "root").rglob("*"))) >= least


def names_not_synced(root: Path) -> None:
    with mock.patch.object(durable, "sync_folder", lambda _: None):
        load(root)


def bytes_not_synced(root: Path) -> None:
    with mock.patch("workers.sealed_parquet.os", SimpleNamespace(**vars(os) | {"fsync": lambda _: None})):
        load(root)


@pytest.mark.parametrize(("act", "word"), [(names_not_synced, "the name"), (bytes_not_synced, "the bytes of")])
def test_control_what_was_not_synced_is_found(tmp_path: Path, act: Callable[[Path], None], word: str) -> None:
    found = lost_of(act, tmp_path / "root")
    assert any(line.startswith(f"{word} store/clinic/2/") for line in found)
    assert all(line.startswith(word) for line in found)
