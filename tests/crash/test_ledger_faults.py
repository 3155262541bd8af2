"""A kill, an I/O error and a full disk in a run of eight writes by one process, injected by strace at write-type system calls
on the ledger's files. (`test_ledger_every_step` walks every call of every kind of write, each in a process of its own.)

What was acknowledged is there afterwards, what failed changed nothing a reader sees, and the next start works.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_writer import PLENTY, STEPS, commit, entry, open_sqlite, reservation, reserved, seed, spent

from sandbox.adapters import books
from sandbox.terms.refusal import Frozen

ACTIONS = ("signal=KILL", "error=EIO", "error=ENOSPC")
WRITER = Path(__file__).with_name("ledger_writer.py")


def _strace() -> str:
    found = shutil.which("strace")
    assert found is not None, "This test needs strace: install the system package `strace` (apt-get install strace)."
    return found


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    ledger = open_sqlite(folder)
    seed(ledger, space=PLENTY, dataset=PLENTY, grant=PLENTY, analyst=PLENTY)
    ledger.reserve(reservation(0), reserved(0))
    commit(ledger, "o0")
    ledger.close()
    return folder


def inject(folder: Path, call: str, action: str, turn: int) -> tuple[bool, list[list[str]], int]:
    """Run the writer with a fault at call number `turn`: whether it was met, what the writer said, its exit code."""
    trace = folder / "trace"
    files = [folder / f"ledger.sqlite{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
    paths = [option for path in files for option in ("-P", str(path))]
    command = [_strace(), "-f", "-qq", "-o", str(trace), *paths, "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:{action}:when={turn}", sys.executable, str(WRITER), str(folder)]
    run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    text = trace.read_text()
    trace.unlink()
    met = "INJECTED" in text or run.returncode == -signal.SIGKILL  # strace ends as its child did
    return met, [line.split() for line in run.stdout.splitlines()], run.returncode


def check(folder: Path, said: list[list[str]], code: int, *, fresh: bool = False) -> None:
    """What must hold after any fault."""
    acknowledged = [int(words[1]) for words in said if words[0] == "ack"]
    ledger = open_sqlite(folder)
    books.verify(ledger)
    assert all(index < ledger.size() for index in acknowledged)
    if code == 0 and not fresh:
        assert len(acknowledged) == STEPS
    for words in said:
        if words[0] == "unavailable":
            size, money = int(words[1]), int(words[2])
            assert size == (acknowledged[-1] + 1 if acknowledged else size), "the failed write left nothing to see"
            assert money in (10, 20)
            assert (money == 20) == bool(acknowledged)
    assert {account.spent.units for account in ledger.accounts("patients", "clinic", "g-ann", "ann")} <= {10, 20}
    for record in ledger.unsettled():
        assert record.answer is None
    for review in ledger.reviews(pending=False):
        assert len(review.votes) == 2 or review.decision != "approved" or review.opening.outcome != "held"
        assert (ledger.release_of(review.order) is not None) == (review.released_entry is not None)
    if ledger.frozen("dataset", "clinic"):
        with pytest.raises(Frozen):
            ledger.reserve(reservation("frozen"), reserved("frozen"))
        for officer in {"olga", "omar"} - {ledger.freezes()[0].lift_asked_by}:
            said = entry("freeze.lift-asked", actor=officer)
            ledger.lift("f1", ledger.person(officer), "It was nothing.", said)
    name = f"after-{ledger.size()}"
    ledger.reserve(reservation(name), reserved(name))
    assert spent(ledger)["space"] in (20, 30)
    books.verify(ledger)
    ledger.close()


def _copy(seeded: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(seeded / "ledger.sqlite", folder)
    return folder


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("call", "turn"),
    [
        ("pwrite64", 17),
        ("fdatasync", 2),
        pytest.param("pwrite64", 3, marks=pytest.mark.slow),
        *(pytest.param("fdatasync", turn, marks=pytest.mark.slow) for turn in (1, *range(3, STEPS + 1))),  # one a step
    ],
)
def test_a_fault_at_some_calls_leaves_no_half_state(
    seeded: Path, tmp_path: Path, call: str, turn: int, action: str
) -> None:
    folder = _copy(seeded, tmp_path / "one")
    met, said, code = inject(folder, call, action, turn)
    assert met, "the fault was injected"
    if action == "signal=KILL":
        assert code != 0
    check(folder, said, code)


def test_control_without_a_fault_all_is_acknowledged(seeded: Path, tmp_path: Path) -> None:
    folder = _copy(seeded, tmp_path / "one")
    met, said, code = inject(folder, "pwrite64", "signal=KILL", 60_000)
    assert (met, len(said), code) == (False, STEPS, 0)
    check(folder, said, code)
