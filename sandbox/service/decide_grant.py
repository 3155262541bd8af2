"""授权: a steward approves what an analyst asked for, perhaps narrowed, or declines it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from ulid import ULID

from policies.roles import Action
from sandbox.privacy.conversion import budget_loss
from sandbox.proof.signed_grant import sign_grant
from sandbox.service.access import concerns, require, stewards_of
from sandbox.service.audit import check_reason, entry
from sandbox.service.enclave import Enclave
from sandbox.service.grant_scope import Scope, narrowed
from sandbox.service.grant_views import GrantView, RequestView
from sandbox.service.request_grant import check_term, check_uses
from sandbox.terms.loss import Loss, decimal_text, parse_decimal
from sandbox.terms.people import (
    Grant,
    GrantRequest,
    GrantStanding,
    Person,
    RequestStanding,
    RequestState,
    ReviewDuty,
)
from sandbox.terms.refusal import AlreadyDecided, Fault, LossTooSmall, MalformedRequest, NotFound


def approve(
    enclave: Enclave,
    actor: Person,
    request_id: str,
    *,
    epsilon: str | None = None,
    uses: int | None = None,
    tables: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    aggregates: Sequence[str] | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    review: str | None = None,
) -> GrantView:
    """Give the grant that was asked for. Each word given narrows it; `review` adds to the review its releases wait for.

    The grant begins now where the request names no beginning, and is signed with the enclave's release key. An analyst's
    first grant in a unit space also opens the analyst's account there, as wide as the space: the sum of an analyst's
    grants is bounded by the grants, the dataset and the space.

    Raises:
        RoleNotPermitted, Frozen, NotFound (no such request of datasets that the actor speaks for), OwnRequest,
        AlreadyDecided, MalformedRequest (names the field that is wider than what was asked), MalformedNumber,
        LossTooSmall, AuditUnavailable.
    """
    asked = _open(enclave, actor, request_id)
    now = enclave.clock.now()
    whole = Scope(asked.datasets, asked.tables, asked.columns, asked.aggregates)
    scope = narrowed(whole, tables, columns, aggregates, "was not asked for")
    amount = _amount(asked, epsilon)
    begins, ends = _term(asked, not_before, not_after, now)
    grant = Grant(
        id=f"g_{ULID.from_datetime(now)}",
        version=1,
        analyst=asked.analyst,
        organisation=asked.organisation,
        datasets=scope.datasets,
        tables=scope.tables,
        columns=scope.columns,
        aggregates=scope.aggregates,
        purpose=asked.purpose,
        epsilon=amount,
        uses=_uses(asked, uses),
        review=_duty(review),
        not_before=begins.astimezone(UTC),
        not_after=ends.astimezone(UTC),
        given_by=actor.name,
        request=asked.id,
    )
    limits = {name: _limits(enclave, name, amount) for name in _spaces(enclave, scope.datasets)}
    signed = sign_grant(grant, enclave.release_key)
    enclave.ledger.add_grant(signed, limits, entry(enclave, actor, "grant.given", {}, now))
    return GrantView(GrantStanding(signed), now)


def decline(enclave: Enclave, actor: Person, request_id: str, reason: str) -> RequestView:
    """Say no, with a reason of 10 to 500 printable characters, which the analyst sees.

    Raises:
        RoleNotPermitted, Frozen, NotFound, OwnRequest, AlreadyDecided, MalformedRequest, AuditUnavailable.
    """
    asked = _open(enclave, actor, request_id)
    check_reason(reason)
    enclave.ledger.decline_grant_request(asked.id, reason, entry(enclave, actor, "grant.declined", {}))
    return RequestView(RequestStanding(asked, RequestState.DECLINED, None, actor.name, reason))


def _open(enclave: Enclave, actor: Person, request_id: str) -> GrantRequest:
    """The undecided request, if the actor may decide it; unknown and somebody else's are the same NotFound."""
    require(enclave, actor, Action.DECIDE_GRANT)
    standing = enclave.ledger.grant_request(request_id)
    if standing is None:
        raise _unknown()
    author = enclave.ledger.person(standing.request.analyst)
    if author is None:
        raise Fault
    stewards = stewards_of(enclave, standing.request.datasets)
    if not concerns(enclave, actor, Action.DECIDE_GRANT, stewards=stewards, author=author):
        raise _unknown()
    if standing.state is not RequestState.ASKED:
        raise AlreadyDecided(f"This request was {standing.state.value} by {standing.decided_by}.")
    return standing.request


def _unknown() -> NotFound:
    return NotFound("There is no such request among those you decide on.")


def _amount(asked: GrantRequest, epsilon: str | None) -> Fraction:
    if epsilon is None:
        return asked.epsilon
    amount = parse_decimal(epsilon, "epsilon")
    if amount <= 0:
        raise LossTooSmall("A grant's epsilon is above 0.")
    if amount > asked.epsilon:
        raise _wider("epsilon", decimal_text(asked.epsilon))
    return amount


def _uses(asked: GrantRequest, uses: int | None) -> int | None:
    check_uses(uses)
    if uses is None:
        return asked.uses
    if asked.uses is not None and uses > asked.uses:
        raise _wider("uses", str(asked.uses))
    return uses


def _term(
    asked: GrantRequest, begins: datetime | None, ends: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    earliest = asked.not_before or now
    first, last = begins or earliest, ends or asked.not_after
    check_term(first, last, now)
    if first < earliest:
        raise _wider("not_before", "not before " + earliest.isoformat())
    if last > asked.not_after:
        raise _wider("not_after", "not after " + asked.not_after.isoformat())
    return first, last


def _duty(review: str | None) -> ReviewDuty:
    if review is None:
        return ReviewDuty.PROFILE
    if review not in set(ReviewDuty):
        allowed = [duty.value for duty in ReviewDuty]
        raise MalformedRequest("review is one of those listed.", field="review", allowed=allowed)
    return ReviewDuty(review)


def _wider(field: str, asked: str) -> MalformedRequest:
    return MalformedRequest(f"{field} is wider than what was asked for: {asked}.", field=field)


def _spaces(enclave: Enclave, datasets: Sequence[str]) -> list[str]:
    found = (enclave.ledger.dataset(name) for name in datasets)
    return sorted({item[0].unit_space for item in found if item is not None})


def _limits(enclave: Enclave, name: str, amount: Fraction) -> tuple[Loss, Loss]:
    """The limits of the grant's account in a unit space, and of the analyst's where there is none yet."""
    space = enclave.ledger.space(name)
    if space is None:
        raise Fault
    limit = budget_loss(space, amount)
    if limit.units == 0:
        raise LossTooSmall("The grant's epsilon is too small to ask anything.")
    return limit, budget_loss(space, space.epsilon)
