"""What is in hand right now, in memory only: running queries, loads, and the keys of submissions that met a running one.

A crash forgets all of it; the ledger then says what was reserved, and `recover` forfeits that. Nothing here is ever
the authority on money or answers.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sandbox.review.rules import Ruling
from sandbox.service.line import Line, Place
from sandbox.service.views import LoadView

_KEYS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engine gave, as it will be committed, and how the review rules ruled on it."""

    answer: dict[str, Any]
    ruling: Ruling


@dataclass(slots=True)
class Running:
    """A reserved query until it is settled; then its place is given back. Times are monotonic seconds.

    The measuring thread delivers, the settling thread reads at the slots of the release clock: nobody else looks.
    """

    query: str
    person: str
    answer_key: str
    accepted: float
    slot_ms: int
    place: Place | None = None
    settled: threading.Event = field(default_factory=threading.Event)
    _delivered: bool = False
    _measured: Measured | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self, measured: Measured | None) -> None:
        """What the engine gave; None for any failure. Only the first delivery counts."""
        with self._lock:
            if not self._delivered:
                self._delivered, self._measured = True, measured

    def outcome(self) -> tuple[bool, Measured | None]:
        """Whether the engine has come back, and with what."""
        with self._lock:
            return self._delivered, self._measured


class Desk:
    """Running queries and the line before them, loads and recent keys. `lock` makes look-then-reserve one step."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.line = Line()
        self._running: dict[str, Running] = {}
        self._loads: dict[str, tuple[str, str, LoadView]] = {}
        self._keys: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    # -- queries

    def open(self, running: Running) -> None:
        with self.lock:
            self._running[running.query] = running

    def close(self, running: Running) -> None:
        """The query is settled (or was never reserved): wake whoever waits for it."""
        with self.lock:
            self._running.pop(running.query, None)
        running.settled.set()
        if running.place is not None:
            running.place.leave()

    def running(self, query: str) -> Running | None:
        with self.lock:
            return self._running.get(query)

    def asking(self, answer_key: str) -> Running | None:
        """The running query that asks this very question, if there is one."""
        with self.lock:
            return next((item for item in self._running.values() if item.answer_key == answer_key), None)

    def remember(self, person: str, key: str, body: str, query: str) -> None:
        """The idempotency key of a submission that met a running query, and that query."""
        with self.lock:
            self._keys[person, key] = (body, query)
            self._keys.move_to_end((person, key))
            while len(self._keys) > _KEYS_REMEMBERED:
                self._keys.popitem(last=False)

    def remembered(self, person: str, key: str) -> tuple[str, str] | None:
        """Digest of the body and id of the query of a recent key."""
        with self.lock:
            return self._keys.get((person, key))

    # -- loads

    def loads_running(self) -> int:
        with self.lock:
            return sum(view.state == "running" for _, _, view in self._loads.values())

    def begin_load(self, owner: str, dataset: str, view: LoadView) -> bool:
        """False, and nothing begun, while another load of the dataset runs."""
        with self.lock:
            if any(name == dataset and other.state == "running" for _, name, other in self._loads.values()):
                return False
            self._loads[view.id] = (owner, dataset, view)
            return True

    def move_load(self, view: LoadView) -> None:
        with self.lock:
            owner, dataset, _ = self._loads[view.id]
            self._loads[view.id] = (owner, dataset, view)

    def load(self, owner: str, load: str) -> LoadView | None:
        """The load, if this person began it."""
        with self.lock:
            found = self._loads.get(load)
            return found[2] if found is not None and found[0] == owner else None
