"""The live processes below one process, read from /proc."""

import os
import signal
from pathlib import Path


def descendants(root: int, spare: int | None = None) -> list[int]:
    """Every live process below `root` (not itself), without the spared one and what is below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The command may hold spaces and brackets: the fields start after the last bracket (proc(5)).
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [pid for pid in children.get(root, []) if pid != spare]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(child for child in children.get(pid, []) if child != spare)
    return found


def kill(pid: int) -> None:
    """SIGKILL, unless the process has ended already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def reap(spare: set[int]) -> None:
    """Collect adopted children of this process that have ended, but not the spared ones."""
    try:
        tasks = Path("/proc/self/task").iterdir()
        pids = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    except OSError:
        return
    for pid in pids - spare:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
