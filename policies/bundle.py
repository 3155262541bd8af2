"""The rules as one document, and its digest: what every reservation in the log names."""

from typing import Any

from policies.decide import RULES
from policies.roles import PERMISSIONS, SIGHT
from sandbox.terms.canonical import digest

FORMAT = "sandbox/policies/v1"


def bundle() -> dict[str, Any]:
    """The tables and the rules' words, in canonical JSON. A change of meaning must change the words."""
    return {
        "format": FORMAT,
        "permissions": {
            action.value: {"roles": sorted(role.value for role in permission.roles), "scope": permission.scope.value}
            for action, permission in PERMISSIONS.items()
        },
        "sight": {role.value: sight.value for role, sight in SIGHT.items()},
        "rules": [{"name": rule.name, "words": rule.words} for rule in RULES],
    }


def bundle_digest() -> str:
    """SHA-256 of the canonical bundle, in hex."""
    return digest(bundle())
