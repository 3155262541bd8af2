"""Policies parsed, validated and ready to be asked. What does not validate does not load."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cedarpy import PolicySet, Schema, policies_to_json_str, validate_policies

from policies.reasons import NO_PERMIT, RANK
from policies.texts import texts


class PolicyInvalid(ValueError):
    """A policy set that must not load; the text names the policy and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one policy says: `effect` is permit or forbid, the words are its annotations."""

    id: str
    effect: str
    words: str
    words_zh: str


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A validated policy set with its schema, parsed once; `rules` by id, in the order of the texts."""

    policies: PolicySet
    schema: Schema
    rules: Mapping[str, Rule]


def parse_rulebook(schema: str, policies: str) -> Rulebook:
    """Parse and validate.

    Raises:
        PolicyInvalid: a text that does not parse or validate; a policy without id or words, or with another's id; a
            permit with a condition; a forbid whose refusal is not known (policies.reasons).
    """
    try:
        parsed = Schema.from_str(schema)
        checked = validate_policies(policies, parsed)
        document = json.loads(policies_to_json_str(policies))
        handle = PolicySet.from_str(policies)
    except ValueError as error:  # a parser's complaint about our own files, told to whoever edits them
        raise PolicyInvalid(str(error)) from error
    if not checked.validation_passed:
        raise PolicyInvalid("; ".join(str(error) for error in checked.errors))
    return Rulebook(handle, parsed, _rules(document))


def _rules(document: dict[str, Any]) -> dict[str, Rule]:
    if document.get("templates"):
        raise PolicyInvalid("Templates are not used here: write policies.")
    rules: dict[str, Rule] = {}
    for policy in document["staticPolicies"].values():
        notes = policy.get("annotations", {})
        rule = Rule(notes.get("id") or "", policy["effect"], notes.get("words") or "", notes.get("words_zh") or "")
        _check(rule, policy, rules)
        rules[rule.id] = rule
    return rules


def _check(rule: Rule, policy: dict[str, Any], rules: Mapping[str, Rule]) -> None:
    if not (rule.id and rule.words and rule.words_zh):
        raise PolicyInvalid(f"A {rule.effect} ({rule.id or 'no id'}) lacks @id, @words or @words_zh.")
    if rule.id in rules or rule.id == NO_PERMIT:
        raise PolicyInvalid(f"{rule.id}: the id is taken.")
    if rule.effect == "permit" and policy.get("conditions"):
        raise PolicyInvalid(f"{rule.id}: a permit has no conditions; write a forbid that names the reason.")
    if rule.effect == "forbid" and rule.id not in RANK:
        raise PolicyInvalid(f"{rule.id}: policies.reasons does not say which refusal this is.")


SCHEMA_TEXT: str = texts("cedar", ".cedarschema")["schema"]
POLICY_TEXTS: Mapping[str, str] = texts("cedar", ".cedar")
RULEBOOK: Rulebook = parse_rulebook(SCHEMA_TEXT, "\n".join(POLICY_TEXTS.values()))
"""The rules in force. Importing this module fails where they do not validate."""
