"""A scanner: what runs in each Ray worker. It holds a key pair of its own and, for one job at a time, the keys of the
buckets that the job covers; it returns sealed tallies or one constant byte, and writes nothing anywhere.

Everything that crosses Ray is `bytes` and sealed: the object store, the task logs and the control store see neither
rows, nor keys, nor plans, nor the text of an error.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.proof.sealing import new_sealing_key, open_sealed, seal_to, sealing_public
from workers.confine import forbid_dumps

FAILED = b"\x00"
DONE = b"\x01"

_LABEL = "sandbox/job/v1\n"


@dataclass(frozen=True, slots=True, repr=False)
class OrderKeys:
    """What is made for one order: the key to which tallies are sealed, and the secret under which texts are hashed."""

    engine: bytes
    secret: bytes

    def __repr__(self) -> str:
        return "OrderKeys()"


def seal_job(
    worker: bytes, order: str, plan: dict[str, Any], sources: Sequence[dict[str, Any]], keys: OrderKeys
) -> bytes:
    """The job "measure this plan on these buckets and seal the tallies to the engine", readable by one worker alone."""
    job = {
        "order": order,
        "plan": plan,
        "sources": list(sources),
        "engine": keys.engine.hex(),
        "secret": keys.secret.hex(),
    }
    return seal_to(worker, json.dumps(job, separators=(",", ":")).encode(), _info(order))


class Scanner:
    """Runs as a Ray actor of one CPU."""

    def __init__(self) -> None:
        _fall_silent()
        forbid_dumps()
        os.umask(0o077)
        self._private = new_sealing_key()

    def public(self) -> bytes:
        """The key to which jobs for this actor are sealed; a restarted actor has another."""
        return sealing_public(self._private)

    def warm(self) -> bytes:
        """Import and compile all that a job needs. Returns a constant."""
        try:
            _warm()
        except Exception:  # noqa: BLE001 - no text may cross; the first job fails in the same way
            return FAILED
        return DONE

    def scan(self, order: str, job: bytes) -> bytes:
        """DONE and the sealed partial of the job's buckets, or FAILED."""
        try:
            return DONE + _scan(order, open_sealed(self._private, job, _info(order)))
        except Exception:  # noqa: BLE001 - whatever happened, one constant: a failure must not be a channel
            return FAILED


def _scan(order: str, opened: bytes) -> bytes:
    from sandbox.plan.canonical import read_plan
    from workers.partial import seal_partial
    from workers.relations.sources import BucketSources
    from workers.scan import scan
    from workers.tally import Shape

    job = json.loads(opened)
    if job["order"] != order:
        raise ValueError("a job of another order")
    plan = read_plan(job["plan"])
    sources = [BucketSources.from_json(item) for item in job["sources"]]
    shapes = [Shape.of(measurement) for measurement in plan.measurements]
    tallies = scan(plan, sources, bytes.fromhex(job["secret"]))
    buckets = [bucket.bucket for bucket in sources]
    return seal_partial(bytes.fromhex(job["engine"]), order, buckets, tallies, shapes)


def _warm() -> None:
    import pyarrow as pa

    from workers import warm

    # Workers are the unit of parallelism; threads inside them only get in each other's way.
    pa.set_cpu_count(1)
    warm.compile_passes()


def _fall_silent() -> None:
    """Ray keeps what workers print in log files; nothing may be there."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _info(order: str) -> bytes:
    return (_LABEL + order).encode()
