"""S11 and S12: archives, links, addresses and paths in the place of a file's bare name, loaded into a live enclave.

Controls: the reader that unpacks, follows or fetches what it is given.
"""

import io
import os
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import depot
import pyarrow.csv as pa_csv
import pytest

from sandbox.adapters.home import HomePaths
from sandbox.terms.refusal import Refusal
from sandbox.testing import Enclave

ARCHIVES: dict[str, tuple[str, Callable[[], bytes], Callable[[bytes], bool]]] = {
    "gzip named so": ("items.csv.gz", depot.gzipped, lambda content: pa_csv.read_csv(_there(content, ".csv.gz")).num_rows == 2),
    "gzip named CSV": ("items.csv", depot.gzipped, lambda content: pa_csv.read_csv(_there(content, ".csv.gz")).num_rows == 2),
    "a gzip bomb": ("items.csv", lambda: depot.gzipped(b"who,size,tag\n" + b"a,1,x\n" * 5_000_000), lambda content: len(content) < 100_000),
    "zip": ("items.csv", depot.zipped, lambda content: zipfile.ZipFile(io.BytesIO(content)).namelist() == ["../../items.csv"]),
    "tar": ("items.csv", depot.tarred, lambda content: tarfile.is_tarfile(io.BytesIO(content))),
    "zip named Parquet": ("items.parquet", depot.zipped, lambda content: zipfile.is_zipfile(io.BytesIO(content))),
}  # fmt: skip

PLACES = [
    "../ledger.sqlite",
    "../../etc/passwd.csv",
    "/etc/passwd",
    "./items.csv",
    "inbox/../items.csv",
    "..%2fitems.csv",
    "items.csv\0.parquet",
    "items.csv/",
    "~/items.csv",
    "$HOME/items.csv",
    "*.csv",
    "items.csv;id",
    "|id.csv",
    "-.csv",
    "CON\\items.csv",
    "\\\\evil.example\\share\\items.csv",
    "file:///etc/passwd.csv",
    "http://169.254.169.254/latest/meta-data.csv",
    "http://localhost/items.csv",
    "https://evil.example/items.parquet",
    "ftp://evil.example/items.csv",
    "s3://bucket/items.parquet",
    "s3://key:secret@bucket/items.parquet?endpoint_override=localhost:9000",
    "gs://bucket/items.parquet",
    "abfss://a@evil.example/items.parquet",
    "hdfs://evil.example/items.parquet",
    "mock:///items.parquet",
    "zip://items.csv::http://evil.example/a.zip",
    "memory://items.csv",
    "data:text/csv,who,size,tag",
    "ｉtems.csv",
    "items.csv\n",
    "items\u200b.csv",
    "x" * 300 + ".csv",
]


def _there(content: bytes, suffix: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
        file.write(content)
    return file.name


@pytest.fixture(scope="module")
def inbox(enclave: Enclave) -> Iterator[Path]:
    """The inbox, with a good file that every reader could be led to."""
    folder = HomePaths(enclave.home).inbox
    (folder / "items.csv").write_bytes(depot.GOOD_CSV)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def load(enclave: Enclave, name: str) -> object:
    return enclave.steward_of("health-bureau").load("clinic", {"visits": name})


@pytest.mark.parametrize(("name", "content", "opens"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_is_no_table(
    enclave: Enclave, inbox: Path, name: str, content: Callable[[], bytes], opens: Callable[[bytes], bool]
) -> None:
    packed = content()
    (inbox / name).write_bytes(packed)
    before = sorted(inbox.iterdir())
    try:
        with pytest.raises(Refusal):
            load(enclave, name)
        assert sorted(inbox.iterdir()) == before  # nothing was unpacked
    finally:
        (inbox / name).write_bytes(depot.GOOD_CSV)
    assert opens(packed)


@pytest.mark.parametrize("name", PLACES)
def test_only_a_bare_name_is_a_place(enclave: Enclave, inbox: Path, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        load(enclave, name)
    assert refused.value.code in {"file-not-usable", "malformed-request"}
    assert "root:" not in str(refused.value.problem())


@pytest.mark.parametrize("name", ["../outside.csv", "inbox/../../outside.csv", "./../outside.csv"])
def test_control_a_joined_path_leads_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.csv").write_text("secret")
    (tmp_path / "inbox" / "inbox").mkdir(parents=True)
    assert (tmp_path / "inbox" / name).read_text() == "secret"


@pytest.mark.parametrize("scheme", ["file", "http", "data"])
def test_control_a_reader_of_addresses_fetches_them(tmp_path: Path, standard: str, scheme: str) -> None:
    (tmp_path / "outside.csv").write_text("ok")
    address = {"file": f"file://{tmp_path}/outside.csv", "http": f"{standard}/items.csv", "data": "data:text/csv,ok"}
    with urllib.request.urlopen(address[scheme], timeout=10) as found:
        assert found.read() == b"ok"


@pytest.mark.parametrize("kind", ["a link", "a link to a folder's file", "a pipe", "a folder", "a device's link"])
def test_what_is_no_plain_file_is_not_opened(enclave: Enclave, inbox: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(depot.GOOD_CSV)
    place = inbox / "crafted.csv"
    match kind:
        case "a link":
            place.symlink_to(outside)
        case "a link to a folder's file":
            place.symlink_to(tmp_path)
        case "a pipe":
            os.mkfifo(place)
        case "a folder":
            place.mkdir()
        case _:
            place.symlink_to("/dev/zero")
    try:
        with pytest.raises(Refusal) as refused:
            load(enclave, place.name)
        assert refused.value.code == "file-not-usable"
        if kind == "a link":
            assert place.read_bytes() == depot.GOOD_CSV  # the control: who follows it reads what lies outside
    finally:
        place.rmdir() if kind == "a folder" else place.unlink()
