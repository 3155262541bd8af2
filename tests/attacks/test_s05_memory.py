"""S5, S6: core files and other processes that look into memory.

Every process of a running enclave may write no core file; those that hold keys may not be traced by their own user, from
before the first key is there. The control is the same process without the call: its crash leaves a core, and it may be
traced.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests_support import running_processes

from sandbox.testing import Enclave

ROOT = Path(__file__).parents[2]
CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (64 << 20, resource.RLIM_INFINITY)); "
TRACED = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)); "  # PR_GET_DUMPABLE
FORBID = {
    "the service": "from sandbox.adapters.no_dumps import forbid_dumps; forbid_dumps(); ",
    "the engine": "from workers.confine import forbid_dumps; forbid_dumps(); ",
}

LOOK = (
    "import ctypes; look = lambda *_, **__: print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True) or os._exit(0); "
)
SUPERVISOR = """
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
import sandbox.serve as plane
plane.open_root, plane._Supervisor = lambda *_: bytes(32), look
plane.HomePaths = lambda _: SimpleNamespace(ledger=Path(sys.executable))
plane.only_one = plane._runtime = nullcontext
plane.serve(plane.ServeOptions(Path("/nowhere")), SimpleNamespace(kind="passphrase"))
"""
NOWHERE = {"home": "/nowhere", "runtime": "/nowhere"}
ENGINE = {"data_root": "00" * 32, "order_key": "k", "workers": 1, "threads": 1, "private_network": False}
HOLDERS = {
    "the service": (
        "import sandbox.wiring as plane; plane.read_public = look; plane.main()",
        NOWHERE,
        "sandbox.wiring",
    ),
    "its supervisor": (SUPERVISOR, {}, "sandbox.serve"),
    "the engine": (
        "import workers.engine as plane; plane._serve = lambda *held: os.dup2(held[2].out, 1) and look(); plane.main()",
        NOWHERE | ENGINE,
        "workers.confine",
    ),
    "a scanner": (
        "import workers.actor as plane; plane._fall_silent = int; plane.new_sealing_key = look; plane.Scanner()",
        {},
        "workers.actor",
    ),
}
"""Process → how it starts, up to where it opens keys or goes to work with them; what it is told; where its defence is."""


def crashed(code: str, folder: Path) -> bool:
    """Whether a process that runs `code` and then faults leaves a core."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", f"{CRASH}{code}os.kill(os.getpid(), signal.SIGSEGV)"], cwd=folder, env=environment
    )
    _, status = os.waitpid(child.pid, 0)
    child.returncode = -11
    return os.WCOREDUMP(status)


def dumpable(code: str) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code + TRACED], env=environment, capture_output=True, check=True)
    return done.stdout == b"1\n"


@pytest.mark.parametrize("plane", FORBID)
def test_a_crash_leaves_no_core_and_nobody_traces(tmp_path: Path, plane: str) -> None:
    assert not crashed(FORBID[plane], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not dumpable(FORBID[plane])
    # The controls.
    assert crashed("", tmp_path)
    assert dumpable("")


@pytest.mark.parametrize("name", HOLDERS)
def test_whoever_holds_a_key_has_closed_itself_before(name: str) -> None:
    start, told, defence = HOLDERS[name]

    def traceable(before: str) -> bytes:
        code = f"import os, sys; {LOOK}{before}\n{start}"
        line = f"{json.dumps(told)}\n".encode()
        return subprocess.run(
            [sys.executable, "-c", code], input=line, capture_output=True, check=True, cwd=ROOT
        ).stdout

    assert traceable("") == b"0\n"
    # The control: the same start without the call.
    assert traceable(f"import {defence}; {defence}.forbid_dumps = int") == b"1\n"


def test_no_process_of_a_running_enclave_may_write_a_core(enclave: Enclave) -> None:
    processes = running_processes(enclave)
    assert len(processes) >= 5
    for pid in processes:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        (limit,) = (line.split()[4:6] for line in lines if line.startswith("Max core file size"))
        assert limit == ["0", "0"], Path(f"/proc/{pid}/cmdline").read_bytes()


def test_no_key_stands_in_an_environment_or_a_command_line(enclave: Enclave) -> None:
    secret = enclave._passphrase.encode()
    for pid in running_processes(enclave):
        for name in ("environ", "cmdline"):
            content = Path(f"/proc/{pid}/{name}").read_bytes()
            assert secret not in content
            assert b"data_root" not in content and b"control_root" not in content
    # The control: what is given on a command line is there for everybody to read.
    words = [sys.executable, "-c", "print(1, flush=True); input()", secret]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert secret in Path(f"/proc/{child.pid}/cmdline").read_bytes()
        child.communicate(b"\n")
