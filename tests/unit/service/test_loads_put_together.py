"""A version that several loads made up is scanned more slowly and needs more memory: both are reckoned before it is asked."""

from dataclasses import replace

import pytest
from service_world import CLINIC, COUNT, request

from policies.roles import Action
from sandbox.proof.entry import read_entry
from sandbox.service import ask, load_dataset, register_dataset
from sandbox.service.memory_bound import MERGE_BYTES, check_memory, worker_bytes
from sandbox.service.release_clock import MERGE_ROW_NS
from sandbox.terms.order import LoadMode
from sandbox.terms.refusal import DatasetNotLoaded, MemoryBound


def load(world, mode):
    begun = load_dataset.begin(world.enclave, world.sue, "clinic", {"visits": "visits.csv"}, mode)
    world.settle_down()
    assert load_dataset.view(world.enclave, world.sue, begun.id).state == "done"
    return world.ledger.version("clinic")


def asked(world):
    return ask.ask(world.enclave, world.ann, Action.CHECK_QUERY, request(COUNT))


def test_the_ledger_counts_the_loads_a_version_comes_from(bare):
    bare.register()
    counted = [load(bare, mode).segments for mode in (LoadMode.APPEND, LoadMode.REPLACE_UNITS, LoadMode.WHOLE)]
    assert counted == [2, 3, 1]
    entries = [read_entry(body) for body in bare.ledger.entries(0, bare.ledger.size())]
    assert [item["facts"]["segments"] for item in entries if item["kind"] == "version.loaded"] == [1, 1, 2, 3, 1]


def test_an_answer_from_several_loads_has_a_later_slot(bare):
    """By what putting each row in its place takes at most; one load that replaces all has the slot of before."""
    bare.register()
    bare.grant()
    (table,) = (item for item in asked(bare).tables.values() if item.name == "visits")
    before = asked(bare).slot_ms(1, 1)
    load(bare, LoadMode.APPEND)
    after = asked(bare)
    assert after.merged
    assert after.slot_ms(1, 1) - before == pytest.approx(table.rows_max * MERGE_ROW_NS / 10**6, abs=1)
    load(bare, LoadMode.WHOLE)
    assert not asked(bare).merged
    assert asked(bare).slot_ms(1, 1) == before


def test_an_answer_from_several_loads_needs_more_memory(bare):
    bare.register()
    bare.grant()
    question = asked(bare)
    one = worker_bytes(question.plan, question.tables)
    several = worker_bytes(question.plan, question.tables, merged=True)
    assert several >= one + MERGE_BYTES
    check_memory(question.plan, question.tables, one)
    with pytest.raises(MemoryBound):
        check_memory(question.plan, question.tables, one, merged=True)
    bare.enclave = replace(bare.enclave, settings=replace(bare.settings, worker_memory=one))
    asked(bare)
    load(bare, LoadMode.APPEND)
    with pytest.raises(MemoryBound):
        asked(bare)


def test_nothing_is_added_to_a_dataset_without_data(bare):
    register_dataset.register(bare.enclave, bare.sue, CLINIC, "clinic.toml")
    with pytest.raises(DatasetNotLoaded):
        load_dataset.begin(bare.enclave, bare.sue, "clinic", {"visits": "visits.csv"}, LoadMode.APPEND)
