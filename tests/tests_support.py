"""Pieces that several suites of tests share: a described dataset, and looks at processes and files."""

import time
from collections.abc import Iterable
from pathlib import Path

from sandbox.adapters.process_tree import descendants
from sandbox.testing import Enclave

CLINIC = """
[dataset]
name = "clinic"
title = "Visits of the city clinic"
steward = "health-bureau"
unit_space = "clinic-patients"
grade = "general"
budget = { epsilon = "200" }

[unit_spaces.clinic-patients]
accounting = "zcdp"
budget = { epsilon = "200", delta = "1e-6" }

[tables.visits]
unit = "patient_id"
rows_max = 10_000
max_rows_per_unit = 5
max_groups_per_unit = 2

[tables.visits.columns]
patient_id = { type = "string", role = "unit" }
sex     = { type = "string", keys = ["F", "M"] }
ward    = { type = "string", keys = ["north", "south", "東"] }
age     = { type = "int", bounds = [0, 110] }
cost    = { type = "float", bounds = [0.0, 5000.0], granularity = 0.01 }
urgent  = { type = "bool" }
visited = { type = "date", bounds = ["2024-01-01", "2025-12-31"] }
remark  = { type = "string", max_length = 40 }
note    = { type = "string", role = "withheld" }
"""

VISITS = "patient_id,sex,ward,age,cost,urgent,visited,remark,note\n" + "".join(
    f"p{number % 300:03d},{'FM'[number % 2]},{('north', 'south', '東')[number % 3]},{20 + number % 60},"
    f"{(number * 37) % 4000}.25,{'true' if number % 4 else 'false'},2024-{1 + number % 12:02d}-15,plain,secret\n"
    for number in range(1200)
)


def started_at(pid: int) -> str | None:
    """The start time of a live process (so that a reused number is not taken for it), or None."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def running_processes(enclave: Enclave) -> dict[int, str]:
    """Every process of a running enclave, with its start time."""
    found = {pid: started_at(pid) for pid in [enclave.process.pid, *descendants(enclave.process.pid)]}
    return {pid: began for pid, began in found.items() if began is not None}


def gone(pids: dict[int, str], seconds: float = 60) -> list[int]:
    """Those of the processes (with their start times) that are still there after the seconds."""
    until = time.monotonic() + seconds
    left = list(pids)
    while left and time.monotonic() < until:
        left = [pid for pid, began in pids.items() if started_at(pid) == began]
        time.sleep(0.2)
    return left


def files_holding(needles: Iterable[bytes], *roots: Path) -> list[tuple[Path, bytes]]:
    """Files below the roots whose bytes hold a needle, as text in UTF-8 or UTF-16."""
    wanted = [(needle, needle.decode().encode("utf-16-le")) for needle in needles]
    found = []
    for root in roots:
        for path in [root] if root.is_file() else root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [(path, plain) for plain, wide in wanted if plain in content or wide in content]
    return found
