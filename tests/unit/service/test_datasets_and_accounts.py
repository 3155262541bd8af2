"""Registration, loading, accounts, the catalogue, and what each person sees of them."""

import pytest
from service_world import CLINIC, MANIFEST, VAULT

from sandbox.service import about, accounts, catalogue, load_dataset, read_log, register_dataset
from sandbox.terms.dataset import Version
from sandbox.terms.refusal import (
    DatasetExists,
    DescriptionInvalid,
    EnclaveBusy,
    EnclaveNotReady,
    Fault,
    FileNotUsable,
    MalformedRequest,
    NotFound,
    RequestTooLarge,
    RoleNotPermitted,
    UnitSpaceConflict,
)


def register(world, text=CLINIC, actor=None):
    return register_dataset.register(world.enclave, actor or world.sue, text, "clinic.toml")


def test_registration_shows_the_description(bare):
    view = register(bare).to_json()
    assert (view["name"], view["loaded"], view["version"], view["epsilon"]) == ("clinic", False, None, "20")
    assert view["space"] == {"name": "patients", "mode": "zcdp", "epsilon": "20", "delta": "0.000001"}
    columns = {column["name"]: column for column in view["tables"][0]["columns"]}
    assert columns["sex"]["keys"] == ["F", "M"]
    assert columns["age"]["bounds"] == ["0", "110"]
    assert columns["cost"]["granularity"] == "0.01"
    assert columns["visited"]["bounds"] == ["2024-01-01", "2025-12-31"]
    assert columns["note"]["role"] == "withheld"
    assert view["tables"][0]["max_groups_per_unit"] == 5


def test_only_who_speaks_for_the_data_registers_it(bare):
    size = bare.ledger.size()
    for actor in (bare.tom, bare.ann, bare.olga, bare.administrator):
        with pytest.raises(RoleNotPermitted):
            register(bare, actor=actor)
    assert bare.ledger.size() == size
    by_name = bare.enrol("ursula", "ministry", "steward")
    register(bare, CLINIC.replace("health-bureau", "ursula"), by_name)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("x", DescriptionInvalid),
        (CLINIC.replace("rows_max", "rows_most"), DescriptionInvalid),
        ("#" * 262_145, RequestTooLarge),
        ("# \ud800", MalformedRequest),
        (CLINIC[: CLINIC.index("[unit_spaces")] + CLINIC[CLINIC.index("[tables.visits]") :], UnitSpaceConflict),
    ],
)
def test_a_bad_description_changes_nothing(bare, text, refusal):
    size = bare.ledger.size()
    with pytest.raises(refusal):
        register(bare, text)
    assert bare.ledger.size() == size and bare.ledger.datasets() == []


def test_names_and_spaces_are_taken_once(bare):
    register(bare)
    with pytest.raises(DatasetExists):
        register(bare)
    second = CLINIC.replace('name = "clinic"', 'name = "clinic2"')
    with pytest.raises(UnitSpaceConflict):
        register(bare, second.replace('delta = "1e-6"', 'delta = "1e-7"'))
    register(bare, second)
    assert len(bare.ledger.accounts("patients", "clinic2")) == 2


def begin(world, files=None, dataset="clinic", actor=None):
    return load_dataset.begin(world.enclave, actor or world.sue, dataset, files or {"visits": "visits.csv"})


def test_a_load_is_ordered_and_becomes_the_next_version(bare):
    register(bare)
    shown = []

    def loading(order, progress):
        progress("reading", 1, 10)
        shown.append(load_dataset.view(bare.enclave, bare.sue, begun.id))
        return Version(order.dataset, order.version, MANIFEST)

    bare.engine.loading = lambda order, progress: bare.clock.sleep_until(1001.0) or loading(order, progress)
    begun = begin(bare)
    assert begun.to_json() == {
        "id": begun.id,
        "state": "running",
        "phase": "",
        "done": 0,
        "total": 0,
        "version": None,
        "problem": None,
    }
    bare.at(1000)
    assert (shown[0].state, shown[0].phase, shown[0].done, shown[0].total) == ("running", "reading", 1, 10)
    done = load_dataset.view(bare.enclave, bare.sue, begun.id)
    assert (done.state, done.version) == ("done", {"dataset": "clinic", "version": 1, "manifest": MANIFEST})
    order = bare.engine.loads[0]
    assert (order.version, order.files, order.description, order.space_buckets) == (
        1,
        {"visits": "visits.csv"},
        CLINIC,
        bare.ledger.space("patients").buckets,
    )
    begin(bare)
    bare.at(2000)
    assert bare.engine.loads[1].version == 2 and bare.ledger.version("clinic").number == 2
    with pytest.raises(NotFound):
        load_dataset.view(bare.enclave, bare.tom, begun.id)


@pytest.mark.parametrize(
    ("raised", "state", "code"),
    [
        (FileNotUsable("Row 3 has too few fields.", file="visits.csv"), "refused", "file-not-usable"),
        (Fault(), "failed", "fault"),
        (EnclaveNotReady("secret detail"), "failed", "fault"),
        (RuntimeError("secret detail"), "failed", "fault"),
    ],
)
def test_a_load_that_fails_keeps_the_version_before(world, raised, state, code):
    def loading(order, progress):
        raise raised

    world.engine.loading = loading
    size = world.ledger.size()
    shown = world.load("clinic", "visits", world.sue)
    assert (shown.state, shown.problem["code"]) == (state, code)
    assert "secret" not in str(shown.problem)
    (entry,) = world.entries()[size:]
    facts = {"dataset": "clinic", "code": code} | {name: entry["facts"][name] for name in ("bundle", "salt")}
    assert (entry["kind"], entry["facts"]) == ("load.refused", facts)
    assert world.ledger.version("clinic").number == 1


def test_an_engine_that_loads_something_else_is_a_fault(world):
    world.engine.loading = lambda order, progress: Version("roads", 7, MANIFEST)
    assert world.load("clinic", "visits", world.sue).state == "failed"
    assert world.ledger.version("roads").number == 1


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"visits": "v.csv", "more": "m.csv"},
        {"other": "v.csv"},
        {"visits": "../v.csv"},
        {"visits": "/etc/passwd"},
        {"visits": ".hidden"},
        {"visits": "a/b"},
        {"visits": ""},
        {"visits": "a\x00b"},
    ],
)
def test_files_are_named_barely_one_a_table(world, files):
    with pytest.raises(MalformedRequest):
        load_dataset.begin(world.enclave, world.sue, "clinic", files)


def test_loads_one_at_a_time_by_their_steward_with_an_engine(world):
    with pytest.raises(NotFound) as theirs:
        begin(world, actor=world.tom)
    with pytest.raises(NotFound) as nowhere:
        begin(world, dataset="nowhere", actor=world.tom)
    assert theirs.value.problem() == nowhere.value.problem()
    with pytest.raises(RoleNotPermitted):
        begin(world, actor=world.ann)
    world.engine.loading = lambda order, progress: world.clock.sleep_until(10**8) or Version("clinic", 2, MANIFEST)
    begin(world)
    with pytest.raises(EnclaveBusy):
        begin(world)
    world.engine.alive = False
    with pytest.raises(EnclaveNotReady):
        begin(world)
    world.engine.alive = True
    world.jobs.closed = True
    with pytest.raises(EnclaveBusy):
        begin(world, {"trips": "t.csv"}, "roads", world.tom)


def test_a_grant_opens_accounts_and_sight(bare):
    bare.register()
    assert catalogue.visible(bare.enclave, bare.ann) == []
    given = bare.grant(epsilon="5").to_json()
    assert [view.to_json()["name"] for view in catalogue.visible(bare.enclave, bare.ann)] == ["clinic"]
    mine = [view.to_json() for view in accounts.mine(bare.enclave, bare.ann)]
    assert [(view["kind"], view["owner"]) for view in mine] == [("analyst", "ann"), ("grant", given["id"])]
    assert mine[1]["spent"] == "0" and mine[1]["left"] == mine[1]["limit"]
    assert 4.99 < float(mine[1]["epsilon_limit"]) <= 5 and mine[1]["epsilon_spent"] == "0"


def test_accounts_show_own_spending_and_nobody_elses(world):
    world.grant("bob")
    before = accounts.mine(world.enclave, world.ann)
    world.submit(by="bob")
    assert accounts.mine(world.enclave, world.ann) == before
    world.submit()
    spent = [view.to_json() for view in accounts.mine(world.enclave, world.ann)]
    assert all(float(view["epsilon_spent"]) > 0.9 for view in spent)
    assert {view["kind"] for view in spent} == {"grant", "analyst"}


def test_pure_accounts_are_in_epsilon(world):
    world.grant("bob", ("roads",), steward=world.tom, epsilon="2")
    grant = accounts.mine(world.enclave, world.bob)[1].to_json()
    assert (grant["mode"], grant["limit"], grant["epsilon_limit"]) == ("pure", "2", "2")


def test_who_sees_which_datasets(world):
    def seen(actor):
        return [view.to_json()["name"] for view in catalogue.visible(world.enclave, actor)]

    assert seen(world.ann) == seen(world.sue) == ["clinic"]
    assert seen(world.tom) == ["roads"]
    assert seen(world.olga) == ["clinic", "roads"]
    assert seen(world.bob) == seen(world.administrator) == seen(world.rita) == []
    with pytest.raises(NotFound) as theirs:
        catalogue.view(world.enclave, world.ann, "roads")
    with pytest.raises(NotFound) as nowhere:
        catalogue.view(world.enclave, world.ann, "nowhere")
    assert theirs.value.problem() == nowhere.value.problem()
    assert catalogue.view(world.enclave, world.tom, "roads").to_json()["grade"] == "important"


def columns(view):
    return [column["name"] for table in view.to_json()["tables"] for column in table["columns"]]


def test_an_analyst_sees_of_a_dataset_what_is_granted(bare):
    bare.register()
    bare.grant(columns=["clinic.visits.age"])
    assert set(columns(catalogue.view(bare.enclave, bare.ann, "clinic"))) == {"patient_id", "age"}
    bare.grant(columns=["clinic.visits.sex"], purpose="care")
    assert set(columns(catalogue.view(bare.enclave, bare.ann, "clinic"))) == {"patient_id", "age", "sex"}
    whole = {"patient_id", "sex", "age", "cost", "visited", "note"}
    assert set(columns(catalogue.view(bare.enclave, bare.sue, "clinic"))) == whole  # the control: the steward sees all


def test_the_catalogue_is_for_everybody_and_tells_no_loads(bare):
    register_dataset.register(bare.enclave, bare.sue, VAULT, "vault.toml")
    registered = [view.to_json() for view in catalogue.offered(bare.enclave, bare.bob)]
    assert registered == [
        {
            "name": "vault",
            "title": "What never leaves",
            "grade": "core",
            "steward": "health-bureau",
            "unit_space": "holders",
        }
    ]
    offer = catalogue.offer(bare.enclave, bare.bob, "vault").to_json()
    bare.load("vault", "items", bare.sue)
    assert bare.ledger.version("vault").number == 1
    for person in (bare.ann, bare.sue, bare.tom, bare.olga, bare.rita, bare.administrator):
        assert [view.to_json() for view in catalogue.offered(bare.enclave, person)] == registered
        assert catalogue.offer(bare.enclave, person, "vault").to_json() == offer
    assert not {"loaded", "version"} & set(offer)


def test_the_catalogue_leaves_withheld_columns_out(world):
    assert columns(catalogue.offer(world.enclave, world.bob, "clinic")) == [
        "patient_id",
        "sex",
        "age",
        "cost",
        "visited",
    ]
    assert "note" in columns(catalogue.view(world.enclave, world.sue, "clinic"))  # the control: it is described
    with pytest.raises(NotFound):
        catalogue.offer(world.enclave, world.bob, "nowhere")


def test_the_log_for_everybody_and_its_export_for_officers(world):
    size = world.ledger.size()
    assert read_log.inclusion(world.enclave, world.bob, 0).to_json()["index"] == 0
    assert read_log.consistency(world.enclave, world.ann, 1, size).to_json()["proof"]
    for index in (-1, size):
        with pytest.raises(NotFound):
            read_log.inclusion(world.enclave, world.ann, index)
    for old, new in ((0, 1), (2, 1), (1, size + 1)):
        with pytest.raises(MalformedRequest):
            read_log.consistency(world.enclave, world.ann, old, new)
    for actor in (world.ann, world.sue, world.administrator):
        with pytest.raises(RoleNotPermitted):
            read_log.export(world.enclave, actor)
    assert len(list(read_log.export(world.enclave, world.olga))) == size + 2


def test_about(world):
    view = about.about(world.enclave).to_json()
    assert view == {
        "name": "enclave.test",
        "origin": "enclave.test",
        "log_key": world.settings.log_key,
        "release_key": world.enclave.release_key.verifier.text,
        "network": "private",
        "clock": {"tick_ms": 250, "on": True},
        "version": "0.1.0",
    }
    assert about.health(world.enclave) == "ready"
    world.engine.alive = False
    assert about.health(world.enclave) == "starting"
    assert about.about(world.enclave).network == "unknown"


def test_a_unit_space_belongs_to_the_steward_who_opened_it(bare):
    register(bare)
    by_name = bare.enrol("ursula", "ministry", "steward")
    size, second = bare.ledger.size(), CLINIC.replace('name = "clinic"', 'name = "second"')
    with pytest.raises(UnitSpaceConflict, match="another steward"):
        register(bare, second.replace("health-bureau", "ursula"), by_name)
    assert bare.ledger.size() == size
    assert register(bare, second).to_json()["name"] == "second"  # the control: the same steward may
