"""kill -9 at any moment: what was acknowledged is there, the books agree, no answer lacks its reservation."""

import multiprocessing
import os
import random
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from figures import record_figure
from ledger_writer import open_sqlite, write, write_early

from sandbox.adapters import books
from sandbox.proof.merkle import leaf_hash


def _kill_once(
    work: Callable[..., None], folder: Path, delay: float, *, working: bool = True
) -> tuple[list[tuple[int, str]], int]:
    """Run `work` in a process of its own and kill it `delay` seconds after it starts, or after its first words
    (`working`); what it acknowledged, and its exit code."""
    context = multiprocessing.get_context("fork")
    read_end, write_end = os.pipe()
    child = context.Process(target=work, args=(folder, write_end, 1_000))
    child.start()
    os.close(write_end)
    if working:
        select.select([read_end], [], [], 30)
    time.sleep(delay)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    with os.fdopen(read_end) as lines:
        words = [line.split() for line in lines if line.endswith("\n")]
    code = child.exitcode
    child.close()
    assert code is not None
    return [(int(index), leaf) for _, index, leaf in words], code


def _lost(ledger: Any, acknowledged: list[tuple[int, str]]) -> list[int]:
    bodies = ledger.entries(0, ledger.size())
    return [index for index, leaf in acknowledged if index >= len(bodies) or leaf_hash(bodies[index]).hex() != leaf]


def _kill_many(tmp_path: Path, kills: int, chance: random.Random) -> None:
    killed = entries = interrupted = released = halfway = 0
    folder = None
    for turn in range(kills):
        if folder is None or turn % 10 == 1:
            folder = tmp_path / str(turn)
            folder.mkdir()
        working = turn % 5 != 1  # the others may die while the file is opened or made
        acknowledged, code = _kill_once(write, folder, 0.05 * chance.random(), working=working)
        killed += code == -signal.SIGKILL
        ledger = open_sqlite(folder)
        books.verify(ledger)
        assert _lost(ledger, acknowledged) == []
        for record in ledger.queries(limit=10_000):
            assert (record.answer is not None) == (record.state == "committed")
        for review in ledger.reviews(pending=False, limit=10_000):
            assert (ledger.release_of(review.order) is not None) == (review.released_entry is not None)
            assert review.released_entry is None or review.decision == "approved"
        released += any(review.released_entry for review in ledger.reviews(pending=False))
        halfway += bool(ledger.unreleased() or ledger.reviews())
        entries += len(acknowledged)
        interrupted += bool(ledger.unsettled())
        seeded = bool(ledger.standings())
        ledger.close()
        if not seeded:
            folder = None  # killed while it was being made: nothing more can be written there
    assert killed >= kills * 0.9
    assert entries > kills, "the kills met a writer at work"
    assert interrupted, "some kill fell between a reservation and its settlement"
    assert released, "some answers had left"
    assert halfway, "some kill fell between a review's opening and the release"


def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    _kill_many(tmp_path, 50, random.Random(5))


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_thousand_kills_lose_nothing(tmp_path: Path) -> None:
    _kill_many(tmp_path, 1_000, random.Random(6))
    record_figure("random kills of a ledger writer", 1_000, "kills", "tests/crash/test_ledger_kills.py")


def test_control_a_writer_that_acknowledges_before_its_commit_is_caught(tmp_path: Path) -> None:
    lost = 0
    for _ in range(40):
        acknowledged, _ = _kill_once(write_early, tmp_path, 0.02)
        ledger = open_sqlite(tmp_path)
        lost += any(index >= ledger.size() for index, _ in acknowledged)
        ledger.close()
        if lost:
            break
    assert lost
