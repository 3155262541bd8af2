"""A whole enclave in this process whose mechanisms are frozen, and everything that anybody outside the data plane can see of it.

HTTP face, service, ledger and log, the engine's socket with its frames, admission, store, scan, merge and finish are the
product's; Ray is left out (`audit_line.HereFleet`), time is held, ids count up, and `Mechanism.draw` gives constants. So
two worlds on neighbouring data must show the same, byte for byte but for keys, seals and signatures, of which the lengths
are compared. After Re:cord-play (PETS 2026) and security.md P5-P8, P11.
"""

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import numpy as np
import ulid
import uvicorn
from audit_line import HereFleet, parquet_of
from replay_parts import PATIENCE, START, EngineThread, HeldClock, Jobs, Tap

from sandbox.adapters.engine_socket import EngineSocket
from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.faces.http.app import create_app
from sandbox.plan.measurement import Measurement
from sandbox.proof.key_pairs import KeyPair, new_key_pair, prove_possession
from sandbox.proof.signing import SigningKey
from sandbox.proof.submission import Submission, sign_submission
from sandbox.service import decide_grant, load_dataset, people, register_dataset, register_keys, request_grant
from sandbox.service.enclave import Enclave, Settings
from sandbox.service.identity import sign_in
from sandbox.service.ports import Entry
from sandbox.terms.dataset import Type
from sandbox.terms.description import parse_description
from workers import measure
from workers.admission import Admission
from workers.keyring import DataKeys
from workers.measure import Measurer
from workers.noise import Mechanism
from workers.noise_pool import NoisePool
from workers.noisy_lines import noisy_table as drawn_table
from workers.noisy_table import NoisyTable
from workers.server import Server
from workers.tally import Tally

ORIGIN = "enclave.test"
ANALYSTS = (("ann", "acme"), ("bob", "rival"))
_RANDOM = re.compile(r"[0-9A-Za-z+/_=-]{20,}")


def masked(text: str) -> str:
    """Keys, digests, seals, signatures and ids by their lengths."""
    return _RANDOM.sub(lambda found: f"<{len(found[0])}>", text)


@dataclass(frozen=True)
class Loaded:
    """A dataset to begin with: its description and, for each table, the Parquet columns and the rows."""

    description: str
    tables: Mapping[str, tuple[Sequence[tuple[str, Any]], Sequence[tuple]]]


class World:
    """One enclave with its datasets, two analysts with large grants on them, and a list of what was seen."""

    def __init__(self, folder: Path, datasets: Sequence[Loaded]) -> None:
        self.seen: list[str] = []
        self.events: list[str] = []
        self.tokens: dict[str, str] = {}
        self.pairs: dict[str, KeyPair] = {}
        self.clock = HeldClock()
        self.jobs = Jobs(self.clock)
        home = folder / "home"
        for name in ("store", "inbox", "keys/data"):
            (home / name).mkdir(parents=True)
        order_key = SigningKey("sandbox-order", b"o" * 32)
        keys = DataKeys(home / "keys" / "data", b"d" * 32)
        engine = keys.create_signer().verifier
        self.pools = (ThreadPoolExecutor(2), ThreadPoolExecutor(1))
        self.noise = NoisePool(1)
        server = Server(
            home,
            keys,
            Admission(order_key.verifier, "boot"),
            Measurer(home / "store", keys, HereFleet()),
            {"boot": "boot", "network": "private", "workers": 2, "engine": engine.text},
            self.noise,
            *self.pools,
            lambda name: self.events.append(f"engine {name}"),
        )
        self.engine = EngineThread(server, folder / "inner.sock")
        self.tap = Tap(folder / "inner.sock", folder / "engine.sock")
        log_key = SigningKey(ORIGIN, b"l" * 32)
        self.ledger = SqliteLedger(home / "ledger.sqlite", origin=ORIGIN, signer=log_key, state_key=b"s" * 32)
        self.enclave = Enclave(
            ledger=self.ledger,
            compute=EngineSocket(folder / "engine.sock", order_key),
            clock=self.clock,
            runner=self.jobs,
            settings=Settings(ORIGIN, ORIGIN, log_key.verifier.text),
            release_key=SigningKey(f"{ORIGIN}/release", b"r" * 32),
            tag_key=b"t" * 32,
            state_key=b"s" * 32,
        )
        facts = {"name": ORIGIN, "origin": ORIGIN, "log_key": log_key.verifier.text}
        self.ledger.append(Entry("enclave.created", START, ORIGIN, facts))
        self._people(home / "inbox", datasets)
        self._entries = 0

    def _people(self, inbox: Path, datasets: Sequence[Loaded]) -> None:
        administrator = sign_in(self.enclave, people.first_administrator(self.enclave))
        sue, _ = people.enrol(self.enclave, administrator, "sue", "bureau", "steward", "")
        analysts = [people.enrol(self.enclave, administrator, *who, "analyst", "") for who in ANALYSTS]
        private = []
        for dataset in datasets:
            register_dataset.register(self.enclave, sue, dataset.description, "dataset.toml")
            name = parse_description(dataset.description).name
            private += [] if parse_description(dataset.description).public else [name]
            for table, content in dataset.tables.items():
                (inbox / f"{table}.parquet").write_bytes(parquet_of(*content))
            files = {table: f"{table}.parquet" for table in dataset.tables}
            begun = load_dataset.begin(self.enclave, sue, name, files)
            self.jobs.settle_down()
            assert load_dataset.view(self.enclave, sue, begun.id).state == "done"
        for person, token in analysts:
            pair = new_key_pair(person.name)
            proof = prove_possession(pair, ORIGIN)
            register_keys.register(self.enclave, person, pair.public.sealing, pair.public.signing, proof)
            self.tokens[person.name], self.pairs[person.name] = token, pair
            asked = request_grant.request(
                self.enclave,
                person,
                datasets=tuple(private),
                purpose="research",
                epsilon="2000",
                not_after=self.clock.now() + timedelta(days=300),
                reason="Needed for the yearly report",
            )
            decide_grant.approve(self.enclave, sue, asked.to_json()["id"], review=None)

    # -- looking -----------------------------------------------------------------------------------------------------------

    def ask(self, client: httpx.Client, sql: str, number: int, epsilon: str = "1", by: str = "ann") -> None:
        """Check, submit, look just before the slot and at it, fetch the release, look at the accounts."""
        key, pair = f"replay-{number:05d}", self.pairs[by]
        client.headers["Authorization"] = f"Bearer {self.tokens[by]}"
        body = {"sql": sql, "purpose": "research", "epsilon": epsilon, "dry_run": True}
        self._see("check", client.post("/v1/queries", json=body))
        submission = Submission(ORIGIN, by, pair.id, sql, "research", epsilon, "", key)
        signed = {"dry_run": False, "key": pair.id, "signature": sign_submission(pair, submission)}
        answer = client.post("/v1/queries", json=body | signed, headers={"Idempotency-Key": key})
        self._see("submit", answer)
        if answer.status_code == 202:
            query, visible = answer.json()["id"], datetime.fromisoformat(answer.json()["visible_at"])
            for label, moment in (("before", visible - timedelta(milliseconds=1)), ("after", visible)):
                self._move(moment)
                self._see(f"view {label}", client.get(f"/v1/queries/{query}"))
                self._see(f"release {label}", client.get(f"/v1/releases/{query}"))
        self._see("accounts", client.get("/v1/accounts"))
        self._see_inside()

    def _move(self, moment: datetime) -> None:
        self.jobs.settle_down()
        with self.clock.condition:
            self.clock.elapsed = (moment - START) / timedelta(seconds=1)
            self.clock.condition.notify_all()
        self.jobs.settle_down()

    def _see(self, label: str, answer: httpx.Response) -> None:
        headers = sorted((name, value) for name, value in answer.headers.items() if name != "date")
        self.seen.append(masked(f"{label}: {answer.status_code} {headers} {len(answer.content)} {answer.text}"))

    def _see_inside(self) -> None:
        """The engine's events, the log's new entries, the sizes on the engine's socket, and when the service means to wake.

        Events are put here, where all jobs rest: the engine may be quicker than the answer to who submitted, or slower.
        """
        self.seen += self.events
        self.events.clear()
        for body in self.ledger.entries(self._entries, self.ledger.size()):
            entry = json.loads(body)
            self.seen.append(masked(f"entry {entry['kind']} {entry['actor']} {len(body)} {json.dumps(entry)}"))
        self._entries = self.ledger.size()
        self.seen.append(f"engine socket {self.tap.counted}")
        self.tap.counted.clear()
        self.seen.append(f"clock {self.clock.elapsed} sleepers {sorted(self.clock.sleepers)}")

    def close(self) -> None:
        with self.clock.condition:
            self.clock.elapsed = 10**8
            self.clock.condition.notify_all()
        self.jobs.settle_down()
        self.tap.close()
        self.engine.close()
        for pool in self.pools:
            pool.shutdown()
        self.ledger.close()


def frozen_draw(self: Mechanism, exact: np.ndarray) -> np.ndarray:
    """What every mechanism gives here, whatever was measured."""
    assert self.size in (None, len(exact))
    return 1000 + 7 * np.arange(len(exact), dtype=np.int64)


FROZEN_KEYS = {
    Type.STRING: ("one", "two"),
    Type.INT: (1, 2),
    Type.DATE: ("2024-01-01", "2024-01-02"),
    Type.BOOL: (False, True),
}


def frozen_table(measurement: Measurement, mechanisms: Sequence[Mechanism], tally: Tally) -> NoisyTable:
    """The noisy table of a measurement. Which private groups show is noise, too: here the same two, whatever was measured."""
    found = drawn_table(measurement, mechanisms, tally)
    if not measurement.selected:
        return found
    lines = tuple(zip(*((key.values or FROZEN_KEYS[key.type])[:2] for key in measurement.keys), strict=True))
    vectors = tuple(tuple(range(1000, 1000 + wide * len(lines))) for wide in measurement.widths)
    return NoisyTable(lines, vectors)


@contextmanager
def frozen(draw: Any = frozen_draw) -> Iterator[None]:
    """Mechanisms give constants, the same private groups show, and ids count up from one."""
    number = iter(range(1, 10**9))

    def from_datetime(moment: datetime) -> ulid.ULID:
        return ulid.ULID(int(moment.timestamp() * 1000).to_bytes(6, "big") + next(number).to_bytes(10, "big"))

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Mechanism, "draw", draw))
        stack.enter_context(mock.patch.object(measure, "noisy_table", frozen_table))
        stack.enter_context(mock.patch.object(ulid.ULID, "from_datetime", from_datetime))
        yield


@contextmanager
def served(world: World) -> Iterator[httpx.Client]:
    """A client on the world's HTTP face."""
    config = uvicorn.Config(
        create_app(world.enclave, lambda: "ready"),
        host="127.0.0.1",
        port=0,
        http="h11",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@contextmanager
def standard_error(into: list[str]) -> Iterator[None]:
    """Everything that this process writes on descriptor 2 meanwhile."""
    with tempfile.TemporaryFile() as sink:
        kept = os.dup(2)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            sink.seek(0)
            into.append(f"stderr {masked(sink.read().decode(errors='replace'))}")


@contextmanager
def running(datasets: Sequence[Loaded], draw: Any = frozen_draw) -> Iterator[tuple[World, httpx.Client]]:
    """A world and a client of it; what it wrote on descriptor 2 is seen at the end."""
    with tempfile.TemporaryDirectory() as folder, frozen(draw):
        world = World(Path(folder), datasets)
        try:
            with standard_error(world.seen), served(world) as client:
                yield world, client
        finally:
            world.close()


def visits(description: str, columns: Sequence[tuple[str, Any]], rows: Sequence[tuple]) -> tuple[Loaded, ...]:
    """One dataset of one table, the visits."""
    return (Loaded(description, {"visits": (columns, rows)}),)


def record(datasets: Sequence[Loaded], queries: Sequence[str], draw: Any = frozen_draw) -> list[str]:
    """All that is seen while the queries are asked, one after another, of an enclave with these rows."""
    with running(datasets, draw) as (world, client):
        for number, sql in enumerate(queries):
            world.ask(client, sql, number)
    return world.seen
