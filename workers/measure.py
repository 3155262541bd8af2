"""One measure order, from the checks to the noisy answer. Everything that can be refused is, before any row is read."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec
from sandbox.terms.answer import Answer
from sandbox.terms.order import MeasureOrder
from workers import noise
from workers.claims import OrderInconsistent, check_claims
from workers.finish import finish
from workers.fleet import Fleet
from workers.keyring import DataKeys
from workers.manifest import open_version

PATIENCE_S = 120.0
"""Time for lost workers to come back, where the order's own deadline is shorter."""


@dataclass(frozen=True, slots=True)
class Measurer:
    """What every measure order needs: where the store is, the data keys, and the fleet."""

    store: Path
    keys: DataKeys
    fleet: Fleet

    def measure(self, order: MeasureOrder) -> Answer:
        """The noisy answer; blocks while the fleet works.

        Raises:
            Exception: many kinds; the engine reports one constant failure for all of them.
        """
        plan = read_plan(order.plan)
        spec = MeasurementSpec.from_json(order.spec)
        if plan.dataset != order.dataset or order.reserved.delta < spec.cost.delta:
            raise OrderInconsistent
        check_spec(plan, spec)
        mechanisms = noise.prepare(plan, spec, order.reserved)
        version = open_version(self.store, order.dataset, order.version, order.manifest, self.keys)
        if version.manifest.unit_space != plan.unit_space:
            raise OrderInconsistent
        check_claims(plan, version.table(plan.table))
        bucket_keys = {bucket: version.bucket_key(plan.table, bucket).to_json() for bucket in range(version.buckets)}
        exact = self.fleet.measure(
            order.id,
            order.plan,
            bucket_keys,
            (len(plan.primitives), plan.groups),
            max(order.deadline_ms / 1000, PATIENCE_S),
        )
        noisy = [mechanism.draw(vector).tolist() for mechanism, vector in zip(mechanisms, exact, strict=True)]
        return finish(order.id, plan, spec, noisy)
