"""What a vote is about, as one digest: a vote on anything else does not count."""

from collections.abc import Sequence
from typing import Any

from sandbox.terms.canonical import digest

FORMAT = "sandbox/review/v2"


def review_digest(
    plan_digest: str,
    data_version: int,
    manifest: str,
    answer_digest: str,
    bundle: str,
    also: Sequence[dict[str, Any]] = (),
) -> str:
    """SHA-256 in hex over the plan, the data it was asked of, the noisy answer and the policies in force.

    Args:
        plan_digest: of the canonical plan.
        data_version: number of the dataset's version.
        manifest: digest of that version's signed manifest.
        answer_digest: of the canonical answer document.
        bundle: digest of the policy bundle.
        also: the versions of further datasets that were read, as the log's entry states them.
    """
    return digest(
        {
            "format": FORMAT,
            "plan": plan_digest,
            "data_version": data_version,
            "manifest": manifest,
            "also": list(also),
            "answer": answer_digest,
            "bundle": bundle,
        }
    )
