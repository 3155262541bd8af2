"""Questions over two datasets and with private keys are paid for by every account that they touch, δ too.

As `test_accounts_audit`, exactly: the engine's orders are noted with the losses that their specifications draw, and every
account must hold them. The datasets of an order are those whose rows its plan reads.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

from audit_town import BASE
from audit_town_operators import QUESTIONS
from figures import record_figure
from replay_world import World, running
from test_language_replay import loaded

from sandbox.adapters import sqlite_rules
from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from workers.measure import Measurer

SOURCE = "tests/privacy/test_language_accounts.py"
CONVERSATION = (
    ("ann", "join of datasets"),
    ("bob", "private key"),
    ("ann", "mixed keys"),
    ("bob", "stacked answers"),
    ("ann", "join with codes"),
    ("ann", "private key"),
)


def overdrawn(world: World, orders: list[tuple[str, tuple[str, ...], int, int]]) -> set[str]:
    """The accounts that hold less than what was drawn on them: units, and δ."""
    owners = {record.order: record for record in world.ledger.queries(None)}
    units: Counter[str] = Counter()
    delta: Counter[str] = Counter()
    for order, datasets, cost, selection in orders:
        person = owners[order].person
        for name in ("space", *datasets, person):
            units[name] += cost
            delta[name] += selection
    found = set()
    for person, dataset in (("ann", "town"), ("bob", "school")):
        (grant,) = {record.grant for record in owners.values() if record.person == person}
        for account in world.ledger.accounts("people", dataset=dataset, grant=grant, analyst=person):
            owed = {"space": "space", "dataset": dataset}.get(account.kind, person)
            found |= {f"{account.kind} of {owed}"} if account.spent.units < units[owed] else set()
            found |= {f"delta of {account.kind} of {owed}"} if account.spent.delta < delta[owed] else set()
    return found


def conversation() -> set[str]:
    """What is wrong with the books after the conversation."""
    orders: list[tuple[str, tuple[str, ...], int, int]] = []
    real = Measurer.measure

    def noted(self: Measurer, order: Any) -> Any:
        vectors = MeasurementSpec.from_json(order.spec).vectors
        cost, selection = sum(vector.cost for vector in vectors), sum(vector.delta for vector in vectors)
        orders.append((order.id, read_plan(order.plan).datasets, cost, selection))
        return real(self, order)

    with mock.patch.object(Measurer, "measure", noted), running(loaded(BASE)) as (world, client):
        for number, (person, name) in enumerate(CONVERSATION):
            world.ask(client, QUESTIONS[name].sql, number, "1", person)
        assert len(orders) == len(CONVERSATION)
        return overdrawn(world, orders)


def test_every_account_of_every_dataset_pays() -> None:
    assert conversation() == set()


def _without(text: str, instead: str = "") -> Any:
    assert text in sqlite_rules._DEBIT
    return mock.patch.object(sqlite_rules, "_DEBIT", sqlite_rules._DEBIT.replace(text, instead))


PLANTED: dict[str, tuple[Callable[[], Any], str]] = {
    "δ of selections not debited": (
        lambda: _without(", spent_delta = spent_delta + NEW.delta"),
        "delta of space of space",
    ),
    "further datasets not debited": (lambda: _without(f"UNION ALL {sqlite_rules._ALSO}"), "dataset of town"),
}


def test_control_planted_faults_of_the_books_are_found_here_too() -> None:
    missed = []
    for name, (plant, expected) in PLANTED.items():
        with plant():
            found = conversation()
        print(f"{name}: {', '.join(sorted(found))}")
        missed += [] if expected in found else [name]
    figure = "accounts audit of the language: planted faults found"
    record_figure(figure, f"{len(PLANTED) - len(missed)} of {len(PLANTED)}", "", SOURCE)
    assert missed == []
