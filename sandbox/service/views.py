"""What callers see: frozen, complete, and nothing that is not meant for them. `to_json` gives the shapes of the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.proof.entry import time_text
from sandbox.service.found_entries import FoundEntry
from sandbox.service.ports import EntryReceipt, Receipt


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Where an entry stands in the log."""
    return {
        "index": receipt.index,
        "leaf": receipt.leaf,
        "checkpoint": receipt.checkpoint,
        "proof": list(receipt.proof),
    }


def entry_receipt_json(receipt: EntryReceipt) -> dict[str, Any]:
    """Where an entry stands in the log, and what it says."""
    return {**receipt_json(receipt), "entry": receipt.entry}


@dataclass(frozen=True, slots=True)
class EnclaveView:
    """Public facts of the enclave."""

    name: str
    origin: str
    log_key: str
    release_key: str
    network: str
    tick_ms: int
    clock_on: bool
    version: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "origin": self.origin,
            "log_key": self.log_key,
            "release_key": self.release_key,
            "network": self.network,
            "clock": {"tick_ms": self.tick_ms, "on": self.clock_on},
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class LoadView:
    """A load in hand. `state` is running, done, refused (the files) or failed (ours)."""

    id: str
    state: str
    phase: str = ""
    done: int = 0
    total: int = 0
    version: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "version": self.version,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account of the caller. Amounts are decimals of ρ or ε by `mode`; the two last are the ε at the space's δ."""

    kind: str
    owner: str
    space: str
    mode: str
    limit: str
    spent: str
    left: str
    epsilon_limit: str
    epsilon_spent: str

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class CostView:
    """What a query costs: `amount` of ρ or ε, for the asked `epsilon` at `delta`."""

    space: str
    mode: str
    amount: str
    epsilon: str
    delta: str

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a query would give and cost; nothing was spent. `groups` and `bounds` are those of its first measurement;
    `groups` is None where private keys decide which show; `dataset` and `table` are the first that it reads, `datasets` all, public
    ones too; `grant` is the first that it would be asked under, `grants` all. `picture` is SVG, "" where none was asked for."""

    dataset: str
    datasets: tuple[str, ...]
    table: str
    version: int
    grant: str
    grants: tuple[str, ...]
    plan: dict[str, list[str]]
    picture: str
    groups: int | None
    bounds: dict[str, int]
    mechanism: str
    cost: CostView
    accounts: tuple[dict[str, Any], ...]
    errors: tuple[dict[str, Any], ...]
    policy: dict[str, Any]
    review: dict[str, Any]
    wait_ms: int

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": "answerable",
            "dataset": self.dataset,
            "datasets": list(self.datasets),
            "table": self.table,
            "version": self.version,
            "grant": self.grant,
            "grants": list(self.grants),
            "plan": self.plan,
            **({"picture": self.picture} if self.picture else {}),
            "groups": self.groups,
            "bounds": self.bounds,
            "mechanism": self.mechanism,
            "cost": self.cost.to_json(),
            "accounts": list(self.accounts),
            "errors": list(self.errors),
            "policy": self.policy,
            "review": self.review,
            "wait_ms": self.wait_ms,
            "spent": "0",
        }


@dataclass(frozen=True, slots=True)
class QueryView:
    """A submitted query. While it is running this is a function of the plan and the time alone; `review` is None until
    its slot. `need` is empty for all but its owner. `dataset` is the first that it reads, `datasets` are all, public ones too."""

    id: str
    state: str
    dataset: str
    datasets: tuple[str, ...]
    purpose: str
    epsilon: str
    need: str
    key: str
    reused: bool
    cost: CostView
    accepted_at: datetime
    visible_at: datetime
    receipt: Receipt
    review: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "dataset": self.dataset,
            "datasets": list(self.datasets),
            "purpose": self.purpose,
            "epsilon": self.epsilon,
            "need": self.need,
            "key": self.key,
            "reused": self.reused,
            "cost": self.cost.to_json(),
            "accepted_at": time_text(self.accepted_at),
            "visible_at": time_text(self.visible_at),
            "receipt": receipt_json(self.receipt),
            "review": self.review,
        }


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A released answer of the caller's: the sealed bundle with its certificate and receipts, and what it cost."""

    id: str
    bundle: dict[str, Any]
    cost: CostView
    reused: bool

    def to_json(self) -> dict[str, Any]:
        return self.bundle | {"id": self.id, "cost": self.cost.to_json(), "reused": self.reused}


@dataclass(frozen=True, slots=True)
class ConsistencyView:
    """That the log of size `new` extends the log of size `old`."""

    old: int
    new: int
    proof: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"old": self.old, "new": self.new, "proof": list(self.proof)}


@dataclass(frozen=True, slots=True)
class InclusionView:
    """That an entry is covered by a checkpoint."""

    receipt: Receipt

    def to_json(self) -> dict[str, Any]:
        return receipt_json(self.receipt)


@dataclass(frozen=True, slots=True)
class FoundView:
    """A page of a search of the log, newest first. `next` is the `before` of the following page; None at the end.
    `searched` is the index of the entry that states this search."""

    found: tuple[FoundEntry, ...]
    next: int | None
    searched: int

    def to_json(self) -> dict[str, Any]:
        return {
            "entries": [_found_json(item) for item in self.found],
            "next": self.next,
            "searched": self.searched,
        }


def _found_json(found: FoundEntry) -> dict[str, Any]:
    return {
        "index": found.index,
        "kind": found.kind,
        "at": time_text(found.at),
        "actor": found.actor,
        "person": found.person,
        "organisation": found.organisation,
        "datasets": list(found.datasets),
        "purpose": found.purpose,
        "decision": found.decision,
        "text_tag": found.text_tag,
    }


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry with its inclusion proof. What is sealed in it stays sealed."""

    receipt: EntryReceipt

    def to_json(self) -> dict[str, Any]:
        return entry_receipt_json(self.receipt)


@dataclass(frozen=True, slots=True)
class OpenedView:
    """An entry with the request that was sealed in it, and the entry in which the opening is stated."""

    entry: EntryReceipt
    request: dict[str, Any]
    opened: EntryReceipt

    def to_json(self) -> dict[str, Any]:
        return {
            "entry": entry_receipt_json(self.entry),
            "request": self.request,
            "opened": entry_receipt_json(self.opened),
        }


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset in a list."""

    name: str
    title: str
    grade: str
    steward: str
    unit_space: str
    loaded: bool

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in DatasetSummary.__slots__}


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset's public description: never a row, and nothing that was measured from rows."""

    summary: DatasetSummary
    tables: tuple[dict[str, Any], ...]
    version: int | None
    space: dict[str, str] | None
    epsilon: str

    def to_json(self) -> dict[str, Any]:
        return self.summary.to_json() | {
            "tables": list(self.tables),
            "version": self.version,
            "space": self.space,
            "epsilon": self.epsilon,
        }
