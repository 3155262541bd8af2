"""Canaries: 10,000 unique values in the rows lie nowhere afterwards, in no spelling, after a busy life with crashes.

Swept: the enclave's home (the encrypted store, the ledger with its write-ahead log), its runtime folder with Ray's
sessions, whatever appeared in the temporary folder, shared memory, memory files and deleted files of every process, their
arguments, core files, inside packed files, every byte of every HTTP answer, both streams, the exported log, and what analysts took home.
The controls lay the same values where leaks of this kind would lie, in every spelling: the same sweep finds them all.
"""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from busy_life import Life
from canary_values import make
from figures import record_figure
from leak_sweep import Patterns, Swept
from tests_support import running_processes

from sandbox.testing import start_enclave

SOURCE = "tests/leak/test_canaries.py"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's folders; processes started in here may leave core files in `work`, if anything lets them."""
    for name in ("owner", "desk", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def recent(root: Path, since: float, *, but: Path) -> list[Path]:
    """Files below `root` that were written since, outside `but`."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if Path(folder, name) != but and not name.startswith("pytest-of-")]
        for name in names:
            path = Path(folder, name)
            try:
                if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                    found.append(path)
            except OSError:
                continue
    return found


def short(life: Life) -> None:
    """Load, ask, be refused."""
    life.load()
    life.people()
    life.answers()
    life.refusals()


def busy(life: Life) -> None:
    """All of it, to the crash of everything."""
    short(life)
    life.reviews()
    life.cut_load()
    life.officers()
    life.crashes()


@pytest.mark.parametrize("lived", [short, pytest.param(busy, marks=pytest.mark.slow)])
@pytest.mark.timeout(1200)
def test_no_canary_leaves_a_life(lived: Callable[[Life], None], folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time() - 1
    canaries = make(10_000)
    patterns = Patterns(canaries.spelled())
    output: list[str] = []
    monkeypatch.setattr("sandbox.testing.Enclave._read_address", _keeping(output))
    during, after = Swept(), Swept()
    with start_enclave(home=folders / "enclave", tick_ms=50) as enclave:
        life = Life(enclave, canaries, folders / "owner", folders / "desk")
        life.relay()
        lived(life)
        if lived is busy:
            during.files([folders / "enclave", folders / "work", life.runtime(), Path("/dev/shm")], patterns)
            life.start_again()
        for pid in life.find(b"workers.engine") + life.find(b"ray::Scanner"):
            limit = next(line for line in Path("/proc", str(pid), "limits").read_text().splitlines() if "core" in line)
            assert limit.split()[4:6] == ["0", "0"], "no process that sees rows leaves a core file"
        assert len([path for path in life.runtime().rglob("logs/*") if path.is_file()]) > 5, "Ray's logs are among them"
        exported = enclave.officer.export_log(folders / "desk" / "log.jsonl")
        during.files([folders / "enclave", life.runtime(), exported, Path("/dev/shm")], patterns)
        during.processes(running_processes(enclave), patterns)
        errors = "".join(enclave.stderr)
        life.close()
    after.files([folders / "enclave", folders / "desk", folders / "work", Path("/dev/shm")], patterns)
    after.files(recent(Path("/tmp"), began, but=folders), patterns)
    after.files(recent(Path(__file__).parents[2] / "workers", began, but=folders), patterns)
    after.take("http answers", life.received(), patterns)
    after.take("streams", (errors + "".join(output)).encode(), patterns)
    assert (during.found, after.found) == ({}, {})
    assert "sandbox ready" in errors
    assert "Listening on" in "".join(output)
    assert list((folders / "work").iterdir()) == [], "no core file"
    assert life.refused >= 60
    assert len(life.codes) >= 15, life.codes
    assert b"HTTP/1.1 200" in life.received()
    assert sum(1 for path in (folders / "desk").iterdir()) > 50
    # The control: the owner's own file, with the same sweep.
    assert len(Swept().files([folders / "owner" / "stays.csv"], patterns).names()) == 10_000
    if lived is busy:
        record_figure("canaries found", 0, "of 10,000", SOURCE)
        record_figure("places swept for canaries", during.places + after.places, "files and streams", SOURCE)
        record_figure("bytes swept for canaries", (during.size + after.size) >> 20, "MiB", SOURCE)
        record_figure("refusals in the canaries' life", life.refused, f"of {len(life.codes)} kinds", SOURCE)


def _keeping(output: list[str]) -> object:
    """`Enclave._read_address`, keeping every line of standard output."""
    from sandbox.testing import Enclave

    plain = Enclave._read_address

    def read(self: Enclave, source: object, ready: object) -> None:
        def lines() -> object:
            for line in source:
                output.append(line)
                yield line

        class Kept:
            def __enter__(self) -> object:
                return lines()

            def __iter__(self) -> object:
                return lines()

            def __exit__(self, *_: object) -> None:
                source.close()

        plain(self, Kept(), ready)

    return read
