"""TPC-H at scale 0.01: the files, an exact engine that holds them, and DuckDB beside it."""

import subprocess
import sys
from pathlib import Path

import duckdb
from noiseless import NoiselessEngine
from tpch_queries import DESCRIPTIONS

from sandbox.terms.description import parse_description

SCALE = "0.01"


def make_tables(folder: Path) -> None:
    """Write the eight tables as Parquet files with the published generator: the same bits every time."""
    program = Path(sys.executable).with_name("tpchgen-cli")
    subprocess.run(
        [program, "parquet", "--scale-factor", SCALE, "--output-dir", folder, "--quiet"], check=True, timeout=120
    )


def load_all(engine: NoiselessEngine, folder: Path) -> None:
    """Load both datasets."""
    for text in DESCRIPTIONS.values():
        tables = [table.name for table in parse_description(text).tables]
        engine.load(text, {table: folder / f"{table}.parquet" for table in tables})


def in_duckdb(folder: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB with all eight tables under their plain names."""
    base = duckdb.connect()
    base.execute("set threads = 1")
    for path in sorted(folder.glob("*.parquet")):
        base.execute(f"create table {path.stem} as select * from read_parquet('{path}')")
    return base
