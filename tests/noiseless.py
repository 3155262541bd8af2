"""An engine in process with nothing but the noise left out: described, loaded, encrypted, read, bounded, merged, finished."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile

from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.plan.soundness import check_plan
from sandbox.privacy.mechanism import check_spec, measurement_spec
from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Dataset
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from workers.claims import PUBLIC_BUCKETS, check_claims
from workers.finish import finish
from workers.ingest import load_dataset
from workers.keyring import DataKeys
from workers.manifest import OpenVersion, open_version
from workers.measure import bucket_sources, listed_lines
from workers.noise import Mechanism
from workers.noisy_lines import noisy_table
from workers.scan import scan
from workers.tally import Merger, Shape

BUCKETS = 4
_UNITS, _DELTA = 10**24, 10**16


class NoiselessEngine:
    """Loads described files and answers questions about them exactly, bounded as the real engine bounds them."""

    def __init__(self, home: Path) -> None:
        self._inbox, self._store = home / "inbox", home / "store"
        for folder in (self._inbox, self._store, home / "keys"):
            folder.mkdir()
        self._keys = DataKeys(home / "keys", bytes(range(32)))
        self.datasets: dict[str, Dataset] = {}
        self._versions: dict[str, OpenVersion] = {}

    def load(self, description: str, files: Mapping[str, Path]) -> None:
        """Register a description and load its tables from Parquet files."""
        dataset = parse_description(description)
        names = {table: f"{table}.parquet" for table in files}
        for table, path in files.items():
            copyfile(path, self._inbox / names[table])
        loaded = load_dataset(
            dataset,
            1,
            PUBLIC_BUCKETS if dataset.public else BUCKETS,
            names,
            inbox=self._inbox,
            store=self._store,
            keys=self._keys,
            progress=lambda *_: None,
        )
        self.datasets[dataset.name] = dataset
        self._versions[dataset.name] = open_version(self._store, dataset.name, 1, loaded.manifest, self._keys)

    def plan(self, sql: str) -> Plan:
        """The plan as the engine reads it from an order, after every check before the scan.

        Raises:
            NotAnswerable: the text is refused.
        """
        plan = compile_query(sql, self.datasets)
        check_plan(plan)
        return read_plan(plan_json(plan))

    def ask(self, sql: str) -> list[dict[str, object]]:
        """The answer's lines, with noise of zero; of private keys every group with a unit shows."""
        answer = self.answer(self.plan(sql))
        columns = [column.numbers() for column in answer.columns]
        names = [column.name for column in answer.columns]
        return [dict(zip(names, line, strict=True)) for line in zip(*columns, strict=True)]

    def answer(self, plan: Plan) -> Answer:
        """The answer as the engine would send it."""
        used = {name: self._versions[name] for name in (*plan.datasets, *plan.public_datasets)}
        mergers = [Merger(Shape.of(measurement)) for measurement in plan.measurements]
        for bucket in range(check_claims(plan, [version.manifest for version in used.values()])):
            for merger, tally in zip(mergers, scan(plan, [bucket_sources(plan, used, bucket)], b"s" * 32), strict=True):
                merger.add(tally)
        tables = []
        for measurement, merger in zip(plan.measurements, mergers, strict=True):
            silent = Mechanism(None, 0 if measurement.selected else None, _exact)
            tables.append(noisy_table(measurement, [silent] * len(measurement.primitives), merger.total()))
        selected = any(measurement.selected for measurement in plan.measurements)
        spec = measurement_spec(plan, Mode.ZCDP, _UNITS, _DELTA if selected else 0)
        check_spec(plan, spec)
        return Answer.from_json(finish("noiseless", plan, spec, tables, listed_lines(plan, used)).to_json())


def _exact(vector: object) -> object:
    return vector
