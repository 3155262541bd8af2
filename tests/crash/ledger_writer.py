"""A process that writes to a ledger and says what was acknowledged, one line each, until it is killed or done.

Run as a script under strace, or forked by the tests. Lines: `ack <index> <leaf>`, `unavailable <entries> <spent>`.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ports"))

from ledger_world import (
    add_person,
    commit,
    entry,
    forfeit,
    open_sqlite,
    reservation,
    reserved,
    reused,
    seed,
    spent,
)

from sandbox.terms.refusal import AuditUnavailable, EnclaveSealed

PLENTY = 10**9


def say(out: int, *words: object) -> None:
    os.write(out, (" ".join(str(word) for word in words) + "\n").encode())


def acknowledge(out: int, receipt: Any) -> None:
    say(out, "ack", receipt.index, receipt.leaf)


def write(folder: Path, out: int, rounds: int) -> None:
    """Open (and seed, where new), then reserve, commit, reuse and forfeit."""
    ledger = open_sqlite(folder)
    start = ledger.size()
    if start == 0:
        seed(ledger, space=PLENTY, dataset=PLENTY, grant=PLENTY, analyst=PLENTY)
    elif not ledger.grants():
        return  # killed while it was seeded: that state is for the books to judge
    for turn in range(rounds):
        name = f"{start}-{turn}"
        acknowledge(out, ledger.reserve(reservation(name), reserved(name))[1])
        acknowledge(out, commit(ledger, f"o{name}") if turn % 3 else forfeit(ledger, f"o{name}"))
        if turn % 3:
            again = ledger.reuse(reservation(f"{name}-r", answer_key=f"question {name}"), reused(name))
            assert again is not None
            acknowledge(out, again[1])
    ledger.close()


def write_early(folder: Path, out: int, rounds: int) -> None:
    """The control: acknowledges inside the transaction, before the commit."""
    ledger = open_sqlite(folder)
    for turn in range(rounds):
        with ledger._write() as connection:
            index = ledger._log.append(connection, entry("query.checked", {"turn": str(turn)}), {})
            say(out, "ack", index, "0" * 64)
            time.sleep(0.002)
    ledger.close()


def write_and_report(folder: Path, out: int) -> int:
    """One reservation, one commit, one enrolment; at the first failure, what a reader sees then."""
    try:
        ledger = open_sqlite(folder)
    except (AuditUnavailable, EnclaveSealed):
        return 3
    start = ledger.size()
    name = f"n{start}"
    try:
        acknowledge(out, ledger.reserve(reservation(name), reserved(name))[1])
        acknowledge(out, commit(ledger, f"o{name}"))
        before = ledger.size()
        add_person(ledger, f"p{start}")
        say(out, "ack", before, "")
    except AuditUnavailable:
        say(out, "unavailable", ledger.size(), spent(ledger)["space"])
        return 3
    ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(write_and_report(Path(sys.argv[1]), 1))
