"""Applying the review rules: which profile rules over a question, and what follows from its plan and its noisy answer.

The rules themselves are `sandbox.review`; their profiles travel with the policies, so the policy bundle's digest covers them.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

from policies.bundle import profiles
from sandbox.plan.query import Plan
from sandbox.privacy import accuracy
from sandbox.proof.sealing import derive, tag
from sandbox.review.binding import review_digest
from sandbox.review.profile import Profile, parse_profiles, profile_of
from sandbox.review.rules import Asked, Intervals, groups_asked, value_columns
from sandbox.service.enclave import Enclave
from sandbox.service.ports import QueryRecord
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import Dataset, Grade
from sandbox.terms.people import Grant, ReviewDuty
from sandbox.terms.refusal import Fault

LEVEL = 0.95
"""How often an interval covers the value without its noise, at least."""

_DRAW_DIGITS = 16


@lru_cache(maxsize=1)
def _profiles() -> dict[Grade, Profile]:
    return parse_profiles(profiles())


_STRICTNESS = (Grade.GENERAL, Grade.IMPORTANT, Grade.CORE)


def strictest(datasets: Iterable[Dataset]) -> Grade:
    """The grade whose profile rules over an answer from all of these datasets: a column of its own grade makes its whole
    dataset's answers important, whether or not it is read. Core columns are never read."""
    found = [Grade.GENERAL]
    for dataset in datasets:
        found.append(dataset.grade)
        if any(column.grade is not None for table in dataset.tables for column in table.columns):
            found.append(Grade.IMPORTANT)
    return max(found, key=_STRICTNESS.index)


def profile_for(grade: Grade) -> Profile:
    """The profile that rules over data of a grade. Raises CoreGrade where there is none: such data never leaves."""
    return profile_of(_profiles(), grade)


_DUTIES = (ReviewDuty.PROFILE, ReviewDuty.HELD, ReviewDuty.TWO)


def asked(plan: Plan, grade: Grade, grants: Sequence[Grant], epsilon: Fraction, need: str) -> Asked:
    """What the rules look at before there is an answer; `grade` is the strictest of the data's. Of several grants the smallest
    budget and the strictest duty count."""
    return Asked(
        grade=grade,
        epsilon=epsilon,
        grant_epsilon=min(grant.epsilon for grant in grants),
        groups=groups_asked(plan),
        columns=value_columns(plan),
        need=need,
        duty=max((grant.review for grant in grants), key=_DUTIES.index),
    )


def intervals(answer: Answer) -> Intervals:
    """Of every value column, at `LEVEL`: rules and reviewers read them beside the numbers."""
    return accuracy.intervals(answer, LEVEL)


def draw(enclave: Enclave, order: str) -> Fraction:
    """In [0, 1), decides sampling: a keyed function of the order's id alone, so that neither the answer nor a second try
    moves it, and nobody outside foretells it."""
    drawn = tag(derive(enclave.tag_key, "review/sampling"), order)[:_DRAW_DIGITS]
    return Fraction(int(drawn, 16), 16**_DRAW_DIGITS)


def binding(enclave: Enclave, record: QueryRecord) -> str:
    """What a decision on a measured query is bound to now: its plan, data version and answer, and the policies in force."""
    if record.answer is None:
        raise Fault
    measured = record.request["measured"]
    return review_digest(
        str(measured["plan_digest"]),
        int(measured["data_version"]),
        str(measured["manifest"]),
        digest(record.answer),
        enclave.bundle,
        measured["also"],
    )
