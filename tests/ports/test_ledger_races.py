"""Double spending by race (P14): many processes, one budget. The control checks first and writes after."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_world import (
    ADAPTERS,
    a_grant,
    a_vote,
    add_grant,
    commit,
    entry,
    freeze,
    held,
    lift,
    loss,
    open_sqlite,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    spent,
    vote,
)

from sandbox.adapters import books
from sandbox.proof.books_votes import Ballot, standing
from sandbox.proof.entry import read_entry
from sandbox.terms.refusal import (
    AlreadyDecided,
    BudgetInsufficient,
    Frozen,
    GrantRevoked,
    GrantUsedUp,
    OwnRequest,
    ReviewChanged,
)

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


def _user(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """Asks new and old questions under a grant of `USES` uses."""
    ledger = ADAPTERS[adapter](folder)
    gate.wait()
    used = 0
    for turn in range(TRIES):
        name = f"{number}-{turn}"
        try:
            if turn % 2:
                ledger.reserve(reservation(name, 1), reserved(name))
            else:
                ledger.reuse(reservation(name, answer_key="question 0"), reused(name))
            used += 1
        except GrantUsedUp:
            pass
    ledger.close()
    results.put(used)


def _voter(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """Two reviewers, each in four places at once, look and vote until the review is decided."""
    ledger = ADAPTERS[adapter](folder)
    name = ("rita", "ron")[number % 2]
    gate.wait()
    cast = 0
    for _ in range(50):
        review = ledger.review("rr-o1")
        if review.decision is not None:
            break
        mine = a_vote("rr-o1", name)
        ballots = [Ballot(old.human, old.verdict, old.round, old.digest) for old in (*review.votes, mine)]
        decision = standing(2, ballots)[1] if name not in [old.reviewer for old in review.votes] else None
        try:
            vote(ledger, "rr-o1", name, decision=decision, seen=len(review.votes))
            cast += 1
        except (ReviewChanged, AlreadyDecided):
            pass
    ledger.close()
    results.put(cast)


def _lifter(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """One officer in eight places at once."""
    ledger = ADAPTERS[adapter](folder)
    gate.wait()
    try:
        lift(ledger, "olga")
        results.put(1)
    except OwnRequest:
        results.put(0)
    ledger.close()


def _releaser(adapter: str, folder: Path, number: int, gate: Any, results: Any) -> None:
    """Releases every answer in turn, while process 0 revokes the grant and process 1 freezes it, somewhere between."""
    ledger = ADAPTERS[adapter](folder)
    gate.wait()
    out = []
    for turn in range(TRIES):
        try:
            if number < 2:
                if turn == TRIES // 4:
                    revoke(ledger) if number == 0 else freeze(ledger)
                continue
            out.append(release(ledger, turn)[0].entry)
        except (GrantRevoked, Frozen):
            break
    ledger.close()
    results.put(out)


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


USES = 60


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_eight_processes_use_a_grant_exactly_as_often_as_it_allows(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger, uses=USES + 1)
    ledger.reserve(reservation(0), reserved(0))
    commit(ledger, "o0")
    ledger.close()
    used = _race(_user, adapter, tmp_path)
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    assert (sum(used), ledger.standing("g-ann").used) == (USES, USES + 1)
    assert any(query.reused for query in ledger.queries(limit=USES)), "both kinds of use met the end"
    ledger.close()


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_two_votes_at_once_are_two_votes_and_one_decision(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    held(ledger)
    ledger.close()
    cast = _race(_voter, adapter, tmp_path)
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    review = ledger.review("rr-o1")
    assert sum(cast) == 2
    assert (sorted(old.reviewer for old in review.votes), review.decision) == (["rita", "ron"], "approved")
    ledger.close()


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_one_officer_eight_times_is_one_consent(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    freeze(ledger)
    ledger.close()
    assert sum(_race(_lifter, adapter, tmp_path)) == 1
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    assert ledger.frozen("grant", "g-ann")
    ledger.close()


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_nothing_leaves_after_the_revocation_or_the_freeze(adapter: str, tmp_path: Path) -> None:
    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    for number in range(TRIES):
        ledger.reserve(reservation(number), reserved(number))
        commit(ledger, f"o{number}")
    ledger.close()
    _race(_releaser, adapter, tmp_path)
    ledger = ADAPTERS[adapter](tmp_path)
    books.verify(ledger)
    kinds = [read_entry(body)["kind"] for body in ledger.entries(0, ledger.size())]
    stop = min(kinds.index("grant.revoked"), kinds.index("freeze.set"))
    out = [index for index, kind in enumerate(kinds) if kind == "release.released"]
    assert all(index < stop for index in out), "whoever comes second in the log, comes too late"
    assert len(out) == sum(ledger.release_of(f"o{number}") is not None for number in range(TRIES))
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
