"""The few ports: what the service needs of the world. Protocols and the frozen records that cross them.

No state changes without its audit entry: every mutating method of `Ledger` takes one and writes both in one
transaction, or raises `AuditUnavailable` and changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Account, Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.order import LoadOrder, MeasureOrder
from sandbox.terms.people import Grant, Person


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit entry before it has a place: `kind`, when, who acted, and public facts in canonical JSON."""

    kind: str
    at: datetime
    actor: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands in the log: proof that it is covered by the signed checkpoint (hex hashes)."""

    index: int
    leaf: str
    checkpoint: str
    proof: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryReceipt(Receipt):
    """A receipt with the entry's canonical text: only for those whom the entry concerns."""

    entry: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the reserving transaction takes from every account it touches, and for what.

    `answer_key` names the question (grant, plan digest, data version, asked-for loss); `grant_version` and
    `grant` are rechecked inside the transaction, as is the idempotency key.
    """

    query: str
    order: str
    person: str
    grant: str
    grant_version: int
    dataset: str
    space: str
    loss: Loss
    answer_key: str
    idempotency_key: str
    body_digest: str
    request: dict[str, Any]
    accepted_at: datetime
    visible_at: datetime


class QueryState:
    """States of a query row: reserved → committed | forfeited; `reused` rows are committed at birth."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    FORFEITED = "forfeited"


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A query as the ledger holds it. `request` is what was asked (sql, purpose, epsilon, quote), opened from its
    sealed form; `answer` the committed answer document, or None before that and after a forfeit. `entry` is this
    query's own, `settled_entry` the one that settled its order: for a reused answer that of the first query."""

    id: str
    order: str
    person: str
    grant: str
    dataset: str
    state: str
    loss: Loss
    reused: bool
    request: dict[str, Any]
    accepted_at: datetime
    visible_at: datetime
    entry: int
    settled_entry: int | None
    answer: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries of the log are looked for; None asks for nothing.

    `actor` finds what a person did and what the enclave did for them (settling their query); `organisation` is that
    person's, as enrolled. `decision` is answerable, reserved, committed, forfeited, reused, attached, the code of a
    refusal, or "refused" for any code. `since` is inclusive, `until` exclusive; `text_tag` is a query text's keyed hash.
    """

    actor: str | None = None
    organisation: str | None = None
    dataset: str | None = None
    purpose: str | None = None
    decision: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text_tag: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """What the log's index holds of an entry. `person` is on whose behalf: the actor, or who asked the settled query."""

    index: int
    kind: str
    at: datetime
    actor: str
    person: str
    organisation: str | None
    datasets: tuple[str, ...]
    purpose: str | None
    decision: str | None
    text_tag: str | None


class Ledger(Protocol):
    """Accounts and audit entries: one store, one transaction."""

    def append(self, entry: Entry) -> Receipt:
        """Write an entry that changes nothing else."""

    def add_person(self, person: Person, token_digest: bytes, entry: Entry) -> Receipt:
        """Enrol a person. Raises NameTaken."""

    def add_dataset(
        self, dataset: Dataset, text: str, space: UnitSpace, space_limit: Loss, limit: Loss, entry: Entry
    ) -> Receipt:
        """Register a dataset (and its unit space where new) with their accounts. Raises DatasetExists, UnitSpaceConflict."""

    def add_version(self, version: Version, entry: Entry) -> Receipt:
        """Make a loaded version the current one."""

    def add_grant(self, grant: Grant, limits: dict[str, tuple[Loss, Loss]], entry: Entry) -> Receipt:
        """Record a grant; `limits` maps unit space to (grant limit, analyst limit where the analyst has none yet)."""

    def reserve(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt]:
        """Debit every account, consume the order id, append the entry, in one transaction.

        The same idempotency key with the same body returns the first record and its receipt, spending nothing.
        Raises: BudgetInsufficient (facts: account, left), GrantNotInForce, IdempotencyKeyReused, AuditUnavailable.
        """

    def reuse(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt] | None:
        """If this grant holds a committed answer to `answer_key`, record a query that returns it for nothing.

        None where there is no such answer. The same idempotency rules as `reserve`.
        """

    def commit(self, order: str, answer: dict[str, Any], entry: Entry) -> Receipt:
        """reserved → committed, storing the sealed answer."""

    def forfeit(self, order: str, entry: Entry) -> Receipt:
        """reserved → forfeited; the loss stays spent."""

    def unsettled(self) -> Sequence[QueryRecord]:
        """Reservations that a crash left open."""

    def person_by_token(self, token_digest: bytes) -> Person | None: ...
    def person(self, name: str) -> Person | None: ...
    def people(self) -> Sequence[Person]: ...
    def dataset(self, name: str) -> tuple[Dataset, str] | None:
        """The dataset and its TOML text."""

    def datasets(self) -> Sequence[Dataset]: ...
    def space(self, name: str) -> UnitSpace | None: ...
    def version(self, dataset: str) -> Version | None:
        """The current version."""

    def grants(self, analyst: str | None = None) -> Sequence[Grant]: ...
    def accounts(
        self, space: str, dataset: str | None = None, grant: str | None = None, analyst: str | None = None
    ) -> Sequence[Account]:
        """The space's account and those of the named owners, outermost first."""

    def query(self, query: str) -> QueryRecord | None: ...
    def known(self, person: str, idempotency_key: str, body_digest: str) -> QueryRecord | None:
        """The query that this person recorded under the key. Raises IdempotencyKeyReused for another body."""

    def queries(self, person: str | None = None, limit: int = 100) -> Sequence[QueryRecord]: ...
    def size(self) -> int: ...
    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """Canonical bytes of entries start … end-1."""

    def search(self, wanted: EntryFilter, before: int, limit: int) -> Sequence[FoundEntry]:
        """Entries of an index below `before` that the filter finds, newest first, at most `limit`."""

    def checkpoint(self) -> str:
        """The newest signed checkpoint: covers every entry."""

    def receipt(self, index: int) -> Receipt: ...
    def consistency(self, old: int, new: int) -> tuple[str, ...]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What the data plane says of itself: boot nonce, its public key, how it is confined."""

    boot: str
    network: str
    workers: int
    engine: str


class Compute(Protocol):
    """The engine behind its socket."""

    def status(self) -> EngineStatus:
        """Raises EnclaveNotReady while there is no engine."""

    def measure(self, order: MeasureOrder) -> Answer:
        """The noisy answer. Raises MeasurementForfeited: constant text, whatever happened."""

    def load(self, order: LoadOrder, progress: Callable[[str, int, int], None]) -> Version:
        """Load a version. Raises FileNotUsable for the steward's files, Fault for everything else."""


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float: ...
    def sleep_until(self, moment: float) -> None:
        """Sleep until a monotonic moment."""
