"""The deciding policy's no, with the facts that help: of the request and the person's own grants only."""

from collections.abc import Mapping, Sequence

from policies.bearing import Bearing, covering
from policies.reasons import NO_PERMIT, REFUSALS
from policies.request import AccessRequest
from sandbox.terms.people import GrantStanding, Role
from sandbox.terms.refusal import (
    Frozen,
    GrantNotInForce,
    GrantRevoked,
    GrantTooNarrow,
    GrantUsedUp,
    NotFound,
    PurposeNotGranted,
    Refusal,
    RoleNotPermitted,
)

_WORDS = {
    "frozen-person": "A security officer has frozen your access.",
    "frozen-dataset": "A security officer has frozen this data.",
    "frozen-grant": "A security officer has frozen your grant for this data and purpose.",
}


def refusal_for(
    policy: str,
    request: AccessRequest,
    roles: Sequence[Role],
    closest: Mapping[Bearing, Sequence[GrantStanding]],
    own: Sequence[GrantStanding],
) -> Refusal:
    """The refusal that `policy` stands for. `closest` are the grants that came nearest, by bearing; `own` all of the
    person's; `roles` those that may take the action."""
    kind = REFUSALS[policy]
    near = sorted((item.grant for group in closest.values() for item in group), key=lambda grant: grant.id)
    if policy == NO_PERMIT:
        allowed = sorted(role.value for role in roles)
        words = f"You are enrolled as {request.person.role.value}; this is for: {', '.join(allowed) or 'nobody'}."
        return RoleNotPermitted(words, policy=policy, action=request.action.value, roles=allowed)
    if kind is Frozen:
        return Frozen(_WORDS[policy], policy=policy)
    if kind is NotFound:
        # As for what does not exist, to the letter: no fact tells which policy said so (`explain` does).
        return NotFound("There is no such dataset among those you speak for." if policy == "steward-of-all" else "")
    if kind is PurposeNotGranted:
        held = sorted({standing.grant.purpose for standing in covering(request, own)})
        words = "You hold a grant for this data, but not for the purpose you named."
        return PurposeNotGranted(words, policy=policy, purposes=held)
    if kind is GrantNotInForce:
        terms = [f"{grant.id}: {grant.not_before.isoformat()} to {grant.not_after.isoformat()}" for grant in near]
        words = "Your grant for this data and purpose has not begun or has ended."
        return GrantNotInForce(words, policy=policy, terms=terms)
    if kind is GrantRevoked:
        words = "The steward has revoked your grant for this data and purpose."
        return GrantRevoked(words, policy=policy, grants=[grant.id for grant in near])
    if kind is GrantTooNarrow:
        missing = min((_missing(request, item) for item in closest), key=lambda names: (len(names), names))
        words = f"No single grant of yours covers all of this query. Not granted: {', '.join(missing)}."
        return GrantTooNarrow(words, policy=policy, missing=missing)
    if kind is GrantUsedUp:
        words = "Your grant for this data and purpose has no uses left."
        return GrantUsedUp(words, policy=policy, grants=[grant.id for grant in near])
    return kind(policy=policy)


def of_dataset(refusal: Refusal, dataset: str) -> Refusal:
    """The refusal of what a question over several datasets reads of one of them, which it names. What is not about data, or
    is as for what does not exist, stays as it is."""
    if isinstance(refusal, NotFound | RoleNotPermitted) or refusal.facts.get("policy") == "frozen-person":
        return refusal
    named = type(refusal)(f"For the dataset {dataset}: {refusal.detail}", dataset=dataset)
    named.facts |= refusal.facts
    return named


def _missing(request: AccessRequest, item: Bearing) -> list[str]:
    asked = {*request.tables, *request.columns, *(aggregate.value for aggregate in request.aggregates)}
    return sorted(asked - {*item.tables, *item.columns, *item.aggregates})
