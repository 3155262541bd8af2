"""What an officer freezes stops at once, and goes on when two humans have said so."""

from dataclasses import replace

import pytest
from service_world import COUNT, MEAN, request

from sandbox.service import accounts, catalogue, check_query, decide_grant, freeze, grants, read_log
from sandbox.terms.refusal import (
    AlreadyDecided,
    Frozen,
    MalformedRequest,
    NotFound,
    OwnRequest,
    RoleNotPermitted,
)

REASON = "Unusual questions at night"
UNKNOWN = "f_01KJK3AZ0000000000000000AA"


@pytest.fixture
def told(world, monkeypatch):
    """The world, and how often pending releases were looked for."""
    world.grant_id = grants.listed(world.enclave, world.ann)[0].to_json()["id"]
    world.released = []
    real = freeze.release_pending
    monkeypatch.setattr(freeze, "release_pending", lambda enclave: (world.released.append(enclave), real(enclave)))
    return world


def subject(world, kind):
    return {"person": "ann", "grant": world.grant_id, "dataset": "clinic"}[kind]


def stop(world, kind="person", name=None, actor=None, reason=REASON):
    return freeze.freeze(world.enclave, actor or world.olga, kind, name or subject(world, kind), reason)


def lift(world, view, actor, reason="The questions were explained"):
    return freeze.lift(world.enclave, actor, view.to_json()["id"], reason)


KINDS = ["person", "grant", "dataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_frozen_asks_nothing_until_two_officers_have_lifted_it(told, kind):
    told.submit()
    told.at(10_000)
    view = stop(told, kind)
    orders = len(told.engine.orders)

    def refused():
        for call in (
            lambda: told.submit(MEAN, "key-00002"),
            lambda: told.submit(COUNT, "key-00003"),
            lambda: check_query.check(told.enclave, told.ann, request()),
        ):
            with pytest.raises(Frozen):
                call()

    refused()
    assert lift(told, view, told.olga).to_json()["lifted"] is False
    refused()
    assert told.released == []
    shown = lift(told, view, told.oscar).to_json()
    told.settle_down()
    assert (shown["lifted"], shown["lift_asked_by"]) == (True, "olga")
    assert len(told.released) == 1 and len(told.engine.orders) == orders
    assert told.submit(MEAN, "key-00004").id  # the control: nothing else stood in the way


def test_others_go_on(told):
    told.grant("bob", epsilon="1")
    stop(told, "person")
    stop(told, "grant")
    assert told.submit(by="bob", epsilon="0.5").id


def test_a_frozen_person_sees_how_things_stand_and_changes_nothing(told):
    stop(told, "person")
    size = told.ledger.size()
    for look in (
        lambda: catalogue.visible(told.enclave, told.ann),
        lambda: catalogue.offered(told.enclave, told.ann),
        lambda: accounts.mine(told.enclave, told.ann),
        lambda: grants.listed(told.enclave, told.ann),
        lambda: grants.view(told.enclave, told.ann, told.grant_id),
        lambda: read_log.checkpoint(told.enclave, told.ann),
    ):
        assert look()
    for change in (told.request_grant, lambda: told.register_keys(told.ann)):
        with pytest.raises(Frozen):
            change()
    assert told.ledger.size() == size


@pytest.mark.parametrize("name", ["sue", "administrator"])
def test_whoever_is_frozen_does_nothing_whatever_their_role(told, name):
    asked = told.request_grant("bob", epsilon="1").to_json()["id"]
    stop(told, "person", name)
    size = told.ledger.size()
    for change in {
        "sue": (
            lambda: decide_grant.approve(told.enclave, told.sue, asked),
            lambda: decide_grant.decline(told.enclave, told.sue, asked, REASON),
            lambda: grants.revoke(told.enclave, told.sue, told.grant_id, REASON),
            lambda: told.load("clinic", "visits", told.sue),
        ),
        "administrator": (lambda: told.enrol("eve", "acme", "analyst"),),
    }[name]:
        with pytest.raises(Frozen):
            change()
    assert told.ledger.size() == size


def test_a_frozen_grant_says_so(told):
    view = stop(told, "grant")
    assert grants.view(told.enclave, told.ann, told.grant_id).to_json()["state"] == "frozen"
    lift(told, view, told.olga)
    lift(told, view, told.oscar)
    assert grants.view(told.enclave, told.ann, told.grant_id).to_json()["state"] == "active"


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_is_one_entry(told, kind):
    size = told.ledger.size()
    view = stop(told, kind).to_json()
    lift(told, freeze.listed(told.enclave, told.olga)[0], told.olga)
    lift(told, freeze.listed(told.enclave, told.olga)[0], told.oscar)
    told.settle_down()
    entries = told.entries()[size:]
    assert [(entry["kind"], entry["actor"]) for entry in entries] == [
        ("freeze.set", "olga"),
        ("freeze.lift-asked", "olga"),
        ("freeze.lifted", "oscar"),
    ]
    assert {entry["facts"]["freeze"] for entry in entries} == {view["id"]}
    first = entries[0]["facts"]
    assert (first["subject"], first["name"], first["reason"]) == (kind, subject(told, kind), REASON)
    assert view | {"id": "x"} == {
        "id": "x",
        "subject": kind,
        "name": subject(told, kind),
        "by": "olga",
        "reason": REASON,
        "at": "2026-03-01T00:00:00.000000Z",
        "lift_asked_by": None,
        "lifted": False,
    }
    assert freeze.listed(told.enclave, told.sue) == []


def test_one_human_does_not_lift_alone(told):
    view = stop(told)
    lift(told, view, told.olga)
    size = told.ledger.size()
    again = replace(told.oscar, identity="olga")  # the same human under another name
    for actor in (told.olga, again):
        with pytest.raises(OwnRequest):
            lift(told, view, actor)
    assert told.ledger.size() == size and told.ledger.frozen("person", "ann")
    assert lift(told, view, told.oscar).to_json()["lifted"]  # the control


def test_what_is_frozen_is_not_frozen_again_nor_lifted_again(told):
    view = stop(told)
    with pytest.raises(AlreadyDecided):
        stop(told, actor=told.oscar)
    lift(told, view, told.olga)
    lift(told, view, told.oscar)
    told.settle_down()
    third = told.enrol("otto", "bureau", "officer")
    with pytest.raises(AlreadyDecided):
        lift(told, view, third)
    assert stop(told).to_json()["id"] != view.to_json()["id"]


@pytest.mark.parametrize(
    ("kind", "name", "refusal"),
    [
        ("person", "nobody", NotFound),
        ("person", "clinic", NotFound),
        ("grant", "g_01KJK3AZ0000000000000000AA", NotFound),
        ("dataset", "nowhere", NotFound),
        ("dataset", "ann", NotFound),
        ("planet", "earth", MalformedRequest),
    ],
)
def test_what_is_not_there_cannot_be_frozen(told, kind, name, refusal):
    size = told.ledger.size()
    with pytest.raises(refusal):
        stop(told, kind, name)
    with pytest.raises(NotFound):
        freeze.lift(told.enclave, told.olga, UNKNOWN, REASON)
    assert told.ledger.size() == size


@pytest.mark.parametrize("reason", ["", "too short", "x" * 501, "one\nand two lines"])
def test_every_step_has_a_reason(told, reason):
    with pytest.raises(MalformedRequest, match="reason"):
        stop(told, reason=reason)
    view = stop(told)
    size = told.ledger.size()
    with pytest.raises(MalformedRequest, match="reason"):
        lift(told, view, told.olga, reason)
    assert told.ledger.size() == size


def test_officers_freeze_stewards_look_nobody_else(told):
    view = stop(told)
    for person in (told.sue, told.bob, told.rita, told.administrator):
        with pytest.raises(RoleNotPermitted):
            stop(told, "dataset", actor=person)
        with pytest.raises(RoleNotPermitted):
            lift(told, view, person)
    for person in (told.bob, told.rita, told.administrator):
        with pytest.raises(RoleNotPermitted):
            freeze.listed(told.enclave, person)
    assert [item.to_json()["name"] for item in freeze.listed(told.enclave, told.sue)] == ["ann"]


def test_a_frozen_officer_lifts_nothing(told):
    view = stop(told, "person", "olga")  # by herself: the others lift it
    with pytest.raises(Frozen):
        lift(told, view, told.olga)
    with pytest.raises(Frozen):
        stop(told, "dataset")
    otto = told.enrol("otto", "bureau", "officer")
    lift(told, view, otto)
    assert lift(told, view, told.oscar).to_json()["lifted"]
    assert stop(told, "dataset").to_json()["by"] == "olga"


def test_a_freeze_between_the_decision_and_the_reservation_still_refuses(told, monkeypatch):
    reserve = told.ledger.reserve

    def late(reservation, entry):
        stop(told, "dataset")
        return reserve(reservation, entry)

    monkeypatch.setattr(told.ledger, "reserve", late)
    with pytest.raises(Frozen):
        told.submit()
    assert told.engine.orders == []


def test_a_lift_succeeds_though_the_pool_is_closing(told):
    view = stop(told)
    lift(told, view, told.olga)
    told.jobs.closed = True
    assert lift(told, view, told.oscar).to_json()["lifted"]
    assert told.released == []


def test_who_asked_to_lift_is_told_that_another_must_agree(told):
    view = stop(told)
    lift(told, view, told.olga)
    with pytest.raises(OwnRequest, match="another officer"):
        lift(told, view, told.olga)
    assert lift(told, view, told.oscar).to_json()["lifted"]  # the control
