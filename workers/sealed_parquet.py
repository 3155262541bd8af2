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
from workers.store_refused import StoreRefused

SUITE = "parquet-aes256gcm/1"
DEK_BYTES = 32
ROW_GROUP = 131_072
"""Rows that a scan holds at a time."""

_LEVEL = 1
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


def write_sealed(path: Path, dek: bytes, aad: bytes, table: pa.Table, dictionary: Sequence[str]) -> str:
    """Write a new file and sync it; plaintext never reaches the disk. `dictionary` names dictionary-encoded columns.

    Returns the digest of its footer.
    """
    properties = pe.create_encryption_properties(
        dek, aad_prefix=aad, store_aad_prefix=False, encryption_algorithm="AES_GCM_V1", plaintext_footer=False
    )
    with os.fdopen(durable.create(path), "wb") as sink:
        with pq.ParquetWriter(
            sink,
            table.schema,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=list(dictionary),
            write_statistics=False,  # nothing prunes by them
            store_schema=False,
            encryption_properties=properties,
        ) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP)
        sink.flush()
        os.fsync(sink.fileno())
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


def read_sealed(file: SealedFile, read: Callable[[pq.ParquetFile], Result], text: Sequence[str] = ()) -> Result:
    """Open a file, check that it is the one meant, and `read` from it; `text` columns come dictionary-encoded.

    Raises:
        StoreRefused: whatever is wrong with the file.
    """
    with _refusing(), _opened(file, text) as parquet:
        return read(parquet)


def row_groups(file: SealedFile, columns: Sequence[str], rows: int, text: Sequence[str] = ()) -> Iterator[pa.Table]:
    """The named columns of a file of `rows` rows, ROW_GROUP of them at a time.

    Raises:
        StoreRefused: whatever is wrong with the file.
    """
    with _refusing(), _opened(file, text) as parquet:
        if parquet.metadata.num_rows != rows:
            raise StoreRefused
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number, list(columns), use_threads=False)
            if table.num_rows > ROW_GROUP or set(table.column_names) != set(columns):
                raise StoreRefused
            yield table
            del table


@contextmanager
def _opened(file: SealedFile, text: Sequence[str]) -> Iterator[pq.ParquetFile]:
    with os.fdopen(durable.open_regular(Path(file.path)), "rb") as source:
        if not hmac.compare_digest(footer_digest(source), file.footer):
            raise StoreRefused
        properties = pe.create_decryption_properties(
            file.dek, aad_prefix=file.aad, check_footer_integrity=True, allow_plaintext_files=False
        )
        with pq.ParquetFile(
            source, decryption_properties=properties, read_dictionary=list(text), pre_buffer=False
        ) as parquet:
            yield parquet


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError):
        # Arrow says what it found, sometimes with bytes of the file: none of it may go on.
        raise StoreRefused from None
