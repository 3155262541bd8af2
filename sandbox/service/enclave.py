"""One running enclave as its use cases see it: ports, keys of the control plane, settings, and the desk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from policies.bundle import bundle_digest
from sandbox.proof.signing import SigningKey
from sandbox.service.desk import Desk
from sandbox.service.line import Limits
from sandbox.service.ports import Clock, Compute, Ledger


class Runner(Protocol):
    """A small thread pool. A query holds two of its threads until it is settled and a load holds one, so it has at
    least 2 · max_running + max_loads; with fewer, queries settle late but never wrongly."""

    def submit(self, job: Callable[[], None], /) -> object:
        """Run `job` soon, on another thread. Raises RuntimeError when the pool is closed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator sets.

    `origin` names the log, `log_key` is its verifier key (vkey text). `clock_on` False is for benchmarks only; every
    certificate shows it. At most `max_running` queries are unsettled at a time, `max_running_per_person` for one person;
    further ones wait up to `line_seconds` for a place, at most `max_waiting` and `max_waiting_per_person`; `shares` say
    which organisations get more places than one turn in a round. At most `max_loads` loads run: loads take hours, and must leave
    engine and threads to queries. The engine has `workers` scanning processes, each of which may take `worker_memory`
    bytes. `opened` is the kind of lock that opened the root key.
    """

    name: str
    origin: str
    log_key: str
    tick_ms: int = 250
    clock_on: bool = True
    max_running: int = 8
    max_running_per_person: int = 4
    max_loads: int = 2
    workers: int = 2
    worker_memory: int = 8 * 2**30
    opened: str = "passphrase"
    line_seconds: float = 0.0
    max_waiting: int = 128
    max_waiting_per_person: int = 32
    shares: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = (self.max_running, self.max_running_per_person, self.max_loads, self.workers, self.worker_memory)
        if min(self.tick_ms, *limits) < 1:
            raise ValueError("the tick, the limits of running queries and loads, and the workers are at least 1")

    @property
    def limits(self) -> Limits:
        """What the line goes by."""
        return Limits(
            self.max_running,
            self.max_running_per_person,
            self.max_waiting,
            self.max_waiting_per_person,
            self.shares,
        )

    @property
    def turns(self) -> int:
        """How many running queries share one worker, at most: a query's slot has room for all of them."""
        return -(-self.max_running // self.workers)


@dataclass(frozen=True, slots=True, repr=False)
class Enclave:
    """Everything a use case needs of the world. `bundle` is the digest of the policy rules in force."""

    ledger: Ledger
    compute: Compute
    clock: Clock
    runner: Runner
    settings: Settings
    release_key: SigningKey
    tag_key: bytes
    state_key: bytes
    bundle: str = field(default_factory=bundle_digest)
    desk: Desk = field(default_factory=Desk)
