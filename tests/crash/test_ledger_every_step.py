"""A kill, an I/O error and a full disk at every write-type system call of every step that writes the ledger.

For each of the steps from reservation to release, freeze and lift, and each point: afterwards the ledger stands as before
the step or as after it, nothing else; as after, where the step was acknowledged; a reader of the failing process saw the
state before; the books verify; and the step taken again gives the state after, once.
"""

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from figures import record_figure
from ledger_steps import STEPS, Ground, again, lay, open_sqlite, state

from sandbox.adapters import books
from sandbox.proof.merkle import leaf_hash

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "write", "openat", "unlink", "fallocate", "fchown")
ACTIONS = ("signal=KILL", "error=EIO", "error=ENOSPC")
HARMLESS = {
    "access",
    "close",
    "fcntl",
    "fstat",
    "lseek",
    "lstat",
    "mmap",
    "munmap",
    "newfstatat",
    "pread64",
    "read",
    "stat",
}
"""What else touches the ledger's files: it reads, asks, locks or maps (the index of the write-ahead log, made anew at need)."""
SCRIPT = Path(__file__).with_name("ledger_steps.py")
SOURCE = "tests/crash/test_ledger_every_step.py"
SUFFIXES = ("", "-wal", "-shm", "-journal")


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ground]:
    root = tmp_path_factory.mktemp("grounds")
    return {name: lay(step, root / name) for name, step in STEPS.items()}


@dataclass
class Outcome:
    """What became of one step: whether the fault was met, what was said, how the process ended."""

    met: bool
    acknowledged: tuple[int, str] | None
    seen: str | None
    status: int


def traced(root: Path, names: Iterable[str], *rules: str) -> tuple[list[str], list[str]]:
    """Take the steps under strace, which sees their calls on the ledger's files: what they said, and what it saw."""
    found = shutil.which("strace")
    assert found is not None, "This test needs strace: install the system package `strace` (apt-get install strace)."
    trace = root / "trace"
    files = [root / name / f"ledger.sqlite{suffix}" for name in names for suffix in SUFFIXES]
    command = [found, "-f", "-qq", "-o", str(trace), *(word for path in files for word in ("-P", str(path)))]
    command += [word for rule in rules for word in ("-e", rule)]
    run = subprocess.run(
        [*command, sys.executable, str(SCRIPT), str(root)], check=True, stdout=subprocess.PIPE, text=True, timeout=120
    )
    return run.stdout.splitlines(), trace.read_text().splitlines()


def inject(root: Path, names: Iterable[str], call: str, action: str, turn: int) -> dict[str, Outcome]:
    """Take the steps with a fault at their `call` number `turn`."""
    output, trace = traced(root, names, f"trace={call}", f"inject={call}:{action}:when={turn}")
    injected = {line.split()[0] for line in trace if "INJECTED" in line}
    said = [line.split() for line in output]
    outcomes = {}
    for name in names:
        words = {line[0]: line[2:] for line in said if line[1] == name}
        status = int(words["end"][0])
        outcomes[name] = Outcome(
            met=words["begin"][0] in injected or status == -signal.SIGKILL,
            acknowledged=(int(words["ack"][0]), words["ack"][1]) if "ack" in words else None,
            seen=words["unavailable"][0] if "unavailable" in words else None,
            status=status,
        )
    return outcomes


def check(name: str, ground: Ground, folder: Path, outcome: Outcome) -> str:
    """What must hold after any fault; whether the step was found undone or done."""
    assert outcome.status in ({0, 3} if outcome.status >= 0 else {-signal.SIGKILL}), (name, outcome)
    assert (outcome.status == 0) <= (outcome.acknowledged is not None), name
    assert outcome.seen in (None, ground.before, "unreadable"), f"{name}: what failed changed nothing a reader sees"
    ledger = open_sqlite(folder)
    books.verify(ledger)
    stands = state(ledger)
    assert stands in (ground.before, ground.after), f"{name}: half a step"
    if outcome.acknowledged is not None:
        index, leaf = outcome.acknowledged
        assert stands == ground.after, f"{name}: what was acknowledged is there"
        assert leaf_hash(ledger.entries(index, index + 1)[0]).hex() == leaf
    again(name, ledger)
    assert state(ledger) == ground.after, f"{name}: taken again it is done once"
    books.verify(ledger)
    ledger.close()
    return "done" if stands == ground.after else "undone"


def walk(grounds: dict[str, Ground], root: Path, call: str, action: str, turn: int) -> Counter[str]:
    """One point of all steps: how many met it, and how they were found."""
    for name, ground in grounds.items():
        shutil.copytree(ground.folder, root / name)
    found: Counter[str] = Counter()
    for name, outcome in inject(root, list(grounds), call, action, turn).items():
        how = check(name, grounds[name], root / name, outcome)
        if outcome.met:
            found.update(["met", f"met by {name}", how])
        else:
            assert outcome.status == 0, f"{name}: nothing failed but what was made to"
    shutil.rmtree(root)
    return found


@pytest.mark.parametrize(
    ("call", "turn", "action"),
    [("fdatasync", 1, "signal=KILL"), ("pwrite64", 2, "error=ENOSPC"), ("pwrite64", 6, "error=EIO")],
)
def test_a_fault_at_some_calls_is_before_or_after(
    grounds: dict[str, Ground], tmp_path: Path, call: str, turn: int, action: str
) -> None:
    assert walk(grounds, tmp_path / "root", call, action, turn)["met"] > len(STEPS) // 2


def test_no_other_call_changes_the_ledgers_files(grounds: dict[str, Ground], tmp_path: Path) -> None:
    """The walk below leaves no write-type call out."""
    for name, ground in grounds.items():
        shutil.copytree(ground.folder, tmp_path / name)
    _, trace = traced(tmp_path, list(grounds))
    seen = {found[1] for line in trace if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert {"pwrite64", "fdatasync", "ftruncate", "openat"} <= seen
    assert seen <= {*CALLS, *HARMLESS}


def test_control_without_a_fault_every_step_is_acknowledged(grounds: dict[str, Ground], tmp_path: Path) -> None:
    found = walk(grounds, tmp_path / "root", "pwrite64", "signal=KILL", 60_000)
    assert found == Counter()


def test_control_a_lost_write_is_noticed(grounds: dict[str, Ground], tmp_path: Path) -> None:
    """The checks themselves: a state that is neither before nor after, and an acknowledged step that is not there."""
    ground = grounds["vote"]
    folder = tmp_path / "half"
    shutil.copytree(grounds["vote-that-decides"].folder, folder)
    with pytest.raises(AssertionError, match="half a step"):
        check("reserve", grounds["reserve"], folder, Outcome(True, None, None, -signal.SIGKILL))
    folder = tmp_path / "lost"
    shutil.copytree(ground.folder, folder)
    with pytest.raises(AssertionError, match="acknowledged"):
        check("vote", ground, folder, Outcome(True, (1, "00"), None, 0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_fault_at_every_call_of_every_step_is_before_or_after(
    grounds: dict[str, Ground], tmp_path: Path, action: str
) -> None:
    points: Counter[str] = Counter()
    for call in CALLS:
        left, turn = dict(grounds), 0
        while left:  # a step that made fewer calls than this makes no more
            turn += 1
            found = walk(left, tmp_path / f"{call}-{turn}", call, action, turn)
            points += found
            left = {name: ground for name, ground in left.items() if found[f"met by {name}"]}
    fault = action.partition("=")[2]
    record_figure(f"{fault} at every write of the ledger's {len(STEPS)} steps", points["met"], "points", SOURCE)
    assert min(points[f"met by {name}"] for name in STEPS) >= 8, points
    assert points["done"], "some faults come after the commit"
    assert points["undone"] > points["done"]
