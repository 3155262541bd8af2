"""How a release is ruled on: automatic, sampled or held, and for which reasons.

The rules read the plan, its cost, the grade, the declared need, the grant's duty and the noisy answer: nothing here
depends on a row other than through the noise. Every rule can only tighten: reasons add up, votes are the most that any
of them asks for, and a rule that cannot be evaluated holds.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from sandbox.plan.answer_lines import is_open, lines_between
from sandbox.plan.answers import KeyOutput
from sandbox.plan.lineage import Labels, Passed, lineage
from sandbox.plan.query import Plan
from sandbox.review import rule_words as ids
from sandbox.review.answer_rules import Intervals, more_than_asked, small_noisy_count, wide_intervals
from sandbox.review.profile import VOTES_FLOOR, Profile
from sandbox.review.rule_words import rule_words
from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Grade
from sandbox.terms.people import ReviewDuty
from sandbox.terms.refusal import CoreGrade, NeedMissing

__all__ = [
    "Asked",
    "Check",
    "Intervals",
    "Outcome",
    "Ruling",
    "after",
    "before",
    "checks",
    "groups_asked",
    "rule_words",
    "value_columns",
]

_DUTY_VOTES = {ReviewDuty.PROFILE: 0, ReviewDuty.HELD: 1, ReviewDuty.TWO: 2}
_DUTY_REASON = {ReviewDuty.HELD: ids.GRANT_HELD, ReviewDuty.TWO: ids.GRANT_TWO_VOTES}


class Outcome(StrEnum):
    """Mildest first."""

    AUTOMATIC = "automatic"  # out at once
    SAMPLED = "sampled"  # out at once, looked at afterwards
    HELD = "held"  # waits for votes


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to leave, as the plan and the grant tell it. `columns` counts value columns, not keys.

    `groups` are the most lines of the answer, None where private keys decide how many show: then nobody knows before the
    measurement, and the rules that count cells look at the noisy answer alone.
    """

    grade: Grade
    epsilon: Fraction
    grant_epsilon: Fraction
    groups: int | None
    columns: int
    need: str
    duty: ReviewDuty


@dataclass(frozen=True, slots=True)
class Ruling:
    """`votes` is how many reviewers must vote first, 0 where none must; `reasons` are rule ids, in the rules' order."""

    outcome: Outcome
    votes: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule as a reviewer sees it: `outcome` is ok, held or note."""

    rule: str
    outcome: str


def before(asked: Asked, profile: Profile) -> Ruling:
    """What is known before anything is measured: automatic or held. `after` never rules more mildly.

    Raises:
        CoreGrade: data of this grade never leaves.
        NeedMissing: the profile asks for the need, and it is not said or too short.
    """
    _refuse_core(asked.grade)
    if _said(asked.need) < profile.need_min_length:
        raise NeedMissing(
            f"Releases of {asked.grade} data ask for the need in at least {profile.need_min_length} characters.",
            at_least=profile.need_min_length,
        )
    return _ruling(asked, profile, _plan_reasons(asked, profile, asked.groups))


def after(asked: Asked, answer: Answer, profile: Profile, draw: Fraction, intervals: Intervals | None = None) -> Ruling:
    """The ruling on a noisy answer.

    Args:
        asked: as given to `before`.
        answer: the noisy answer.
        profile: of the data's grade.
        draw: a fair draw from [0, 1): below the profile's rate, an automatic release is sampled.
        intervals: of every value column, at level 0.95; a rule that needs them holds without.

    Raises:
        CoreGrade: data of this grade never leaves.
    """
    _refuse_core(asked.grade)
    groups = answer.rows if asked.groups is None and answer.columns else asked.groups
    reasons = _plan_reasons(asked, profile, groups)
    _report(reasons, ids.MORE_THAN_ASKED, more_than_asked(answer, asked.groups, asked.columns))
    if profile.hold_small_noisy_count is not None:
        _report(reasons, ids.SMALL_NOISY_COUNT, small_noisy_count(answer, profile.hold_small_noisy_count))
    if profile.hold_wide_intervals is not None:
        _report(reasons, ids.WIDE_INTERVALS, wide_intervals(answer, intervals, profile.hold_wide_intervals))
    if not 0 <= draw < 1:
        _report(reasons, ids.SAMPLED, None)
    ruling = _ruling(asked, profile, reasons)
    if ruling.outcome is Outcome.AUTOMATIC and draw < profile.sample_rate:
        return Ruling(Outcome.SAMPLED, 0, (ids.SAMPLED,))
    return ruling


def checks(reasons: tuple[str, ...], profile: Profile) -> tuple[Check, ...]:
    """Every rule that the profile has switched on, and how it went; also what the reasons name beyond them."""
    switched_on = {
        ids.NEED_MISSING: profile.need_required,
        ids.HIGH_EPSILON: profile.hold_epsilon is not None,
        ids.LARGE_SHARE: profile.hold_share is not None,
        ids.MANY_CELLS: profile.hold_cells is not None,
        ids.MORE_THAN_ASKED: True,
        ids.SMALL_NOISY_COUNT: profile.hold_small_noisy_count is not None,
        ids.WIDE_INTERVALS: profile.hold_wide_intervals is not None,
    }
    plain = {reason.removesuffix(ids.UNCHECKED) for reason in reasons}
    fired = tuple(Check(reason, "note" if reason == ids.SAMPLED else "held") for reason in reasons)
    return fired + tuple(Check(rule, "ok") for rule, on in switched_on.items() if on and rule not in plain)


def value_columns(plan: Plan) -> int:
    """How many of a plan's columns carry numbers, not group keys."""
    return sum(
        1
        for origin in lineage(plan).values()
        if not (isinstance(origin, Labels) or (isinstance(origin, Passed) and isinstance(origin.output, KeyOutput)))
    )


def groups_asked(plan: Plan) -> int | None:
    """The most lines of a plan's answer; None where private keys decide how many show."""
    return None if is_open(plan) else lines_between(plan)[1]


def _refuse_core(grade: Grade) -> None:
    if grade not in VOTES_FLOOR:  # core, and whatever nobody has rules for
        raise CoreGrade(f"No release of data of the grade {grade} exists.", grade=str(grade))


def _said(need: str) -> int:
    return sum(1 for character in need if not character.isspace())


def _plan_reasons(asked: Asked, profile: Profile, groups: int | None) -> list[str]:
    reasons = [ids.GRADE_REVIEWED] if profile.votes or VOTES_FLOOR[asked.grade] else []
    duty = _DUTY_REASON.get(asked.duty)
    if duty is not None:
        reasons.append(duty)
    elif asked.duty not in _DUTY_VOTES:
        reasons.append(ids.GRANT_TWO_VOTES + ids.UNCHECKED)
    _report(reasons, ids.PROFILE_MISMATCH, asked.grade != profile.grade)
    _report(reasons, ids.NEED_MISSING, _said(asked.need) < profile.need_min_length)
    if profile.hold_epsilon is not None:
        _report(reasons, ids.HIGH_EPSILON, asked.epsilon > profile.hold_epsilon if asked.epsilon > 0 else None)
    if profile.hold_share is not None:
        known = asked.epsilon > 0 and asked.grant_epsilon > 0
        _report(reasons, ids.LARGE_SHARE, asked.epsilon > profile.hold_share * asked.grant_epsilon if known else None)
    if profile.hold_cells is not None and groups is not None:
        known = groups >= 0 and asked.columns >= 0
        _report(reasons, ids.MANY_CELLS, groups * asked.columns > profile.hold_cells if known else None)
    return reasons


def _report(reasons: list[str], rule: str, holds: bool | None) -> None:
    if holds is None:
        reasons.append(rule + ids.UNCHECKED)
    elif holds:
        reasons.append(rule)


def _ruling(asked: Asked, profile: Profile, reasons: list[str]) -> Ruling:
    votes = max(profile.votes, _DUTY_VOTES.get(asked.duty, 2), VOTES_FLOOR[asked.grade], 1 if reasons else 0)
    return Ruling(Outcome.HELD if votes else Outcome.AUTOMATIC, votes, tuple(reasons))
