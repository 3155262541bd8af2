"""Whatever changes or spends leaves exactly one entry; where none can be written, nothing happens."""

import pytest
from service_world import CLINIC, MANIFEST, ROADS, World, request

from sandbox.service import (
    about,
    accounts,
    catalogue,
    check_query,
    give_grant,
    load_dataset,
    people,
    read_log,
    read_query,
    recover,
    register_dataset,
    search_log,
    submit_query,
)
from sandbox.service.ports import EntryFilter
from sandbox.terms.refusal import AuditUnavailable, MeasurementForfeited, Refusal

WRITES = ("append", "add_person", "add_dataset", "add_version", "add_grant", "reserve", "reuse", "commit", "forfeit")


class Unwritable:
    """A ledger that reads as ever and writes nothing, when `broken`."""

    def __init__(self, ledger) -> None:
        self._ledger, self.broken = ledger, False

    def __getattr__(self, name):
        if name in WRITES and self.broken:

            def refuse(*_arguments):
                raise AuditUnavailable

            return refuse
        return getattr(self._ledger, name)


@pytest.fixture
def fragile(tmp_path):
    world = World(tmp_path / "ledger.sqlite", Unwritable)
    world.register()
    world.grant()
    yield world
    world.close()


def refused(call) -> None:
    with pytest.raises(Refusal):
        call()


CHANGES = {
    "enrol": lambda w: people.enrol(w.enclave, w.administrator, "eve", "acme", "analyst"),
    "register": lambda w: register_dataset.register(
        w.enclave, w.sue, CLINIC.replace('name = "clinic"', 'name = "clinic2"'), "c.toml"
    ),
    "grant": lambda w: w.grant("bob"),
    "check": lambda w: check_query.check(w.enclave, w.ann, request()),
    "check-refused": lambda w: refused(lambda: check_query.check(w.enclave, w.ann, request("x"))),
    "submit": lambda w: submit_query.submit(w.enclave, w.ann, request(), "key-00001"),
    "submit-refused": lambda w: refused(lambda: submit_query.submit(w.enclave, w.ann, request("x"), "key-1")),
    "search": lambda w: search_log.search(w.enclave, w.olga, EntryFilter(dataset="clinic")),
    "load": lambda w: (load_dataset.begin(w.enclave, w.sue, "clinic", {"visits": "v.csv"}), w.settle_down()),
}
KINDS = {
    "enrol": "person.enrolled",
    "register": "dataset.registered",
    "grant": "grant.given",
    "check": "query.checked",
    "check-refused": "query.checked",
    "submit": "query.reserved",
    "submit-refused": "query.refused",
    "search": "log.searched",
    "load": "version.loaded",
}
LOOKS = {
    "me": lambda w: about.about(w.enclave),
    "datasets": lambda w: catalogue.visible(w.enclave, w.ann),
    "dataset": lambda w: catalogue.view(w.enclave, w.ann, "clinic"),
    "grants": lambda w: give_grant.listed(w.enclave, w.ann),
    "accounts": lambda w: accounts.mine(w.enclave, w.ann),
    "queries": lambda w: read_query.listed(w.enclave, w.ann),
    "checkpoint": lambda w: read_log.checkpoint(w.enclave, w.ann),
    "inclusion": lambda w: read_log.inclusion(w.enclave, w.ann, 0),
    "entry": lambda w: search_log.show(w.enclave, w.olga, 0),
    "export": lambda w: list(read_log.export(w.enclave, w.olga)),
    "recover": lambda w: recover.recover(w.enclave),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_exactly_one_entry_by_its_actor(fragile, name):
    size = fragile.ledger.size()
    CHANGES[name](fragile)
    (entry,) = fragile.entries()[size:]
    assert entry["kind"] == KINDS[name]
    assert entry["actor"] in ("administrator", "sue", "ann", "olga")


@pytest.mark.parametrize("name", LOOKS)
def test_looking_writes_nothing(fragile, name):
    size = fragile.ledger.size()
    LOOKS[name](fragile)
    assert fragile.ledger.size() == size


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in ("load", "check-refused", "submit-refused")])
def test_without_a_log_nothing_happens(fragile, name):
    before = (fragile.ledger.size(), fragile.ledger.people(), fragile.ledger.datasets(), fragile.ledger.grants())
    fragile.enclave.ledger.broken = True
    with pytest.raises(AuditUnavailable):
        CHANGES[name](fragile)
    fragile.settle_down()
    assert before == (
        fragile.ledger.size(),
        fragile.ledger.people(),
        fragile.ledger.datasets(),
        fragile.ledger.grants(),
    )
    assert fragile.engine.orders == []
    assert fragile.enclave.desk.load_of("ann") == (0, 0)


@pytest.mark.parametrize("sql", ["x", "select * from clinic.visits"])
def test_even_a_refusal_that_cannot_be_logged_is_audit_unavailable(fragile, sql):
    fragile.enclave.ledger.broken = True
    for ask in (
        lambda: submit_query.submit(fragile.enclave, fragile.ann, request(sql), "key-00001"),
        lambda: check_query.check(fragile.enclave, fragile.ann, request(sql)),
    ):
        with pytest.raises(AuditUnavailable):
            ask()


def test_control_with_a_log_the_engine_is_asked(fragile):
    submit_query.submit(fragile.enclave, fragile.ann, request(), "key-00001")
    fragile.settle_down()
    assert len(fragile.engine.orders) == 1


def test_a_load_that_cannot_be_logged_is_not_current(fragile):
    fragile.enclave.ledger.broken = True
    begun = load_dataset.begin(fragile.enclave, fragile.sue, "clinic", {"visits": "v.csv"})
    fragile.settle_down()
    shown = load_dataset.view(fragile.enclave, fragile.sue, begun.id)
    assert (shown.state, shown.problem["code"]) == ("failed", "audit-unavailable")
    assert fragile.ledger.version("clinic").number == 1


def test_the_reservation_is_in_the_log_before_the_engine_is_asked(fragile):
    seen = []

    def answer(order):
        seen.append((fragile.kinds()[-1], [record.order for record in fragile.ledger.unsettled()]))
        raise MeasurementForfeited

    fragile.engine.answer = answer
    submit_query.submit(fragile.enclave, fragile.ann, request(), "key-00001")
    fragile.settle_down()
    assert seen == [("query.reserved", [fragile.engine.orders[0].id])]


def test_entries_name_the_rules_in_force(fragile):
    from policies.bundle import bundle_digest

    submit_query.submit(fragile.enclave, fragile.ann, request(), "key-00001")
    facts = fragile.entries()[-1]["facts"]
    assert facts["bundle"] == bundle_digest()
    assert (facts["data_version"], facts["manifest"], facts["grant_version"]) == (1, MANIFEST, 1)
    assert {"query", "order", "person", "grant", "dataset", "space", "loss", "plan_tag", "text_tag", "sealed"} <= set(
        facts
    )
    assert ROADS  # the other world's data is described, not named here
    assert "roads" not in str(facts)
