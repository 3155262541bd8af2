"""Where the rows of a table come from: files of the inbox, found by bare name and read batch by batch as typed Arrow columns.

A folder of the inbox whose name ends in .parquet is one table in parts, read in the order of their names.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers import durable
from workers.csv_source import csv_batches
from workers.parquet_source import parquet_batches
from workers.unusable import Place

BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
PARTS_MAX = 4096

Told = Callable[[int, int], None]
"""Told of progress: how much of a whole has been read, in hundredths of the source's bytes."""


class Source(Protocol):
    """The rows of one table, wherever they come from."""

    def identity(self) -> Any:
        """Canonical JSON that is the same only for the same rows in the same order; None where nothing can say so."""

    def batches(self, wanted: Mapping[str, Type], rows_max: int, told: Told) -> Iterator[tuple[Place, pa.RecordBatch]]:
        """The wanted columns, under their described names, in order; with each batch the place of its first row.

        Raises:
            FileNotUsable: not of the promised form, a column missing, or more rows than `rows_max`.
        """

    def check_unchanged(self) -> None:
        """Raises FileNotUsable where what was read is not what `identity` told of."""


@dataclass(slots=True)
class FileSource:
    """One file of the inbox, or a folder of Parquet files."""

    inbox: Path
    name: str
    _seen: list[tuple[str, int, int]] = field(default_factory=list)

    def identity(self) -> Any:
        """Name, size, time of change and SHA-256 of each part."""
        found: list[list[str | int]] = []
        self._seen = []
        for part in self._parts():
            with _opened(self.inbox, part) as file:
                size, changed = _state(file)
                self._seen.append((part, size, changed))
                found.append([part, size, str(changed), file_digest(cast("FileIO", file), "sha256").hexdigest()])
        return found

    def batches(self, wanted: Mapping[str, Type], rows_max: int, told: Told) -> Iterator[tuple[Place, pa.RecordBatch]]:
        rows, parts = 0, self._parts()
        told(0, 100)
        for number, part in enumerate(parts):
            row = 1
            for batch in _read(self.inbox, part, wanted, rows_max, _part_of(told, number, len(parts))):
                rows += batch.num_rows
                if rows > rows_max:
                    raise _too_many(self.name, rows_max)
                yield Place(part, row=row), batch
                row += batch.num_rows
        told(100, 100)

    def check_unchanged(self) -> None:
        for part, size, changed in self._seen:
            with _opened(self.inbox, part) as file:
                if _state(file) != (size, changed):
                    raise Place(part).refusal("a file that does not change while it is read")

    def _parts(self) -> Sequence[str]:
        _check_name(self.name)
        folder = self.inbox / self.name
        if folder.is_symlink() or not folder.is_dir() or not self.name.lower().endswith(".parquet"):
            return [self.name]
        parts = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(".parquet"))
        if not 1 <= len(parts) <= PARTS_MAX or not all(BARE_NAME.fullmatch(part) for part in parts):
            raise Place(self.name).refusal(f"a folder with 1 to {PARTS_MAX} .parquet files of plain names")
        return [f"{self.name}/{part}" for part in parts]


def read_batches(
    inbox: Path, name: str, wanted: Mapping[str, Type], rows_max: int, told: Told = lambda _done, _whole: None
) -> Iterator[pa.RecordBatch]:
    """The wanted columns of a file, under their described names, in file order.

    Strings come dictionary-encoded; other CSV cells are parsed by their described type, and Parquet values come as
    they are. Column names match without regard to case; columns that are not wanted are not read.

    Raises:
        FileNotUsable: no such file, not of the promised form, a column missing, or more rows than `rows_max`.
    """
    _check_name(name)
    return _read(inbox, name, wanted, rows_max, told)


def _read(inbox: Path, name: str, wanted: Mapping[str, Type], rows_max: int, told: Told) -> Iterator[pa.RecordBatch]:
    place, rows, read = Place(name), 0, 0
    reader = {".csv": csv_batches, ".parquet": parquet_batches}.get(Path(name).suffix.lower())
    if reader is None:
        raise place.refusal("a name that ends in .csv or .parquet")
    with _opened(inbox, name) as file:
        size, _ = _state(file)
        for batch in reader(file, place, wanted, rows_max):
            rows += batch.num_rows
            if rows > rows_max:
                raise _too_many(name, rows_max)
            read = max(read, 100 * min(file.tell(), size) // max(1, size))
            told(read, 100)
            yield batch


def _too_many(name: str, rows_max: int) -> FileNotUsable:
    return Place(name).refusal(f"at most {rows_max} rows, as rows_max declares")


def _check_name(name: str) -> None:
    if not BARE_NAME.fullmatch(name):
        raise Place("the file").refusal("a bare file name of letters, digits, dots, dashes and underscores")


def _opened(inbox: Path, name: str) -> BinaryIO:
    try:
        return os.fdopen(durable.open_regular(inbox / name), "rb")
    except OSError:
        raise Place(name).refusal("a regular, readable file in the inbox") from None


def _state(file: BinaryIO) -> tuple[int, int]:
    """Size and time of change."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _part_of(told: Told, number: int, parts: int) -> Told:
    return lambda done, whole: told((number * whole + done) // parts, whole)
