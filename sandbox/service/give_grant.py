"""授权: a steward lets an analyst ask of data they speak for, for a purpose, until a day, within a budget."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from ulid import ULID

from policies.roles import Action
from sandbox.privacy.conversion import budget_loss
from sandbox.service.access import require, stewarded
from sandbox.service.audit import PURPOSE_LIMIT, entry, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.views import GrantView
from sandbox.terms.loss import Loss, decimal_text, parse_decimal
from sandbox.terms.people import Grant, Person, Role
from sandbox.terms.refusal import Fault, LossTooSmall, MalformedRequest, NotFound

DATASETS_LIMIT = 100


def give(
    enclave: Enclave,
    actor: Person,
    *,
    analyst: str,
    datasets: Sequence[str],
    purpose: str,
    epsilon: str,
    not_after: datetime,
    not_before: datetime | None = None,
) -> GrantView:
    """Give a grant. `epsilon` is its budget in each unit space of its datasets; without `not_before` it begins now.

    An analyst's first grant in a unit space also opens the analyst's account there, as wide as the space: the sum of an
    analyst's grants is bounded by the grants, the dataset and the space.

    Raises:
        RoleNotPermitted, NotFound (a dataset the actor does not speak for; no such analyst), MalformedRequest,
        MalformedNumber, LossTooSmall, AuditUnavailable.
    """
    require(enclave, actor, Action.GIVE_GRANT)
    now = enclave.clock.now()
    begins = not_before or now
    names = _checked(datasets, purpose, begins, not_after, now)
    amount = parse_decimal(epsilon, "epsilon")
    spaces = sorted({stewarded(enclave, actor, Action.GIVE_GRANT, name)[0].unit_space for name in names})
    person = enclave.ledger.person(analyst)
    if person is None or person.role is not Role.ANALYST:
        raise NotFound("There is no such analyst.")
    limits = {name: _limits(enclave, name, amount) for name in spaces}
    grant = Grant(
        id=f"g_{ULID.from_datetime(now)}",
        version=1,
        analyst=person.name,
        organisation=person.organisation,
        datasets=names,
        purpose=purpose,
        epsilon=amount,
        not_before=begins.astimezone(UTC),
        not_after=not_after.astimezone(UTC),
        given_by=actor.name,
    )
    enclave.ledger.add_grant(grant, limits, entry(enclave, actor, "grant.given", {}, now))
    return seen(grant)


def listed(enclave: Enclave, actor: Person) -> list[GrantView]:
    """An analyst's own grants; for stewards and officers all."""
    require(enclave, actor, Action.LIST_GRANTS)
    owner = actor.name if actor.role is Role.ANALYST else None
    return [seen(grant) for grant in enclave.ledger.grants(owner)]


def seen(grant: Grant) -> GrantView:
    """The view of a grant."""
    return GrantView(grant, decimal_text(grant.epsilon))


def _checked(datasets: Sequence[str], purpose: str, begins: datetime, ends: datetime, now: datetime) -> tuple[str, ...]:
    if not 0 < len(datasets) <= DATASETS_LIMIT or len(set(datasets)) != len(datasets):
        raise MalformedRequest(f"datasets names 1 to {DATASETS_LIMIT} different datasets.", field="datasets")
    if not is_label(purpose, PURPOSE_LIMIT):
        raise MalformedRequest(f"purpose takes 1 to {PURPOSE_LIMIT} printable characters.", field="purpose")
    if begins.tzinfo is None or ends.tzinfo is None:
        raise MalformedRequest("not_before and not_after carry their offset from UTC.", field="not_after")
    if ends <= begins or ends <= now:
        raise MalformedRequest("not_after lies after not_before and in the future.", field="not_after")
    return tuple(sorted(datasets))


def _limits(enclave: Enclave, name: str, amount: Fraction) -> tuple[Loss, Loss]:
    space = enclave.ledger.space(name)
    if space is None:
        raise Fault
    limit = budget_loss(space, amount)
    if limit.units == 0:
        raise LossTooSmall("The grant's epsilon is too small to ask anything.")
    return limit, budget_loss(space, space.epsilon)
