"""S5, S6: core files and other processes that look into memory.

Every process of a running enclave may write no core file; those that hold keys may not be traced by their own user. The
control is the same process without the call: its crash leaves a core, and it may be traced.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests_support import running_processes

from sandbox.testing import Enclave

CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (64 << 20, resource.RLIM_INFINITY)); "
TRACED = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)); "  # PR_GET_DUMPABLE
FORBID = {
    "the service": "from sandbox.adapters.no_dumps import forbid_dumps; forbid_dumps(); ",
    "the engine": "from workers.confine import forbid_dumps; forbid_dumps(); ",
}


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
