"""What the courier and the engine say to each other over a Unix socket: requests as flat maps, rows as framed Arrow batches.

Rows come as frames: a kind, a length, and one Arrow IPC stream of one batch. The end says how many batches there were, so that
a stream that was cut short is not a small table. Whoever reads believes nothing of it.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

BATCH, END, REFUSED = b"B", b"E", b"R"
FRAME_LIMIT = 256 << 20
ROWS_LIMIT = 1 << 20
"""Bytes and rows of one batch."""

_HEAD = struct.Struct(">cQ")
_COUNT = struct.Struct(">Q")
_RECORD_BATCH_COMPRESSION = 3
_MESSAGE_HEADER = 2


class StreamRefused(Exception):
    """Not a stream of the promised rows. The text is constant."""

    def __init__(self) -> None:
        super().__init__("the courier's stream is not what was promised")


def write_batch(sink: BinaryIO, batch: pa.RecordBatch) -> None:
    """Send one batch."""
    held = pa.BufferOutputStream()
    with pa.ipc.new_stream(held, batch.schema) as stream:
        stream.write_batch(batch)
    write_frame(sink, BATCH, memoryview(held.getvalue()))


def write_end(sink: BinaryIO, batches: int) -> None:
    """Say that all batches were sent."""
    write_frame(sink, END, memoryview(_COUNT.pack(batches)))


def write_frame(sink: BinaryIO, kind: bytes, content: memoryview) -> None:
    """Send one frame."""
    sink.write(_HEAD.pack(kind, content.nbytes))
    sink.write(content)
    sink.flush()


def read_batches(source: BinaryIO, schema_fits: "SchemaFits") -> Iterator[pa.RecordBatch]:
    """The batches of a stream, each checked to the last offset.

    Raises:
        StreamRefused: anything but batches of that schema and an end that counts them.
        SourceRefused: the courier says that it cannot bring them.
    """
    batches = 0
    while True:
        kind, content = _frame(source)
        if kind == END:
            if len(content) != _COUNT.size or _COUNT.unpack(content) != (batches,):
                raise StreamRefused
            return
        if kind == REFUSED:
            raise SourceRefused(content[:1024].decode("ascii", "replace"))
        yield _batch(content, schema_fits)
        batches += 1


class SourceRefused(Exception):
    """The courier could not read what was asked for. `code` is one of its few words, and not to be believed."""

    def __init__(self, code: str) -> None:
        super().__init__("the courier refused")
        self.code = code


class SchemaFits:
    """Which schema a stream must have: these columns, of plain types, without metadata."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def __call__(self, schema: pa.Schema) -> bool:
        plain = all(_is_plain(field.type) and not field.metadata for field in schema)
        return schema.names == self.names and not schema.metadata and plain


def _frame(source: BinaryIO) -> tuple[bytes, bytes]:
    head = _exactly(source, _HEAD.size)
    kind, length = _HEAD.unpack(head)
    if kind not in (BATCH, END, REFUSED) or length > FRAME_LIMIT:
        raise StreamRefused
    return kind, _exactly(source, length)


def _exactly(source: BinaryIO, count: int) -> bytes:
    try:
        found = source.read(count)
    except OSError:
        raise StreamRefused from None
    if found is None or len(found) != count:
        raise StreamRefused
    return found


def _batch(content: bytes, schema_fits: SchemaFits) -> pa.RecordBatch:
    try:
        messages = pa.ipc.MessageReader.open_stream(content)
        first, second = messages.read_next_message(), messages.read_next_message()
        if (first.type, second.type) != ("schema", "record batch") or _is_compressed(second.metadata.to_pybytes()):
            raise StreamRefused
        schema = pa.ipc.read_schema(first)
        if not schema_fits(schema):
            raise StreamRefused
        batch = pa.ipc.read_record_batch(second, schema)
        if batch.num_rows > ROWS_LIMIT:
            raise StreamRefused
        batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, TypeError, StopIteration, EOFError, struct.error, IndexError):
        raise StreamRefused from None
    return batch


def _is_compressed(metadata: bytes) -> bool:
    """Whether a record batch's flatbuffer asks for decompression, which would let few bytes become many (Arrow's Message.fbs:
    the header is field 2 of a message, the compression field 3 of a record batch)."""
    start = _field(metadata, struct.unpack_from("<I", metadata)[0], _MESSAGE_HEADER)
    if start is None:
        raise StreamRefused
    header = start + struct.unpack_from("<I", metadata, start)[0]
    return _field(metadata, header, _RECORD_BATCH_COMPRESSION) is not None


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table is, None where it is not set."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    if not 0 <= vtable < len(metadata):
        raise StreamRefused
    place = 4 + 2 * number
    if place + 2 > struct.unpack_from("<H", metadata, vtable)[0]:
        return None
    offset = struct.unpack_from("<H", metadata, vtable + place)[0]
    return table + offset if offset else None


def _is_plain(type_: pa.DataType) -> bool:
    return not isinstance(type_, pa.BaseExtensionType) and any(
        test(type_)
        for test in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_boolean,
            pa.types.is_date,
            pa.types.is_timestamp,
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_null,
        )
    )
