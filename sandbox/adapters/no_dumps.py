"""No core file and no look into the memory of a process that holds keys.

The data plane has the same of its own (`workers.confine`): neither plane imports the other.
"""

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """No core file, here and in what is started from here; no ptrace by other processes of the same user.

    A program started later may be looked into again: each process of ours calls this for itself.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
