"""One query as its analyst can observe it: how long each call took, what came back, and what the log says of the times."""

import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import httpx
import numpy as np
from classifier import Floats
from neighbour_pairs import Pair

from sandbox.proof.submission import Submission, sign_submission
from sandbox.testing import Enclave

PURPOSE = "research"
PINGS, PING_PAUSE = 8, 0.02
FEATURES = (
    "accepted after",
    "settled after acceptance",
    "settled after",
    "release fetched in",
    "bytes of the first answer",
    "bytes of the release",
    "committed after reservation",
    "released after commitment",
    "slowest other call meanwhile",
    "other calls meanwhile",
)


@dataclass(frozen=True)
class Runs:
    """What was observed: one row a run, and the side of each."""

    features: Floats
    sides: np.ndarray


class Client:
    """One analyst on one connection."""

    def __init__(self, enclave: Enclave, name: str, pair: Pair) -> None:
        self._name, self._pair = name, pair
        for side in (0, 1):
            analyst = enclave.analyst(name, org="acme", datasets=[pair.dataset(side)], purpose=PURPOSE, epsilon="80000")
        self._keys = analyst.ensure_keys()
        self._origin = analyst.pins.origin
        headers = {"Authorization": f"Bearer {enclave.token(name)}"}
        self._http = httpx.Client(base_url=enclave.url, headers=headers, timeout=60, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def run(self, side: int, epsilon: str) -> list[float]:
        """Ask, call something else while the engine works, wait, fetch."""
        sql, key = self._pair.question(side), secrets.token_hex(16)
        submission = Submission(self._origin, self._name, self._keys.id, sql, PURPOSE, epsilon, "", key)
        body = {"sql": sql, "purpose": PURPOSE, "epsilon": epsilon, "dry_run": False, "key": self._keys.id}
        body["signature"] = sign_submission(self._keys, submission)
        began = time.perf_counter()
        asked = self._http.post("/v1/queries", json=body, headers={"Idempotency-Key": key})
        accepted = time.perf_counter()
        assert asked.status_code == 202, asked.text
        assert asked.json()["reused"] is False
        others = []
        for _ in range(PINGS):
            before = time.perf_counter()
            self._http.get("/v1/health")
            others.append(time.perf_counter() - before)
            time.sleep(PING_PAUSE)
        name = asked.json()["id"]
        view = self._http.get(f"/v1/queries/{name}", headers={"Prefer": "wait=60"})
        settled = time.perf_counter()
        assert view.json()["state"] == "done", view.text
        release = self._http.get(f"/v1/releases/{name}")
        fetched = time.perf_counter()
        reserved, committed, released = (
            _moment(release.json()["receipts"][kind]["entry"]) for kind in ("reserved", "committed", "released")
        )
        return [
            accepted - began,
            settled - accepted,
            settled - began,
            fetched - settled,
            len(asked.content),
            len(release.content),
            committed - reserved,
            released - committed,
            max(others),
            sum(others),
        ]


def observe(clients: Sequence[Client], each: int, losses: Iterator[str], spacing: float = 0.0, seed: int = 0) -> Runs:
    """`each` runs a side, in random order, shared by the clients; they begin `spacing` seconds apart, so that the
    engine works on one at a time, as an attacker would have it. Every run takes a new loss."""
    sides = np.random.default_rng(seed).permutation(np.repeat([0, 1], each))
    work = iter([(number, int(side), next(losses)) for number, side in enumerate(sides)])
    lock, found = threading.Lock(), {}
    start = time.perf_counter()

    def serve(place: int, client: Client) -> None:
        step = spacing * len(clients)
        turn = 0
        for number, side, epsilon in _shared(work, lock):
            due = start + turn * step + place * spacing
            now = time.perf_counter()
            if now > due and step:
                turn += int((now - due) / step) + 1
                due = start + turn * step + place * spacing
            time.sleep(max(0.0, due - now))
            turn += 1
            found[number] = client.run(side, epsilon)

    with ThreadPoolExecutor(len(clients)) as pool:
        for served in [pool.submit(serve, *item) for item in enumerate(clients)]:
            served.result()
    return Runs(np.asarray([found[number] for number in range(len(sides))]), sides)


def _shared(work: Iterator[tuple[int, int, str]], lock: threading.Lock) -> Iterator[tuple[int, int, str]]:
    while True:
        with lock:
            item = next(work, None)
        if item is None:
            return
        yield item


def _moment(entry: str) -> float:
    """The time that a log entry states, in seconds."""
    return datetime.fromisoformat(json.loads(entry)["at"]).timestamp()
