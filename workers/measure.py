"""One measure order, from the checks to the noisy answer. Everything that can be refused is, before any row is read."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.plan.answers import Listed, listed_tables
from sandbox.plan.canonical import read_plan
from sandbox.plan.finishing import Lines
from sandbox.plan.query import Plan
from sandbox.plan.relations import scans_of
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec
from sandbox.terms.answer import Answer
from sandbox.terms.order import MeasureOrder
from workers import noise
from workers.claims import OrderInconsistent, check_claims
from workers.finish import finish
from workers.fleet import Fleet
from workers.keyring import DataKeys
from workers.manifest import OpenVersion, open_version
from workers.noisy_lines import noisy_table
from workers.public_lines import public_lines
from workers.relations.sources import PUBLIC_BUCKET, BucketSources, TableName
from workers.tally import Shape

PATIENCE_S = 120.0
"""Time for lost workers to come back, where the order's own deadline is shorter."""


@dataclass(frozen=True, slots=True)
class Measurer:
    """What every measure order needs: where the store is, the data keys, the fleet, and who draws noise for many groups."""

    store: Path
    keys: DataKeys
    fleet: Fleet
    pool: noise.Pool | None = None

    def measure(self, order: MeasureOrder) -> Answer:
        """The noisy answer; blocks while the fleet works.

        Raises:
            Exception: many kinds; the engine reports one constant failure for all of them.
        """
        plan = read_plan(order.plan)
        spec = MeasurementSpec.from_json(order.spec)
        check_spec(plan, spec)
        mechanisms = noise.prepare(plan, spec, order.reserved, self.pool)
        versions = self._versions(order)
        buckets = check_claims(plan, [version.manifest for version in versions.values()])
        keys = {bucket: bucket_sources(plan, versions, bucket).to_json() for bucket in range(buckets)}
        listed = listed_lines(plan, versions)
        shapes = [Shape.of(measurement) for measurement in plan.measurements]
        patience_s = max(order.deadline_ms / 1000, PATIENCE_S)
        rows = sum(scan.rows_max for scan in plan.scans)
        exact = self.fleet.measure(order.id, order.plan, keys, shapes, patience_s, rows)
        noisy = tuple(
            noisy_table(measurement, drawn, tally)
            for measurement, drawn, tally in zip(plan.measurements, mechanisms, exact, strict=True)
        )
        return finish(order.id, plan, spec, noisy, listed)

    def _versions(self, order: MeasureOrder) -> dict[str, OpenVersion]:
        """The versions that the order names, by dataset."""
        names = [source.dataset for source in order.sources]
        if names != sorted(set(names)):
            raise OrderInconsistent
        return {
            source.dataset: open_version(self.store, source.dataset, source.version, source.manifest, self.keys)
            for source in order.sources
        }


def bucket_sources(plan: Plan, versions: dict[str, OpenVersion], bucket: int) -> BucketSources:
    """All that a worker needs to read what the plan names in one bucket of every table that its measurements
    scan: it gets no key of a group of columns of which the plan reads none.

    Raises:
        StoreRefused: a table or key is not there.
    """
    columns: dict[TableName, set[str]] = {}
    places: dict[TableName, int] = {}
    for scan in plan.measured_scans:
        table = scan.dataset, scan.table
        columns.setdefault(table, set()).update(name for name, _ in scan.columns)
        places[table] = PUBLIC_BUCKET if scan.public else bucket
    return BucketSources(
        bucket,
        {
            (dataset, table): versions[dataset].bucket_key(table, places[dataset, table], named)
            for (dataset, table), named in columns.items()
        },
    )


def listed_lines(plan: Plan, versions: dict[str, OpenVersion]) -> dict[Listed, Lines]:
    """The lines of all public rows that stand beside the plan's answers.

    Raises:
        StoreRefused: a table or file is not what it should be.
    """
    return {
        table: public_lines(
            table,
            BucketSources(
                PUBLIC_BUCKET,
                {
                    (scan.dataset, scan.table): versions[scan.dataset].bucket_key(
                        scan.table, PUBLIC_BUCKET, {name for name, _ in scan.columns}
                    )
                    for scan in scans_of(table.relation)
                },
            ),
        )
        for table in listed_tables(plan.answer)
    }
