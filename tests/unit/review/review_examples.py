"""Doubles of the review room's tests: one release of two groups and two columns, and what it is reviewed with."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from made_plans import a_plan, a_sum

from sandbox.plan.primitives import CountRows
from sandbox.plan.query import Plan
from sandbox.review.copy import ReviewCopy
from sandbox.review.profile import Profile
from sandbox.review.rules import Asked
from sandbox.review.votes import Ballot, tally
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.dataset import Grade, Type
from sandbox.terms.people import Aggregate, Grant, GrantStanding, Person, ReviewDuty, Role

NOISE = Noise("discrete gaussian", float(2).hex())
DIGEST = "d" * 64
PLAN: Plan = a_plan(CountRows(), a_sum(), groups=2)
GENERAL = Profile("general", Grade.GENERAL, 0, Fraction(1, 20))
IMPORTANT = Profile("important", Grade.IMPORTANT, 2, Fraction(0), need_min_length=10)
MILD = Fraction(999, 1000)
"""A draw that samples nothing at the rates above."""


def an_asked(**changes: Any) -> Asked:
    plain = Asked(Grade.GENERAL, Fraction(1), Fraction(10), 2, 2, "To plan next year's beds.", ReviewDuty.PROFILE)
    return replace(plain, **changes)


def an_answer(counts: tuple[int, ...] = (120, 80), sums: tuple[int, ...] = (5000, 4000)) -> Answer:
    return Answer(
        "o_1",
        (
            KeyColumn("k", Type.STRING, tuple(f"v{number}" for number in range(len(counts)))),
            CountColumn("n", counts, NOISE),
            SumColumn("total", Type.FLOAT, sums, Fraction(1, 100), NOISE),
        ),
    )


def a_mean(counts: tuple[int, ...]) -> MeanColumn:
    low, high = Fraction(0), Fraction(100)
    return MeanColumn("mean", (5,) * len(counts), counts, Fraction(50), Fraction(1), low, high, NOISE, NOISE)


def a_reviewer(name: str, organisation: str = "bureau", identity: str = "", role: Role = Role.REVIEWER) -> Person:
    return Person(name, organisation, role, identity)


def a_ballot(human: str, verdict: str, round_: str = "independent", digest: str = DIGEST) -> Ballot:
    return Ballot(human, human, "bureau", verdict, f"{human} says {verdict}", round_, digest)


def a_grant(**changes: Any) -> Grant:
    grant = Grant(
        id="g_01",
        version=1,
        analyst="ann",
        organisation="acme",
        datasets=("clinic",),
        tables=("clinic.visits",),
        columns=("clinic.visits.cost",),
        aggregates=(Aggregate.COUNT, Aggregate.SUM),
        purpose="research",
        epsilon=Fraction(10),
        uses=20,
        review=ReviewDuty.PROFILE,
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2026, 12, 31, tzinfo=UTC),
        given_by="stew",
        request="gr_01",
        signature="secret-signature",
    )
    return replace(grant, **changes)


def a_copy(**changes: Any) -> ReviewCopy:
    copy = ReviewCopy(
        id="rr_01",
        plan=PLAN,
        grade=Grade.GENERAL,
        data_version=3,
        purpose="research",
        need="To plan next year's beds.",
        author="ann",
        organisation="acme",
        grants=(GrantStanding(a_grant(), used=4),),
        cost={"space": "people", "mode": "zcdp", "amount": "0.01", "epsilon": "1", "delta": "1e-6"},
        profile=GENERAL,
        reasons=("many-cells",),
        outcome="held",
        votes_needed=1,
        answer=an_answer(),
        intervals={"n": ((116, 124), (76, 84)), "total": ((49.9, 50.1), (39.9, 40.1))},
        tally=tally(1, (), DIGEST),
        viewer="rae",
        digest=DIGEST,
        opened_at=datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
    )
    return replace(copy, **changes)
