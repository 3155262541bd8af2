"""The rules as one document, and its digest: what every reservation in the log names."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from policies.conflicts import TOGETHER
from policies.reasons import REASONS
from policies.roles import SIGHT
from policies.rulebook import POLICY_TEXTS, SCHEMA_TEXT
from policies.texts import texts
from sandbox.terms.canonical import digest

FORMAT = "sandbox/policies/v2"


def bundle() -> dict[str, Any]:
    """Every text and table that rules, in canonical JSON: Cedar's schema and policies, the examples that show what they
    mean, the review profiles, which refusal is told, which roles go together, and what each role sees."""
    return {
        "format": FORMAT,
        "schema": SCHEMA_TEXT,
        "policies": dict(POLICY_TEXTS),
        "examples": dict(texts("examples", ".toml")),
        "profiles": dict(profiles()),
        "reasons": [[policy, refusal.code] for policy, refusal in REASONS],
        "together": sorted(sorted(role.value for role in pair) for pair in TOGETHER),
        "sight": {role.value: sight.value for role, sight in SIGHT.items()},
    }


@cache
def bundle_digest() -> str:
    """SHA-256 of the canonical bundle, in hex."""
    return digest(bundle())


@cache
def profiles() -> Mapping[str, str]:
    """The review profiles' TOML texts by name (sandbox.review.profile reads them)."""
    return texts("profiles", ".toml")
