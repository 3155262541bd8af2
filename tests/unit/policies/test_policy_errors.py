"""Whatever is not a clean decision denies; what does not validate does not load."""

from dataclasses import replace

import pytest
from cedarpy import Entities, PolicySet, is_authorized_batch
from policy_world import ALL_POLICIES, ANN, NOW, ask, replaced, rulebook, standing

from policies import verdict as verdict_module
from policies.decide import decide, explain
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.rulebook import RULEBOOK, SCHEMA_TEXT, PolicyInvalid, parse_rulebook
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import Fault, Refusal

# It validates, and overflows when it is evaluated: as a mistake in a policy would.
ERRS = 'forbid (principal, action in Action::"asks", resource is Grant) when { 9223372036854775807 + context.at > 0 };'
ERRS_ANYWHERE = "forbid (principal, action, resource) when { 9223372036854775807 + context.at > 0 };"


def test_an_erring_policy_denies_although_cedar_allows(monkeypatch):
    rules = replaced("grant-revoked", ERRS)
    seen = []

    def spy(*arguments):
        seen[:] = is_authorized_batch(*arguments)
        return list(seen)

    monkeypatch.setattr(verdict_module, "is_authorized_batch", spy)
    with pytest.raises(Fault) as caught:
        decide(ask(), [standing()], rulebook=rules)
    assert [result.allowed for result in seen] == [True], "the control: Cedar leaves the erring policy out, and allows"
    assert seen[0].diagnostics.errors
    assert caught.value.detail == Fault.title
    with pytest.raises(Fault):
        explain(ask(), [standing()], rulebook=rules)
    assert isinstance(decide(ask(), [standing()]), Permit)


def test_an_error_about_one_grant_denies_for_all():
    rules = replaced(
        "grant-revoked",
        'forbid (principal, action in Action::"asks", resource is Grant) '
        "when { resource.frozen && 9223372036854775807 + context.at > 0 };",
    )
    assert isinstance(decide(ask(), [standing("g_1")], rulebook=rules), Permit)
    with pytest.raises(Fault):
        decide(ask(), [standing("g_1"), standing("g_2", frozen=True)], rulebook=rules)


def test_an_erring_policy_denies_what_needs_no_grant():
    with pytest.raises(Fault):
        decide(AccessRequest(ANN, Action.PROVE_LOG, NOW), [], rulebook=replaced("not-yours", ERRS_ANYWHERE))


def test_a_request_that_does_not_fit_the_schema_is_denied():
    nobody = Person("ann", "acme", "king")  # type: ignore[arg-type]
    for request in (
        AccessRequest(nobody, Action.PROVE_LOG, NOW),
        AccessRequest(ANN, Action.PROVE_LOG, NOW, stewards=(7,)),  # type: ignore[arg-type]
        ask(purpose="\ud800"),
        replace(ask(), purpose=None),  # type: ignore[arg-type]
    ):
        with pytest.raises(Fault):
            decide(request, [standing()])


def test_an_unknown_action_is_denied(monkeypatch):
    class Odd:
        value = "open-everything"

    with pytest.raises(Fault):
        decide(AccessRequest(Person("olga", "city", Role.OFFICER), Odd(), NOW), [])  # type: ignore[arg-type]


def test_a_verdict_by_an_unknown_policy_is_denied():
    """Control for the ids: a handle whose policies are not those of the rules never permits."""
    other = replace(RULEBOOK, policies=PolicySet.from_str("permit(principal, action, resource);"))
    with pytest.raises(Fault):
        decide(ask(), [standing()], rulebook=other)


def test_an_answer_too_few_is_denied(monkeypatch):
    monkeypatch.setattr(verdict_module, "is_authorized_batch", lambda *_arguments: [])
    with pytest.raises(Fault):
        decide(ask(), [standing()])


def test_an_engine_that_complains_is_denied_without_its_words(monkeypatch):
    def complain(*_arguments):
        raise ValueError("ann asked for clinic.visits.cost")

    monkeypatch.setattr(Entities, "from_json_str", complain)
    with pytest.raises(Fault) as caught:
        decide(ask(), [standing()])
    assert "clinic" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("taken", ["", "grant-holder", "grant-datasets"])
def test_no_grant_is_never_enough(taken):
    """Whatever the policies say of a grant that is not there: without a real one, no permit."""
    text = 'permit (principal in Role::"analyst", action, resource);'
    rules = rulebook(f'@id("a") @words("w") @words_zh("w") {text}')
    with pytest.raises(Fault):
        decide(ask(), [], rulebook=rules)
    assert isinstance(decide(ask(), [standing()], rulebook=rules), Permit), "the control: with one, these rules permit"


NAMED = '@id("frozen-person") @words("w") @words_zh("w") '


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit (principal", "unexpected"),
        ("permit (principal, action, resource);", "lacks"),
        ('@id("a") @words("w") permit (principal, action, resource);', "lacks"),
        ('@id("a") @words("w") @words_zh("w") forbid (principal, action, resource);', "which refusal"),
        (
            '@id("a") @words("w") @words_zh("w") permit (principal, action, resource) when { principal.frozen };',
            "no conditions",
        ),
        (NAMED + "forbid (principal, action, resource) when { principal.colour == 1 };", "colour"),
        (NAMED + "forbid (principal, action, resource) when { context.author.name == principal.name };", "author"),
        (NAMED + 'forbid (principal in Role::"king", action, resource);', "king"),
        (NAMED + 'forbid (principal, action == Action::"query", resource);', "query"),
        (NAMED + "forbid (principal, action, resource);" + NAMED + "forbid (principal, action, resource);", "taken"),
        ('@id("no-permit") @words("w") @words_zh("w") permit (principal, action, resource);', "taken"),
        (NAMED + "forbid (principal == ?principal, action, resource);", "emplates"),
    ],
)
def test_what_is_not_valid_does_not_load(text, says):
    with pytest.raises(PolicyInvalid, match=says):
        parse_rulebook(SCHEMA_TEXT, text)


def test_an_invalid_schema_does_not_load():
    with pytest.raises(PolicyInvalid):
        parse_rulebook("entity Person in [Nothing];", ALL_POLICIES)


def test_the_rules_in_force_are_valid_and_named():
    rules = rulebook()
    assert rules.rules == RULEBOOK.rules
    assert len(rules.rules) >= 30
    for rule in rules.rules.values():
        assert rule.words.endswith(".")
        assert rule.words_zh.endswith("。")


def test_every_refusal_of_the_map_is_one():
    from policies.reasons import REASONS

    assert all(issubclass(kind, Refusal) for _policy, kind in REASONS)
    assert len({policy for policy, _kind in REASONS}) == len(REASONS)
