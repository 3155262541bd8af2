"""S10 (and S2): Parquet and CSV that are bombs, lies, or code, loaded as a steward would load them into a live enclave.

Each is refused as a file, in words that repeat nothing of it, nothing is stored, and the engine neither dies nor swells.
The control: a plain reader takes the same bytes and does what the attacker hoped for.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import depot
import psutil
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from sandbox.testing import Enclave
from workers.parquet_source import parquet_batches
from workers.unusable import Place

SWELLING = 400 << 20
"""Bytes that no attack here may add to the engine's peak: far below what each unfolds to."""


@dataclass(frozen=True)
class Crafted:
    """`content` of a file of that suffix; `falls` says whether a plain reader falls for it."""

    suffix: str
    content: Callable[[], bytes]
    falls: Callable[[bytes], bool]


def rows_read(content: bytes) -> int:
    return pq.read_table(io.BytesIO(content)).num_rows


def csv_rows(content: bytes) -> int:
    return len(list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape")))))


def big(rows: int = 20_000) -> pa.Table:
    return pa.table({"who": ["a"] * rows, "size": [1] * rows, "tag": ["x"] * rows})


def nested(depth: int) -> bytes:
    kind = pa.int64()
    for _ in range(depth):
        kind = pa.list_(kind)
    return depot.parquet(depot.GOOD.append_column("deep", pa.nulls(3, kind)))


LONG = "x" * (2 << 20)
CRAFTED = {
    "nested 30 deep": Crafted(".parquet", lambda: nested(30), lambda content: rows_read(content) == 3),
    "nested once, in a column nobody asked for": Crafted(".parquet", lambda: nested(1), lambda c: rows_read(c) == 3),
    "an encrypted file": Crafted(
        ".parquet", depot.encrypted, lambda content: content[-4:] == b"PARE"
    ),
    "more rows than declared": Crafted(".parquet", lambda: depot.parquet(big()), lambda c: rows_read(c) == 20_000),
    "twenty million rows in a few bytes": Crafted(
        ".parquet", lambda: depot.repeated("size", 1, 20_000_000), lambda c: pq.ParquetFile(io.BytesIO(c)).metadata.num_rows > 10**7
    ),
    "a cell of two megabytes": Crafted(
        ".parquet", lambda: depot.repeated("tag", LONG, 10), lambda c: len(pq.read_table(io.BytesIO(c))["tag"][0].as_py()) > 2**20
    ),
    "an identifier of two megabytes": Crafted(
        ".parquet", lambda: depot.repeated("who", LONG, 10), lambda c: len(pq.read_table(io.BytesIO(c))["who"][0].as_py()) > 2**20
    ),
    "five thousand columns": Crafted(
        ".parquet", lambda: depot.parquet(pa.table({"who": ["a"], "size": [1], "tag": ["x"]} | {f"c{n}": [1] for n in range(5_000)})),
        lambda c: pq.read_table(io.BytesIO(c)).num_columns > 5_000,
    ),
    "one name in two cases": Crafted(
        ".parquet", lambda: depot.parquet(depot.GOOD.append_column("SIZE", pa.array([9, 9, 9]))),
        lambda c: "SIZE" in pq.read_table(io.BytesIO(c)).column_names,
    ),
    "text where a number was described": Crafted(
        ".parquet", lambda: depot.parquet(depot.GOOD.set_column(1, "size", pa.array(["1", "2", "3"]))), lambda c: rows_read(c) == 3
    ),
    "bytes that are no text": Crafted(
        ".parquet", lambda: depot.parquet(depot.GOOD.set_column(2, "tag", pa.array([b"\xff\xfe"] * 3))), lambda c: rows_read(c) == 3
    ),
    "a time of day": Crafted(
        ".parquet", lambda: depot.parquet(depot.GOOD.set_column(1, "size", pa.array([1, 2, 3], pa.time64("us")))), lambda c: rows_read(c) == 3
    ),
    "an identifier that is missing": Crafted(
        ".parquet", lambda: depot.parquet(depot.GOOD.set_column(0, "who", pa.array(["a", None, "b"]))), lambda c: rows_read(c) == 3
    ),
    "CSV named Parquet": Crafted(".parquet", lambda: depot.GOOD_CSV, lambda c: csv_rows(c) == 3),
    "a quote that nobody closes": Crafted(
        ".csv", lambda: depot.GOOD_CSV + b'c,3,"z\nd,4,secret row\n', lambda c: pa_csv.read_csv(io.BytesIO(c), parse_options=pa_csv.ParseOptions(newlines_in_values=True)).num_rows == 3
    ),
    "a header of two megabytes": Crafted(".csv", lambda: b"who,size,tag," + b"c" * (2 << 20) + b"\na,1,x,y\n", lambda c: pa_csv.read_csv(io.BytesIO(c), pa_csv.ReadOptions(block_size=8 << 20)).num_rows == 1),
    "a CSV of five thousand columns": Crafted(
        ".csv", lambda: b"who,size,tag," + b",".join(b"c%d" % n for n in range(5_000)) + b"\na,1,x" + b",0" * 5_000 + b"\n", lambda c: csv_rows(c) == 2
    ),
    "a CSV cell of two megabytes": Crafted(".csv", lambda: depot.GOOD_CSV + b"c,3," + b"x" * (2 << 20) + b"\n", lambda c: pa_csv.read_csv(io.BytesIO(c), pa_csv.ReadOptions(block_size=8 << 20)).num_rows == 3),
    "a CSV of too many rows": Crafted(".csv", lambda: depot.GOOD_CSV + b"a,1,x\n" * 20_000, lambda c: csv_rows(c) > 20_000),
    "one name twice": Crafted(".csv", lambda: b"who,size,tag,who\na,1,x,b\n", lambda c: csv_rows(c) == 2),
    "UTF-16": Crafted(".csv", lambda: depot.GOOD_CSV.decode().encode("utf-16"), lambda c: c.decode("utf-16").count("\n") == 3),
    "a number in hexadecimal": Crafted(".csv", lambda: b"who,size,tag\na,0x10,x\n", lambda c: pa.compute.cast(pa.array(["0x10"]), pa.int64())[0].as_py() == 16),
    "a number of Arabic digits": Crafted(".csv", "who,size,tag\na,٤٢,x\n".encode, lambda c: int("٤٢") == 42),
    "a number with underscores": Crafted(".csv", lambda: b"who,size,tag\na,1_0,x\n", lambda c: int("1_0") == 10),
    "a formula for a number": Crafted(".csv", lambda: b"who,size,tag\na,=1+1,x\n", lambda c: csv_rows(c) == 2),
    "rows of another length": Crafted(".csv", lambda: depot.GOOD_CSV + b"c,3\n", lambda c: csv_rows(c) == 4),
    "Parquet named CSV": Crafted(".csv", lambda: depot.parquet(depot.GOOD), lambda c: rows_read(c) == 3),
}  # fmt: skip

EXTENSIONS = {
    "pyarrow's own pickled type (CVE-2023-47248)": "arrow.py_extension_type",
    "Ray's tensor type (GHSA-mw35-8rx3-xf9r)": "ray.data.arrow_tensor",
    "Ray's tensor type, second form": "ray.data.arrow_tensor_v2",
    "Ray's variable tensor": "ray.data.arrow_variable_shaped_tensor",
    "Ray's object type": "ray.data.arrow_pickled_object",
    "a name nobody knows": "x.unknown",
}


@pytest.fixture(scope="module")
def depot_enclave(enclave: Enclave, tmp_path_factory: pytest.TempPathFactory) -> Enclave:
    path = tmp_path_factory.mktemp("depot") / "items.csv"
    path.write_bytes(depot.GOOD_CSV)
    enclave.load(depot.DEPOT, {"items": path})
    return enclave


@pytest.fixture(autouse=True)
def unharmed(depot_enclave: Enclave) -> Iterator[None]:
    """Nothing is stored, and the engine is the same process, not swollen."""
    steward = depot_enclave.steward_of("health-bureau")
    before, engine = steward.dataset("depot")["version"], engine_of(depot_enclave)
    peak = high_water(engine)
    yield
    assert steward.dataset("depot")["version"] == before
    assert engine_of(depot_enclave).pid == engine.pid
    assert high_water(engine) - peak < SWELLING


def engine_of(enclave: Enclave) -> psutil.Process:
    children = psutil.Process(enclave.process.pid).children()
    return next(child for child in children if "workers.engine" in child.cmdline())


def high_water(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10


def refusal(enclave: Enclave, path: Path) -> FileNotUsable:
    with pytest.raises(FileNotUsable) as refused:
        enclave.reload("depot", {"items": path})
    return refused.value


@pytest.mark.parametrize("crafted", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_file_is_refused(depot_enclave: Enclave, tmp_path: Path, crafted: Crafted) -> None:
    path = tmp_path / f"items{crafted.suffix}"
    path.write_bytes(crafted.content())
    said = refusal(depot_enclave, path).problem()
    assert not any(word in str(said) for word in ("secret row", "Arrow", "Traceback", str(tmp_path)))
    assert crafted.falls(path.read_bytes())


@pytest.mark.parametrize("name", EXTENSIONS.values(), ids=EXTENSIONS)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_the_metadata_is_refused_and_never_runs(
    depot_enclave: Enclave, tmp_path: Path, name: str, protocol: int
) -> None:
    """S2: the file's own metadata says how to rebuild its type; old pyarrow and Ray Data un-pickled it."""
    import pickle

    sign, path = tmp_path / "code-ran", tmp_path / "items.parquet"
    path.write_bytes(depot.with_extension(name, depot.evil_pickle(sign, protocol)))
    refusal(depot_enclave, path)
    assert not sign.exists()
    # The control: the metadata as those readers took it runs.
    field = pq.ParquetFile(path).schema_arrow.field("who")
    pickle.loads(field.metadata[b"ARROW:extension:metadata"])
    assert sign.is_dir()


def test_a_bomb_within_the_declared_rows_stays_small(depot_enclave: Enclave, tmp_path: Path) -> None:
    """9,000 rows of one megabyte of text each: too long for the column, so NULL, and never unfolded."""
    path = tmp_path / "items.parquet"
    path.write_bytes(depot.repeated("tag", "x" * 1_000_000, 9_000))
    assert path.stat().st_size < 100_000
    before = high_water(engine_of(depot_enclave))
    with path.open("rb") as file:
        batches = list(parquet_batches(file, Place("f"), {"tag": Type.STRING}, 9_000))
    assert sum(batch.nbytes for batch in batches) < 10_000_000
    assert high_water(engine_of(depot_enclave)) - before < SWELLING
    # The control: a plain reader of a hundredth of it unfolds ninety megabytes.
    small = depot.repeated("tag", "x" * 1_000_000, 90)
    unfolded = pq.read_table(
        io.BytesIO(small),
        schema=pa.schema([(name, pa.string() if name != "size" else pa.int64()) for name in ("who", "size", "tag")]),
    )
    assert unfolded.nbytes > 80_000_000


def test_statistics_are_not_believed(depot_enclave: Enclave) -> None:
    """A file that promises sizes of at most 7 and holds 1,000,000: the value is seen, and the bound is ours."""
    content = depot.lying_statistics()
    told = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(1).statistics
    assert told.max == 7  # the control: who believes statistics thinks that nothing needs clamping
    (batch,) = parquet_batches(io.BytesIO(content), Place("f"), {"size": Type.INT}, 10)
    assert batch["size"].to_pylist() == [3, 10**6]


@pytest.mark.parametrize(("real", "told"), [(20_000, 9_000), (20_000, 30_000), (8_999, 9_000), (8_999, 16_000)])
def test_a_footer_that_lies_about_rows_brings_no_more_than_declared(real: int, told: int) -> None:
    content = depot.lying_rows(real, told)
    seen = 0
    try:
        for batch in parquet_batches(io.BytesIO(content), Place("f"), {"size": Type.INT}, 9_000):
            seen += batch.num_rows
    except FileNotUsable:
        assert told > 9_000 or told != real
    assert seen <= 9_000
    # The control: what the footer tells is all that a check of the footer sees.
    assert pq.ParquetFile(io.BytesIO(content)).metadata.num_rows == told


@pytest.mark.parametrize("length", [0, 1, 2**31 - 1, 2**32 - 1])
def test_a_footer_of_an_impossible_length(depot_enclave: Enclave, tmp_path: Path, length: int) -> None:
    path = tmp_path / "items.parquet"
    good = depot.parquet(depot.GOOD)
    path.write_bytes(depot.footer_of(good, length))
    refusal(depot_enclave, path)
    # The control: the same file with its own length is read.
    assert rows_read(depot.footer_of(good, int.from_bytes(good[-8:-4], "little"))) == 3


def test_a_refusal_holds_no_cell(depot_enclave: Enclave, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(b"who,size,tag\nperson-of-the-row,secret-cell,x\n")
    said = json.dumps(refusal(depot_enclave, path).problem())
    assert "secret-cell" not in said and "person-of-the-row" not in said
    with pytest.raises(pa.ArrowInvalid, match="secret-cell"):  # the control: the library's own words
        pa.compute.cast(pa.array(["secret-cell"]), pa.int64())
