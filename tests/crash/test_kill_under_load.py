"""kill -9 of the whole service while people ask, vote, revoke and freeze: 50 times (once by default).

After every kill: no process of the killed run is left within a minute; no answer without its debit, no release without
its decision or under a freeze, no entry lost or doubled, no budget back; a call that broke off and is made again under its key is debited
once; the log is the earlier one and more; the offline verifier finds no law broken; all that was acknowledged is there.
The controls break each of the laws and must be caught.
"""

import json
import os
import random
import signal
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from crash_laws import Broken, judge, only_grew, spent_is_debited, written
from figures import record_figure
from load_story import ASKERS, Heard, World, ask, keep_release, prepare, work
from tests_support import CLINIC, gone, running_processes, started_at

from sandbox.proof.log_export import verify_export
from sandbox.terms.loss import UNITS
from sandbox.testing import Enclave, start_enclave

SOURCE = "tests/crash/test_kill_under_load.py"


def victims(enclave: Enclave, choice: int) -> list[int]:
    """The parent of both planes, the control plane, or every process of the enclave."""
    alive = running_processes(enclave)
    if choice == 0:
        return [enclave.process.pid]
    lines = {pid: Path("/proc", str(pid), "cmdline").read_bytes() for pid in alive if started_at(pid)}
    return [pid for pid, line in lines.items() if choice == 2 or b"sandbox.wiring" in line]


def wait_for_news(world: World, turn: int) -> None:
    """Until somebody has heard something in this run: by turns a debit, an answer, a vote, a revocation; in the first
    run something of all."""
    heard = world.heard
    kinds = (heard.queries, heard.answers, heard.votes, heard.revoked, heard.frozen)
    wanted = kinds if turn == 0 else kinds[turn % 4 :][:1]
    known, until = [len(news) for news in wanted], time.monotonic() + 60
    while any(len(news) == count for news, count in zip(wanted, known, strict=True)) and time.monotonic() < until:
        time.sleep(0.02)


def kill(enclave: Enclave, choice: int) -> None:
    for pid in victims(enclave, choice):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it went with an earlier one
    enclave.process.wait(60)


def exported(enclave: Enclave, path: Path) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The log's entries as written and read, verified offline."""
    enclave.officer.export_log(path)
    lines = path.read_text("utf-8").splitlines()
    verify_export(lines, enclave.administrator.enclave()["log_key"])
    texts = [line["entry"] for line in map(json.loads, lines) if "entry" in line]
    return [text.encode() for text in texts], [json.loads(text) for text in texts]


def make_again(world: World) -> None:
    """Every call whose answer never came is made again, with the same key."""
    for key, (name, epsilon) in list(world.heard.unknown.items()):
        analyst = world.connection(name, "acme", "analyst")
        if name == "cat":  # its grant may be there, revoked, or never have been given
            views = {view["id"] for view in analyst.queries()}
            lost = views - set(world.heard.queries)
            world.heard.queries.update(dict.fromkeys(lost, name))
            del world.heard.unknown[key]
            continue
        ask(world, analyst, name, key, epsilon)


def settle(world: World) -> None:
    """No query of an earlier run is left running."""
    until = time.monotonic() + 60
    for name in (*ASKERS, "cat"):
        analyst = world.connection(name, "acme", "analyst")
        while time.monotonic() < until:
            states = {view["state"] for view in analyst.queries()}
            if "running" not in states:
                break
            time.sleep(0.1)
        assert "running" not in states, "the next start knows what became of every query"


def lift_all(world: World) -> None:
    officers = world.enclave.officers(2)
    for freeze in officers[0].freezes():
        for officer in officers:
            if freeze["lift_asked_by"] != ("officer" if officer is officers[0] else "officer-2"):
                officer.lift_freeze(freeze["id"], "It was nothing at all.")


def check(world: World, before: list[bytes], path: Path) -> tuple[list[bytes], list[dict[str, Any]]]:
    """All that must hold after a kill and a start."""
    lift_all(world)
    make_again(world)
    settle(world)
    bodies, entries = exported(world.enclave, path)
    only_grew(before, bodies)
    judge(bodies, entries, world.heard)
    for name in ASKERS:
        analyst = world.connection(name, "acme", "analyst")
        spent_is_debited(entries, analyst.accounts(), name, Fraction(1, UNITS))
        known = [query for query in world.heard.answers if world.heard.queries[query] == name]
        for query in known[-2:]:
            keep_release(world.heard, analyst.release(query))  # the same answer as before the kill
    return bodies, entries


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_the_service_is_killed_under_load(kills: int, visits: Path, tmp_path: Path) -> None:
    source = random.Random(50)
    heard, bodies, entries, answers = Heard(), [], [], []
    with start_enclave(tick_ms=50, home=tmp_path / "enclave") as enclave:
        enclave.load(CLINIC, {"visits": visits})
        prepare(World(enclave, heard))
        numbers = World(enclave, heard).numbers
        for turn in range(kills):
            world = World(enclave, heard, numbers=numbers)
            threads = work(world)
            wait_for_news(world, turn)
            time.sleep(source.uniform(0.0, 1.5))
            alive = running_processes(enclave)
            kill(enclave, turn % 3)
            assert gone(alive) == []
            world.over.set()
            for thread in threads:
                thread.join(90)
                assert not thread.is_alive()
            answers.append(len(heard.answers))
            enclave.start(120)
            bodies, entries = check(world, bodies, tmp_path / "log.jsonl")
    assert answers[-1] and heard.votes and heard.revoked and heard.frozen, "there was a load"
    cut = sum(entry["kind"] == "query.forfeited" for entry in entries)
    assert cut, "some kill fell between a reservation and its settlement"
    controls(bodies, entries, heard)
    if kills >= 50:
        record_figure("kills of the whole service under load", kills, "kills", SOURCE)
        record_figure("kills of the whole service: queries debited", len(heard.queries), "queries", SOURCE)
        record_figure("kills of the whole service: queries cut off", cut, "queries", SOURCE)


def controls(bodies: list[bytes], entries: list[dict[str, Any]], heard: Heard) -> None:
    """The laws themselves: each kind of wrong in the log is caught, and by the law that is meant."""
    judge(bodies, entries, heard)
    lost = Heard(receipts=heard.receipts)
    told = replace(heard, receipts={})  # without receipts, only the other laws can tell
    reserved, committed, released = (
        _last(entries, kind) for kind in ("query.reserved", "query.committed", "release.released")
    )
    out = entries[released]["facts"]["query"]
    answer = next(
        index
        for index, entry in enumerate(entries)
        if entry["kind"] == "query.committed" and entry["facts"]["query"] == out
    )
    vote, revoked, frozen = (
        max(index for index, entry in enumerate(entries) if entry["kind"] == kind and _known(entry, heard))
        for kind in ("review.voted", "grant.revoked", "freeze.set")
    )
    first, end = min(heard.receipts), max(heard.receipts)
    for wrong, known, law in (
        (_without(entries, first), lost, "acknowledged and is not there"),
        (entries[:end], lost, "acknowledged and is not there"),
        (_without(entries, reserved), told, "without a debit|debited and asked differ"),
        (_twice(entries, reserved), told, "debited twice"),
        (_twice(entries, committed), told, "settled twice"),
        (_twice(entries, released), told, "or twice"),
        (_held(entries, answer), told, "without a decision"),
        *(
            (_stopped(entries, released, word), told, "released under a freeze")
            for word in ("person", "grant", "dataset")
        ),
        (_stopped(entries, reserved, "person"), told, "asked under a freeze"),
        (_without(entries, vote), told, "review.voted was acknowledged|without a decision"),
        (_without(entries, revoked), told, "grant.revoked was acknowledged"),
        (_without(entries, frozen), told, "freeze.set was acknowledged"),
    ):
        with pytest.raises(Broken, match=law):
            judge([written(entry) for entry in wrong], wrong, known)
    with pytest.raises(Broken, match="earlier export"):
        only_grew(bodies, bodies[:-1])
    with pytest.raises(Broken, match="has spent"):
        spent_is_debited(entries, [{"kind": "analyst", "spent": "0"}], "ann", Fraction(1, UNITS))


def _known(entry: dict[str, Any], heard: Heard) -> bool:
    """Whether some caller heard that this was done."""
    facts = entry["facts"]
    votes = (facts.get("review"), entry["actor"]) in heard.votes
    return votes or facts.get("grant") in heard.revoked or facts.get("freeze") in heard.frozen


def _held(entries: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    """The log in which that answer waited for votes, which nobody gave."""
    facts = entries[index]["facts"]
    changed = entries[index] | {"facts": facts | {"review": facts["review"] | {"outcome": "held"}}}
    return [
        changed if entry is entries[index] else entry
        for entry in entries
        if entry["kind"] != "review.voted" or entry["facts"]["query"] != facts["query"]
    ]


def _stopped(entries: list[dict[str, Any]], index: int, word: str) -> list[dict[str, Any]]:
    """The log in which an officer had frozen what that entry's query is of, just before it."""
    query = entries[index]["facts"]["query"]
    facts = next(
        entry["facts"] for entry in entries if entry["kind"] == "query.reserved" and entry["facts"]["query"] == query
    )
    stop = {"freeze": "f_planted", "subject": word, "name": facts[word]}
    return [*entries[:index], entries[index] | {"kind": "freeze.set", "facts": stop}, *entries[index:]]


def _last(entries: list[dict[str, Any]], kind: str) -> int:
    return max(index for index, entry in enumerate(entries) if entry["kind"] == kind)


def _without(entries: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    return entries[:index] + entries[index + 1 :]


def _twice(entries: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    return [*entries[: index + 1], *entries[index:]]
