"""S19: what the missing witnesses cost. An older copy of a ledger is taken, and what was spent since is there again.

Not a defence but the size of a known weakness: the day an older ledger is refused, the first test must say so. What
stands against it today is whoever kept a checkpoint: a ledger that went on from the older copy cannot prove to have
grown from it. The control is the ledger that was left alone, which can.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_world import ORIGIN, SIGNER, commit, open_sqlite, reservation, reserved, seed, spent

from sandbox.adapters import books
from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.proof.checkpoint import Checkpoint, open_checkpoint
from sandbox.proof.merkle import verify_consistency
from sandbox.terms.refusal import ProofFailed


def restored(folder: Path) -> Path:
    """The file itself, put back from a copy that was made before the last query."""
    ledger = open_sqlite(folder)
    seed(ledger)
    ask(ledger, 1)
    ledger.close()
    kept = shutil.copytree(folder, folder / "kept", ignore=shutil.ignore_patterns("kept"))
    ledger = open_sqlite(folder)
    ask(ledger, 2)
    ledger.close()
    return kept


def cut(folder: Path) -> Path:
    """What a kill leaves, but for the write-ahead file: the last query stands in that alone."""
    ledger = open_sqlite(folder)
    seed(ledger)
    ask(ledger, 1)
    ledger.close()
    ledger = open_sqlite(folder)
    ask(ledger, 2)
    kept = folder / "kept"
    kept.mkdir()
    shutil.copy(folder / "ledger.sqlite", kept)  # as it is on disk now, while the ledger is open
    ledger.close()
    return kept


def ask(ledger: SqliteLedger, number: int) -> None:
    ledger.reserve(reservation(number), reserved(number))
    commit(ledger, f"o{number}")


def seen(ledger: SqliteLedger) -> Checkpoint:
    """The checkpoint that anybody signed in may keep."""
    return open_checkpoint(ledger.checkpoint(), SIGNER.verifier, ORIGIN)


def check_growth(ledger: SqliteLedger, old: Checkpoint) -> None:
    """As the client asks the enclave to prove it."""
    new = seen(ledger)
    proof = [bytes.fromhex(node) for node in ledger.consistency(old.size, new.size)]
    verify_consistency(old.size, old.root, new.size, new.root, proof)


@pytest.mark.parametrize("roll_back", [restored, cut])
def test_an_older_ledger_is_taken_and_brings_budget_back(tmp_path: Path, roll_back: Callable[[Path], Path]) -> None:
    older = roll_back(tmp_path)
    newest, old = open_sqlite(tmp_path), open_sqlite(older)
    books.verify(old)
    assert spent(newest) == {"space": 20, "dataset": 20, "grant": 20, "analyst": 20}
    assert spent(old) == {"space": 10, "dataset": 10, "grant": 10, "analyst": 10}
    for ledger in (newest, old):
        ledger.close()


@pytest.mark.parametrize("roll_back", [restored, cut])
def test_whoever_kept_a_checkpoint_sees_the_fork(tmp_path: Path, roll_back: Callable[[Path], Path]) -> None:
    older = roll_back(tmp_path)
    newest, old = open_sqlite(tmp_path), open_sqlite(older)
    kept = seen(newest)
    assert seen(old).size < kept.size, "a log that is shorter than a checkpoint of it shows it at once"
    for number in (3, 4, 5):
        for ledger in (newest, old):
            ask(ledger, number)
    check_growth(newest, kept)  # the control
    with pytest.raises(ProofFailed):
        check_growth(old, kept)
    for ledger in (newest, old):
        ledger.close()
