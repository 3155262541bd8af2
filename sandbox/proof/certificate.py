"""Certificates: facts about one release, signed so that anyone with the key can check them offline."""

from base64 import b64encode
from typing import Any

from sandbox.proof.signing import SigningKey, VerifyingKey, strict_base64
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed

SIGNING_CONTEXT = b"sandbox/certificate/v1\n"
"""Prefix of the bytes that are signed."""


def sign_certificate(facts: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    """The certificate of `facts`: {"facts", "key": name and id, "signature": Base64}.

    Raises:
        ValueError, TypeError: facts without canonical form.
    """
    signature = key.sign(SIGNING_CONTEXT + canonical_bytes(facts))
    return {"facts": facts, "key": key.verifier.short, "signature": b64encode(signature).decode("ascii")}


def verify_certificate(document: dict[str, Any], verifier: VerifyingKey) -> dict[str, Any]:
    """The facts of a certificate that `verifier` signed.

    Raises:
        ProofFailed: it is another key's, was changed, or is not a certificate.
    """
    if not isinstance(document, dict) or set(document) != {"facts", "key", "signature"}:
        raise ProofFailed("This is not a certificate.")
    facts = document["facts"]
    if not isinstance(facts, dict) or not isinstance(document["signature"], str):
        raise ProofFailed("This is not a certificate.")
    if document["key"] != verifier.short:
        raise ProofFailed(f"The certificate is not signed by the key {verifier.short}.")
    try:
        message = SIGNING_CONTEXT + canonical_bytes(facts)
        signature = strict_base64(document["signature"])
    except (ValueError, TypeError, RecursionError):
        raise ProofFailed("The certificate is not in canonical form.") from None
    verifier.verify(message, signature)
    return facts
