"""Every forbid has a case that it alone decides; with the policy taken out, Cedar allows the same."""

import pytest
from policy_world import ANN, NOW, ask, standing, without

from policies.bearing import bearing
from policies.decide import decide, explain
from policies.reasons import NO_PERMIT, RANK, REFUSALS
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.rulebook import RULEBOOK
from policies.verdict import verdicts
from sandbox.terms.people import Aggregate, Person, Role
from sandbox.terms.refusal import NotFound, Refusal

SUE = Person("sue", "health-bureau", Role.STEWARD)
RITA = Person("rita", "acme", Role.REVIEWER)
BOB = Person("bob", "acme", Role.ANALYST)


def act(person, action, **named):
    return AccessRequest(person, action, NOW, **named)


CASES = {
    "frozen-person": (ask(frozen_person=True), standing()),
    "frozen-dataset": (ask(frozen_datasets=("clinic",)), standing()),
    "frozen-grant": (ask(), standing(frozen=True)),
    "grant-holder": (ask(), standing(analyst="bob")),
    "grant-datasets": (ask(datasets=("clinic", "labs")), standing()),
    "grant-purpose": (ask(purpose="care"), standing()),
    "grant-term-over": (ask(), standing(until=0)),
    "grant-term-not-begun": (ask(), standing(since=1, until=2)),
    "grant-revoked": (ask(), standing(revoked=True)),
    "grant-tables": (ask(tables=("clinic.labs",)), standing()),
    "grant-columns": (ask(columns=("clinic.visits.name",)), standing()),
    "grant-aggregates": (ask(aggregates=(Aggregate.MEAN,)), standing()),
    "grant-uses": (ask(), standing(uses=1, used=1)),
    "steward-of-all": (act(SUE, Action.LOAD_DATASET, stewards=("health-bureau", "transport")), None),
    "steward-of-one": (act(SUE, Action.VIEW_GRANT, stewards=("transport",)), None),
    "own-request": (
        act(SUE, Action.DECIDE_GRANT, author=Person("x", "acme", Role.ANALYST, identity="sue")),
        None,
    ),
    "own-organisation": (act(RITA, Action.VOTE, author=ANN), None),
    "not-yours": (act(BOB, Action.READ_RELEASE, author=ANN), None),
    "not-your-grant": (act(BOB, Action.VIEW_GRANT, author=ANN), None),
}


def test_no_forbid_is_without_a_case():
    forbids = {rule.id for rule in RULEBOOK.rules.values() if rule.effect == "forbid"}
    assert forbids == set(CASES) == set(RANK) - {NO_PERMIT}


@pytest.mark.parametrize("policy", CASES)
def test_the_policy_decides_alone_and_without_it_cedar_allows(policy):
    request, held = CASES[policy]
    bearings = () if held is None else (bearing(request, held),)
    (verdict,) = verdicts(RULEBOOK, request, bearings)
    assert (verdict.allowed, verdict.policies) == (False, (policy,))
    (control,) = verdicts(without(policy), request, bearings)
    assert control.allowed


@pytest.mark.parametrize("policy", CASES)
def test_the_refusal_is_the_mapped_one_and_names_the_policy(policy):
    request, held = CASES[policy]
    decision = decide(request, [] if held is None else [held])
    assert isinstance(decision, Refusal)
    assert isinstance(decision, REFUSALS[policy])
    assert explain(request, [] if held is None else [held]).policies[0] == policy
    if decision.code != "not-found":
        assert decision.problem()["policy"] == policy


@pytest.mark.parametrize("policy", [policy for policy, kind in REFUSALS.items() if kind is NotFound])
def test_what_is_not_found_is_as_what_is_not_there(policy):
    """No fact, title or advice of it tells that something lies here; a steward's says the same for unknown data."""
    request, held = CASES[policy]
    decision = decide(request, [] if held is None else [held])
    words = "There is no such dataset among those you speak for." if policy == "steward-of-all" else ""
    assert decision.problem() == NotFound(words).problem()


@pytest.mark.parametrize("policy", sorted(set(CASES) - {"grant-holder"}))
def test_without_the_policy_the_decision_is_a_permit(policy):
    """But for the holder, whom the preselection looks at too: two have to fail before another's grant is used."""
    request, held = CASES[policy]
    decision = decide(request, [] if held is None else [held], rulebook=without(policy))
    assert isinstance(decision, Permit)


STEWARDED = (Action.REGISTER_DATASET, Action.LOAD_DATASET, Action.VIEW_LOAD, Action.DECIDE_GRANT, Action.REVOKE_GRANT)


@pytest.mark.parametrize("action", STEWARDED)
@pytest.mark.parametrize(
    ("stewards", "permitted"),
    [
        ((), True),
        (("health-bureau",), True),
        (("sue",), True),
        (("health-bureau", "sue"), True),
        (("transport",), False),
        (("health-bureau", "transport"), False),
        (("",), False),
        (("HEALTH-BUREAU",), False),
    ],
)
def test_a_steward_acts_for_their_own_data_only(action, stewards, permitted):
    decision = decide(act(SUE, action, stewards=stewards), [])
    assert isinstance(decision, Permit) is permitted
    assert permitted or decision.code == "not-found"


QUIET = {
    Action.LIST_DATASETS,
    Action.VIEW_DATASET,
    Action.LIST_QUERIES,
    Action.VIEW_QUERY,
    Action.VIEW_ACCOUNTS,
    Action.LIST_GRANTS,
    Action.VIEW_GRANT,
    Action.LIST_GRANT_REQUESTS,
    Action.LIST_FREEZES,
    Action.READ_CHECKPOINT,
    Action.PROVE_LOG,
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_a_frozen_person_only_looks(role, action):
    person = Person("pat", "acme", role)
    free = decide(act(person, action), [])
    frozen = decide(act(person, action, frozen_person=True), [])
    if isinstance(free, Permit):
        assert isinstance(frozen, Permit) is (action in QUIET)
        assert action in QUIET or frozen.code == "frozen"
    else:
        assert frozen.problem() == free.problem()


@pytest.mark.parametrize("action", [Action.VOTE, Action.VIEW_REVIEW])
@pytest.mark.parametrize(
    ("identity", "organisation", "code"),
    [
        ("", "bureau", None),
        ("", "acme", "not-found"),
        ("staff-7", "bureau", "own-request"),
        ("staff-7", "acme", "own-request"),
        ("ann", "bureau", None),
    ],
)
def test_an_author_is_no_reviewer(action, identity, organisation, code):
    author = Person("ann", "acme", Role.ANALYST, identity="staff-7")
    decision = decide(act(Person("rita", organisation, Role.REVIEWER, identity), action, author=author), [])
    assert getattr(decision, "code", None) == code


def test_a_human_without_an_identity_is_known_by_name():
    author = Person("sue", "acme", Role.ANALYST)
    decision = decide(act(SUE, Action.DECIDE_GRANT, author=author), [])
    assert decision.code == "own-request"


def test_reviewers_of_other_actions_are_not_held_up_by_authors():
    """Approving is no review: a steward of the analyst's own organisation may decide."""
    sue = Person("sue", "acme", Role.STEWARD)
    assert isinstance(decide(act(sue, Action.DECIDE_GRANT, author=ANN, stewards=("acme",)), []), Permit)
