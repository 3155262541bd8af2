"""S30: environment variables that load code, log secrets, or steer Ray and the interpreter.

A plane starts with a handful of names and isolated from the interpreter's own variables. The control is a child that
inherits what its parent has.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests_support import running_processes

from sandbox.serve import _spawn
from sandbox.testing import start_enclave

HOSTILE = {
    "LD_PRELOAD": "{folder}/evil.so",
    "LD_AUDIT": "{folder}/evil.so",
    "LD_LIBRARY_PATH": "{folder}",
    "LD_DEBUG": "all",
    "LD_DEBUG_OUTPUT": "{folder}/linker",
    "GCONV_PATH": "{folder}",
    "PYTHONPATH": "{folder}",
    "PYTHONHOME": "{folder}",
    "PYTHONSTARTUP": "{folder}/sitecustomize.py",
    "PYTHONUSERBASE": "{folder}",
    "PYTHONINSPECT": "1",
    "PYTHONBREAKPOINT": "sitecustomize.hook",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONTRACEMALLOC": "25",
    "PYTHONMALLOCSTATS": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "0",
    "PYTHONPYCACHEPREFIX": "{folder}",
    "PYTHONWARNINGS": "always:::sitecustomize",
    "SSLKEYLOGFILE": "{folder}/keys.log",
    "OPENSSL_CONF": "{folder}/openssl.cnf",
    "OPENSSL_MODULES": "{folder}",
    "SSL_CERT_FILE": "{folder}/ca.pem",
    "REQUESTS_CA_BUNDLE": "{folder}/ca.pem",
    "http_proxy": "http://evil.example:3128",
    "HTTPS_PROXY": "http://evil.example:3128",
    "ALL_PROXY": "socks5://evil.example:1080",
    "RAY_ADDRESS": "evil.example:6379",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AUTH_TOKEN": "known-to-the-attacker",
    "RAY_AUTH_TOKEN_PATH": "{folder}/token",
    "RAY_NAMESPACE": "evil",
    "RAY_RUNTIME_ENV_HOOK": "sitecustomize.hook",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": '{{"runtime_env": {{}}}}',
    "RAY_DATA_AUTOLOAD_CLOUDPICKLE_METADATA": "1",
    "RAY_object_spilling_config": '{{"type":"filesystem"}}',
    "RAY_TMPDIR": "{folder}",
    "RAY_USE_TLS": "0",
    "OPENDP_LIB_DIR": "{folder}",
    "OPENDP_POLARS_LIB_PATH": "{folder}/evil.so",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_DEBUG": "1",
    "OMP_TOOL_LIBRARIES": "{folder}/evil.so",
    "MALLOC_TRACE": "{folder}/malloc",
    "SANDBOX_TOKEN": "sbx_someone",
    "SEED": "7",
}
HOOK = 'import os\nopen(os.path.join(os.path.dirname(__file__), f"ran-{os.getpid()}"), "w").close()\n'


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[set[str], set[str], list[str]]]:
    """The names that a plane and a plain child get of all the hostile ones, and how the plane is started."""
    folder = tmp_path_factory.mktemp("children")
    report = folder / "report"
    report.write_text(f'#!/bin/sh\nread -r line\nenv -0 > {folder}/names.$$\necho "$@" > {folder}/words.$$\n')
    report.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in HOSTILE.items():
            if not name.startswith("LD_"):  # these would act on the shell itself
                patch.setenv(name, value.format(folder=folder))
        patch.setattr(sys, "executable", str(report))
        plane = _spawn("workers.engine", {}, relay=None)
        plane.wait(20)
        plane.stdin.close()
        plain = subprocess.Popen([str(report)], stdin=subprocess.DEVNULL)
        plain.wait(20)
        assert plane.stdout.read() == b""
        plane.stdout.close()
    yield names(folder, plane.pid), names(folder, plain.pid), (folder / f"words.{plane.pid}").read_text().split()


def names(folder: Path, pid: int) -> set[str]:
    content = (folder / f"names.{pid}").read_bytes()
    return {item.partition(b"=")[0].decode() for item in content.split(b"\0") if item}


@pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith("LD_")])
def test_a_variable_does_not_reach_a_plane(heard: tuple[set[str], set[str], list[str]], name: str) -> None:
    plane, plain, _ = heard
    assert name not in plane
    assert name in plain  # the control


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("LD_")])
def test_what_the_loader_obeys_is_not_on_the_list_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    seen: list[dict[str, str]] = []

    class Child:
        stdin = stdout = None

        def __init__(self, _: object, *, env: dict[str, str], **__: object) -> None:
            seen.append(env)

    monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", Child)
    _spawn("workers.engine", {}, relay=None)
    assert name not in seen[0]
    assert name in os.environ  # the control: it was there to be handed on


def test_a_plane_is_isolated_from_its_interpreters_variables(heard: tuple[set[str], set[str], list[str]]) -> None:
    assert heard[2][:2] == ["-I", "-m"]


@pytest.mark.parametrize("isolated", [True, False], ids=["defended", "control"])
def test_code_on_the_path_runs_only_where_the_interpreter_looks(tmp_path: Path, isolated: bool) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    words = [sys.executable, *(["-I"] if isolated else []), "-c", ""]
    subprocess.run(words, env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, check=True)
    assert any(tmp_path.glob("ran-*")) is not isolated


@pytest.mark.slow
def test_a_running_enclave_hears_nothing_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real planes and everything of Ray's; their parent, which the operator starts, is the control."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    harmless = {"PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONDUMPREFS", "PYTHONINSPECT", "LD_PRELOAD", "LD_AUDIT", "LD_DEBUG",
                "LD_DEBUG_OUTPUT", "OPENSSL_CONF", "OPENSSL_MODULES", "PYTHONMALLOCSTATS", "PYTHONWARNINGS"}  # fmt: skip
    for name in HOSTILE.keys() - harmless:  # those would stop the parent itself
        monkeypatch.setenv(name, HOSTILE[name].format(folder=tmp_path))
    with start_enclave(tick_ms=50, timeout=200) as enclave:
        for pid in running_processes(enclave):
            found = dict(
                item.split(b"=", 1) for item in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if b"=" in item
            )
            hostile = {
                name for name in HOSTILE
                if found.get(name.encode()) == HOSTILE[name].format(folder=tmp_path).encode() and name != "PYTHONHASHSEED"
            }  # fmt: skip
            assert bool(hostile) is (pid == enclave.process.pid)
            assert (tmp_path / f"ran-{pid}").exists() is (pid == enclave.process.pid)
        assert json.loads((enclave.home / "run.json").read_text())["home"]
