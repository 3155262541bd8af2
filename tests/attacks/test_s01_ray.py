"""S1: Ray's ports, from outside the data plane.

They exist in the engine's own network namespace and nowhere else; inside, a caller without the token is refused. Controls:
the same ports answer inside; with the token the same call is answered.
"""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests_support import running_processes

from sandbox.testing import Enclave

KNOCK = """
import ctypes, os, socket, sys
ctypes.CDLL(None).setns(os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY), 0)
for port in sys.argv[2:]:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
print("all answered")
"""
CALL = """
import ctypes, os, sys
ctypes.CDLL(None).setns(os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY), 0)
if sys.argv[3]:
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=sys.argv[3])
else:
    os.environ.update(RAY_AUTH_MODE="disabled")
from ray._raylet import GcsClient
client = GcsClient(address=f"127.0.0.1:{sys.argv[2]}")
print("answered", client.internal_kv_keys(b"", namespace=b"session", timeout=5))
"""


@pytest.fixture(scope="module")
def engine(enclave: Enclave) -> int:
    children = psutil.Process(enclave.process.pid).children()
    return next(child.pid for child in children if "workers.engine" in child.cmdline())


def listening(pid: int | str) -> set[int]:
    """TCP ports that somebody listens on in a process's network namespace."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A":
                found.add(int(local.rpartition(":")[2], 16))
    return found


def open_ports(ports: set[int]) -> set[int]:
    found = set()
    for port in ports:
        for address in ("127.0.0.1", "::1", socket.gethostbyname(socket.gethostname())):
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                continue
            found.add(port)
    return found


def test_no_port_of_rays_can_be_reached_from_outside(enclave: Enclave, engine: int) -> None:
    inside = listening(engine)
    assert len(inside) >= 3
    assert open_ports(inside - listening("self")) == set()
    done = subprocess.run(
        [sys.executable, "-c", KNOCK, str(engine), *map(str, inside)], capture_output=True, check=False, timeout=60
    )
    assert done.stdout == b"all answered\n", done.stderr  # the control: inside, each answers


def test_everything_of_the_data_plane_is_inside(enclave: Enclave, engine: int) -> None:
    own = Path("/proc/self/ns/net").readlink()
    below = {engine, *(child.pid for child in psutil.Process(engine).children(recursive=True))}
    below -= {pid for pid in below if guards(pid)}
    assert len(below) >= 5
    for pid in running_processes(enclave):
        assert (Path(f"/proc/{pid}/ns/net").readlink() != own) is (pid in below)  # the others are the control


def guards(pid: int) -> bool:
    """The process that waits for the engine's end: forked before all else, it holds the end of one pipe and nothing more."""
    return {entry.readlink().name.partition(":")[0] for entry in Path(f"/proc/{pid}/fd").iterdir()} == {"pipe"}


def test_the_service_listens_on_loopback_alone(enclave: Enclave) -> None:
    port = int(enclave.url.rpartition(":")[2])
    tree = running_processes(enclave)
    sockets = [c for pid in tree for c in psutil.Process(pid).net_connections("inet") if c.status == "LISTEN"]
    assert {(c.laddr.ip, c.laddr.port) for c in sockets if c.laddr.port == port} == {("127.0.0.1", port)}
    outside = socket.gethostbyname(socket.gethostname())
    if not outside.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((outside, port), timeout=2)
    socket.create_connection(("127.0.0.1", port), timeout=2).close()


def test_there_is_no_dashboard_and_no_jobs_interface(engine: int) -> None:
    inside = listening(engine)
    assert not inside & {8265, 10001, 6379, 52365}
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the control: this search sees a listener
        assert listener.getsockname()[1] in listening("self")


def called(engine: int, port: str, token: str) -> subprocess.CompletedProcess[bytes]:
    """A read of Ray's control store, from inside the namespace."""
    return subprocess.run(
        [sys.executable, "-c", CALL, str(engine), port, token], capture_output=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def store(enclave: Enclave, engine: int) -> str:
    """The port of Ray's control store; the control: with the enclave's own token it answers."""
    runtime = Path(json.loads((enclave.home / "run.json").read_text())["runtime"])
    below = psutil.Process(engine).children(recursive=True)
    port = re.search(r"--gcs-address=[0-9.]+:(\d+)", " ".join(" ".join(child.cmdline()) for child in below))[1]
    assert called(engine, port, str(runtime / "ray-token")).stdout.startswith(b"answered")
    return port


@pytest.mark.parametrize(
    "forged", ["", "0" * 64, "known-to-the-attacker"], ids=["none", "of the right form", "a guess"]
)
def test_inside_the_token_is_needed(engine: int, store: str, tmp_path: Path, forged: str) -> None:
    (tmp_path / "token").write_text(forged)
    refused = called(engine, store, str(tmp_path / "token") if forged else "")
    assert refused.stdout == b""
    assert b"InvalidAuthToken" in refused.stderr
