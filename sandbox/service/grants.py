"""Looking at grants, and ending them."""

from policies.roles import Action
from sandbox.service.access import concerns, require, spoken_for, stewards_of
from sandbox.service.audit import check_reason, entry
from sandbox.service.enclave import Enclave
from sandbox.service.grant_views import GrantView
from sandbox.terms.people import GrantStanding, Person, Role
from sandbox.terms.refusal import AlreadyDecided, Fault, NotFound


def listed(enclave: Enclave, actor: Person) -> list[GrantView]:
    """An analyst's own grants, a steward's those naming a dataset they speak for, an officer's all, as they stand now."""
    require(enclave, actor, Action.LIST_GRANTS)
    now = enclave.clock.now()
    return [GrantView(standing, now) for standing in _seen_by(enclave, actor)]


def view(enclave: Enclave, actor: Person, grant_id: str) -> GrantView:
    """One of those. Raises NotFound for unknown ones and those of others alike."""
    require(enclave, actor, Action.VIEW_GRANT)
    standing = enclave.ledger.standing(grant_id)
    if standing is None or not concerns(
        enclave,
        actor,
        Action.VIEW_GRANT,
        stewards=stewards_of(enclave, standing.grant.datasets),
        author=enclave.ledger.person(standing.grant.analyst),
    ):
        raise NotFound("There is no such grant that concerns you.")
    return GrantView(standing, enclave.clock.now())


def revoke(enclave: Enclave, actor: Person, grant_id: str, reason: str) -> GrantView:
    """End a grant for good, by a steward of all its datasets, for a reason of 10 to 500 printable characters.

    From the returning call on it reserves nothing and releases nothing, also of what was measured before.

    Raises:
        RoleNotPermitted, Frozen, NotFound, MalformedRequest, AlreadyDecided (it was revoked), AuditUnavailable.
    """
    require(enclave, actor, Action.REVOKE_GRANT)
    standing = enclave.ledger.standing(grant_id)
    if standing is None or not concerns(
        enclave, actor, Action.REVOKE_GRANT, stewards=stewards_of(enclave, standing.grant.datasets)
    ):
        raise NotFound("There is no such grant among those you can revoke.")
    check_reason(reason)
    if standing.revoked:
        raise AlreadyDecided("This grant was revoked already.")
    enclave.ledger.revoke_grant(grant_id, reason, entry(enclave, actor, "grant.revoked", {}))
    ended = enclave.ledger.standing(grant_id)
    if ended is None:
        raise Fault
    return GrantView(ended, enclave.clock.now())


def _seen_by(enclave: Enclave, actor: Person) -> list[GrantStanding]:
    if actor.role is Role.ANALYST:
        return list(enclave.ledger.standings(actor.name))
    found = enclave.ledger.standings()
    if actor.role is Role.OFFICER:
        return list(found)
    own = spoken_for(enclave, actor)
    return [standing for standing in found if own & set(standing.grant.datasets)]
