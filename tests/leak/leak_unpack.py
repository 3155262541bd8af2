"""What is inside packed files: compression breaks up texts, so a sweep looks inside too."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

LIMIT = 256 << 20
"""Bytes that one file is unpacked to at most."""


def unpacked(content: bytes) -> Iterator[bytes]:
    """The contents of a plaintext Parquet file (as CSV), and of gzip, zlib, zstd and zip; nothing for all else."""
    try:
        if content[:4] == b"PAR1":
            yield _parquet(content)
        elif content[:2] == b"\x1f\x8b":
            yield gzip.GzipFile(fileobj=io.BytesIO(content)).read(LIMIT)
        elif content[:1] == b"\x78":
            yield zlib.decompressobj().decompress(content, LIMIT)
        elif content[:4] == b"\x28\xb5\x2f\xfd":
            yield pa.input_stream(io.BytesIO(content), compression="zstd").read(LIMIT)
        elif content[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    with archive.open(name) as file:
                        yield file.read(LIMIT)
    except (OSError, ValueError, zlib.error, zipfile.BadZipFile, pa.ArrowException, EOFError):
        return  # it only looked like one, or needs a key


def _parquet(content: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(content))
    out = io.BytesIO()
    pa_csv.write_csv(table, out)
    return out.getvalue()
