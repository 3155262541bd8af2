"""A process that writes to a ledger and says what was acknowledged, one line each, until it is killed or done.

Run as a script under strace, or forked by the tests. Lines: `ack <index> <leaf>`, `unavailable <entries> <spent>`.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ports"))

from ledger_world import (
    T0,
    a_person,
    close_review,
    commit,
    entry,
    forfeit,
    open_sqlite,
    release,
    reservation,
    reserved,
    reused,
    seed,
    spent,
    token,
    vote,
)

from sandbox.terms.people import Freeze, Subject
from sandbox.terms.refusal import AuditUnavailable, EnclaveSealed

PLENTY = 10**9
FREEZE = Freeze("f1", Subject.DATASET, "clinic", "olga", "Something is odd here.", T0)


def say(out: int, *words: object) -> None:
    os.write(out, (" ".join(str(word) for word in words) + "\n").encode())


def acknowledge(out: int, receipt: Any) -> None:
    say(out, "ack", receipt.index, receipt.leaf)


def write(folder: Path, out: int, rounds: int) -> None:
    """Open (and seed, where new), then reserve, commit, reuse, forfeit, review, release, freeze and lift."""
    ledger = open_sqlite(folder)
    start = ledger.size()
    if start == 0:
        seed(ledger, space=PLENTY, dataset=PLENTY, grant=PLENTY, analyst=PLENTY)
    elif not ledger.standings():
        return  # killed while it was seeded: that state is for the books to judge
    for found in ledger.freezes():  # killed between a freeze and its lifting
        for officer in ("olga", "omar"):
            if found.lift_asked_by != officer:
                said = entry("freeze.lift-asked", actor=officer)
                acknowledge(out, ledger.lift(found.id, ledger.person(officer), "It was nothing.", said)[1])
    for turn in range(rounds):
        name = f"{start}-{turn}"
        acknowledge(out, ledger.reserve(reservation(name), reserved(name))[1])
        if turn % 4 == 2:
            acknowledge(out, forfeit(ledger, f"o{name}"))
            continue
        acknowledge(out, commit(ledger, f"o{name}", outcome=("automatic", "held")[turn % 2]))
        again = ledger.reuse(reservation(f"{name}-r", answer_key=f"question {name}"), reused(name))
        assert again is not None
        acknowledge(out, again[1])
        _govern(ledger, out, name, turn)
    ledger.close()


def _govern(ledger: Any, out: int, name: str, turn: int) -> None:
    """What follows a committed answer: a held one is voted on or withdrawn, then all that is approved is released."""
    review = f"rr-o{name}"
    if turn % 2:
        acknowledge(out, vote(ledger, review, "rita"))
        if turn % 4 == 3:
            acknowledge(out, close_review(ledger, review))
            return
        acknowledge(out, vote(ledger, review, "ron", decision="approved"))
    acknowledge(out, release(ledger, name)[1])
    if turn % 5 == 0:
        said = entry("freeze.set", actor="olga")
        acknowledge(out, ledger.freeze(replace(FREEZE, id=f"f{name}"), said))
        for officer in ("olga", "omar"):
            said = entry("freeze.lift-asked", actor=officer)
            acknowledge(out, ledger.lift(f"f{name}", ledger.person(officer), "It was nothing.", said)[1])


def write_early(folder: Path, out: int, rounds: int) -> None:
    """The control: acknowledges inside the transaction, before the commit."""
    ledger = open_sqlite(folder)
    for turn in range(rounds):
        with ledger._write() as connection:
            index = ledger._log.append(connection, entry("query.checked", {"turn": str(turn)}), {})
            say(out, "ack", index, "0" * 64)
            time.sleep(0.002)
    ledger.close()


STEPS = 8
"""What `write_and_report` does."""


def write_and_report(folder: Path, out: int) -> int:
    """A reservation, a commit to review, two votes, a release, a freeze, a consent to lift it, an enrolment; at the first
    failure, what a reader sees then."""
    try:
        ledger = open_sqlite(folder)
    except (AuditUnavailable, EnclaveSealed):
        return 3
    name = f"n{ledger.size()}"
    review = f"rr-o{name}"
    steps = (
        lambda: ledger.reserve(reservation(name), reserved(name))[1],
        lambda: commit(ledger, f"o{name}", outcome="held"),
        lambda: vote(ledger, review, "rita"),
        lambda: vote(ledger, review, "ron", decision="approved"),
        lambda: release(ledger, name)[1],
        lambda: ledger.freeze(FREEZE, entry("freeze.set", actor="olga")),
        lambda: ledger.lift("f1", ledger.person("olga"), "It was nothing.", entry("freeze.lift-asked", actor="olga"))[
            1
        ],
        lambda: ledger.add_person(a_person("zoe"), token("zoe"), entry("person.enrolled")),
    )
    assert len(steps) == STEPS
    for step in steps:
        try:
            acknowledge(out, step())
        except AuditUnavailable:
            say(out, "unavailable", ledger.size(), spent(ledger)["space"])
            return 3
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(write_and_report(Path(sys.argv[1]), 1))
