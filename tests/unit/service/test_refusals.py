"""Every no of the straight line: which, in which order, and that nothing was spent and no engine asked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from service_world import COUNT, VAULT, ask, request

from sandbox.service import check_query, register_dataset, submit_query
from sandbox.service.ask import QueryRequest
from sandbox.terms.refusal import (
    BudgetInsufficient,
    CoreGrade,
    DatasetNotLoaded,
    EnclaveBusy,
    EnclaveNotReady,
    GrantNotInForce,
    GrantTooNarrow,
    LossTooLarge,
    LossTooSmall,
    MalformedNumber,
    MalformedRequest,
    NeedMissing,
    PurposeNotGranted,
    Refusal,
    RequestTooLarge,
    RoleNotPermitted,
    UnknownTable,
)

MATRIX = [
    (request("select * from clinic.visits"), "rows-not-released"),
    (request("select count(*) from clinic.nothing"), "unknown-table"),
    (request("select count(*) from roads.trips"), "unknown-table"),
    (request("select count(*) from nowhere.trips"), "unknown-table"),
    (request("select avg(salary) from clinic.visits"), "unknown-column"),
    (request("select frobnicate(age) from clinic.visits"), "unknown-function"),
    (request("select count(note) from clinic.visits"), "unknown-column"),
    (request("selec count(*)"), "sql-not-parsed"),
    (request("x" * 65_537), "request-too-large"),
    (request("select '\ud800'"), "malformed-request"),
    (request(purpose="care"), "purpose-not-granted"),
    (request(purpose=""), "malformed-request"),
    (request(purpose="a\nb"), "malformed-request"),
    (request(purpose="x" * 201), "malformed-request"),
    (request(need="a\nb"), "malformed-request"),
    (request(need="x" * 501), "malformed-request"),
    (request(epsilon="one"), "malformed-number"),
    (request(epsilon="-1"), "malformed-number"),
    (request(epsilon="\ud800"), "malformed-number"),
    (request(epsilon="0"), "loss-too-small"),
    (request(epsilon="1e-9"), "loss-too-small"),
    (request(epsilon="999999999"), "budget-insufficient"),
    (request(epsilon="9999999999e12"), "loss-too-large"),
    (request(epsilon="1e999"), "malformed-number"),
    (request(epsilon="5.1"), "budget-insufficient"),
]


@pytest.mark.parametrize(("asked", "code"), MATRIX, ids=[f"{number}-{code}" for number, (_, code) in enumerate(MATRIX)])
def test_a_refusal_spends_nothing_and_is_logged_once(world, asked, code):
    size, accounts = world.ledger.size(), world.ledger.accounts("patients", "clinic", None, "ann")
    with pytest.raises(Refusal) as submitted:
        world.submit(asked.sql, purpose=asked.purpose, epsilon=asked.epsilon, need=asked.need)
    with pytest.raises(Refusal) as checked:
        check_query.check(world.enclave, world.ann, asked)
    assert submitted.value.code == checked.value.code == code
    assert submitted.value.problem()["spent"] == "0"
    first, second = world.entries()[size:]
    assert (first["kind"], first["facts"]["code"]) == ("query.refused", code)
    assert (second["kind"], second["facts"]["verdict"]) == ("query.checked", code)
    assert first["facts"]["text_tag"] == second["facts"]["text_tag"]
    assert set(first["facts"]) == {"text_tag", "code", "purpose", "bundle", "salt"}
    assert world.ledger.accounts("patients", "clinic", None, "ann") == accounts
    assert world.engine.orders == [] and world.ledger.unsettled() == []


def refused(world, sql=COUNT, actor="ann", key="key-00001", **more):
    """Signed by the actor where they have keys."""
    actor = world.person(actor)
    by = actor.name if actor.name in world.pairs else "ann"
    with pytest.raises(Refusal) as refusal:
        submit_query.submit(world.enclave, actor, ask(world, sql, key=key, by=by, **more), key)
    return refusal.value


def test_not_granted_and_not_there_are_one_refusal(world):
    """Same words, same facts: only the caller's own text differs."""
    theirs = refused(world, "select count(*) from roads.trips").problem()
    nowhere = refused(world, "select count(*) from roabs.trips").problem()
    assert theirs["code"] == "unknown-table"
    assert {name: str(value).replace("roabs", "roads") for name, value in nowhere.items()} == {
        name: str(value) for name, value in theirs.items()
    }


def test_a_refusal_does_not_depend_on_what_else_is_registered(bare):
    asked = ("select count(*) from roads.trips", "select secret from roads.trips", "select count(*) from clinic.visits")
    before = [refused(bare, sql).problem() for sql in asked]
    bare.register()
    assert [refused(bare, sql).problem() for sql in asked] == before
    assert all(problem["code"] == "unknown-table" for problem in before)


def test_a_purpose_or_term_that_does_not_fit(world):
    assert isinstance(refused(world, purpose="care"), PurposeNotGranted)
    world.grant(purpose="care", not_before=world.clock.now() + timedelta(days=2))
    assert isinstance(refused(world, purpose="care"), GrantNotInForce)
    world.at(30 * 86_400_000 - 1)
    world.submit(key="key-00002")
    world.at(30 * 86_400_000)
    refusal = refused(world, sql=COUNT.replace("sex", "sex"), epsilon="2")
    assert isinstance(refusal, GrantNotInForce)
    assert isinstance(refused(world, "select count(*) from roads.trips"), UnknownTable)


@pytest.mark.parametrize("who", ["sue", "olga", "rita", "administrator"])
def test_only_analysts_ask(world, who):
    assert isinstance(refused(world, actor=getattr(world, who)), RoleNotPermitted)
    with pytest.raises(RoleNotPermitted):
        check_query.check(world.enclave, getattr(world, who), request())


def test_a_dataset_without_data(bare):
    from service_world import CLINIC

    from sandbox.service import register_dataset

    register_dataset.register(bare.enclave, bare.sue, CLINIC, "clinic.toml")
    bare.grant()
    assert isinstance(refused(bare), DatasetNotLoaded)
    assert isinstance(refused(bare, purpose="care"), PurposeNotGranted)


def test_without_an_engine_nothing_is_reserved(world):
    world.engine.alive = False
    assert isinstance(refused(world), EnclaveNotReady)
    assert "query.reserved" not in world.kinds() and world.kinds()[-1] == "query.refused"
    check_query.check(world.enclave, world.ann, request())  # a quote needs no engine


@pytest.mark.parametrize("key", ["", "a b", "a\n", "ä", "x" * 129])
def test_bad_idempotency_keys(world, key):
    assert isinstance(refused(world, key=key), MalformedRequest)


def test_limits_of_running_queries(make_world):
    world = make_world(max_running=3, max_running_per_person=2)
    world.register()
    world.grant()
    world.grant("bob")

    def ask(number, actor=world.ann):
        sql = f"select count(*) from clinic.visits where age > {number}"
        return world.submit(sql, f"key-{number:05d}", actor)

    first = ask(1)
    ask(2)
    with pytest.raises(EnclaveBusy) as own:
        ask(3)
    assert own.value.facts == {"running": 2}
    ask(4, world.bob)
    with pytest.raises(EnclaveBusy) as everybody:
        ask(5, world.bob)
    assert everybody.value.facts == {}
    assert ask(1).id == first.id  # a known key is answered also when there is no room
    world.at(60_000)
    ask(3)
    assert world.kinds().count("query.reserved") == 4


def test_room_is_given_back_after_a_refused_reservation(make_world):
    world = make_world(max_running=1)
    world.register()
    world.grant()
    for number in range(3):
        assert isinstance(refused(world, epsilon="6", key=f"key-{number:05d}"), BudgetInsufficient)
    world.submit(key="key-00009")


def test_a_short_shared_account_shows_no_amount(world):
    """The dataset's and the space's books move with rivals' questions; only the caller's own balance is told."""
    world.grant("ann", ("roads",), steward=world.tom, epsilon="3")
    world.grant("bob", ("roads",), steward=world.tom, epsilon="3")
    sql = "select count(*) from roads.trips"
    need = "For planning the new road"
    world.submit(sql, by="bob", epsilon="2", need=need)
    for refuses in (refused, checked):
        refusal = refuses(world, sql, epsilon="2", need=need)
        assert isinstance(refusal, BudgetInsufficient)
        assert refusal.facts["account"] in ("dataset", "space")
        assert "left" not in refusal.problem() and "1.0" not in refusal.detail
    own = refused(world, sql, epsilon="3.5", need=need)
    assert own.facts["account"] in ("grant", "analyst") and "left" in own.problem()  # control


def checked(world, sql, **more):
    with pytest.raises(Refusal) as refusal:
        check_query.check(world.enclave, world.ann, request(sql, **more))
    return refusal.value


def test_important_data_asks_for_the_need(world):
    world.grant("ann", ("roads",), steward=world.tom, epsilon="3")
    sql = "select count(*) from roads.trips"
    for need in ("", "short"):
        for refuses in (refused, checked):
            assert isinstance(refuses(world, sql, need=need), NeedMissing)
    assert "query.reserved" not in world.kinds()
    quote = check_query.check(world.enclave, world.ann, request(sql, need="For planning the new road")).to_json()
    assert (quote["review"]["outcome"], quote["review"]["votes"]) == ("held", 2)
    (reason,) = quote["review"]["reasons"]
    assert reason["id"] == "grade-reviewed" and reason["words"]["en"] and reason["words"]["zh"]


def test_core_data_is_refused_whatever_the_ledger_says_of_grants(world):
    """No grant can be asked for; even with one in hand the query is refused before any data."""
    register_dataset.register(world.enclave, world.sue, VAULT, "vault.toml")
    grant = world.ledger.standings("ann")[0]
    wide = replace(
        grant,
        grant=replace(
            grant.grant,
            datasets=("vault",),
            tables=("vault.items",),
            columns=("vault.items.weight",),
        ),
    )
    world.ledger.standings = lambda analyst=None: [wide]
    for refuses in (refused, checked):
        assert isinstance(refuses(world, "select sum(weight) as w from vault.items"), CoreGrade)
    assert world.engine.orders == []


def test_what_a_grant_leaves_out_is_as_if_it_were_not_there(world):
    """A table's columns that no own grant names are unknown columns; what is granted apart does not add up."""
    world.grant("bob", columns=["clinic.visits.sex"], aggregates=["count"])
    for column in ("cost", "nothing"):
        refusal = refused(world, f"select avg({column}) as c from clinic.visits", "bob")
        assert refusal.code == "unknown-column"
    assert isinstance(
        refused(world, "select count(distinct patient_id) as n from clinic.visits", "bob"), GrantTooNarrow
    )
    world.grant("bob", columns=["clinic.visits.cost"], aggregates=["sum"])
    both = "select sex, sum(cost) as c from clinic.visits group by sex"
    assert isinstance(refused(world, both, "bob"), GrantTooNarrow)
    assert world.submit(COUNT, by="bob").state == "running"  # control
    assert world.submit("select sum(cost) as c from clinic.visits", "key-00002", "bob").state == "running"


def test_the_kinds_are_what_the_codes_say():
    for kind in (LossTooSmall, LossTooLarge, MalformedNumber, RequestTooLarge):
        assert issubclass(kind, Refusal)
    assert QueryRequest("a", "b", "1").body_digest != QueryRequest("a", "b", "1.0").body_digest
