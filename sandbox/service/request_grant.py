"""An analyst asks for a grant: of which data, in what manner, for what purpose, how often, until when, at what loss."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ulid import ULID

from policies.roles import Action
from sandbox.service.access import require, spoken_for
from sandbox.service.audit import PURPOSE_LIMIT, check_reason, entry, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.grant_scope import narrowed, offered, shown
from sandbox.service.grant_views import RequestView
from sandbox.terms.dataset import Dataset, Grade
from sandbox.terms.loss import parse_decimal
from sandbox.terms.people import GrantRequest, Person, RequestStanding, RequestState, Role
from sandbox.terms.refusal import CoreGrade, LossTooSmall, MalformedRequest, NotFound

DATASETS_LIMIT = 100
USES_LIMIT = 10**9 - 1


def request(
    enclave: Enclave,
    actor: Person,
    *,
    datasets: Sequence[str],
    tables: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    aggregates: Sequence[str] | None = None,
    purpose: str,
    epsilon: str,
    uses: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime,
    reason: str,
) -> RequestView:
    """Ask for a grant; a steward who speaks for all of `datasets` decides. None of `tables`, `columns` and `aggregates`
    is all that the datasets offer, none of `uses` is without limit, none of `not_before` is from the approval on.

    `epsilon` is the budget in each unit space of the datasets, a decimal in a string.

    Raises:
        RoleNotPermitted, Frozen, NotFound (no such dataset), CoreGrade, MalformedRequest (names the field),
        MalformedNumber, LossTooSmall, AuditUnavailable.
    """
    require(enclave, actor, Action.REQUEST_GRANT)
    now = enclave.clock.now()
    check_reason(reason)
    if not is_label(purpose, PURPOSE_LIMIT):
        raise MalformedRequest(f"purpose takes 1 to {PURPOSE_LIMIT} printable characters.", field="purpose")
    amount = parse_decimal(epsilon, "epsilon")
    if amount <= 0:
        raise LossTooSmall("A grant's epsilon is above 0.")
    check_uses(uses)
    check_term(not_before, not_after, now)
    scope = narrowed(offered(_registered(enclave, datasets)), tables, columns, aggregates, "is not offered")
    if len(scope.datasets) != len(datasets):
        raise MalformedRequest("tables names one at least of each dataset.", field="tables")
    asked = GrantRequest(
        id=f"gr_{ULID.from_datetime(now)}",
        analyst=actor.name,
        organisation=actor.organisation,
        datasets=scope.datasets,
        tables=scope.tables,
        columns=scope.columns,
        aggregates=scope.aggregates,
        purpose=purpose,
        epsilon=amount,
        uses=uses,
        not_before=not_before.astimezone(UTC) if not_before is not None else None,
        not_after=not_after.astimezone(UTC),
        reason=reason,
        asked_at=now,
    )
    enclave.ledger.add_grant_request(asked, entry(enclave, actor, "grant.requested", {}, now))
    return RequestView(RequestStanding(asked, RequestState.ASKED))


def listed(enclave: Enclave, actor: Person) -> list[RequestView]:
    """An analyst's own requests, a steward's those naming a dataset they speak for, an officer's all."""
    require(enclave, actor, Action.LIST_GRANT_REQUESTS)
    found = enclave.ledger.grant_requests(actor.name if actor.role is Role.ANALYST else None)
    if actor.role is Role.STEWARD:
        own = spoken_for(enclave, actor)
        found = [standing for standing in found if own & set(standing.request.datasets)]
    return [RequestView(standing) for standing in found]


def check_uses(uses: int | None) -> None:
    """Raises MalformedRequest."""
    if uses is not None and not 1 <= uses <= USES_LIMIT:
        raise MalformedRequest(f"uses is a whole number from 1 to {USES_LIMIT}.", field="uses")


def check_term(begins: datetime | None, ends: datetime, now: datetime) -> None:
    """Raises MalformedRequest for times without offset, and for a term that is over or ends before it begins."""
    for field, moment in (("not_before", begins), ("not_after", ends)):
        if moment is not None and moment.tzinfo is None:
            raise MalformedRequest(f"{field} carries its offset from UTC.", field=field)
    if ends <= now or (begins is not None and ends <= begins):
        raise MalformedRequest("not_after must lie in the future, and after not_before.", field="not_after")


def _registered(enclave: Enclave, names: Sequence[str]) -> list[Dataset]:
    if not 0 < len(names) <= DATASETS_LIMIT or len(set(names)) != len(names):
        raise MalformedRequest(f"datasets names 1 to {DATASETS_LIMIT} different datasets.", field="datasets")
    datasets = []
    for name in names:
        found = enclave.ledger.dataset(name)
        if found is None:
            raise NotFound(f'The catalogue has no dataset "{shown(name)}".')
        datasets.append(found[0])
    for dataset in datasets:
        if dataset.grade is Grade.CORE:
            raise CoreGrade(f'"{dataset.name}" is of the core grade: no grant can be requested for it.')
        if dataset.public:
            raise MalformedRequest(f'"{dataset.name}" is public: it needs no grant.', field="datasets")
    return datasets
