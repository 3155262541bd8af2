"""kill -9 of the service, the engine and a Ray actor in mid-query.

After each kill: no answer without its debit and entry, nothing lost that was acknowledged, the next start works, and of
the killed run no process is left within a minute. The books are checked by the offline verifier on the exported log. (The
engine alone is killed in test_engine_process, the service once by default in test_kill_under_load.)
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from figures import record_figure
from tests_support import CLINIC, gone, running_processes, started_at

from sandbox.adapters.process_tree import descendants
from sandbox.client.connection import Connection
from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import MeasurementForfeited, SandboxError
from sandbox.testing import Enclave, start_enclave

KILLS = 10
SOURCE = "tests/crash/test_kill_processes.py"
SQL = "select sex, count(*) as n, avg(cost) as mean from clinic.visits group by sex"


def find(enclave: Enclave, word: str) -> int:
    """The process of the enclave whose command line holds `word`."""
    for pid in descendants(enclave.process.pid):
        try:
            line = Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if word in line:
            return pid
    raise AssertionError(f"no process {word!r} runs")


def wait_ready(enclave: Enclave, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Connection(enclave.url).health() == "ready":
                return
        except (httpx.HTTPError, SandboxError):
            pass
        time.sleep(0.1)
    raise AssertionError("the enclave did not come back")


def check_books(enclave: Enclave, tmp_path: Path) -> None:
    export = tmp_path / "log.jsonl"
    enclave.officer.export_log(export)
    verify_export(export.read_text("utf-8").splitlines(), enclave.administrator.enclave()["log_key"])


def settled(analyst: Connection, ids: list[str], seconds: float = 60) -> dict[str, str]:
    """The final states of the queries."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        states = {query["id"]: query["state"] for query in analyst.queries() if query["id"] in ids}
        if "running" not in states.values() and len(states) == len(ids):
            return states
        time.sleep(0.1)
    raise AssertionError("a query never settled")


def lift_freezes(enclave: Enclave) -> None:
    """Of a grant whose measurements failed three times in a row: those failures were ours."""
    officers = enclave.officers(2)
    for freeze in officers[0].freezes():
        for officer in officers:
            officer.lift_freeze(freeze["id"], "We killed what measured.")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_actor_and_engine_killed(visits: Path, tmp_path: Path) -> None:
    source = random.Random(5)
    with start_enclave(tick_ms=100) as enclave:
        enclave.load(CLINIC, {"visits": visits})
        ann = enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="150")
        answered = 0
        for number in range(KILLS):
            for target in ("ray::Scanner", "workers.engine"):
                before = ann.accounts()
                ids = [
                    ann.query(SQL, purpose="research", epsilon=f"1.0000000{number + 10}{turn}{len(target)}").run().id
                    for turn in range(2)
                ]
                time.sleep(source.uniform(0, 0.3))
                os.kill(find(enclave, target), signal.SIGKILL)
                states = settled(ann, ids)
                for query, state in states.items():
                    if state == "done":
                        ann.release(query).verify()
                        answered += 1
                    else:
                        with pytest.raises(MeasurementForfeited):
                            ann.release(query)
                spent = [account["spent"] for account in ann.accounts()]
                assert all(float(now) > float(then["spent"]) for now, then in zip(spent, before, strict=True))
                wait_ready(enclave)
                lift_freezes(enclave)
        ann.query(SQL, purpose="research", epsilon="1").run().result(timeout=60).verify()
        assert answered > 0
        check_books(enclave, tmp_path)
        alive = running_processes(enclave)
        assert enclave.stop() == 0
        assert gone(alive) == []
    record_figure("kills of a worker and of the engine in mid-query", 2 * KILLS, f"kills, {answered} answered", SOURCE)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_service_killed(visits: Path, tmp_path: Path) -> None:
    source = random.Random(6)
    with start_enclave(tick_ms=100, home=tmp_path / "enclave") as enclave:
        enclave.load(CLINIC, {"visits": visits})
        ann = enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="150")
        for number in range(KILLS):
            ids = [
                ann.query(SQL, purpose="research", epsilon=f"1.0000000{number + 10}{turn}").run().id
                for turn in range(2)
            ]
            time.sleep(source.uniform(0, 0.5))
            alive = running_processes(enclave)
            # By turns the control plane, and the parent of both planes.
            os.kill(find(enclave, "sandbox.wiring") if number % 2 else enclave.process.pid, signal.SIGKILL)
            enclave.process.wait(60)
            assert gone(alive) == []
            enclave.start()
            ann = enclave.person("ann", org="acme", role="analyst")
            states = settled(ann, ids)
            assert set(states.values()) <= {"done", "failed"}
            check_books(enclave, tmp_path)
    record_figure("kills of one plane or both in mid-query", KILLS, "kills", SOURCE)


@pytest.mark.slow
def test_an_enclave_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """kill -9 of a test run (or of the demonstration) leaves no enclave behind."""
    program = (
        "import pathlib, time\n"
        "from sandbox.testing import start_enclave\n"
        f"with start_enclave(home=pathlib.Path({str(tmp_path)!r})) as enclave:\n"
        "    print(enclave.process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        parent = int(starter.stdout.readline())
        alive = {pid: started_at(pid) for pid in [parent, *descendants(parent)]}
        assert len(alive) > 5
        starter.kill()
        assert gone(alive) == []
