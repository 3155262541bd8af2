"""Rows on their way from a file to their buckets, on disk under a key of the load: never plaintext, never one bucket.

A run is what was read since the last one, some hundred thousand rows, cut into partitions by the top bits of a 64-bit word
of each row. It is one file: for each partition a frame, an Arrow IPC stream under AES-256-GCM with a key of that run alone,
bound to load, name, run and partition. Where the frames lie is kept in the load's journal.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.proof.sealing import derive
from workers import durable
from workers.bucket import ColumnArray
from workers.row_columns import cut, joined, taken
from workers.schema import Encoding, StoredColumn
from workers.store_refused import StoreRefused
from workers.tokens import Tokens

_SALT_BYTES = 16
_WORD_BITS = 64
_COMPRESSION = "lz4"


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """Where one run's frames are: for each partition its bytes and its rows. `salt` is what its key is derived by."""

    number: int
    salt: str
    frames: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {"number": self.number, "salt": self.salt, "frames": [list(frame) for frame in self.frames]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Run":
        """The inverse of `to_json`."""
        frames = tuple((int(size), int(rows)) for size, rows in value["frames"])
        return cls(int(value["number"]), str(value["salt"]), frames)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows with the token by which they are cut, and their columns."""

    tokens: Tokens
    columns: tuple[ColumnArray, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Spill:
    """The runs of one name: `partitions` is a power of two, `columns` say what a row holds beside its token."""

    folder: Path
    name: str
    key: bytes
    partitions: int
    columns: tuple[StoredColumn, ...]

    def write(self, number: int, rows: Rows) -> Run:
        """Write and sync a run; one of that number that nobody wrote down goes first."""
        salt = secrets.token_hex(_SALT_BYTES)
        cipher, path = self._cipher(salt), self._path(number)
        path.unlink(missing_ok=True)
        frames = []
        with os.fdopen(durable.create(path), "wb") as file:
            for partition, part in enumerate(self._cut(rows)):
                count, frame = len(part.tokens.high), b""
                if count:
                    frame = cipher.encrypt(_nonce(partition), self._packed(part), self._bound(number, partition))
                    file.write(frame)
                frames.append((len(frame), count))
            file.flush()
            os.fsync(file.fileno())
        durable.sync_folder(self.folder)
        return Run(number, salt, tuple(frames))

    def read(self, runs: Sequence[Run], partition: int) -> Iterator[Rows]:
        """The rows of one partition, run after run.

        Raises:
            StoreRefused: a file is not what was written.
        """
        for run in runs:
            size, count = run.frames[partition]
            if not count:
                continue
            start = sum(length for length, _ in run.frames[:partition])
            try:
                with os.fdopen(durable.open_regular(self._path(run.number)), "rb") as file:
                    file.seek(start)
                    sealed = file.read(size)
                plain = self._cipher(run.salt).decrypt(_nonce(partition), sealed, self._bound(run.number, partition))
            except (OSError, InvalidTag):
                raise StoreRefused from None
            yield self._unpacked(plain)

    def remove(self) -> None:
        """Remove every run."""
        for path in self.folder.glob(f"{self.name}.*.spill"):
            path.unlink()

    def _cut(self, rows: Rows) -> Iterator[Rows]:
        high = rows.tokens.high
        bits = self.partitions.bit_length() - 1
        where = (high >> np.uint64(_WORD_BITS - bits) if bits else np.zeros_like(high)).astype(np.uint16)
        order = np.argsort(where, kind="stable")
        edges = np.append(0, np.cumsum(np.bincount(where, minlength=self.partitions))).astype(np.int64)
        tokens = Tokens(high[order], rows.tokens.low[order])
        columns = [
            cut(taken(array, order), edges, text=column.encoding is Encoding.TEXT)
            for column, array in zip(self.columns, rows.columns, strict=True)
        ]
        for partition, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            part = Tokens(tokens.high[start:end], tokens.low[start:end])
            yield Rows(part, tuple(column[partition] for column in columns))

    def _packed(self, rows: Rows) -> memoryview:
        arrays = [pa.array(rows.tokens.high), pa.array(rows.tokens.low)]
        arrays += [_arrow(column, array) for column, array in zip(self.columns, rows.columns, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, names=[str(number) for number in range(len(arrays))])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=_COMPRESSION)) as stream:
            stream.write_batch(batch)
        return memoryview(sink.getvalue()).cast("B")

    def _unpacked(self, plain: bytes) -> Rows:
        with pa.ipc.open_stream(plain) as stream:
            batch = stream.read_next_batch()
        high, low, *arrays = batch.columns
        columns = tuple(_held(column, array) for column, array in zip(self.columns, arrays, strict=True))
        return Rows(Tokens(high.to_numpy(), low.to_numpy()), columns)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}.{number:06d}.spill"

    def _cipher(self, salt: str) -> AESGCM:
        return AESGCM(derive(self.key, f"sandbox/spill/v1|{self.name}|{salt}"))

    def _bound(self, number: int, partition: int) -> bytes:
        return f"sandbox/spill/v1|{self.name}|{number}|{partition}|{self.partitions}".encode()


def together(parts: Sequence[Rows], columns: Sequence[StoredColumn]) -> Rows:
    """The rows of all parts."""
    nothing = np.empty(0, dtype=np.uint64)
    high = np.concatenate([nothing, *(part.tokens.high for part in parts)])
    low = np.concatenate([nothing, *(part.tokens.low for part in parts)])
    arrays = (joined(column, [part.columns[at] for part in parts]) for at, column in enumerate(columns))
    return Rows(Tokens(high, low), tuple(arrays))


def _nonce(partition: int) -> bytes:
    return partition.to_bytes(12, "big")  # the key is of one run, which has each partition once


def _arrow(column: StoredColumn, array: ColumnArray) -> pa.Array:
    if column.encoding is Encoding.TEXT:
        codes = pa.array(array.values, mask=array.values < 0)
        return pa.DictionaryArray.from_arrays(codes, array.dictionary)
    if column.encoding is Encoding.CODES:
        return pa.array(array.values.astype(np.int16) if len(column.keys) <= np.iinfo(np.int16).max else array.values)
    return pa.array(array.values, mask=None if array.valid is None else ~array.valid)


def _held(column: StoredColumn, array: pa.Array) -> ColumnArray:
    if column.encoding is Encoding.TEXT:
        codes: npt.NDArray[np.int32] = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return ColumnArray(codes, dictionary=array.dictionary)
    if column.encoding is Encoding.CODES:
        return ColumnArray(array.to_numpy().astype(np.int32), dictionary=column.keys)
    if array.null_count == 0:
        return ColumnArray(array.to_numpy())
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return ColumnArray(array.fill_null(0).to_numpy(zero_copy_only=False), valid)
