"""What a person may know to exist, and what of a dataset their grants name."""

from collections.abc import Sequence
from dataclasses import replace

from policies.bearing import held_by
from policies.decide import speaks_for
from policies.roles import SIGHT, Sight
from sandbox.terms.dataset import ColumnRole, Dataset, Table
from sandbox.terms.people import GrantStanding, Person


def visible(person: Person, datasets: Sequence[Dataset], standings: Sequence[GrantStanding]) -> tuple[Dataset, ...]:
    """The datasets whose descriptions the person may see, in the order given.

    An analyst sees public datasets, and what any grant of theirs names, also one that has ended or was revoked: they knew of it already, and
    "not in force" is more help than "unknown".
    """
    match SIGHT.get(person.role, Sight.NOTHING):
        case Sight.ALL:
            return tuple(datasets)
        case Sight.STEWARDED:
            return tuple(dataset for dataset in datasets if speaks_for(person, dataset.steward))
        case Sight.GRANTED:
            named = {name for standing in held_by(person, standings) for name in standing.grant.datasets}
            return tuple(dataset for dataset in datasets if dataset.public or dataset.name in named)
        case Sight.NOTHING:
            return ()


def granted(dataset: Dataset, standings: Sequence[GrantStanding]) -> Dataset:
    """The dataset as far as a person's own grants go: the tables that any of them names, each with its unit column and
    the value columns that any of them names. The rest is absent, as if it were not there; so are withheld columns.

    `standings` are the person's own (`held_by`). Which one grant allows all of a question is decided later.
    """
    if dataset.public:
        return dataset
    naming = [standing.grant for standing in standings if dataset.name in standing.grant.datasets]
    tables = {name for grant in naming for name in grant.tables}
    columns = {name for grant in naming for name in grant.columns}
    return replace(
        dataset,
        tables=tuple(
            _narrowed(dataset.name, table, columns)
            for table in dataset.tables
            if f"{dataset.name}.{table.name}" in tables
        ),
    )


def _narrowed(dataset: str, table: Table, columns: set[str]) -> Table:
    prefix = f"{dataset}.{table.name}."
    return replace(
        table,
        columns=tuple(
            column
            for column in table.columns
            if column.role is ColumnRole.UNIT or (column.role is ColumnRole.VALUE and prefix + column.name in columns)
        ),
    )
