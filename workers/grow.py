"""How a version grows out of the one before: its segments stay where they are, and those of one more load come after them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sandbox.terms.dataset import Dataset
from sandbox.terms.order import LoadMode
from workers.bucket import read_pieces, read_runs
from workers.distinct_values import DistinctValues
from workers.manifest import SEGMENTS_MAX, Manifest, ManifestTable, OpenVersion
from workers.merge import merged_units
from workers.unusable import Place


def segments_before(blank: Manifest, mode: LoadMode, base: OpenVersion | None) -> tuple[ManifestTable, ...]:
    """The tables of the version that the new one, still without tables, grows out of; none where it is loaded whole.

    Raises:
        FileNotUsable: a table has as many segments as it may, or rows of no unit are to be replaced.
        ValueError: the base is not one.
    """
    if (base is None) != (mode is LoadMode.WHOLE):
        raise ValueError("a version grows out of another, or is loaded whole")
    if base is None:
        return ()
    before = base.manifest
    if before.version >= blank.version or replace(before, version=blank.version, tables=()) != blank:
        raise ValueError("the version before is one of another dataset, description or engine")
    if mode is LoadMode.REPLACE_UNITS and not blank.unit_space:
        raise Place("the files").refusal("a whole load or an append: a public table has no units to replace")
    return before.tables


def with_segments(before: Iterable[ManifestTable], loaded: Iterable[ManifestTable]) -> tuple[ManifestTable, ...]:
    """The tables of both, by name: what was loaded comes after what was there.

    Raises:
        FileNotUsable: a table would have too many segments.
    """
    tables = {table.name: table for table in before}
    for table in loaded:
        old = tables[table.name].segments if table.name in tables else ()
        if len(old) >= SEGMENTS_MAX:
            raise Place(f"table {table.name}").refusal(f"a whole load, after {SEGMENTS_MAX} loads that added to one")
        tables[table.name] = replace(table, segments=(*old, *table.segments))
    return tuple(tables[name] for name in sorted(tables))


def check_limits(version: OpenVersion, dataset: Dataset, files: Mapping[str, str]) -> None:
    """That the tables which grew are still as described: time and memory of queries are proved from that.

    Rows that were replaced count: they are still read.

    Raises:
        FileNotUsable: more rows, or more different values, than the description says.
    """
    for table in dataset.tables:
        if table.name not in files:
            continue
        columns = [column for column in table.columns if column.distinct_max is not None]
        distinct = {column.name: DistinctValues(column) for column in columns}
        stored = 0
        for bucket in range(version.buckets):
            key = version.bucket_key(table.name, bucket, list(distinct))
            stored += sum(int(part.stored.sum()) for part in merged_units(key.segments))
            if stored > table.rows_max:
                expected = f"at most {table.rows_max} rows with those before, as rows_max declares, replaced ones too"
                raise Place(files[table.name]).refusal(expected)
            for piece in read_pieces(key, list(distinct), int(read_runs(key).sum())) if distinct else ():
                for name, values in distinct.items():
                    values.add(piece.columns[name], Place(files[table.name], name))
