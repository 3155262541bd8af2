"""What the operating system takes away from the engine's process tree before it starts."""

import ctypes
import fcntl
import os
import resource
import socket
import struct
from pathlib import Path

_PR_SET_DUMPABLE = 4
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_INTERFACE_REQUEST = struct.Struct("16sH22x")


def forbid_dumps() -> None:
    """No core file, no ptrace by other processes of the same user, no files that others can read.

    A program started later may be dumped again: each process of ours calls this for itself.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def private_network() -> bool:
    """Move this process into a network namespace of its own, in which there is only a loopback device.

    Must run while the process has one thread, before anything opens a socket. With the privilege to do so, the
    namespace is made directly; without it, inside a user namespace that maps this user to itself.

    Returns:
        Whether it worked. If not, the process is where it was: a forked child tries first.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _enter_private_network()
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        return False
    _enter_private_network()
    return True


def _enter_private_network() -> None:
    user, group = os.geteuid(), os.getegid()
    if _libc().unshare(_CLONE_NEWNET) != 0:
        if _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no private network")
        own = Path("/proc/self")
        own.joinpath("setgroups").write_text("deny", "ascii")
        own.joinpath("uid_map").write_text(f"{user} {user} 1", "ascii")
        own.joinpath("gid_map").write_text(f"{group} {group} 1", "ascii")
    _bring_up("lo")


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = _INTERFACE_REQUEST.pack(interface.encode(), 0)
        _, flags = _INTERFACE_REQUEST.unpack(fcntl.ioctl(control, _SIOCGIFFLAGS, asked))
        fcntl.ioctl(control, _SIOCSIFFLAGS, _INTERFACE_REQUEST.pack(interface.encode(), flags | _IFF_UP))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
