"""Loads from PostgreSQL and S3-compatible storage: a real server each, the courier's own process, and the same rows as from a
file. Secrets and servers' words stay outside."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from outside_servers import BUCKET, PASSWORD, Postgres, postgres, storage
from pyarrow import fs
from store_world import World, csv_bytes, dataset, parquet_bytes, read_all, unit_runs, visits

from sandbox.terms.refusal import FileNotUsable
from workers.courier_source import CourierLine, CourierSource
from workers.ingest import load_dataset

ROWS = 400


def sources(server: Postgres, address: str) -> str:
    return f"""
[sources.warehouse]
kind = "postgresql"
datasets = ["clinic"]
host = "{server.folder}"
port = {server.port}
database = "postgres"
user = "reader"
password_env = "WAREHOUSE_PASSWORD"

[sources.lake]
kind = "s3"
datasets = ["clinic"]
bucket = "{BUCKET}"
prefix = "open"
endpoint = "{address}"
access_key_file = "unused"
secret_key_file = "unused"

[sources.elsewhere]
kind = "s3"
datasets = ["ward"]
bucket = "{BUCKET}"
endpoint = "{address}"
"""


class Servers:
    """Both servers, and a courier that knows them."""

    def __init__(self, server: Postgres, address: str, folder: Path) -> None:
        self.database, self.folder, self.socket = server, folder, folder / "courier.sock"
        keys = {"access_key": "key", "secret_key": PASSWORD}
        self.files = fs.S3FileSystem(
            scheme="http", endpoint_override=address[7:], region="us-east-1", allow_bucket_creation=True, **keys
        )
        self.files.create_dir(BUCKET)
        bootstrap = {
            "runtime": str(folder),
            "sources": sources(server, address),
            "secrets": {"warehouse": {"password": PASSWORD}, "lake": keys},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers.courier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[3],
        )
        self.process.stdin.write(json.dumps(bootstrap).encode() + b"\n")
        self.process.stdin.flush()
        while not self.socket.exists():
            assert self.process.poll() is None
            threading.Event().wait(0.05)

    def put(self, name: str, content: bytes) -> None:
        with self.files.open_output_stream(f"{BUCKET}/{name}") as file:
            file.write(content)

    def table(self, table: pa.Table, name: str = "visits") -> None:
        """The rows as a table of the database: made by SQL, so that no client library stands between."""
        kinds = {"patient_id": "text", "sex": "varchar(9)", "age": "bigint", "cost": "double precision"}
        kinds |= {"visited": "date", "seen_at": "timestamp", "urgent": "boolean", "city": "text", "note": "text"}
        columns = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
        rows = [
            "(" + ", ".join("NULL" if value is None else f"'{value}'" for value in row.values()) + ")"
            for row in table.to_pylist()
        ]
        self.database.run(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})")
        if rows:
            self.database.run(f"INSERT INTO {name} VALUES {', '.join(rows)}")
        self.database.run(f"GRANT SELECT ON {name} TO reader")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with postgres() as server, storage() as address:
        made = Servers(server, address, tmp_path_factory.mktemp("courier"))
        yield made
        out, err = made.process.communicate(timeout=30)
        assert (made.process.returncode, out, err) == (0, b"", b"")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def load(world: World, servers: Servers, name: str, number: int = 1, described=None):
    version = load_dataset(
        described or dataset(), number, 4, {"visits": name}, inbox=world.inbox, store=world.store, keys=world.keys,
        progress=lambda *step: world.steps.append(step), courier=servers.socket,
    )  # fmt: skip
    return world.open(version)


def test_every_source_gives_the_rows_of_the_file(world: World, servers: Servers) -> None:
    table = visits(ROWS)
    expected = unit_runs(world.load_visits(table))
    servers.table(table)
    servers.put("open/visits.csv", csv_bytes(table))
    servers.put("open/visits.parquet", parquet_bytes(table))
    for part in range(3):
        servers.put(f"open/parts/{part}.parquet", parquet_bytes(table.slice(part * 150, 150)))
    names = ["warehouse:visits", "warehouse:public.visits", "lake:visits.csv", "lake:visits.parquet", "lake:parts/"]
    for number, name in enumerate(names, start=2):
        assert unit_runs(load(world, servers, name, number)) == expected, name
    assert {phase for phase, _, _ in world.steps} == {"reading visits", "writing visits"}


def test_an_empty_table_is_one(world: World, servers: Servers) -> None:
    servers.table(visits(0), "nothing")
    assert sum(bucket.rows for bucket in read_all(load(world, servers, "warehouse:nothing"))) == 0


@pytest.mark.parametrize(
    "name",
    [
        "warehouse:missing",
        "warehouse:pg_authid",
        "nowhere:visits",
        "elsewhere:open/visits.csv",
        "lake:missing.csv",
        "lake:missing/",
        "lake:visits.txt",
        "lake:hidden/visits.csv",
        "warehouse:hidden",
    ],
)
def test_what_may_not_be_read_is_refused_alike(world: World, servers: Servers, name: str) -> None:
    servers.put("hidden/visits.csv", b"x")  # in the bucket, not below the prefix
    servers.database.run("CREATE TABLE IF NOT EXISTS hidden (patient_id text)")  # not granted
    with pytest.raises(FileNotUsable) as refused:
        load(world, servers, name)
    shown = json.dumps(refused.value.problem())
    assert PASSWORD not in shown and str(servers.folder) not in shown and "127.0.0.1" not in shown
    assert refused.value.facts["file"] == name
    assert not list(world.store.glob("*/[0-9]*"))


@pytest.mark.parametrize(
    "name",
    ["warehouse:visits; drop table visits", "warehouse:a.b.c", 'warehouse:"visits"', "lake:../city/x.csv",
     "lake:a/../b.csv", "lake:/etc/passwd", "postgres://h/db", "s3://city/x.csv", "http://169.254.169.254/x.csv"],
)  # fmt: skip
def test_no_address_and_no_sql_is_a_name(world: World, servers: Servers, name: str) -> None:
    with pytest.raises(FileNotUsable) as refused:
        load(world, servers, name)
    said = ("bare file name", "operator", "something of this name")
    assert any(words in refused.value.detail for words in said)


def test_cells_and_columns_that_do_not_fit_are_named_without_their_values(world: World, servers: Servers) -> None:
    servers.table(visits(3))
    cells = visits(3).set_column(2, "age", pa.array(["1", "canary-cell", "2"]))
    servers.put("open/bad.csv", csv_bytes(cells))
    with pytest.raises(FileNotUsable) as refused:
        load(world, servers, "lake:bad.csv")
    assert (refused.value.facts["column"], refused.value.facts["row"]) == ("age", 2)
    assert "canary" not in str(refused.value.problem())
    servers.database.run("DROP TABLE IF EXISTS odd; CREATE TABLE odd AS SELECT 'x'::text AS sex")
    servers.database.run("GRANT SELECT ON odd TO reader")
    with pytest.raises(FileNotUsable, match="every column"):
        load(world, servers, "warehouse:odd")
    servers.database.run("ALTER TABLE visits RENAME TO kept; CREATE VIEW visits AS SELECT *, 0 AS x FROM kept")
    servers.database.run("GRANT SELECT ON visits TO reader")
    load(world, servers, "warehouse:visits")
    servers.database.run(
        "DROP VIEW visits; ALTER TABLE kept RENAME TO visits; ALTER TABLE visits ALTER age TYPE numeric USING age + 0.5"
    )
    with pytest.raises(FileNotUsable, match="types"):
        load(world, servers, "warehouse:visits", 2)


def test_all_tables_of_a_load_are_of_one_moment_and_nothing_is_written(servers: Servers) -> None:
    servers.database.run("CREATE TABLE IF NOT EXISTS clock (n bigint); TRUNCATE clock; INSERT INTO clock VALUES (1)")
    servers.database.run("GRANT ALL ON clock TO reader")
    from sandbox.terms.dataset import Type

    def read(line: CourierLine) -> list:
        source = CourierSource(line, "warehouse:clock", "warehouse", "clock")
        found = source.batches({"n": Type.INT}, 10, lambda *_: None)
        return [value for _, batch in found for value in batch.column("n").to_pylist()]

    with ExitStack() as held, ExitStack() as other:
        line = CourierLine(servers.socket, "clinic", held)
        assert read(line) == [1]
        servers.database.run("INSERT INTO clock VALUES (2)")
        assert read(line) == [1]
        assert read(CourierLine(servers.socket, "clinic", other)) == [1, 2]  # control: another load sees it
    servers.database.run(
        "CREATE OR REPLACE FUNCTION leave() RETURNS bigint AS 'INSERT INTO clock VALUES (9) RETURNING n' LANGUAGE sql;"
        "CREATE OR REPLACE VIEW writing AS SELECT leave() AS n; GRANT SELECT ON writing TO reader"
    )
    with ExitStack() as held:
        source = CourierSource(CourierLine(servers.socket, "clinic", held), "w", "warehouse", "writing")
        with pytest.raises(FileNotUsable):
            list(source.batches({"n": Type.INT}, 10, lambda *_: None))


def test_a_server_that_is_away_is_a_refusal(world: World, servers: Servers, tmp_path: Path) -> None:
    with pytest.raises(FileNotUsable, match="operator"):
        load_dataset(
            dataset(), 1, 4, {"visits": "warehouse:visits"}, inbox=world.inbox, store=world.store, keys=world.keys,
            progress=lambda *_: None, courier=tmp_path / "nobody.sock",
        )  # fmt: skip


def test_the_courier_has_no_key_and_keeps_no_secret_where_others_look(servers: Servers) -> None:
    environment = Path(f"/proc/{servers.process.pid}/environ").read_bytes()
    command = Path(f"/proc/{servers.process.pid}/cmdline").read_bytes()
    assert PASSWORD.encode() not in environment + command
    maps = Path(f"/proc/{servers.process.pid}/maps").read_text()
    assert "ray" not in maps.lower().replace("array", "")
    assert servers.socket.stat().st_mode & 0o077 == 0
