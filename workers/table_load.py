"""One table of a load: read, its units found, its rows put in order, cut into buckets and sealed."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sandbox.proof.sealing import derive
from sandbox.terms.dataset import Dataset, Table, Type
from workers.bucket import ColumnArray
from workers.conform import conform
from workers.identifiers import identifiers
from workers.keyring import DataKeys
from workers.layout import Arranged, arrange, dictionary_columns
from workers.links import KeyedUnits, keyed, linked
from workers.manifest import ROWS, UNITS, Manifest, ManifestFile, ManifestTable, file_name, wrap
from workers.row_order import row_order
from workers.schema import StoredColumn, TableLimits, stored_columns, value_columns
from workers.sealed_parquet import DEK_BYTES, write_sealed
from workers.source import read_batches
from workers.tokens import Units, units_of
from workers.unusable import Place

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Read:
    """A table's file in batches; `starts` are the numbers of their first rows."""

    file: str
    batches: list[pa.RecordBatch]
    starts: list[int]
    types: Mapping[str, Type]

    @property
    def rows(self) -> int:
        return sum(batch.num_rows for batch in self.batches)

    def column(self, name: str) -> list[pa.Array]:
        return [batch.column(name) for batch in self.batches]

    def places(self, name: str) -> list[Place]:
        return [Place(self.file, name, row) for row in self.starts]

    def identifiers(self, name: str, *, required: bool = True) -> pa.DictionaryArray:
        return identifiers(self.column(name), self.types[name], self.places(name), required=required)


@dataclass(slots=True)
class TableLoader:
    """Loads the tables of one version, those that others are linked through first."""

    dataset: Dataset
    manifest: Manifest
    inbox: Path
    folder: Path
    keys: DataKeys
    progress: Progress
    found: dict[str, KeyedUnits] = field(default_factory=dict)

    def load(self, name: str, file: str) -> ManifestTable:
        """Read, order, cut and seal one table."""
        table = next(table for table in self.dataset.tables if table.name == name)
        self.progress(f"reading {name}", 0, 1)
        described, stored = value_columns(table), stored_columns(table)
        wanted = {column.name: column.type for column in described} | self._identifying(table)
        batches, rows = [], [1]
        for batch in read_batches(self.inbox, file, wanted, table.rows_max):
            batches.append(batch)
            rows.append(rows[-1] + batch.num_rows)
        read = Read(file, batches, rows[:-1], wanted)
        units, kept = self._units(table, read)
        columns = [conform(read.column(column.name), column, read.places(column.name)) for column in described]
        if kept is not None:
            columns = [_rows_of(column, kept) for column in columns]
        del batches, read
        order = np.arange(len(units.of_row), dtype=np.int64)
        if not self.dataset.public:
            order_key = derive(self._space_key(), f"sandbox/row-order/v1|{self.manifest.dataset}|{name}")
            order = row_order(units, stored, columns, order_key)
        self.progress(f"reading {name}", 1, 1)
        files = self._write(name, arrange(units, stored, columns, order, self.manifest.buckets), stored)
        return ManifestTable(name, stored, files, TableLimits.of(table))

    def _space_key(self) -> bytes:
        return self.keys.space_key(self.manifest.unit_space)

    def _identifying(self, table: Table) -> dict[str, Type]:
        """The columns by which rows find their unit, or other tables' rows find theirs through this one."""
        names = [table.unit, table.link and table.link.column, self._asked_for(table)]
        found = {name: table.column(name) for name in names if name}
        return {name: Type.STRING if column is None else column.type for name, column in found.items()}

    def _asked_for(self, table: Table) -> str | None:
        """The key of this table that others are linked through."""
        links = (other.link for other in self.dataset.tables)
        return next((link.key for link in links if link is not None and link.through == table.name), None)

    def _units(self, table: Table, read: Read) -> tuple[Units, npt.NDArray[np.bool_] | None]:
        """Each row's unit, and which rows have one; None where all have. Public rows are all of one token, zero."""
        kept = None
        if self.dataset.public:
            zero = np.zeros(min(read.rows, 1), dtype=np.uint64)
            return Units(zero, zero, np.zeros(read.rows, dtype=np.int64)), None
        if table.link is not None:
            units, kept = linked(read.identifiers(table.link.column, required=False), self.found[table.link.through])
        else:
            units = units_of(read.identifiers(table.unit or ""), self._space_key())
        key = self._asked_for(table)
        if key is not None:
            named = read.identifiers(key)
            named = named if kept is None else named.filter(pa.array(kept))
            self.found[table.name] = keyed(named, units, read.places(key)[0] if read.batches else Place(read.file))
        return units, kept

    def _write(
        self, table: str, buckets: Iterable[Arranged], stored: Sequence[StoredColumn]
    ) -> tuple[ManifestFile, ...]:
        kek = self.keys.kek(self.manifest.dataset)
        entries: list[ManifestFile] = []
        for bucket, arranged in enumerate(buckets):
            for kind, content, coded in (
                (ROWS, arranged.rows, dictionary_columns(stored)),
                (UNITS, arranged.units, []),
            ):
                identity, dek = secrets.token_hex(16), secrets.token_bytes(DEK_BYTES)
                aad = self.manifest.aad(table, bucket, kind, identity)
                path = self.folder / file_name(table, bucket, kind)
                footer = write_sealed(path, dek, aad.encode(), content, coded)
                entries.append(ManifestFile(bucket, kind, identity, wrap(kek, dek, aad), footer))
            self.progress(f"writing {table}", bucket + 1, self.manifest.buckets)
        return tuple(entries)


def _rows_of(column: ColumnArray, kept: npt.NDArray[np.bool_]) -> ColumnArray:
    valid = None if column.valid is None else column.valid[kept]
    return ColumnArray(column.values[kept], valid, column.dictionary)
