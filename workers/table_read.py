"""The first pass of a load: a table's file is read once, batch by batch, and its rows are spilled by their unit's token."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sandbox.terms.dataset import Column, Table, Type
from workers.ahead import ahead
from workers.bucket import ColumnArray
from workers.conform import conform
from workers.distinct_values import DistinctValues
from workers.identifiers import identifiers
from workers.links import LinkMap, key_hashes
from workers.load_journal import Journal
from workers.row_columns import taken
from workers.schema import value_columns
from workers.source import Source
from workers.spill import Rows, Spill, together
from workers.tokens import Tokens, tokens_of
from workers.unusable import Place

RUN_ROWS = 1 << 20
RUN_BYTES = 1 << 28
"""A run is spilled as soon as it has so many rows or bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class UnitKeys:
    """How rows of a table find their unit: `space` keys the tokens (None where the table is public), `through` is the map
    of the table that it is linked through, and `link` and `asked` key the hashes of link keys, of that table and of this."""

    space: bytes | None
    through: LinkMap | None = None
    link: bytes = b""
    asked: tuple[str, bytes] | None = None


@dataclass(slots=True, repr=False)
class TableReader:
    """Reads one table into `rows`, and the keys that others find their units by into `links`."""

    table: Table
    source: Source
    keys: UnitKeys
    rows: Spill
    links: Spill | None
    journal: Journal
    told: Callable[[int, int], None]
    _held: list[Rows] = field(default_factory=list)
    _held_links: list[Rows] = field(default_factory=list)
    _bytes: int = 0

    def read(self) -> None:
        """Read what the journal does not have yet.

        Raises:
            FileNotUsable: the file is not as described.
        """
        runs = self.journal.of("run", self.table.name)
        done, number, start = (runs[-1]["read"] if runs else 0), len(runs), 0
        described = value_columns(self.table)
        counts = {column.name: DistinctValues(column) for column in described if column.distinct_max is not None}
        wanted = {column.name: column.type for column in described} | self._identifying()
        pending: Future[None] | None = None
        with ThreadPoolExecutor(1, "spill") as writer:
            for place, batch in ahead(self.source.batches(wanted, self.table.rows_max, self.told)):
                start += batch.num_rows
                if start <= done:
                    self._count(counts, described, batch, place)
                    continue
                self._take(batch, place, wanted, described, counts)
                if sum(len(held.tokens.high) for held in self._held) >= RUN_ROWS or self._bytes >= RUN_BYTES:
                    if pending is not None:
                        pending.result()
                    pending = writer.submit(self._spill, number, start, *self._let_go())
                    number += 1
            if pending is not None:
                pending.result()
            self._spill(number, start, *self._let_go())
        self.source.check_unchanged()
        self.journal.append({"kind": "read", "table": self.table.name})

    def _identifying(self) -> dict[str, Type]:
        """The columns by which rows find their unit, or other tables' rows find theirs through this one."""
        table, asked = self.table, self.keys.asked
        names = [table.unit, table.link and table.link.column, asked and asked[0]]
        found = {name: table.column(name) for name in names if name}
        return {name: Type.STRING if column is None else column.type for name, column in found.items()}

    def _take(
        self,
        batch: pa.RecordBatch,
        place: Place,
        wanted: dict[str, Type],
        described: tuple[Column, ...],
        counts: dict[str, DistinctValues],
    ) -> None:
        tokens, kept = self._tokens(batch, place, wanted)
        columns: list[ColumnArray] = []
        for column in described:
            at = Place(place.file, column.name, place.row)
            array = conform(batch.column(column.name), column, at)
            if column.name in counts:
                counts[column.name].add(array, at)
            columns.append(array if kept is None else taken(array, kept))
        self._held.append(Rows(tokens, tuple(columns)))
        self._bytes += batch.nbytes
        if self.keys.asked is not None:
            name, key = self.keys.asked
            named = identifiers(batch.column(name), wanted[name], Place(place.file, name, place.row))
            hashes = key_hashes(named if kept is None else named.filter(pa.array(kept)), key)
            units = (ColumnArray(tokens.high.view(np.int64)), ColumnArray(tokens.low.view(np.int64)))
            self._held_links.append(Rows(hashes, units))

    def _tokens(
        self, batch: pa.RecordBatch, place: Place, wanted: dict[str, Type]
    ) -> tuple[Tokens, npt.NDArray[np.bool_] | None]:
        """Each row's token, and which rows have one; None where all have. Public rows are all of one token, zero."""
        if self.keys.space is None:
            zero = np.zeros(batch.num_rows, dtype=np.uint64)
            return Tokens(zero, zero), None
        link = self.table.link
        name = self.table.unit or "" if link is None else link.column
        at = Place(place.file, name, place.row)
        found = identifiers(batch.column(name), wanted[name], at, required=link is None)
        if self.keys.through is None:
            return tokens_of(found, self.keys.space), None
        return self.keys.through.find(found, self.keys.link)

    @staticmethod
    def _count(
        counts: dict[str, DistinctValues], described: tuple[Column, ...], batch: pa.RecordBatch, place: Place
    ) -> None:
        for column in described:
            if column.name in counts:
                at = Place(place.file, column.name, place.row)
                counts[column.name].add(conform(batch.column(column.name), column, at), at)

    def _let_go(self) -> tuple[list[Rows], list[Rows]]:
        held, links = self._held, self._held_links
        self._held, self._held_links, self._bytes = [], [], 0
        return held, links

    def _spill(self, number: int, read: int, held: list[Rows], links: list[Rows]) -> None:
        if not held:
            return
        record = {"kind": "run", "table": self.table.name, "read": read}
        record["rows"] = self.rows.write(number, together(held, self.rows.columns)).to_json()
        if self.links is not None:
            record["links"] = self.links.write(number, together(links, self.links.columns)).to_json()
        self.journal.append(record)
