"""What a released bundle proves without being opened: its certificate, its envelope and the log's entries agree."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sandbox.proof.certificate import verify_certificate
from sandbox.proof.receipts import Trusted, check_entry, check_inclusion, open_note
from sandbox.proof.signing import VerifyingKey, strict_base64
from sandbox.terms.canonical import digest
from sandbox.terms.refusal import ProofFailed

_FACTS: Mapping[str, type | tuple[type, ...]] = {
    "format": str,
    "suite": str,
    "query": str,
    "order": str,
    "text_tag": str,
    "submission": str,
    "plan_digest": str,
    "dataset": str,
    "data_version": int,
    "manifest": str,
    "also": list,
    "mechanism": str,
    "loss": dict,
    "grant": str,
    "grant_version": int,
    "also_under": list,
    "purpose": str,
    "person": str,
    "organisation": str,
    "key": str,
    "review": dict,
    "answer": str,
    "envelope": str,
    "bundle": str,
    "clock": dict,
    "assurance": str,
    "network": str,
    "log": dict,
}
"""Exactly the facts of a certificate, and their shapes."""

_SOURCE: Mapping[str, type] = {"dataset": str, "data_version": int, "manifest": str}
"""What a certificate states of each further dataset."""

_UNDER: Mapping[str, type] = {"grant": str, "grant_version": int}
"""What a certificate states of each further grant."""

_OPTIONAL = {"id", "cost", "reused"}
_RESERVED = (
    "order",
    "person",
    "grant",
    "grant_version",
    "also_under",
    "dataset",
    "data_version",
    "manifest",
    "also",
    "loss",
    "key",
    "text_tag",
)
_REVIEW = ("id", "outcome", "votes", "profile", "digest")
_SAME_QUESTION = ("dataset", "data_version", "manifest", "also", "plan_tag")
"""What the log says alike of a question and of one that got its stored answer."""


def envelope_digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def envelope_of(document: dict[str, Any]) -> bytes:
    """The sealed bytes. Raises ProofFailed."""
    try:
        return strict_base64(document["envelope"])
    except (KeyError, ValueError, AttributeError):
        raise ProofFailed("The release holds no sealed answer.") from None


def verify_release(
    document: dict[str, Any], trusted: Trusted, certificate_format: str, suite: str
) -> tuple[dict[str, Any], dict[str, int], str | None, str]:
    """The certificate's facts, the places of the log entries by name, the reusing query's id if there is one, and the digest
    of the answer that was committed.

    Raises:
        ProofFailed: naming the first thing that does not hold.
    """
    if set(document) - _OPTIONAL != {"format", "certificate", "envelope", "receipts"}:
        raise ProofFailed("The release is not of the form a release has.")
    facts = _certified(document, trusted, certificate_format, suite)
    if envelope_digest(envelope_of(document)) != facts["envelope"]:
        raise ProofFailed("The sealed answer is not the one that was certified.")
    receipts = document["receipts"]
    if not isinstance(receipts, dict) or set(receipts) - {"reused"} != {"reserved", "committed", "released"}:
        raise ProofFailed("The release does not carry its three log entries.")
    entries = {name: check_entry(receipt, trusted) for name, receipt in receipts.items()}
    places = {name: int(receipt["index"]) for name, receipt in receipts.items()}
    _agree(facts, entries, document)
    _one_log([facts["log"]["checkpoint"], *(receipt["checkpoint"] for receipt in receipts.values())], trusted)
    log = facts["log"]
    if (places["reserved"], places["committed"]) != (log["reserved"], log["committed"]):
        raise ProofFailed("The certificate and the receipts name different entries of the log.")
    if not places["reserved"] < places["committed"] < places["released"]:
        raise ProofFailed("The log's entries are not in the order in which a release comes about.")
    check_inclusion(receipts["committed"]["leaf"], log["committed"], log["checkpoint"], log["proof"], trusted)
    _approved(facts["review"], places)
    reused = None
    if "reused" in entries:
        if places["reused"] < places["committed"]:
            raise ProofFailed("The log's entries are not in the order in which an answer is reused.")
        said = entries["reserved"]["facts"]
        same = {name: said.get(name) for name in _SAME_QUESTION}
        named = {"of": facts["query"]} | {name: facts[name] for name in ("person", "grant", "also_under")}
        _expect(entries["reused"], "query.reused", named | same)
        reused = str(entries["reused"]["facts"].get("query"))
    if document.get("id", reused or facts["query"]) != (reused or facts["query"]):
        raise ProofFailed("The release is another query's.")
    return facts, places, reused, _committed_digest(entries["committed"])


def _certified(document: dict[str, Any], trusted: Trusted, certificate_format: str, suite: str) -> dict[str, Any]:
    facts = verify_certificate(document["certificate"], VerifyingKey.parse(trusted.release_key))
    if facts.get("format") != certificate_format or facts.get("suite") != suite:
        raise ProofFailed("The certificate is of another format or suite than this program knows.")
    if set(facts) != set(_FACTS) or not all(_is(facts[name], kind) for name, kind in _FACTS.items()):
        raise ProofFailed("The certificate does not state what a certificate states.")
    named = [(facts["also"], _SOURCE), (facts["also_under"], _UNDER)]
    if not all(_is_of(item, shape) for items, shape in named for item in items):
        raise ProofFailed("The certificate does not state what a certificate states.")
    log, review = facts["log"], facts["review"]
    if set(log) != {"origin", "reserved", "committed", "checkpoint", "proof"} or log["origin"] != trusted.origin:
        raise ProofFailed("The certificate speaks of another log.")
    if set(review) != {*_REVIEW, "decision", "approvals"} or review["decision"] != "approved":
        raise ProofFailed("The certificate names no approving decision.")
    return facts


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _is_of(value: object, shape: Mapping[str, type]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(shape)
        and all(_is(value[name], kind) for name, kind in shape.items())
    )


def _agree(facts: dict[str, Any], entries: dict[str, dict[str, Any]], document: dict[str, Any]) -> None:
    """That the log says of this query, order and review what the certificate says."""
    named = {"query": facts["query"]}
    _expect(entries["reserved"], "query.reserved", named | {name: facts[name] for name in (*_RESERVED, "bundle")})
    _expect(entries["committed"], "query.committed", named | {"order": facts["order"]})
    review = entries["committed"]["facts"].get("review")
    if not isinstance(review, dict) or any(review.get(name) != facts["review"][name] for name in _REVIEW):
        raise ProofFailed("The log and the certificate differ in the review.")
    released = {
        "order": facts["order"],
        "review": facts["review"]["id"],
        "key": facts["key"],
        "certificate": digest(document["certificate"]),
        "envelope": facts["envelope"],
    }
    _expect(entries["released"], "release.released", named | released)


def _committed_digest(entry: dict[str, Any]) -> str:
    found = entry["facts"].get("answer")
    if not isinstance(found, str):
        raise ProofFailed("The log does not say which answer was committed.")
    return found


def _one_log(notes: list[str], trusted: Trusted) -> None:
    """A log that shows two faces of one size is two logs."""
    if not all(isinstance(note, str) for note in notes):
        raise ProofFailed("The release carries something else than checkpoints.")
    roots: dict[int, bytes] = {}
    for note in set(notes):
        found = open_note(note, trusted)
        if roots.setdefault(found.size, found.root) != found.root:
            raise ProofFailed("The log was forked: two checkpoints of one size differ.")


def _approved(review: dict[str, Any], places: dict[str, int]) -> None:
    """That the certificate names as many deciding votes as the review asks for, cast between commit and release."""
    approvals, votes = review["approvals"], review["votes"]
    try:
        entries, rounds = [item["entry"] for item in approvals], {item["round"] for item in approvals}
        if any(set(item) != {"entry", "round"} or not _is(item["entry"], int) for item in approvals):
            raise ValueError("not an approval")  # noqa: TRY301 - one answer for every way of being wrong
        if votes == 0 and not approvals:
            return
        (name,) = rounds
        wanted = {"independent": votes, "consolidation": 2, "third": 1}[name]
    except (KeyError, TypeError, ValueError):
        raise ProofFailed("The certificate does not name the votes that approved.") from None
    cast = all(places["committed"] < entry < places["released"] for entry in entries)
    if not cast or (votes == 0) or len(set(entries)) != len(entries) or len(entries) != wanted:
        raise ProofFailed("The certificate names other votes than those that can approve.")


def _expect(entry: dict[str, Any], kind: str, facts: dict[str, Any]) -> None:
    if entry["kind"] != kind:
        raise ProofFailed(f"The log's entry is {entry['kind']}, not {kind}.")
    for name, value in facts.items():
        if value is None or entry["facts"].get(name) != value:
            raise ProofFailed(f"The log's entry {kind} and the certificate differ in {name}.")
