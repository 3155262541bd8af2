"""Questions over several datasets that no single grant of the analyst covers: asked under several, charged to each."""

import pytest
from joined_world import JOIN, NEED, granted, joined, spent
from line_steps import asked, facts, freeze, later, lift, look, release, revoke, state, vote
from service_world import COUNT, REASON, request
from test_several_datasets import reserved

from sandbox.adapters import books
from sandbox.proof.log_export import verify_export
from sandbox.proof.release_words import release_words
from sandbox.service import check_query, decide_grant, failures, read_log, review_desk
from sandbox.terms.people import ReviewDuty
from sandbox.terms.refusal import (
    AlreadyDecided,
    BudgetInsufficient,
    Frozen,
    GrantNotInForce,
    GrantRevoked,
    GrantTooNarrow,
    GrantUsedUp,
    PurposeNotGranted,
    UnknownTable,
)


@pytest.fixture
def apart(make_world):
    """bob has a grant of the clinic and one of the dental hospital, and none of both."""
    world = joined(make_world())
    world.clinic, world.dental = (granted(world, name, analyst="bob") for name in ("clinic", "dental"))
    return world


def submit(world, sql=JOIN, key="key-00001", **more):
    return asked(world, sql, key, "bob", need=NEED, **more)


def check(world, sql=JOIN, **more):
    return check_query.check(world.enclave, world.bob, request(sql, need=NEED, **more)).to_json()


def approved(world, query):
    for reviewer in (world.rita, world.rhea):
        vote(world, reviewer, query)
    return release(world, query, "bob")


def refused(world, kind, sql=JOIN, **more):
    """Refused by check and by submit, nothing spent, nothing asked of the engine; the refusal."""
    before, orders = spent(world), len(world.engine.orders)
    with pytest.raises(kind) as quoted:
        check(world, sql, **more)
    with pytest.raises(kind) as refusal:
        world.submit(sql, "key-refused", by="bob", need=NEED, **more)
    assert (spent(world), len(world.engine.orders)) == (before, orders)
    assert quoted.value.code == refusal.value.code
    return refusal.value


def test_both_grants_are_charged_once_named_and_certified(apart):
    query = submit(apart)
    document = approved(apart, query)
    units = apart.engine.orders[0].reserved.units
    owners = [
        *(("space", "patients"), ("dataset", "clinic"), ("dataset", "dental")),
        *(("grant", apart.clinic), ("grant", apart.dental), ("analyst", "bob")),
    ]
    assert spent(apart) == dict.fromkeys(owners, units)
    further = [{"grant": apart.dental, "grant_version": 1}]
    (entry,) = reserved(apart)
    assert (entry["grant"], entry["also_under"]) == (apart.clinic, further)
    found = facts(apart, document)
    assert (found["grant"], found["also_under"]) == (apart.clinic, further)
    for language in ("en", "zh"):
        said = " ".join(release_words(found, {"reserved": 1, "committed": 2, "released": 3}, None, language))
        assert apart.clinic in said and apart.dental in said
    used = {each.grant.id: each.used for each in apart.ledger.standings("bob")}
    assert used == {apart.clinic: 1, apart.dental: 1}


def test_a_quote_names_both_grants_and_what_each_has_left(apart):
    quote = check(apart)
    assert (quote["grant"], quote["grants"]) == (apart.clinic, [apart.clinic, apart.dental])
    assert [(item["kind"], item["owner"]) for item in quote["accounts"]] == [
        *(("grant", name) for name in sorted((apart.clinic, apart.dental))),
        ("analyst", "bob"),
    ]
    assert check(apart, COUNT)["grants"] == [apart.clinic]  # the control


def test_control_a_question_of_one_dataset_uses_one_grant(apart):
    submit(apart, COUNT)
    assert ("grant", apart.dental) not in spent(apart)
    assert reserved(apart)[0]["also_under"] == []


def test_a_grant_of_both_is_taken_alone_while_it_can_pay(apart):
    wide = granted(apart, "clinic", "dental", analyst="bob", epsilon="1.5")
    assert check(apart)["grants"] == [wide]
    submit(apart)
    assert {name for kind, name in spent(apart) if kind == "grant"} == {wide}
    assert check(apart, epsilon="1.4")["grants"] == [apart.clinic, apart.dental]


def test_the_same_question_has_the_same_answer_under_the_same_grants(apart):
    first = submit(apart)
    before = spent(apart)
    again = apart.submit(JOIN, "key-00002", by="bob", need=NEED)
    assert again.reused and spent(apart) == before
    entry = apart.entries()[again.receipt.index]["facts"]
    assert (entry["of"], entry["also_under"]) == (first.id, [{"grant": apart.dental, "grant_version": 1}])
    assert {each.used for each in apart.ledger.standings("bob")} == {2}
    approved(apart, first)
    assert facts(apart, release(apart, again, "bob"))["grant"] == apart.clinic


def test_an_answer_of_two_grants_is_none_of_a_third(apart):
    submit(apart)
    granted(apart, "clinic", "dental", analyst="bob")
    assert apart.submit(JOIN, "key-00002", by="bob", need=NEED).reused  # stored under the two
    assert not asked(apart, JOIN, "key-00003", "ann", need=NEED).reused  # the control: another person's grant


# -- any one of them missing, ended or narrower ------------------------------------------------------------------------


@pytest.fixture
def apartly(make_world):
    """Gives bob grants of the clinic and the dental hospital, the one named differently; also the one's id."""

    def made(bad, **changes):
        world = joined(make_world())
        ids = {
            name: granted(world, name, analyst="bob", **(changes if name == bad else {}))
            for name in ("clinic", "dental")
        }
        return world, ids[bad]

    return made


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_a_missing_grant_is_told_as_what_is_not_there(make_world, bad):
    world = joined(make_world())
    granted(world, "dental" if bad == "clinic" else "clinic", analyst="bob")
    assert "no grant" in refused(world, UnknownTable).detail


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_another_purpose_of_one_refuses(apartly, bad):
    world, _ = apartly(bad, purpose="teaching")
    refusal = refused(world, PurposeNotGranted)
    assert refusal.detail.startswith(f"For the dataset {bad}: ") and refusal.facts["purposes"] == ["teaching"]
    refused(world, PurposeNotGranted, purpose="teaching")
    granted(world, bad, analyst="bob")
    assert submit(world).state == "running"  # the control


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_a_revoked_one_refuses(apartly, bad):
    world, name = apartly(bad)
    revoke(world, name)
    refusal = refused(world, GrantRevoked)
    assert bad in refusal.detail and refusal.facts["grants"] == [name]


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_a_frozen_one_refuses_until_it_is_lifted(apartly, bad):
    world, name = apartly(bad)
    stop = freeze(world, "grant", name)
    assert bad in refused(world, Frozen).detail
    lift(world, stop)
    assert submit(world).state == "running"


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_a_used_up_one_refuses(apartly, bad):
    world, name = apartly(bad, uses=1)
    assert submit(world).state == "running"
    refusal = refused(world, GrantUsedUp, epsilon="0.5")
    assert bad in refusal.detail and refusal.facts["grants"] == [name]


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_an_ended_one_refuses(apartly, bad):
    world, name = apartly(bad, days=2)
    assert submit(world).state == "running"
    world.at(3 * 86_400_000)
    refusal = refused(world, GrantNotInForce, epsilon="0.5")
    assert bad in refusal.detail and name in refusal.facts["terms"][0]


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_a_manner_that_one_does_not_name_refuses(apartly, bad):
    world, _ = apartly(bad, aggregates=("count-units",))
    refusal = refused(world, GrantTooNarrow)
    assert refusal.detail.startswith(f"For the dataset {bad}: ") and refusal.facts["missing"] == ["count"]


@pytest.mark.parametrize("bad", ["clinic", "dental"])
def test_one_that_cannot_pay_refuses(apartly, bad):
    world, _ = apartly(bad, epsilon="0.5")
    assert refused(world, BudgetInsufficient).facts["account"] == "grant"
    assert submit(world, epsilon="0.4").state == "running"  # the control


# -- after the reservation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["clinic", "dental"])
def test_any_revoked_grant_lets_the_review_lapse(apart, which):
    query = submit(apart)
    revoke(apart, getattr(apart, which))
    assert state(apart, query, "bob") == "lapsed"
    with pytest.raises(AlreadyDecided):
        vote(apart, apart.rita, query, digest="0" * 64)
    assert "release.released" not in apart.kinds()


@pytest.mark.parametrize("which", ["clinic", "dental"])
def test_any_frozen_grant_holds_an_approved_answer_up(apart, which):
    query = submit(apart)
    vote(apart, apart.rita, query)
    stop = freeze(apart, "grant", getattr(apart, which))
    vote(apart, apart.rhea, query)
    assert state(apart, query, "bob") == "stopped" and "release.released" not in apart.kinds()
    lift(apart, stop)
    assert state(apart, query, "bob") == "done"


@pytest.mark.parametrize("which", ["clinic", "dental"])
def test_a_grant_revoked_between_decision_and_reservation_still_refuses(apart, monkeypatch, which):
    real = apart.engine.status

    def status():
        if "grant.revoked" not in apart.kinds():
            revoke(apart, getattr(apart, which))
        return real()

    monkeypatch.setattr(apart.engine, "status", status)
    with pytest.raises(GrantRevoked):
        apart.submit(JOIN, by="bob", need=NEED)
    assert spent(apart) == {} and apart.engine.orders == []


def test_the_strictest_review_of_the_grants_holds(make_world):
    world = joined(make_world())
    granted(world, "clinic", analyst="bob")
    request_ = world.request_grant("bob", ("dental",), reason=REASON).to_json()["id"]
    decide_grant.approve(world.enclave, world.sue, request_, review=ReviewDuty.TWO.value)
    assert check(world)["review"]["votes"] == 2


def test_a_reviewer_sees_every_grant_and_dataset(apart):
    query = submit(apart)
    seen = look(apart, apart.rita, query)
    assert (seen["grant"]["id"], [item["id"] for item in seen["also_under"]]) == (apart.clinic, [apart.dental])
    for language in ("en", "zh"):
        assert apart.clinic in seen["sentence"][language] and apart.dental in seen["sentence"][language]
    (waiting,) = [item.to_json() for item in review_desk.listed(apart.enclave, apart.rita)]
    assert waiting["dataset"] == "clinic, dental"


def test_failures_count_for_every_grant(apart):
    def failing(_order):
        raise RuntimeError("the engine is gone")

    apart.engine.answer = failing
    for number in range(failures.FAILURES):
        apart.submit(JOIN, f"key-{number}", by="bob", need=NEED, epsilon=f"0.{number + 1}")
        apart.settle_down()
        later(apart)
    frozen = {freeze.name for freeze in apart.ledger.freezes()}
    assert frozen == {apart.clinic, apart.dental}


def test_the_log_verifies_offline_and_the_books_agree(apart):
    approved(apart, submit(apart))
    apart.submit(JOIN, "key-00002", by="bob", need=NEED)
    exported = read_log.export(apart.enclave, apart.olga)
    assert verify_export(exported, apart.settings.log_key).size == apart.ledger.size()
    books.verify(apart.ledger)
