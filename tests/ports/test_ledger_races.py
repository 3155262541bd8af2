"""Double spending by race (P14): many processes, one budget. The control checks first and writes after."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_world import ADAPTERS, a_grant, add_grant, entry, loss, open_sqlite, reservation, reserved, seed, spent

from sandbox.adapters import books
from sandbox.terms.refusal import BudgetInsufficient

PROCESSES = 8
TRIES = 20
BUDGET = 60


def _spender(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    ledger = ADAPTERS[adapter](folder)
    gate.wait()
    granted = 0
    for turn in range(TRIES):
        name = f"{number}-{turn}"
        try:
            ledger.reserve(reservation(name, 1), reserved(name))
            granted += 1
        except BudgetInsufficient:
            pass
    ledger.close()
    results.put(granted)


def _retrier(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """Ten retries of one request, under ids of its own: as a client whose answers got lost."""
    ledger = ADAPTERS[adapter](folder)
    gate.wait()
    seen = set()
    for turn in range(10):
        asked = reservation("same", 1, query=f"q{number}-{turn}", order=f"o{number}-{turn}")
        seen.add(ledger.reserve(asked, reserved())[0].id)
    ledger.close()
    results.put(tuple(seen))


def _naive(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """The control: reads what is left, and only then takes the lock and writes."""
    connection = sqlite3.connect(folder / "naive.sqlite", timeout=60, isolation_level=None)
    gate.wait()
    granted = 0
    for _ in range(TRIES):
        found = connection.execute("SELECT spent FROM account").fetchone()[0]
        if found < BUDGET:
            connection.execute("UPDATE account SET spent = ?", (found + 1,))
            granted += 1
    connection.close()
    results.put(granted)


def _race(worker: Callable[..., None], adapter: str, folder: Path) -> list[Any]:
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=worker, args=(adapter, folder, number, gate, results)) for number in range(PROCESSES)
    ]
    for process in workers:
        process.start()
    found = [results.get(timeout=120) for _ in workers]
    for process in workers:
        process.join()
    results.close()
    assert [process.exitcode for process in workers] == [0] * PROCESSES
    return found


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_eight_processes_are_granted_the_budget_exactly(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger, space=BUDGET)
    ledger.close()
    granted = _race(_spender, adapter, tmp_path)
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    assert (sum(granted), spent(ledger)["space"], len(ledger.queries(limit=10_000))) == (BUDGET, BUDGET, BUDGET)
    ledger.close()


def test_control_checking_before_writing_grants_more(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "naive.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE account (spent INTEGER)")
    connection.execute("INSERT INTO account VALUES (0)")
    connection.close()
    assert sum(_race(_naive, "", tmp_path)) > BUDGET


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_retries_from_eight_processes_are_one_debit(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    ledger.close()
    seen = _race(_retrier, adapter, tmp_path)
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    assert len(set(seen)) == 1
    assert (spent(ledger)["space"], len(ledger.queries())) == (1, 1)
    ledger.close()


@pytest.mark.slow
def test_a_hundred_races_are_each_exact(tmp_path: Path) -> None:
    for turn in range(100):
        folder = tmp_path / str(turn)
        folder.mkdir()
        ledger = open_sqlite(folder)
        seed(ledger, analyst=BUDGET)
        ledger.close()
        assert sum(_race(_spender, "sqlite", folder)) == BUDGET


def test_two_grants_share_the_analysts_account(tmp_path: Path) -> None:
    ledger = open_sqlite(tmp_path)
    seed(ledger, analyst=30)
    add_grant(ledger, a_grant(name="g-2"))
    ledger.reserve(reservation(1, 20), reserved(1))
    with pytest.raises(BudgetInsufficient) as refused:
        ledger.reserve(reservation(2, grant="g-2", loss=loss(11)), reserved(2))
    assert refused.value.facts["account"] == "analyst"
    ledger.append(entry("query.refused", {"code": "budget-insufficient"}))
    books.verify(ledger)
    ledger.close()
