"""Where a relation's rows come from: for one bucket, every stored table that the relation scans.

A private table is read in the bucket at hand. A public table is stored as a version of one bucket, whose units file has
one line: a token of zeros and the number of all rows. It is read whole, in every job that joins with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.plan.relations import Scan
from workers.bucket import Bucket, BucketKey, Piece, UnitRuns, read_pieces, read_units
from workers.store_refused import StoreRefused

FORMAT = "sandbox/bucket-sources/v1"
PUBLIC_BUCKET = 0

TableName = tuple[str, str]
"""(dataset, table)."""


class Sources(Protocol):
    """The tables of one bucket."""

    def units(self, scan: Scan) -> UnitRuns:
        """Tokens and runs of the scan's table, in stored order."""

    def pieces(self, scan: Scan, columns: Sequence[str], rows: int) -> Iterator[Piece]:
        """The named stored columns of all `rows` rows of the scan's table, in stored order."""


@dataclass(frozen=True, slots=True, repr=False)
class BucketSources:
    """All that a job needs to read one bucket: a `BucketKey` for each (dataset, table) that a plan scans.

    Private tables come with their key of bucket number `bucket`, public ones with that of their only bucket, 0. It holds
    keys: seal it before it travels. The methods read files; they raise StoreRefused where one is not what it should be.
    """

    bucket: int
    tables: Mapping[TableName, BucketKey] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"BucketSources({self.bucket})"

    def key(self, scan: Scan) -> BucketKey:
        """The key of the scan's table.

        Raises:
            StoreRefused: the table is not there, or the key is that of another bucket or table.
        """
        key = self.tables.get((scan.dataset, scan.table))
        expected = PUBLIC_BUCKET if scan.public else self.bucket
        if key is None or key.bucket != expected or key.table != scan.table:
            raise StoreRefused
        return key

    def units(self, scan: Scan) -> UnitRuns:
        return read_units(self.key(scan))

    def pieces(self, scan: Scan, columns: Sequence[str], rows: int) -> Iterator[Piece]:
        return read_pieces(self.key(scan), columns, rows)

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON, tables sorted by name."""
        return {
            "format": FORMAT,
            "bucket": self.bucket,
            "tables": [
                {"dataset": dataset, "key": self.tables[dataset, table].to_json()}
                for dataset, table in sorted(self.tables)
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "BucketSources":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document, or one that names a table twice.
        """
        if value["format"] != FORMAT:
            raise ValueError("unknown bucket sources format")
        tables: dict[TableName, BucketKey] = {}
        for item in value["tables"]:
            key = BucketKey.from_json(item["key"])
            tables[str(item["dataset"]), key.table] = key
        if len(tables) != len(value["tables"]):
            raise ValueError("a table is there twice")
        return cls(int(value["bucket"]), tables)


@dataclass(frozen=True, slots=True, eq=False)
class HeldSources:
    """Tables in memory, each with its tokens."""

    tables: Mapping[TableName, Bucket]

    def units(self, scan: Scan) -> UnitRuns:
        """Raises ValueError where the table has no tokens."""
        units = self.tables[scan.dataset, scan.table].units
        if units is None:
            raise ValueError("a relation needs tokens")
        return units

    def pieces(self, scan: Scan, columns: Sequence[str], rows: int) -> Iterator[Piece]:
        """Raises ValueError where the table has another number of rows."""
        bucket = self.tables[scan.dataset, scan.table]
        if bucket.rows != rows:
            raise ValueError("runs do not cover the rows")
        yield Piece(bucket.rows, {name: bucket.columns[name] for name in columns})
