"""One table of a load: read once and spilled by unit, then put in order and sealed, bucket after bucket."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np

from sandbox.proof.sealing import derive
from sandbox.terms.dataset import Dataset, Table, Type
from workers.bucket_rows import BucketRows
from workers.bucket_write import BucketWriter
from workers.keyring import DataKeys
from workers.links import LINK_ROWS_MAX, LinkMap
from workers.load_journal import Journal
from workers.manifest import ManifestTable
from workers.schema import Encoding, StoredColumn, TableLimits, stored_columns
from workers.source import Source
from workers.spill import Run, Spill, together
from workers.stored_segment import ManifestFile
from workers.table_read import TableReader, UnitKeys
from workers.tokens import Tokens
from workers.unusable import Place

Progress = Callable[[str, int, int], None]

PARTITION_ROWS = 1 << 19
"""Rows that a partition is to have where a table has as many as it declares."""

_PARTITIONS_MAX = 1024
_THREADS = min(2, os.cpu_count() or 1)
_LINK_COLUMNS = (
    StoredColumn("unit_high", Type.INT, Encoding.INT64),
    StoredColumn("unit_low", Type.INT, Encoding.INT64),
)


@dataclass(slots=True, repr=False)
class TableLoader:
    """Loads the tables of one version, those that others are linked through first."""

    dataset: Dataset
    sources: Mapping[str, Source]
    writer: BucketWriter
    keys: DataKeys
    journal: Journal
    progress: Progress
    _maps: dict[str, LinkMap] = field(default_factory=dict)
    _shown: tuple[str, int, int] = ("", 0, 0)

    def load(self, name: str) -> ManifestTable:
        """Read, order, cut and seal one table, as far as the journal does not say that it is done.

        Raises:
            FileNotUsable: the table's file is not as described.
        """
        table = next(table for table in self.dataset.tables if table.name == name)
        stored = stored_columns(table)
        rows = self._spill(table, name, stored)
        if not self.journal.of("read", name):
            self._read(table, rows)
        files = self._write(table, rows, stored)
        rows.remove()
        return ManifestTable(name, stored, (self.writer.segment(files),), TableLimits.of(table))

    def finish(self) -> None:
        """Remove what no table needs any more."""
        for table in self.dataset.tables:
            for spill in (self._spill(table, table.name, stored_columns(table)), self._links(table)):
                spill.remove()

    def _read(self, table: Table, rows: Spill) -> None:
        name, asked = table.name, self._asked_for(table)
        space = None if self.dataset.public else self._space_key()
        keys = UnitKeys(space, asked=None if asked is None else (asked, self._link_key(name)))
        if table.link is not None:
            through = table.link.through
            keys = UnitKeys(space, self._map(through), self._link_key(through), keys.asked)
        links = None if asked is None else self._links(table)
        told = self._told(f"reading {name}")
        TableReader(table, self.sources[name], keys, rows, links, self.journal, told).read()
        if asked is not None:
            self._map(name)  # finds two rows of one key before anything is written

    def _write(self, table: Table, rows: Spill, stored: tuple[StoredColumn, ...]) -> list[ManifestFile]:
        name, buckets = table.name, self.writer.manifest.buckets
        order = None if self.dataset.public else derive(self._space_key(), self._of("row-order", name))
        runs = [Run.from_json(record["rows"]) for record in self.journal.of("run", name)]
        made = {
            int(record["bucket"]): [ManifestFile.from_json(file) for file in record["files"]]
            for record in self.journal.of("bucket", name)
        }
        ordered = BucketRows(rows, runs, buckets, order)
        with ThreadPoolExecutor(_THREADS, "bucket") as pool:
            waiting = {
                pool.submit(self.writer.write, name, stored, bucket, ordered.pieces(bucket)): bucket
                for bucket in range(buckets)
                if bucket not in made
            }
            try:
                for done in as_completed(waiting):
                    bucket = waiting[done]
                    made[bucket] = list(done.result())
                    written = [file.to_json() for file in made[bucket]]
                    self.journal.append({"kind": "bucket", "table": name, "bucket": bucket, "files": written})
                    self.progress(f"writing {name}", len(made), buckets)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [file for bucket in range(buckets) for file in made[bucket]]

    def _spill(self, table: Table, name: str, columns: tuple[StoredColumn, ...]) -> Spill:
        key = derive(self.journal.key, f"sandbox/spill/v1|{name}")
        wanted = max(self.writer.manifest.buckets, -(-table.rows_max // PARTITION_ROWS))
        partitions = 1 << (min(wanted, max(_PARTITIONS_MAX, self.writer.manifest.buckets)) - 1).bit_length()
        return Spill(self.journal.folder, name, key, partitions, columns)

    def _links(self, table: Table) -> Spill:
        return self._spill(table, f"{table.name}.links", _LINK_COLUMNS)

    def _map(self, through: str) -> LinkMap:
        """Which unit the rows of a table have, by its key."""
        if through not in self._maps:
            table = next(table for table in self.dataset.tables if table.name == through)
            if table.rows_max > LINK_ROWS_MAX:
                raise Place(f"table {through}").refusal(
                    f"rows_max of at most {LINK_ROWS_MAX}, as others link through it"
                )
            links = self._links(table)
            runs = [Run.from_json(record["links"]) for record in self.journal.of("run", through)]
            rows = sum(count for run in runs for _, count in run.frames)
            parts = (_link_parts(links, runs, partition) for partition in range(links.partitions))
            asked = self._asked_for(table)
            self._maps[through] = LinkMap.build(rows, parts, Place(self._called(through), asked))
        return self._maps[through]

    def _called(self, name: str) -> str:
        """What the steward calls a table's source."""
        return getattr(self.sources[name], "name", name)

    def _asked_for(self, table: Table) -> str | None:
        """The key of this table that others are linked through."""
        links = (other.link for other in self.dataset.tables)
        return next((link.key for link in links if link is not None and link.through == table.name), None)

    def _told(self, phase: str) -> Callable[[int, int], None]:
        def told(done: int, total: int) -> None:
            if (phase, done, total) != self._shown:
                self._shown = phase, done, total
                self.progress(phase, done, total)

        return told

    def _space_key(self) -> bytes:
        return self.keys.space_key(self.dataset.unit_space)

    def _link_key(self, through: str) -> bytes:
        return derive(self._space_key(), self._of("link", through))

    def _of(self, what: str, table: str) -> str:
        return f"sandbox/{what}/v1|{self.dataset.name}|{table}"


def _link_parts(links: Spill, runs: list[Run], partition: int) -> tuple[Tokens, Tokens]:
    """The key hashes and the unit tokens of one partition."""
    rows = together(list(links.read(runs, partition)), links.columns)
    high, low = (array.values.view(np.uint64) for array in rows.columns)
    return rows.tokens, Tokens(high, low)
