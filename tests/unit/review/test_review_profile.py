"""Profiles are read strictly: every mistake names its line and what is allowed, and the shipped ones say what they must."""

from fractions import Fraction
from pathlib import Path

import pytest

from sandbox.review.profile import KNOBS, VOTES_FLOOR, Profile, parse_profile, parse_profiles, profile_of
from sandbox.terms.dataset import Grade
from sandbox.terms.refusal import CoreGrade, DescriptionInvalid

ROOT = Path(__file__).parents[3]
SHIPPED = {path.stem: path.read_text("utf-8") for path in (ROOT / "policies" / "profiles").glob("*.toml")}
PLAIN = 'name = "p"\ngrade = "general"\nvotes = 0\nsample_rate = "0.05"\nneed_required = false\n'
HELD = 'name = "p"\ngrade = "important"\nvotes = 2\nsample_rate = "0"\nneed_required = true\nneed_min_length = 5\n'


def test_the_shipped_profiles_are_two_and_say_what_the_grades_promise() -> None:
    profiles = parse_profiles(SHIPPED)
    assert set(profiles) == {Grade.GENERAL, Grade.IMPORTANT} == set(VOTES_FLOOR)
    general, important = profiles[Grade.GENERAL], profiles[Grade.IMPORTANT]
    assert (general.votes, general.sample_rate, general.need_required) == (0, Fraction(1, 20), False)
    assert (important.votes, important.sample_rate, important.need_required) == (2, 0, True)
    assert important.need_min_length == 10
    assert important.hold_small_noisy_count == 20


def test_every_knob_reaches_the_profile() -> None:
    text = PLAIN.replace("false", "true") + (
        'need_min_length = 12\nhold_epsilon = "2.5"\nhold_share = "0.25"\nhold_cells = 40\n'
        'hold_small_noisy_count = 11\nhold_wide_intervals = "1"\n'
    )
    assert all(f"{knob} = " in text for knob in KNOBS)
    assert parse_profile(text) == Profile(
        "p", Grade.GENERAL, 0, Fraction(1, 20), 12, Fraction(5, 2), Fraction(1, 4), 40, 11, Fraction(1)
    )


def test_a_knob_left_out_is_off() -> None:
    assert parse_profile(PLAIN) == Profile("p", Grade.GENERAL, 0, Fraction(1, 20))


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "grade is missing"),
        ("votes", 1, "not TOML"),
        (PLAIN + "hold_cell = 3\n", 6, "Did you mean hold_cells"),
        (PLAIN + "[extra]\n", 6, "no key of this name"),
        (PLAIN.replace('"general"', '"core"'), 2, "no such choice"),
        (PLAIN.replace('"general"', '"secret"'), 2, "general, important"),
        (PLAIN.replace('grade = "general"\n', ""), 1, "grade is missing"),
        (PLAIN.replace("votes = 0", "votes = 3"), 3, "from 0 to 2"),
        (PLAIN.replace("votes = 0", "votes = false"), 3, "an integer"),
        (PLAIN.replace("votes = 0", "votes = 1"), 4, "none is left to sample"),
        (PLAIN.replace('"0.05"', "0.05"), 4, "a string"),
        (PLAIN.replace('"0.05"', '"1.05"'), 4, "out of range"),
        (PLAIN.replace('"0.05"', '"-0.05"'), 4, "not a decimal"),
        (PLAIN.replace('"p"', '"P q"'), 1, "not of the allowed form"),
        (PLAIN.replace("= false", '= "no"'), 5, "true or false"),
        (PLAIN + "need_min_length = 5\n", 6, "No need is asked for"),
        (PLAIN + 'hold_epsilon = "0"\n', 6, "above 0"),
        (PLAIN + 'hold_epsilon = "much"\n', 6, "not a decimal"),
        (PLAIN + 'hold_share = "2"\n', 6, "out of range"),
        (PLAIN + "hold_cells = 0\n", 6, "out of range"),
        (PLAIN + "hold_small_noisy_count = 1\n", 6, "out of range"),
        (PLAIN + 'hold_wide_intervals = "1.1"\n', 6, "out of range"),
        (HELD.replace("votes = 2", "votes = 1"), 3, "from 2 to 2"),
        (HELD.replace("need_required = true", "need_required = false"), 5, "must be told"),
        (HELD.replace("need_min_length = 5", "need_min_length = 0"), 6, "out of range"),
        (PLAIN + "# \u202e hidden\n", 6, "hides here"),
    ],
)
def test_a_mistake_names_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(DescriptionInvalid) as refused:
        parse_profile(text, "general.toml")
    assert refused.value.detail.startswith(f"general.toml:{line}: ")
    assert word in refused.value.detail
    assert refused.value.facts["line"] == line


def test_the_untouched_texts_are_taken() -> None:  # the control of the table above
    assert parse_profile(PLAIN).votes == 0
    assert parse_profile(HELD).votes == 2


def test_a_set_of_profiles_is_one_a_grade_under_their_own_names() -> None:
    assert set(parse_profiles({"p": PLAIN})) == {Grade.GENERAL}
    with pytest.raises(DescriptionInvalid, match="another name"):
        parse_profiles({"q": PLAIN})
    with pytest.raises(DescriptionInvalid, match="for this grade already"):
        parse_profiles({"p": PLAIN, "q": PLAIN.replace('"p"', '"q"')})


@pytest.mark.parametrize("grade", [Grade.CORE, "secret", ""])
def test_a_grade_without_rules_does_not_leave(grade: Grade) -> None:
    profiles = parse_profiles(SHIPPED)
    with pytest.raises(CoreGrade):
        profile_of(profiles, grade)
    with pytest.raises(CoreGrade):  # nor where somebody slipped a profile in for it
        profile_of({**profiles, grade: profiles[Grade.GENERAL]}, grade)
    with pytest.raises(CoreGrade):
        profile_of({}, Grade.GENERAL)
    assert profile_of(profiles, Grade.GENERAL).name == "general"
