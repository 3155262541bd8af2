"""What `serve` does to files before anything runs: it removes only its own, and makes no ledger."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.adapters.home import HomePaths, create_home
from sandbox.adapters.root_opening import WithPassphrase
from sandbox.serve import ServeOptions, _runtime, serve
from sandbox.terms.refusal import EnclaveSealed

PASSPHRASE = b"a passphrase for tests"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """The runtime folder of an enclave that runs, or was killed."""
    folder = tmp_path / f"sbx-{uuid4().hex[:8]}"
    folder.mkdir()
    (folder / "engine.sock").touch()
    yield folder


def record(home: Path, owner: Path, runtime: Path) -> None:
    home.mkdir(exist_ok=True)
    HomePaths(home).run.write_text(json.dumps({"home": str(owner), "runtime": str(runtime)}))


def test_what_a_killed_run_left_goes(tmp_path: Path, running: Path) -> None:
    home = tmp_path / "home"
    record(home, home, running)
    with _runtime(home) as fresh:
        assert not running.exists() and fresh.is_dir() and fresh.stat().st_mode & 0o777 == 0o700
        assert json.loads(HomePaths(home).run.read_text()) == {"home": str(home), "runtime": str(fresh)}
    assert not fresh.exists() and not HomePaths(home).run.exists()


def test_a_copied_home_leaves_the_running_original_alone(tmp_path: Path, running: Path) -> None:
    copy = tmp_path / "copy"
    record(copy, tmp_path / "original", running)
    with _runtime(copy):
        assert (running / "engine.sock").exists()
    assert (running / "engine.sock").exists()


def test_other_folders_and_links_are_left_alone(tmp_path: Path, running: Path) -> None:
    home, link, other = tmp_path / "home", tmp_path / "sbx-link", tmp_path / "precious"
    link.symlink_to(running)
    other.mkdir()
    for named in (link, other):
        record(home, home, named)
        with _runtime(home):
            assert (running / "engine.sock").exists() and other.is_dir()


@pytest.mark.parametrize("text", ["", "[]", '{"runtime": "/tmp/sbx-x"}', '{"runtime": 1, "home": 2}'])
def test_a_record_that_cannot_be_read_stops_the_start(tmp_path: Path, text: str) -> None:
    HomePaths(tmp_path).run.write_text(text)
    with pytest.raises(EnclaveSealed), _runtime(tmp_path):
        pass


def test_a_home_whose_ledger_is_gone_does_not_start_with_an_empty_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    create_home(home, "test.enclave", PASSPHRASE)
    before = set(home.iterdir())
    with pytest.raises(EnclaveSealed, match="ledger"):
        serve(ServeOptions(home), WithPassphrase(PASSPHRASE))
    assert set(home.iterdir()) == before
