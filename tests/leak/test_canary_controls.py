"""The sweep itself: it finds canaries wherever leaks of this kind would lie, in every spelling, and nothing by chance."""

import gzip
import os
import pickle
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import shared_memory
from pathlib import Path
from threading import Thread

import httpx
import pytest
from canary_values import Canaries, make, rows, write_csv, write_parquet
from figures import record_figure
from leak_sweep import Patterns, Swept
from recording_proxy import RecordingProxy

from sandbox.adapters.process_tree import descendants

HOLDER = """
import os, sys, tempfile
value = sys.stdin.readline().strip().encode()
memory = os.memfd_create("scratch")
os.write(memory, b"row " + value[:20])
deleted = tempfile.TemporaryFile()
deleted.write(b"row " + value[20:40]); deleted.flush()
print("ready", flush=True)
sys.stdin.readline()
"""
CRASHER = """
import os, signal, sys
value = sys.stdin.readline()
os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return make(10_000)


@pytest.fixture(scope="module")
def patterns(canaries: Canaries) -> Patterns:
    return Patterns(canaries.spelled())


def test_every_spelling_is_found_and_nothing_by_chance(canaries: Canaries, patterns: Patterns) -> None:
    source, spelled = random.Random(1), canaries.spelled()
    noise = random.Random(2).randbytes(8 << 20)
    assert patterns.among(noise) == set()
    everything = b"".join(text + source.randbytes(source.randrange(16)) for text in spelled)
    assert len(patterns.among(everything)) == 10_000
    for text in source.sample(sorted(spelled), 500):
        place = source.randrange(200)
        assert spelled[text] in patterns.among(noise[:place] + text + noise[place : place + 100])
    record_figure("spellings of canaries sought", len(spelled), "patterns", "tests/leak/test_canary_controls.py")


def test_files_that_hold_rows_are_found(canaries: Canaries, patterns: Patterns, tmp_path: Path) -> None:
    write_csv(canaries, tmp_path / "spool.csv")
    write_parquet(canaries, tmp_path / "plain.parquet")
    (tmp_path / "packed.gz").write_bytes(gzip.compress((tmp_path / "spool.csv").read_bytes()))
    (tmp_path / "objects").write_bytes(pickle.dumps(rows(canaries), protocol=5))
    (tmp_path / "service.log").write_text(f"cannot convert {canaries.remark[5]!r} to an integer\n", "utf-8")
    (tmp_path / f"part-{canaries.person[7]}").write_bytes(b"")
    ledger = sqlite3.connect(tmp_path / "ledger.sqlite")
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.execute("CREATE TABLE answer (serial INTEGER, note TEXT)")
    ledger.execute("INSERT INTO answer VALUES (?, ?)", (canaries.serial[3], canaries.note[3]))
    ledger.commit()
    swept = Swept().files([tmp_path], patterns)
    ledger.close()
    found = {Path(place).name: len(names) for place, names in swept.found.items()}
    assert found.pop("spool.csv") == 10_000
    assert found.pop("plain.parquet") == found.pop("packed.gz") == 10_000
    assert found.pop("objects") == 10_000
    assert found == {"service.log": 1, f"part-{canaries.person[7]}": 1, "ledger.sqlite-wal": 2}


def test_memory_files_and_shared_memory_are_found(canaries: Canaries, patterns: Patterns) -> None:
    shared = shared_memory.SharedMemory(create=True, size=4096)
    shared.buf[100:120] = canaries.person[2].encode()
    environment = {**os.environ, "SCRATCH": canaries.person[3]}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        with holder:
            holder.stdin.write(f"{canaries.person[0]}{canaries.person[1]}\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "ready\n"
            swept = Swept().processes([holder.pid], patterns).files([Path("/dev/shm")], patterns)
            holder.stdin.close()
    finally:
        shared.close()
        shared.unlink()
    assert swept.names() == {f"person {name}" for name in canaries.person[:4]}


def test_a_core_file_is_found(canaries: Canaries, patterns: Patterns, tmp_path: Path) -> None:
    """Where the kernel writes core files to the working folder; else that nothing is written there at all."""
    kernel = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    run = subprocess.run(
        [sys.executable, "-c", CRASHER],
        input=f"{canaries.note[9]}\n",
        text=True,
        cwd=tmp_path,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert run.returncode == -signal.SIGSEGV
    dumped = kernel.startswith("core") and hard != 0
    assert (Swept().files([tmp_path], patterns).names() == {f"note {canaries.note[9]}"}) == dumped


class _Echo(BaseHTTPRequestHandler):
    """A server whose errors quote what they failed on."""

    def do_GET(self) -> None:
        self.send_response(400)
        self.send_header("X-Cell", self.path[1:21])
        self.end_headers()
        self.wfile.write(f"cannot parse {self.path[21:]}".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_echoing_error_is_found(echo: str, canaries: Canaries, patterns: Patterns) -> None:
    proxy = RecordingProxy(echo)
    answer = httpx.get(f"{proxy.url}/{canaries.remark[0]}{canaries.remark[1]}", trust_env=False)
    proxy.close()
    assert answer.status_code == 400
    assert patterns.among(b"".join(map(bytes, proxy.received))) == {f"remark {name}" for name in canaries.remark[:2]}


@pytest.mark.slow
def test_rows_that_ray_spills_are_found(canaries: Canaries, patterns: Patterns, tmp_path: Path) -> None:
    """S4: what the object store cannot hold is written in plain, where nobody keeps rows out of it."""
    source = write_csv(canaries, tmp_path / "rows.csv")
    folder = Path("/tmp") / f"spill-{os.getpid()}"  # socket paths are short
    try:
        script = Path(__file__).with_name("ray_spill.py")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
        command = [sys.executable, str(script), str(source), str(folder)]
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as spiller:
            assert spiller.stdout.readline() == "ready\n"
            swept = Swept().files([folder], patterns)
            shared = Swept().processes([spiller.pid, *descendants(spiller.pid)], patterns)
            spiller.stdin.close()
        spilled = {place: names for place, names in swept.found.items() if "spilled" in place}
        assert len(set().union(*spilled.values())) == 10_000
        assert len(shared.names()) == 10_000, "the object store itself is swept, where it has no name on disk"
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
