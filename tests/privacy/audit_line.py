"""The line of one query in this process: SQL is compiled and priced as the service does it; the engine's own `Measurer`
opens the encrypted version, checks the order, scans, bounds, merges, draws and finishes. Ray alone is left out: the
fleet's chunks are scanned here, sealed and merged by the product's own code.

`exact` and `mechanisms` are caught on their way, so that one order can be drawn thousands of times.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.plan import compile as plan_compile
from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.nodes import ContributionBounds, Plan
from sandbox.privacy import conversion, mechanism
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.proof.sealing import new_sealing_key, sealing_public
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from sandbox.terms.order import MeasureOrder
from workers import fleet, ingest, measure, noise, partial, scan
from workers.bucket import BucketKey
from workers.keyring import DataKeys
from workers.noise import Mechanism

BUCKETS = 2
WARDS = ("north", "south", "east", "west", "hill", "lake", "port", "vale")
DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "1000" }
[tables.visits]
unit = "person"
rows_max = 1_000
max_rows_per_unit = 12
max_groups_per_unit = 2
[tables.visits.columns]
person = { type = "string", role = "unit" }
ward = { type = "string", keys = ["north", "south", "east", "west", "hill", "lake", "port", "vale"] }
cost = { type = "float", bounds = [-50.0, 100.0], granularity = 0.125 }
age = { type = "int", bounds = [0, 110] }
weight = { type = "float", bounds = [1.0, 4.0], granularity = 0.25 }
wealth = { type = "float", bounds = [0, 1125899906842624], granularity = 1 }
"""
COLUMNS = (
    ("person", pa.string()),
    ("ward", pa.string()),
    ("cost", pa.float64()),
    ("age", pa.int64()),
    ("weight", pa.float64()),
    ("wealth", pa.float64()),
)

Row = tuple[str, str | None, float | None, int | None, float | None, float | None]


@dataclass(frozen=True)
class Asked:
    """A priced question. `bounds` take the place of the description's, as a later planner may ask for tighter ones."""

    plan: Plan
    spec: MeasurementSpec
    mode: Mode
    epsilon: Fraction
    delta: Fraction


@dataclass(frozen=True)
class Measured:
    """What one order gave: the exact sums before noise, the mechanisms that drew, and the answer that left."""

    asked: Asked
    exact: np.ndarray
    mechanisms: tuple[Mechanism, ...]
    answer: Answer


def ask(sql: str, mode: Mode, epsilon: Fraction, bounds: ContributionBounds | None = None) -> Asked:
    """Compile and price. Functions are looked up in their modules, so that a planted mutant takes their place."""
    delta = Fraction(1, 10**6) if mode is Mode.ZCDP else Fraction(0)
    space = UnitSpace("people", mode, Fraction(1000), 2 * delta)
    plan = plan_compile.compile_query(sql, {"clinic": described()})
    if bounds is not None:
        plan = replace(plan, bounds=replace(bounds, groups=min(bounds.groups, plan.groups)))
    spec = mechanism.measurement_spec(plan, mode, conversion.request_loss(space, epsilon).units)
    return Asked(plan, spec, mode, epsilon, delta)


def described() -> Dataset:
    """The audited dataset."""
    return parse_description(DESCRIPTION)


class HereFleet:
    """The fleet without Ray: each chunk is scanned in this process, and travels sealed."""

    def __init__(self) -> None:
        self.exact = np.zeros((0, 0), np.int64)

    def measure(
        self, order: str, plan: dict, keys: dict[int, dict], shape: tuple[int, int], _patience_s: float
    ) -> np.ndarray:
        private = new_sealing_key()
        merge = partial.Merge(order, private, keys, shape)
        for chunk in fleet.cut(keys, 2 * fleet.CHUNKS_PER_WORKER):
            sums = np.zeros(shape, np.int64)
            for key in chunk.keys:
                sums += scan.scan(read_plan(plan), BucketKey.from_json(key))
            merge.add(chunk.buckets, partial.seal_partial(sealing_public(private), order, chunk.buckets, sums))
        self.exact = merge.total()
        return self.exact


class Line:
    """One home. Tables are loaded as versions, by the product's own ingest, and measured by orders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("inbox", "store", "keys"):
            (folder / name).mkdir(parents=True)
        self.keys = DataKeys(folder / "keys", bytes(range(32)))
        self.orders = 0
        self.versions: dict[object, Version] = {}
        # One key for unit tokens and the order of rows, whatever the run: audits are the same every time.
        with mock.patch("workers.keyring.secrets.token_bytes", return_value=b"k" * 32):
            self.keys.create_space_key("people")

    def load(self, rows: Sequence[Row]) -> Version:
        """The rows as a version; the same rows are loaded once."""
        name = repr(rows)
        if name not in self.versions:
            (self.folder / "inbox" / "visits.parquet").write_bytes(parquet_of(COLUMNS, rows))
            self.versions[name] = ingest.load_dataset(
                described(),
                len(self.versions) + 1,
                BUCKETS,
                {"visits": "visits.parquet"},
                inbox=self.folder / "inbox",
                store=self.folder / "store",
                keys=self.keys,
                progress=lambda *_: None,
            )
        return self.versions[name]

    def measure(self, asked: Asked, rows: Sequence[Row]) -> Measured:
        """One order, through `Measurer.measure`.

        Raises:
            Exception: what the engine refuses; its process would answer one constant failure.
        """
        version = self.load(rows)
        self.orders += 1
        order = MeasureOrder(
            id=f"o_{self.orders}",
            boot="boot",
            dataset="clinic",
            version=version.number,
            manifest=version.manifest,
            plan=plan_json(asked.plan),
            spec=asked.spec.to_json(),
            reserved=asked.spec.cost,
            deadline_ms=60_000,
        )
        here = HereFleet()
        prepared: list[tuple[Mechanism, ...]] = []

        def prepare(*arguments: object) -> tuple[Mechanism, ...]:
            prepared.append(original(*arguments))
            return prepared[-1]

        original = noise.prepare
        with mock.patch.object(noise, "prepare", prepare):
            answer = measure.Measurer(self.folder / "store", self.keys, here).measure(order)
        return Measured(asked, here.exact, prepared[0], answer)


def parquet_of(columns: Sequence[tuple[str, pa.DataType]], rows: Iterable[tuple]) -> bytes:
    """The steward's file. NaN and infinities are in it as they are."""
    parts = list(zip(*rows, strict=True)) or [()] * len(columns)
    table = pa.table({name: pa.array(list(part), kind) for (name, kind), part in zip(columns, parts, strict=True)})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def integers_of(answer: Answer) -> list[int]:
    """Every noisy integer of an answer, whatever its form: what an attacker has to look at."""
    found: list[int] = []
    for column in answer.columns:
        match column:
            case KeyColumn():
                continue
            case MeanColumn():
                found += [*column.totals, *column.counts]
            case CountColumn():
                found += column.integers
            case _:
                found += column.integers
    return found


def draws_of(measured: Measured, count: int, one_by_one: bool) -> list[np.ndarray]:
    """`count` answers' integers [draw, integer].

    `one_by_one` draws and finishes each answer as the engine does. Otherwise the draws of one primitive are one call of
    its mechanism on a longer vector: OpenDP noises each number alone, and each call costs more than its numbers.
    """
    asked = measured.asked
    if one_by_one:
        made = []
        for _ in range(count):
            noisy = [m.draw(v).tolist() for m, v in zip(measured.mechanisms, measured.exact, strict=True)]
            made.append(np.asarray(integers_of(measure.finish("o", asked.plan, asked.spec, noisy)), np.int64))
        return made
    groups = asked.plan.groups
    parts = [
        Mechanism(groups * count, m.measurement).draw(np.tile(vector, count)).reshape(count, groups)
        for m, vector in zip(measured.mechanisms, measured.exact, strict=True)
    ]
    return list(np.concatenate(parts, axis=1))
