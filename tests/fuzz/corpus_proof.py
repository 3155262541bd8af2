"""Signed things, read by whoever verifies: vkeys, notes, certificates, grants, submissions, receipts, releases.

A slip in a signed text is caught by its signature, so every second input is signed anew after the slip: the reader meets what
a holder of the key could send it. Only ProofFailed comes out, of a submission SignatureInvalid.
"""

import copy
from base64 import b64encode
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from typing import Any
from unittest.mock import patch

import mutations
import released_world
from released_world import ANN, LOG_KEY, ORIGIN, PINS, RELEASE_KEY, made
from watching import Corpus

from sandbox.client.key_store import KeysElsewhere, MemoryKeyStore
from sandbox.client.release import Release
from sandbox.proof.bundle import FORMAT, make_bundle, open_bundle, verify_bundle
from sandbox.proof.certificate import SIGNING_CONTEXT, verify_certificate
from sandbox.proof.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from sandbox.proof.receipts import check_entry, check_receipt
from sandbox.proof.signed_grant import CONTEXT, check_grant, grant_document, read_grant, sign_grant
from sandbox.proof.signing import VerifyingKey
from sandbox.proof.submission import Submission, check_submission, sign_submission
from sandbox.terms.answer import FORMAT as ANSWER_FORMAT
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.people import Aggregate, Grant, ReviewDuty
from sandbox.terms.refusal import ProofFailed, SignatureInvalid

NOTES = (
    sign_checkpoint(Checkpoint(ORIGIN, 7, b"\x07" * 32), LOG_KEY),
    made("ann")["receipts"]["committed"]["checkpoint"],
    made("bob")["certificate"]["facts"]["log"]["checkpoint"],
)
GRANT = sign_grant(
    Grant(
        "g_1", 1, "ann", "acme", ("clinic",), ("clinic.visits",), ("clinic.visits.age",), tuple(Aggregate), "research",
        Fraction(5), None, ReviewDuty.PROFILE, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "sue", "gr_1",
    ),
    RELEASE_KEY,
)  # fmt: skip
SUBMISSION = Submission(ORIGIN, "ann", ANN.id, "select 1", "research", "1", "for the yearly report", "key-1")
ANSWER = {
    "format": ANSWER_FORMAT,
    "order": "o_q_1",
    "columns": [
        {"kind": "key", "name": "sex", "type": "string", "values": ["F", "M"]},
        {"kind": "count", "name": "n", "integers": ["41", "7"], "noise": {"mechanism": "discrete gaussian", "scale": "0x1p+3"}},
        {"kind": "sum", "name": "s", "type": "float", "integers": ["41", "7"], "granularity": "1/100",
         "noise": {"mechanism": "discrete gaussian", "scale": "0x1p+3"}},
        {"kind": "mean", "name": "m", "totals": ["41", "7"], "counts": ["4", "-1"], "center": "5/2", "granularity": "1/100",
         "low": "0", "high": "5", "total_noise": {"mechanism": "discrete gaussian", "scale": "0x1p+3"},
         "count_noise": {"mechanism": "discrete gaussian", "scale": "0x1p+3"}},
    ],
}  # fmt: skip


def signature(key: Any, message: bytes) -> str:
    return b64encode(key.sign(message)).decode("ascii")


def note(chance: Random) -> str:
    """A note with slips, or a body with slips that the log key signed."""
    text = chance.choice(NOTES)
    if chance.random() < 0.5:
        return mutations.mutated_text(chance, text, (), NOTES)
    body = text.rpartition("\n\n")[0] + "\n"
    changed = mutations.mutated_text(chance, body, (), NOTES).encode("utf-8", "ignore")
    signed = b64encode(LOG_KEY.verifier.id + LOG_KEY.sign(changed)).decode()
    return f"{changed.decode()}\n— {LOG_KEY.name} {signed}\n"


def checkpoints() -> Corpus:
    always = (
        "",
        "\n\n",
        "\n\n\n",
        NOTES[0] * 100,
        "\n" * 65_536,
        "x\n\n" + "— a b\n" * 10_000,
        "\ud800\n\n— a AAAAAA==\n",
    )
    read = lambda text: open_checkpoint(text, LOG_KEY.verifier, ORIGIN)  # noqa: E731
    return Corpus("checkpoints", note, read, (ProofFailed,), always)


def keys() -> Corpus:
    seeds = (LOG_KEY.verifier.text, RELEASE_KEY.verifier.text)
    always = ("", "+", "++", "a+" * 20_000, "+".join(["a"] * 20_000), "x" * 65_536)
    make = lambda chance: mutations.mutated_text(chance, chance.choice(seeds), (), seeds)  # noqa: E731
    return Corpus("verifying keys", make, VerifyingKey.parse, (ProofFailed,), always)


def certificate(chance: Random) -> Any:
    document = made("ann")["certificate"]
    if chance.random() < 0.4:
        return mutations.mutated_json(chance, document)
    facts = mutations.mutated_json(chance, document["facts"])
    return signed_facts(facts) or facts


def signed_facts(facts: Any) -> dict[str, Any] | None:
    """The certificate of facts that have a canonical form, whatever else they are."""
    try:
        message = SIGNING_CONTEXT + canonical_bytes(facts)
    except (TypeError, ValueError, RecursionError):
        return None
    return {"facts": facts, "key": RELEASE_KEY.verifier.short, "signature": signature(RELEASE_KEY, message)}


def certificates() -> Corpus:
    deep = {"facts": {"a": mutations.nested(100_000)}, "key": RELEASE_KEY.verifier.short, "signature": ""}
    read = lambda document: verify_certificate(document, RELEASE_KEY.verifier)  # noqa: E731
    return Corpus("certificates", certificate, read, (ProofFailed,), (deep, None, [], "x"))


def grants() -> Corpus:
    def make(chance: Random) -> tuple[Any, str]:
        document = mutations.mutated_json(chance, grant_document(GRANT))
        try:
            return document, signature(RELEASE_KEY, CONTEXT + canonical_bytes(document))
        except (TypeError, ValueError, RecursionError):
            return document, mutations.mutated_text(chance, GRANT.signature)

    always = tuple((grant_document(GRANT) | {"epsilon": text}, GRANT.signature) for text in mutations.ODD_NUMBERS)
    read = lambda item: check_grant(read_grant(*item), RELEASE_KEY.verifier)  # noqa: E731
    return Corpus("grants", make, read, (ProofFailed,), always)


def submissions() -> Corpus:
    fields = {name: text for name, text in SUBMISSION.to_json().items() if name != "format"}

    def make(chance: Random) -> tuple[dict[str, Any], Any]:
        changed = mutations.mutated_json(chance, fields)
        texts = {name: changed.get(name) if isinstance(changed, dict) else None for name in fields}
        submission = Submission(**{name: text if isinstance(text, str) else "" for name, text in texts.items()})
        if chance.random() < 0.5:
            return submission, mutations.mutated_text(chance, sign_submission(ANN, SUBMISSION))
        try:
            return submission, sign_submission(ANN, submission)
        except ValueError:
            return submission, ""

    read = lambda item: check_submission(ANN.public, *item)  # noqa: E731
    return Corpus("submissions", make, read, (SignatureInvalid,))


def receipts() -> Corpus:
    seeds = list(made("ann")["receipts"].values())

    def read(document: Any) -> None:
        check_receipt(document, PINS)
        check_entry(document, PINS)

    make = lambda chance: mutations.mutated_json(chance, chance.choice(seeds))  # noqa: E731
    return Corpus("receipts", make, read, (ProofFailed,), (None, [], {"index": True}))


class OddLog(released_world.Log):
    """A log in which one entry has slips; what has no canonical form stays as it was."""

    def __init__(self, chance: Random, odd: int) -> None:
        super().__init__()
        self.chance = chance
        self.odd = odd

    def add(self, kind: str, actor: str, facts: dict[str, Any]) -> int:
        if len(self.bodies) == self.odd:
            try:
                return super().add(kind, actor, mutations.mutated_json(self.chance, facts))
            except (TypeError, ValueError, RecursionError):
                pass
        return super().add(kind, actor, facts)


def release(chance: Random) -> Any:
    """A release with slips: in the document; or, under true signatures, in the facts, the log's entries, or the answer."""
    kind = chance.randrange(4)
    if kind == 0:
        return mutations.mutated_json(chance, made(chance.choice(("ann", "ann again", "reused"))))
    facts = made("ann")["certificate"]["facts"]
    if kind == 1:
        return made_anew(OddLog(chance, chance.randrange(3)), ANSWER)
    if kind == 2:
        return made_anew(released_world.Log(), mutations.mutated_json(chance, ANSWER))
    changed = mutations.mutated_json(chance, facts)
    named = changed.items() if isinstance(changed, dict) else ()
    odd = {name: value for name, value in named if value != facts.get(name)}
    return made_anew(released_world.Log(), ANSWER, odd)


def made_anew(log: released_world.Log, answer: Any, odd: dict[str, Any] | None = None) -> Any:
    """What the enclave's own keys make of an answer, certified with `odd` facts; nothing where they make nothing of it."""

    def bundle(inside: Any, submission: Any, signed: Any, facts: dict[str, Any], *keys: Any) -> Any:
        return make_bundle(inside, submission, signed, facts | (odd or {}), *keys)

    with (
        patch.object(released_world, "make_bundle", bundle),
        patch.object(released_world, "answer_of", lambda _query: answer),
    ):
        try:
            return released_world.release(log, ANN, "q_1")
        except (TypeError, ValueError, KeyError, RecursionError):
            return None


def opened_answers() -> tuple[Any, ...]:
    """Releases whose answers state numbers that are cheap to write and dear to compute."""
    found = []
    for place, name in ((2, "granularity"), (3, "center"), (3, "low")):
        for number in mutations.ODD_NUMBERS:
            answer = copy.deepcopy(ANSWER)
            answer["columns"][place][name] = number
            found.append(made_anew(released_world.Log(), answer))
    return tuple(found)


def releases() -> Corpus:
    store = MemoryKeyStore()
    store.keep(ORIGIN, ANN)

    def read(document: Any) -> Any:
        verified = verify_bundle(document, PINS)
        for language in ("en", "zh"):
            "\n".join(verified.words(language)).encode("utf-8")
        open_bundle(document, ANN, PINS)
        return Release.open(document, PINS, store)

    always = (None, [], {}, {"format": FORMAT}, *opened_answers())
    return Corpus("releases", release, read, (ProofFailed, KeysElsewhere), always)
