"""What a grant can name of a dataset, and whether a smaller scope lies within a larger one.

Tables are written "dataset.table" and columns "dataset.table.column". Only value columns are granted: withheld ones never
are, and a granted table's unit can always be counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.terms.dataset import ColumnRole, Dataset
from sandbox.terms.people import Aggregate
from sandbox.terms.refusal import MalformedRequest


@dataclass(frozen=True, slots=True)
class Scope:
    """Complete sorted lists."""

    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]


def offered(datasets: Sequence[Dataset]) -> Scope:
    """All that these datasets offer."""
    return Scope(
        tuple(sorted(dataset.name for dataset in datasets)),
        tuple(sorted(f"{dataset.name}.{table.name}" for dataset in datasets for table in dataset.tables)),
        tuple(
            sorted(
                f"{dataset.name}.{table.name}.{column.name}"
                for dataset in datasets
                for table in dataset.tables
                for column in table.columns
                if column.role is ColumnRole.VALUE
            )
        ),
        tuple(sorted(Aggregate)),
    )


def narrowed(
    whole: Scope,
    tables: Sequence[str] | None,
    columns: Sequence[str] | None,
    aggregates: Sequence[str] | None,
    outside: str,
) -> Scope:
    """The part of `whole` that the lists name; None is all of it. Datasets without a table left fall out.

    `outside` says of a word what it is when `whole` does not have it, such as "is not offered".

    Raises MalformedRequest naming the field and the word.
    """
    kept = whole.tables if tables is None else _chosen(tables, whole.tables, "tables", outside)
    within = tuple(column for column in whole.columns if column.rpartition(".")[0] in kept)
    manner = [aggregate.value for aggregate in whole.aggregates]
    chosen = whole.aggregates
    if aggregates is not None:
        chosen = tuple(Aggregate(word) for word in _chosen(aggregates, manner, "aggregates", outside))
    if not kept or not chosen:
        empty = "aggregates" if kept else "tables"
        raise MalformedRequest(f"{empty} names one at least.", field=empty)
    return Scope(
        tuple(name for name in whole.datasets if any(table.startswith(f"{name}.") for table in kept)),
        kept,
        within if columns is None else _chosen(columns, within, "columns", outside),
        chosen,
    )


def _chosen(words: Sequence[str], known: Iterable[str], field: str, outside: str) -> tuple[str, ...]:
    """The words, sorted, if each is known and named once."""
    strange = sorted(set(words) - set(known))
    if strange:
        raise MalformedRequest(f'{field}: "{shown(strange[0])}" {outside}.', field=field)
    if len(set(words)) != len(words):
        raise MalformedRequest(f"{field} names each one once.", field=field)
    return tuple(sorted(words))


def shown(word: str) -> str:
    """A word of the caller's, fit for a message."""
    return word if word.isprintable() and len(word) <= 200 else "…"
