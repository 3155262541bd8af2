"""A steward decides once, on what others asked for, and gives no more than that."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from service_world import CLINIC, COUNT, START

from sandbox.proof.signed_grant import check_grant
from sandbox.service import decide_grant, register_dataset, request_grant
from sandbox.terms.people import ReviewDuty
from sandbox.terms.refusal import (
    AlreadyDecided,
    GrantTooNarrow,
    LossTooSmall,
    MalformedNumber,
    MalformedRequest,
    NotFound,
    OwnRequest,
    ProofFailed,
    RoleNotPermitted,
    UnknownColumn,
    UnknownTable,
)

REASON = "Not needed for this purpose"


@pytest.fixture
def loaded(bare):
    return bare.register()


def approve(world, asked, actor=None, **narrower):
    return decide_grant.approve(world.enclave, actor or world.sue, asked.to_json()["id"], **narrower)


def decline(world, asked, actor=None, reason=REASON):
    return decide_grant.decline(world.enclave, actor or world.sue, asked.to_json()["id"], reason)


def unchanged(world, refusal, call, match=None):
    size = world.ledger.size()
    with pytest.raises(refusal, match=match) as refused:
        call()
    assert world.ledger.size() == size
    return refused.value


def test_approval_gives_what_was_asked_for_signed_in_one_entry(loaded):
    asked = loaded.request_grant(uses=7)
    size = loaded.ledger.size()
    given = approve(loaded, asked)
    shown, wanted = given.to_json(), asked.to_json()
    for name in (
        "analyst",
        "organisation",
        "datasets",
        "tables",
        "columns",
        "aggregates",
        "purpose",
        "epsilon",
        "uses",
    ):
        assert shown[name] == wanted[name]
    assert (shown["version"], shown["request"], shown["used"], shown["review"]) == (1, wanted["id"], 0, "profile")
    assert (shown["not_before"], shown["not_after"]) == ("2026-03-01T00:00:00.000000Z", wanted["not_after"])
    assert (shown["given_by"], shown["state"]) == ("sue", "active")
    (entry,) = loaded.entries()[size:]
    assert (entry["kind"], entry["actor"]) == ("grant.given", "sue")
    assert (entry["facts"]["grant"], entry["facts"]["request"]) == (shown["id"], wanted["id"])
    assert entry["facts"]["signature"] == shown["signature"]
    check_grant(given.grant, loaded.enclave.release_key.verifier)
    with pytest.raises(ProofFailed):  # the control: the signature covers what was given
        check_grant(replace(given.grant, uses=8), loaded.enclave.release_key.verifier)
    stored = loaded.ledger.standing(shown["id"])
    assert stored.grant == given.grant
    (request,) = request_grant.listed(loaded.enclave, loaded.ann)
    request = request.to_json()
    assert (request["state"], request["grant"], request["decided_by"]) == ("approved", shown["id"], "sue")


def test_a_steward_may_narrow_every_word(loaded):
    asked = loaded.request_grant(epsilon="5", uses=7)
    given = approve(
        loaded,
        asked,
        epsilon="2.5",
        uses=3,
        tables=["clinic.visits"],
        columns=["clinic.visits.sex"],
        aggregates=["count"],
        not_before=START + timedelta(days=1),
        not_after=START + timedelta(days=2),
        review="two",
    ).to_json()
    assert (given["epsilon"], given["uses"], given["review"], given["state"]) == ("2.5", 3, "two", "pending")
    assert (given["columns"], given["aggregates"]) == (["clinic.visits.sex"], ["count"])
    assert (given["not_before"], given["not_after"]) == ("2026-03-02T00:00:00.000000Z", "2026-03-03T00:00:00.000000Z")
    account = next(item for item in loaded.ledger.accounts("patients", grant=given["id"]) if item.kind == "grant")
    whole = approve(loaded, loaded.request_grant(epsilon="5")).to_json()["id"]
    wide = next(item for item in loaded.ledger.accounts("patients", grant=whole) if item.kind == "grant")
    assert 0 < account.limit.units < wide.limit.units


def test_datasets_without_a_table_left_fall_out(loaded):
    second = CLINIC.replace('name = "clinic"', 'name = "annex"')
    register_dataset.register(loaded.enclave, loaded.sue, second, "annex.toml")
    asked = loaded.request_grant(datasets=("clinic", "annex"))
    unchanged(loaded, MalformedRequest, lambda: approve(loaded, asked, tables=[]), "tables")
    given = approve(loaded, asked, tables=["annex.visits"]).to_json()
    assert (given["datasets"], given["tables"]) == (["annex"], ["annex.visits"])
    assert {column.rpartition(".")[0] for column in given["columns"]} == {"annex.visits"}
    with pytest.raises(UnknownTable):
        loaded.submit(COUNT)


NARROW = {
    "columns": ["clinic.visits.age", "clinic.visits.sex"],
    "aggregates": ["count"],
    "uses": 5,
    "epsilon": "1",
    "not_before": START + timedelta(days=2),
    "days": 10,
}


@pytest.mark.parametrize(
    ("wider", "field"),
    [
        ({"epsilon": "1.000000001"}, "epsilon"),
        ({"uses": 6}, "uses"),
        ({"tables": ["clinic.visits", "roads.trips"]}, "tables"),
        ({"columns": ["clinic.visits.cost"]}, "columns"),
        ({"columns": ["clinic.visits.age", "clinic.visits.note"]}, "columns"),
        ({"aggregates": ["count", "sum"]}, "aggregates"),
        ({"not_before": START + timedelta(days=1)}, "not_before"),
        ({"not_after": START + timedelta(days=10, microseconds=1)}, "not_after"),
    ],
)
def test_nothing_wider_than_asked_is_given(loaded, wider, field):
    asked = loaded.request_grant(**NARROW)
    refused = unchanged(loaded, MalformedRequest, lambda: approve(loaded, asked, **wider), field)
    assert refused.facts["field"] == field
    approve(loaded, asked)  # the control: as it was asked for


@pytest.mark.parametrize(
    ("change", "refusal", "match"),
    [
        ({"epsilon": "0"}, LossTooSmall, None),
        ({"epsilon": "one"}, MalformedNumber, None),
        ({"uses": 0}, MalformedRequest, "uses"),
        ({"aggregates": []}, MalformedRequest, "aggregates"),
        ({"review": "none"}, MalformedRequest, "review"),
        ({"not_after": START}, MalformedRequest, "not_after"),
        ({"not_after": datetime(2026, 3, 9)}, MalformedRequest, "not_after"),  # noqa: DTZ001 - without offset
        ({"not_before": START - timedelta(days=1)}, MalformedRequest, "not_before"),
    ],
)
def test_an_approval_that_cannot_be(loaded, change, refusal, match):
    asked = loaded.request_grant()
    unchanged(loaded, refusal, lambda: approve(loaded, asked, **change), match)


def test_a_request_whose_term_is_over_is_not_approved(loaded):
    asked = loaded.request_grant(days=1)
    loaded.at(86_400_000)
    unchanged(loaded, MalformedRequest, lambda: approve(loaded, asked), "not_after")


def test_a_grant_begins_with_its_approval_not_before(loaded):
    asked = loaded.request_grant()
    loaded.at(3_600_000)
    assert approve(loaded, asked).grant.not_before == datetime(2026, 3, 1, 1, tzinfo=UTC)


def test_a_request_is_decided_once(loaded):
    approved, declined = loaded.request_grant(), loaded.request_grant()
    approve(loaded, approved)
    decline(loaded, declined)
    for asked in (approved, declined):
        for decide in (approve, decline):
            unchanged(loaded, AlreadyDecided, lambda asked=asked, decide=decide: decide(loaded, asked))


def test_declining_is_one_entry_with_the_reason_which_the_analyst_sees(loaded):
    asked = loaded.request_grant()
    size = loaded.ledger.size()
    unchanged(loaded, MalformedRequest, lambda: decline(loaded, asked, reason="no"), "reason")
    shown = decline(loaded, asked).to_json()
    (entry,) = loaded.entries()[size:]
    assert (entry["kind"], entry["actor"]) == ("grant.declined", "sue")
    assert (entry["facts"]["request"], entry["facts"]["reason"]) == (shown["id"], REASON)
    (seen,) = request_grant.listed(loaded.enclave, loaded.ann)
    assert seen.to_json() == shown
    assert (shown["state"], shown["decided_by"], shown["decision_reason"]) == ("declined", "sue", REASON)
    assert list(loaded.ledger.standings("ann")) == []


def test_unknown_requests_and_those_of_other_stewards_data_are_the_same(loaded):
    theirs, shared = loaded.request_grant("bob", ("roads",)), loaded.request_grant("bob", ("clinic", "roads"))
    for decide in (approve, decline):
        said = []
        for request_id in (theirs.to_json()["id"], shared.to_json()["id"], "gr_01KJK3AZ0000000000000000AA"):
            words = {"reason": REASON} if decide is decline else {}
            call = getattr(decide_grant, decide.__name__)
            said.append(
                unchanged(
                    loaded,
                    NotFound,
                    lambda call=call, request_id=request_id, words=words: call(
                        loaded.enclave, loaded.sue, request_id, **words
                    ),
                ).problem()
            )
        assert said[0] == said[1] == said[2]
    approve(loaded, theirs, loaded.tom)  # the control: the steward of that data


def test_only_stewards_decide(loaded):
    asked = loaded.request_grant()
    for person in (loaded.ann, loaded.bob, loaded.olga, loaded.rita, loaded.administrator):
        for decide in (approve, decline):
            unchanged(loaded, RoleNotPermitted, lambda person=person, decide=decide: decide(loaded, asked, person))


class OneHuman:
    """A ledger in which `ann` and `sue` are one human: what enrolment refuses, and an old or altered book may hold."""

    def __init__(self, ledger, name) -> None:
        self._ledger, self._name = ledger, name

    def person(self, name):
        found = self._ledger.person(name)
        return replace(found, identity=self._name) if name == "ann" else found

    def __getattr__(self, name):
        return getattr(self._ledger, name)


def test_nobody_decides_on_their_own_request_under_another_name(loaded):
    asked = loaded.request_grant()
    real = loaded.enclave
    for name, refusal in (("sue", OwnRequest), ("staff-17", OwnRequest), ("staff-18", None)):
        enclave = replace(real, ledger=OneHuman(real.ledger, name))
        actor = replace(loaded.sue, identity="" if name == "sue" else "staff-17")
        if refusal is None:  # the control: two humans
            assert decide_grant.approve(enclave, actor, asked.to_json()["id"]).grant.given_by == "sue"
            continue
        for call in (
            lambda e=enclave, a=actor: decide_grant.approve(e, a, asked.to_json()["id"]),
            lambda e=enclave, a=actor: decide_grant.decline(e, a, asked.to_json()["id"], REASON),
        ):
            unchanged(loaded, refusal, call)


def test_what_the_approval_left_out_cannot_be_asked(loaded):
    approve(loaded, loaded.request_grant(), columns=["clinic.visits.sex"], aggregates=["count"])
    with pytest.raises(UnknownColumn):
        loaded.submit("select count(*) from clinic.visits where age > 30")
    with pytest.raises(GrantTooNarrow):
        loaded.submit("select count(distinct patient_id) from clinic.visits")
    assert loaded.submit(COUNT).id  # the control


def test_every_review_duty_can_be_laid_on(loaded):
    for duty in ReviewDuty:
        assert approve(loaded, loaded.request_grant(epsilon="1"), review=duty.value).grant.review is duty
