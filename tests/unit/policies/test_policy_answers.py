"""What a refusal says, and what an explanation shows."""

import re

from policy_world import ANN, NOW, ask, standing

from policies.decide import Explanation, decide, explain
from policies.reasons import NO_PERMIT_WORDS
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.rulebook import RULEBOOK
from sandbox.terms.people import Aggregate, Person, Role


def test_the_permit_names_every_fitting_grant_in_order_and_the_policy():
    grants = [
        standing("g_3"),
        standing("g_1"),
        standing("g_2", purpose="care"),
        standing("g_0", until=0),
        standing("g_4", org="x"),
    ]
    decision = decide(ask(), grants)
    assert decision == Permit((grants[1].grant, grants[0].grant), ("analyst-asks",))


def test_two_grants_do_not_add_up_to_one():
    halves = [
        standing("g_1", columns=("clinic.visits.cost",)),
        standing("g_2", columns=("clinic.visits.day",)),
    ]
    refusal = decide(ask(columns=("clinic.visits.cost", "clinic.visits.day")), halves)
    assert refusal.code == "grant-too-narrow"
    assert refusal.facts["missing"] == ["clinic.visits.cost"]
    datasets = [standing("g_1"), standing("g_2", datasets=("labs",))]
    assert decide(ask(datasets=("clinic", "labs")), datasets).code == "not-found"


def test_purposes_of_own_grants_that_cover_the_data_are_told():
    grants = [
        standing("g_1", purpose="care"),
        standing("g_2", purpose="audit", revoked=True),
        standing("g_3", datasets=("labs",), purpose="secret"),
        standing("g_4", analyst="bob", purpose="theirs"),
    ]
    assert decide(ask(), grants).facts["purposes"] == ["audit", "care"]


def test_terms_are_told():
    refusal = decide(ask(), [standing("g_2", since=-3, until=-2), standing("g_1", since=1, until=2)])
    assert refusal.facts["terms"] == ["g_1: 2026-03-02T12:00:00+00:00 to 2026-03-03T12:00:00+00:00"]
    assert refusal.facts["policy"] == "grant-term-not-begun"
    both = decide(ask(), [standing("g_2", until=0), standing("g_1", until=-1, since=-2)])
    assert [text[:3] for text in both.facts["terms"]] == ["g_1", "g_2"]


def test_missing_names_only_what_was_asked_for():
    request = ask(
        tables=("clinic.visits", "clinic.labs"),
        columns=("clinic.labs.value", "clinic.visits.cost"),
        aggregates=(Aggregate.MEAN, Aggregate.SUM),
    )
    refusal = decide(request, [standing(columns=("clinic.visits.cost", "clinic.visits.secret"))])
    assert refusal.facts["missing"] == ["clinic.labs", "clinic.labs.value", "mean"]
    assert "clinic.labs.value" in refusal.detail
    assert "secret" not in str(refusal.problem())


def test_the_least_missing_is_told():
    request = ask(columns=("clinic.visits.cost", "clinic.visits.day", "clinic.visits.sex"))
    grants = [standing("g_1", columns=()), standing("g_2")]
    assert decide(request, grants).facts["missing"] == ["clinic.visits.sex"]


def test_refusals_never_tell_counts_of_uses():
    refusal = decide(ask(), [standing(uses=41, used=41)])
    assert refusal.code == "grant-used-up"
    assert refusal.facts == {"policy": "grant-uses", "grants": ["g_1"]}
    assert not re.search("41", str(refusal.problem()))


def test_unknown_and_not_granted_are_one_refusal():
    nothing, elsewhere = decide(ask(datasets=("nowhere",)), []), decide(ask(), [standing(analyst="bob")])
    assert nothing.problem() == elsewhere.problem()
    held = [standing(datasets=("roads",))]
    assert decide(ask(datasets=("nowhere",)), held).problem() == decide(ask(), held).problem()


def test_an_explanation_of_a_permit():
    rule = RULEBOOK.rules["analyst-asks"]
    assert explain(ask(), [standing()]) == Explanation(True, (rule.id,), (rule.words,), (rule.words_zh,), None)


def test_an_explanation_of_a_refusal_names_all_that_determined_it_the_deciding_first():
    why = explain(ask(purpose="care"), [standing(until=0, revoked=True, uses=1, used=1)])
    assert why.policies == ("grant-purpose", "grant-term-over", "grant-revoked", "grant-uses")
    assert why.refusal_code == "purpose-not-granted"
    assert why.words_en == tuple(RULEBOOK.rules[policy].words for policy in why.policies)
    assert why.words_zh == tuple(RULEBOOK.rules[policy].words_zh for policy in why.policies)
    assert not why.allowed


def test_an_explanation_tells_of_the_nearest_grant():
    why = explain(ask(), [standing("g_1", purpose="care"), standing("g_2", uses=1, used=1)])
    assert why.policies == ("grant-uses",)


def test_an_explanation_without_a_grant_is_that_there_is_none():
    assert explain(ask(), []).policies == ("grant-holder",)
    assert explain(ask(frozen_person=True), []).policies == ("frozen-person",)


def test_an_explanation_of_what_nothing_permits():
    why = explain(AccessRequest(ANN, Action.VOTE, NOW), [])
    assert why == Explanation(False, ("no-permit",), (NO_PERMIT_WORDS[0],), (NO_PERMIT_WORDS[1],), "role-not-permitted")


def test_explaining_agrees_with_deciding():
    people = [Person("pat", "acme", role) for role in Role]
    for person in people:
        for action in Action:
            request = AccessRequest(person, action, NOW, stewards=("acme",), author=ANN)
            decision, why = decide(request, []), explain(request, [])
            assert why.allowed is isinstance(decision, Permit)
            assert why.refusal_code == getattr(decision, "code", None)
            if isinstance(decision, Permit):
                assert why.policies == decision.policies
            elif decision.code != "not-found":
                assert why.policies[0] == decision.facts["policy"]


def test_a_term_begins_inclusive_and_ends_exclusive():
    assert isinstance(decide(ask(), [standing(since=0)]), Permit)
    assert decide(ask(), [standing(until=0)]).code == "grant-not-in-force"
