"""One segment of a bucket: a sorted run of units and their rows, as one load wrote it, read a row group at a time."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from workers.bucket_key import SegmentKey
from workers.schema import Encoding, StoredColumn
from workers.sealed_parquet import row_groups
from workers.store_refused import StoreRefused

TOKEN_COLUMNS = ("token_high", "token_low")
RUN_COLUMN = "n"


def segment_units(key: SegmentKey) -> Iterator[pa.Table]:
    """Tokens and numbers of rows of the segment's units, ROW_GROUP of them at a time.

    Raises:
        StoreRefused: the file is not the one the manifest names, or was changed.
    """
    return row_groups(key.units, [*TOKEN_COLUMNS, RUN_COLUMN], None)


def segment_rows(
    key: SegmentKey, columns: Sequence[StoredColumn], rows: int | None, *, narrow: bool = False
) -> Iterator[pa.Table]:
    """The `columns`, at least one, of the segment's rows, a row group at a time; text is dictionary-encoded. `rows` is how
    many there must be, where that is known; `narrow` leaves packed numbers as they are.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed, or has another number of rows.
    """
    groups: dict[str, list[StoredColumn]] = {}
    for column in columns:
        groups.setdefault(column.group, []).append(column)
    readers = [_group(key, kind, named, rows, narrow=narrow) for kind, named in groups.items()]
    if len(readers) == 1:
        yield from readers[0]
        return
    while True:
        tables = [next(reader, None) for reader in readers]
        read = [table for table in tables if table is not None]
        if not read:
            return
        if len({table.num_rows for table in read}) != 1 or len(read) != len(tables):
            raise StoreRefused
        found = {field.name: (field, table.column(field.name)) for table in read for field in table.schema}
        fields, arrays = zip(*(found[column.name] for column in columns), strict=True)
        yield pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _group(
    key: SegmentKey, kind: str, columns: Sequence[StoredColumn], rows: int | None, *, narrow: bool
) -> Iterator[pa.Table]:
    file = key.rows.get(kind)
    if file is None:
        raise StoreRefused
    text = [column.name for column in columns if column.encoding is Encoding.TEXT]
    return row_groups(file, [column.name for column in columns], rows, text, narrow=narrow)


def plain_texts(table: pa.Table, columns: Sequence[StoredColumn]) -> pa.Table:
    """The rows with text as strings: parts of them go together."""
    return table.cast(plain_schema(columns))


def plain_schema(columns: Sequence[StoredColumn]) -> pa.Schema:
    """That of rows with text as strings."""
    return pa.schema([_field(column, _PLAIN[column.encoding]) for column in columns])


def coded_texts(table: pa.Table, columns: Sequence[StoredColumn]) -> pa.Table:
    """The rows with text as dictionaries again, of the texts that are there and no others."""
    arrays = [
        table.column(column.name).combine_chunks().dictionary_encode()
        if column.encoding is Encoding.TEXT
        else table.column(column.name)
        for column in columns
    ]
    fields = [_field(column, array.type) for column, array in zip(columns, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _field(column: StoredColumn, kind: pa.DataType) -> pa.Field:
    return pa.field(column.name, kind, nullable=column.encoding is not Encoding.CODES)


_PLAIN = {
    Encoding.CODES: pa.int32(),
    Encoding.TEXT: pa.string(),
    Encoding.INT64: pa.int64(),
    Encoding.FLOAT64: pa.float64(),
}
