"""Loads may take hours: they never take all of the engine's and the runner's threads from queries."""

import pytest
from service_world import CLINIC, MANIFEST

from sandbox.service import load_dataset, register_dataset
from sandbox.terms.dataset import Version
from sandbox.terms.refusal import EnclaveBusy


def test_only_a_few_loads_run_at_a_time(bare):
    names = [f"clinic{number}" for number in range(3)]
    for name in names:
        text = CLINIC.replace('name = "clinic"', f'name = "{name}"')
        register_dataset.register(bare.enclave, bare.sue, text, "clinic.toml")
    bare.engine.loading = lambda order, progress: bare.clock.sleep_until(1060.0) or Version(order.dataset, 1, MANIFEST)

    def begin(name):
        return load_dataset.begin(bare.enclave, bare.sue, name, {"visits": "visits.csv"})

    running = [begin(name) for name in names[: bare.settings.max_loads]]
    with pytest.raises(EnclaveBusy, match="loads"):
        begin(names[-1])
    bare.at(60_000)
    assert {load_dataset.view(bare.enclave, bare.sue, load.id).state for load in running} == {"done"}
    begin(names[-1])
