"""One corpus in a process of its own, whose address space may grow by a fixed amount only and whose time is limited.

`run` starts the process and gives its summary. A process that takes too long, or that dies, is a finding too: the number of
the input in hand is in a small file, from which the input is made once more and shown.
"""

import json
import mmap
import resource
import signal
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PATHS = [str(HERE), str(HERE.parent), *(str(HERE.parent / "unit" / part) for part in ("plan", "proof", "workers"))]
GROWTH = 256 * 2**20
"""Bytes that a whole run may need above what the process has when it begins."""


def run(name: str, count: int, seed: int, seconds: int) -> dict[str, Any]:
    """The summary of a run of corpus `name`, which may take so many seconds of CPU time, and ten times that by the clock."""
    with tempfile.NamedTemporaryFile() as marks:
        marks.write(bytes(8))
        marks.flush()
        words = [sys.executable, str(HERE / "fuzz_child.py"), name, str(count), str(seed), str(seconds), marks.name]
        try:
            ended = subprocess.run(words, capture_output=True, text=True, timeout=10 * seconds, check=False)
            problem = "" if ended.returncode == 0 else f"ended with {ended.returncode}: {ended.stderr[-2_000:]}"
            if ended.returncode == -signal.SIGXCPU:
                problem = f"took more than {seconds} s"
        except subprocess.TimeoutExpired:
            problem = f"did not end in {10 * seconds} s"
        if not problem:
            found: dict[str, Any] = json.loads(ended.stdout)
            return found
        number = int.from_bytes(Path(marks.name).read_bytes(), "big")
    return {"corpus": name, "inputs": number + 1, "findings": [[problem, input_number(name, count, seed, number)]]}


def input_number(name: str, count: int, seed: int, number: int) -> str:
    """One input of a run, shown."""
    sys.path[:0] = [path for path in PATHS if path not in sys.path]
    from corpora import corpus
    from watching import inputs, shown

    return shown(next(islice(inputs(corpus(name), count, seed), number, None)))


def peak_bytes() -> int:
    """The most memory that this program held; what getrusage says begins with the peak of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def bound_memory() -> None:
    """From here on an allocation beyond the bound raises MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(name: str, count: int, seed: int, seconds: int, marks: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    sys.path[:0] = PATHS
    from corpora import corpus
    from watching import watch

    fuzzed = corpus(name)
    with Path(marks).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)

    def begun(number: int) -> None:
        shared[:8] = number.to_bytes(8, "big")

    bound_memory()
    before = peak_bytes()
    summary = watch(fuzzed, count, seed, begun).summary()
    print(json.dumps(summary | {"grown_mib": round((peak_bytes() - before) / 2**20, 1)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
