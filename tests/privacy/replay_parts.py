"""What `replay_world` puts around the product: time that is held, threads that are counted, and a tap on the socket."""

import asyncio
import select
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workers.server import Server

START = datetime(2026, 3, 1, tzinfo=UTC)
PATIENCE = 30.0


class HeldClock:
    """Time that stands until it is moved, and tells who waits for when."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.elapsed = 0.0
        self.sleepers: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def sleep_until(self, moment: float) -> None:
        with self.condition:
            self.sleepers.append(moment)
            self.condition.notify_all()
            self.condition.wait_for(lambda: self.monotonic() >= moment)
            self.sleepers.remove(moment)
            self.condition.notify_all()


class Jobs:
    """The service's pool: threads, counted, so that one can wait until each has ended or sleeps beyond now."""

    def __init__(self, clock: HeldClock) -> None:
        self._clock = clock
        self.active = 0

    def submit(self, job: Any) -> None:
        with self._clock.condition:
            self.active += 1
        threading.Thread(target=self._run, args=(job,), daemon=True).start()

    def settle_down(self) -> None:
        clock = self._clock
        with clock.condition:
            assert clock.condition.wait_for(
                lambda: self.active == len(clock.sleepers) and all(at > clock.monotonic() for at in clock.sleepers),
                PATIENCE,
            )

    def _run(self, job: Any) -> None:
        try:
            job()
        finally:
            with self._clock.condition:
                self.active -= 1
                self._clock.condition.notify_all()


class EngineThread:
    """The engine's server on its socket, in a thread."""

    def __init__(self, server: Server, path: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_unix_server(server._connection, path))

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=PATIENCE)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE)


class Tap:
    """A relay before the engine's socket: the bytes of each connection, there and back."""

    def __init__(self, inner: Path, outer: Path) -> None:
        self.counted: list[tuple[int, int]] = []
        self._inner = inner
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(outer))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self._relay(caller)

    def _relay(self, caller: socket.socket) -> None:
        """One connection at a time: the engine answers before the next question is asked of it."""
        there = back = 0
        with caller, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self._inner))
            while True:
                for source in select.select([caller, engine], [], [])[0]:
                    part = source.recv(65_536)
                    if source is caller and part:
                        there += len(part)
                        engine.sendall(part)
                    elif part:
                        back += len(part)
                        caller.sendall(part)
                    else:
                        self.counted.append((there, back))
                        return
