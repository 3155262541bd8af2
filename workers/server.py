"""The engine's socket: status, measure, load. One request a connection; work runs in threads, off the event loop."""

import asyncio
import contextlib
import os
import secrets
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.proof.signing import VerifyingKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.order import LoadOrder
from sandbox.terms.refusal import FileNotUsable
from workers import noise
from workers.admission import Admission
from workers.fleet import Fleet
from workers.ingest import load_version
from workers.keyring import DataKeys
from workers.measure import Measurer
from workers.noise_pool import NoisePool
from workers.wire import FrameRefused, read_message, write_message

FORFEITED: dict[str, Any] = {"failure": "forfeited"}
FAULT: dict[str, Any] = {"failure": "fault"}

_REQUEST_S = 30.0
"""A client that connects sends its request within this time."""


@dataclass(frozen=True, slots=True)
class Server:
    """Answers requests until it is stopped. `event` takes the name of a constant event line."""

    home: Path
    keys: DataKeys
    admission: Admission
    measurer: Measurer
    status: dict[str, Any]
    pool: NoisePool
    measuring: ThreadPoolExecutor
    loading: ThreadPoolExecutor
    event: Callable[[str], None]
    courier: Path | None = None

    @classmethod
    def build(
        cls,
        *,
        home: Path,
        data_root: bytes,
        order_key: str,
        scanners: Fleet,
        network: str,
        threads: int,
        event: Callable[[str], None],
        courier: Path | None = None,
    ) -> "Server":
        """A server with a fresh boot nonce. `threads` measures run at once, and one load. `courier` is the courier's socket.

        Raises:
            ProofFailed, StoreRefused: a key that is not usable.
        """
        noise.warm()
        boot = secrets.token_hex(16)
        for folder in ("keys/data", "store", "inbox"):
            (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = DataKeys(home / "keys" / "data", data_root)
        engine = keys.create_signer().verifier.text
        pool = NoisePool(max(1, len(scanners.actors)))
        return cls(
            home,
            keys,
            Admission(VerifyingKey.parse(order_key), boot),
            Measurer(home / "store", keys, scanners, pool),
            {"boot": boot, "network": network, "workers": len(scanners.actors), "engine": engine},
            pool,
            ThreadPoolExecutor(threads, "measure"),
            ThreadPoolExecutor(1, "load"),
            event,
            courier,
        )

    def run(self, socket: Path, ready: Callable[[], None]) -> None:
        """Serve until standard input ends or SIGTERM or SIGINT comes."""
        self.pool.start()
        asyncio.run(self._run(socket, ready))
        self.measuring.shutdown(wait=False, cancel_futures=True)
        self.loading.shutdown(wait=False, cancel_futures=True)
        self.pool.close()

    async def _run(self, socket: Path, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        server = await asyncio.start_unix_server(self._connection, socket)
        threading.Thread(target=_await_end, args=(loop, stop), daemon=True).start()
        ready()
        await stop.wait()
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            message = await asyncio.wait_for(read_message(reader), _REQUEST_S)
            await self._answer(message, writer)
        except (FrameRefused, OSError, TimeoutError):
            # Not a client of ours, or one that went away: what was started goes on, nobody is told.
            self.event("connection-dropped")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        match message.get("op"):
            case "status":
                await write_message(writer, {"status": self.status})
            case "measure":
                loop = asyncio.get_running_loop()
                await write_message(writer, await loop.run_in_executor(self.measuring, self._measure, message))
            case "load":
                await self._load(message, writer)
            case _:
                await write_message(writer, FAULT)

    def _measure(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            order = self.admission.measure(message.get("body"), message.get("signature"))
            return {"answer": canonical_bytes(self.measurer.measure(order).to_json())}
        except Exception:  # noqa: BLE001 - one constant, whatever happened: a failure must not be a channel
            self.event("measure-forfeited")
            return FORFEITED

    async def _load(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        def send(frame: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(frames.put_nowait, frame)

        loop.run_in_executor(self.loading, self._load_in_thread, message, send)
        while True:
            frame = await frames.get()
            await write_message(writer, frame)
            if "progress" not in frame:
                return

    def _load_in_thread(self, message: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
        try:
            order = self.admission.load(message.get("body"), message.get("signature"))
            last = self._version(order, send)
        except FileNotUsable as refused:
            last = {"refusal": {"detail": refused.detail, "facts": refused.facts}}
        except Exception:  # noqa: BLE001 - a library's words may quote rows
            self.event("load-failed")
            last = FAULT
        send(last)

    def _version(self, order: LoadOrder, send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        version = load_version(
            order,
            inbox=self.home / "inbox",
            store=self.home / "store",
            keys=self.keys,
            courier=self.courier,
            progress=lambda phase, done, total: send({"progress": [phase, done, total]}),
        )
        return {"version": {"dataset": version.dataset, "number": version.number, "manifest": version.manifest}}


def _await_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Wait for the end of standard input, then stop the loop."""
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop ended first
        loop.call_soon_threadsafe(stop.set)
