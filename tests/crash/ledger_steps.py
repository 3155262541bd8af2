"""Every way in which the ledger is written, each as one step from a state before to a state after.

As a script, run under strace: takes every step that has a folder here in a process of its own, on the ledger there, which
stands just before it, and says what became of it, one line each: `begin <step> <pid>`, `ack <step> <index> <leaf>`, `unavailable <step>
<state>`, `end <step> <status>`. strace counts calls by process, so one run meets one fault in every step.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ports"))

from ledger_world import (
    T0,
    a_grant,
    a_person,
    a_request,
    add_keys,
    add_request,
    approve,
    close_review,
    commit,
    decline,
    entry,
    forfeit,
    give_grant,
    held,
    open_sqlite,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    token,
    vote,
)

from sandbox.proof.entry import read_entry
from sandbox.terms.dataset import Version
from sandbox.terms.people import Freeze, Subject
from sandbox.terms.refusal import AuditUnavailable, EnclaveSealed, Refusal

FREEZE = Freeze("f1", Subject.PERSON, "ann", "olga", "Something is odd here.", T0)


def reserve(ledger: Any, number: int = 1) -> Any:
    return ledger.reserve(reservation(number), reserved(number))[1]


def reuse(ledger: Any) -> Any:
    found = ledger.reuse(reservation(2, answer_key="question 1"), reused(2))
    assert found is not None
    return found[1]


def freeze(ledger: Any) -> Any:
    return ledger.freeze(FREEZE, entry("freeze.set", actor="olga"))


def lift(ledger: Any, officer: str) -> Any:
    said = entry("freeze.lift-asked", actor=officer)
    return ledger.lift("f1", ledger.person(officer), "It was nothing.", said)[1]


def nothing(ledger: Any) -> None:
    pass


def committed(ledger: Any) -> None:
    reserve(ledger)
    commit(ledger, "o1")


def under_review(ledger: Any) -> None:
    held(ledger)


def half_reviewed(ledger: Any) -> None:
    vote(ledger, held(ledger), "rita")


def approved(ledger: Any) -> None:
    approve(ledger, held(ledger))


def half_lifted(ledger: Any) -> None:
    freeze(ledger)
    lift(ledger, "olga")


@dataclass(frozen=True)
class Step:
    """`before` makes the state in which `act` writes one entry; `crashed` leaves that state in the write-ahead log."""

    before: Callable[[Any], object]
    act: Callable[[Any], Any]
    crashed: bool = False


STEPS: Mapping[str, Step] = {
    "reserve": Step(nothing, reserve),
    "reserve-after-a-crash": Step(committed, lambda ledger: reserve(ledger, 2), crashed=True),
    "commit-automatic": Step(reserve, lambda ledger: commit(ledger, "o1")),
    "commit-held": Step(reserve, lambda ledger: commit(ledger, "o1", outcome="held")),
    "forfeit": Step(reserve, lambda ledger: forfeit(ledger, "o1")),
    "reuse": Step(committed, reuse),
    "vote": Step(under_review, lambda ledger: vote(ledger, "rr-o1", "rita")),
    "vote-that-decides": Step(half_reviewed, lambda ledger: vote(ledger, "rr-o1", "ron", decision="approved")),
    "vote-that-rejects": Step(
        lambda ledger: vote(ledger, held(ledger), "rita", "reject"),
        lambda ledger: vote(ledger, "rr-o1", "ron", "reject", decision="rejected"),
    ),
    "withdraw": Step(half_reviewed, lambda ledger: close_review(ledger, "rr-o1")),
    "release-automatic": Step(committed, lambda ledger: release(ledger)[1]),
    "release-approved": Step(approved, lambda ledger: release(ledger)[1]),
    "freeze": Step(committed, freeze),
    "lift-asked": Step(freeze, lambda ledger: lift(ledger, "olga")),
    "lifted": Step(half_lifted, lambda ledger: lift(ledger, "omar")),
    "request": Step(nothing, lambda ledger: add_request(ledger, a_request(name="r-2"))),
    "decline": Step(lambda ledger: add_request(ledger, a_request(name="r-2")), lambda ledger: decline(ledger, "r-2")),
    "grant": Step(
        lambda ledger: add_request(ledger, a_request(name="r-2")),
        lambda ledger: give_grant(ledger, a_grant(name="g-2")),
    ),
    "revoke": Step(approved, revoke),
    "enrol": Step(nothing, lambda ledger: ledger.add_person(a_person("zoe"), token("zoe"), entry("person.enrolled"))),
    "keys": Step(nothing, lambda ledger: add_keys(ledger, turn=2)),
    "version": Step(
        nothing,
        lambda ledger: ledger.add_version(Version("clinic", 2, "cd" * 32), entry("version.loaded", actor="bureau")),
    ),
}


def state(ledger: Any) -> str:
    """All that a reader sees, but for what is drawn at random: a digest."""
    entries = [read_entry(body) for body in ledger.entries(0, ledger.size())]
    seen = {
        "entries": [(item["kind"], item["actor"]) for item in entries],
        "accounts": repr(ledger.accounts("patients", "clinic", "g-ann", "ann")),
        "queries": [
            (record.id, record.order, record.state, record.reused, record.entry, record.settled_entry, record.answer)
            for record in ledger.queries(limit=1_000)
        ],
        "unsettled": [record.id for record in ledger.unsettled()],
        "reviews": repr(ledger.reviews(pending=False, limit=1_000)),
        "waiting": [review.opening.id for review in (*ledger.reviews(), *ledger.unreleased())],
        "releases": [repr(ledger.release_of(f"o{number}")) for number in (1, 2)],
        "freezes": repr((ledger.freezes(), ledger.freezes(active=False))),
        "standings": repr([(item.grant.id, item.used, item.revoked) for item in ledger.standings()]),
        "requests": repr(ledger.grant_requests()),
        "people": repr((ledger.people(), ledger.keys("ann"), ledger.version("clinic"))),
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=repr).encode()).hexdigest()


@dataclass(frozen=True)
class Ground:
    """Where a step starts: a folder with the ledger's files, and the digests of the state before and after."""

    folder: Path
    before: str
    after: str


def lay(step: Step, folder: Path) -> Ground:
    """Make the ground of a step in `folder`."""
    made = folder / "made"
    made.mkdir(parents=True)
    ledger = open_sqlite(made)
    seed(ledger)
    step.before(ledger)
    before = state(ledger)
    ground = folder / "ground"
    if step.crashed:
        shutil.copytree(made, ground)
        ledger.close()
    else:
        ledger.close()
        shutil.copytree(made, ground)
    ledger = open_sqlite(made)
    step.act(ledger)
    after = state(ledger)
    ledger.close()
    assert before != after
    return Ground(ground, before, after)


def take(name: str, folder: Path) -> int:
    """One step in this process: 0 done, 3 the ledger says that it cannot be read or written."""
    try:
        ledger = open_sqlite(folder)
    except (AuditUnavailable, EnclaveSealed):
        return 3
    try:
        receipt = STEPS[name].act(ledger)
    except AuditUnavailable:
        say("unavailable", name, _seen(ledger))
        return 3
    say("ack", name, receipt.index, receipt.leaf)
    ledger.close()
    return 0


def again(name: str, ledger: Any) -> None:
    """The step once more, as its caller would after a crash: done now, or known to be done."""
    try:
        STEPS[name].act(ledger)
    except (Refusal, ValueError, AssertionError):
        return


def say(*words: object) -> None:
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def _seen(ledger: Any) -> str:
    """What a reader sees after the failure; "unreadable" where that failed too."""
    try:
        return state(ledger)
    except AuditUnavailable:
        return "unreadable"


def main(root: Path) -> None:
    for name in sorted(folder.name for folder in root.iterdir() if folder.name in STEPS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                say("begin", name, os.getpid())
                code = take(name, root / name)
            finally:
                os._exit(code)
        say("end", name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
