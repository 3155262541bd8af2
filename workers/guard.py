"""Nothing of ours outlives the engine, not even after SIGKILL.

Ray's daemons die with the engine, its workers some seconds later, but its agents first try for a minute to report the
end to a control store that is gone. The guard is a forked process that does nothing but wait for the engine's end, seen
as the end of a pipe, and then kills what is left of the engine's session.
"""

import os
import signal
import time
from pathlib import Path

_ROUNDS = 100
_PAUSE_S = 0.1


def start() -> bool:
    """Fork the guard. Call it first of all: while this process has one thread and no secret.

    Returns:
        Whether there is a guard: there is none where this process does not lead a session of its own, since then
        the session is not ours to end.
    """
    session = os.getpid()
    if os.getsid(0) != session:
        return False
    waiting, held = os.pipe()  # not inheritable: programs that the engine starts do not hold it open
    if os.fork() == 0:
        try:
            os.dup2(waiting, 0)
            os.closerange(1, os.sysconf("SC_OPEN_MAX"))
            _wait_and_kill(session)
        finally:
            os._exit(0)
    os.close(waiting)
    os.set_inheritable(held, False)
    return True


def members(session: int) -> list[int]:
    """Living processes of a session, but for this one."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                # The name, in parentheses, may hold anything; after it: state, parent, group, session.
                state, _, _, owner = folder.joinpath("stat").read_bytes().rpartition(b")")[2].split()[:4]
            except OSError:  # it ended meanwhile
                continue
            if int(owner) == session and state != b"Z":
                found.append(int(folder.name))
    return found


def _wait_and_kill(session: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    for _ in range(_ROUNDS):
        left = members(session)
        if not left:
            return
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(_PAUSE_S)
