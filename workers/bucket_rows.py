"""The second pass of a load: what was spilled, bucket after bucket, in the order in which it is stored.

A bucket is a row of partitions, since both are cut by the top bits of the token. As many of them as make some hundred
thousand rows are put in order at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.bucket import UnitRuns
from workers.layout import Arranged, arrange, unit_runs
from workers.row_columns import taken
from workers.row_order import row_order
from workers.spill import Run, Spill, together
from workers.tokens import Tokens

PART_ROWS = 1 << 19
"""Rows that are put in order at a time, as far as partitions allow: memory does not grow with a table."""


@dataclass(frozen=True, slots=True, repr=False)
class BucketRows:
    """Reads the buckets of one table. Rows are put in order under `order_key`; None: they stay as the file has them."""

    spill: Spill
    runs: Sequence[Run]
    buckets: int
    order_key: bytes | None

    def pieces(self, bucket: int) -> Iterator[Arranged]:
        """The rows and units of one bucket, piece by piece; at least one piece."""
        return self._as_they_were(bucket) if self.order_key is None else self._in_order(bucket, self.order_key)

    def _in_order(self, bucket: int, key: bytes) -> Iterator[Arranged]:
        for partitions in self._parts(bucket):
            parts = [part for at in partitions for part in self.spill.read(self.runs, at)]
            rows = together(parts, self.spill.columns)
            del parts
            order = row_order(rows.tokens, self.spill.columns, rows.columns, key)
            units = unit_runs(Tokens(rows.tokens.high[order], rows.tokens.low[order]))
            columns = [taken(array, order) for array in rows.columns]
            del rows, order
            yield from arrange(self.spill.columns, units, columns, int(units.runs.sum()))

    def _as_they_were(self, bucket: int) -> Iterator[Arranged]:
        """All rows are of one unit, which nobody hides: its token is zero."""
        partitions = self._partitions(bucket)
        rows = sum(run.frames[at][1] for run in self.runs for at in partitions)
        zero = np.zeros(min(rows, 1), dtype=np.uint64)
        one = UnitRuns(zero, zero, np.full(len(zero), rows))
        for part in (part for run in self.runs for at in partitions for part in self.spill.read([run], at)):
            yield from arrange(self.spill.columns, one, part.columns, len(part.tokens.high))
            one = UnitRuns(zero[:0], zero[:0], one.runs[:0])
        if not rows:
            yield from arrange(self.spill.columns, one, together([], self.spill.columns).columns, 0)

    def _parts(self, bucket: int) -> Iterator[list[int]]:
        """The bucket's partitions, in neighbours that make up PART_ROWS or are one; at least one list."""
        together: list[int] = []
        rows = 0
        for partition in self._partitions(bucket):
            more = sum(run.frames[partition][1] for run in self.runs)
            if together and rows + more > PART_ROWS:
                yield together
                together, rows = [], 0
            together.append(partition)
            rows += more
        yield together

    def _partitions(self, bucket: int) -> range:
        each = self.spill.partitions // self.buckets
        return range(bucket * each, (bucket + 1) * each)
