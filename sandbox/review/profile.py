"""Review profiles: what the rules ask of releases of one grade, read from TOML.

A knob that is left out switches its rule off; nothing else is optional. The texts are part of the policy bundle
(policies/profiles), so each release's certificate names the digest they are under.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sandbox.terms.dataset import Grade
from sandbox.terms.refusal import CoreGrade
from sandbox.terms.toml_reader import Section, Source

VOTES_FLOOR = {Grade.GENERAL: 0, Grade.IMPORTANT: 2}
"""The fewest votes a profile may ask for, by grade; a grade that is not here is never released."""

KNOBS = (
    "name",
    "grade",
    "votes",
    "sample_rate",
    "need_required",
    "need_min_length",
    "hold_epsilon",
    "hold_share",
    "hold_cells",
    "hold_small_noisy_count",
    "hold_wide_intervals",
)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NAME_ALLOWED = "a lower-case letter, then up to 62 lower-case letters, digits and dashes"
_SHARE_ALLOWED = 'a decimal from 0 to 1 in a string, such as "0.05"'


@dataclass(frozen=True, slots=True)
class Profile:
    """What releases of `grade` must pass.

    `votes` reviewers (0, 1 or 2) vote before any release; with 0, `sample_rate` of the releases are looked at
    afterwards. `need_min_length` counts the characters that are not spaces, 0 where no need is asked for. A release is
    held where one query costs more than `hold_epsilon` (ε) or `hold_share` of its grant's ε, where it has more than
    `hold_cells` cells (groups × value columns), where a noisy count is at least 1 and below `hold_small_noisy_count`,
    or where more than the share `hold_wide_intervals` of its cells are less than the half width of their interval.
    """

    name: str
    grade: Grade
    votes: int
    sample_rate: Fraction
    need_min_length: int = 0
    hold_epsilon: Fraction | None = None
    hold_share: Fraction | None = None
    hold_cells: int | None = None
    hold_small_noisy_count: int | None = None
    hold_wide_intervals: Fraction | None = None

    @property
    def need_required(self) -> bool:
        """Whether an analyst must say what the answer is needed for."""
        return self.need_min_length > 0


def parse_profile(text: str, file: str = "profile.toml") -> Profile:
    """The profile that a TOML text describes.

    Raises:
        DescriptionInvalid: file, line, what is wrong, what is allowed.
    """
    source = Source(text, file)
    section = Section(source, (), source.root, KNOBS)
    grade = Grade(section.choice("grade", [grade.value for grade in VOTES_FLOOR]))
    votes = section.integer("votes", VOTES_FLOOR[grade], 2)
    rate = _share(section, "sample_rate")
    if votes and rate:
        section.refuse("Every release is held, so none is left to sample.", 'sample_rate = "0"', "sample_rate")
    return Profile(
        name=section.name("name", _NAME, _NAME_ALLOWED),
        grade=grade,
        votes=votes,
        sample_rate=rate,
        need_min_length=_need(section, grade),
        hold_epsilon=_epsilon(section) if section.has("hold_epsilon") else None,
        hold_share=_share(section, "hold_share") if section.has("hold_share") else None,
        hold_cells=section.integer("hold_cells", 1, 2**53) if section.has("hold_cells") else None,
        hold_small_noisy_count=_small(section) if section.has("hold_small_noisy_count") else None,
        hold_wide_intervals=_share(section, "hold_wide_intervals") if section.has("hold_wide_intervals") else None,
    )


def parse_profiles(texts: Mapping[str, str]) -> dict[Grade, Profile]:
    """The profiles by grade, from texts by name.

    Raises:
        DescriptionInvalid: also where a name is not the text's own, or two are for one grade.
    """
    found: dict[Grade, Profile] = {}
    for name in sorted(texts):
        file = f"{name}.toml"
        profile = parse_profile(texts[name], file)
        if profile.name != name:
            Source("", file).refuse((), "The profile has another name than its file.", f'name = "{name}"')
        if profile.grade in found:
            Source("", file).refuse((), "Another profile is for this grade already.", "one profile a grade")
        found[profile.grade] = profile
    return found


def profile_of(profiles: Mapping[Grade, Profile], grade: Grade) -> Profile:
    """The profile for data of a grade.

    Raises:
        CoreGrade: the grade is core, or one that no profile is for: what has no rules does not leave.
    """
    if grade not in VOTES_FLOOR or grade not in profiles:
        raise CoreGrade(f"No profile lets data of the grade {grade} out.", grade=str(grade))
    return profiles[grade]


def _need(section: Section, grade: Grade) -> int:
    required = section.take("need_required", bool, "true, false")
    if not required and VOTES_FLOOR[grade]:
        section.refuse("Reviewers of this grade must be told the need.", "true", "need_required")
    if not required and section.has("need_min_length"):
        section.refuse("No need is asked for, so none has a length.", "need_required = true", "need_min_length")
    return section.integer("need_min_length", 1, 1000) if required else 0


def _epsilon(section: Section) -> Fraction:
    value = section.decimal("hold_epsilon", 'a positive decimal in a string, such as "2"')
    if value <= 0:
        section.refuse("This must be above 0.", 'a positive decimal in a string, such as "2"', "hold_epsilon")
    return value


def _small(section: Section) -> int:
    return section.integer("hold_small_noisy_count", 2, 1_000_000)


def _share(section: Section, name: str) -> Fraction:
    value = section.decimal(name, _SHARE_ALLOWED)
    if value > 1:
        section.refuse("This number is out of range.", _SHARE_ALLOWED, name)
    return value
