"""What an analyst can ask for, and who sees that they asked."""

from datetime import timedelta

import pytest
from service_world import CLINIC, REASON, START, VAULT

from sandbox.service import register_dataset, request_grant
from sandbox.terms.refusal import (
    CoreGrade,
    LossTooSmall,
    MalformedNumber,
    MalformedRequest,
    NotFound,
    RoleNotPermitted,
)

COLUMNS = ["clinic.visits.age", "clinic.visits.cost", "clinic.visits.sex", "clinic.visits.visited"]


@pytest.fixture
def loaded(bare):
    return bare.register()


def test_nothing_named_is_all_that_the_dataset_offers(loaded):
    size = loaded.ledger.size()
    asked = loaded.request_grant().to_json()
    assert asked | {"id": "x"} == {
        "id": "x",
        "analyst": "ann",
        "organisation": "acme",
        "datasets": ["clinic"],
        "tables": ["clinic.visits"],
        "columns": COLUMNS,
        "aggregates": ["count", "count-distinct", "count-units", "mean", "quantile", "spread", "sum"],
        "purpose": "research",
        "epsilon": "5",
        "uses": None,
        "not_before": None,
        "not_after": "2026-03-31T00:00:00.000000Z",
        "reason": REASON,
        "asked_at": "2026-03-01T00:00:00.000000Z",
        "state": "asked",
        "grant": None,
        "decided_by": None,
        "decision_reason": None,
    }
    assert asked["id"].startswith("gr_")
    (entry,) = loaded.entries()[size:]
    assert (entry["kind"], entry["actor"], entry["facts"]["request"]) == ("grant.requested", "ann", asked["id"])
    stated = {name: entry["facts"][name] for name in ("datasets", "tables", "columns", "aggregates", "reason", "uses")}
    assert stated == {name: asked[name] for name in stated}


def test_what_is_named_is_sorted_and_kept(loaded):
    asked = loaded.request_grant(
        columns=["clinic.visits.sex", "clinic.visits.age"],
        aggregates=["mean", "count"],
        uses=3,
        not_before=START + timedelta(days=2),
        epsilon="0.5",
    ).to_json()
    assert asked["columns"] == ["clinic.visits.age", "clinic.visits.sex"]
    assert (asked["aggregates"], asked["uses"], asked["epsilon"]) == (["count", "mean"], 3, "0.5")
    assert asked["not_before"] == "2026-03-03T00:00:00.000000Z"
    assert loaded.request_grant(columns=[]).to_json()["columns"] == []


def test_columns_left_open_follow_the_tables_named(bare):
    second = CLINIC + '\n[tables.beds]\nunit = "patient_id"\nrows_max = 10\nmax_rows_per_unit = 1\n'
    second += '[tables.beds.columns]\npatient_id = { type = "string", role = "unit" }\nward = { type = "int", bounds = [0, 9] }\n'
    register_dataset.register(bare.enclave, bare.sue, second, "clinic.toml")
    assert bare.request_grant().to_json()["tables"] == ["clinic.beds", "clinic.visits"]
    asked = bare.request_grant(tables=["clinic.beds"]).to_json()
    assert (asked["tables"], asked["columns"]) == (["clinic.beds"], ["clinic.beds.ward"])
    with pytest.raises(MalformedRequest, match=r"clinic\.visits\.age"):
        bare.request_grant(tables=["clinic.beds"], columns=["clinic.visits.age"])


@pytest.mark.parametrize(
    ("change", "refusal", "word"),
    [
        ({"datasets": ()}, MalformedRequest, "datasets"),
        ({"datasets": ("clinic", "clinic")}, MalformedRequest, "datasets"),
        ({"datasets": ("clinic", "nowhere")}, NotFound, "catalogue"),
        ({"datasets": tuple(f"d{number}" for number in range(101))}, MalformedRequest, "datasets"),
        ({"tables": []}, MalformedRequest, "tables"),
        ({"tables": ["visits"]}, MalformedRequest, '"visits"'),
        ({"tables": ["clinic.visits", "clinic.visits"]}, MalformedRequest, "once"),
        ({"tables": ["roads.trips"]}, MalformedRequest, "roads.trips"),
        ({"datasets": ("clinic", "roads"), "tables": ["roads.trips"]}, MalformedRequest, "tables"),
        ({"columns": ["clinic.visits.salary"]}, MalformedRequest, "salary"),
        ({"columns": ["clinic.visits.patient_id"]}, MalformedRequest, "patient_id"),
        ({"columns": ["clinic.visits.note"]}, MalformedRequest, "note"),
        ({"columns": ["roads.trips.km"]}, MalformedRequest, "km"),
        ({"columns": ["a\nb"]}, MalformedRequest, "…"),
        ({"aggregates": []}, MalformedRequest, "aggregates"),
        ({"aggregates": ["median"]}, MalformedRequest, "median"),
        ({"purpose": " "}, MalformedRequest, "purpose"),
        ({"purpose": "x" * 201}, MalformedRequest, "purpose"),
        ({"epsilon": "a"}, MalformedNumber, None),
        ({"epsilon": "0"}, LossTooSmall, None),
        ({"uses": 0}, MalformedRequest, "uses"),
        ({"uses": -1}, MalformedRequest, "uses"),
        ({"uses": 10**9}, MalformedRequest, "uses"),
        ({"days": 0}, MalformedRequest, "not_after"),
        ({"days": -1}, MalformedRequest, "not_after"),
        ({"not_before": START + timedelta(days=30)}, MalformedRequest, "not_after"),
        ({"not_before": (START + timedelta(days=1)).replace(tzinfo=None)}, MalformedRequest, "not_before"),
        ({"reason": "too short"}, MalformedRequest, "reason"),
        ({"reason": "x" * 501}, MalformedRequest, "reason"),
        ({"reason": "one line\nand another"}, MalformedRequest, "reason"),
    ],
)
def test_a_request_that_cannot_be_changes_nothing(loaded, change, refusal, word):
    size = loaded.ledger.size()
    with pytest.raises(refusal, match=word):
        loaded.request_grant(**change)
    assert loaded.ledger.size() == size and list(loaded.ledger.grant_requests()) == []


def test_a_withheld_column_is_as_unknown_as_one_that_is_not_there(loaded):
    said = []
    for column in ("note", "salary"):
        with pytest.raises(MalformedRequest) as refused:
            loaded.request_grant(columns=[f"clinic.visits.{column}"])
        said.append(str(refused.value).replace(column, "…"))
    assert said[0] == said[1]


def test_nobody_asks_for_data_of_the_core_grade(loaded):
    register_dataset.register(loaded.enclave, loaded.sue, VAULT, "vault.toml")
    for datasets in (("vault",), ("clinic", "vault")):
        with pytest.raises(CoreGrade):
            loaded.request_grant(datasets=datasets)
    loaded.request_grant(datasets=("clinic",))  # the control


def test_only_analysts_ask(loaded):
    for person in (loaded.sue, loaded.olga, loaded.rita, loaded.administrator):
        with pytest.raises(RoleNotPermitted):
            loaded.request_grant(person)


def test_who_sees_which_requests(loaded):
    loaded.request_grant()
    loaded.request_grant("bob", ("roads",), epsilon="1")
    loaded.request_grant("bob", ("clinic", "roads"), epsilon="1")

    def seen(actor):
        found = request_grant.listed(loaded.enclave, actor)
        return [(view.to_json()["analyst"], view.to_json()["datasets"]) for view in found]

    ann, bob, both = ("ann", ["clinic"]), ("bob", ["roads"]), ("bob", ["clinic", "roads"])
    assert seen(loaded.ann) == [ann] and seen(loaded.bob) == [bob, both]
    assert seen(loaded.sue) == [ann, both] and seen(loaded.tom) == [bob, both]
    assert seen(loaded.olga) == [ann, bob, both]
    for person in (loaded.rita, loaded.administrator):
        with pytest.raises(RoleNotPermitted):
            request_grant.listed(loaded.enclave, person)
