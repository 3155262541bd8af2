"""What comes from the courier is not believed: lying, bent and endless streams are refused before a value is used."""

import io
import random
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers.courier import frames
from workers.courier.frames import BATCH, SchemaFits, SourceRefused, StreamRefused, read_batches
from workers.courier_source import CourierLine, CourierSource

GOOD = pa.record_batch({"n": pa.array([1, 2, None]), "s": pa.array(["a", "é", None])})
FITS = SchemaFits(["n", "s"])


def stream(*batches: pa.RecordBatch, count: int | None = None) -> bytes:
    sink = io.BytesIO()
    for batch in batches:
        frames.write_batch(sink, batch)
    frames.write_end(sink, len(batches) if count is None else count)
    return sink.getvalue()


def framed(content: bytes) -> bytes:
    sink = io.BytesIO()
    frames.write_frame(sink, BATCH, memoryview(content))
    return sink.getvalue() + stream(count=1)


def ipc(batch: pa.RecordBatch, **options: object) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def read(content: bytes) -> list[dict]:
    return [row for batch in read_batches(io.BytesIO(content), FITS) for row in batch.to_pylist()]


def test_batches_arrive_as_they_were_sent() -> None:
    assert read(stream(GOOD, GOOD.slice(1))) == GOOD.to_pylist() + GOOD.slice(1).to_pylist()
    assert read(stream()) == []
    assert read(framed(ipc(GOOD))) == GOOD.to_pylist()  # the control of every case below


def with_metadata(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.replace_schema_metadata({"ARROW:extension:name": "ray.evil"})


def offsets_beyond(content: bytes) -> bytes:
    """Strings whose offsets point behind the values."""
    plain, bent = (
        b"".join(n.to_bytes(4, "little") for n in offsets) for offsets in ((0, 1, 3, 3), (0, 1, 2**31 - 1, 3))
    )
    assert plain in content
    return content.replace(plain, bent)


LIES = {
    "cut in a batch": stream(GOOD)[:50],
    "cut at a batch's end": stream(GOOD)[: -len(stream())],
    "no end": b"",
    "fewer batches than counted": stream(GOOD, count=2),
    "more batches than counted": stream(GOOD, GOOD, count=1),
    "another kind": b"X" + stream(GOOD)[1:],
    "a length without end": b"B" + b"\xff" * 8,
    "a column more": stream(GOOD.append_column("z", pa.array([1, 2, 3]))),
    "a column less": stream(GOOD.select(["n"])),
    "columns in another order": stream(GOOD.select(["s", "n"])),
    "another name": stream(GOOD.rename_columns(["n", "t"])),
    "a nested type": stream(GOOD.set_column(0, "n", pa.array([[1], [2], []]))),
    "bytes": stream(GOOD.set_column(1, "s", pa.array([b"a", b"b", b"c"]))),
    "an extension type": stream(GOOD.set_column(1, "s", pa.array([b"x" * 16] * 3, pa.uuid()))),
    "a dictionary": stream(GOOD.set_column(1, "s", GOOD.column(1).dictionary_encode())),
    "metadata": stream(with_metadata(GOOD)),
    "compressed": framed(ipc(GOOD, compression="zstd")),
    "strings beyond their values": offsets_beyond(stream(GOOD)),
    "no UTF-8": stream(
        GOOD.set_column(1, "s", pa.StringArray.from_buffers(3, pa.array(["a", "b", "c"]).buffers()[1], pa.py_buffer(b"\xff\xfe\xfd")))
    ),
    "a schema alone": framed(ipc(GOOD)[:200]),
    "no Arrow": framed(b"\x80\x04\x95pickle"),
    "nothing": framed(b""),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_stream_that_lies_is_refused(lie: str) -> None:
    with pytest.raises(StreamRefused) as refused:
        read(LIES[lie])
    assert refused.value.__cause__ is None


def test_bent_streams_are_refused_or_are_whole_batches() -> None:
    good, source, refused = stream(GOOD, GOOD), random.Random(5), 0
    for _ in range(500):
        bent = bytearray(good)
        for _ in range(3):
            bent[source.randrange(len(bent))] = source.randrange(256)
        try:
            rows = read(bytes(bent))
        except (StreamRefused, SourceRefused):
            refused += 1
        else:
            assert len(rows) == 6
    assert refused > 100


def test_too_many_rows_in_a_batch_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "ROWS_LIMIT", 2)
    with pytest.raises(StreamRefused):
        read(stream(GOOD))


def answered(folder: Path, content: bytes, rows_max: int = 10) -> list[dict]:
    """What a load reads where the courier answers with these bytes."""
    with ExitStack() as held, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "c"))
        listener.listen(1)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(content)

        talking = threading.Thread(target=answer)
        talking.start()
        try:
            source = CourierSource(CourierLine(folder / "c", "clinic", held), "w:t", "w", "t")
            found = source.batches({"n": Type.INT, "s": Type.STRING}, rows_max, lambda *_: None)
            return [row for _, batch in found for row in batch.to_pylist()]
        finally:
            talking.join()


def test_a_lie_reaches_the_steward_as_one_constant_refusal(tmp_path: Path) -> None:
    assert answered(tmp_path, stream(GOOD)) == GOOD.to_pylist()
    for lie, code in (("cut in a batch", b""), ("no Arrow", b""), ("", b"R" + bytes(7) + b"\x06canary")):
        with pytest.raises(FileNotUsable) as refused:
            answered(_fresh(tmp_path), LIES[lie] if lie else code)
        assert refused.value.detail == "w:t: expected a source that can be reached and read."


def test_more_rows_than_declared_are_refused_while_they_come(tmp_path: Path) -> None:
    with pytest.raises(FileNotUsable, match="at most 4 rows"):
        answered(tmp_path, stream(GOOD, GOOD), rows_max=4)


@pytest.mark.parametrize("code", ["cell canary 3", "cell n 3x", "cell n -1", "cell  ", "cell n 3\nmore", "source\n"])
def test_what_the_courier_says_of_a_cell_is_not_repeated(tmp_path: Path, code: str) -> None:
    content = b"R" + len(code).to_bytes(8, "big") + code.encode()
    with pytest.raises(FileNotUsable) as refused:
        answered(tmp_path, content)
    assert "canary" not in str(refused.value.problem())
    assert refused.value.facts["column"] is None


def _fresh(folder: Path) -> Path:
    (folder / "c").unlink(missing_ok=True)
    return folder
