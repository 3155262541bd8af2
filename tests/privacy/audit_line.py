"""The line of one query in this process: SQL is compiled and priced as the service does it; the engine's own `Measurer`
opens the encrypted versions, checks the order, scans, bounds, merges, draws and finishes. Ray alone is left out: the
fleet's chunks are scanned here, sealed and merged by the product's own code.

Tallies and mechanisms are caught on their way, so that one order can be drawn thousands of times.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.plan import compile as plan_compile
from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import TreeCounts
from sandbox.plan.query import Plan
from sandbox.privacy import conversion, mechanism
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.proof.sealing import new_sealing_key, sealing_public
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn
from sandbox.terms.dataset import Dataset, UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import DELTA_UNITS, Mode
from sandbox.terms.order import MeasureOrder, SourceVersion
from workers import fleet, ingest, measure, noise, noisy_lines, partial, scan
from workers.keyring import DataKeys
from workers.noise import Mechanism
from workers.relations.sources import BucketSources
from workers.tally import Shape, Tally

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

Row = tuple[Any, ...]
TableName = tuple[str, str]
Tables = Mapping[TableName, Sequence[Row]]
"""The rows of each (dataset, table); a table that is not named has none."""

Columns = Sequence[tuple[str, pa.DataType]]


@dataclass(frozen=True)
class World:
    """Described datasets, by name, and the Parquet columns of each of their tables."""

    descriptions: Mapping[str, str]
    columns: Mapping[TableName, Columns]

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        return {name: parse_description(text) for name, text in self.descriptions.items()}


CLINIC = World({"clinic": DESCRIPTION}, {("clinic", "visits"): COLUMNS})


@dataclass(frozen=True)
class Asked:
    """A priced question. `bounds` take the place of the description's, as a later planner may ask for tighter ones."""

    world: World
    plan: Plan
    spec: MeasurementSpec
    mode: Mode
    epsilon: Fraction
    delta: Fraction


@dataclass(frozen=True)
class Measured:
    """What one order gave: the exact tallies before noise, the mechanisms that drew, and the answer that left."""

    asked: Asked
    tallies: tuple[Tally, ...]
    mechanisms: tuple[tuple[Mechanism, ...], ...]
    answer: Answer | None

    @property
    def exact(self) -> np.ndarray:
        """The exact vectors [primitive, group] of a plan of public keys without trees."""
        return np.stack([vector for vectors in self.vectors() for vector in vectors])

    def vectors(self) -> list[list[np.ndarray]]:
        """The exact vectors of each measurement's primitives; of selected groups, those that are there."""
        return [
            [_exact(measurement, tally, place) for place in range(len(measurement.primitives))]
            for measurement, tally in zip(self.asked.plan.measurements, self.tallies, strict=True)
        ]


def _exact(measurement: Any, tally: Tally, place: int) -> np.ndarray:
    return noisy_lines.exact_vectors(measurement, tally)(place, None)


def ask(
    sql: str,
    mode: Mode,
    epsilon: Fraction,
    bounds: ContributionBounds | None = None,
    world: World = CLINIC,
    delta: Fraction = Fraction(1, 10**6),
) -> Asked:
    """Compile and price. Functions are looked up in their modules, so that a planted mutant takes their place.

    `delta` is what the conversion has in zCDP, and the selection of keys has as much.
    """
    delta = delta if mode is Mode.ZCDP else Fraction(0)
    space = UnitSpace("people", mode, Fraction(1000), 2 * delta)
    plan = plan_compile.compile_query(sql, world.datasets)
    if bounds is not None:
        (measurement,) = plan.measurements
        tight = replace(bounds, groups=min(bounds.groups, measurement.groups))
        plan = replace(plan, measurements=(replace(measurement, bounds=tight),))
    units = conversion.request_loss(space, epsilon).units
    spec = mechanism.measurement_spec(plan, mode, units, int(delta * DELTA_UNITS))
    return Asked(world, plan, spec, mode, epsilon, delta)


class HereFleet:
    """The fleet without Ray: each chunk is scanned in this process, and travels sealed."""

    def __init__(self) -> None:
        self.exact: list[Tally] = []

    def measure(
        self,
        order: str,
        plan: dict[str, Any],
        sources: dict[int, dict[str, Any]],
        shapes: Sequence[Shape],
        _patience_s: float,
        _rows: int,
    ) -> list[Tally]:
        private = new_sealing_key()
        merge = partial.Merge(order, private, sources, shapes)
        for chunk in fleet.cut(sources, 2 * fleet.CHUNKS_PER_WORKER):
            for bucket, source in zip(chunk.buckets, chunk.sources, strict=True):
                tallies = scan.scan(read_plan(plan), [BucketSources.from_json(source)], b"s" * 32)
                sealed = partial.seal_partial(sealing_public(private), order, (bucket,), tallies, shapes)
                merge.add((bucket,), sealed)
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

    def load(self, world: World, dataset: str, tables: Tables) -> Version:
        """The rows as a version; the same rows are loaded once."""
        described = world.datasets[dataset]
        rows = {table.name: tables.get((dataset, table.name), ()) for table in described.tables}
        name = dataset, repr(rows)
        if name not in self.versions:
            for table, held in rows.items():
                content = parquet_of(world.columns[dataset, table], held)
                (self.folder / "inbox" / f"{table}.parquet").write_bytes(content)
            self.versions[name] = ingest.load_dataset(
                described,
                len(self.versions) + 1,
                1 if described.public else BUCKETS,
                {table: f"{table}.parquet" for table in rows},
                inbox=self.folder / "inbox",
                store=self.folder / "store",
                keys=self.keys,
                progress=lambda *_: None,
            )
        return self.versions[name]

    def measure(self, asked: Asked, tables: Tables | Sequence[Row]) -> Measured:
        """One order, through `Measurer.measure`. Rows alone are those of the clinic's visits.

        Raises:
            Exception: what the engine refuses; its process would answer one constant failure.
        """
        held = tables if isinstance(tables, Mapping) else {("clinic", "visits"): tables}
        names = sorted({dataset for dataset, _ in asked.plan.tables})
        versions = [self.load(asked.world, name, held) for name in names]
        self.orders += 1
        order = MeasureOrder(
            id=f"o_{self.orders}",
            boot="boot",
            sources=tuple(SourceVersion(one.dataset, one.number, one.manifest) for one in versions),
            plan=plan_json(asked.plan),
            spec=asked.spec.to_json(),
            reserved=asked.spec.cost,
            deadline_ms=60_000,
        )
        here = HereFleet()
        prepared: list[tuple[tuple[Mechanism, ...], ...]] = []

        def prepare(*arguments: Any) -> tuple[tuple[Mechanism, ...], ...]:
            prepared.append(original(*arguments))
            return prepared[-1]

        original = noise.prepare
        with mock.patch.object(noise, "prepare", prepare):
            answer = measure.Measurer(self.folder / "store", self.keys, here).measure(order)
        return Measured(asked, tuple(here.exact), prepared[0], answer)


@contextmanager
def undrawn() -> Iterator[None]:
    """Orders end before the noise: what is measured exactly is all that is looked at, and drawing costs more than it."""
    with (
        mock.patch.object(measure, "noisy_table", lambda *_: None),
        mock.patch.object(measure, "finish", lambda *_: None),
    ):
        yield


def parquet_of(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> bytes:
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
            case KeyColumn() | ComputedColumn():
                continue
            case MeanColumn():
                found += [*column.totals, *column.counts]
            case CountColumn():
                found += column.integers
            case _:
                found += column.integers
    return found


def draws_of(measured: Measured, count: int, one_by_one: bool) -> list[np.ndarray]:
    """`count` answers' integers [draw, integer], of public keys.

    `one_by_one` draws and finishes each answer as the engine does. Otherwise the draws of one primitive are one call of
    its mechanism on a longer vector: OpenDP noises each number alone, and each call costs more than its numbers. Of a tree
    of counts every node is an integer.
    """
    asked = measured.asked
    measurements = asked.plan.measurements
    if one_by_one:
        made = []
        for _ in range(count):
            noisy = tuple(
                noisy_lines.noisy_table(*given)
                for given in zip(measurements, measured.mechanisms, measured.tallies, strict=True)
            )
            made.append(np.asarray(integers_of(measure.finish("o", asked.plan, asked.spec, noisy)), np.int64))
        return made
    parts = [
        Mechanism(len(vector) * count, None, mechanism_.measurement)
        .draw(np.tile(vector, count))
        .reshape(count, len(vector))
        for mechanisms, vectors in zip(measured.mechanisms, measured.vectors(), strict=True)
        for mechanism_, vector in zip(mechanisms, vectors, strict=True)
    ]
    return list(np.concatenate(parts, axis=1))


def has_trees(plan: Plan) -> bool:
    """Whether a quantile is measured."""
    return any(isinstance(primitive, TreeCounts) for primitive in plan.primitives)
