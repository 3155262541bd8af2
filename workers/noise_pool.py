"""Many draws at once: shared out among processes that draw noise only.

An exact draw of the discrete Gaussian takes about 10 µs, and a vector may have a million integers. The processes are told a
scale and a number of draws: what the noise is added to does not leave the engine. Noise on a vector is independent in
each integer, so noise on its parts is the noise on the whole.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import LifoQueue

import numpy as np
from numpy.typing import NDArray

from sandbox.terms.loss import Mode
from workers.noise_process import MODES, REQUEST

PART = 8_192
"""Draws asked for at a time."""

_LETTERS = {mode: letter for letter, mode in MODES.items()}


class NoiseLost(Exception):
    """A process of the pool ended. The text is constant."""


class NoisePool:
    """`size` processes; `start` starts them ahead of the first draw. Safe to use from several threads; a process that ended
    is replaced at its next turn, and the draw during which it ended fails."""

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._idle: LifoQueue[subprocess.Popen[bytes] | None] = LifoQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(size, "noise")
        for _ in range(size):
            self._idle.put(None)
        self._size = size

    def start(self) -> None:
        """Start all processes; they are ready some moments later."""
        for process in [self._idle.get() for _ in range(self._size)]:
            self._idle.put(process or self._started())

    @property
    def pids(self) -> Sequence[int]:
        """The live processes."""
        with self._lock:
            return [process.pid for process in self._all if process.poll() is None]

    def draw(self, mode: Mode, scale: float, count: int) -> NDArray[np.int64]:
        """So many independent draws.

        Raises:
            NoiseLost: a process ended meanwhile.
        """
        parts = [min(PART, count - start) for start in range(0, count, PART)]
        return np.concatenate(list(self._threads.map(lambda part: self._part(mode, scale, part), parts)))

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            ending = list(self._all)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in ending:
            _end(process)

    def _part(self, mode: Mode, scale: float, count: int) -> NDArray[np.int64]:
        process = self._idle.get()
        try:
            if process is None or process.poll() is not None:
                process = self._started()
            if process.stdin is None or process.stdout is None:
                raise NoiseLost
            process.stdin.write(REQUEST.pack(_LETTERS[mode], scale, count))
            process.stdin.flush()
            drawn = process.stdout.read(8 * count)
        except OSError:
            raise NoiseLost from None
        finally:
            self._idle.put(process)
        if len(drawn) != 8 * count:
            _end(process)
            raise NoiseLost
        return np.frombuffer(drawn, "<i8").astype(np.int64)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise NoiseLost
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "workers.noise_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            ended = [other for other in self._all if other.poll() is not None]
            self._all = [*(other for other in self._all if other not in ended), process]
        for other in ended:
            _end(other)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what could not be written is of no use any more
                pipe.close()
