"""The steward's files: what is read, what is refused, and that a refusal never repeats a value."""

import os
import socket

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_world import World, csv_bytes, parquet_bytes

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers import parquet_source, texts
from workers.source import read_batches

WANTED = {"id": Type.STRING, "n": Type.INT, "x": Type.FLOAT, "ok": Type.BOOL, "d": Type.DATE, "t": Type.TIMESTAMP}
HEAD = "id,n,x,ok,d,t\n"
ROW = "a,1,2.5,true,2024-01-31,2024-01-31T12:30:00\n"
CANARY = "zqcanaryqz"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def read(world, name, wanted=WANTED, rows_max=1000):
    return [row for batch in read_batches(world.inbox, name, wanted, rows_max) for row in batch.to_pylist()]


def refusal(world, name, wanted=WANTED, rows_max=1000):
    with pytest.raises(FileNotUsable) as caught:
        read(world, name, wanted, rows_max)
    assert CANARY not in str(caught.value.problem())
    assert caught.value.__cause__ is None
    return caught.value


def test_csv_cells_are_read_by_their_described_type(world):
    world.put("f.csv", HEAD + ROW)
    (row,) = read(world, "f.csv")
    assert (row["id"], row["n"], row["x"], row["ok"]) == ("a", 1, 2.5, True)
    assert (row["d"].isoformat(), row["t"].isoformat()) == ("2024-01-31", "2024-01-31T12:30:00")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEAD + ROW,
        HEAD.replace("\n", "\r\n") + ROW.replace("\n", "\r\n"),
        HEAD + ROW.rstrip("\n"),
        '"ID"," n ",X,Ok,D,T\n' + ROW,
        "extra," + HEAD + "anything," + ROW,
        "t,d,ok,x,n,id\n2024-01-31 12:30,2024-01-31,TRUE,25e-1,+01,a\n",
        HEAD + "a,1,2.5,true,2024-01-31,2024-01-31T20:30:00+08:00\n",
        HEAD + "a,1,2.5,true,2024-01-31,2024-01-31T12:30:00Z\n",
    ],
)
def test_spellings_of_one_csv_file(world, text):
    world.put("f.csv", HEAD + ROW)
    world.put("g.csv", text)
    assert read(world, "g.csv") == read(world, "f.csv")


def test_integers_keep_every_digit_and_their_sign(world):
    cells = ["0", "-0", "+5", "-7", "007", str(2**63 - 1), str(-(2**63)), "+" + str(2**53 + 1)]
    world.put("f.csv", "n\n" + "\n".join(cells) + "\n")
    assert [row["n"] for row in read(world, "f.csv", {"n": Type.INT})] == [int(cell) for cell in cells]
    world.put("f.csv", "n\n1\n" + "9" * 30 + "\n")
    assert [row["n"] for row in read(world, "f.csv", {"n": Type.INT})] == [1, 1e30]  # the column's bounds decide


def test_empty_cells_are_null_and_quoted_line_breaks_stay(world):
    world.put("f.csv", HEAD + ',,,,,\n"",1,,,,\n"a\nb",1,,,,\n"q""q,",1,,,,\n')
    rows = read(world, "f.csv")
    assert set(rows[0].values()) == {None}
    assert [row["id"] for row in rows] == [None, None, "a\nb", 'q"q,']


def test_a_quote_that_nobody_closes_never_swallows_rows(world):
    columns = {"id": Type.STRING, "word": Type.STRING}
    world.put("f.csv", 'id,word\na,x\nb,"y\nc,z\nd,z\n')
    assert "closed" in refusal(world, "f.csv", columns).detail
    world.put("f.csv", 'id,word\na,x\nb,"y ""z"""\nc,"z\n"\n')
    assert [row["word"] for row in read(world, "f.csv", columns)] == ["x", 'y "z"', "z\n"]


def test_a_header_alone_is_an_empty_table(world):
    world.put("f.csv", HEAD)
    assert read(world, "f.csv") == []


@pytest.mark.parametrize(
    ("text", "column", "row"),
    [
        ("", None, None),
        ("id,n,x,ok,d,t", None, None),
        ("\n", None, None),
        ('"id\n', None, None),
        (b"\xff\xfe" + HEAD.encode("utf-16-le"), None, None),
        ("id,n,x,ok,d\n", "t", None),
        ("id,n,x,ok,d,t,ID\n", "id", None),
        (HEAD + "a,1\n", None, 1),
        (HEAD + ROW + ROW + "a,1,2,true,2024-01-31,2024-01-31T00:00:00," + CANARY + "\n", None, 3),
        (HEAD + ROW + f"a,{CANARY},,,,\n", "n", 2),
        (HEAD + ROW + ROW + "a,1.x,,,,\n" + ROW, "n", 3),
        *(
            (HEAD + ROW + f"a,{cell},,,,\n", "n", 2)
            for cell in ("0x10", "1.5", "1.", "1e3", "nan", "inf", "١", " 1", "--1", "+")
        ),
        (HEAD + f"a,1,{CANARY},,,\n", "x", 1),
        (HEAD + 'a,1,"1,5",,,\n', "x", 1),
        (HEAD + "a,1,1,yes,,\n", "ok", 1),
        (HEAD + "a,1,1,1,,\n", "ok", 1),
        (HEAD + ROW + "a,1,1,true,31.01.2024,\n", "d", 2),
        (HEAD + "a,1,1,true,2024-02-30,\n", "d", 1),
        (HEAD + "a,1,1,true,2024-01-31T00:00:00,\n", "d", 1),
        (HEAD + f"a,1,1,true,2024-01-31,{CANARY}\n", "t", 1),
        (HEAD + "a,1,1,true,2024-01-31,2024-01-31T25:00:00\n", "t", 1),
        (HEAD + "a,1,1,true,2024-01-31,2024-01-31T00:00:00.1234567\n", "t", 1),
        (HEAD.encode() + b"\xff,1,1,true,2024-01-31,\n", None, None),
        (HEAD.replace(",", ";") + ROW, "id", None),
        (HEAD + ROW + ROW.replace("a", '"a', 1) + ROW + ROW, None, None),
        (HEAD + ROW + '"a,1,1,true,2024-01-31,2024-01-31T00:00:00\n', None, None),
    ],
)
def test_csv_files_that_do_not_fit_are_refused_by_place(world, text, column, row):
    world.put("f.csv", text)
    facts = refusal(world, "f.csv").facts
    assert (facts["file"], facts["column"], facts["row"]) == ("f.csv", column, row)


def test_the_first_bad_row_is_named_wherever_it_is(world):
    for bad in (1, 2, 777, 5000):
        cells = [f"u,{CANARY if row == bad else row}\n" for row in range(1, 5001)]
        world.put("f.csv", "id,n\n" + "".join(cells))
        found = refusal(world, "f.csv", {"id": Type.STRING, "n": Type.INT}, rows_max=10_000)
        assert found.facts["row"] == bad


def test_more_rows_than_declared_are_refused(world):
    world.put("f.csv", HEAD + ROW * 11)
    world.put("f.parquet", parquet_bytes(pa.table({"id": ["a"] * 11})))
    assert len(read(world, "f.csv", rows_max=11)) == 11
    refusal(world, "f.csv", rows_max=10)
    assert len(read(world, "f.parquet", {"id": Type.STRING}, rows_max=11)) == 11
    found = refusal(world, "f.parquet", {"id": Type.STRING}, rows_max=10)
    assert "10 rows" in found.detail
    assert "11" not in found.detail


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../f.csv", "a/f.csv", "/etc/passwd", ".f.csv", "f\0.csv", "f\n.csv", "-f.csv", "x" * 129]
)
def test_only_bare_names_are_looked_for(world, name):
    assert refusal(world, name).facts["file"] == "the file"


@pytest.mark.parametrize("name", ["f.txt", "f", "f.parquet.gz", "missing.csv", "missing.parquet"])
def test_unknown_forms_and_missing_files_are_refused(world, name):
    world.put("f.txt", HEAD + ROW)
    refusal(world, name)


def test_links_pipes_sockets_and_folders_are_refused(world, monkeypatch):
    outside = world.home / "secret.csv"
    outside.write_text(HEAD + ROW)
    (world.inbox / "link.csv").symlink_to(outside)
    os.mkfifo(world.inbox / "pipe.csv")
    (world.inbox / "folder.csv").mkdir()
    monkeypatch.chdir(world.inbox)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.csv")
        for name in ("link.csv", "pipe.csv", "folder.csv", "socket.csv"):
            refusal(world, name)
    assert outside.read_text() == HEAD + ROW  # control: it is there to be read


def test_csv_and_parquet_of_one_table_read_alike(world):
    table = pa.table({"id": ["a", None, "é"], "n": [1, None, 3], "x": [0.5, None, 1e10]})
    wanted = {"id": Type.STRING, "n": Type.INT, "x": Type.FLOAT}
    world.put("f.csv", csv_bytes(table))
    world.put("f.parquet", parquet_bytes(table))
    assert read(world, "f.csv", wanted) == read(world, "f.parquet", wanted) == table.to_pylist()


ID = {"id": Type.STRING}


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"id": [["a"]]}),
        pa.table({"id": [{"a": 1}]}),
        pa.table({"id": ["a"], "nested": [[1]]}),
        pa.table({"id": ["a"], "nested": [{"a": 1}]}),
        pa.table({"id": ["a"], "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}),
        pa.table({"id": ["a"], "uuid": pa.array([b"x" * 16], pa.uuid())}),
        pa.table({"id": ["a"], "json": pa.array(["{}"], pa.json_())}),
        pa.table({"id": pa.array([b"a"], pa.binary())}),
        pa.table({"id": pa.array([b"a"], pa.binary(1))}),
        pa.table({"id": pa.array([1], pa.time64("us"))}),
        pa.table({"other": ["a"]}),
        pa.table({"id": ["a"], "ID": ["a"]}),
    ],
)
def test_parquet_with_anything_but_flat_plain_columns_is_refused(world, table):
    world.put("f.parquet", parquet_bytes(table))
    refusal(world, "f.parquet", ID)


def test_extension_metadata_of_an_unknown_type_is_refused(world):
    field = pa.field(
        "id", pa.string(), metadata={"ARROW:extension:name": "ray.evil", "ARROW:extension:metadata": "pickle"}
    )
    world.put("f.parquet", parquet_bytes(pa.table([pa.array(["a"])], schema=pa.schema([field]))))
    refusal(world, "f.parquet", ID)


def test_metadata_stays_outside(world):
    schema = pa.schema([pa.field("id", pa.string(), metadata={"k": CANARY})], metadata={"pandas": CANARY})
    world.put("f.parquet", parquet_bytes(pa.table([pa.array(["a"])], schema=schema)))
    assert CANARY.encode() in (world.inbox / "f.parquet").read_bytes()
    for batch in read_batches(world.inbox, "f.parquet", ID, 10):
        assert batch.schema.metadata is None
        assert all(field.metadata is None for field in batch.schema)


def test_damaged_parquet_files_are_refused_or_read_without_a_library_word(world):
    good = parquet_bytes(pa.table({"id": [CANARY] * 500, "n": list(range(500))}))
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(200):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 3):
            bad[at] ^= int(rng.integers(1, 256))
        world.put("f.parquet", bytes(bad))
        try:
            read(world, "f.parquet", {"id": Type.STRING, "n": Type.INT})
        except FileNotUsable as no:
            refused += 1
            assert no.__cause__ is None
            assert CANARY not in str(no.problem())
        except UnicodeDecodeError:
            pass  # of this test's to_pylist: ingest checks UTF-8 later
    assert refused > 50
    for bad in (b"", b"PAR1", good[:-4], good[: len(good) // 2], b"PARE" * 10):
        world.put("f.parquet", bad)
        refusal(world, "f.parquet", ID)


def test_a_parquet_bomb_stays_small_while_it_is_read(world):
    value = "x" * 100_000
    bomb = pa.table({"id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), pa.array([value]))})
    sink = world.inbox / "f.parquet"
    pq.write_table(bomb, sink, compression="zstd")
    assert sink.stat().st_size < 20_000  # 5 GB of text
    before = pa.total_allocated_bytes()
    pool = pa.default_memory_pool()
    rows = sum(batch.num_rows for batch in read_batches(world.inbox, "f.parquet", ID, 50_000))
    assert rows == 50_000
    assert pool.bytes_allocated() - before < 50_000_000


def test_batches_and_cells_beyond_the_limits_are_refused(world, monkeypatch):
    world.put("f.parquet", parquet_bytes(pa.table({"id": ["x" * 1000, "y" * 1000]})))
    assert len(read(world, "f.parquet", ID)) == 2
    monkeypatch.setattr(parquet_source, "BATCH_BYTES_LIMIT", 1500)
    refusal(world, "f.parquet", ID)
    assert texts.CELL_BYTES_LIMIT == 1 << 20


def test_too_many_columns_are_refused(world):
    world.put("f.csv", ",".join(["id", *(f"c{n}" for n in range(5000))]) + "\n")
    refusal(world, "f.csv", ID)


def test_integers_written_with_a_zero_fraction_are_integers(world):
    """What a data frame writes for an integer column with gaps."""
    world.put("f.csv", "n,rest\n1.0,a\n,b\n-2.00,c\n+3,d\n")
    assert [row["n"] for row in read(world, "f.csv", {"n": Type.INT})] == [1, None, -2, 3]
