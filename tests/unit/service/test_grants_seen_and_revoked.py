"""Who sees which grants, how they stand, and that a revoked one ends at once."""

from datetime import timedelta

import pytest
from service_world import COUNT, MEAN, START, ask, request

from sandbox.service import check_query, grants, submit_query
from sandbox.terms.refusal import (
    AlreadyDecided,
    GrantNotInForce,
    GrantRevoked,
    GrantUsedUp,
    MalformedRequest,
    NotFound,
    RoleNotPermitted,
)

REASON = "The study has been called off"
UNKNOWN = "g_01KJK3AZ0000000000000000AA"


@pytest.fixture
def two(bare):
    """Ann holds a grant of the clinic, Bob one of the roads."""
    bare.register()
    bare.clinic = bare.grant().to_json()["id"]
    bare.roads = bare.grant("bob", ("roads",), steward=bare.tom, epsilon="1").to_json()["id"]
    return bare


def state(world, grant, actor=None):
    return grants.view(world.enclave, actor or world.olga, grant).to_json()["state"]


def test_who_sees_which_grants(two):
    def seen(actor):
        return [view.to_json()["id"] for view in grants.listed(two.enclave, actor)]

    assert seen(two.ann) == seen(two.sue) == [two.clinic]
    assert seen(two.bob) == seen(two.tom) == [two.roads]
    assert seen(two.olga) == [two.clinic, two.roads]
    for person in (two.rita, two.administrator):
        with pytest.raises(RoleNotPermitted):
            grants.listed(two.enclave, person)


def test_unknown_grants_and_those_of_others_are_the_same(two):
    for person in (two.ann, two.sue):
        said = []
        for grant in (two.roads, UNKNOWN):
            with pytest.raises(NotFound) as refused:
                grants.view(two.enclave, person, grant)
            said.append(refused.value.problem())
        assert said[0] == said[1]
        assert grants.view(two.enclave, person, two.clinic).to_json()["analyst"] == "ann"  # the control
    with pytest.raises(RoleNotPermitted):
        grants.view(two.enclave, two.rita, two.clinic)


def test_a_grant_stands_pending_active_used_up_expired(bare):
    bare.register()
    grant = bare.grant(uses=1, days=3, not_before=START + timedelta(days=1)).to_json()["id"]
    assert state(bare, grant) == "pending"
    bare.at(86_400_000)
    assert state(bare, grant) == "active"
    bare.submit()
    shown = grants.view(bare.enclave, bare.ann, grant).to_json()
    assert (shown["state"], shown["used"], shown["uses"]) == ("used-up", 1, 1)
    with pytest.raises(GrantUsedUp):
        bare.submit(MEAN, "key-00002")
    bare.at(3 * 86_400_000)
    assert state(bare, grant) == "expired"
    with pytest.raises(GrantNotInForce):
        bare.submit(MEAN, "key-00003")


def test_revocation_is_one_entry_and_refuses_at_once(two):
    assert two.submit().id  # the control
    two.at(10_000)
    size = two.ledger.size()
    shown = grants.revoke(two.enclave, two.sue, two.clinic, REASON).to_json()
    (entry,) = two.entries()[size:]
    assert (entry["kind"], entry["actor"]) == ("grant.revoked", "sue")
    assert (entry["facts"]["grant"], entry["facts"]["reason"]) == (two.clinic, REASON)
    assert (shown["id"], shown["state"]) == (two.clinic, "revoked")
    spent = two.ledger.accounts("patients", grant=two.clinic)
    for call in (
        lambda: two.submit(MEAN, "key-00002"),
        lambda: two.submit(COUNT, "key-00003"),  # answered already: not even that
        lambda: check_query.check(two.enclave, two.ann, request()),
    ):
        with pytest.raises(GrantRevoked):
            call()
    assert two.ledger.accounts("patients", grant=two.clinic) == spent
    assert len(two.engine.orders) == 1
    assert two.submit("select count(*) from roads.trips", by="bob", need="Planning the night bus lines").id


def test_a_revoked_grant_does_not_hide_another(two):
    grants.revoke(two.enclave, two.sue, two.clinic, REASON)
    two.grant(epsilon="1")
    assert two.submit(epsilon="0.5").id


def test_a_grant_is_revoked_once_with_a_reason(two):
    size = two.ledger.size()
    for reason in ("", "too short", "x" * 501, "one\nand two lines"):
        with pytest.raises(MalformedRequest, match="reason"):
            grants.revoke(two.enclave, two.sue, two.clinic, reason)
    assert two.ledger.size() == size
    grants.revoke(two.enclave, two.sue, two.clinic, REASON)
    with pytest.raises(AlreadyDecided):
        grants.revoke(two.enclave, two.sue, two.clinic, REASON)
    assert two.ledger.size() == size + 1


def test_only_a_steward_of_all_its_data_revokes(two):
    size, said = two.ledger.size(), []
    for grant in (two.roads, UNKNOWN):
        with pytest.raises(NotFound) as refused:
            grants.revoke(two.enclave, two.sue, grant, REASON)
        said.append(refused.value.problem())
    assert said[0] == said[1]
    for person in (two.ann, two.olga, two.rita, two.administrator):
        with pytest.raises(RoleNotPermitted):
            grants.revoke(two.enclave, person, two.clinic, REASON)
    assert two.ledger.size() == size
    assert state(two, two.clinic) == state(two, two.roads) == "active"


def test_a_revocation_between_the_decision_and_the_reservation_still_refuses(two, monkeypatch):
    reserve = two.ledger.reserve

    def late(reservation, entry):
        grants.revoke(two.enclave, two.sue, two.clinic, REASON)
        return reserve(reservation, entry)

    monkeypatch.setattr(two.ledger, "reserve", late)
    with pytest.raises(GrantRevoked):
        submit_query.submit(two.enclave, two.ann, ask(two), "key-00001")
    assert two.engine.orders == [] and two.kinds().count("query.reserved") == 0
