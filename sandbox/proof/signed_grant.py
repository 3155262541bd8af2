"""Grants as signed documents: what a steward approved, under the enclave's release key, so that neither a row edited in
the ledger nor a copy shown elsewhere can say more than was granted.
"""

from base64 import b64encode
from dataclasses import replace
from typing import Any

from sandbox.proof.entry import read_time, time_text
from sandbox.proof.signing import SigningKey, VerifyingKey, strict_base64
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.exact_numbers import read_fraction
from sandbox.terms.people import Aggregate, Grant, ReviewDuty
from sandbox.terms.refusal import ProofFailed

FORMAT = "sandbox/grant/v1"
CONTEXT = b"sandbox/grant/v1\n"


def grant_document(grant: Grant) -> dict[str, Any]:
    """The grant in canonical JSON: all but its signature."""
    return {
        "format": FORMAT,
        "id": grant.id,
        "version": grant.version,
        "request": grant.request,
        "analyst": grant.analyst,
        "organisation": grant.organisation,
        "datasets": list(grant.datasets),
        "tables": list(grant.tables),
        "columns": list(grant.columns),
        "aggregates": [aggregate.value for aggregate in grant.aggregates],
        "purpose": grant.purpose,
        "epsilon": str(grant.epsilon),
        "uses": grant.uses,
        "review": grant.review.value,
        "not_before": time_text(grant.not_before),
        "not_after": time_text(grant.not_after),
        "given_by": grant.given_by,
    }


def sign_grant(grant: Grant, key: SigningKey) -> Grant:
    """The grant with its signature."""
    signature = key.sign(CONTEXT + canonical_bytes(grant_document(grant)))
    return replace(grant, signature=b64encode(signature).decode("ascii"))


def check_grant(grant: Grant, verifier: VerifyingKey) -> None:
    """Raises ProofFailed unless the grant is as it was signed."""
    try:
        signature = strict_base64(grant.signature)
    except ValueError:
        raise ProofFailed("The grant carries no signature.") from None
    verifier.verify(CONTEXT + canonical_bytes(grant_document(grant)), signature)


def read_grant(document: dict[str, Any], signature: str) -> Grant:
    """The inverse of `grant_document`; verifies nothing.

    Raises:
        ProofFailed: it is not such a document in its one spelling.
    """
    try:
        grant = Grant(
            id=document["id"],
            version=document["version"],
            analyst=document["analyst"],
            organisation=document["organisation"],
            datasets=tuple(document["datasets"]),
            tables=tuple(document["tables"]),
            columns=tuple(document["columns"]),
            aggregates=tuple(Aggregate(item) for item in document["aggregates"]),
            purpose=document["purpose"],
            epsilon=read_fraction(document["epsilon"]),
            uses=document["uses"],
            review=ReviewDuty(document["review"]),
            not_before=read_time(document["not_before"]),
            not_after=read_time(document["not_after"]),
            given_by=document["given_by"],
            request=document["request"],
            signature=signature,
        )
        if canonical_bytes(grant_document(grant)) != canonical_bytes(document):
            raise ValueError("another spelling")  # noqa: TRY301 - one answer for every way of being wrong
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise ProofFailed("This is not a grant.") from None
    return grant
