"""A grant in the light of one request.

Cedar decides about each grant, at 0.2 ms each; an analyst may hold a thousand. Many of them bear on a request alike: of
their lists only what is asked for can matter, and of term and uses only on which side of now, and of the uses made, they
lie. A `Bearing` keeps exactly that, so that grants of equal bearing are asked about once. It decides nothing: inclusive
or exclusive, enough or not, is Cedar's to say. Law, tested: Cedar decides about a bearing as about the whole grant.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from heapq import nsmallest
from typing import NamedTuple, TypeAlias

from policies.request import AccessRequest
from sandbox.terms.people import Grant, GrantStanding, Person

_Names: TypeAlias = tuple[str, ...]
_Lists: TypeAlias = tuple[_Names, _Names, _Names, _Names]
"""Datasets, tables, columns, aggregates."""


class Bearing(NamedTuple):  # a tuple, since a thousand may be made and compared for one decision
    """What a grant's facts come to. `begins` and `ends` are -1, 0 or 1: before, at or after the request's time; `spare`
    likewise, of uses less uses made, None without limit."""

    analyst: str
    organisation: str
    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    aggregates: tuple[str, ...]
    purpose: str
    begins: int
    ends: int
    spare: int | None
    revoked: bool
    frozen: bool


NO_GRANT = Bearing("", "", (), (), (), (), "", -1, 1, None, revoked=False, frozen=False)
"""Stands for holding none: of nobody, over nothing."""

NARROWER = 8
"""At most so many bearings that lack something asked for are asked about: they can only be refused."""


def held_by(person: Person, standings: Sequence[GrantStanding]) -> tuple[GrantStanding, ...]:
    """The grants that name this person of this organisation: moving to another one leaves them behind."""
    return tuple(
        standing
        for standing in standings
        if standing.grant.analyst == person.name and standing.grant.organisation == person.organisation
    )


def covering(request: AccessRequest, own: Sequence[GrantStanding]) -> list[GrantStanding]:
    """Those of the requester's own grants that name every dataset asked for."""
    if len(request.datasets) == 1:
        name = request.datasets[0]
        return [standing for standing in own if name in standing.grant.datasets]
    asked = frozenset(request.datasets)
    return [standing for standing in own if asked.issubset(standing.grant.datasets)]


def candidates(request: AccessRequest, own: Sequence[GrantStanding]) -> dict[Bearing, list[GrantStanding]]:
    """Those of the requester's own grants that can matter, grouped by bearing: those that cover the data for the purpose;
    where there is none, one that covers it; else one of any kind; else NO_GRANT."""
    covers = covering(request, own)
    fitting = [standing for standing in covers if standing.grant.purpose == request.purpose]
    if not fitting and own:
        fitting = [min(covers or own, key=lambda standing: standing.grant.id)]
    if not fitting:
        return {NO_GRANT: []}
    groups: dict[Bearing, list[GrantStanding]] = {}
    lists: dict[object, _Lists] = {}
    for standing in fitting:
        groups.setdefault(_bearing(request, standing, lists), []).append(standing)
    return _bounded(request, groups)


def bearing(request: AccessRequest, standing: GrantStanding) -> Bearing:
    """What one grant's facts come to for this request."""
    return _bearing(request, standing, {})


def _bearing(request: AccessRequest, standing: GrantStanding, lists: dict[object, _Lists]) -> Bearing:
    grant = standing.grant
    key = (grant.datasets, grant.tables, grant.columns, grant.aggregates)
    kept = lists.get(key)
    if kept is None:
        kept = lists[key] = _kept(request, grant)
    return Bearing(
        grant.analyst,
        grant.organisation,
        *kept,
        grant.purpose,
        _side(grant.not_before, request.at),
        _side(grant.not_after, request.at),
        None if grant.uses is None else (grant.uses > standing.used) - (grant.uses < standing.used),
        standing.revoked,
        standing.frozen,
    )


def _bounded(request: AccessRequest, groups: dict[Bearing, list[GrantStanding]]) -> dict[Bearing, list[GrantStanding]]:
    """All that name everything asked for, and of the others, which matter to the words of a refusal only, the best."""
    if len(groups) <= NARROWER:
        return groups
    asked = sum(len(set(names)) for names in _asked(request))

    def missing(item: Bearing) -> int:
        return asked - len(item.datasets) - len(item.tables) - len(item.columns) - len(item.aggregates)

    def whole(item: Bearing) -> bool:
        return missing(item) == 0

    def shortfall(item: Bearing) -> tuple[bool, bool, bool, int, Bearing]:
        stopped = item.begins > 0 or item.ends < 1
        return item.revoked, item.frozen, stopped, missing(item), item._replace(spare=item.spare or 0)

    kept = [item for item in groups if whole(item)]
    kept += nsmallest(NARROWER, (item for item in groups if not whole(item)), key=shortfall)
    return {item: groups[item] for item in kept}


def _asked(request: AccessRequest) -> _Lists:
    return request.datasets, request.tables, request.columns, request.aggregates


def _kept(request: AccessRequest, grant: Grant) -> _Lists:
    return (
        _both(request.datasets, grant.datasets),
        _both(request.tables, grant.tables),
        _both(request.columns, grant.columns),
        _both(request.aggregates, grant.aggregates),
    )


def _both(asked: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(asked) & set(granted)))


def _side(moment: datetime, now: datetime) -> int:
    return (moment > now) - (moment < now)
