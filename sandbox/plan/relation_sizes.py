"""How much of a relation a worker holds at a time: a function of the plan, whatever the rows are.

Relations are computed a batch of whole units at a time. A batch ends before the rows that its units can have at all nodes
together, by their caps and their numbers of stored rows, are more than `BATCH_ROWS`, but it has one unit at least. Public
relations are computed once for each bucket and held whole.
"""

from sandbox.plan.relations import (
    Relation,
    Scan,
    columns_of,
    expressions_of,
    is_public,
    rows_max,
    rows_per_unit,
    sources_of,
)

BATCH_ROWS = 131_072
"""Rows of all private nodes together that a batch of several units has at most."""


def unit_rows_held(relation: Relation) -> int:
    """The most rows that one unit has at all private nodes together, and one more for the unit itself."""
    return 1 + sum(rows_per_unit(node) for node in _nodes(relation) if not is_public(node))


def relation_rows_held(relation: Relation) -> int:
    """The most rows that a batch has at all private nodes together: max(BATCH_ROWS, unit_rows_held).

    Beside them a worker holds, for each scan of a private table, one row group as it is read.
    """
    return max(BATCH_ROWS, unit_rows_held(relation))


def public_rows_held(relation: Relation) -> int:
    """Rows of all public nodes together, held while a bucket is measured; an index of each joined row is in it."""
    return sum(rows_max(node) for node in _nodes(relation) if is_public(node))


def columns_held(relation: Relation) -> int:
    """The most columns that any node has: those it gives, the expressions it evaluates, and what joining or grouping needs.

    A batch takes at most `relation_rows_held * columns_held` cells of 16 bytes (8 for a value, 1 for its validity, the rest
    for copies while rows are put together), and the public relations `public_rows_held * columns_held` of them. Texts come
    on top: codes are cells; each dictionary is that of a row group, or of what text functions give of a block's rows.
    """
    return max(len(columns_of(node)) + 2 * len(expressions_of(node)) + WORKING_COLUMNS for node in _nodes(relation))


WORKING_COLUMNS = 8
"""Arrays that a node needs beside its columns: units, orders, groups, matches."""

CELL_BYTES = 16
"""One cell, as `columns_held` counts them."""


UNIT_BYTES = 192
"""One unit of one scan of a private table: its token, runs and number, and those of all units that it is merged with. All
units of a bucket are held at once, of each scan; beside its row group this is all that grows with a table's size."""


def _nodes(relation: Relation) -> tuple[Relation, ...]:
    if isinstance(relation, Scan):
        return (relation,)
    return (relation, *(node for source in sources_of(relation) for node in _nodes(source)))
