"""A home, a described table and ways to load and read it, for the store's tests."""

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type, Version
from sandbox.terms.order import LoadMode
from workers.bucket import Bucket, read_bucket
from workers.ingest import load_dataset
from workers.keyring import DataKeys
from workers.manifest import OpenVersion, open_version

ROOT = bytes(range(32))

VISITS = Table(
    name="visits",
    unit="patient_id",
    rows_max=100_000,
    max_rows_per_unit=50,
    max_groups_per_unit=10,
    columns=(
        Column("patient_id", Type.STRING, ColumnRole.UNIT),
        Column("sex", Type.STRING, keys=("F", "M")),
        Column("age", Type.INT, low=Fraction(0), high=Fraction(110), granularity=Fraction(1)),
        Column("cost", Type.FLOAT, low=Fraction(0), high=Fraction(5000), granularity=Fraction(1, 100)),
        Column("visited", Type.DATE, low=Fraction(19000), high=Fraction(20500)),
        Column("seen_at", Type.TIMESTAMP),
        Column("urgent", Type.BOOL),
        Column("city", Type.STRING, max_length=12),
        Column("note", Type.STRING, ColumnRole.WITHHELD),
    ),
)


def dataset(*tables: Table, name: str = "clinic", space: str = "people") -> Dataset:
    return Dataset(name, "t", "s", space, Grade.GENERAL, Fraction(20), tables or (VISITS,))


def visits(rows: int = 300, units: int = 40, seed: int = 1) -> pa.Table:
    """A table of VISITS with NULL, NaN, Inf, values out of bounds, unknown keys and unicode in it."""
    rng = np.random.default_rng(seed)

    def holes(values: list, share: float = 0.1) -> list:
        return [None if hole else value for value, hole in zip(values, rng.random(rows) < share, strict=True)]

    costs = rng.choice([0.0, -0.0, 12.5, 99.25, 4999.99, 1e9, -3.0, np.nan, np.inf, -np.inf], rows).tolist()
    return pa.table(
        {
            "patient_id": [f"p{unit}" for unit in rng.integers(0, units, rows)],
            "sex": holes(rng.choice(["F", "M", "other"], rows).tolist()),
            "age": pa.array(holes(rng.integers(-5, 130, rows).tolist()), pa.int64()),
            "cost": pa.array(holes(costs), pa.float64()),
            "visited": pa.array(holes(rng.integers(18900, 20600, rows).tolist()), pa.int32()).cast(pa.date32()),
            "seen_at": pa.array(holes(rng.integers(0, 2**50, rows).tolist()), pa.timestamp("us")),
            "urgent": pa.array(holes((rng.random(rows) < 0.5).tolist()), pa.bool_()),
            "city": holes(rng.choice(["Köln", "Ko\u0308ln", "東京", "a far too long name", "x"], rows).tolist()),
            "note": ["CANARY-NOTE"] * rows,
        }
    )


def parquet_bytes(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def csv_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink)
    return sink.getvalue()


@dataclass
class World:
    home: Path

    def __post_init__(self) -> None:
        for name in ("inbox", "store", "keys"):
            (self.home / name).mkdir(exist_ok=True)
        self.keys = DataKeys(self.home / "keys", ROOT)
        self.steps: list[tuple[str, int, int]] = []

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def store(self) -> Path:
        return self.home / "store"

    def put(self, name: str, content: bytes | str) -> str:
        (self.inbox / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def load(
        self,
        described: Dataset,
        files: dict[str, str],
        number: int = 1,
        buckets: int = 4,
        mode: LoadMode = LoadMode.WHOLE,
        base: OpenVersion | None = None,
    ) -> Version:
        return load_dataset(
            described,
            number,
            buckets,
            files,
            inbox=self.inbox,
            store=self.store,
            keys=self.keys,
            progress=lambda *step: self.steps.append(step),
            mode=mode,
            base=base,
        )

    def add_visits(self, base: OpenVersion, table: pa.Table, mode: LoadMode = LoadMode.APPEND) -> OpenVersion:
        """The next version, grown out of `base`."""
        file = self.put("visits.parquet", parquet_bytes(table))
        number = base.manifest.version + 1
        return self.open(self.load(dataset(), {"visits": file}, number, base.buckets, mode, base))

    def load_visits(self, table: pa.Table | None = None, number: int = 1, buckets: int = 4) -> OpenVersion:
        file = self.put("visits.parquet", parquet_bytes(visits() if table is None else table))
        return self.open(self.load(dataset(), {"visits": file}, number, buckets))

    def open_again(self, version: OpenVersion) -> OpenVersion:
        """The same version, read anew from its manifest."""
        manifest = version.manifest
        return open_version(self.store, manifest.dataset, manifest.version, version.digest, self.keys)

    def open(self, version: Version) -> OpenVersion:
        return open_version(self.store, version.dataset, version.number, version.manifest, self.keys)


def read_all(version: OpenVersion, table: str = "visits") -> list[Bucket]:
    found = []
    for bucket in range(version.buckets):
        key = version.bucket_key(table, bucket)
        found.append(read_bucket(key, [column.name for column in key.columns]))
    return found


def decoded(bucket: Bucket) -> list[tuple]:
    """The rows of a bucket as Python values."""
    columns = []
    for array in bucket.columns.values():
        if array.dictionary is not None:
            columns.append([None if code < 0 else array.dictionary[code] for code in array.values.tolist()])
        elif array.valid is None:
            columns.append(array.values.tolist())
        else:
            columns.append([v if ok else None for v, ok in zip(array.values.tolist(), array.valid, strict=True)])
    return list(zip(*columns, strict=True))


def unit_runs(version: OpenVersion, table: str = "visits") -> list[list[tuple]]:
    """The rows of each unit in stored order, units in token order, whatever the buckets."""
    runs = []
    for bucket in read_all(version, table):
        rows, at = decoded(bucket), 0
        for run in bucket.runs.tolist():
            runs.append(rows[at : at + run])
            at += run
    return runs
