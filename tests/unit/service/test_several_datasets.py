"""Questions over several datasets of one unit space, and public ones: priced, charged, reviewed, stopped and certified."""

import json

import pytest
from joined_world import AREAS, BY_WARD, DENTAL, JOIN, NEED, OF_ALL, WITH_PUBLIC, granted, joined, spent
from line_steps import asked, facts, freeze, lift, look, release, state, vote
from service_world import COUNT, MANIFEST, request

from sandbox.privacy import conversion
from sandbox.proof.release_words import release_words
from sandbox.service import (
    catalogue,
    check_query,
    explain_policy,
    read_query,
    read_release,
    register_dataset,
    review_desk,
)
from sandbox.terms.refusal import (
    BudgetInsufficient,
    CoreGrade,
    DatasetNotLoaded,
    Frozen,
    MalformedRequest,
    NeedMissing,
    NotFound,
    RoleNotPermitted,
    SandboxError,
    UnknownTable,
)


@pytest.fixture
def both(make_world):
    return joined(make_world())


def check(world, sql, **more):
    return check_query.check(world.enclave, world.ann, request(sql, need=NEED, **more)).to_json()


def released_by_two(world, sql, key="key-00001"):
    query = asked(world, sql, key, need=NEED)
    for reviewer in (world.rita, world.rhea):
        vote(world, reviewer, query)
    return query, release(world, query)


def reserved(world):
    return [item["facts"] for item in world.entries() if item["kind"] == "query.reserved"]


# -- what is read ------------------------------------------------------------------------------------------------------


def test_both_datasets_are_charged_once_and_named_with_their_versions(both):
    query, document = released_by_two(both, OF_ALL)
    grant = both.ledger.standings("ann")[0].grant.id
    units = both.engine.orders[0].reserved.units
    owners = [("space", "patients"), ("dataset", "clinic"), ("dataset", "dental"), ("grant", grant), ("analyst", "ann")]
    assert spent(both) == dict.fromkeys(owners, units)
    also = [{"dataset": name, "data_version": 1, "manifest": MANIFEST} for name in ("areas", "dental")]
    assert [item["also"] for item in reserved(both)] == [also]
    found = facts(both, document)
    assert (found["dataset"], found["also"], found["review"]["profile"]) == ("clinic", also, "important")
    places = {"reserved": 1, "committed": 2, "released": 3}
    for language in ("en", "zh"):
        said = " ".join(release_words(found, places, None, language))
        assert all(name in said for name in ("clinic", "areas", "dental"))
    assert [source.dataset for source in both.engine.orders[0].sources] == ["areas", "clinic", "dental"]
    assert state(both, query) == "done"


def test_quote_and_query_name_all_that_is_read(both):
    query, _ = released_by_two(both, OF_ALL)
    for shown in (check(both, OF_ALL), read_query.view(both.enclave, both.ann, query.id).to_json()):
        assert (shown["dataset"], shown["datasets"]) == ("clinic", ["clinic", "areas", "dental"])
    assert check(both, COUNT)["datasets"] == ["clinic"]  # the control


def test_control_one_dataset_charges_the_other_nothing(both):
    asked(both, COUNT)
    assert ("dataset", "dental") not in spent(both)
    assert [item["also"] for item in reserved(both)] == [[]]


def test_a_public_dataset_needs_no_grant(both):
    asked(both, WITH_PUBLIC)
    assert [name for kind, name in spent(both) if kind == "dataset"] == ["clinic"]
    assert [source["dataset"] for source in reserved(both)[0]["also"]] == ["areas"]


def test_a_grant_of_one_dataset_is_too_narrow_for_both(both):
    granted(both, "clinic", analyst="bob")
    before = spent(both)
    with pytest.raises(UnknownTable):
        both.submit(JOIN, by="bob", need=NEED)
    with pytest.raises(UnknownTable):
        check_query.check(both.enclave, both.bob, request(JOIN, need=NEED))
    assert spent(both) == before and both.engine.orders == []
    granted(both, "clinic", "dental", analyst="bob")
    assert both.submit(JOIN, by="bob", key="key-00002", need=NEED).state == "running"  # the control


def test_asked_again_the_answer_comes_for_nothing_until_any_version_is_new(both):
    first = asked(both, OF_ALL, need=NEED)
    charged = spent(both)
    again = both.submit(OF_ALL, "key-00002", need=NEED)
    assert again.reused and spent(both) == charged
    both.load("areas", "places", both.tom)
    anew = asked(both, OF_ALL, "key-00003", need=NEED)
    assert not anew.reused and spent(both) != charged
    assert reserved(both)[1]["also"][0]["data_version"] == 2
    assert first.id != anew.id


def test_a_reused_answer_states_and_proves_its_sources(both):
    first, document = released_by_two(both, OF_ALL)
    again = both.submit(OF_ALL, "key-00002", need=NEED)
    assert again.reused
    assert facts(both, release(both, again))["also"] == facts(both, document)["also"]
    entry = both.entries()[again.receipt.index]["facts"]
    assert (entry["of"], entry["also"]) == (first.id, reserved(both)[0]["also"])


@pytest.mark.parametrize("name", ["dental", "areas"])
def test_a_dataset_without_data_is_named(make_world, name):
    world = make_world()
    world.register()
    for steward, text in ((world.sue, DENTAL), (world.tom, AREAS)):
        register_dataset.register(world.enclave, steward, text, "new.toml")
    loaded, table, steward = ("areas", "places", world.tom) if name == "dental" else ("dental", "stays", world.sue)
    world.load(loaded, table, steward)
    world.grant("ann", ("clinic", "dental"))
    with pytest.raises(DatasetNotLoaded) as refusal:
        world.submit(OF_ALL, need=NEED)
    assert refusal.value.facts["dataset"] == name
    world.load(name, "stays" if name == "dental" else "places", world.sue if name == "dental" else world.tom)
    assert world.submit(OF_ALL, "key-00002", need=NEED).state == "running"


# -- grades and reviews ------------------------------------------------------------------------------------------------


def test_the_strictest_grade_decides_the_review(both):
    """Clinic is of the general grade and dental of the important one, in either order."""
    with pytest.raises(NeedMissing):
        both.submit(JOIN)
    assert check(both, COUNT)["review"]["votes"] == 0
    assert check(both, JOIN)["review"]["votes"] == 2
    query = asked(both, JOIN, "key-00002", need=NEED)
    assert state(both, query) == "in-review"
    (waiting,) = [item.to_json() for item in review_desk.listed(both.enclave, both.rita)]
    assert (waiting["grade"], waiting["dataset"]) == ("important", "clinic, dental")
    seen = look(both, both.rita, query)
    assert "clinic and dental" in seen["sentence"]["en"] and "important" in seen["sentence"]["en"]


def test_a_copy_shows_the_plan_over_all_datasets(both):
    query = asked(both, OF_ALL, need=NEED)
    shown = json.dumps(look(both, both.rita, query), ensure_ascii=False)
    assert "areas" in shown and "dental" in shown
    assert "select" not in shown.lower().replace("selection", "")


def test_the_list_of_what_waits_names_public_datasets_last_and_as_such(both):
    asked(both, OF_ALL, need=NEED)
    asked(both, JOIN, "key-00002", need=NEED)
    shown = [item.to_json()["dataset"] for item in review_desk.listed(both.enclave, both.rita)]
    assert sorted(shown) == ["clinic, dental", "clinic, dental, areas (public)"]  # the first one is the control


def test_core_data_stays_even_beside_other_data(make_world):
    world = make_world()
    world.register()
    text = DENTAL.replace('"important"', '"core"')
    register_dataset.register(world.enclave, world.sue, text, "dental.toml")
    world.load("dental", "stays", world.sue)
    with pytest.raises(CoreGrade):
        world.grant("ann", ("clinic", "dental"))
    world.grant("ann", ("clinic",))
    with pytest.raises(SandboxError):
        world.submit(JOIN, need=NEED)
    assert spent(world) == {}


# -- freezes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clinic", "dental", "areas"])
def test_any_frozen_dataset_refuses_check_and_submit(both, name):
    stop = freeze(both, "dataset", name)
    with pytest.raises(Frozen):
        check(both, OF_ALL)
    with pytest.raises(Frozen):
        both.submit(OF_ALL, need=NEED)
    assert both.engine.orders == [] and spent(both) == {}
    lift(both, stop)
    assert check(both, OF_ALL)["verdict"] == "answerable"
    assert both.submit(OF_ALL, "key-00002", need=NEED).state == "running"


@pytest.mark.parametrize("name", ["clinic", "dental", "areas"])
def test_any_frozen_dataset_holds_an_approved_answer_up(both, name):
    query = asked(both, OF_ALL, need=NEED)
    vote(both, both.rita, query)
    stop = freeze(both, "dataset", name)
    vote(both, both.rhea, query)
    assert state(both, query) == "stopped"
    assert "release.released" not in both.kinds()
    with pytest.raises(Frozen):
        release(both, query)
    lift(both, stop)
    assert state(both, query) == "done"
    release(both, query)


@pytest.mark.parametrize("name", ["dental", "areas"])
def test_what_is_out_is_not_handed_out_again_while_a_dataset_is_frozen(both, name):
    query, document = released_by_two(both, OF_ALL)
    stop = freeze(both, "dataset", name)
    with pytest.raises(Frozen):
        read_release.release(both.enclave, both.ann, query.id)
    lift(both, stop)
    assert release(both, query)["certificate"] == document["certificate"]


def test_a_freeze_between_decision_and_reservation_still_refuses(both, monkeypatch):
    real = both.engine.status

    def status():
        if "freeze.set" not in both.kinds():
            freeze(both, "dataset", "areas")
        return real()

    monkeypatch.setattr(both.engine, "status", status)
    with pytest.raises(Frozen):
        both.submit(OF_ALL, need=NEED)
    assert spent(both) == {} and both.engine.orders == []


# -- prices ------------------------------------------------------------------------------------------------------------


def test_a_short_further_dataset_is_named_by_kind_alone(make_world):
    world = make_world()
    world.register()
    narrow = DENTAL.replace('budget = { epsilon = "20" }', 'budget = { epsilon = "0.5" }')
    register_dataset.register(world.enclave, world.sue, narrow, "dental.toml")
    world.load("dental", "stays", world.sue)
    world.grant("ann", ("clinic", "dental"))
    for ask in (lambda: check(world, JOIN), lambda: world.submit(JOIN, need=NEED)):
        with pytest.raises(BudgetInsufficient) as refusal:
            ask()
        assert refusal.value.facts == {"account": "dataset"}
    assert spent(world) == {}
    assert check(world, JOIN, epsilon="0.4")["verdict"] == "answerable"


def test_questions_by_private_keys_take_delta_and_run_out_of_it(both, monkeypatch):
    monkeypatch.setattr(conversion, "SELECTIONS", 3)
    accounts = {item["kind"]: item["more_like_this"] for item in check(both, BY_WARD, epsilon="0.1")["accounts"]}
    assert accounts == {"grant": 3, "analyst": 3}
    plain = {item["kind"]: item["more_like_this"] for item in check(both, COUNT, epsilon="0.1")["accounts"]}
    assert min(plain.values()) > 3  # the control: ρ would pay for more
    for number, place in enumerate(("0.1", "0.101", "0.102")):
        asked(both, BY_WARD, f"key-{number}", need=NEED, epsilon=place)
        left = 2 - number
        if left:
            quote = check(both, BY_WARD, epsilon="0.1")
            assert {item["more_like_this"] for item in quote["accounts"]} == {left}
    for ask in (lambda: check(both, BY_WARD, epsilon="0.2"), lambda: both.submit(BY_WARD, "last", need=NEED)):
        with pytest.raises(BudgetInsufficient) as refusal:
            ask()
        assert "δ" in refusal.value.detail
    assert check(both, COUNT)["verdict"] == "answerable"


def test_a_quote_states_the_delta_of_key_selection(both):
    with_keys, without = (float(check(both, sql)["cost"]["delta"]) for sql in (BY_WARD, COUNT))
    assert with_keys > without == 5e-7


def test_a_check_says_in_the_log_what_it_was_of(both):
    check(both, OF_ALL)
    (entry,) = [item["facts"] for item in both.entries() if item["kind"] == "query.checked"]
    assert (entry["dataset"], [source["dataset"] for source in entry["also"]]) == ("clinic", ["areas", "dental"])


# -- public datasets ---------------------------------------------------------------------------------------------------


def test_a_public_dataset_is_registered_without_accounts(both):
    facts_ = [item["facts"] for item in both.entries() if item["kind"] == "dataset.registered"][-1]
    assert {name: facts_[name] for name in ("dataset", "unit_space", "limit", "space")} == {
        "dataset": "areas",
        "unit_space": None,
        "limit": None,
        "space": None,
    }
    assert both.engine.loads[-1].space_buckets == 1
    assert both.ledger.version("areas").number == 1


def test_everybody_who_asks_sees_public_datasets(both):
    for analyst in (both.ann, both.bob):
        assert "areas" in [item.to_json()["name"] for item in catalogue.visible(both.enclave, analyst)]
        view = catalogue.view(both.enclave, analyst, "areas").to_json()
        assert (view["space"], view["version"], view["epsilon"]) == (None, 1, "0")
        assert [column["name"] for column in view["tables"][0]["columns"]] == ["code", "rural"]
    assert "dental" not in [item.to_json()["name"] for item in catalogue.visible(both.enclave, both.bob)]
    assert catalogue.offer(both.enclave, both.bob, "areas").to_json()["space"] is None


@pytest.mark.parametrize("datasets", [("areas",), ("clinic", "areas")])
def test_no_grant_can_be_requested_for_a_public_dataset(both, datasets):
    with pytest.raises(MalformedRequest) as refusal:
        both.request_grant("bob", datasets)
    assert refusal.value.facts["field"] == "datasets"
    assert '"areas" is public: it needs no grant.' in refusal.value.detail


def test_public_rows_alone_are_no_question(both):
    with pytest.raises(SandboxError):
        both.submit("select count(*) as n from areas.places")
    assert both.engine.orders == []


def test_only_its_steward_registers_and_loads_it(both):
    with pytest.raises(RoleNotPermitted):
        register_dataset.register(both.enclave, both.sue, AREAS.replace('"areas"', '"more"'), "more.toml")
    with pytest.raises(NotFound):
        both.load("areas", "places", both.sue)


def test_a_policy_on_public_data_is_explained(both):
    told = explain_policy.explain(both.enclave, both.olga, subject="tom", action="load-dataset", dataset="areas")
    assert told.allowed
    with pytest.raises(MalformedRequest) as refusal:
        explain_policy.explain(both.enclave, both.olga, subject="bob", action="submit-query", dataset="areas")
    assert "no grant" in refusal.value.detail
