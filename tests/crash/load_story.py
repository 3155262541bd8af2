"""Many people at work on one enclave until it dies: what each of them was told, to be held against what it says later.

Two analysts ask (one's answers go out at once, the other's are reviewed), a third asks under grants that are revoked
meanwhile, two reviewers vote, two officers freeze and lift.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from sandbox.client.connection import Connection
from sandbox.terms.canonical import digest
from sandbox.terms.refusal import SandboxError
from sandbox.testing import Enclave

SQL = "select sex, count(*) as n, sum(cost) as s from clinic.visits group by sex"
PURPOSE, NEED = "research", "For the yearly report of the clinic."
WHY = "Nothing speaks against it."
CUT_OFF = (httpx.HTTPError, SandboxError)
"""What a caller hears of an enclave that dies, or of somebody who was faster."""
ASKERS = {"ann": None, "ben": "held"}
"""Analyst → the review that the grant demands."""


@dataclass
class Heard:
    """What was acknowledged, over all runs of the enclave."""

    receipts: dict[int, str] = field(default_factory=dict)  # index of an entry → its leaf
    queries: dict[str, str] = field(default_factory=dict)  # query → who asked
    unknown: dict[str, tuple[str, str]] = field(default_factory=dict)  # idempotency key → who asked, at what ε
    answers: dict[str, str] = field(default_factory=dict)  # query → digest of the opened answer
    votes: set[tuple[str, str]] = field(default_factory=set)  # review, reviewer
    revoked: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    lifted: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receipt(self, document: dict[str, Any]) -> None:
        with self.lock:
            leaf = self.receipts.setdefault(int(document["index"]), str(document["leaf"]))
        assert leaf == document["leaf"], "one place in the log, one entry"


@dataclass
class World:
    """One enclave, what its callers heard, and whether it has been killed."""

    enclave: Enclave
    heard: Heard
    over: threading.Event = field(default_factory=threading.Event)
    numbers: Any = field(default_factory=count)

    def connection(self, name: str, org: str, role: str) -> Connection:
        return self.enclave.person(name, org=org, role=role)

    def again(self, act: Callable[[], object]) -> None:
        """Do it until the enclave is killed; what it refuses is counted."""
        while not self.over.is_set():
            try:
                act()
            except CUT_OFF as cut:
                with self.heard.lock:
                    self.heard.refusals[getattr(cut, "code", type(cut).__name__)] += 1
                time.sleep(0.05)


def prepare(world: World) -> None:
    """Enrol everybody, and give the lasting grants."""
    for name, review in ASKERS.items():
        world.enclave.analyst(name, org="acme", datasets=["clinic"], purpose=PURPOSE, epsilon="60", review=review)
    world.connection("cat", "acme", "analyst").ensure_keys()
    world.connection("dan", "acme", "analyst").ensure_keys()
    world.enclave.reviewers(2)
    world.enclave.officers(2)


def work(world: World) -> list[threading.Thread]:
    """Everybody begins; they end when `over` is set and the enclave is gone."""
    acts = [*(_asking(world, name) for name in ASKERS), _revoking(world), _freezing(world)]
    acts += [_reviewing(world, name) for name in ("reviewer", "reviewer-2")]
    threads = [threading.Thread(target=world.again, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    return threads


def ask(world: World, analyst: Connection, name: str, key: str, epsilon: str) -> Any:
    """Ask, and keep in mind what became of it: nobody knows where the answer to the call does not come."""
    heard = world.heard
    with heard.lock:
        heard.unknown[key] = (name, epsilon)
    try:
        running = analyst.query(SQL, purpose=PURPOSE, epsilon=epsilon, need=NEED).run(key)
    except SandboxError as refused:
        if "idempotency_key" not in refused.facts and refused.code not in {"enclave-not-ready", "fault"}:
            del heard.unknown[key]  # refused in words: nothing was spent
        raise
    with heard.lock:
        del heard.unknown[key]
        heard.queries[running.id] = name
    heard.receipt(running.receipt)
    return running


def keep_release(heard: Heard, release: Any) -> None:
    """An answer that somebody holds now, and the entries that it was proved with."""
    release.verify()
    for receipt in release.document["receipts"].values():
        heard.receipt(receipt)
    found = digest(release.answer.to_json())
    with heard.lock:
        assert heard.answers.setdefault(release.id, found) == found, "one query, one answer"


def _epsilon(world: World) -> str:
    return f"0.0500{next(world.numbers):05d}"


def _asking(world: World, name: str) -> Callable[[], None]:
    analyst = world.connection(name, "acme", "analyst")
    running: list[Any] = []

    def act() -> None:
        if len(running) < 3:
            running.append(ask(world, analyst, name, secrets.token_hex(16), _epsilon(world)))
        elif ASKERS[name] is None:
            keep_release(world.heard, running.pop(0).result(timeout=20))
        else:
            running.clear()
            for view in analyst.queries()[:20]:
                if view["state"] == "done" and view["id"] not in world.heard.answers:
                    keep_release(world.heard, analyst.release(view["id"]))

    return act


def _revoking(world: World) -> Callable[[], None]:
    cat = world.connection("cat", "acme", "analyst")
    steward = world.enclave.steward

    def act() -> None:
        until = datetime.now(UTC) + timedelta(days=1)
        request = cat.request_grant(["clinic"], f"{PURPOSE}", "1", until, "A grant that will be revoked.")
        grant = steward.approve_grant(str(request["id"]), review="held")
        ask(world, cat, "cat", secrets.token_hex(16), _epsilon(world))
        steward.revoke_grant(str(grant["id"]), "The contract has ended.")
        with world.heard.lock:
            world.heard.revoked.add(str(grant["id"]))

    return act


def _freezing(world: World) -> Callable[[], None]:
    officers = world.enclave.officers(2)

    def act() -> None:
        for freeze in officers[0].freezes():  # of an earlier run, or for failures that our kills brought about
            _lift(world, officers, str(freeze["id"]))
        found = officers[0].freeze("person", "dan", "Something is odd here.")
        with world.heard.lock:
            world.heard.frozen.add(str(found["id"]))
        _lift(world, officers, str(found["id"]))

    return act


def _lift(world: World, officers: list[Connection], freeze: str) -> None:
    for officer in officers:
        with suppress(SandboxError):  # asked already, in an earlier run
            if officer.lift_freeze(freeze, "It was nothing at all.")["lifted"]:
                with world.heard.lock:
                    world.heard.lifted.add(freeze)


def _reviewing(world: World, name: str) -> Callable[[], None]:
    reviewer = world.connection(name, "review-office", "reviewer")

    def act() -> None:
        for item in reviewer.reviews():
            if item["voted"]:
                continue
            copy = reviewer.review(str(item["id"]))
            verdict = "reject" if copy["digest"][0] in "01" else "approve"
            reviewer.vote(copy["id"], verdict, WHY, copy["digest"])
            with world.heard.lock:
                world.heard.votes.add((str(copy["id"]), name))
        time.sleep(0.02)

    return act
