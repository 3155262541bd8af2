"""A real engine process for tests, driven over its socket as the control plane drives it, on a small made store."""

import json
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import msgpack
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.plan.answers import CountOutput, KeyOutput, MeanOutput, Measured, SumOutput
from sandbox.plan.canonical import plan_json
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Scan
from sandbox.privacy.mechanism import measurement_spec
from sandbox.proof.signing import SigningKey, new_seed
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type, UnitSpace
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SIGNING_CONTEXT, MeasureOrder, SourceVersion
from workers.ingest import load_dataset
from workers.keyring import DataKeys

CANARY = "canary-7f3a9"
REGIONS = (CANARY, "east", "west", "中部")
SELECTING = 10**12
"""What a selection of private keys may spend of δ, in 10⁻¹⁸."""
NO_NOISE = 10**28
"""A loss at which the noise is 0 in all but a vanishing part of draws."""

_COST = ColumnRef("cost", Type.FLOAT)
SUM_COST = SumValues(_COST, Fraction(0), Fraction(500), Fraction(0), Fraction(1, 100))
MEAN_COST = SumValues(_COST, Fraction(0), Fraction(500), Fraction(250), Fraction(1, 100))


def dataset(rows_max: int = 10**6) -> Dataset:
    columns = (
        Column("person", Type.STRING, ColumnRole.UNIT),
        Column("region", Type.STRING, keys=REGIONS),
        Column("cost", Type.FLOAT, low=Fraction(0), high=Fraction(500), granularity=Fraction(1, 100)),
        Column("age", Type.INT, low=Fraction(0), high=Fraction(110)),
        Column("note", Type.STRING, max_length=20),
    )
    table = Table("visits", "person", rows_max, 100, 4, columns)
    space = UnitSpace("people", Mode.ZCDP, Fraction(20), Fraction(1, 10**6))
    return Dataset("clinic", "Clinic", "bureau", "people", Grade.GENERAL, Fraction(20), (table,), space)


def rows(count: int, units: int) -> pa.Table:
    """`count` rows of `units` people, the same every time."""
    return pa.table(
        {
            "person": [f"p{(i * 7919) % units}" for i in range(count)],
            "region": [(*REGIONS, None)[(i * 31) % 5] for i in range(count)],
            "cost": [None if i % 11 == 0 else (i * 37 % 60_000) / 100 for i in range(count)],
            "age": [i % 97 for i in range(count)],
            "note": ["rare one" if i == 7 else ("seen", "called", "none")[i % 3] for i in range(count)],
        }
    )


LOOSE = ContributionBounds(100, 4, 100)


def plan(where=None, bounds=LOOSE) -> Plan:
    read = {"region": Type.STRING, "cost": Type.FLOAT} | ({} if where is None else {"age": Type.INT})
    rows_of = Scan("clinic", "visits", "", tuple(sorted(read.items())), 10**6, 100)
    measured = Measurement(
        rows_of if where is None else Filter(rows_of, where),
        (GroupKey(ColumnRef("region", Type.STRING), Type.STRING, REGIONS),),
        bounds,
        (CountRows(), CountUnits(), SUM_COST, MEAN_COST, CountValues(_COST)),
    )
    outputs = (
        KeyOutput("region", 0, Type.STRING), CountOutput("n", 0), CountOutput("people", 1),
        SumOutput("total", 2, Type.FLOAT), MeanOutput("mean", 3, 4),
    )  # fmt: skip
    return Plan("people", (measured,), Measured(0, outputs))


OLD = Comparison(">", ColumnRef("age", Type.INT), Literal(40, Type.INT))


class Home:
    """A home directory with one loaded version, and the keys of both planes."""

    def __init__(self, folder: Path, count: int = 4000, units: int = 700, buckets: int = 16) -> None:
        self.folder = folder
        self.data_root = secrets.token_bytes(32)
        self.order_key = SigningKey("sandbox-order", new_seed())
        for name in ("keys/data", "store", "inbox"):
            (folder / name).mkdir(parents=True, mode=0o700)
        self.table = rows(count, units)
        pq.write_table(self.table, folder / "inbox" / "visits.parquet")
        keys = DataKeys(folder / "keys" / "data", self.data_root)
        keys.create_signer()
        self.version = load_dataset(
            dataset(), 1, buckets, {"visits": "visits.parquet"},
            inbox=folder / "inbox", store=folder / "store", keys=keys, progress=lambda *_: None,
        )  # fmt: skip


class EngineProcess:
    """`python -m workers.engine` on a home; end it with `close` (or kill it)."""

    def __init__(self, home: Home, *, workers: int = 2, threads: int = 4, private: bool = True, **popen) -> None:
        self.home = home
        self.runtime = Path(tempfile.mkdtemp(prefix="sbx-", dir="/tmp"))
        if "user" in popen:
            shutil.chown(self.runtime, popen["user"])
        started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers.engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, **popen,
        )  # fmt: skip
        bootstrap = {
            "home": str(home.folder), "runtime": str(self.runtime), "data_root": home.data_root.hex(),
            "order_key": home.order_key.verifier.text, "workers": workers, "threads": threads, "private_network": private,
        }  # fmt: skip
        self.process.stdin.write(json.dumps(bootstrap).encode() + b"\n")
        self.process.stdin.flush()
        self.first_line = self.process.stdout.readline()
        self.start_s = time.monotonic() - started
        self.family = psutil.Process(self.process.pid).children(recursive=True) if self.first_line else []
        self.boot = self.ask({"op": "status"})[0]["status"]["boot"] if self.first_line else ""

    def ask(self, message: dict, timeout: float = 60) -> list[dict]:
        """Send one message, return every frame until the engine closes."""
        packed = msgpack.packb(message)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout)
            stream.connect(str(self.runtime / "engine.sock"))
            stream.sendall(struct.pack(">I", len(packed)) + packed)
            return list(_frames(stream))

    def order(self, asked: Plan, units: int = NO_NOISE, mode: Mode = Mode.ZCDP, **changes) -> MeasureOrder:
        delta = SELECTING if any(measurement.selected for measurement in asked.measurements) else 0
        spec = measurement_spec(asked, mode, units, delta)
        sources = [SourceVersion(name, 1, self.home.version.manifest) for name in asked.datasets]
        fields = {
            "id": secrets.token_hex(8), "boot": self.boot, "sources": tuple(sources), "plan": plan_json(asked),
            "spec": spec.to_json(), "reserved": Loss(mode, units, delta), "deadline_ms": 30_000, **changes,
        }  # fmt: skip
        return MeasureOrder(**fields)

    def measure(self, order: MeasureOrder, timeout: float = 60) -> dict:
        body = canonical_bytes(order.to_json())
        return self.send(body, self.home.order_key.sign(SIGNING_CONTEXT + body), timeout)

    def send(self, body: bytes, signature: bytes, timeout: float = 60) -> dict:
        (frame,) = self.ask({"op": "measure", "body": body, "signature": signature}, timeout)
        return frame

    def scanners(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "Scanner" in child.name()]

    def close(self) -> tuple[int, str]:
        """End of standard input; the exit code and what stood on standard error."""
        self.process.stdin.close()
        code = self.process.wait(30)
        errors = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        shutil.rmtree(self.runtime)
        return code, errors


def left_of(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def _frames(stream: socket.socket):
    while header := stream.recv(4, socket.MSG_WAITALL):
        (length,) = struct.unpack(">I", header)
        yield msgpack.unpackb(stream.recv(length, socket.MSG_WAITALL) if length else b"")
