"""Parquet from outside: flat columns of plain types, read in small batches, its metadata left behind.

What a file declares of its sizes is not believed: strings stay dictionary-encoded while read, so that a small file
cannot unfold one long value a million times, and every batch is measured.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.terms.dataset import Type
from workers.column_match import match_columns
from workers.unusable import Place

BATCH_ROWS = 131_072
BATCH_BYTES_LIMIT = 1 << 30
_THRIFT_STRINGS = 16 << 20
_THRIFT_ITEMS = 1 << 20
_PLAIN = "flat columns of plain types: integers, numbers, text, truth values, dates and times"


def parquet_batches(
    file: BinaryIO, place: Place, wanted: Mapping[str, Type], rows_max: int
) -> Iterator[pa.RecordBatch]:
    """The wanted columns of a Parquet file, batch by batch, with their stored types (int for INT is not checked here)."""
    try:
        with pq.ParquetFile(
            file,
            thrift_string_size_limit=_THRIFT_STRINGS,
            thrift_container_size_limit=_THRIFT_ITEMS,
            schema_depth_limit=8,
            arrow_extensions_enabled=False,
            pre_buffer=False,
        ) as parquet:
            schema = parquet.schema_arrow
            names = _flat_names(parquet, schema, place)
            positions = match_columns(names, wanted, place)
            for name, at in positions.items():
                if not _is_plain(schema.field(at).type):
                    raise Place(place.file, name).refusal("integers, numbers, text, truth values, dates or times")
            if parquet.metadata.num_rows > rows_max:
                raise place.refusal(f"at most {rows_max} rows, as rows_max declares")
        file.seek(0)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        raise place.refusal(f"an unencrypted Parquet file with {_PLAIN}") from None
    yield from _batches(file, place, {name: names[at] for name, at in positions.items()}, schema)


def _batches(file: BinaryIO, place: Place, columns: Mapping[str, str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    text = [name for name in columns.values() if _is_text(schema.field(name).type)]
    try:
        with pq.ParquetFile(
            file,
            read_dictionary=text,
            thrift_string_size_limit=_THRIFT_STRINGS,
            thrift_container_size_limit=_THRIFT_ITEMS,
            arrow_extensions_enabled=False,
            pre_buffer=False,
        ) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns.values())):
                if batch.nbytes > BATCH_BYTES_LIMIT:
                    raise place.refusal("shorter values: the file unfolds to more than the enclave holds at once")
                # Only arrays go on: field and file metadata may hold anything.
                yield pa.RecordBatch.from_arrays([batch.column(name) for name in columns.values()], names=list(columns))
    except (pa.ArrowException, OSError, ValueError, KeyError):
        raise place.refusal("a Parquet file whose pages can all be read") from None


def _flat_names(parquet: pq.ParquetFile, schema: pa.Schema, place: Place) -> list[str]:
    for field in schema:
        metadata = field.metadata or {}
        if pa.types.is_nested(field.type) or isinstance(field.type, pa.BaseExtensionType):
            raise place.refusal(_PLAIN)
        if any(key.lower().startswith(b"arrow:extension") for key in metadata):
            raise place.refusal(_PLAIN)
    names = [str(name) for name in schema.names]
    if len(parquet.schema) != len(names) or len(set(names)) != len(names):
        raise place.refusal(f"{_PLAIN}, each name once")
    return names


def _is_plain(type_: pa.DataType) -> bool:
    kind = type_.value_type if pa.types.is_dictionary(type_) else type_
    return _is_text(kind) or any(
        test(kind)
        for test in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_boolean,
            pa.types.is_date,
            pa.types.is_timestamp,
            pa.types.is_null,
        )
    )


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
