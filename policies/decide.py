"""The decision: a tuple of small rules, asked in order; the first that objects refuses, and no rule can permit.

Rules see the person's own grants and the request, nothing else, so that no refusal can depend on anybody else's data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from policies.request import AccessRequest, Permit
from policies.roles import PERMISSIONS, Scope
from sandbox.terms.people import Grant, Person
from sandbox.terms.refusal import GrantNotInForce, NotFound, PurposeNotGranted, Refusal, RoleNotPermitted

Objection: TypeAlias = Callable[[AccessRequest, Sequence[Grant]], Refusal | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name and its words go into the bundle's digest."""

    name: str
    words: str
    objection: Objection


def decide(request: AccessRequest, grants: Sequence[Grant]) -> Permit | Refusal:
    """Permit, naming the grants that allow it, or the refusal (returned: the service raises it).

    `grants` may hold other people's; they never count.
    """
    own = held_by(request.person, grants)
    for rule in RULES:
        refusal = rule.objection(request, own)
        if refusal is not None:
            return refusal
    if not _asks_for_grant(request):
        return Permit()
    return Permit(tuple(sorted(_in_force(request, _for_purpose(request, own)), key=lambda grant: grant.id)))


def held_by(person: Person, grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """The grants that name this person of this organisation: moving to another one leaves them behind."""
    return tuple(
        grant for grant in grants if grant.analyst == person.name and grant.organisation == person.organisation
    )


def speaks_for(person: Person, steward: str) -> bool:
    """Whether a description's `steward` means this person: it names their organisation, or themselves."""
    return steward in (person.organisation, person.name)


def _role(request: AccessRequest, _grants: Sequence[Grant]) -> Refusal | None:
    permission = PERMISSIONS.get(request.action)
    if permission is not None and request.person.role in permission.roles:
        return None
    allowed = sorted(role.value for role in permission.roles) if permission is not None else []
    return RoleNotPermitted(
        f"You are enrolled as {request.person.role.value}; this is for: {', '.join(allowed) or 'nobody'}.",
        action=request.action,
        roles=allowed,
    )


def _steward(request: AccessRequest, _grants: Sequence[Grant]) -> Refusal | None:
    if PERMISSIONS[request.action].scope is not Scope.STEWARDED:
        return None
    if all(speaks_for(request.person, steward) for steward in request.stewards):
        return None
    # The same words as for a dataset that does not exist: whose data lies here is not everybody's business.
    return NotFound("There is no such dataset among those you speak for.")


def _covered(request: AccessRequest, grants: Sequence[Grant]) -> Refusal | None:
    if not _asks_for_grant(request) or _covering(request, grants):
        return None
    return NotFound()


def _purpose(request: AccessRequest, grants: Sequence[Grant]) -> Refusal | None:
    if not _asks_for_grant(request) or _for_purpose(request, grants):
        return None
    held = sorted({grant.purpose for grant in _covering(request, grants)})
    return PurposeNotGranted("You hold a grant for this data, but not for the purpose you named.", purposes=held)


def _term(request: AccessRequest, grants: Sequence[Grant]) -> Refusal | None:
    if not _asks_for_grant(request) or _in_force(request, _for_purpose(request, grants)):
        return None
    fitting = _for_purpose(request, grants)
    return GrantNotInForce(
        "Your grant for this data and purpose has not begun or has ended.",
        terms=[f"{grant.id}: {grant.not_before.isoformat()} to {grant.not_after.isoformat()}" for grant in fitting],
    )


def _asks_for_grant(request: AccessRequest) -> bool:
    return PERMISSIONS[request.action].scope is Scope.GRANTED and bool(request.datasets)


def _covering(request: AccessRequest, grants: Sequence[Grant]) -> list[Grant]:
    return [grant for grant in grants if set(request.datasets) <= set(grant.datasets)]


def _for_purpose(request: AccessRequest, grants: Sequence[Grant]) -> list[Grant]:
    return [grant for grant in _covering(request, grants) if grant.purpose == request.purpose]


def _in_force(request: AccessRequest, grants: Sequence[Grant]) -> list[Grant]:
    return [grant for grant in grants if grant.not_before <= request.at < grant.not_after]


RULES: tuple[Rule, ...] = (
    Rule("role", "The action's row in the table of permissions names the person's role.", _role),
    Rule(
        "steward",
        "A steward-scoped action needs descriptions whose steward is the person's organisation or name.",
        _steward,
    ),
    Rule(
        "covered",
        "A grant-scoped action needs one grant, naming person and organisation, that lists every dataset.",
        _covered,
    ),
    Rule("purpose", "Such a grant has exactly the purpose of the request.", _purpose),
    Rule("term", "Such a grant is in force: not_before <= now < not_after.", _term),
)
