"""Asking the policies, and raising their no.

Standings and freezes are read from the ledger for each decision and kept nowhere: what an officer stops is stopped for
the next call.
"""

from collections.abc import Sequence

from policies.coverage import Coverage, cover
from policies.decide import decide, speaks_for
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.visible import granted, visible
from sandbox.service.enclave import Enclave
from sandbox.terms.dataset import Dataset
from sandbox.terms.people import Aggregate, GrantStanding, Person, Role, Subject
from sandbox.terms.refusal import Frozen, NotFound


def require(
    enclave: Enclave,
    actor: Person,
    action: Action,
    *,
    stewards: Sequence[str] = (),
    author: Person | None = None,
    datasets: Sequence[str] = (),
) -> None:
    """Ask about the actor's role, what they speak for (`stewards`), whose thing it is (`author`), and of what data
    (`datasets`).

    Raises RoleNotPermitted, Frozen (the actor or the data), NotFound where the actor does not speak for the data, or may
    not know of the author's thing, OwnRequest where it is their own.
    """
    request = AccessRequest(
        actor,
        action,
        enclave.clock.now(),
        datasets=tuple(datasets),
        stewards=tuple(stewards),
        author=author,
        frozen_person=is_frozen(enclave, actor),
        frozen_datasets=frozen_datasets(enclave, datasets),
    )
    _raise(decide(request, ()))


def require_grants(
    enclave: Enclave,
    actor: Person,
    action: Action,
    standings: Sequence[GrantStanding],
    *,
    datasets: Sequence[str],
    purpose: str,
    tables: Sequence[str] = (),
    columns: Sequence[str] = (),
    aggregates: Sequence[Aggregate] = (),
) -> Coverage:
    """The grants that allow it, alone or together, and the policies that say so. `tables` are "dataset.table", `columns`
    "dataset.table.column".

    Raises Frozen, NotFound, PurposeNotGranted, GrantTooNarrow, GrantRevoked, GrantUsedUp or GrantNotInForce.
    """
    request = AccessRequest(
        actor,
        action,
        enclave.clock.now(),
        datasets=tuple(datasets),
        tables=tuple(tables),
        columns=tuple(columns),
        aggregates=tuple(aggregates),
        purpose=purpose,
        frozen_person=is_frozen(enclave, actor),
        frozen_datasets=frozen_datasets(enclave, tuple(datasets)),
    )
    found = cover(request, standings)
    if isinstance(found, Coverage):
        return found
    raise found


def require_free(enclave: Enclave, datasets: Sequence[str]) -> None:
    """Raises Frozen where an officer has stopped one of these datasets: public ones, about which no grant is asked."""
    stopped = frozen_datasets(enclave, datasets)
    if stopped:
        raise Frozen(f"A security officer has frozen the public dataset {stopped[0]}.")


def own_standings(enclave: Enclave, actor: Person) -> Sequence[GrantStanding]:
    """The actor's grants as they stand now; only analysts hold any."""
    return enclave.ledger.standings(actor.name) if actor.role is Role.ANALYST else ()


def datasets_of(enclave: Enclave, actor: Person, standings: Sequence[GrantStanding]) -> tuple[Dataset, ...]:
    """Every dataset the actor may know of, an analyst's narrowed to the tables and columns of their own grants."""
    found = visible(actor, enclave.ledger.datasets(), standings)
    if actor.role is not Role.ANALYST:
        return found
    return tuple(granted(dataset, standings) for dataset in found)


def stewarded(enclave: Enclave, actor: Person, action: Action, name: str) -> tuple[Dataset, str]:
    """A dataset the actor speaks for, and its description's text. Unknown and somebody else's are the same NotFound."""
    require(enclave, actor, action)
    found = enclave.ledger.dataset(name)
    if found is None or not concerns(enclave, actor, action, stewards=(found[0].steward,)):
        raise NotFound("There is no such dataset among those you speak for.")
    return found


def concerns(
    enclave: Enclave, actor: Person, action: Action, *, stewards: Sequence[str], author: Person | None = None
) -> bool:
    """Whether the policies let the actor know of a thing: where not, the caller says what it says of unknown ones.

    (The policies' own NotFound names the policy that decided, and so would differ.) Raises their other refusals.
    """
    try:
        require(enclave, actor, action, stewards=stewards, author=author)
    except NotFound:
        return False
    return True


def stewards_of(enclave: Enclave, datasets: Sequence[str]) -> tuple[str, ...]:
    """Who the descriptions of registered datasets name as stewards."""
    found = (enclave.ledger.dataset(name) for name in datasets)
    return tuple(item[0].steward for item in found if item is not None)


def spoken_for(enclave: Enclave, steward: Person) -> frozenset[str]:
    """The names of the datasets that this person speaks for."""
    return frozenset(item.name for item in enclave.ledger.datasets() if speaks_for(steward, item.steward))


def is_frozen(enclave: Enclave, person: Person) -> bool:
    """Whether an officer has stopped this person."""
    return enclave.ledger.frozen(Subject.PERSON, person.name)


def frozen_datasets(enclave: Enclave, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the named datasets that an officer has stopped."""
    return tuple(name for name in names if enclave.ledger.frozen(Subject.DATASET, name))


def _raise(decision: object) -> Permit:
    if isinstance(decision, Permit):
        return decision
    if isinstance(decision, Exception):
        raise decision
    raise TypeError("a decision is a permit or a refusal")
