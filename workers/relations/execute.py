"""A relation over one bucket: batches of whole units, each node computed from the rows of those below.

What a batch holds is bounded by the plan (`sandbox.plan.relation_sizes`): units are put together only while their rows at
all nodes stay below BATCH_ROWS, and the caps of scans and joins bound what a single unit has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sandbox.plan.relation_sizes import BATCH_ROWS
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    Window,
    columns_of,
    is_public,
    scans_of,
    sources_of,
)
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray, Piece
from workers.relations.batches import cuts, merged, rows_ahead
from workers.relations.evaluation import evaluated, fulfilled
from workers.relations.joins import JoinIndex, join_rows
from workers.relations.per_unit import per_unit
from workers.relations.reading import TableReader
from workers.relations.rows import Integers, Rows, stacked
from workers.relations.sources import Sources
from workers.relations.windows import windowed

Indexes = Mapping[Join, JoinIndex]
"""The joins whose right side is public, each with the index of it."""


def relation_pieces(
    relation: Relation, sources: Sources, batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[Integers, Piece]]:
    """The rows of every unit of the bucket: (rows of each unit, 0 among them; the rows' columns as `columns_of` names them).

    Each batch holds whole units; together the batches hold each unit of the relation's private tables once, in the order
    of tokens. A bucket without units gives no batch. Text columns are codes into Arrow arrays, which differ from batch to
    batch; other columns are plain. A streamed relation is read too, with the cap of its scan.

    Raises:
        StoreRefused: a file is not what the manifest says.
        ValueError: no unit owns the relation's rows.
    """
    if is_public(relation):
        raise ValueError("a relation without units")
    tables = _Tables(relation, sources)
    indexes = {join: public_index(join, sources) for join in _public_joins(relation)}
    runs = {scan: table.runs_of_all(tables.units) for scan, table in tables.of_scan.items()}
    _, totals = rows_ahead(relation, runs, lambda join: indexes[join].most)
    for start, stop in cuts(totals, batch_rows):
        rows = _rows(relation, tables.read(start, stop), indexes)
        counts = np.bincount(rows.units, minlength=stop - start).astype(np.int64)
        yield counts, Piece(rows.count, {name: rows.columns[name] for name in columns_of(relation)})


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """One private table as a batch reads it: `numbers` are its units' places among all units of the bucket."""

    numbers: Integers
    runs: Integers
    reader: TableReader

    def runs_of_all(self, units: int) -> Integers:
        runs = np.zeros(units, np.int64)
        runs[self.numbers] = self.runs
        return runs


class _Tables:
    """The private tables of a relation. Scans of one table under one cap are read once, with all their columns."""

    def __init__(self, relation: Relation, sources: Sources) -> None:
        scans = list(dict.fromkeys(scan for scan in scans_of(relation) if not scan.public))
        types: dict[tuple[str, str, int], dict[str, Type]] = {}
        for scan in scans:
            types.setdefault(_table(scan), {}).update(scan.columns)
        first = {_table(scan): scan for scan in reversed(scans)}
        units = {table: sources.units(first[table]) for table in types}
        self.units, numbers = merged(list(units.values()))
        self._tables = {
            table: _Table(number, units[table].runs, TableReader(sources, first[table], kinds, units[table].runs))
            for (table, kinds), number in zip(types.items(), numbers, strict=True)
        }
        self.of_scan = {scan: self._tables[_table(scan)] for scan in scans}

    def read(self, start: int, stop: int) -> dict[Scan, Rows]:
        """The rows of units start .. stop - 1, for each scan."""
        found: dict[tuple[str, str, int], Rows] = {}
        for key, table in self._tables.items():
            low, high = np.searchsorted(table.numbers, [start, stop]).tolist()
            counts = np.minimum(table.runs[low:high], key[-1])
            units = np.repeat(table.numbers[low:high] - start, counts)
            found[key] = Rows(units, table.reader.read(low, counts))
        return {scan: _scanned(scan, found[_table(scan)]) for scan in self.of_scan}


def _table(scan: Scan) -> tuple[str, str, int]:
    return scan.dataset, scan.table, scan.rows_per_unit


def _scanned(scan: Scan, rows: Rows) -> Rows:
    return Rows(rows.units, {scan.prefix + name: rows.columns[name] for name, _ in scan.columns})


def _public_joins(relation: Relation) -> list[Join]:
    """The joins of private rows with public ones."""
    own = [relation] if isinstance(relation, Join) and is_public(relation.right) and not is_public(relation) else []
    return [*own, *(join for source in sources_of(relation) for join in _public_joins(source))]


def public_index(join: Join, sources: Sources) -> JoinIndex:
    """The public right side of a join, read whole."""
    return JoinIndex.of(join, public_rows(join.right, sources), of_units=False)


def public_rows(relation: Relation, sources: Sources) -> Rows:
    """All rows of a public relation, as those of one unit, 0.

    Raises:
        StoreRefused: a file is not what the manifest says.
    """
    scans: dict[Scan, Rows] = {}
    for scan in scans_of(relation):
        rows = np.asarray([sources.units(scan).runs.sum()], np.int64)
        columns: dict[str, ColumnArray] = TableReader(sources, scan, dict(scan.columns), rows).read(0, rows)
        scans[scan] = _scanned(scan, Rows(np.zeros(int(rows[0]), np.int64), columns))
    return _rows(relation, scans, {})


def _rows(relation: Relation, scans: Mapping[Scan, Rows], indexes: Indexes) -> Rows:
    match relation:
        case Scan():
            return scans[relation]
        case Filter(source, predicate):
            rows = _rows(source, scans, indexes)
            return rows.take(fulfilled(rows, predicate))
        case Project(source, columns):
            rows = _rows(source, scans, indexes)
            values = evaluated(rows, [expression for _, expression in columns])
            return Rows(rows.units, {name: value for (name, _), value in zip(columns, values, strict=True)})
        case PerUnit(source):
            return per_unit(relation, _rows(source, scans, indexes))
        case Window(source):
            return windowed(relation, _rows(source, scans, indexes))
        case Union(parts):
            return stacked([_rows(part, scans, indexes) for part in parts], columns_of(relation))
        case Join(left):
            rows = _rows(left, scans, indexes)
            index = indexes.get(relation)
            if index is None:
                # Public rows among themselves are one unit, 0, as it were.
                index = JoinIndex.of(relation, _rows(relation.right, scans, indexes), of_units=True)
            return join_rows(relation, rows, index)
