"""Every draw is paid for: after a conversation, each account has moved by what the engine's draws cost, no less.

The ε audits hold each draw to its price; this holds the books to the draws. Two analysts ask, ask again, ask almost the same
and lose a measurement, in a whole enclave (`replay_world`), while the engine's orders are noted. The space's and the
dataset's accounts must hold the cost of all orders, whatever became of them, each grant's and analyst's that of their own;
and nobody holds an answer that their own grant did not pay for. Exact: a planted fault is found with certainty.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest import mock

import crash_queries as crash
from figures import record_figure
from replay_world import World, running, visits

from sandbox.adapters import sqlite_rules
from sandbox.adapters.sqlite_queries import Queries
from sandbox.plan.canonical import plan_json
from sandbox.plan.compile import compile_query
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.service.ask import Question
from sandbox.terms.description import parse_description
from sandbox.terms.loss import UNITS
from workers.measure import Measurer

SOURCE = "tests/privacy/test_accounts_audit.py"
COUNT, MEAN = crash.GROUPS[6], "select avg(cost) as n from clinic.visits"
LOST = crash.NULLS[0]
CONVERSATION = (
    ("ann", COUNT, "1"),
    ("bob", COUNT, "1"),  # the same question of another grant
    ("ann", MEAN, "0.5"),
    ("ann", COUNT, "1"),  # again: the stored answer
    ("ann", COUNT, "1.000000001"),  # the ninth digit: drawn anew
    ("bob", LOST, "2"),  # measured, and lost
    ("bob", MEAN, "0.25"),
)


class LostMeasurement(Exception):
    """A fault after the data was read."""


def overdrawn(world: World, drawn: list[tuple[str, int]]) -> list[str]:
    """The accounts that hold less than what was drawn on them, and the analysts whose answers their grant did not pay."""
    owners = {record.order: record for record in world.ledger.queries(None)}
    found, by_person = [], Counter()
    for order, cost in drawn:
        by_person[owners[order].person] += cost
    total = sum(by_person.values())
    for person in ("ann", "bob"):
        grants = {record.grant for record in owners.values() if record.person == person}
        for grant in grants:
            for account in world.ledger.accounts("people", dataset="clinic", grant=grant, analyst=person):
                owed = by_person[person] if account.kind in ("grant", "analyst") else total
                if account.spent.units < owed:
                    found.append(f"{account.kind} of {person}")
        asked = {(sql, epsilon) for name, sql, epsilon in CONVERSATION if name == person}
        least = sum(int(Fraction(epsilon) * UNITS) for _, epsilon in asked) - len(asked) * 10
        if by_person[person] < least:
            found.append(f"answers of {person}")
    return found


def conversation() -> list[str]:
    """What is wrong with the books after the conversation."""
    drawn: list[tuple[str, int]] = []
    real = Measurer.measure

    def noted(self: Measurer, order: Any) -> Any:
        spec = MeasurementSpec.from_json(order.spec)
        drawn.append((order.id, sum(vector.cost for vector in spec.vectors)))
        answer = real(self, order)
        if order.plan == lost:
            raise LostMeasurement
        return answer

    lost = _plan(LOST)
    with (
        mock.patch.object(Measurer, "measure", noted),
        running(visits(crash.DESCRIPTION, crash.COLUMNS, crash.BASE)) as (world, client),
    ):
        for number, (person, sql, epsilon) in enumerate(CONVERSATION):
            world.ask(client, sql, number, epsilon, person)
        return overdrawn(world, drawn)


def _plan(sql: str) -> Any:
    return plan_json(compile_query(sql, {"clinic": parse_description(crash.DESCRIPTION)}))


def test_every_draw_is_paid_for_by_every_account() -> None:
    assert conversation() == []


# -- planted ---------------------------------------------------------------------------------------------------------------

_BACK = """
CREATE TRIGGER a_failure_is_refunded AFTER INSERT ON settlements WHEN NEW.outcome = 'forfeited' BEGIN
    UPDATE accounts SET spent_units = spent_units - (SELECT units FROM queries WHERE order_id = NEW.order_id);
END;
"""


@contextmanager
def _all(*parts: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)
        yield


def _debit(text: str) -> Any:
    return mock.patch.object(sqlite_rules, "_DEBIT", text)


def _missing_debit() -> Any:
    return _debit("")


def _inner_accounts_alone() -> Any:
    outer = "('space', NEW.space), ('dataset', NEW.dataset), "
    assert outer in sqlite_rules._DEBIT
    return _debit(sqlite_rules._DEBIT.replace(outer, ""))


def _outer_accounts_alone() -> Any:
    inner = ", ('grant', NEW.grant_id), ('analyst', NEW.person)"
    assert inner in sqlite_rules._DEBIT
    return _debit(sqlite_rules._DEBIT.replace(inner, ""))


def _failure_refunded() -> Any:
    """The database itself refuses that spending falls: that rule is down too."""
    rules = {name: rule for name, rule in sqlite_rules.RULES.items() if name != "spending_never_falls"}
    return _all(_debit(sqlite_rules._DEBIT + _BACK), mock.patch.object(sqlite_rules, "RULES", rules))


def _reused_across_grants() -> Any:
    """The stored answer of another grant, for nothing. The database's rule against it is down too."""

    def committed(_self: Queries, connection: Any, asked: Any) -> str | None:
        found = connection.execute(
            "SELECT id FROM queries JOIN settlements USING (order_id) WHERE answer_key = ? AND outcome = 'committed'",
            (asked.answer_key,),
        ).fetchone()
        return found[0] if found is not None else None

    key = Question.answer_key
    rules = {name: rule for name, rule in sqlite_rules.RULES.items() if name != "only_committed_answers_are_reused"}
    return _all(
        mock.patch.object(Queries, "committed", committed),
        mock.patch.object(Question, "answer_key", lambda self, grant: key(self, replace(grant, id="any"))),
        mock.patch.object(sqlite_rules, "RULES", rules),
    )


PLANTED: dict[str, tuple[Callable[[], Any], str]] = {
    "missing debit": (_missing_debit, "space of ann"),
    "only the inner accounts debited": (_inner_accounts_alone, "dataset of bob"),
    "only the outer accounts debited": (_outer_accounts_alone, "grant of ann"),
    "a failure refunded": (_failure_refunded, "analyst of bob"),
    "answers reused across grants": (_reused_across_grants, "answers of bob"),
}


def test_control_planted_faults_of_the_books_are_found() -> None:
    missed = []
    for name, (plant, expected) in PLANTED.items():
        with plant():
            found = conversation()
        print(f"{name}: {', '.join(found)}")
        missed += [] if expected in found else [name]
    record_figure("accounts audit: planted faults found", f"{len(PLANTED) - len(missed)} of {len(PLANTED)}", "", SOURCE)
    assert missed == []
