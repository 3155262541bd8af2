"""Asking the policies, and raising their no."""

from collections.abc import Sequence

from policies.decide import decide
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.visible import visible
from sandbox.service.enclave import Enclave
from sandbox.terms.dataset import Dataset
from sandbox.terms.people import Grant, Person, Role
from sandbox.terms.refusal import NotFound


def require(enclave: Enclave, actor: Person, action: Action, *, stewards: Sequence[str] = ()) -> None:
    """Raises RoleNotPermitted, or NotFound where the actor does not speak for the data."""
    request = AccessRequest(actor, action, enclave.clock.now(), stewards=tuple(stewards))
    _raise(decide(request, ()))


def require_grant(
    enclave: Enclave, actor: Person, action: Action, dataset: str, purpose: str, grants: Sequence[Grant]
) -> tuple[Grant, ...]:
    """The grants that allow it. Raises NotFound, PurposeNotGranted or GrantNotInForce."""
    request = AccessRequest(actor, action, enclave.clock.now(), datasets=(dataset,), purpose=purpose)
    return _raise(decide(request, grants)).grants


def own_grants(enclave: Enclave, actor: Person) -> Sequence[Grant]:
    """The actor's grants; only analysts hold any."""
    return enclave.ledger.grants(actor.name) if actor.role is Role.ANALYST else ()


def datasets_of(enclave: Enclave, actor: Person, grants: Sequence[Grant]) -> tuple[Dataset, ...]:
    """Every dataset the actor may know of."""
    return visible(actor, enclave.ledger.datasets(), grants)


def stewarded(enclave: Enclave, actor: Person, action: Action, name: str) -> tuple[Dataset, str]:
    """A dataset the actor speaks for, and its description's text. Unknown and somebody else's are the same NotFound."""
    require(enclave, actor, action)
    found = enclave.ledger.dataset(name)
    if found is None:
        raise NotFound("There is no such dataset among those you speak for.")
    require(enclave, actor, action, stewards=(found[0].steward,))
    return found


def _raise(decision: object) -> Permit:
    if isinstance(decision, Permit):
        return decision
    if isinstance(decision, Exception):
        raise decision
    raise TypeError("a decision is a permit or a refusal")
