"""A small dataset for crafted files, and the crafting: Parquet, CSV and other bytes that mean harm."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

DEPOT = """
[dataset]
name = "depot"
title = "What crafted files are loaded into"
steward = "health-bureau"
unit_space = "depot-people"
grade = "general"
budget = { epsilon = "50" }
[unit_spaces.depot-people]
accounting = "zcdp"
budget = { epsilon = "50", delta = "1e-6" }
[tables.items]
unit = "who"
rows_max = 9_000
max_rows_per_unit = 5
[tables.items.columns]
who = { type = "string", role = "unit" }
size = { type = "int", bounds = [0, 100] }
tag = { type = "string", max_length = 20 }
"""

GOOD = pa.table({"who": ["a", "b", "a"], "size": [1, 2, 3], "tag": ["x", "y", "z"]})
GOOD_CSV = b"who,size,tag\na,1,x\nb,2,y\n"


class Evil:
    """Un-pickled, it makes a folder: the sign that code ran."""

    def __init__(self, sign: Path) -> None:
        self.sign = str(sign)

    def __reduce__(self):
        return os.mkdir, (self.sign,)


def evil_pickle(sign: Path, protocol: int = 2) -> bytes:
    return pickle.dumps(Evil(sign), protocol=protocol)


def parquet(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def with_extension(name: str, payload: bytes) -> bytes:
    """A plain file whose one field says that it is of an extension type with `payload` to rebuild it from."""
    metadata = {"ARROW:extension:name": name, "ARROW:extension:metadata": payload}
    fields = [
        pa.field("who", pa.string(), metadata=metadata),
        pa.field("size", pa.int64()),
        pa.field("tag", pa.string()),
    ]
    return parquet(GOOD.cast(pa.schema(fields)))


def repeated(column: str, value: object, rows: int) -> bytes:
    """Few bytes on disk, very many in memory: one value, told once, meant `rows` times."""
    cells = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))
    plain = {name: GOOD[name].combine_chunks()[:1] for name in GOOD.column_names}
    columns = {
        name: cells
        if name == column
        else pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), plain[name])
        for name in GOOD.column_names
    }
    return parquet(pa.table(columns), compression="zstd")


def varint(number: int) -> bytes:
    """A Thrift integer: zigzag, seven bits a byte."""
    number <<= 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def lying_rows(real: int, told: int) -> bytes:
    """A file of `real` rows whose footer says `told` everywhere."""
    content = parquet(pa.table({"who": ["a"] * real, "size": [1] * real, "tag": ["x"] * real}), compression="none")
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    before, after = varint(real), varint(told)
    assert len(before) == len(after) and before in content[footer:]
    return content[:footer] + content[footer:].replace(before, after)


def lying_statistics() -> bytes:
    """Statistics that promise sizes of at most 7 where one is 1,000,000."""
    content = parquet(pa.table({"who": ["a", "b"], "size": [3, 10**6], "tag": ["x", "y"]}), compression="none")
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    true, told = (10**6).to_bytes(8, "little"), (7).to_bytes(8, "little")
    assert true in content[footer:]
    return content[:footer] + content[footer:].replace(true, told)


def encrypted() -> bytes:
    sink = io.BytesIO()
    with pq.ParquetWriter(
        sink, GOOD.schema, encryption_properties=pe.create_encryption_properties(b"k" * 32)
    ) as writer:
        writer.write_table(GOOD)
    return sink.getvalue()


def footer_of(content: bytes, length: int) -> bytes:
    """The same file with another length of its footer."""
    return content[:-8] + struct.pack("<I", length) + content[-4:]


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../items.csv", GOOD_CSV)
    return sink.getvalue()


def tarred() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("/items.csv")
        member.size = len(GOOD_CSV)
        archive.addfile(member, io.BytesIO(GOOD_CSV))
    return sink.getvalue()


def gzipped(content: bytes = GOOD_CSV) -> bytes:
    return gzip.compress(content)
