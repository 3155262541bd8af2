"""`python -m benchmarks [--rows N] [--runs K]`: private answers over HTTP beside DuckDB's exact ones, in one run.

Ours is from the client's request to the verified release (HTTP, ledger, decryption, bounding, noise), without the release
clock; "served" is the enclave's own part of it, from the moment the query was accepted to the noisy answer. DuckDB reads the plaintext Parquet file. Prints JSON lines on standard output and a table on standard error.
`python -m benchmarks requests` measures many small questions instead.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import requests, served, trips
from sandbox.testing import start_enclave


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table = Table(
        "query",
        "ours s",
        "served s",
        "DuckDB s",
        "served / DuckDB",
        title=f"{options.rows:,} rows, medians of {options.runs}",
    )
    ratios: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, start_enclave(clock=False, workers=options.workers) as enclave:
        path, stations = Path(folder) / "trips.parquet", Path(folder) / "stations.parquet"
        trips.make(path, options.rows)
        trips.make_stations(stations)
        loading = seconds(lambda: enclave.load(trips.description(rows_max=options.rows), {"trips": path}))
        enclave.load(trips.STATION_DESCRIPTION, {"stations": stations})
        print(json.dumps({"what": "load", "rows_per_second": round(options.rows / loading)}), flush=True)
        analyst = enclave.analyst("bench", org="lab", datasets=["transport"], purpose="benchmark", epsilon="900000")
        base = duckdb.connect()
        base.execute(f"set threads = {options.workers}")
        for name, text in trips.QUERIES.items():
            ours, inside, theirs = [], [], []
            for run in range(options.runs + 1):  # the first warms both sides
                # Another ninth digit is another question: else the stored answer would come back.
                epsilon = f"1.{run:08d}1"
                asked = text.format(t="transport.trips", s="network.stations")
                query = analyst.query(asked, purpose="benchmark", epsilon=epsilon)
                began = time.perf_counter()
                release = query.run().result(timeout=600)
                ours.append(time.perf_counter() - began)
                inside.append(served.seconds(release))
                exact = text.format(t=f"read_parquet('{path}')", s=f"read_parquet('{stations}')")
                theirs.append(seconds(lambda exact=exact: base.execute(exact).fetchall()))
            http, own, duck = (statistics.median(times[1:]) for times in (ours, inside, theirs))
            ratios.append((http / duck, own / duck))
            table.add_row(name, f"{http:.3f}", f"{own:.3f}", f"{duck:.3f}", f"{own / duck:.2f}")
            row = {
                "what": name,
                "ours_s": round(http, 4),
                "served_s": round(own, 4),
                "duckdb_s": round(duck, 4),
                "ratio": round(http / duck, 3),
                "served_ratio": round(own / duck, 3),
            }
            print(json.dumps(row), flush=True)
    http_mean, own_mean = (statistics.geometric_mean(found) for found in zip(*ratios, strict=True))
    means = {"ratio": round(http_mean, 3), "served_ratio": round(own_mean, 3)}
    print(json.dumps({"what": "geometric mean of ratios"} | means), flush=True)
    Console(file=sys.stderr).print(table, f"geometric mean {own_mean:.2f} (with HTTP {http_mean:.2f})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["requests"]:
        requests.main(sys.argv[2:])
    else:
        main()
