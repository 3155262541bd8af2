"""One Parquet file under its own key: uniform AES_GCM_V1, bound to its place by an AAD prefix that is not stored.

The low-level properties refuse a plaintext file and any other file put in place of the right one; pyarrow's CryptoFactory
accepts both, and AES_GCM_CTR_V1 accepts flipped bits, so neither is used.
"""

import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from workers import durable
from workers.packing import (
    Packing,
    Spread,
    metadata_of,
    packed,
    packed_schema,
    packings_of,
    saying,
    spread_of,
    unpacked,
)
from workers.store_refused import StoreRefused

SUITE = "parquet-aes256gcm/1"
DEK_BYTES = 32
ROW_GROUP = 131_072
"""Rows that a scan holds at a time."""

_HEAD, _TAIL = 4, 8  # magic; length of the footer, magic
_FOOTER_LIMIT = 64 << 20

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, repr=False)
class SealedFile:
    """Where a file is, the key that opens it, the AAD prefix that says what it must be, and its footer's digest."""

    path: str
    dek: bytes
    aad: bytes
    footer: str

    def __repr__(self) -> str:
        return "SealedFile(…)"


def aad_prefix(dataset: str, version: int, table: str, bucket: int, kind: str, file: str, schema: str) -> str:
    """dataset|version|table|bucket|kind|file id|schema digest. Names cannot hold the bar, so no two places share one.

    Raises:
        ValueError: a part holds a bar.
    """
    parts = (dataset, str(version), table, str(bucket), kind, file, schema)
    if any("|" in part for part in parts):
        raise ValueError("a name holds a bar")
    return "|".join(parts)


@contextmanager
def sealed_writer(
    path: Path, dek: bytes, aad: bytes, schema: pa.Schema, dictionary: Sequence[str], row_group: int = ROW_GROUP
) -> Iterator[Callable[[pa.Table], None]]:
    """A new file, piece by piece; plaintext never reaches the disk. `dictionary` names dictionary-encoded columns;
    `row_group` is how many rows a reader holds at a time.

    The file is synced at the end of the block; `footer_of` then says which it is.
    """
    writing = _Writing(path, dek, aad, schema, frozenset(dictionary), row_group)
    try:
        yield writing.write
        writing.finish()
    finally:
        writing.close()


class _Writing:
    """A file as it grows. Columns are packed as the first piece allows; one that a later piece does not fit makes the
    file be written anew, from what lies there encrypted."""

    def __init__(
        self, path: Path, dek: bytes, aad: bytes, schema: pa.Schema, dictionary: frozenset[str], row_group: int
    ) -> None:
        self._path, self._dek, self._aad = path, dek, aad
        self._plain, self._dictionary, self._row_group = schema, dictionary, row_group
        self._spreads: dict[str, Spread | None] = {}
        self._packings: dict[str, Packing] = {}
        self._sink = os.fdopen(durable.create(path), "wb")
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append a piece."""
        for name in self._plain.names:
            found = spread_of(table.column(name))
            before = self._spreads.get(name, found)
            self._spreads[name] = None if found is None or before is None else found.united(before)
        packings = {
            name: spread.packing for name, spread in self._spreads.items() if spread is not None and spread.packing
        }
        if self._writer is None or packings != self._packings:
            self._open(packings)
        self._append(table)

    def finish(self) -> None:
        """The last of the file, synced."""
        if self._writer is None:
            self._open({})
        self.close_writer()
        self._sink.flush()
        os.fsync(self._sink.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self.close_writer()
        self._sink.close()

    def close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self, packings: dict[str, Packing]) -> None:
        """Begin, or begin anew with what was written so far."""
        narrow = None
        if self._writer is not None:
            self.close()
            narrow = os.fdopen(durable.open_regular(self._path), "rb")
            self._path.unlink()  # it can still be read, and a crash leaves nothing of it
            self._sink = os.fdopen(durable.create(self._path), "wb")
        before, self._packings = self._packings, packings
        self._packed = packed_schema(self._plain, packings)
        texts = [field.name for field in self._plain if pa.types.is_dictionary(field.type)]
        self._writer = pq.ParquetWriter(
            self._sink,
            self._packed,
            # Numbers are narrow already, and what need not be unpacked is read at the speed of decryption.
            compression={name: "lz4" if name in texts else "none" for name in self._plain.names},
            use_dictionary=[name for name in self._plain.names if name in self._dictionary and name not in packings],
            write_statistics=False,  # nothing prunes by them
            store_schema=False,
            encryption_properties=pe.create_encryption_properties(
                self._dek,
                aad_prefix=self._aad,
                store_aad_prefix=False,
                encryption_algorithm="AES_GCM_V1",
                plaintext_footer=False,
            ),
        )
        self._writer.add_key_value_metadata(metadata_of(packings))
        if narrow is not None:
            with narrow, _parquet(narrow, self._dek, self._aad, texts) as file:
                for number in range(file.num_row_groups):
                    self._append(unpacked(file.read_row_group(number, use_threads=False), before))

    def _append(self, table: pa.Table) -> None:
        if self._writer is None:
            raise ValueError("the file is not open")
        self._writer.write_table(packed(table, self._packed, self._packings), row_group_size=self._row_group)


def footer_of(path: Path) -> str:
    """The digest of a written file's footer."""
    with path.open("rb") as source:
        return footer_digest(source)


def footer_digest(file: BinaryIO) -> str:
    """Hex SHA-256 of a file's length, its first four bytes, and everything from its footer on.

    AES-GCM covers the pages and the footer, but not the few bytes around them that say how the file is encrypted, nor
    bytes that no offset points to. With this digest in the signed manifest no bit of a file is free, and reading it
    costs one small read.

    Raises:
        ValueError: too short, or the footer's length leads out of the file.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    length = int.from_bytes(file.read(_TAIL)[:4], "little") + _TAIL
    if length + _HEAD > size or length > _FOOTER_LIMIT:
        raise ValueError("no Parquet footer")
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(size - length)
    found = sha256(size.to_bytes(8, "big") + head + file.read(length)).hexdigest()
    file.seek(0)
    return found


class SealedTable:
    """An open file, numbers unpacked."""

    def __init__(self, parquet: pq.ParquetFile) -> None:
        self._parquet = parquet

    def read(self, columns: list[str] | None = None, *, use_threads: bool = False) -> pa.Table:
        """The named columns, all of them if none are named."""
        table = self._parquet.read(columns, use_threads=use_threads)
        return unpacked(table, packings_of(self._parquet.metadata.metadata))


def read_sealed(file: SealedFile, read: Callable[[SealedTable], Result], text: Sequence[str] = ()) -> Result:
    """Open a file, check that it is the one meant, and `read` from it; `text` columns come dictionary-encoded.

    Raises:
        StoreRefused: whatever is wrong with the file.
    """
    with _refusing(), _opened(file, text) as parquet:
        return read(SealedTable(parquet))


def row_groups(
    file: SealedFile, columns: Sequence[str], rows: int | None, text: Sequence[str] = (), *, narrow: bool = False
) -> Iterator[pa.Table]:
    """The named columns of a file, ROW_GROUP rows at a time or fewer. `rows` is how many the file must have, where known;
    `narrow` leaves packed numbers as they are, fields say how.

    Raises:
        StoreRefused: whatever is wrong with the file.
    """
    with _refusing(), _opened(file, text) as parquet:
        if rows is not None and parquet.metadata.num_rows != rows:
            raise StoreRefused
        packings, schema = packings_of(parquet.metadata.metadata), None
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number, list(columns), use_threads=False)
            if table.num_rows > ROW_GROUP or set(table.column_names) != set(columns):
                raise StoreRefused
            if narrow:
                schema = schema or saying(table.schema, packings)
                yield pa.Table.from_arrays(table.columns, schema=schema)
            else:
                yield unpacked(table, packings)
            del table


@contextmanager
def _opened(file: SealedFile, text: Sequence[str]) -> Iterator[pq.ParquetFile]:
    with os.fdopen(durable.open_regular(Path(file.path)), "rb") as source:
        if not hmac.compare_digest(footer_digest(source), file.footer):
            raise StoreRefused
        with _parquet(source, file.dek, file.aad, text) as parquet:
            yield parquet


@contextmanager
def _parquet(source: BinaryIO, dek: bytes, aad: bytes, text: Sequence[str]) -> Iterator[pq.ParquetFile]:
    properties = pe.create_decryption_properties(
        dek, aad_prefix=aad, check_footer_integrity=True, allow_plaintext_files=False
    )
    # The very file that was checked, but read by Arrow itself: of a small one, most of the time went into its calls of
    # `source`.
    with (
        pa.OSFile(f"/proc/self/fd/{source.fileno()}") as file,
        pq.ParquetFile(file, decryption_properties=properties, read_dictionary=list(text), pre_buffer=False) as parquet,
    ):
        yield parquet


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError):
        # Arrow says what it found, sometimes with bytes of the file: none of it may go on.
        raise StoreRefused from None
