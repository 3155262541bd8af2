"""kill -9 of the service between commit, vote and release, while answers are withdrawn, and while grants are revoked.

Whatever was acknowledged before the kill holds after it, what was approved goes out once, what was revoked or taken back
never does, and the offline verifier finds no law broken. The control is the same story without a kill.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from figures import record_figure
from tests_support import CLINIC

from sandbox.adapters.process_tree import descendants
from sandbox.client.connection import Connection
from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import SandboxError
from sandbox.testing import Enclave, start_enclave

SQL = "select sex, count(*) as n from clinic.visits group by sex"
TURNS = 24
SOURCE = "tests/crash/test_kill_governed.py"
WHY = "Nothing speaks against it."
CUT_OFF = (httpx.HTTPError, SandboxError)
"""What a caller hears of an enclave that dies meanwhile, or of somebody who was faster."""


@dataclass
class Turn:
    """One query of an analyst of its own, and what was acknowledged of it before the kill."""

    enclave: Enclave
    name: str
    query: str = ""
    review: str = ""
    heard: set[str] = field(default_factory=set)

    def acknowledged(self, word: str, act: Callable[[], object]) -> None:
        with suppress(*CUT_OFF):
            act()
            self.heard.add(word)

    def approve(self) -> None:
        reviewer = self.enclave.reviewer
        reviewer.vote(self.review, "approve", WHY, reviewer.review(self.review)["digest"])


STORIES = {
    "nobody": (None, ()),  # automatic: the kill falls between acceptance, commit and release
    "approved or revoked": ("held", ("approved", "revoked")),
    "approved": ("held", ("approved",)),
    "approved or withdrawn": ("held", ("approved", "withdrawn")),
}
"""Name → the review that the grant asks for, and what happens at once when the kill falls."""


def play(enclave: Enclave, name: str, story: str, kill: Callable[[float], None]) -> Turn:
    """One query up to its kill."""
    duty, words = STORIES[story]
    turn = Turn(enclave, name)
    ann = enclave.analyst(name, org="acme", datasets=["clinic"], purpose="research", epsilon="2", review=duty)
    turn.query = ann.query(SQL, purpose="research", epsilon="1").run().id
    if duty is None:
        kill(1.6)  # the slot comes after a good second
        return turn
    assert settled(ann, turn.query) == "in-review"
    turn.review = ann.query_view(turn.query)["review"]["id"]
    steward, (grant,) = enclave.steward, ann.grants()
    acts = {
        "approved": turn.approve,
        "withdrawn": lambda: ann.withdraw(turn.query),
        "revoked": lambda: steward.revoke_grant(grant["id"], "The contract has ended"),
    }
    threads = [threading.Thread(target=turn.acknowledged, args=(word, acts[word])) for word in words]
    for thread in threads:
        thread.start()
    kill(0.15)
    for thread in threads:
        thread.join(60)
    return turn


def settled(analyst: Connection, query: str) -> str:
    """How the query stands once it neither runs nor waits to leave."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        state = str(analyst.query_view(query)["state"])
        if state != "running":
            return state
        time.sleep(0.05)
    raise AssertionError("the query never settled")


def check(turn: Turn, path: Path) -> str:
    """What the query came to, seen by its author and in the log."""
    ann = turn.enclave.person(turn.name, org="acme", role="analyst")
    state = settled(ann, turn.query)
    log = exported(turn.enclave, path)
    kinds = Counter(entry["kind"] for entry in log if entry["facts"].get("query") == turn.query)
    assert kinds["query.reserved"] == 1 and kinds["query.committed"] + kinds["query.forfeited"] == 1
    assert kinds["release.released"] == (state == "done") and kinds["review.voted"] + kinds["review.closed"] <= 1
    if state == "done":
        assert len(ann.release(turn.query).verify().words()) > 3
        assert "withdrawn" not in turn.heard  # both cannot have been said
    if "revoked" in turn.heard:
        assert state in ("done", "lapsed")  # out before the revocation, or never
    if "approved" in turn.heard:
        assert state in ("done", "lapsed")  # lapsed: revoked between the vote and the release
    if "withdrawn" in turn.heard:
        assert state == "withdrawn"
    return state


def exported(enclave: Enclave, path: Path) -> list[dict]:
    """The log's entries, verified offline."""
    enclave.officer.export_log(path)
    lines = path.read_text("utf-8").splitlines()
    verify_export(lines, enclave.administrator.enclave()["log_key"])
    return [json.loads(line["entry"]) for line in map(json.loads, lines) if "entry" in line]


def control_plane(enclave: Enclave) -> list[int]:
    found = []
    for pid in descendants(enclave.process.pid):
        with suppress(OSError):
            if b"sandbox.wiring" in Path("/proc", str(pid), "cmdline").read_bytes():
                found.append(pid)
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_holds_and_nothing_leaves_twice(visits: Path, tmp_path: Path) -> None:
    source = random.Random(7)
    states: Counter[str] = Counter()
    with start_enclave(tick_ms=100, home=tmp_path / "enclave") as enclave:
        enclave.load(CLINIC, {"visits": visits})

        def kill(seconds: float) -> None:
            time.sleep(source.uniform(0, seconds))
            os.kill(source.choice([enclave.process.pid, *control_plane(enclave)]), signal.SIGKILL)
            enclave.process.wait(60)

        for number, story in zip(range(TURNS), cycle(STORIES), strict=False):
            turn = play(enclave, f"ann-{number}", story, kill)
            enclave.start()
            state = check(turn, tmp_path / "log.jsonl")
            if state == "in-review":  # the kill came first: the review is open as it was, and can be decided now
                turn.approve()
                state = check(turn, tmp_path / "log.jsonl")
            states[state] += 1
    assert sum(states.values()) == TURNS
    assert set(states) <= {"done", "failed", "withdrawn", "lapsed"}, states
    came = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    record_figure("kills between commit, vote and release", TURNS, f"kills: {came}", SOURCE)


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_control_without_a_kill(visits: Path, tmp_path: Path) -> None:
    with start_enclave(tick_ms=100) as enclave:
        enclave.load(CLINIC, {"visits": visits})
        for place, story in enumerate(STORIES):
            turn = play(enclave, f"ann-{place}", story, lambda seconds: None)
            state = check(turn, tmp_path / "log.jsonl")
            assert state in {"done", "withdrawn", "lapsed"}
            assert turn.heard or STORIES[story][0] is None
