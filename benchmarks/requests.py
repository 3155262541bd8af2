"""`python -m benchmarks requests [--rows N] [--seconds S] [--clients C]`: how long one small question takes over HTTP,
and how many different questions a second the enclave keeps up, both without the release clock.

A client asks, waits, verifies and opens the release, as `sandbox.client` does; each client is a process and a person of
its own. Prints JSON lines: percentiles of one client alone, then the sustained rate of all clients at once.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import trips
from sandbox.client.connection import Connection
from sandbox.client.key_store import FileKeyStore
from sandbox.testing import start_enclave

QUESTION = "select district, count(*) as n, avg(fare) as mean from transport.trips"
ALONE = 200
"""Questions of the client that is alone."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a client's process needs to sign in."""

    number: int
    url: str
    token: str
    keys: str


def ask(connection: Connection, client: int, turn: int) -> float:
    """Seconds from the request to the opened release. Each text is another one, and so is each ε."""
    text = f"{QUESTION} where fare < {turn % 97 + client * 0.25 + 1} group by district"
    query = connection.query(text, purpose="benchmark", epsilon=f"0.01{client:03d}{turn:06d}1")
    began = time.perf_counter()
    query.run().result(timeout=120)
    return time.perf_counter() - began


def keep_asking(client: Client, seconds: float, together: Any, found: Any) -> None:
    """A client's process: once all are there ask for `seconds`, then hand over when each answer came and how late."""
    connection = Connection(client.url, token=client.token, keys=FileKeyStore(Path(client.keys)))
    connection.check_pins()
    took, turn = [], 0
    together.wait()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seconds = ask(connection, client.number, turn)
        took.append((time.monotonic(), seconds))
        turn += 1
    found.put(took)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds of p50, p90, p99 and the longest."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    named = {"p50_ms": cuts[49], "p90_ms": cuts[89], "p99_ms": cuts[98], "longest_ms": max(seconds)}
    return {name: round(value * 1000, 1) for name, value in named.items()}


def sustained(clients: Sequence[Client], seconds: float) -> dict[str, Any]:
    """All clients at once for `seconds`: answers a second, of the worst second too, and how long they took."""
    spawn = multiprocessing.get_context("spawn")
    found: Any = spawn.Queue()
    together: Any = spawn.Barrier(len(clients) + 1)
    running = [spawn.Process(target=keep_asking, args=(client, seconds, together, found)) for client in clients]
    for process in running:
        process.start()
    together.wait()
    begin = time.monotonic()
    end = begin + seconds
    answers = [answer for _ in running for answer in found.get(timeout=seconds + 180)]
    for process in running:
        process.join()
    counted = [answer for answer in answers if begin <= answer[0] < end]
    each = [sum(int(moment - begin) == second for moment, _ in counted) for second in range(int(seconds))]
    rates = {"answers": len(counted), "per_second": round(len(counted) / seconds, 1), "worst_second": min(each)}
    return rates | percentiles([took for _, took in counted])


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks requests", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, start_enclave(clock=False, workers=options.workers) as enclave:
        path = Path(folder) / "trips.parquet"
        trips.make(path, options.rows)
        enclave.load(trips.description(rows_max=options.rows), {"trips": path})
        clients = []
        for number in range(options.clients):
            name = f"client-{number}"
            enclave.analyst(name, org=f"lab-{number}", datasets=["transport"], purpose="benchmark", epsilon="90000")
            clients.append(Client(number, enclave.url, enclave.token(name), str(enclave.home.parent / "client-keys")))
        alone = enclave.analyst("alone", org="lab", datasets=["transport"], purpose="benchmark", epsilon="90000")
        for turn in range(10):
            ask(alone, 999, turn)
        took = [ask(alone, 998, turn) for turn in range(ALONE)]
        print(json.dumps({"what": "one client", "rows": options.rows} | percentiles(took)), flush=True)
        print(json.dumps({"what": f"{options.clients} clients"} | sustained(clients, options.seconds)), flush=True)
