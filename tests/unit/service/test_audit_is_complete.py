"""Whatever changes or spends leaves exactly one entry; where none can be written, nothing happens."""

import pytest
from service_world import CLINIC, MANIFEST, REASON, World, request

from sandbox.service import (
    about,
    accounts,
    catalogue,
    check_query,
    decide_grant,
    explain_policy,
    freeze,
    grants,
    load_dataset,
    people,
    read_log,
    read_query,
    recover,
    register_dataset,
    register_keys,
    request_grant,
    search_log,
)
from sandbox.service.found_entries import EntryFilter
from sandbox.terms.refusal import AuditUnavailable, MeasurementForfeited, Refusal

WRITES = (
    "append",
    "add_person",
    "add_dataset",
    "add_version",
    "add_keys",
    "add_grant_request",
    "decline_grant_request",
    "add_grant",
    "revoke_grant",
    "freeze",
    "lift",
    "reserve",
    "reuse",
    "commit",
    "vote",
    "close_review",
    "release",
    "forfeit",
)


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
    world.granted = world.grant().to_json()["id"]
    world.asked = world.request_grant("bob", epsilon="1").to_json()["id"]
    world.frozen = freeze.freeze(world.enclave, world.olga, "dataset", "roads", REASON).to_json()["id"]
    yield world
    world.close()


def refused(call) -> None:
    with pytest.raises(Refusal):
        call()


CHANGES = {
    "enrol": lambda w: people.enrol(w.enclave, w.administrator, "eve", "acme", "analyst"),
    "keys": lambda w: w.register_keys(w.ann),
    "register": lambda w: register_dataset.register(
        w.enclave, w.sue, CLINIC.replace('name = "clinic"', 'name = "clinic2"'), "c.toml"
    ),
    "request": lambda w: w.request_grant("bob"),
    "approve": lambda w: decide_grant.approve(w.enclave, w.sue, w.asked),
    "decline": lambda w: decide_grant.decline(w.enclave, w.sue, w.asked, REASON),
    "revoke": lambda w: grants.revoke(w.enclave, w.sue, w.granted, REASON),
    "freeze": lambda w: freeze.freeze(w.enclave, w.olga, "person", "ann", REASON),
    "lift-ask": lambda w: freeze.lift(w.enclave, w.olga, w.frozen, REASON),
    "explain": lambda w: explain_policy.explain(w.enclave, w.olga, subject="ann", action="submit-query"),
    "check": lambda w: check_query.check(w.enclave, w.ann, request()),
    "check-refused": lambda w: refused(lambda: check_query.check(w.enclave, w.ann, request("x"))),
    "submit": lambda w: w.submit(),
    "submit-refused": lambda w: refused(lambda: w.submit("x", "key-1")),
    "search": lambda w: search_log.search(w.enclave, w.olga, EntryFilter(dataset="clinic")),
    "load": lambda w: (load_dataset.begin(w.enclave, w.sue, "clinic", {"visits": "v.csv"}), w.settle_down()),
}
KINDS = {
    "enrol": "person.enrolled",
    "keys": "keys.registered",
    "register": "dataset.registered",
    "request": "grant.requested",
    "approve": "grant.given",
    "decline": "grant.declined",
    "revoke": "grant.revoked",
    "freeze": "freeze.set",
    "lift-ask": "freeze.lift-asked",
    "explain": "policy.explained",
    "check": "query.checked",
    "check-refused": "query.checked",
    "submit": "query.reserved",
    "submit-refused": "query.refused",
    "search": "log.searched",
    "load": "version.loaded",
}
LOOKS = {
    "about": lambda w: about.about(w.enclave),
    "me": lambda w: people.me(w.enclave, w.ann),
    "keys": lambda w: register_keys.mine(w.enclave, w.ann),
    "datasets": lambda w: catalogue.visible(w.enclave, w.ann),
    "dataset": lambda w: catalogue.view(w.enclave, w.ann, "clinic"),
    "catalogue": lambda w: catalogue.offered(w.enclave, w.bob),
    "offer": lambda w: catalogue.offer(w.enclave, w.bob, "clinic"),
    "requests": lambda w: request_grant.listed(w.enclave, w.sue),
    "grants": lambda w: grants.listed(w.enclave, w.ann),
    "grant": lambda w: grants.view(w.enclave, w.ann, w.granted),
    "freezes": lambda w: freeze.listed(w.enclave, w.olga),
    "accounts": lambda w: accounts.mine(w.enclave, w.ann),
    "queries": lambda w: read_query.listed(w.enclave, w.ann),
    "checkpoint": lambda w: read_log.checkpoint(w.enclave, w.ann),
    "inclusion": lambda w: read_log.inclusion(w.enclave, w.ann, 0),
    "entry": lambda w: search_log.show(w.enclave, w.olga, 0),
    "export": lambda w: list(read_log.export(w.enclave, w.olga)),
    "recover": lambda w: recover.recover(w.enclave),
}


def books(world):
    """All that a change could have changed."""
    ledger = world.ledger
    return (
        ledger.size(),
        ledger.people(),
        ledger.datasets(),
        ledger.keys("ann"),
        ledger.grant_requests(),
        ledger.standings(),
        ledger.freezes(),
    )


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_exactly_one_entry_by_its_actor(fragile, name):
    size = fragile.ledger.size()
    CHANGES[name](fragile)
    (entry,) = fragile.entries()[size:]
    assert entry["kind"] == KINDS[name]
    assert entry["actor"] in ("administrator", "sue", "ann", "bob", "olga")
    assert entry["facts"]["bundle"] == fragile.enclave.bundle


@pytest.mark.parametrize("name", LOOKS)
def test_looking_writes_nothing(fragile, name):
    size = fragile.ledger.size()
    LOOKS[name](fragile)
    assert fragile.ledger.size() == size


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in ("load", "check-refused", "submit-refused")])
def test_without_a_log_nothing_happens(fragile, name):
    before = books(fragile)
    fragile.enclave.ledger.broken = True
    with pytest.raises(AuditUnavailable):
        CHANGES[name](fragile)
    fragile.settle_down()
    assert before == books(fragile)
    assert fragile.engine.orders == []
    assert fragile.enclave.desk.line.sizes() == (0, 0)


@pytest.mark.parametrize("sql", ["x", "select * from clinic.visits"])
def test_even_a_refusal_that_cannot_be_logged_is_audit_unavailable(fragile, sql):
    fragile.enclave.ledger.broken = True
    for ask in (
        lambda: fragile.submit(sql),
        lambda: check_query.check(fragile.enclave, fragile.ann, request(sql)),
    ):
        with pytest.raises(AuditUnavailable):
            ask()


def test_control_with_a_log_the_engine_is_asked(fragile):
    fragile.submit()
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
    fragile.submit()
    fragile.settle_down()
    assert seen == [("query.reserved", [fragile.engine.orders[0].id])]


def test_entries_name_the_rules_in_force(fragile):
    from policies.bundle import bundle_digest

    fragile.submit()
    facts = fragile.entries()[-1]["facts"]
    assert facts["bundle"] == bundle_digest()
    assert (facts["data_version"], facts["manifest"], facts["grant_version"]) == (1, MANIFEST, 1)
    stated = {"query", "order", "person", "key", "grant", "dataset", "space", "loss", "plan_tag", "text_tag", "sealed"}
    assert stated <= set(facts)
    assert "roads" not in str(facts)


def test_a_freeze_that_cannot_be_logged_stops_nobody_and_a_lift_lets_nobody_go(fragile):
    fragile.enclave.ledger.broken = True
    with pytest.raises(AuditUnavailable):
        freeze.freeze(fragile.enclave, fragile.olga, "person", "ann", REASON)
    fragile.enclave.ledger.broken = False
    assert fragile.submit().id
    freeze.lift(fragile.enclave, fragile.olga, fragile.frozen, REASON)
    fragile.enclave.ledger.broken = True
    with pytest.raises(AuditUnavailable):
        freeze.lift(fragile.enclave, fragile.oscar, fragile.frozen, REASON)
    assert fragile.ledger.frozen("dataset", "roads")
