"""Eight writers at one account, killed and replaced at random: exactly what was there is granted, and what was acknowledged
is there. The control checks first and writes after, and grants too much in the same race.
"""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from figures import record_figure
from ledger_writer import open_sqlite, reservation, reserved, say, seed

from sandbox.adapters import books
from sandbox.terms.refusal import BudgetInsufficient, GrantUsedUp

WRITERS = 8
ROOM = 150
SOURCE = "tests/crash/test_ledger_race_kills.py"
LIMITS = {"budget": {"analyst": ROOM}, "uses": {"uses": ROOM}}


def spend(folder: Path, out: int) -> None:
    """Reserve until nothing is left; every acknowledged query is said."""
    ledger = open_sqlite(folder)
    for turn in count():
        name = f"{os.getpid()}-{turn}"
        try:
            record, _ = ledger.reserve(reservation(name, 1), reserved(name))
        except (BudgetInsufficient, GrantUsedUp):
            break
        say(out, record.id)
    ledger.close()


def spend_naively(folder: Path, out: int) -> None:
    """Look, then write."""
    connection = sqlite3.connect(folder / "naive.sqlite", timeout=60, isolation_level=None)
    for turn in count():
        found = connection.execute("SELECT spent FROM account").fetchone()[0]
        if found >= ROOM:
            break
        time.sleep(0.001)
        connection.execute("UPDATE account SET spent = ?", (found + 1,))
        say(out, f"{os.getpid()}-{turn}")
    connection.close()


def race(work: Callable[[Path, int], None], folder: Path, kills: int, chance: random.Random) -> tuple[list[str], int]:
    """Eight processes do the work while `kills` of them die and are replaced: what was said, and how many were killed."""
    context = multiprocessing.get_context("fork")
    read_end, write_end = os.pipe()

    def begin() -> Any:
        process = context.Process(target=work, args=(folder, write_end))
        process.start()
        return process

    killed = 0
    with _drained(read_end) as said:
        running = [begin() for _ in range(WRITERS)]
        for _ in range(kills):
            time.sleep(0.02 * chance.random())
            place = chance.randrange(WRITERS)
            running[place].kill()  # one that has ended already stays as it ended
            running[place].join()
            killed += running[place].exitcode == -signal.SIGKILL
            running[place] = begin()
        for process in running:
            process.join(120)
        os.close(write_end)
    assert all(process.exitcode == 0 for process in running)
    return said, killed


@contextmanager
def _drained(descriptor: int) -> Iterator[list[str]]:
    """The lines that come out of a pipe until its other end is closed: known after the block."""
    said: list[str] = []

    def read() -> None:
        with os.fdopen(descriptor) as lines:
            said.extend(line.strip() for line in lines)

    thread = Thread(target=read)
    thread.start()
    yield said
    thread.join()


@pytest.mark.parametrize(
    ("rounds", "limit"), [(1, "budget"), *(pytest.param(30, limit, marks=pytest.mark.slow) for limit in LIMITS)]
)
def test_writers_that_are_killed_and_replaced_are_granted_exactly_what_there_is(
    rounds: int, limit: str, tmp_path: Path
) -> None:
    chance, killed = random.Random(8), 0
    for turn in range(rounds):
        folder = tmp_path / str(turn)
        folder.mkdir()
        ledger = open_sqlite(folder)
        seed(ledger, **({"space": 10**6, "dataset": 10**6, "grant": 10**6, "analyst": 10**6} | LIMITS[limit]))
        ledger.close()
        said, dead = race(spend, folder, 10, chance)
        ledger = open_sqlite(folder)
        books.verify(ledger)
        found = {record.id for record in ledger.queries(limit=10 * ROOM)}
        spent = {account.kind: account.spent.units for account in ledger.accounts("patients", "clinic", "g-ann", "ann")}
        assert (len(found), set(spent.values()), ledger.standing("g-ann").used) == (ROOM, {ROOM}, ROOM)
        assert set(said) <= found, "what was acknowledged is there"
        assert len(set(said)) == len(said), "nothing is granted twice"
        assert len(found) - len(said) <= dead, "each kill hides one grant at most"
        ledger.close()
        killed += dead
    assert killed, "some writer was killed at work"
    if rounds > 1:
        record_figure(
            f"races of 8 writers, granted exactly, by {limit}", rounds, f"races, {killed} writers killed", SOURCE
        )


def test_control_writers_that_look_first_are_granted_more(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "naive.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE account (spent INTEGER)")
    connection.execute("INSERT INTO account VALUES (0)")
    connection.close()
    said, _ = race(spend_naively, tmp_path, 10, random.Random(8))
    assert len(said) > ROOM
