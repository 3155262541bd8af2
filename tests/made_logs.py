"""Logs made by hand for the proof room's tests: a key, a clock, and a method for each kind of entry. Whole lives of an
enclave, made with them, are in made_lives.py."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes, read_time
from sandbox.proof.key_pairs import key_id
from sandbox.proof.log_export import export_lines
from sandbox.proof.merkle import leaf_hash, root_of
from sandbox.proof.signing import SigningKey

ORIGIN = "enclave.example"
KEY = SigningKey(ORIGIN, bytes(range(32)))
START = datetime(2026, 3, 1, tzinfo=UTC)
DIGEST = "ab" * 32
OTHER_DIGEST = "cd" * 32
REASON = "for the yearly report"
SIGNATURE = b64encode(bytes(64)).decode()
FROM, UNTIL = "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"
PEOPLE = {
    "root": ("enclave", "administrator", ""),
    "sue": ("bureau", "steward", ""),
    "ann": ("acme", "analyst", "staff-1"),
    "bob": ("rival", "analyst", ""),
    "rita": ("bureau", "reviewer", "staff-7"),
    "ray": ("institute", "reviewer", ""),
    "rose": ("institute", "reviewer", ""),
    "olga": ("watch", "officer", "staff-3"),
    "otto": ("watch", "officer", "staff-4"),
}


def loss(units: int, mode: str = "zcdp", delta: int = 0) -> dict[str, str]:
    return {"mode": mode, "units": str(units), "delta": str(delta)}


def limit(units: int) -> dict[str, str]:
    return loss(units, delta=500_000_000_000)


def halves(person: str, number: int = 1) -> tuple[bytes, bytes]:
    """Made-up public halves."""
    seed = sum(person.encode()) % 200
    return bytes([seed, number] * 16), bytes([number, seed] * 16)


def key_of(person: str, number: int = 1) -> str:
    return key_id(person, *halves(person, number))


@dataclass
class MadeLog:
    """Entries in order; every method appends one. `labels` name those that a test comes back to."""

    entries: list[bytes] = field(default_factory=list)
    now: datetime = START
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, actor: str = "enclave", /, **facts: Any) -> None:
        self.now += timedelta(milliseconds=250)
        self.entries.append(entry_bytes(kind, self.now, actor, facts))

    def mark(self, label: str) -> None:
        """Name the last entry."""
        assert label not in self.labels
        self.labels[label] = len(self.entries) - 1

    def edit(self, label: str, *, actor: str = "", kind: str = "", **changed: Any) -> None:
        """Other facts in place of an entry's; `...` drops one."""
        place = self.labels[label]
        entry = json.loads(self.entries[place])
        facts = {name: value for name, value in {**entry["facts"], **changed}.items() if value is not ...}
        self.entries[place] = entry_bytes(kind or entry["kind"], read_time(entry["at"]), actor or entry["actor"], facts)

    def drop(self, label: str) -> None:
        """Take an entry out."""
        place = self.labels.pop(label)
        del self.entries[place]
        self.labels = {name: index - (index > place) for name, index in self.labels.items()}

    def swap(self, one: str, other: str) -> None:
        """Let two entries change places."""
        first, second = self.labels[one], self.labels[other]
        self.entries[first], self.entries[second] = self.entries[second], self.entries[first]
        self.labels[one], self.labels[other] = second, first

    def after(self, label: str, method: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """What `method` appends, right behind an entry instead, under the label "new"."""
        method(*args, **kwargs)
        place = self.labels[label] + 1
        self.entries.insert(place, self.entries.pop())
        self.labels = {name: index + (index >= place) for name, index in self.labels.items()} | {"new": place}

    def facts(self, label: str) -> dict[str, Any]:
        return json.loads(self.entries[self.labels[label]])["facts"]

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

    def enrolled(self, name: str, **changed: Any) -> None:
        organisation, role, identity = PEOPLE.get(name, ("acme", "analyst", ""))
        facts = {"name": name, "organisation": organisation, "role": role, "identity": identity}
        self.add("person.enrolled", "root", **{**facts, **changed})

    def keys(self, person: str, number: int = 1, *, by: str = "", **changed: Any) -> None:
        sealing, signing = (b64encode(half).decode() for half in halves(person, number))
        facts = {"person": person, "key": key_of(person, number), "sealing": sealing, "signing": signing}
        self.add("keys.registered", by or person, **{**facts, **changed})

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
        self.add("dataset.registered", "sue", **{**facts, **changed})

    def loaded(self, dataset: str = "clinic", version: int = 1) -> None:
        self.add("version.loaded", "sue", dataset=dataset, version=version, manifest=DIGEST)

    def _terms(self, analyst: str) -> dict[str, Any]:
        return {
            "analyst": analyst,
            "organisation": PEOPLE[analyst][0],
            "datasets": ["clinic"],
            "tables": ["clinic.stays", "clinic.visits"],
            "columns": ["clinic.visits.age", "clinic.visits.cost"],
            "aggregates": ["count", "mean", "sum"],
            "purpose": "research",
            "epsilon": "5",
            "uses": 40,
            "not_before": FROM,
            "not_after": UNTIL,
        }

    def requested(self, number: int = 1, analyst: str = "ann", *, by: str = "", **changed: Any) -> None:
        facts = {"request": f"gr{number}", **self._terms(analyst), "reason": REASON}
        self.add("grant.requested", by or analyst, **{**facts, **changed})

    def declined(self, number: int = 1, *, by: str = "sue", **changed: Any) -> None:
        self.add("grant.declined", by, **{"request": f"gr{number}", "reason": REASON, **changed})

    def given(
        self, number: int = 1, analyst: str = "ann", *, by: str = "sue", first: bool = True, **changed: Any
    ) -> None:
        """It approves request `number` as a whole."""
        facts = {
            "grant": f"g{number}",
            "version": 1,
            "request": f"gr{number}",
            **self._terms(analyst),
            "review": "profile",
            "signature": SIGNATURE,
            "limits": {"people": {"grant": limit(500), "analyst": limit(500) if first else None}},
        }
        self.add("grant.given", by, **{**facts, **changed})

    def granted(self, number: int = 1, analyst: str = "ann", *, first: bool = True, **changed: Any) -> None:
        """A request and the grant of all of it."""
        limits = {"limits": changed.pop("limits")} if "limits" in changed else {}
        self.requested(number, analyst, **changed)
        self.given(number, analyst, first=first, **changed, **limits)

    def revoked(self, number: int = 1, *, by: str = "sue", **changed: Any) -> None:
        self.add("grant.revoked", by, **{"grant": f"g{number}", "reason": REASON, **changed})

    def frozen(self, number: int, subject: str, name: str, *, by: str = "olga", **changed: Any) -> None:
        facts = {"freeze": f"f{number}", "subject": subject, "name": name, "reason": REASON}
        self.add("freeze.set", by, **{**facts, **changed})

    def lift_asked(self, number: int = 1, *, by: str = "olga") -> None:
        self.add("freeze.lift-asked", by, freeze=f"f{number}", reason=REASON)

    def lifted(self, number: int = 1, *, by: str = "otto") -> None:
        self.add("freeze.lifted", by, freeze=f"f{number}", reason=REASON)

    def thawed(self, number: int) -> None:
        """Both consents."""
        self.lift_asked(number)
        self.lifted(number)

    def _query(self, number: int, person: str) -> dict[str, Any]:
        return {
            "query": f"q{number}",
            "order": f"o{number}",
            "person": person,
            "grant": "g1",
            "dataset": "clinic",
            "space": "people",
            "key": key_of(person),
            "data_version": 1,
            "manifest": DIGEST,
            "also": [],
            "also_under": [],
            "plan_tag": DIGEST,
            "text_tag": DIGEST,
            "sealed": "AAAA",
            "bundle": DIGEST,
        }

    def reserved(self, number: int = 1, units: int = 5, *, person: str = "ann", **changed: Any) -> None:
        facts = {**self._query(number, person), "grant_version": 1, "loss": loss(units)}
        self.add("query.reserved", person, **{**facts, **changed})

    def reused(self, number: int, of: int, *, person: str = "ann", **changed: Any) -> None:
        self.add("query.reused", person, **{**self._query(number, person), "of": f"q{of}", **changed})

    def committed(self, number: int = 1, outcome: str = "automatic", votes: int = 0, **changed: Any) -> None:
        review = {
            "id": f"rr{number}",
            "outcome": outcome,
            "votes": votes,
            "reasons": ["few-groups"] if votes else [],
            "profile": "general",
            "digest": DIGEST,
        }
        review |= changed.pop("review", {})
        self.add(
            "query.committed",
            **{"query": f"q{number}", "order": f"o{number}", "answer": DIGEST, **changed, "review": review},
        )

    def forfeited(self, number: int = 1) -> None:
        self.add("query.forfeited", query=f"q{number}", order=f"o{number}")

    def asked(self, number: int, outcome: str = "automatic", votes: int = 0, **changed: Any) -> None:
        """A query up to its review."""
        self.reserved(number, **changed)
        self.committed(number, outcome, votes)

    def viewed(self, number: int, by: str) -> None:
        self.add("review.viewed", by, review=f"rr{number}")

    def voted(
        self,
        number: int,
        by: str,
        verdict: str = "approve",
        decision: str | None = None,
        round_: str = "independent",
        **changed: Any,
    ) -> None:
        facts = {
            "review": f"rr{number}",
            "query": f"q{number}",
            "verdict": verdict,
            "round": round_,
            "reason": REASON,
            "digest": DIGEST,
            "decision": decision,
        }
        self.add("review.voted", by, **{**facts, **changed})

    def closed(self, number: int, decision: str, by: str) -> None:
        self.add("review.closed", by, review=f"rr{number}", query=f"q{number}", decision=decision)

    def released(self, number: int = 1, *, person: str = "ann", **changed: Any) -> None:
        facts = {
            "query": f"q{number}",
            "order": f"o{number}",
            "review": f"rr{number}",
            "key": key_of(person),
            "certificate": DIGEST,
            "envelope": OTHER_DIGEST,
        }
        self.add("release.released", **{**facts, **changed})
