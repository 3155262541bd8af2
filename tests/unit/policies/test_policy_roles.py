"""Every role against every use case, complete; and which roles go together."""

from itertools import product

import pytest
from policy_world import NOW, rulebook

from policies.conflicts import TOGETHER, conflict
from policies.decide import decide, speaks_for
from policies.request import AccessRequest, Permit
from policies.roles import ASKS, SIGHT, Action
from policies.rulebook import RULEBOOK
from policies.verdict import roles_allowed
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import RoleNotPermitted

EVERYONE = "administrator analyst officer reviewer steward"
TABLE = {
    "enrol-person": "administrator",
    "register-dataset": "steward",
    "load-dataset": "steward",
    "view-load": "steward",
    "list-datasets": EVERYONE,
    "view-dataset": EVERYONE,
    "register-keys": "analyst",
    "request-grant": "analyst",
    "list-grant-requests": "analyst officer steward",
    "decide-grant": "steward",
    "list-grants": "analyst officer steward",
    "view-grant": "analyst officer steward",
    "revoke-grant": "steward",
    "view-accounts": "analyst",
    "check-query": "analyst",
    "submit-query": "analyst",
    "list-queries": "analyst officer",
    "view-query": "analyst",
    "withdraw": "analyst",
    "read-release": "analyst",
    "list-reviews": "reviewer",
    "view-review": "reviewer",
    "vote": "reviewer",
    "freeze": "officer",
    "lift-freeze": "officer",
    "list-freezes": "officer steward",
    "explain-policy": "officer steward",
    "read-checkpoint": EVERYONE,
    "prove-log": EVERYONE,
    "export-log": "officer",
    "search-log": "officer",
    "view-entry": "officer",
    "open-entry": "officer",
}


def test_the_table_is_complete():
    assert set(TABLE) == {action.value for action in Action}
    assert set(SIGHT) == set(Role)
    assert EVERYONE.split() == sorted(Role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_every_role_and_use_case(role, action):
    person = Person("pat", "acme", role)
    decision = decide(AccessRequest(person, action, NOW), [])
    allowed = TABLE[action.value].split()
    assert [item.value for item in roles_allowed(RULEBOOK, action)] == allowed
    if role in allowed:
        assert isinstance(decision, Permit)
        assert decision.grants == ()
        assert len(decision.policies) == 1
    else:
        assert isinstance(decision, RoleNotPermitted)
        assert decision.facts == {"policy": "no-permit", "action": action.value, "roles": allowed}


def test_a_role_comes_before_every_other_reason():
    """What one's role never allows is not refused in words that tell of stewards, freezes or grants."""
    author = Person("pat", "acme", Role.ANALYST)
    for role, action in product(Role, Action):
        if role in TABLE[action.value].split():
            continue
        person = Person("pat", "acme", role)
        named = AccessRequest(
            person, action, NOW, datasets=("clinic",), stewards=("x",), author=author, frozen_person=True
        )
        bare = decide(AccessRequest(person, action, NOW), [])
        assert decide(named, []).problem() == bare.problem()


def test_an_empty_rulebook_permits_nothing():
    empty = rulebook("")
    for role, action in product(Role, Action):
        decision = decide(AccessRequest(Person("pat", "acme", role), action, NOW), [], rulebook=empty)
        assert isinstance(decision, RoleNotPermitted)
        assert decision.facts["roles"] == []


def test_the_questions_are_those_whose_resource_is_a_grant():
    assert {"check-query", "submit-query"} == ASKS


@pytest.mark.parametrize(("role", "held"), list(product(Role, Role)))
def test_only_steward_and_reviewer_go_together(role, held):
    together = {role, held} == {Role.STEWARD, Role.REVIEWER}
    assert conflict(role, [held]) == (None if together else held)


def test_the_first_conflict_is_named():
    assert conflict(Role.REVIEWER, []) is None
    assert conflict(Role.REVIEWER, [Role.STEWARD, Role.ANALYST, Role.OFFICER]) is Role.ANALYST
    assert len(TOGETHER) == 1


def test_a_steward_is_named_by_organisation_or_name():
    sue = Person("sue", "health-bureau", Role.STEWARD)
    assert speaks_for(sue, "sue")
    assert speaks_for(sue, "health-bureau")
    assert not speaks_for(sue, "health")
    assert not speaks_for(sue, "")
