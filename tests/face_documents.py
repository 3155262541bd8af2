"""What the service in memory (face_world) shows: ids, people, and the documents of the API in full."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.dataset import Type
from sandbox.terms.loss import UNITS
from sandbox.terms.people import Person, Role

SECRET = "token-of-nobody-else-77"
CANARY = "row-value-canary-4711"
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NOW_TEXT = "2026-03-01T09:30:00.000000Z"
BUNDLE = "b0" * 32
SCALE = Noise("discrete gaussian", (3.0).hex())
LOSS = {"mode": "zcdp", "units": str(18 * UNITS // 1000), "delta": "0"}


def made_id(prefix: str, number: int) -> str:
    """The id of the thing of that number: g grants, gr requests, q queries, o orders, rr reviews, f freezes."""
    return f"{prefix}_{number:026d}"


def query_id(number: int) -> str:
    """The id of the world's query of that number, from 1."""
    return made_id("q", number)


GRANT_ID, REQUEST_ID, REVIEW_ID, FREEZE_ID = (made_id(prefix, 1) for prefix in ("g", "gr", "rr", "f"))
STATED = {
    "grant": GRANT_ID,
    "grant_version": 1,
    "dataset": "clinic",
    "data_version": 1,
    "manifest": "ab" * 32,
    "also": [],
    "also_under": [],
}

# One person of each role, called like it, and a second officer and reviewer: reviewers are of another organisation.
TOKENS = {
    f"token-of-{role.value}": Person(role.value, "authority" if role is Role.REVIEWER else "acme", role)
    for role in Role
} | {
    "token-of-officer-2": Person("officer-2", "acme", Role.OFFICER),
    "token-of-reviewer-2": Person("reviewer-2", "authority", Role.REVIEWER),
}


class Doc(dict[str, Any]):
    """A view: its JSON, with fields as attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def to_json(self) -> dict[str, Any]:
        return dict(self)


OFFER = {
    "name": "clinic",
    "title": "Visits\x1b[31m of the clinic",
    "grade": "general",
    "steward": "bureau",
    "unit_space": "patients",
}
SUMMARY = OFFER | {"loaded": True}
TABLES = [
    {
        "name": "visits",
        "unit": "patient",
        "link": None,
        "key": [],
        "rows_max": 1000,
        "max_rows_per_unit": 5,
        "max_groups_per_unit": 5,
        "columns": [
            {
                "name": "sex",
                "type": "string",
                "role": "value",
                "keys": ["F", "M"],
                "bounds": None,
                "granularity": None,
                "max_length": None,
            },
            {
                "name": "age",
                "type": "int",
                "role": "value",
                "keys": None,
                "bounds": ["0", "110"],
                "granularity": "1",
                "max_length": None,
            },
        ],
    }
]
DETAILS = {
    "tables": TABLES,
    "space": {"name": "patients", "mode": "zcdp", "epsilon": "20", "delta": "1e-6"},
    "epsilon": "20",
}
VIEW = SUMMARY | DETAILS | {"version": 1}

SCOPE = {
    "analyst": "analyst",
    "organisation": "acme",
    "datasets": ["clinic"],
    "tables": ["clinic.visits"],
    "columns": ["clinic.visits.age", "clinic.visits.sex"],
    "aggregates": ["count", "count-units", "mean", "sum"],
    "purpose": "research",
    "epsilon": "5",
    "uses": None,
}
REQUEST = {
    "id": REQUEST_ID,
    **SCOPE,
    "not_before": None,
    "not_after": "2026-12-31T00:00:00.000000Z",
    "reason": "A study of waiting times",
    "asked_at": NOW_TEXT,
    "state": "asked",
    "grant": None,
    "decided_by": None,
    "decision_reason": None,
}
GRANT = {
    "id": GRANT_ID,
    "version": 1,
    "request": REQUEST_ID,
    **SCOPE,
    "used": 0,
    "review": "profile",
    "not_before": "2026-01-01T00:00:00.000000Z",
    "not_after": "2026-12-31T00:00:00.000000Z",
    "given_by": "steward",
    "state": "active",
    "signature": "c2lnbmVk",
}

SENTENCE = {
    "en": "analyst of acme asks to release 2 noisy rows of clinic for research.",
    "zh": "acme 的 analyst 申请发布 clinic 的 2 行带噪声结果，目的：research。",
}


def cost(epsilon: str, amount: str = "0.018") -> dict[str, Any]:
    return {"space": "patients", "mode": "zcdp", "amount": amount, "epsilon": epsilon, "delta": "5e-7"}


def answer(order: str) -> Answer:
    return Answer(
        order,
        (
            KeyColumn("sex", Type.STRING, ("F", "M")),
            CountColumn("n", (101, 97), SCALE),
            SumColumn("paid", Type.FLOAT, (1000, 2500), Fraction(1, 100), SCALE),
            MeanColumn(
                "age", (40, -10), (100, 98), Fraction(55), Fraction(1), Fraction(0), Fraction(110), SCALE, SCALE
            ),
        ),
    )


def quote(epsilon: str, *, held: bool, votes: int) -> Doc:
    reasons = [{"id": "grant-held", "words": {"en": "The grant asks for it.", "zh": "授权要求审核。"}}] if held else []
    return Doc(
        verdict="answerable",
        dataset="clinic",
        datasets=["clinic"],
        table="visits",
        version=1,
        grant=GRANT_ID,
        grants=[GRANT_ID],
        plan={"en": ["Counts rows by sex.", "2 public keys."], "zh": ["按性别计数。", "2 个公开键。"]},
        groups=2,
        bounds={"rows": 5, "groups": 2, "rows_per_group": 5},
        mechanism="discrete gaussian",
        cost=cost(epsilon),
        accounts=[{"kind": "grant", "owner": GRANT_ID, "left": "0.372", "more_like_this": 20}],
        errors=[
            {"column": "sex", "half_width": None, "level": 0.95, "by_group_size": None, "noisy": False},
            {"column": "n", "half_width": 6.0, "level": 0.95, "by_group_size": None, "noisy": True},
            {
                "column": "age",
                "half_width": None,
                "level": 0.95,
                "by_group_size": {"100": 9.5, "1000": 0.9},
                "noisy": True,
            },
            {"column": "typical", "half_width": None, "level": 0.95, "by_group_size": None, "noisy": True},
        ],
        wait_ms=250,
        policy={"permitted_by": ["analyst-within-grant"], "bundle": BUNDLE},
        review={"outcome": "held" if held else "automatic", "votes": votes if held else 0, "reasons": reasons},
        spent="0",
    )


def review_copy(review: dict[str, Any], query: dict[str, Any], reviewer: str) -> Doc:
    """What `reviewer` sees: their own votes, and the others' once it is decided."""
    votes = [
        vote for vote in review["votes"] if vote["reviewer"] == reviewer or review["state"] not in ("open", "in-review")
    ]
    return Doc(
        id=review["id"],
        sentence=SENTENCE,
        dataset="clinic",
        grade="general",
        data_version=1,
        purpose=query["purpose"],
        need=query["need"],
        author="analyst",
        organisation="acme",
        grant={
            "id": GRANT_ID,
            "purpose": "research",
            "uses": None,
            "used": 1,
            "not_after": GRANT["not_after"],
            "review": "held",
        },
        also_under=[],
        plan={"en": ["Counts rows by sex.", "2 public keys."], "zh": ["按性别计数。", "2 个公开键。"]},
        cost=query["cost"],
        bounds={"rows": 5, "groups": 2, "rows_per_group": 5},
        checks=[
            {
                "id": "grant-held",
                "words": {"en": "The grant asks for it.", "zh": "授权要求审核。"},
                "outcome": "held",
            }
        ],
        table={
            "columns": [{"name": "sex", "kind": "key"}, {"name": "n", "kind": "count"}],
            "rows": [["F", 101], ["M", 97]],
            "intervals": {"n": [[95.0, 107.0], [91.0, 103.0]]},
            "level": 0.95,
        },
        state=review["state"],
        round="independent",
        outcome=review["outcome"],
        votes_needed=review["votes_needed"],
        votes=votes,
        digest=review["digest"],
        opened_at=NOW_TEXT,
    )
