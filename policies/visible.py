"""What a person may know to exist."""

from collections.abc import Sequence

from policies.decide import held_by, speaks_for
from policies.roles import SIGHT, Sight
from sandbox.terms.dataset import Dataset
from sandbox.terms.people import Grant, Person


def visible(person: Person, datasets: Sequence[Dataset], grants: Sequence[Grant]) -> tuple[Dataset, ...]:
    """The datasets whose descriptions the person may see, in the order given.

    An analyst sees what any grant of theirs names, also one that has ended: they knew of it already, and "not in force"
    is more help than "unknown".
    """
    match SIGHT.get(person.role, Sight.NOTHING):
        case Sight.ALL:
            return tuple(datasets)
        case Sight.STEWARDED:
            return tuple(dataset for dataset in datasets if speaks_for(person, dataset.steward))
        case Sight.GRANTED:
            named = {name for grant in held_by(person, grants) for name in grant.datasets}
            return tuple(dataset for dataset in datasets if dataset.name in named)
        case Sight.NOTHING:
            return ()
