"""Officers and stewards ask why; the answer names the deciding policy, and the question is in the log."""

import pytest

from policies.bundle import bundle_digest
from policies.roles import Action
from sandbox.service import explain_policy, freeze, grants
from sandbox.terms.refusal import MalformedRequest, NotFound, RoleNotPermitted

REASON = "Unusual questions at night"


def explain(world, actor=None, subject="ann", action="submit-query", dataset="clinic", purpose="research", **more):
    return explain_policy.explain(
        world.enclave, actor or world.olga, subject=subject, action=action, dataset=dataset, purpose=purpose, **more
    ).to_json()


def test_yes_names_the_policy_that_permits_in_both_languages(world):
    told = explain(world)
    assert (told["allowed"], told["code"], told["bundle"]) == (True, None, bundle_digest())
    assert [policy["id"] for policy in told["policies"]] == ["analyst-asks"]
    for policy in told["policies"]:
        assert policy["words"]["en"] and policy["words"]["zh"] and policy["words"]["en"] != policy["words"]["zh"]


def test_no_names_the_policy_that_forbids(world):
    def deciding(**words):
        told = explain(world, **words)
        assert not told["allowed"]
        return told["code"], told["policies"][0]["id"]

    assert deciding(purpose="care") == ("purpose-not-granted", "grant-purpose")
    assert deciding(subject="bob") == ("not-found", "grant-holder")
    assert deciding(subject="sue") == ("role-not-permitted", "no-permit")
    assert deciding(subject="sue", action="load-dataset", dataset="roads") == ("not-found", "steward-of-all")
    assert explain(world, subject="sue", action="load-dataset")["allowed"]  # the control: her own
    (grant,) = grants.listed(world.enclave, world.ann)
    freeze.freeze(world.enclave, world.olga, "person", "ann", REASON)
    assert deciding() == ("frozen", "frozen-person")
    grants.revoke(world.enclave, world.sue, grant.to_json()["id"], REASON)
    assert deciding() == ("frozen", "frozen-person")


def test_columns_are_part_of_the_question(bare):
    bare.register()
    bare.grant(columns=["clinic.visits.sex"])
    assert explain(bare, columns=["clinic.visits.sex"])["allowed"]
    told = explain(bare, columns=["clinic.visits.sex", "clinic.visits.age"])
    assert (told["code"], told["policies"][0]["id"]) == ("grant-too-narrow", "grant-columns")
    for columns in (["clinic.visits.salary"], ["clinic.visits.note"], ["age"], ["clinic.visits.sex"] * 2):
        with pytest.raises(MalformedRequest, match="columns"):
            explain(bare, columns=columns)
    with pytest.raises(MalformedRequest, match="columns"):
        explain(bare, dataset=None, columns=["clinic.visits.sex"])


def test_every_explanation_is_one_entry(world):
    size = world.ledger.size()
    explain(world)
    explain(world, purpose="care", dataset="roads")
    explain(world, action="enrol-person", dataset=None, purpose="")
    facts = []
    for entry in world.entries()[size:]:
        assert (entry["kind"], entry["actor"]) == ("policy.explained", "olga")
        facts.append({name: value for name, value in entry["facts"].items() if name not in {"bundle", "salt"}})
    assert facts == [
        {"person": "ann", "action": "submit-query", "dataset": "clinic", "purpose": "research", "verdict": "allowed"},
        {"person": "ann", "action": "submit-query", "dataset": "roads", "purpose": "care", "verdict": "not-found"},
        {"person": "ann", "action": "enrol-person", "dataset": None, "purpose": "", "verdict": "role-not-permitted"},
    ]


def test_what_is_not_there_is_not_explained(world):
    size = world.ledger.size()
    with pytest.raises(NotFound):
        explain(world, subject="nobody")
    with pytest.raises(NotFound):
        explain(world, dataset="nowhere")
    with pytest.raises(MalformedRequest) as refused:
        explain(world, action="give-grant")
    assert "decide-grant" in refused.value.facts["allowed"]
    assert world.ledger.size() == size


def test_a_steward_asks_about_their_own_data_only(world):
    assert explain(world, world.sue)["allowed"]
    said = []
    for dataset in ("roads", "nowhere"):
        with pytest.raises(NotFound) as refused:
            explain(world, world.sue, dataset=dataset)
        said.append(refused.value.problem())
    assert said[0] == said[1]


def test_grants_of_other_data_are_not_told(world):
    theirs = [explain(world, world.tom, dataset="roads", purpose="research")]
    for grant in grants.listed(world.enclave, world.ann):
        grants.revoke(world.enclave, world.sue, grant.to_json()["id"], REASON)
    theirs.append(explain(world, world.tom, dataset="roads", purpose="research"))
    assert theirs[0] == theirs[1] and theirs[0]["policies"][0]["id"] == "grant-holder"


def test_only_officers_and_stewards_ask_why(world):
    size = world.ledger.size()
    for person in (world.ann, world.rita, world.administrator):
        with pytest.raises(RoleNotPermitted):
            explain(world, person)
    assert world.ledger.size() == size


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("subject", ["ann", "sue", "olga", "rita", "administrator"])
def test_every_action_can_be_explained_about_everybody(bare, action, subject):
    told = explain(bare, subject=subject, action=action.value, dataset=None, purpose="")
    assert told["allowed"] is (told["code"] is None)
    assert told["policies"]
