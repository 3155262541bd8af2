"""The control plane's process: the one place that knows every adapter.

Started by `sandbox serve` as `python -m sandbox.wiring`, with its bootstrap on the first line of standard input; it
prints the address it listens on and ends when that pipe closes.
"""

import json
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from policies.bundle import bundle_digest
from sandbox.adapters import books
from sandbox.adapters.engine_socket import EngineSocket
from sandbox.adapters.home import ControlKeys, HomePaths, open_control_keys, read_public
from sandbox.adapters.no_dumps import forbid_dumps
from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.adapters.system_clock import SystemClock
from sandbox.faces.http.app import create_app
from sandbox.faces.http.connections import BoundedConnection
from sandbox.service import people, recover
from sandbox.service.enclave import Enclave, Settings
from sandbox.service.ports import EngineStatus, Entry
from sandbox.terms.refusal import AuditUnavailable, EnclaveNotReady, EnclaveSealed
from sandbox.terms.version import VERSION

ENGINE_SOCKET = "engine.sock"
LINE_SECONDS = 20.0
"""How long a submission waits for a place: below the 30 s that the client waits for an answer to it."""
_START_SECONDS = 0.05
_WATCH_SECONDS = 1.0


def found_enclave(home: Path, control_root: bytes) -> str:
    """Make a new home's ledger with its first entry, and the token of its first administrator."""
    public = read_public(home)
    keys = open_control_keys(home, control_root)
    ledger = _ledger(home, keys, public)
    try:
        facts = {name: public[name] for name in ("name", "origin", "log_key")} | {"bundle": bundle_digest()}
        ledger.append(Entry("enclave.created", datetime.now(UTC), public["name"], facts))
        return people.first_administrator(
            _enclave(ledger, keys, public, Path(), Settings(public["name"], public["origin"], public["log_key"]))
        )
    finally:
        ledger.close()


def record_root_change(home: Path, control_root: bytes, facts: dict[str, Any]) -> None:
    """Append the entry of a change of who can open the root; the enclave is stopped."""
    public = read_public(home)
    keys = open_control_keys(home, control_root)
    ledger = _ledger(home, keys, public)
    try:
        ledger.append(Entry("root.changed", datetime.now(UTC), public["name"], facts))
    finally:
        ledger.close()


def main() -> int:
    """Run the control plane until standard input closes."""
    forbid_dumps()
    bootstrap = json.loads(sys.stdin.buffer.readline())
    home, runtime = Path(bootstrap["home"]), Path(bootstrap["runtime"])
    public = read_public(home)
    keys = open_control_keys(home, bytes.fromhex(bootstrap["control_root"]))
    settings = Settings(
        public["name"],
        public["origin"],
        public["log_key"],
        int(bootstrap["tick_ms"]),
        bool(bootstrap["clock_on"]),
        workers=int(bootstrap["workers"]),
        opened=str(bootstrap["opened"]),
        line_seconds=LINE_SECONDS,
        shares={str(name): int(share) for name, share in bootstrap["shares"].items()},
    )
    try:
        ledger = _ledger(home, keys, public)
    except (EnclaveSealed, AuditUnavailable) as refusal:
        print(f"sandbox sealed: {refusal.detail}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    enclave = _enclave(ledger, keys, public, runtime / ENGINE_SOCKET, settings)
    state = _State(enclave)
    state.check_books(ledger)
    try:
        family = socket.AF_INET6 if ":" in bootstrap["host"] else socket.AF_INET
        listener = socket.create_server((bootstrap["host"], int(bootstrap["port"])), family=family, backlog=512)
        # asyncio does this only for sockets it made itself; without it the body waits 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        reason = (error.strerror or "the address is not usable").partition(" (")[0]
        print(f"Cannot listen on {bootstrap['host']}:{bootstrap['port']}: {reason}.", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    host, port = listener.getsockname()[:2]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(enclave, state.ready, hosts=[bootstrap["host"], *bootstrap["allowed_hosts"]]),
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
            http=BoundedConnection,
            ws="none",
            h11_max_incomplete_event_size=28_672,  # the face refuses long headers itself, at 16 KiB
        )
    )
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    threading.Thread(target=state.begin, daemon=True).start()
    print(f"Listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201
    server.run(sockets=[listener])
    ledger.close()
    # Queries still sleeping until their slot are left as a crash would leave them: the next start forfeits them.
    os._exit(0)


class _State:
    """Whether the enclave may serve: sealed while books and log disagree, starting until the engine answers."""

    def __init__(self, enclave: Enclave) -> None:
        self._enclave = enclave
        self._sealed = False
        self._begun = False

    def ready(self) -> str:
        """Whether callers are let in. An engine that is down for a moment shuts nobody out of what is settled."""
        if self._sealed:
            return "sealed"
        return "ready" if self._begun else "starting"

    def check_books(self, ledger: SqliteLedger) -> None:
        """Recompute the accounts from the log; on a difference nothing is served."""
        try:
            books.verify(ledger)
        except (EnclaveSealed, AuditUnavailable) as refusal:
            self._sealed = True
            print(f"sandbox sealed: {refusal.detail}", file=sys.stderr, flush=True)  # noqa: T201

    def begin(self) -> None:
        """Forfeit what a crash left open, then write down every engine that comes up; the first opens the doors."""
        if self._sealed:
            return
        clock = self._enclave.clock
        recovered, known = False, ""
        while True:
            try:
                if not recovered:
                    recover.recover(self._enclave)
                    recovered = True
                status = self._enclave.compute.status()
                if status.boot != known:
                    self._write_start(status)
                    if not self._begun:
                        print("sandbox ready", file=sys.stderr, flush=True)  # noqa: T201
                    known, self._begun = status.boot, True
            except (EnclaveNotReady, AuditUnavailable):
                # Not ready is what callers are told meanwhile; nothing else follows from it.
                pass
            clock.sleep_until(clock.monotonic() + (_WATCH_SECONDS if self._begun else _START_SECONDS))

    def _write_start(self, status: EngineStatus) -> None:
        settings = self._enclave.settings
        facts: dict[str, Any] = {
            "version": VERSION,
            "boot": status.boot,
            "clock": {"tick_ms": settings.tick_ms, "on": settings.clock_on},
            "network": status.network,
            "bundle": self._enclave.bundle,
            "opened": settings.opened,
        }
        if settings.shares:
            facts["shares"] = dict(settings.shares)
        kind = "engine.restarted" if self._begun else "enclave.started"
        self._enclave.ledger.append(Entry(kind, self._enclave.clock.now(), settings.name, facts))


def _ledger(home: Path, keys: ControlKeys, public: dict[str, str]) -> SqliteLedger:
    return SqliteLedger(HomePaths(home).ledger, origin=public["origin"], signer=keys.log, state_key=keys.state)


def _enclave(
    ledger: SqliteLedger, keys: ControlKeys, public: dict[str, str], engine: Path, settings: Settings
) -> Enclave:
    pool = ThreadPoolExecutor(
        max_workers=2 * settings.max_running + settings.max_loads + 2, thread_name_prefix=public["name"]
    )
    return Enclave(
        ledger=ledger,
        compute=EngineSocket(engine, keys.order),
        clock=SystemClock(),
        runner=pool,
        settings=settings,
        release_key=keys.release,
        tag_key=keys.tag,
        state_key=keys.state,
    )


def _end_with_parent(server: uvicorn.Server) -> None:
    """Standard input closes when the parent ends or wants this process to."""
    while os.read(0, 4096):
        continue
    server.should_exit = True


if __name__ == "__main__":
    raise SystemExit(main())
