"""Which grants may answer a question together.

A question over several datasets is asked under one grant that allows all of it, or under several: each dataset is then read
under one of them, which must allow by itself everything that is read of that dataset, in every manner of the question, for
its purpose, now. Nothing is put together within a dataset, so several grants allow no more than each of them does of its own
data. Cedar decides about each dataset, and is told of all: a policy can forbid a combination (`context.together`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from policies.decide import decide
from policies.refusals import of_dataset
from policies.request import AccessRequest, Permit
from policies.rulebook import RULEBOOK, Rulebook
from sandbox.terms.people import Grant, GrantStanding
from sandbox.terms.refusal import Fault, Refusal

COMBINATIONS = 64
"""At most so many are looked at: of each dataset's grants those that cover most datasets, then those of the lowest id."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Yes. Each of `choices` suffices, and none of its grants could be left out: single grants first. The first grant of each
    names the question's first dataset, the others are sorted by id. `policies` are the ids of those that permitted it."""

    choices: tuple[tuple[Grant, ...], ...]
    policies: tuple[str, ...]


def cover(
    request: AccessRequest, standings: Sequence[GrantStanding], *, rulebook: Rulebook = RULEBOOK
) -> Coverage | Refusal:
    """The grants that allow a question, alone or together, or the refusal: of several datasets, that of the first which no
    grant allows. It depends on the request and the person's own grants alone. Raises Fault as `decide` does."""
    whole = decide(request, standings, rulebook=rulebook)
    alone = whole.grants if isinstance(whole, Permit) else ()
    policies = set(whole.policies) if isinstance(whole, Permit) else set()
    if len(request.datasets) < 2:
        return Coverage(tuple((grant,) for grant in alone), tuple(sorted(policies))) if alone else _no(whole)
    permits: dict[str, Permit] = {}
    for name, part in _parts(request).items():
        decision = decide(part, standings, rulebook=rulebook)
        if isinstance(decision, Refusal):
            if alone:
                break
            return of_dataset(decision, name)
        permits[name] = decision
        policies.update(decision.policies)
    choices: list[tuple[Grant, ...]] = [(grant,) for grant in alone]
    if len(permits) == len(request.datasets):
        known = {grant.id for grant in alone}
        offered = {name: [item for item in permit.grants if item.id not in known] for name, permit in permits.items()}
        choices += combinations(offered)
    return Coverage(tuple(choices), tuple(sorted(policies))) if choices else _no(whole)


def combinations(offered: Mapping[str, Sequence[Grant]]) -> list[tuple[Grant, ...]]:
    """Sets of two or more grants with one for each dataset, of which none could be left out; `offered` are those that allow
    each dataset's part, the question's first dataset first."""
    covered = [grant.id for grants in offered.values() for grant in grants]
    most = _most(len(offered))
    ranked = [
        sorted(grants, key=lambda grant: (-covered.count(grant.id), grant.id))[:most] for grants in offered.values()
    ]
    ids = [{grant.id for grant in grants} for grants in offered.values()]
    found: dict[frozenset[str], tuple[Grant, ...]] = {}
    for taken in product(*ranked):
        each = {grant.id: grant for grant in taken}
        names = frozenset(each)
        needed = all(any(part & names == {name} for part in ids) for name in names)
        if len(names) > 1 and needed and names not in found:
            first = min(ids[0] & names)
            found[names] = (each[first], *(each[name] for name in sorted(names - {first})))
    return sorted(found.values(), key=lambda grants: (len(grants), [grant.id for grant in grants]))


def _most(datasets: int) -> int:
    """How many grants of each dataset are looked at, so that there are no more than COMBINATIONS."""
    return max(1, *(each for each in range(1, COMBINATIONS + 1) if each**datasets <= COMBINATIONS))


def _parts(request: AccessRequest) -> dict[str, AccessRequest]:
    """What the question asks of each dataset."""

    def within(name: str, places: Sequence[str]) -> tuple[str, ...]:
        return tuple(place for place in places if place.startswith(f"{name}."))

    parts = {
        name: replace(
            request,
            datasets=(name,),
            tables=within(name, request.tables),
            columns=within(name, request.columns),
            together=request.datasets,
        )
        for name in request.datasets
    }
    for part in ("tables", "columns"):
        if sum(len(getattr(each, part)) for each in parts.values()) != len(getattr(request, part)):
            raise Fault  # something is read of no dataset, or counted to two: nobody would have decided about it
    return parts


def _no(decision: Permit | Refusal) -> Refusal:
    if isinstance(decision, Refusal):
        return decision
    raise Fault  # the policies would let somebody ask under no grant
