"""Relations whose rows are those of one private table, each for itself: they are read a row group at a time.

That is a scan under filters, and a scan joined with a public relation that has at most one row for each of its own: what
the join adds follows from the columns it is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sandbox.plan.nodes import ColumnRef, Expression, Not
from sandbox.plan.relations import Filter, Join, Relation, Scan, is_public, streamed
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.lookups import Derived, sole_column
from workers.relations.evaluation import plain
from workers.relations.execute import public_index
from workers.relations.joins import JoinIndex
from workers.relations.rows import Rows, taken_or_null
from workers.relations.sources import Sources
from workers.text_codes import as_column

_MATCHED = "\0matched"
"""Whether a row finds one in the public relation; no column of a plan has this name."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The rows of `scan` that fulfil `filters`, with the columns of `derived`; of each unit the first `rows_per_unit` stored
    rows, all of them where that is 0."""

    scan: Scan
    filters: tuple[Expression, ...]
    rows_per_unit: int
    derived: Derived | None


def stream_of(relation: Relation, sources: Sources) -> Stream | None:
    """The relation as a stream, None where it is none. `sources` are those of any bucket: public tables are whole in each."""
    if streamed(relation):
        return plain_stream(relation)
    above: list[Expression] = []
    while isinstance(relation, Filter):
        above.insert(0, relation.predicate)
        relation = relation.source
    if not isinstance(relation, Join) or not is_public(relation.right) or not streamed(relation.left):
        return None
    left, column = plain_stream(relation.left), _column(relation)
    many = relation.kind in ("inner", "left") and not (
        relation.unique and relation.rows_per_unit >= left.scan.rows_per_unit
    )
    if column is None or many:
        return None
    matched = ColumnRef(_MATCHED, Type.BOOL)
    joined: dict[str, list[Expression]] = {"left": [], "anti": [Not(matched)]}
    filters = (*left.filters, *joined.get(relation.kind, [matched]), *above)
    return Stream(left.scan, filters, left.scan.rows_per_unit, _derived(relation, left.scan, column, sources))


def plain_stream(relation: Relation) -> Stream:
    """The stream of a scan under filters.

    Raises:
        TypeError: it is none.
    """
    filters: list[Expression] = []
    while isinstance(relation, Filter):
        filters.insert(0, relation.predicate)
        relation = relation.source
    if not isinstance(relation, Scan):
        raise TypeError("the relation is not streamed")
    return Stream(relation, tuple(filters), 0, None)


def _column(join: Join) -> str | None:
    """The left column that decides what a row is joined with, None where there are several."""
    columns = {sole_column(side) for side, _ in join.on}
    return columns.pop() if len(columns) == 1 else None


def _derived(join: Join, scan: Scan, column: str, sources: Sources) -> Derived:
    index = public_index(join, sources)
    kind = dict(scan.columns)[column.removeprefix(scan.prefix)]

    def of(values: ColumnArray) -> dict[str, ColumnArray]:
        return dict(
            _joined(
                join,
                index,
                column,
                as_column(plain({column: values}, len(values.values), {column: kind})[column], kind),
            )
        )

    return Derived(column, frozenset((_MATCHED, *index.right.columns)), of)


def _joined(join: Join, index: JoinIndex, column: str, values: ColumnArray) -> Iterator[tuple[str, ColumnArray]]:
    """The right columns for rows with these values, NULL where a row finds none, and whether it does."""
    rows = len(values.values)
    numbers = index.find(join, Rows(np.zeros(rows, np.int64), {column: values}))
    matched = numbers >= 0
    yield _MATCHED, ColumnArray(matched)
    places = np.full(rows, -1, np.int64)
    places[matched] = index.rows[index.starts[numbers[matched]]]
    if join.kind in ("inner", "left"):
        for name, right in index.right.columns.items():
            yield name, taken_or_null(right, places)
