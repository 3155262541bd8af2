"""Each rule holds what it must, passes its control one step away, and holds where it cannot be evaluated."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from noisy_plans import SITES, WARDS, a_plan_of, by_ward, column, whole
from review_examples import GENERAL, IMPORTANT, MILD, NOISE, PLAN, a_mean, an_answer, an_asked

from sandbox.plan.answers import Derived, Kept, Ordered
from sandbox.plan.nodes import Arithmetic, Comparison
from sandbox.review.profile import Profile
from sandbox.review.rule_words import UNCHECKED, WORDS
from sandbox.review.rules import Check, Outcome, Ruling, after, before, checks, groups_asked, rule_words, value_columns
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn
from sandbox.terms.dataset import Grade, Type
from sandbox.terms.people import ReviewDuty
from sandbox.terms.refusal import CoreGrade, NeedMissing

PASSED = Ruling(Outcome.AUTOMATIC, 0, ())


def knob(**knobs: Any) -> Profile:
    return replace(GENERAL, **knobs)


def held(*reasons: str, votes: int = 1) -> Ruling:
    return Ruling(Outcome.HELD, votes, reasons)


def ruled(profile: Profile = GENERAL, answer: Answer | None = None, intervals: Any = None, **asked: Any) -> Ruling:
    return after(an_asked(**asked), answer or an_answer(), profile, MILD, intervals)


# -- the plan ------------------------------------------------------------------------------------------------------------


def test_general_data_leaves_at_once() -> None:
    assert before(an_asked(), GENERAL) == PASSED
    assert ruled() == PASSED


def test_important_data_waits_for_two_votes() -> None:
    asked = an_asked(grade=Grade.IMPORTANT)
    assert before(asked, IMPORTANT) == held("grade-reviewed", votes=2)
    assert after(asked, an_answer(), IMPORTANT, Fraction(0)) == held("grade-reviewed", votes=2)


@pytest.mark.parametrize(
    ("duty", "ruling"),
    [
        (ReviewDuty.PROFILE, PASSED),
        (ReviewDuty.HELD, held("grant-held")),
        (ReviewDuty.TWO, held("grant-two-votes", votes=2)),
        ("three", held("grant-two-votes-unchecked", votes=2)),
    ],
)
def test_a_grant_tightens(duty: ReviewDuty, ruling: Ruling) -> None:
    assert before(an_asked(duty=duty), GENERAL) == ruling
    assert ruled(duty=duty) == ruling


@pytest.mark.parametrize("duty", ReviewDuty)
def test_a_grant_never_loosens_important_data(duty: ReviewDuty) -> None:
    ruling = before(an_asked(grade=Grade.IMPORTANT, duty=duty), IMPORTANT)
    assert (ruling.outcome, ruling.votes) == (Outcome.HELD, 2)


@pytest.mark.parametrize(
    ("profile", "asked", "reason"),
    [
        (knob(hold_epsilon=Fraction(1)), {"epsilon": Fraction(10**9 + 1, 10**9)}, "high-epsilon"),
        (knob(hold_epsilon=Fraction(1)), {"epsilon": Fraction(0)}, "high-epsilon-unchecked"),
        (knob(hold_share=Fraction(1, 10)), {"grant_epsilon": Fraction(99, 10)}, "large-share"),
        (knob(hold_share=Fraction(1, 10)), {"grant_epsilon": Fraction(0)}, "large-share-unchecked"),
        (knob(hold_cells=4), {"groups": 3}, "many-cells"),
        (knob(hold_cells=4), {"columns": 3}, "many-cells"),
        (knob(hold_cells=4), {"columns": -1}, "many-cells-unchecked"),
        (knob(need_min_length=21), {"need": " To plan next year's beds . "}, None),
        (GENERAL, {"need": ""}, None),
    ],
)
def test_rules_on_the_plan(profile: Profile, asked: dict[str, Any], reason: str | None) -> None:
    assert before(an_asked(), profile) == PASSED  # the control: ε 1 of 10, 2 × 2 cells, a need of 21 characters
    ruling = before(an_asked(**asked), profile)
    assert ruling == (PASSED if reason is None else held(reason))


def test_a_profile_of_another_grade_holds_and_never_lowers_the_grades_own_votes() -> None:
    assert before(an_asked(grade=Grade.IMPORTANT), GENERAL) == held("grade-reviewed", "profile-mismatch", votes=2)
    assert before(an_asked(), replace(GENERAL, grade=Grade.IMPORTANT)) == held("profile-mismatch")
    loosened = replace(IMPORTANT, votes=0, sample_rate=Fraction(1))  # no text can say so: the reader refuses it
    assert ruled(loosened, grade=Grade.IMPORTANT) == held("grade-reviewed", votes=2)


@pytest.mark.parametrize("need", ["", "   \n\t  ", "too short", "a b c d e f g h i"])
def test_the_need_is_asked_for_before_and_holds_afterwards(need: str) -> None:
    asked = an_asked(grade=Grade.IMPORTANT, need=need)
    with pytest.raises(NeedMissing, match="10 characters"):
        before(asked, IMPORTANT)
    assert after(asked, an_answer(), IMPORTANT, MILD).reasons == ("grade-reviewed", "need-missing")
    assert before(replace(asked, need="用于规划明年的床位数量"), IMPORTANT).reasons == ("grade-reviewed",)
    assert before(replace(asked, grade=Grade.GENERAL), GENERAL) == PASSED


@pytest.mark.parametrize("grade", [Grade.CORE, "secret"])
@pytest.mark.parametrize("profile", [GENERAL, IMPORTANT, replace(GENERAL, grade=Grade.CORE)])
def test_core_and_unknown_grades_never_leave(grade: Grade, profile: Profile) -> None:
    with pytest.raises(CoreGrade):
        before(an_asked(grade=grade), profile)
    with pytest.raises(CoreGrade):
        after(an_asked(grade=grade), an_answer(), profile, MILD)


# -- the noisy answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "holds"), [(-3, False), (0, False), (1, True), (9, True), (10, False), (10**30, False)]
)
def test_a_small_noisy_count_holds(count: int, holds: bool) -> None:
    profile = knob(hold_small_noisy_count=10)
    answer = an_answer(counts=(count, 50))
    assert ruled(profile, answer) == (held("small-noisy-count") if holds else PASSED)
    assert ruled(GENERAL, answer) == PASSED  # the control: the knob is off


def test_the_count_behind_a_mean_counts() -> None:
    profile = knob(hold_small_noisy_count=10)
    assert ruled(profile, Answer("o", (a_mean((40, 9)),))) == held("small-noisy-count")
    assert ruled(profile, Answer("o", (a_mean((40, 10)),))) == PASSED


def test_a_table_without_counts_is_not_checkable_and_holds() -> None:
    answer = Answer("o", an_answer().columns[:1] + an_answer().columns[2:])
    assert ruled(knob(hold_small_noisy_count=10), answer) == held("small-noisy-count-unchecked")
    assert ruled(GENERAL, answer) == PASSED


@pytest.mark.parametrize(
    ("intervals", "reason"),
    [
        ({"n": [(100, 140), (60, 100)], "total": [(-10, 110), (30, 50)]}, None),  # 1 of 4 is wide: 60 > 50
        ({"n": [(-10, 250), (60, 100)], "total": [(-10, 110), (30, 50)]}, "wide-intervals"),  # 2 of 4
        ({"n": [(100, 140), (60, 100)]}, "wide-intervals-unchecked"),
        ({"n": [(100, 140)], "total": [(40, 60), (30, 50)]}, "wide-intervals-unchecked"),
        ({"n": [(100, 140), (60, 100)], "total": [(40, 60), (float("nan"), 50)]}, "wide-intervals-unchecked"),
        ({"n": [(100, 140), (60, 100)], "total": [(40, 60), (30, float("inf"))]}, "wide-intervals-unchecked"),
        ({"n": [(140, 100), (60, 100)], "total": [(40, 60), (30, 50)]}, "wide-intervals-unchecked"),
        ({}, "wide-intervals-unchecked"),
        (None, "wide-intervals-unchecked"),
    ],
)
def test_values_that_drown_in_noise_hold(intervals: Any, reason: str | None) -> None:
    profile = knob(hold_wide_intervals=Fraction(1, 4))
    assert ruled(profile, intervals=intervals) == (held(reason) if reason else PASSED)
    assert ruled(GENERAL, intervals=intervals) == PASSED


def test_more_than_was_asked_for_holds_whatever_the_profile() -> None:
    answer = an_answer(counts=(50, 60, 70), sums=(1, 2, 3))
    assert ruled(answer=answer) == held("more-than-asked")
    assert ruled(answer=answer, groups=3) == PASSED
    assert ruled(columns=1) == held("more-than-asked")


def test_an_answer_that_is_no_table_holds() -> None:
    crooked = Answer("o", (KeyColumn("k", Type.STRING, ("v",)), CountColumn("n", (50, 60), NOISE)))
    assert ruled(answer=crooked) == held("more-than-asked-unchecked")
    assert ruled(answer=Answer("o", ())) == held("more-than-asked-unchecked")


# -- sampling ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "outcome"),
    [(Fraction(0), "sampled"), (Fraction(49, 1000), "sampled"), (Fraction(1, 20), "automatic"), (MILD, "automatic")],
)
def test_a_draw_below_the_rate_samples(draw: Fraction, outcome: str) -> None:
    ruling = after(an_asked(), an_answer(), GENERAL, draw)
    assert ruling == (Ruling(Outcome.SAMPLED, 0, ("sampled",)) if outcome == "sampled" else PASSED)
    assert after(an_asked(), an_answer(), knob(sample_rate=Fraction(0)), draw) == PASSED
    assert after(an_asked(), an_answer(), knob(sample_rate=Fraction(1)), draw).outcome is Outcome.SAMPLED


def test_what_is_held_is_not_sampled() -> None:
    assert after(an_asked(duty=ReviewDuty.HELD), an_answer(), GENERAL, Fraction(0)) == held("grant-held")


@pytest.mark.parametrize("draw", [Fraction(1), Fraction(-1, 9), Fraction(5)])
def test_a_draw_that_is_none_holds(draw: Fraction) -> None:
    assert after(an_asked(), an_answer(), GENERAL, draw) == held("sampled-unchecked")


def test_the_share_that_is_sampled_is_the_rate() -> None:
    draws = [Fraction(number, 1000) for number in range(1000)]
    assert sum(after(an_asked(), an_answer(), GENERAL, draw).outcome is Outcome.SAMPLED for draw in draws) == 50


# -- words and checks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", WORDS)
def test_every_rule_has_words_in_both_languages(rule: str) -> None:
    english, chinese = rule_words(rule, "en"), rule_words(rule, "zh")
    assert english.isascii() or "ε" in english
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert not any(digit in english + chinese for digit in "0123456789".replace("1", ""))  # no threshold is told
    assert rule_words(rule + UNCHECKED, "en").endswith(english)
    assert rule_words(rule + UNCHECKED, "zh").endswith(chinese)
    assert rule_words(rule + UNCHECKED, "en") != english
    assert rule_words(rule, "fr") == english


def test_a_rule_of_another_version_is_still_told() -> None:
    assert "new-rule" in rule_words("new-rule", "en")
    assert "new-rule" in rule_words("new-rule", "zh")


def test_checks_list_what_held_and_what_passed() -> None:
    profile = knob(hold_cells=3, hold_small_noisy_count=10, hold_epsilon=Fraction(5))
    ruling = ruled(profile, Answer("o", an_answer().columns[2:]))
    assert checks(ruling.reasons, profile) == (
        Check("many-cells", "held"),
        Check("small-noisy-count-unchecked", "held"),
        Check("high-epsilon", "ok"),
        Check("more-than-asked", "ok"),
    )


def test_checks_note_a_sample_and_hold_what_they_do_not_know() -> None:
    assert checks(("sampled",), GENERAL) == (Check("sampled", "note"), Check("more-than-asked", "ok"))
    assert Check("new-rule", "held") in checks(("new-rule",), IMPORTANT)
    assert Check("need-missing", "ok") in checks(("grade-reviewed",), IMPORTANT)


def test_value_columns_leaves_out_the_keys() -> None:
    assert value_columns(PLAN) == 2
    assert value_columns(a_plan_of(SITES)) == 3
    twice = Arithmetic("*", column(SITES, "n"), whole(2), Type.INT)
    assert value_columns(a_plan_of(Derived(SITES, (("k", column(SITES, "site")), ("x", twice))))) == 1


def test_groups_are_the_lines_of_the_answer_or_unknown() -> None:
    few = Comparison(">", column(SITES, "n"), whole(5))
    assert groups_asked(a_plan_of(Kept(SITES, few))) == 3
    assert groups_asked(a_plan_of(Ordered(SITES, (), 1, 0))) == 1
    assert groups_asked(a_plan_of(WARDS, by_ward())) is None
    assert groups_asked(a_plan_of(Ordered(WARDS, (), 10, 0), by_ward())) == 10


def test_cells_of_private_groups_are_counted_when_the_noise_has_chosen_them() -> None:
    cells = knob(hold_cells=3)
    assert before(an_asked(groups=None), cells) == PASSED
    assert ruled(cells, groups=None) == held("many-cells")
    assert ruled(knob(hold_cells=4), groups=None) == PASSED
    assert ruled(cells, EMPTY, groups=None) == PASSED
    assert ruled(GENERAL, an_answer(counts=(50,) * 9, sums=(1,) * 9), groups=None) == PASSED
    assert ruled(answer=Answer("o", ()), groups=None) == held("more-than-asked-unchecked")


EMPTY = an_answer(counts=(), sums=())
COMPUTED = ComputedColumn("median", Type.INT, ("5", None), "quantile 0.5")


def test_an_answer_without_rows_passes_the_rules_on_answers() -> None:
    strict = knob(hold_small_noisy_count=20, hold_wide_intervals=Fraction(0), hold_cells=1)
    assert ruled(strict, EMPTY, intervals={"n": (), "total": ()}, groups=None) == PASSED


def test_computed_columns_without_intervals_take_no_part_but_alone_hold() -> None:
    profile = knob(hold_wide_intervals=Fraction(1, 4))
    key, count, _ = an_answer().columns
    mixed = Answer("o", (key, count, COMPUTED))
    near, far = ((119, 121), (79, 81)), ((0, 500), (0, 500))
    assert ruled(profile, mixed, {"n": near}) == PASSED
    assert ruled(profile, mixed, {"n": far}) == held("wide-intervals")
    assert ruled(profile, mixed, {}) == held("wide-intervals-unchecked")
    alone = Answer("o", (key, COMPUTED))
    assert ruled(profile, alone, {}) == held("wide-intervals-unchecked")
    assert ruled(knob(hold_small_noisy_count=9), alone) == held("small-noisy-count-unchecked")
    assert ruled(columns=1, answer=mixed) == held("more-than-asked")
