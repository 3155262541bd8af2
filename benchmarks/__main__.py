"""`python -m benchmarks [--rows N] [--runs K]`: private answers over HTTP beside DuckDB's exact ones, in one run.

Ours is from the client's request to the verified release (HTTP, ledger, decryption, bounding, noise), without the release
clock; DuckDB reads the plaintext Parquet file. Prints JSON lines on standard output and a table on standard error.
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

from benchmarks import trips
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
    table = Table("query", "ours s", "DuckDB s", "ratio", title=f"{options.rows:,} rows, medians of {options.runs}")
    ratios = []
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
            ours, theirs = [], []
            for run in range(options.runs + 1):  # the first warms both sides
                # Another ninth digit is another question: else the stored answer would come back.
                epsilon = f"1.{run:08d}1"
                asked = text.format(t="transport.trips", s="network.stations")
                query = analyst.query(asked, purpose="benchmark", epsilon=epsilon)
                ours.append(seconds(lambda query=query: query.run().result(timeout=600)))
                exact = text.format(t=f"read_parquet('{path}')", s=f"read_parquet('{stations}')")
                theirs.append(seconds(lambda exact=exact: base.execute(exact).fetchall()))
            median = [statistics.median(times[1:]) for times in (ours, theirs)]
            ratios.append(median[0] / median[1])
            table.add_row(name, f"{median[0]:.3f}", f"{median[1]:.3f}", f"{ratios[-1]:.2f}")
            row = {
                "what": name,
                "ours_s": round(median[0], 4),
                "duckdb_s": round(median[1], 4),
                "ratio": round(ratios[-1], 3),
            }
            print(json.dumps(row), flush=True)
    mean = statistics.geometric_mean(ratios)
    print(json.dumps({"what": "geometric mean of ratios", "ratio": round(mean, 3)}), flush=True)
    Console(file=sys.stderr).print(table, f"geometric mean {mean:.2f}")


if __name__ == "__main__":
    main()
