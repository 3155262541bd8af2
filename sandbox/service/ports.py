"""The few ports: what the service needs of the world. Protocols and the frozen records that cross them.

No state changes without its audit entry: every mutating method of `Ledger` takes one and writes both in one
transaction, or raises `AuditUnavailable` and changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sandbox.service.found_entries import EntryFilter, FoundEntry
from sandbox.terms.answer import Answer
from sandbox.terms.dataset import Account, Dataset, UnitSpace, Version
from sandbox.terms.loss import Loss
from sandbox.terms.order import LoadOrder, MeasureOrder, SourceVersion
from sandbox.terms.people import (
    Freeze,
    Grant,
    GrantRequest,
    GrantStanding,
    Person,
    PublicKeys,
    RequestStanding,
    UnderGrant,
)


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

    `answer_key` names the question (grants, plan digest, data version, asked-for loss); `grant_version` and `grant` are
    rechecked inside the transaction, with its term, number of uses, revocation, and what is frozen, as is the
    idempotency key. `key` is the id of the person's registered keys: the answer will be sealed to them. `also` are the
    versions of further datasets that are read, sorted: those with units are of the same space, named by one of the grants,
    and their accounts are debited too; public ones cost nothing. `also_under` are further grants, sorted, that the query is
    asked under: each is for the same purpose, names something that is read, and is rechecked, used and debited like the
    first, which names `dataset`.
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
    key: str
    request: dict[str, Any]
    accepted_at: datetime
    visible_at: datetime
    also: tuple[SourceVersion, ...] = ()
    also_under: tuple[UnderGrant, ...] = ()

    @property
    def grants(self) -> tuple[UnderGrant, ...]:
        """All grants that it is asked under, the first one first."""
        return (UnderGrant(self.grant, self.grant_version), *self.also_under)


class QueryState:
    """States of a query row: reserved → committed | forfeited; `reused` rows are committed at birth."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    FORFEITED = "forfeited"


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """A query as the ledger holds it. `request` is what was asked (sql, purpose, epsilon, need, signature, …), opened from
    its sealed form; `key` names the keys that its answer is sealed to; `answer` the committed answer document, or None before that and after a forfeit. `entry` is this
    query's own, `settled_entry` the one that settled its order: for a reused answer that of the first query."""

    id: str
    order: str
    person: str
    grant: str
    dataset: str
    key: str
    state: str
    loss: Loss
    reused: bool
    request: dict[str, Any]
    accepted_at: datetime
    visible_at: datetime
    entry: int
    settled_entry: int | None
    answer: dict[str, Any] | None
    further: tuple[str, ...] = ()
    """The other datasets that it reads, public ones too, sorted."""
    also_under: tuple[str, ...] = ()
    """The further grants that it was asked under, sorted."""

    @property
    def grants(self) -> tuple[str, ...]:
        """All grants that it was asked under, the first one first."""
        return (self.grant, *self.also_under)

    @property
    def datasets(self) -> tuple[str, ...]:
        """All datasets that it reads, the first one with units before the others."""
        return (self.dataset, *self.further)


@dataclass(frozen=True, slots=True)
class ReviewOpening:
    """How the rules ruled on a committed answer. `outcome` is automatic, sampled (out at once, looked at afterwards) or
    held (until `votes` reviewers have voted: 1 or 2; 0 otherwise). `reasons` name the rules that asked for it, `profile`
    the profile applied, `digest` binds plan, data version, answer and policy bundle (sandbox.review.binding)."""

    id: str
    outcome: str
    votes: int
    reasons: tuple[str, ...]
    profile: str
    digest: str


@dataclass(frozen=True, slots=True)
class VoteRecord:
    """One reviewer's vote. `verdict` is approve or reject; `round` independent, consolidation, third or afterwards;
    `digest` is what the reviewer saw."""

    review: str
    reviewer: str
    human: str
    organisation: str
    verdict: str
    reason: str
    round: str
    digest: str
    at: datetime
    entry: int = field(default=0, compare=False)
    """Its place in the log; of no meaning in one that is not cast yet."""


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A review as the ledger holds it, with its votes in order. `author` asked the query. `decision` is approved,
    rejected, withdrawn or lapsed, None while it is open; automatic and sampled reviews are approved from the start."""

    opening: ReviewOpening
    query: str
    order: str
    author: str
    human: str
    organisation: str
    grant: str
    dataset: str
    opened_at: datetime
    votes: tuple[VoteRecord, ...]
    decision: str | None
    decided_entry: int | None
    released_entry: int | None
    further: tuple[str, ...] = ()
    """The other datasets that the query reads, public ones too, sorted."""
    also_under: tuple[str, ...] = ()
    """The further grants that the query was asked under, sorted."""

    @property
    def grants(self) -> tuple[str, ...]:
        """All grants that the query was asked under, the first one first."""
        return (self.grant, *self.also_under)

    @property
    def datasets(self) -> tuple[str, ...]:
        """All datasets that the query reads, the first one with units before the others."""
        return (self.dataset, *self.further)


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """What left for an order: the sealed bundle's certificate and envelope, exactly as handed out."""

    order: str
    query: str
    review: str
    key: str
    certificate: dict[str, Any]
    envelope: bytes
    entry: int


class Ledger(Protocol):
    """Accounts and audit entries: one store, one transaction."""

    def append(self, entry: Entry) -> Receipt:
        """Write an entry that changes nothing else."""

    def add_person(self, person: Person, token_digest: bytes, entry: Entry) -> Receipt:
        """Enrol a person. Raises NameTaken."""

    def add_dataset(
        self,
        dataset: Dataset,
        text: str,
        space: UnitSpace | None,
        space_limit: Loss | None,
        limit: Loss | None,
        entry: Entry,
    ) -> Receipt:
        """Register a dataset (and its unit space where new) with their accounts. Raises DatasetExists, UnitSpaceConflict."""

    def add_version(self, version: Version, entry: Entry) -> Receipt:
        """Make a loaded version the current one."""

    def add_keys(self, keys: PublicKeys, entry: Entry) -> Receipt:
        """Register a person's public keys; the newest are the current ones. Raises NameTaken for a known id."""

    def add_grant_request(self, request: GrantRequest, entry: Entry) -> Receipt:
        """Record what an analyst asks for."""

    def decline_grant_request(self, request: str, reason: str, entry: Entry) -> Receipt:
        """Raises NotFound, AlreadyDecided."""

    def add_grant(self, grant: Grant, limits: dict[str, tuple[Loss, Loss]], entry: Entry) -> Receipt:
        """Record a grant, which approves its request; `limits` maps unit space to (grant limit, analyst limit where the
        analyst has none yet). Raises NotFound, AlreadyDecided."""

    def revoke_grant(self, grant: str, reason: str, entry: Entry) -> Receipt:
        """End a grant for good: from this transaction on it reserves and releases nothing. Raises NotFound, GrantRevoked."""

    def freeze(self, freeze: Freeze, entry: Entry) -> Receipt:
        """Stop a person, grant or dataset. Raises NotFound, AlreadyDecided (it is frozen already)."""

    def lift(self, freeze: str, officer: Person, reason: str, entry: Entry) -> tuple[Freeze, Receipt]:
        """One officer's consent to lift. The first is recorded (entry freeze.lift-asked), the second, by another human,
        ends the freeze (the ledger writes the kind freeze.lifted). Raises NotFound, AlreadyDecided, OwnRequest."""

    def reserve(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt]:
        """Debit every account, use every grant, consume the order id, append the entry, in one transaction.

        The same idempotency key with the same body returns the first record and its receipt, spending nothing.
        Raises: BudgetInsufficient (facts: account, left), GrantNotInForce, GrantRevoked, GrantUsedUp, Frozen, KeysRequired,
        IdempotencyKeyReused, AuditUnavailable.
        """

    def reuse(self, reservation: Reservation, entry: Entry) -> tuple[QueryRecord, Receipt] | None:
        """If this grant holds a committed answer to `answer_key`, record a query that returns it for nothing.

        None where there is no such answer. The same idempotency rules as `reserve`.
        """

    def commit(self, order: str, answer: dict[str, Any], review: ReviewOpening, entry: Entry) -> Receipt:
        """reserved → committed, storing the sealed answer and opening its review. An automatic or sampled review is
        decided (approved) by this same entry."""

    def vote(self, vote: VoteRecord, seen: int, decision: str | None, entry: Entry) -> Receipt:
        """Record a vote, and with it the decision it brings about, if any. `seen` is how many votes the caller counted
        with. Raises NotFound, AlreadyDecided, ReviewChanged (others voted meanwhile)."""

    def close_review(self, review: str, decision: str, entry: Entry) -> Receipt:
        """End an open review without a vote: withdrawn or lapsed. Raises NotFound, AlreadyDecided."""

    def release(self, release: ReleaseRecord, entry: Entry) -> tuple[ReleaseRecord, Receipt]:
        """Let an answer out, once: a second call returns the first record. Its review must be approved, its grant
        not revoked (none of its grants), and neither person, grants nor any dataset that was read frozen, in this
        transaction. `entry` of the record is ignored.
        Raises: GrantRevoked, Frozen, AuditUnavailable; ValueError without an approving decision."""

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

    def standings(self, analyst: str | None = None) -> Sequence[GrantStanding]:
        """Grants, all or one analyst's, in the order given, with how each stands now."""

    def standing(self, grant: str) -> GrantStanding | None: ...
    def grant_requests(self, analyst: str | None = None) -> Sequence[RequestStanding]: ...
    def grant_request(self, request: str) -> RequestStanding | None: ...
    def keys(self, person: str) -> Sequence[PublicKeys]:
        """A person's registered keys, the current ones last."""

    def freezes(self, *, active: bool = True) -> Sequence[Freeze]:
        """Freezes in force, or (`active` False) all, newest first."""

    def frozen(self, subject: str, name: str) -> bool: ...
    def review(self, review: str) -> ReviewRecord | None: ...
    def review_of(self, order: str) -> ReviewRecord | None: ...
    def reviews(self, *, pending: bool = True, limit: int = 100) -> Sequence[ReviewRecord]:
        """Open reviews and sampled ones without a vote (`pending`), oldest first; else all, newest first."""

    def release_of(self, order: str) -> ReleaseRecord | None: ...
    def unreleased(self) -> Sequence[ReviewRecord]:
        """Approved reviews without a release whose grant is not revoked, oldest first: a crash or a freeze held them up."""

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
