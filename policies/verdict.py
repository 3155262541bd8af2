"""Asking Cedar: one request, several grants, one batch. An error anywhere denies everything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cedarpy import AuthzResult, Decision, Entities, is_authorized_batch

from policies.bearing import Bearing
from policies.request import AccessRequest
from policies.roles import Action
from policies.rulebook import Rulebook
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import Fault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCLAVE = {"type": "Enclave", "id": "enclave"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Cedar's answer: permits that permitted, or forbids that forbade, or, refused with no `policies`, nothing permits."""

    allowed: bool
    policies: tuple[str, ...]


def verdicts(rulebook: Rulebook, request: AccessRequest, bearings: Sequence[Bearing] = ()) -> list[Verdict]:
    """One verdict for each bearing; one on the request itself where none is given.

    Raises:
        Fault: anything but a clean decision, for any of them. Cedar leaves out a policy that errs, which may have been
            the one that forbids; so an error never permits, nor is it a refusal that depends on what went wrong.
    """
    facts = [_person_facts(request.person, frozen=request.frozen_person)]
    facts += [_grant_facts(number, item, _microseconds(request.at)) for number, item in enumerate(bearings)]
    resources = [{"type": "Grant", "id": str(number)} for number in range(len(bearings))] or [_ENCLAVE]
    context = _context(request)
    asked = [_question(request.person, request.action, resource, context) for resource in resources]
    return _clean(rulebook, asked, facts)


def roles_allowed(rulebook: Rulebook, action: Action) -> list[Role]:
    """The roles that may take the action at all, in the order of their names. Raises Fault as `verdicts` does."""
    roles = sorted(Role)
    people = [Person(role.value, "", role) for role in roles]
    context = _context(AccessRequest(people[0], action, _EPOCH))
    found = _clean(
        rulebook,
        [_question(person, action, _ENCLAVE, context) for person in people],
        [_person_facts(person, frozen=False) for person in people],
    )
    return [role for role, verdict in zip(roles, found, strict=True) if verdict.allowed]


def _clean(rulebook: Rulebook, asked: list[dict[str, Any]], facts: list[dict[str, Any]]) -> list[Verdict]:
    try:
        entities = Entities.from_json_str(json.dumps(facts), rulebook.schema)
        results = is_authorized_batch(asked, rulebook.policies, entities, rulebook.schema)
    except ValueError:
        raise Fault from None  # what the engine says of it may quote the request
    if len(results) != len(asked):
        raise Fault
    return [_verdict(rulebook, result) for result in results]


def _verdict(rulebook: Rulebook, result: AuthzResult) -> Verdict:
    named = result.diagnostics.id_annotations_by_reason
    ids = tuple(sorted(named.get(reason, "") for reason in result.diagnostics.reasons))
    if result.diagnostics.errors or result.decision is Decision.NoDecision or not rulebook.rules.keys() >= set(ids):
        raise Fault
    if result.allowed and not ids:
        raise Fault
    return Verdict(result.allowed, ids)


def _question(person: Person, action: Action, resource: dict[str, str], context: str) -> dict[str, Any]:
    return {
        "principal": {"type": "Person", "id": person.name},
        "action": {"type": "Action", "id": action.value},
        "resource": resource,
        "context": context,
    }


def _person_facts(person: Person, *, frozen: bool) -> dict[str, Any]:
    return {
        "uid": {"type": "Person", "id": person.name},
        "attrs": {
            "name": person.name,
            "organisation": person.organisation,
            "human": person.human,
            "frozen": frozen,
        },
        "parents": [{"type": "Role", "id": person.role}],
    }


def _grant_facts(number: int, item: Bearing, now: int) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "analyst": item.analyst,
        "organisation": item.organisation,
        "datasets": item.datasets,
        "tables": item.tables,
        "columns": item.columns,
        "aggregates": item.aggregates,
        "purpose": item.purpose,
        "notBefore": now + item.begins,
        "notAfter": now + item.ends,
        "used": 1 if item.spare is None else 1 - item.spare,
        "revoked": item.revoked,
        "frozen": item.frozen,
    }
    if item.spare is not None:
        attrs["uses"] = 1
    return {"uid": {"type": "Grant", "id": str(number)}, "attrs": attrs, "parents": []}


def _context(request: AccessRequest) -> str:
    context: dict[str, Any] = {
        "at": _microseconds(request.at),
        "datasets": request.datasets,
        "together": request.together or request.datasets,
        "tables": request.tables,
        "columns": request.columns,
        "aggregates": request.aggregates,
        "purpose": request.purpose,
        "stewards": request.stewards,
        "frozenDatasets": request.frozen_datasets,
    }
    if request.author is not None:
        author = request.author
        context["author"] = {"name": author.name, "human": author.human, "organisation": author.organisation}
    return json.dumps(context)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
