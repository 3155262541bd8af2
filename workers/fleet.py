"""The scanners: a local Ray of our own, its actors, and the retries that make a lost worker cost time only.

Ray is used for processes and calls, not for data: arguments and results are sealed bytes, the object store is the
smallest there is, there is no dashboard, and clients need a token from a file that only this user can read.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.proof.sealing import new_sealing_key, sealing_public
from workers.actor import DONE, FAILED, OrderKeys, Scanner, seal_job
from workers.partial import Merge
from workers.tally import Shape, Tally
from workers.value_words import SECRET_BYTES

TRIES = 4
"""How often one chunk of buckets is sent: once, and up to three times more."""

CHUNKS_PER_WORKER = 2
"""Chunks are smaller than a worker's share, so that a slow worker holds up half of it at most."""

FEW_ROWS = 200_000
"""Of so few rows, as declared, sealing and sending a chunk costs as much as scanning it: one for each worker that has
nothing to do, and one where all have something."""

_OBJECT_STORE_BYTES = 100 * 2**20
_POLL_S = 0.2
_START_S = 60.0


class FleetFailed(Exception):
    """Workers were lost too often, or time ran out. The text is constant."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Buckets that travel together; `sources` are their BucketSources in JSON form."""

    buckets: tuple[int, ...]
    sources: tuple[dict[str, Any], ...]


def prepare_environment(runtime: Path) -> None:
    """Set this process's environment for Ray, before it is imported: nothing foreign, token authentication.

    Makes `<runtime>/ray-token` (0600). Ray chmods its folder to 0777, so it gets one below the private `runtime`.
    """
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    token = runtime / "ray-token"
    descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_ENABLE_UV_RUN_RUNTIME_ENV="0",
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
        RAY_DISABLE_DOCKER_CPU_WARNING="1",
        RAY_DEDUP_LOGS="0",
    )


def start_ray(runtime: Path, workers: int) -> None:
    """Start the local Ray. Call it from the main thread: its processes die with the thread that started them."""
    import ray

    ray.init(
        num_cpus=workers,
        num_gpus=0,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        _temp_dir=str(runtime / "r"),
    )


def stop_ray() -> None:
    """End Ray's processes and wait for them."""
    import ray

    ray.shutdown()


@dataclass(slots=True)
class Fleet:
    """The scanners of one engine. Safe to use from several threads at once."""

    actors: list[Any]
    publics: list[bytes | None]
    clock: Callable[[], float] = field(default=time.monotonic)
    orders: Iterator[int] = field(default_factory=count)
    loads: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.loads[:] = [0] * len(self.actors)

    @classmethod
    def start(cls, workers: int) -> "Fleet":
        """Start and warm `workers` scanners.

        Raises:
            FleetFailed: they did not start.
        """
        import ray

        # Ray restarts a lost actor for ever; its own retries of calls stay off, since a job is sealed to one key.
        remote: Any = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0)(Scanner)
        fleet = cls([remote.remote() for _ in range(workers)], [None] * workers)
        try:
            warmed = ray.get([actor.warm.remote() for actor in fleet.actors], timeout=_START_S)
            fleet.publics[:] = ray.get([actor.public.remote() for actor in fleet.actors], timeout=_START_S)
        except ray.exceptions.RayError:
            raise FleetFailed from None
        if any(answer != DONE for answer in warmed):
            raise FleetFailed
        return fleet

    def measure(
        self,
        order: str,
        plan: dict[str, Any],
        sources: dict[int, dict[str, Any]],
        shapes: Sequence[Shape],
        patience_s: float,
        rows: int,
    ) -> list[Tally]:
        """The exact tallies of the plan's measurements, of these `shapes`, over the buckets of `sources`.

        `rows` is how many rows the tables have at most, as declared: it decides into how many chunks they are cut.

        A chunk whose worker was lost is sealed again to another or the restarted worker and re-sent, up to TRIES
        times in all; the tallies are the same bits whatever happened.

        Raises:
            FleetFailed: a chunk failed too often, or `patience_s` seconds are over.
            PartialRefused, ProofFailed: a worker's answer is not what it was asked for.
        """
        import ray

        deadline = self.clock() + patience_s
        private = new_sealing_key()
        keys = OrderKeys(sealing_public(private), secrets.token_bytes(SECRET_BYTES))
        merge = Merge(order, private, sources, shapes)
        running: dict[Any, tuple[int, int]] = {}
        workers = self._reserve(rows)
        chunks = cut(sources, len(workers))
        counts = [0] * len(chunks)

        def send(number: int, worker: int) -> None:
            counts[number] += 1
            if counts[number] > TRIES:
                raise FleetFailed
            job = seal_job(self._public(worker, deadline), order, plan, chunks[number].sources, keys)
            running[self.actors[worker].scan.remote(order, job)] = (number, worker)

        try:
            for number in range(len(chunks)):
                send(number, workers[number])
            while running:
                done, _ = ray.wait(list(running), num_returns=1, timeout=max(0.0, deadline - self.clock()))
                if not done:
                    raise FleetFailed
                number, worker = running.pop(done[0])
                answer = _fetch(done[0])
                if answer[:1] == DONE:
                    merge.add(chunks[number].buckets, answer[1:])
                else:
                    self.publics[worker] = None
                    send(number, (worker + 1) % len(self.actors))
        finally:
            self._free(workers)
        return merge.total()

    def _reserve(self, rows: int) -> list[int]:
        """The worker of each chunk of an order, those with least to do first. How busy workers are says what was asked of
        them, and tells nothing of a row."""
        with self.lock:
            # One unit with very many rows makes one chunk heavy: that of the next order goes to the next worker.
            first, number = next(self.orders), len(self.actors)
            turn = sorted(range(number), key=lambda worker: (self.loads[worker], (worker - first) % number))
            if rows > FEW_ROWS:
                chosen = [turn[place % number] for place in range(number * CHUNKS_PER_WORKER)]
            else:
                chosen = turn[: max(1, sum(not load for load in self.loads))]
            for worker in chosen:
                self.loads[worker] += 1
            return chosen

    def _free(self, workers: Sequence[int]) -> None:
        with self.lock:
            for worker in workers:
                self.loads[worker] -= 1

    def _public(self, worker: int, deadline: float) -> bytes:
        """The worker's key; a worker that is restarting is asked again until `deadline`."""
        known = self.publics[worker]
        while known is None:
            if self.clock() >= deadline:
                raise FleetFailed
            answer = _fetch(self.actors[worker].public.remote(), timeout=max(_POLL_S, deadline - self.clock()))
            known = answer if answer != FAILED else None
            if known is None:
                time.sleep(_POLL_S)
        self.publics[worker] = known
        return known


def cut(sources: dict[int, dict[str, Any]], parts: int) -> list[Chunk]:
    """At most `parts` chunks of the buckets, nearly equal in number."""
    buckets = sorted(sources)
    shares = [tuple(buckets[start::parts]) for start in range(min(parts, len(buckets)))]
    return [Chunk(share, tuple(sources[bucket] for bucket in share)) for share in shares]


def _fetch(reference: Any, timeout: float | None = None) -> bytes:
    """What an actor returned; FAILED where it was lost, is restarting, or answered something that is not bytes."""
    import ray

    try:
        answer = ray.get(reference, timeout=timeout)
    except ray.exceptions.RayError:
        return FAILED
    return answer if isinstance(answer, bytes) else FAILED
