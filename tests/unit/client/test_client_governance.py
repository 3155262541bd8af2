"""Grants, reviews, freezes and explanations as the client asks for them, and a query that people look at."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from client_world import REASON, World

from sandbox.client import Connection, MemoryKeyStore, Quote
from sandbox.client.quote import review_words
from sandbox.terms.refusal import (
    AlreadyDecided,
    MalformedNumber,
    NotFound,
    ReleaseRefused,
    ReleaseWithdrawn,
    ReviewChanged,
    ReviewPending,
    RoleNotPermitted,
)

SQL = "select sex, count(*) as n from clinic.visits group by sex"
END = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def as_(url: str, world: World) -> Iterator:
    opened: list[Connection] = []

    def sign_in(role: str) -> Connection:
        opened.append(Connection(url, f"token-of-{role}", keys=MemoryKeyStore()))
        return opened[-1]

    yield sign_in
    for connection in opened:
        connection.close()


# -- grants --------------------------------------------------------------------------------------------------------------


def test_a_request_asks_for_all_unless_it_is_narrowed(as_, world: World) -> None:
    ann = as_("analyst")
    made = ann.request_grant(["clinic"], "research", Decimal("0.50"), END, REASON)
    wide = {
        "datasets": ["clinic"],
        "purpose": "research",
        "epsilon": "0.5",
        "not_after": "2030-01-01T00:00:00Z",
        "reason": REASON,
    }
    assert world.calls == [("request", wide)]
    assert (made["id"], made["state"]) == ("gr_1", "asked")
    ann.request_grant(
        ["clinic"],
        "research",
        1,
        "2030-01-01T00:00:00Z",
        REASON,
        tables=("clinic.visits",),
        columns=["clinic.visits.sex"],
        aggregates=["count"],
        uses=3,
        not_before=END.replace(year=2029),
    )
    narrow = {
        "tables": ["clinic.visits"],
        "columns": ["clinic.visits.sex"],
        "aggregates": ["count"],
        "uses": 3,
        "not_before": "2029-01-01T00:00:00Z",
    }
    assert world.calls[-1] == ("request", wide | {"epsilon": "1"} | narrow)
    assert [item["id"] for item in ann.grant_requests()] == ["gr_1", "gr_2"]
    with pytest.raises(ValueError, match="time zone"):
        ann.request_grant(["clinic"], "research", "1", datetime(2030, 1, 1), REASON)  # noqa: DTZ001
    with pytest.raises(MalformedNumber):
        ann.request_grant(["clinic"], "research", "-1", END, REASON)
    with pytest.raises(NotFound):
        ann.request_grant(["unknown"], "research", "1", END, REASON)


def test_a_steward_narrows_approves_declines_revokes(as_, world: World) -> None:
    ann, steward = as_("analyst"), as_("steward")
    for _ in range(2):
        ann.request_grant(["clinic"], "research", "5", END, REASON)
    grant = steward.approve_grant(
        "gr_1", epsilon="2.0", uses=3, columns=["clinic.visits.sex"], not_after=END, review="two"
    )
    narrowed = {
        "epsilon": "2",
        "uses": 3,
        "columns": ["clinic.visits.sex"],
        "not_after": "2030-01-01T00:00:00Z",
        "review": "two",
    }
    assert world.calls[-1] == ("approve", narrowed)
    assert grant["review"] == "two"
    with pytest.raises(AlreadyDecided):
        steward.approve_grant("gr_1")
    declined = steward.decline_grant("gr_2", REASON)
    assert (declined["state"], declined["decision_reason"]) == ("declined", REASON)
    assert steward.grant("g_1")["signature"]
    assert [item["id"] for item in steward.grants()] == ["g_1"]
    assert steward.revoke_grant("g_1", REASON)["state"] == "revoked"
    with pytest.raises(RoleNotPermitted):
        ann.approve_grant("gr_2")
    with pytest.raises(NotFound):
        steward.grant("../people")


def test_the_catalogue_is_what_one_may_request(as_) -> None:
    ann = as_("analyst")
    assert [item["name"] for item in ann.catalogue()] == ["clinic", "roads"]
    assert "version" not in ann.offer("roads")
    with pytest.raises(NotFound):
        ann.offer("unknown")


# -- a held query --------------------------------------------------------------------------------------------------------


def held(as_) -> object:
    return as_("analyst").query(SQL + " hold", purpose="research", epsilon="1", need="The yearly report.").run()


def test_a_held_answer_waits_for_a_reviewer_and_then_leaves(as_, world: World) -> None:
    running = held(as_)
    assert world.calls[-1][1]["need"] == "The yearly report."
    with pytest.raises(ReviewPending) as pending:
        running.result(timeout=0.3)
    expected = {"query": "q_1", "review": "rr_q_1", "votes_needed": 1, "spent": "0.018"}
    assert pending.value.facts == expected
    assert running.state == "in-review"
    with pytest.raises(ReviewPending):
        running.connection.release("q_1")
    reviewer = as_("reviewer")
    assert [item["id"] for item in reviewer.reviews()] == ["rr_q_1"]
    copy = reviewer.review("rr_q_1")
    assert reviewer.vote("rr_q_1", "approve", REASON, copy["digest"])["decision"] == "approved"
    release = running.result(timeout=10)
    words = "\n".join(release.verify().words())
    assert "one reviewer approved exactly this answer (rr_q_1)" in words
    assert running.state == "done"


def test_without_patience_for_people_it_tells_at_once(as_) -> None:
    running = held(as_)
    began = time.monotonic()
    with pytest.raises(ReviewPending):
        running.result(timeout=30, review=False)
    assert time.monotonic() - began < 5


def test_waiting_sees_the_vote(as_) -> None:
    running = held(as_)
    reviewer = as_("reviewer")
    looks = []

    def vote(waited: float) -> None:
        looks.append(waited)
        if len(looks) == 2:
            reviewer.vote("rr_q_1", "approve", REASON, reviewer.review("rr_q_1")["digest"])

    assert running.result(20, progress=vote).id == "q_1"
    assert len(looks) >= 2


def test_a_rejected_answer_does_not_leave(as_) -> None:
    running = held(as_)
    running.state
    reviewer = as_("reviewer")
    with pytest.raises(ReviewChanged):
        reviewer.vote("rr_q_1", "reject", REASON, "00" * 32)
    reviewer.vote("rr_q_1", "reject", REASON, reviewer.review("rr_q_1")["digest"])
    with pytest.raises(ReleaseRefused, match=REASON) as refused:
        running.result()
    assert refused.value.facts["spent"] == "0.018"
    with pytest.raises(AlreadyDecided):
        running.withdraw()


def test_a_withdrawn_answer_does_not_leave(as_) -> None:
    running = held(as_)
    running.withdraw()
    assert running.state == "withdrawn"
    with pytest.raises(ReleaseWithdrawn):
        running.result()


def test_only_reviewers_review(as_) -> None:
    for role in ("analyst", "steward", "officer", "administrator"):
        with pytest.raises(RoleNotPermitted):
            as_(role).reviews()


def test_a_quote_says_who_will_look(as_) -> None:
    quote = as_("analyst").query(SQL + " hold", purpose="research", epsilon="1").check()
    assert quote.review["votes"] == 1
    assert quote.policy["permitted_by"] == ["analyst-grant"]
    assert "review: held for one reviewer\nreview: The grant asks for a reviewer.\n" in str(quote)
    assert review_words(quote.review, "zh") == ["须经 1 名审核人员独立审核", "授权要求审核。"]
    two = replace(quote, review={"outcome": "held", "votes": 2, "reasons": []})
    assert "2 reviewers" in str(two)
    assert "by the rules alone" in review_words({"outcome": "automatic"})[0]
    assert isinstance(two, Quote)


# -- officers ------------------------------------------------------------------------------------------------------------


def test_freezes_take_two_to_lift(as_) -> None:
    officer = as_("officer")
    made = officer.freeze("grant", "g_1", REASON)
    assert (made["id"], made["subject"], made["name"]) == ("f_1", "grant", "g_1")
    assert officer.lift_freeze("f_1", REASON)["lifted"] is False
    assert officer.lift_freeze("f_1", REASON)["lifted"] is True
    assert as_("steward").freezes()[0]["id"] == "f_1"
    with pytest.raises(RoleNotPermitted):
        as_("steward").freeze("person", "ann", REASON)


def test_policies_explain_themselves(as_, world: World) -> None:
    officer = as_("officer")
    found = officer.explain_policy("analyst", "submit-query", dataset="clinic", columns=("clinic.visits.sex",))
    assert (found["allowed"], found["policies"][0]["id"]) == (True, "analyst-grant")
    asked = {
        "person": "analyst",
        "action": "submit-query",
        "dataset": "clinic",
        "columns": ["clinic.visits.sex"],
    }
    assert world.calls == [("explain", asked)]
    assert officer.explain_policy("steward", "submit-query")["code"] == "not-granted"
