"""Releases as an enclave makes them, over a log that is only in memory: two analysts, two answers, and one answer reused."""

import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from sandbox.proof.bundle import bundle_document, certificate_digest, make_bundle, salted
from sandbox.proof.checkpoint import Checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes
from sandbox.proof.key_pairs import KeyPair
from sandbox.proof.merkle import leaf_hash, prove_inclusion, stored_hashes, tree_root
from sandbox.proof.release_proof import envelope_digest
from sandbox.proof.signing import SigningKey
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.canonical import digest


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys somebody trusts."""

    origin: str
    log_key: str
    release_key: str


ORIGIN = "enclave.test"
LOG_KEY = SigningKey(ORIGIN, b"l" * 32)
RELEASE_KEY = SigningKey(f"{ORIGIN}/release", b"r" * 32)
OTHER_KEY = SigningKey(f"{ORIGIN}/release", b"o" * 32)
PINS = Pins(ORIGIN, LOG_KEY.verifier.text, RELEASE_KEY.verifier.text)
ANN = KeyPair("ann", b"\x11" * 32, b"\x22" * 32)
BOB = KeyPair("bob", b"\x33" * 32, b"\x44" * 32)
PLAN_TAG = "9a" * 32
AT = datetime(2026, 3, 1, tzinfo=UTC)


class Log:
    """A Merkle log in memory."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.hashes: list[bytes] = []

    def read(self, wanted):
        return [self.hashes[index] for index in wanted]

    def add(self, kind: str, actor: str, facts: dict) -> int:
        return self.add_body(entry_bytes(kind, AT, actor, facts))

    def add_body(self, body: bytes) -> int:
        self.hashes += stored_hashes(len(self.bodies), leaf_hash(body), self.read)
        self.bodies.append(body)
        return len(self.bodies) - 1

    def note(self) -> str:
        return sign_checkpoint(Checkpoint(ORIGIN, len(self.bodies), tree_root(len(self.bodies), self.read)), LOG_KEY)

    def proof(self, index: int) -> list[str]:
        return [item.hex() for item in prove_inclusion(index, len(self.bodies), self.read)]

    def receipt(self, index: int) -> dict:
        body = self.bodies[index]
        return {
            "index": index,
            "leaf": leaf_hash(body).hex(),
            "checkpoint": self.note(),
            "proof": self.proof(index),
            "entry": body.decode(),
        }


def answer_of(query: str) -> dict:
    return {"order": f"o_{query}", "columns": [{"name": "n", "values": [query, 41]}]}


def release(
    log: Log,
    pair: KeyPair,
    query: str,
    *,
    release_key: SigningKey = RELEASE_KEY,
    sealed: dict | None = None,
    votes: tuple[int, tuple[str, ...]] = (1, ("independent",)),
    **changed,
) -> dict:
    """Everything that happens to one query, and the document that comes of it. `changed` replaces facts of the certificate,
    `sealed` the answer that was committed; `votes` are how many were asked for, and the rounds of those that approved."""
    facts = {
        "query": query,
        "order": f"o_{query}",
        "text_tag": "ab" * 32,
        "plan_digest": "cd" * 32,
        "dataset": "clinic",
        "data_version": 3,
        "manifest": "ef" * 32,
        "also": [],
        "also_under": [],
        "mechanism": "discrete gaussian",
        "loss": {"mode": "zcdp", "units": "18000000", "delta": "0"},
        "grant": f"g_{pair.person}",
        "grant_version": 1,
        "purpose": "research",
        "person": pair.person,
        "organisation": "acme",
        "key": pair.id,
        "bundle": "12" * 32,
        "clock": {"tick_ms": 250, "on": True},
        "assurance": "software",
        "network": "private",
    }
    review = {"id": f"rr_{query}", "outcome": "held", "votes": votes[0], "profile": "general", "digest": "34" * 32}
    own = (
        "order",
        "person",
        "grant",
        "grant_version",
        "dataset",
        "data_version",
        "manifest",
        "also",
        "also_under",
        "loss",
        "key",
        "text_tag",
        "bundle",
    )
    asked = {"query": query, "plan_tag": PLAN_TAG} | {name: facts[name] for name in own}
    reserved = log.add("query.reserved", pair.person, asked)
    measured = salted(answer_of(query))
    opening = {"query": query, "order": facts["order"], "review": review | {"reasons": ["grade"]}}
    committed = log.add("query.committed", ORIGIN, opening | {"answer": digest(measured)})
    place = {
        "origin": ORIGIN,
        "reserved": reserved,
        "committed": committed,
        "checkpoint": log.note(),
        "proof": log.proof(committed),
    }
    cast = {"review": review["id"], "query": query, "verdict": "approve"}
    approvals = [{"entry": log.add("review.voted", "rita", cast), "round": name} for name in votes[1]]
    facts |= {
        "review": review | {"decision": "approved", "approvals": approvals},
        "log": place,
    }
    submission = Submission(ORIGIN, pair.person, pair.id, "select 1", "research", "1", "", f"key-{query}")
    signature = sign_submission(pair, submission)
    inside = measured if sealed is None else salted(sealed)
    certificate, envelope = make_bundle(inside, submission, signature, facts | changed, pair.public, release_key)
    released = log.add(
        "release.released",
        ORIGIN,
        {
            "query": query,
            "order": facts["order"],
            "review": review["id"],
            "key": pair.id,
            "certificate": certificate_digest(certificate),
            "envelope": envelope_digest(envelope),
        },
    )
    receipts = {
        "reserved": log.receipt(reserved),
        "committed": log.receipt(committed),
        "released": log.receipt(released),
    }
    return bundle_document(certificate, envelope, receipts)


@cache
def _made() -> dict[str, dict]:
    log = Log()
    for number in range(5):
        log.add("person.enrolled", ORIGIN, {"name": f"person-{number}"})
    found = {
        "ann": release(log, ANN, "q_1"),
        "bob": release(log, BOB, "q_2"),
        "ann again": release(log, ANN, "q_3"),
        "other key": release(log, ANN, "q_4", release_key=OTHER_KEY),
        "undecided": release(
            log,
            ANN,
            "q_5",
            review={
                "id": "rr_q_5",
                "outcome": "held",
                "votes": 1,
                "profile": "general",
                "digest": "34" * 32,
                "decision": None,
                "approvals": [],
            },
        ),
        "another answer": release(log, ANN, "q_9", sealed=answer_of("q_3")),
        "nobody": release(log, ANN, "q_10", votes=(1, ())),
        "one of two": release(log, ANN, "q_11", votes=(2, ("independent",))),
        "rounds mixed": release(log, ANN, "q_12", votes=(2, ("independent", "consolidation"))),
        "afterwards": release(log, ANN, "q_13", votes=(1, ("afterwards",))),
        "three": release(log, ANN, "q_14", votes=(2, ("independent",) * 3)),
        "two": release(log, ANN, "q_15", votes=(2, ("independent",) * 2)),
        "consolidated": release(log, ANN, "q_16", votes=(2, ("consolidation",) * 2)),
        "a third": release(log, ANN, "q_17", votes=(2, ("third",))),
        "old format": release(log, ANN, "q_6", network=7),
    }
    same = {
        "of": "q_1",
        "dataset": "clinic",
        "data_version": 3,
        "manifest": "ef" * 32,
        "also": [],
        "also_under": [],
        "plan_tag": PLAN_TAG,
    }
    used = log.add("query.reused", "ann", same | {"query": "q_7", "person": "ann", "grant": "g_ann"})
    stranger = log.add("query.reused", "bob", same | {"query": "q_8", "person": "bob", "grant": "g_bob"})
    for name, said in {"another plan": {"plan_tag": "00" * 32}, "another version": {"data_version": 4}}.items():
        place = log.add("query.reused", "ann", same | {"query": "q_7", "person": "ann", "grant": "g_ann"} | said)
        found[f"reused of {name}"] = copy.deepcopy(found["ann"])
        found[f"reused of {name}"]["receipts"]["reused"] = log.receipt(place)
    found["fork"] = copy.deepcopy(found["ann"])
    for name, receipt in found["fork"]["receipts"].items():
        found["fork"]["receipts"][name] = log.receipt(receipt["index"])
    fork = Log()  # as long as the log, and other in its first entry: it holds the release too
    for index, body in enumerate(log.bodies):
        fork.add_body(entry_bytes("person.enrolled", AT, ORIGIN, {"name": "nobody"}) if index == 0 else body)
    found["fork"]["receipts"]["released"] = fork.receipt(found["fork"]["receipts"]["released"]["index"])
    again = copy.deepcopy(found["ann"])
    again["receipts"]["reused"] = log.receipt(used)
    found["reused"] = again
    wrong = copy.deepcopy(found["ann"])
    wrong["receipts"]["reused"] = log.receipt(stranger)
    found["reused by bob"] = wrong
    return found


def made(name: str) -> dict:
    """A fresh copy of a made release."""
    return copy.deepcopy(_made()[name])
