"""S18, S20: an operator without secrets: open folders, edited or exchanged key files, an edited ledger, a second process on
one home.

Controls: what the default mode would have left open; the same seal without its context, under which key files can be
exchanged; a lock that nobody holds.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_tampering import past_all_rules

from sandbox.adapters.home import HomePaths, create_home, open_control_keys, open_root
from sandbox.adapters.home_lock import only_one
from sandbox.adapters.root_opening import WithPassphrase
from sandbox.client.connection import Connection
from sandbox.proof.sealing import derive
from sandbox.terms.refusal import EnclaveSealed, HomeNotUsable, PassphraseWrong
from sandbox.testing import Enclave
from sandbox.wiring import found_enclave

PASSPHRASE = b"a long enough passphrase"
KEYS = ["log", "order", "release", "state", "tag"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    home = tmp_path_factory.mktemp("made") / "home"
    return home, derive(create_home(home, "test.enclave", PASSPHRASE), "control")


@pytest.fixture
def home(made: tuple[Path, bytes], tmp_path: Path) -> tuple[Path, bytes]:
    """A copy, to be harmed."""
    shutil.copytree(made[0], tmp_path / "home")
    return tmp_path / "home", made[1]


def test_nothing_of_a_running_enclave_is_open_to_others(enclave: Enclave, tmp_path: Path) -> None:
    runtime = Path(json.loads((enclave.home / "run.json").read_text())["runtime"])
    for root in (enclave.home, runtime):
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
    for path in enclave.home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert stat.S_ISSOCK((runtime / "engine.sock").stat().st_mode)
    assert (runtime / "engine.sock").stat().st_mode & 0o077 == 0
    # The control: what a program with the usual mask leaves is open.
    usual = os.umask(0o022)
    try:
        (tmp_path / "plain").write_text("x")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "plain.sock"))
        assert all((tmp_path / name).stat().st_mode & 0o044 for name in ("plain", "plain.sock"))
    finally:
        os.umask(usual)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
def test_a_home_that_others_can_open_is_not_served(home: tuple[Path, bytes], mode: int) -> None:
    home[0].chmod(mode)
    with pytest.raises(HomeNotUsable):
        open_root(home[0], WithPassphrase(PASSPHRASE))
    home[0].chmod(0o700)
    assert derive(open_root(home[0], WithPassphrase(PASSPHRASE)), "control") == home[1]  # the control


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("harm", ["a bit", "cut short", "emptied", "gone", "another's", "plain"])
def test_a_key_file_that_was_touched_seals_the_enclave(home: tuple[Path, bytes], key: str, harm: str) -> None:
    folder, root = home
    path = HomePaths(folder).control_keys / f"{key}.key"
    content = path.read_bytes()
    match harm:
        case "a bit":
            path.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
        case "cut short":
            path.write_bytes(content[:-1])
        case "emptied":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "another's":
            other = KEYS[(KEYS.index(key) + 1) % len(KEYS)]
            path.write_bytes((path.parent / f"{other}.key").read_bytes())
        case _:
            path.write_bytes(b"k" * 32)
    with pytest.raises(EnclaveSealed):
        open_control_keys(folder, root)
    path.write_bytes(content)
    assert open_control_keys(folder, root)  # the control: only the harm stood in the way


def test_control_without_its_context_a_key_would_pass_for_another(
    home: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.proof import sealing

    _, root = home
    monkeypatch.setattr("sandbox.proof.aead._bound", lambda _: b"")
    one = sealing.seal(root, b"o" * 32, "control/order")
    assert sealing.unseal(root, one, "control/log") == b"o" * 32


@pytest.mark.parametrize("field", ["log_key", "release_key", "format"])
def test_another_public_file_is_refused(home: tuple[Path, bytes], field: str) -> None:
    folder, root = home
    path = HomePaths(folder).public
    document = json.loads(path.read_bytes())
    original = path.read_bytes()
    document[field] = document["log_key" if field == "release_key" else "release_key"]
    path.write_text(json.dumps(document))
    with pytest.raises(EnclaveSealed):
        open_control_keys(folder, root)
    path.write_bytes(original)
    assert open_control_keys(folder, root)


@pytest.mark.parametrize(
    "passphrase", [b"", b"a long enough passphras", b"a long enough passphrase ", b"A long enough passphrase"]
)
def test_no_other_passphrase_opens(home: tuple[Path, bytes], passphrase: bytes) -> None:
    with pytest.raises(PassphraseWrong):
        open_root(home[0], WithPassphrase(passphrase))
    assert open_root(home[0], WithPassphrase(PASSPHRASE))


@contextmanager
def control_plane(home: Path, root: bytes, runtime: Path) -> Iterator[str]:
    """The control plane's process on a home, as `sandbox serve` starts it; there is no engine, so it is never ready."""
    told = {
        "home": str(home),
        "runtime": str(runtime),
        "control_root": root.hex(),
        "tick_ms": 50,
        "clock_on": True,
        "opened": "passphrase",
    }
    told |= {"workers": 1, "host": "127.0.0.1", "port": 0, "allowed_hosts": [], "shares": {}}
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "sandbox.wiring"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        yield process.stdout.readline().rpartition(" ")[2].strip()
        process.stdin.close()


def test_an_enclave_whose_ledger_was_touched_starts_sealed(home: tuple[Path, bytes], tmp_path: Path) -> None:
    """That every cell counts is `test_ledger_books.py`; here, that a start looks at all, and lets nobody in."""
    folder, root = home
    token = found_enclave(folder, root)
    (tmp_path / "run").mkdir()
    path = HomePaths(folder).ledger
    original = path.read_bytes()
    with past_all_rules(path) as ledger:
        assert ledger.execute("UPDATE people SET organisation = 'acme'").rowcount == 1
    with control_plane(folder, root, tmp_path / "run") as url:
        assert Connection(url).health() == "sealed"
        with pytest.raises(EnclaveSealed):
            Connection(url, token=token).enrol("ann", "acme", "analyst")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(original)
    with control_plane(folder, root, tmp_path / "run") as url:  # the control: only the edit stood in the way
        assert Connection(url).health() == "starting"


def test_one_home_has_one_enclave(enclave: Enclave, home: tuple[Path, bytes]) -> None:
    """S20: two on one folder would spend a budget twice. A copy elsewhere is not noticed without witnesses: the page of
    known weaknesses says so."""
    with pytest.raises(HomeNotUsable), only_one(enclave.home):
        pass
    with only_one(home[0]):  # the control
        pass
