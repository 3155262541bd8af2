"""The reviewer's copy: its sentence, its shape, and what is never in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from made_plans import a_plan, a_sum
from noisy_plans import WARDS, a_plan_of, by_ward
from review_examples import DIGEST, IMPORTANT, NOISE, PLAN, a_ballot, a_copy, a_grant, a_mean, an_answer

from sandbox.plan.explain import explain
from sandbox.plan.primitives import CountRows
from sandbox.plan.relations import Join, Scan
from sandbox.proof.entry import time_text
from sandbox.review.votes import tally
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn
from sandbox.terms.dataset import Grade, Type
from sandbox.terms.people import GrantStanding

KEYS = [
    *("id", "sentence", "dataset", "grade", "data_version", "purpose", "need", "author", "organisation", "grant"),
    *(
        "also_under",
        "plan",
        "cost",
        "bounds",
        "checks",
        "table",
        "state",
        "round",
        "outcome",
        "votes_needed",
        "votes",
        "digest",
    ),
    "opened_at",
]


def test_the_ask_is_one_sentence() -> None:
    assert a_copy().sentence("en") == (
        "ann of acme asks to take out 1 table of 4 cells (2 groups × 2 columns) on clinic version 3 (general) for the "
        "purpose research, under grant g_01, which ends 2026-12-31."
    )
    assert a_copy().sentence("zh") == (
        "acme 的 ann 申请从 clinic 第 3 版（一般）带出 1 张表，共 4 个单元格（2 组 × 2 列），目的为 research，"
        "依据授权 g_01（2026-12-31 到期）。"
    )
    assert a_copy().sentence("fr") == a_copy().sentence()


def test_one_of_a_thing_is_one() -> None:
    answer = an_answer(counts=(5,), sums=(5,))
    sentence = a_copy(plan=a_plan(CountRows(), groups=1), answer=answer, grade=Grade.IMPORTANT).sentence()
    assert "1 table of 1 cell (1 group × 1 column) on clinic version 3 (important)" in sentence


def test_groups_that_noise_selected_are_called_so() -> None:
    plan = a_plan_of(WARDS, by_ward())
    answer = Answer("o", (KeyColumn("ward", Type.STRING, ()), CountColumn("rows", (), NOISE)))
    copy = a_copy(plan=plan, answer=answer, intervals={"rows": ()})
    assert "0 cells (0 groups × 1 column; noisy selection decides which groups show) on clinic" in copy.sentence()
    assert "0 组 × 1 列；由加噪筛选决定显示哪些组" in copy.sentence("zh")
    shown = copy.to_json()
    assert shown["table"]["rows"] == []
    assert shown["bounds"] == {"rows": 5, "groups": 3, "rows_per_group": 5}


def test_computed_columns_say_what_they_are() -> None:
    median = ComputedColumn("median", Type.INT, ("5", None), "quantile 0.5")
    table = a_copy(answer=Answer("o", (median,)), intervals={}).to_json()["table"]
    assert table["columns"] == [{"name": "median", "kind": "computed", "meaning": "quantile 0.5"}]
    assert (table["rows"], table["intervals"]) == ([[5], [None]], {})


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01"),
        (datetime(2026, 12, 31, 14, 5, tzinfo=UTC), "2026-12-31 14:05 UTC"),
        (datetime(2027, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), "2027-01-01"),
    ],
)
def test_the_end_of_the_grant_is_told_in_utc(ends: datetime, words: str) -> None:
    copy = a_copy(grants=(GrantStanding(a_grant(not_after=ends)),))
    assert copy.sentence().endswith(f"which ends {words}.")
    assert copy.to_json()["grant"]["not_after"] == time_text(ends)


def test_the_shape_is_the_contracts() -> None:
    shown = a_copy().to_json()
    assert list(shown) == KEYS
    assert shown["sentence"] == {"en": a_copy().sentence("en"), "zh": a_copy().sentence("zh")}
    assert shown["plan"] == {"en": explain(PLAN, "en"), "zh": explain(PLAN, "zh")}
    assert shown["bounds"] == {"rows": 50, "groups": 10, "rows_per_group": 50}
    assert shown["grant"] == {
        "id": "g_01",
        "purpose": "research",
        "uses": 20,
        "used": 4,
        "not_after": "2026-12-31T00:00:00.000000Z",
        "review": "profile",
    }
    assert shown["also_under"] == []
    assert (shown["state"], shown["round"], shown["votes"]) == ("awaiting-vote", "independent", [])
    assert shown["opened_at"] == time_text(a_copy().opened_at)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_the_table_is_noisy_and_its_integers_stay_integers() -> None:
    table = a_copy(answer=an_answer(counts=(10**17 + 1, -4))).to_json()["table"]
    assert table == {
        "columns": [{"name": "k", "kind": "key"}, {"name": "n", "kind": "count"}, {"name": "total", "kind": "sum"}],
        "rows": [["v0", 10**17 + 1, 50.0], ["v1", -4, 40.0]],
        "intervals": {"n": [[116, 124], [76, 84]], "total": [[49.9, 50.1], [39.9, 40.1]]},
        "level": 0.95,
    }
    assert all(type(row[1]) is int for row in table["rows"])


def test_a_mean_is_shown_as_one_and_a_column_without_interval_has_none() -> None:
    table = a_copy(answer=Answer("o", (a_mean((4, 5)),))).to_json()["table"]
    assert table["columns"] == [{"name": "mean", "kind": "mean"}]
    assert table["intervals"] == {}


def test_checks_carry_their_words() -> None:
    shown = {check["id"]: check for check in a_copy().to_json()["checks"]}
    assert {rule: check["outcome"] for rule, check in shown.items()} == {"many-cells": "held", "more-than-asked": "ok"}
    assert set(shown["many-cells"]["words"]) == {"en", "zh"}
    important = a_copy(profile=IMPORTANT, reasons=("grade-reviewed",)).to_json()["checks"]
    assert [(check["id"], check["outcome"]) for check in important] == [
        ("grade-reviewed", "held"),
        ("need-missing", "ok"),
        ("more-than-asked", "ok"),
    ]


def test_a_blind_vote_is_not_in_anothers_copy() -> None:
    found = tally(2, (a_ballot("tom", "reject"),), DIGEST)
    assert a_copy(tally=found, viewer="tom").to_json()["votes"] == [
        {"reviewer": "tom", "verdict": "reject", "reason": "tom says reject", "round": "independent"}
    ]
    shown = a_copy(tally=found, viewer="rae").to_json()
    assert shown["votes"] == []
    assert "tom" not in json.dumps(shown)
    both = tally(2, (a_ballot("tom", "reject"), a_ballot("rae", "approve")), DIGEST)
    assert "tom says reject" in json.dumps(a_copy(tally=both, viewer="rae").to_json())  # the control


def test_the_copies_of_two_first_votes_are_the_same_to_the_second() -> None:
    def seen(verdict: str) -> dict[str, Any]:
        return a_copy(tally=tally(2, (a_ballot("tom", verdict),), DIGEST), viewer="rae").to_json()

    assert seen("approve") == seen("reject")


def test_a_closed_review_has_no_round() -> None:
    assert a_copy(tally=tally(1, (), DIGEST, "withdrawn")).to_json()["round"] is None


def test_nothing_but_what_is_named_is_in_it() -> None:
    """Neither the grant's signature, nor the noise's integers before granularity, nor a key of the grant's width."""
    text = json.dumps(a_copy().to_json())
    for absent in ("secret-signature", "sql", "SELECT", "granularity", "integers", "gr_01", "stew"):
        assert absent not in text
    assert Fraction(10) == a_grant().epsilon  # the grant has more than what is shown


def test_every_answer_of_the_plan_is_covered() -> None:
    """A sum's own integers are noisy; what is shown is the number a reader of the release sees."""
    answer = an_answer()
    rows = a_copy(answer=answer).to_json()["table"]["rows"]
    assert [row[2] for row in rows] == list(answer.columns[2].numbers())
    assert a_sum().granularity == Fraction(1, 100)


def test_public_datasets_that_the_question_reads_are_named() -> None:
    measurement = PLAN.measurements[0]
    beside = Join(measurement.relation, Scan("areas", "places", "p.", (), 9, 0), "semi", (), 50, True)
    plan = replace(PLAN, measurements=(replace(measurement, relation=beside), *PLAN.measurements[1:]))
    assert plan.public_datasets == ("areas",)
    copy = a_copy(plan=plan)
    assert "on clinic version 3 (general) beside public areas for the purpose" in copy.sentence()
    assert "第 3 版（一般）及公开数据集 areas带出" in copy.sentence("zh")
    assert "public" not in a_copy().sentence() and "公开数据集" not in a_copy().sentence("zh")  # the control
