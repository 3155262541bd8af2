"""Several grants: what they allow together is what each allows of its own datasets, and no more."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import NOW, ask, rulebook, standing, without

from policies.coverage import COMBINATIONS, Coverage, combinations, cover
from policies.refusals import of_dataset
from policies.rulebook import POLICY_TEXTS
from sandbox.terms.people import Aggregate
from sandbox.terms.refusal import (
    Frozen,
    GrantNotInForce,
    GrantRevoked,
    GrantTooNarrow,
    GrantUsedUp,
    NotFound,
    PurposeNotGranted,
    Refusal,
    RoleNotPermitted,
)

DATASETS = ("clinic", "dental", "school")
MANNERS = (Aggregate.COUNT, Aggregate.SUM)


def of(name, *datasets, columns=("cost",), **more):
    return standing(
        name,
        datasets=datasets,
        tables=tuple(f"{each}.visits" for each in datasets),
        columns=tuple(f"{each}.visits.{column}" for each in datasets for column in columns),
        **more,
    )


def question(*datasets, columns=("cost",), **more):
    return ask(
        datasets=datasets,
        tables=tuple(f"{each}.visits" for each in datasets),
        columns=tuple(f"{each}.visits.{column}" for each in datasets for column in columns),
        **more,
    )


BOTH = question("clinic", "dental")


def names(found):
    assert isinstance(found, Coverage), found
    return [[grant.id for grant in grants] for grants in found.choices]


def test_two_grants_of_two_datasets_allow_a_question_over_both():
    assert names(cover(BOTH, [of("g_1", "clinic"), of("g_2", "dental")])) == [["g_1", "g_2"]]


def test_the_first_grant_names_the_first_dataset():
    assert names(cover(BOTH, [of("g_2", "clinic"), of("g_1", "dental")])) == [["g_2", "g_1"]]


def test_a_grant_of_all_comes_first_and_needs_no_other():
    held = [of("g_1", "clinic"), of("g_2", "dental"), of("g_3", "clinic", "dental")]
    assert names(cover(BOTH, held)) == [["g_3"], ["g_1", "g_2"]]


def test_no_choice_holds_a_grant_that_it_could_do_without():
    three = question(*DATASETS)
    held = [of("g_1", "clinic", "dental"), of("g_2", "dental", "school"), of("g_3", "school"), of("g_4", "dental")]
    assert names(cover(three, held)) == [["g_1", "g_2"], ["g_1", "g_3"]]


def test_columns_of_one_dataset_are_not_put_together_of_two_grants():
    asked = question("clinic", "dental", columns=("cost", "day"))
    held = [of("g_1", "clinic", columns=("cost",)), of("g_2", "clinic", columns=("day",))]
    dental = of("g_3", "dental", columns=("cost", "day"))
    refused = cover(asked, [*held, dental])
    assert isinstance(refused, GrantTooNarrow) and refused.facts["dataset"] == "clinic"
    whole = of("g_4", "clinic", columns=("cost", "day"))  # the control
    assert names(cover(asked, [*held, dental, whole])) == [["g_4", "g_3"]]


REFUSED = {
    "missing": (None, NotFound),
    "expired": ({"since": -2, "until": -1}, GrantNotInForce),
    "not begun": ({"since": 1, "until": 2}, GrantNotInForce),
    "revoked": ({"revoked": True}, GrantRevoked),
    "frozen": ({"frozen": True}, Frozen),
    "used up": ({"uses": 2, "used": 2}, GrantUsedUp),
    "another purpose": ({"purpose": "teaching"}, PurposeNotGranted),
    "another manner": ({"aggregates": (Aggregate.COUNT,)}, GrantTooNarrow),
    "fewer columns": ({"columns": ("day",)}, GrantTooNarrow),
    "another organisation": ({"org": "elsewhere"}, NotFound),
    "another person": ({"analyst": "bob"}, NotFound),
}


@pytest.mark.parametrize("bad", DATASETS[:2])
@pytest.mark.parametrize("why", REFUSED)
def test_each_of_the_grants_must_allow_its_part(why, bad):
    changes, kind = REFUSED[why]
    held = [
        of(f"g_{each}", each, **(changes if each == bad else {})) for each in DATASETS[:2] if (changes or each != bad)
    ]
    refused = cover(BOTH, held)
    assert type(refused) is kind
    if kind is not NotFound:
        assert refused.detail.startswith(f"For the dataset {bad}: ") and refused.facts["dataset"] == bad
    else:
        assert refused.detail == NotFound().detail
    assert names(cover(BOTH, [of(f"g_{each}", each) for each in DATASETS[:2]]))  # the control


def test_purposes_must_agree_with_the_question_for_every_grant():
    held = [of("g_1", "clinic"), of("g_2", "dental", purpose="teaching")]
    for purpose in ("research", "teaching"):
        assert isinstance(cover(question("clinic", "dental", purpose=purpose), held), PurposeNotGranted)


def test_what_is_not_about_data_names_no_dataset():
    frozen = cover(question("clinic", "dental", frozen_person=True), [of("g_1", "clinic"), of("g_2", "dental")])
    assert isinstance(frozen, Frozen) and "dataset" not in frozen.facts
    assert of_dataset(RoleNotPermitted("no"), "clinic").detail == "no"


JOINT = """@id("never-together") @words("w") @words_zh("w") forbid (principal, action in Action::"asks", resource is Grant)
when { context.together.containsAll(["clinic", "dental"]) };"""


def test_a_policy_can_forbid_a_combination(monkeypatch):
    from policies import reasons, refusals

    for table in (reasons.RANK, refusals.REFUSALS):
        monkeypatch.setitem(table, "never-together", len(reasons.REASONS) if table is reasons.RANK else GrantTooNarrow)
    forbidding = rulebook("\n".join([*POLICY_TEXTS.values(), JOINT]))
    held = [of("g_1", "clinic"), of("g_2", "dental"), of("g_3", "school"), of("g_4", "clinic", "dental")]
    assert isinstance(cover(BOTH, held, rulebook=forbidding), GrantTooNarrow)
    assert names(cover(question("clinic", "school"), held, rulebook=forbidding))  # the control
    assert names(cover(BOTH, held))  # the control


# -- the law -----------------------------------------------------------------------------------------------------------

_GRANT = st.builds(
    dict,
    datasets=st.sets(st.sampled_from(DATASETS), min_size=1).map(sorted).map(tuple),
    columns=st.sets(st.sampled_from(("cost", "day"))).map(sorted).map(tuple),
    aggregates=st.sets(st.sampled_from(MANNERS)).map(sorted).map(tuple),
    purpose=st.sampled_from(("research", "research", "research", "teaching")),
    until=st.sampled_from((-0.5, 1, 1, 1)),
    used=st.sampled_from((0, 0, 0, 3)),
    revoked=st.sampled_from((False, False, False, True)),
    frozen=st.sampled_from((False, False, False, True)),
)


def allows(grant_standing, asked, dataset):
    """The law in plain words, without Cedar: what one grant must be to be read under for one dataset."""
    grant = grant_standing.grant
    columns = {each for each in asked.columns if each.startswith(f"{dataset}.")}
    return (
        dataset in grant.datasets
        and f"{dataset}.visits" in grant.tables
        and columns <= set(grant.columns)
        and set(asked.aggregates) <= set(grant.aggregates)
        and grant.purpose == asked.purpose
        and grant.not_before <= NOW < grant.not_after
        and (grant.uses is None or grant_standing.used < grant.uses)
        and not (grant_standing.revoked or grant_standing.frozen)
    )


def law_holds(asked, held, found) -> bool:
    """Whether it is allowed exactly where each dataset has a grant of its own that allows its part, and each choice is such."""
    allowed = {name: {each.grant.id for each in held if allows(each, asked, name)} for name in asked.datasets}
    if isinstance(found, Refusal):
        return not all(allowed.values())
    return all(
        all(allowed[name] & {grant.id for grant in choice} for name in asked.datasets)
        and all(any(grant.id in allowed[name] for name in asked.datasets) for grant in choice)
        for choice in found.choices
    )


@given(
    grants=st.lists(_GRANT, max_size=5),
    datasets=st.sets(st.sampled_from(DATASETS), min_size=2).map(sorted).map(tuple),
    columns=st.sets(st.sampled_from(("cost", "day"))).map(sorted).map(tuple),
    manners=st.sets(st.sampled_from(MANNERS), min_size=1).map(sorted).map(tuple),
)
@settings(max_examples=150, deadline=None)
def test_no_combination_is_wider_than_each_grant_on_its_own_data(grants, datasets, columns, manners):
    held = [of(f"g_{number}", *made.pop("datasets"), uses=3, **made) for number, made in enumerate(map(dict, grants))]
    asked = question(*datasets, columns=columns, aggregates=manners)
    assert law_holds(asked, held, cover(asked, held))


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("grant-columns", {"columns": ("day",)}),
        ("grant-aggregates", {"aggregates": (Aggregate.COUNT,)}),
        ("grant-revoked", {"revoked": True}),
        ("grant-term-over", {"until": -0.5}),
        ("grant-uses", {"used": 3}),
        ("frozen-grant", {"frozen": True}),
    ],
)
def test_control_the_law_sees_each_policy_that_is_gone(policy, changes):
    held = [of("g_1", "clinic", uses=3), of("g_2", "dental", uses=3, **changes)]
    assert law_holds(BOTH, held, cover(BOTH, held))
    assert not law_holds(BOTH, held, cover(BOTH, held, rulebook=without(policy)))


def test_the_number_of_combinations_is_bounded():
    for datasets, held in product((2, 3, 7), (1, 30)):
        offered = {
            f"d{place}": [of(f"g_{place}_{number:02}", f"d{place}").grant for number in range(held)]
            for place in range(datasets)
        }
        found = combinations(offered)
        assert 0 < len(found) <= COMBINATIONS
        assert len({grant.id for grant in found[0]}) == datasets
    assert combinations({"d0": [], "d1": []}) == []
