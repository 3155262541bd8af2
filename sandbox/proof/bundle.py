"""Released bundles: a noisy answer sealed to the analyst who asked, with a certificate that says what it is and why it may
be out, and the log entries that say the same. Whoever holds one can check it offline; only the analyst's key opens it.

    {"format": "sandbox/release/v1", "certificate": {…}, "envelope": Base64, "receipts": {"reserved": …, "committed": …,
     "released": …}}

The envelope is HPKE (suite byte 0x41) of the padded canonical {"answer", "request", "salt"}, with an info that names the job,
the key, the data version and the policies: an envelope put under another name does not open (security.md S26). The
certificate signs the SHA-256 of the envelope and, inside it, of the content. The log's entry that committed the answer names
the SHA-256 of {"answer", "salt"}: reviewers vote on it, and who opens the envelope compares. Entries and certificates are
read by others, so the random salt, drawn when the answer is measured, keeps the numbers from being tried out.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sandbox.proof.certificate import sign_certificate
from sandbox.proof.key_pairs import KeyPair
from sandbox.proof.receipts import Trusted
from sandbox.proof.release_proof import envelope_digest, envelope_of, verify_release
from sandbox.proof.release_words import release_words
from sandbox.proof.sealing import open_sealed, seal_to
from sandbox.proof.signing import SigningKey
from sandbox.proof.size_classes import pad, unpad
from sandbox.proof.submission import Submission, check_submission
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.people import PublicKeys
from sandbox.terms.refusal import ProofFailed, SignatureInvalid

FORMAT = "sandbox/release/v1"
CERTIFICATE = "sandbox/certificate/v4"
SUITE = "sandbox-suite-1"
"""DHKEM(X25519, HKDF-SHA256) with AES-256-GCM (RFC 9180), Ed25519, SHA-256."""
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose every proof holds. `facts` are its certificate's; `reused` is the id of the query that got the stored
    answer of `facts["query"]`, or None."""

    facts: dict[str, Any]
    reused: str | None
    entries: dict[str, int]
    committed: str
    """What the log's entry names as the answer: the SHA-256 of {"answer", "salt"}."""

    def words(self, language: str = "en") -> list[str]:
        """What is proved, and what is not, in plain sentences ("en" or "zh")."""
        return release_words(self.facts, self.entries, self.reused, language)


@dataclass(frozen=True, slots=True)
class Opened:
    """What was sealed: the answer's document, and the signed request that it answers."""

    answer: dict[str, Any]
    request: dict[str, Any]
    verified: Verified


def salted(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as it is committed, kept and sealed: {"answer", "salt"}."""
    return {"answer": answer, "salt": token_hex(SALT_BYTES)}


def make_bundle(
    measured: dict[str, Any],
    submission: Submission,
    signature: str,
    facts: dict[str, Any],
    keys: PublicKeys,
    release_key: SigningKey,
) -> tuple[dict[str, Any], bytes]:
    """Seal a `salted` answer to `keys` and certify it: the certificate and the envelope.

    `facts` are the certificate's, without format, suite, answer, envelope and submission, which are added here.

    Raises:
        ValueError: the keys are not usable, or are not those that the facts and the submission name.
        KeyError: a fact is missing.
    """
    if not keys.id == facts["key"] == submission.key:
        raise ValueError("an answer is sealed to the keys that its submission names")
    request = {"submission": submission.to_json(), "signature": signature}
    content = canonical_bytes({"answer": measured["answer"], "request": request, "salt": measured["salt"]})
    named = facts | {"format": CERTIFICATE, "suite": SUITE, "submission": submission.digest}
    envelope = seal_to(keys.sealing, pad(content), _sealed_for(named))
    named |= {"answer": envelope_digest(content), "envelope": envelope_digest(envelope)}
    return sign_certificate(named, release_key), envelope


def bundle_document(
    certificate: dict[str, Any], envelope: bytes, receipts: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The file. `receipts` are entry receipts named reserved, committed, released, and reused for a reused answer."""
    return {
        "format": FORMAT,
        "certificate": certificate,
        "envelope": b64encode(envelope).decode("ascii"),
        "receipts": receipts,
    }


def verify_bundle(document: dict[str, Any], trusted: Trusted) -> Verified:
    """Check everything that can be checked without the analyst's key.

    Raises:
        ProofFailed: naming the first thing that does not hold.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProofFailed("This is not a release.")
    facts, entries, reused, committed = verify_release(document, trusted, CERTIFICATE, SUITE)
    return Verified(facts, reused, entries, committed)


def open_bundle(document: dict[str, Any], pair: KeyPair, trusted: Trusted) -> Opened:
    """Verify, then decrypt, then check that what was inside is what was certified, and answers what this person signed.

    Raises:
        ProofFailed: it does not verify, or is sealed to other keys.
    """
    verified = verify_bundle(document, trusted)
    facts = verified.facts
    if facts["key"] != pair.id:
        raise ProofFailed(f"The release is sealed to the keys {facts['key']}, and these are {pair.id}.")
    content = unpad(open_sealed(pair.sealing_private, envelope_of(document), _sealed_for(facts)))
    if envelope_digest(content) != facts["answer"]:
        raise ProofFailed("The answer inside is not the one that was certified.")
    try:
        inside = json.loads(content)
        request, measured = inside["request"], {"answer": inside["answer"], "salt": inside["salt"]}
        submission = Submission(**{name: text for name, text in request["submission"].items() if name != "format"})
        check_submission(pair.public, submission, request["signature"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SignatureInvalid):
        raise ProofFailed("The release does not hold the request that its reader signed.") from None
    if submission.digest != facts["submission"] or submission.origin != trusted.origin:
        raise ProofFailed("The certificate is about another request than the one inside.")
    if digest(measured) != verified.committed:
        raise ProofFailed("The answer inside is not the one that the log says was measured and reviewed.")
    return Opened(measured["answer"], request, verified)


def certificate_digest(certificate: dict[str, Any]) -> str:
    """What the log's entry names."""
    return digest(certificate)


def _sealed_for(facts: dict[str, Any]) -> bytes:
    return canonical_bytes(
        {
            "format": FORMAT,
            "job": facts["query"],
            "key": facts["key"],
            "data_version": facts["data_version"],
            "manifest": facts["manifest"],
            "also": facts["also"],
            "bundle": facts["bundle"],
        }
    )
