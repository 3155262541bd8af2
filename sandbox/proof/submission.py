"""Signed submissions: an analyst's own word on what was asked, of which enclave, for what, at what loss, and under which
idempotency key. A signature for one submission is good for no other.
"""

from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.proof.key_pairs import KeyPair, verify_by
from sandbox.proof.signing import strict_base64
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.people import PublicKeys
from sandbox.terms.refusal import ProofFailed, SignatureInvalid

FORMAT = "sandbox/submission/v1"
CONTEXT = b"sandbox/submission/v1\n"


@dataclass(frozen=True, slots=True)
class Submission:
    """What is signed. `epsilon` is the text as sent, `key` the id of the signer's keys."""

    origin: str
    person: str
    key: str
    sql: str
    purpose: str
    epsilon: str
    need: str
    idempotency_key: str

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @property
    def digest(self) -> str:
        """SHA-256 in hex, which certificates name. The idempotency key is random, so nobody guesses the text from it."""
        return digest(self.to_json())

    def message(self) -> bytes:
        """The bytes that are signed.

        Raises:
            ValueError: a text that UTF-8 cannot write.
        """
        return CONTEXT + canonical_bytes(self.to_json())


def sign_submission(pair: KeyPair, submission: Submission) -> str:
    """The signature in Base64."""
    return b64encode(pair.sign(submission.message())).decode("ascii")


def check_submission(keys: PublicKeys, submission: Submission, signature: str) -> None:
    """That the holder of `keys` signed exactly this.

    Raises:
        SignatureInvalid: they did not, or the submission names other keys or another person.
    """
    if (submission.key, submission.person) != (keys.id, keys.person):
        raise SignatureInvalid
    try:
        verify_by(keys, submission.message(), strict_base64(signature))
    except (ProofFailed, ValueError):
        raise SignatureInvalid from None
