"""Logs made by hand for the proof room's tests: a key, a clock, and the entries of a small enclave's life."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes
from sandbox.proof.log_export import export_lines
from sandbox.proof.merkle import leaf_hash, root_of
from sandbox.proof.signing import SigningKey

ORIGIN = "enclave.example"
KEY = SigningKey(ORIGIN, bytes(range(32)))
START = datetime(2026, 3, 1, tzinfo=UTC)
DIGEST = "ab" * 32


def loss(units: int, mode: str = "zcdp", delta: int = 0) -> dict[str, str]:
    return {"mode": mode, "units": str(units), "delta": str(delta)}


def limit(units: int) -> dict[str, str]:
    return loss(units, delta=500_000_000_000)


@dataclass
class MadeLog:
    """Entries in order; every method appends one."""

    entries: list[bytes] = field(default_factory=list)
    now: datetime = START

    def add(self, kind: str, actor: str = "enclave", **facts: Any) -> None:
        self.now += timedelta(milliseconds=250)
        self.entries.append(entry_bytes(kind, self.now, actor, facts))

    def checkpoint(self, key: SigningKey = KEY) -> str:
        return sign_checkpoint(Checkpoint(ORIGIN, len(self.entries), root_of(map(leaf_hash, self.entries))), key)

    def lines(self) -> list[str]:
        return list(export_lines(ORIGIN, KEY.verifier.text, self.entries, self.checkpoint()))

    def data(self) -> bytes:
        return "".join(line + "\n" for line in self.lines()).encode()

    def created(self) -> None:
        self.add("enclave.created", name="enclave", origin=ORIGIN, log_key=KEY.verifier.text)

    def started(self, *, on: bool = True, network: str = "private") -> None:
        clock = {"tick_ms": 250, "on": on}
        self.add("enclave.started", version="0.1.0", boot="0f" * 16, clock=clock, network=network)

    def registered(self, dataset: str = "clinic", *, new: bool = True, within: str = "people", **changed: Any) -> None:
        definition = {"name": within, "mode": "zcdp", "epsilon": "20", "delta": "1/1000000", "buckets": 16}
        facts = {
            "dataset": dataset,
            "description": DIGEST,
            "grade": "general",
            "unit_space": within,
            "limit": limit(1_000),
            "space": {**definition, "limit": limit(2_000)} if new else None,
        }
        self.add("dataset.registered", "steward", **{**facts, **changed})

    def loaded(self, dataset: str = "clinic", version: int = 1) -> None:
        self.add("version.loaded", dataset=dataset, version=version, manifest=DIGEST)

    def granted(self, grant: str = "g1", analyst: str = "ann", *, first: bool = True, **changed: Any) -> None:
        facts = {
            "grant": grant,
            "version": 1,
            "analyst": analyst,
            "organisation": "acme",
            "datasets": ["clinic"],
            "purpose": "research",
            "epsilon": "5",
            "not_before": "2026-01-01T00:00:00.000000Z",
            "not_after": "2027-01-01T00:00:00.000000Z",
            "limits": {"people": {"grant": limit(500), "analyst": limit(500) if first else None}},
        }
        self.add("grant.given", "steward", **{**facts, **changed})

    def reserved(self, number: int = 1, units: int = 100, **changed: Any) -> None:
        facts = {
            "query": f"q{number}",
            "order": f"o{number}",
            "person": "ann",
            "grant": "g1",
            "grant_version": 1,
            "dataset": "clinic",
            "data_version": 1,
            "manifest": DIGEST,
            "space": "people",
            "loss": loss(units),
            "plan_tag": DIGEST,
            "text_tag": DIGEST,
            "sealed": "AAAA",
            "bundle": DIGEST,
        }
        self.add("query.reserved", "ann", **{**facts, **changed})

    def reused(self, number: int, of: int, **changed: Any) -> None:
        facts = {
            "query": f"q{number}",
            "order": f"o{number}",
            "of": f"q{of}",
            "person": "ann",
            "grant": "g1",
            "dataset": "clinic",
            "space": "people",
            "plan_tag": DIGEST,
            "text_tag": DIGEST,
            "sealed": "AAAA",
        }
        self.add("query.reused", "ann", **{**facts, **changed})

    def committed(self, number: int = 1, **changed: Any) -> None:
        self.add("query.committed", **{"query": f"q{number}", "order": f"o{number}", "answer": DIGEST, **changed})

    def forfeited(self, number: int = 1) -> None:
        self.add("query.forfeited", query=f"q{number}", order=f"o{number}")


def opened() -> MadeLog:
    """An enclave with one loaded dataset and one grant."""
    log = MadeLog()
    log.created()
    log.started()
    log.add("person.enrolled", name="ann", organisation="acme", role="analyst")
    log.registered()
    log.loaded()
    log.granted()
    return log


def lived() -> MadeLog:
    """That enclave after some queries."""
    log = opened()
    log.add("query.checked", "ann", text_tag=DIGEST, verdict="answerable", purpose="research")
    log.add("query.refused", "ann", text_tag=DIGEST, code="unknown-table", purpose="research")
    log.reserved(1, 100)
    log.committed(1)
    log.reserved(2, 30)
    log.reserved(3, 7)
    log.forfeited(3)
    log.committed(2)
    log.reused(4, of=1)
    log.reserved(5, 5)
    return log
