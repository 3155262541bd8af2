"""`sandbox init` and `sandbox serve`: make an enclave's home, and keep its two planes running.

`serve` is a small parent. It opens the root key, gives each plane only the half it needs over a pipe, and watches both:
when the engine dies, everything it left behind (Ray's helpers are adopted through PR_SET_CHILD_SUBREAPER) is killed and a
fresh engine starts; when the control plane dies, or the parent is told to stop, nothing is left running. Each child
ends by itself when its pipe closes, so that killing the parent stops them too.
"""

import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from sandbox.adapters.configured_sources import open_sources
from sandbox.adapters.home import HomePaths, create_home, open_control_keys, open_root
from sandbox.adapters.home_lock import only_one
from sandbox.adapters.no_dumps import forbid_dumps
from sandbox.adapters.private_files import write_private
from sandbox.adapters.process_tree import descendants, kill, reap
from sandbox.adapters.root_opening import Opening
from sandbox.custody import opening_options, read_passphrase
from sandbox.proof.sealing import derive
from sandbox.terms.refusal import EnclaveSealed

_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "NUMBA_CACHE_DIR")
"""All that a plane inherits: LD_PRELOAD, PYTHONPATH, RAY_* and the like do not get through."""

_COURIER_SOCKET = "courier.sock"
_RUNTIME_PREFIX = "sbx-"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
_GRACE_SECONDS = 15.0
_POLL_SECONDS = 0.1
_RESTART_SECONDS = (0.0, 1.0, 5.0, 30.0)
_STEADY_SECONDS = 120.0
_ENGINE_THREADS = 8  # orders in hand at a time; the work itself is done by the Ray workers


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How one run of an enclave is set up; all of it is recorded in the log's enclave.started entry."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8440
    workers: int = 2
    tick_ms: int = 250
    clock_on: bool = True
    private_network: bool = True
    allowed_hosts: tuple[str, ...] = ()
    shares: tuple[tuple[str, int], ...] = ()


@click.command("init")
@click.argument("home", type=click.Path(path_type=Path))
@click.option("--name", default="enclave.local", show_default=True, help="The log's origin: unique, for good.")
@click.option(
    "--passphrase-file", type=click.Path(), default=None, help="Where the passphrase is; - is standard input."
)
def init_command(home: Path, name: str, passphrase_file: str | None) -> None:
    """Make a new enclave in HOME and print its administrator's token once."""
    from sandbox.wiring import found_enclave

    passphrase = read_passphrase(passphrase_file, confirm=True)
    root = create_home(home.resolve(), name, passphrase)
    token = found_enclave(home.resolve(), derive(root, "control"))
    click.echo(f"Enclave {name} made in {home}.", err=True)
    click.echo("The administrator's token is printed once; keep it safe:", err=True)
    click.echo(token)
    click.echo(f"Next: sandbox serve {home}, then sandbox login http://127.0.0.1:8440 with this token.", err=True)


@click.command("serve")
@click.argument("home", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8440,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256), help="Ray workers.")
@click.option(
    "--tick-ms", default=250, show_default=True, type=click.IntRange(10, 60_000), help="The release clock's tick."
)
@click.option(
    "--benchmark-without-clock", is_flag=True, help="No release clock: for benchmarks only; every certificate says so."
)
@click.option("--allowed-host", multiple=True, help="A name under which the enclave is reached; loopback always is.")
@click.option(
    "--share",
    multiple=True,
    metavar="ORGANISATION=N",
    help="While queries wait, N places in a round for this organisation; others have 1.",
)
@click.option("--shared-network", is_flag=True, help="Do not put the engine into a private network namespace.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@opening_options
def serve_command(
    home: Path,
    host: str,
    port: int,
    workers: int,
    tick_ms: int,
    benchmark_without_clock: bool,
    allowed_host: tuple[str, ...],
    share: tuple[str, ...],
    shared_network: bool,
    with_parent: bool,
    opening: Opening,
) -> None:
    """Run the enclave in HOME until it is told to stop."""
    options = ServeOptions(
        home.resolve(),
        host,
        port,
        workers,
        tick_ms,
        not benchmark_without_clock,
        not shared_network,
        allowed_host,
        _shares(share),
    )
    if with_parent:
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    raise SystemExit(serve(options, opening))


def _shares(given: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    found = []
    for text in given:
        organisation, _, number = text.rpartition("=")
        if not organisation or not number.isdecimal() or not 1 <= int(number) <= 1_000:
            raise click.UsageError("A share looks like acme=3, from 1 to 1000.")
        found.append((organisation, int(number)))
    return tuple(found)


def _stop_with_parent() -> None:
    """Whoever started the enclave holds the other end of standard input: it closes however that process ends."""
    # The descriptor itself: a thread that waits in the buffered reader holds its lock when the interpreter ends.
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def serve(options: ServeOptions, opening: Opening) -> int:
    """Run both planes; returns the exit code.

    Raises:
        HomeNotUsable: there is no enclave here, or another process serves it.
        PassphraseWrong, RootNotOpened, TokenNotUsable, EnclaveSealed: a key does not open.
    """
    root = open_root(options.home, opening)
    if not HomePaths(options.home).ledger.is_file():
        raise EnclaveSealed("The ledger is missing; only `sandbox init` makes one.")
    with only_one(options.home), _runtime(options.home) as runtime:
        forbid_dumps()
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
        return _Supervisor(options, root, opening.kind, runtime).run()


class _Supervisor:
    """The loop over the two planes. It holds the root key because a restarted engine needs its half again."""

    def __init__(self, options: ServeOptions, root: bytes, opened: str, runtime: Path) -> None:
        self._options = options
        self._opened = opened
        self._control_root = derive(root, "control")
        self._data_root = derive(root, "data")
        self._sources, self._secrets = open_sources(options.home)
        self._order_key = open_control_keys(options.home, self._control_root).order.verifier.text
        self._runtime = runtime
        self._stopping = False
        self._engine_failures = 0

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        engine = self._start_engine()
        courier = self._start_courier()
        control = self._start_control()
        started = time.monotonic()
        code = 0
        try:
            while not self._stopping:
                if control.poll() is not None:
                    event("control-plane-ended")
                    code = 1
                    break
                if courier is not None and courier.poll() is not None:
                    event("courier-ended")
                    (self._runtime / _COURIER_SOCKET).unlink(missing_ok=True)
                    courier = self._start_courier()
                if engine.poll() is not None:
                    event("engine-ended")
                    self._end(*[child for child in (courier,) if child is not None])
                    self._sweep(spare=control.pid)
                    self._clear_engine_files()
                    self._pause(steady=time.monotonic() - started > _STEADY_SECONDS)
                    if self._stopping:
                        break
                    started = time.monotonic()
                    engine = self._start_engine()
                    courier = self._start_courier()
                reap(spare={child.pid for child in (control, engine, courier) if child is not None})
                time.sleep(_POLL_SECONDS)
        finally:
            self._end(*[child for child in (control, engine, courier) if child is not None])
            self._sweep(spare=None)
        return code

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _pause(self, *, steady: bool) -> None:
        self._engine_failures = 0 if steady else self._engine_failures + 1
        wait = _RESTART_SECONDS[min(self._engine_failures, len(_RESTART_SECONDS) - 1)]
        until = time.monotonic() + wait
        while not self._stopping and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)

    def _start_engine(self) -> subprocess.Popen[bytes]:
        bootstrap = {
            "home": str(self._options.home),
            "runtime": str(self._runtime),
            "data_root": self._data_root.hex(),
            "order_key": self._order_key,
            "workers": self._options.workers,
            "threads": _ENGINE_THREADS,
            "private_network": self._options.private_network,
        }
        return _spawn("workers.engine", bootstrap, relay=None)

    def _start_courier(self) -> subprocess.Popen[bytes] | None:
        """The process that has a network and no keys, where the operator has configured sources to load from."""
        if not self._sources:
            return None
        bootstrap: dict[str, object] = {
            "runtime": str(self._runtime),
            "sources": self._sources,
            "secrets": self._secrets,
        }
        return _spawn("workers.courier", bootstrap, relay=None)

    def _start_control(self) -> subprocess.Popen[bytes]:
        bootstrap = {
            "home": str(self._options.home),
            "runtime": str(self._runtime),
            "control_root": self._control_root.hex(),
            "host": self._options.host,
            "port": self._options.port,
            "workers": self._options.workers,
            "tick_ms": self._options.tick_ms,
            "clock_on": self._options.clock_on,
            "opened": self._opened,
            "allowed_hosts": list(self._options.allowed_hosts),
            "shares": dict(self._options.shares),
        }
        return _spawn("sandbox.wiring", bootstrap, relay=sys.stdout)

    @staticmethod
    def _end(*children: subprocess.Popen[bytes]) -> None:
        """Close the planes' pipes, wait for them to end by themselves, then make them."""
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
        for child in children:
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _sweep(self, spare: int | None) -> None:
        """Kill every descendant but the spared one's tree, and wait until none is left."""
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until:
            left = descendants(os.getpid(), spare)
            if not left:
                return
            for pid in left:
                kill(pid)
            reap(spare={spare} if spare is not None else set())
            time.sleep(0.02)

    def _clear_engine_files(self) -> None:
        for item in self._runtime.iterdir():
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)


def event(name: str) -> None:
    """One constant line for the operator: names only, never data."""
    print(f"sandbox {name}", file=sys.stderr, flush=True)  # noqa: T201


def _spawn(module: str, bootstrap: dict[str, object], relay: IO[str] | None) -> subprocess.Popen[bytes]:
    """Start a plane in its own session with a scrubbed environment and hand it its bootstrap line."""
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
        umask=0o077,
    )
    threading.Thread(target=_relay, args=(child.stdout, relay), daemon=True).start()
    try:
        if child.stdin is not None:
            child.stdin.write(json.dumps(bootstrap).encode() + b"\n")
            child.stdin.flush()
    except BrokenPipeError:
        event("plane-did-not-start")
    return child


def _relay(source: IO[bytes] | None, target: IO[str] | None) -> None:
    for line in source or ():
        if target is not None:
            target.write(line.decode("utf-8", "replace"))
            target.flush()


@contextmanager
def _runtime(home: Path) -> Iterator[Path]:
    """A short private folder for sockets (their paths are limited to 107 bytes); a crashed run's folder goes first."""
    record = HomePaths(home).run
    _clear_stale(home)
    parent = tempfile.gettempdir()
    folder = Path(parent if len(parent) <= 24 else "/tmp") / f"{_RUNTIME_PREFIX}{secrets.token_hex(4)}"  # noqa: S108
    folder.mkdir(mode=0o700)
    write_private(record, json.dumps({"home": str(home), "runtime": str(folder)}).encode())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        record.unlink(missing_ok=True)


def _clear_stale(home: Path) -> None:
    """Remove the folder of a run of this home that was killed; what a copied home's record names belongs to the other."""
    try:
        found = json.loads(HomePaths(home).run.read_bytes())
        folder, owner = Path(found["runtime"]), Path(found["home"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        raise EnclaveSealed("run.json is not readable; remove it if no enclave runs in this home.") from None
    if owner == home and folder.name.startswith(_RUNTIME_PREFIX) and not folder.is_symlink() and folder.is_dir():
        if folder.stat().st_uid != os.getuid():
            raise EnclaveSealed("run.json names a folder of another user.")
        shutil.rmtree(folder, ignore_errors=True)
