"""Versions written anew without one unit: the one bucket where its rows can lie, of every segment, under new keys.

It is rewritten whether or not the unit is there, so neither the log nor the store says whether it was. Nothing is erased:
new files and manifests come to lie beside the old ones, which `workers.keep_only` erases once the log names the new ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from sandbox.proof.sealing import derive
from sandbox.terms.dataset import Version
from workers import durable
from workers.bucket import read_units
from workers.bucket_key import BucketKey
from workers.bucket_write import BucketWriter
from workers.layout import Arranged
from workers.manifest import SEGMENTS_MAX, ManifestTable, OpenVersion, version_folder, wrap, write_manifest
from workers.sealed_parquet import ROW_GROUP
from workers.segment import RUN_COLUMN, TOKEN_COLUMNS, coded_texts, plain_schema, plain_texts, segment_rows
from workers.stored_segment import Segment
from workers.tokens import token

_TOKEN_BITS = 64
_HALF = 8


def commitment(identifier: str, space_key: bytes) -> str:
    """What the log says in place of a unit: a keyed hash of its token, which only who holds the space's key can tell."""
    key = derive(space_key, "sandbox/erased-unit/v1")
    return blake2b(token(identifier, space_key), digest_size=32, key=key).hexdigest()


def leave_out(versions: Sequence[OpenVersion], identifier: str) -> list[Version]:
    """Write the versions of one dataset, with units, anew; what they are now, in the same order.

    Raises:
        StoreRefused: a file or key is not what it should be.
    """
    space = versions[0].keys.space_key(versions[0].manifest.unit_space)
    gone = token(identifier, space)
    bucket = int.from_bytes(gone[:_HALF], "big") >> (_TOKEN_BITS - (versions[0].buckets.bit_length() - 1))
    keys = versions[0].keys
    fresh: dict[int, tuple[str, bytes]] = {}
    made: dict[tuple[str, int, str], Segment] = {}
    found = []
    for version in versions:
        dataset, tables = version.manifest.dataset, []
        for table in version.manifest.tables:
            segments = []
            for segment in table.segments:
                place = table.name, segment.version, segment.key
                if place not in made:
                    if segment.version not in fresh:
                        fresh[segment.version] = keys.create_segment_key(dataset, segment.version)
                    made[place] = _segment(version, table, segment, bucket, gone, fresh[segment.version])
                segments.append(made[place])
            tables.append(replace(table, segments=tuple(segments)))
        manifest = replace(version.manifest, tables=tuple(tables))
        found.append((manifest, version_folder(version.store, dataset, manifest.version)))
    for folder in {folder for _, folder in found} | {
        version_folder(versions[0].store, versions[0].manifest.dataset, number) for number in fresh
    }:
        durable.sync_folder(folder)
    return [
        Version(manifest.dataset, manifest.version, write_manifest(manifest, folder, keys))
        for manifest, folder in found
    ]


def _segment(
    version: OpenVersion, table: ManifestTable, segment: Segment, bucket: int, gone: bytes, key: tuple[str, bytes]
) -> Segment:
    """The segment under a new key, one bucket of it in new files."""
    manifest = replace(version.manifest, version=segment.version, tables=())
    name, kek = key
    small = ROW_GROUP if segment is table.segments[0] else ROW_GROUP // SEGMENTS_MAX
    folder = version_folder(version.store, manifest.dataset, segment.version)
    writer = BucketWriter(manifest, folder, name, kek, segment.replaces, small)
    revision = 1 + max(file.revision for file in segment.files)
    alone = replace(version, manifest=replace(version.manifest, tables=(replace(table, segments=(segment,)),)))
    pieces = _pieces(alone.bucket_key(table.name, bucket), gone)
    files = {
        (file.bucket, file.kind): file for file in writer.write(table.name, table.columns, bucket, pieces, revision)
    }
    for file in segment.files:
        if file.bucket != bucket:
            sealed = version.file_key(table.name, segment, file)
            files[file.bucket, file.kind] = replace(file, key=wrap(kek, sealed.dek, sealed.aad.decode()))
    return writer.segment(files[file.bucket, file.kind] for file in segment.files)


def _pieces(key: BucketKey, gone: bytes) -> Iterator[Arranged]:
    """The rows and units of a bucket of one segment, in stored order, without those of one unit; at least one piece."""
    units = read_units(key)
    high, low = (np.uint64(int.from_bytes(half, "big")) for half in (gone[:_HALF], gone[_HALF:]))
    others = (units.high != high) | (units.low != low)
    start = int(units.runs[: int(np.argmin(others))].sum()) if not others.all() else 0
    end = start + int(units.runs[~others].sum())
    arrays = (units.high[others], units.low[others], units.runs[others])
    left = pa.table(dict(zip((*TOKEN_COLUMNS, RUN_COLUMN), arrays, strict=True)))
    at, first = 0, True
    for table in _tables(key, int(units.runs.sum())):
        before, after = (min(max(place - at, 0), table.num_rows) for place in (start, end))
        kept = pa.concat_tables([table.slice(0, before), table.slice(after)])
        yield Arranged(coded_texts(kept, key.columns) if key.columns else kept, left if first else left.slice(0, 0))
        at, first = at + table.num_rows, False
    if first:
        yield Arranged(coded_texts(plain_schema(key.columns).empty_table(), key.columns), left)


def _tables(key: BucketKey, rows: int) -> Iterator[pa.Table]:
    """Text as strings: what was only in rows that go must go with them."""
    if key.columns:
        for table in segment_rows(key.segments[0], key.columns, rows):
            yield plain_texts(table, key.columns)
    else:
        for start in range(0, max(rows, 1), ROW_GROUP):
            yield pa.table({"": np.zeros(min(ROW_GROUP, rows - start), np.int32)})
