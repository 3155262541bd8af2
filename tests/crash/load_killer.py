"""A load that kills itself at one of its steps: `python load_killer.py HOME`, then one line a load on standard input.

A line is `STEP SECONDS`: the load is killed just before its STEP-th change of a file, or after so many seconds; 0 is never.
The answer is one line of JSON. Every load runs in a forked child, so that only the first pays for the imports.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "unit" / "workers"), str(Path(__file__).resolve().parents[2])]

import pyarrow as pa  # noqa: E402  found there
from store_world import World, dataset, parquet_bytes, unit_runs, visits  # noqa: E402  found there

import workers.bucket_rows  # noqa: E402  found there
import workers.parquet_source  # noqa: E402  found there
import workers.table_load  # noqa: E402  found there
import workers.table_read  # noqa: E402  found there

CANARY = "canary-7731"
ROWS = 600
_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})


def small() -> None:
    """Runs, batches and partitions so small that a little table has many."""
    workers.parquet_source.BATCH_ROWS = 50
    workers.table_read.RUN_ROWS = 150
    workers.table_load.PARTITION_ROWS = 1 << 14
    workers.bucket_rows.PART_ROWS = 100


def table() -> pa.Table:
    """Visits that hold the canary in the unit and in a stored text."""
    made = visits(ROWS, units=60)
    people = pa.array([f"{CANARY}-{name}" for name in made.column("patient_id").to_pylist()])
    return made.set_column(0, "patient_id", people).set_column(7, "city", pa.array([CANARY] * ROWS))


def put(world: World) -> None:
    world.put("v.parquet", parquet_bytes(table(), compression="none", use_dictionary=False))


def load(world: World) -> list:
    """The rows as they are stored, unit after unit."""
    version = world.load(dataset(), {"visits": "v.parquet"}, 1, 4)
    return unit_runs(world.open(version))


def hook(world: World, step: int) -> SimpleNamespace:
    """Counts changes of files below the home, and kills this process just before the one of that number."""
    seen, plain = SimpleNamespace(count=0), os.fsync

    def count() -> None:
        seen.count += 1
        if seen.count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, facts: tuple) -> None:
        written = event == "open" and isinstance(facts[2], int) and facts[2] & (os.O_WRONLY | os.O_RDWR)
        if (written or event in _CHANGES) and str(facts[0]).startswith(str(world.home)):
            count()

    def fsync(descriptor: int) -> None:
        count()
        plain(descriptor)

    sys.addaudithook(audit)
    os.fsync = fsync
    return seen


def main() -> None:
    small()
    for line in sys.stdin:
        step, seconds, home = line.split()
        child = os.fork()
        if child == 0:
            world = World(Path(home))
            seen = hook(world, int(step))
            if float(seconds):
                signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                signal.setitimer(signal.ITIMER_REAL, float(seconds))
            rows = load(world)
            phases = sorted({phase for phase, _, _ in world.steps})
            print(json.dumps({"rows": repr(rows), "steps": seen.count, "phases": phases}), flush=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            print(json.dumps({"killed": status}), flush=True)


if __name__ == "__main__":
    main()
