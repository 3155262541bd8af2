"""One bucket of one table, as it is written: the files it consists of, each under a key of its own.

Rows and units come in pieces, in the order in which they are to lie there, so that no bucket is ever whole in memory.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from workers.layout import Arranged, dictionary_columns
from workers.manifest import Manifest, wrap
from workers.schema import UNITS, StoredColumn, column_groups
from workers.sealed_parquet import DEK_BYTES, ROW_GROUP, footer_of, sealed_writer
from workers.stored_segment import ManifestFile, Segment


@dataclass(frozen=True, slots=True, repr=False)
class BucketWriter:
    """Writes buckets of one version's segments into `folder`. `kek` wraps the files' keys and has the name `key`; `replaces`
    is what the segments do, `row_group` how many rows their reader holds at a time."""

    manifest: Manifest
    folder: Path
    key: str
    kek: bytes
    replaces: bool = False
    row_group: int = ROW_GROUP

    def segment(self, files: Iterable[ManifestFile]) -> Segment:
        """The segment of one table, of all its buckets' files."""
        return Segment(self.manifest.version, self.key, self.replaces, tuple(files))

    def write(
        self, table: str, stored: Sequence[StoredColumn], bucket: int, pieces: Iterable[Arranged], revision: int = 0
    ) -> tuple[ManifestFile, ...]:
        """Write and sync one bucket: a units file and a rows file for each group of columns. What stood there of a load that
        was cut short goes first. At least one piece."""
        groups = column_groups(stored)
        coded = set(dictionary_columns(stored))
        files: dict[str, ManifestFile] = {}
        writes: dict[str, Callable[[pa.Table], None]] = {}
        keys = {kind: (secrets.token_hex(16), secrets.token_bytes(DEK_BYTES)) for kind in (*groups, UNITS)}
        with ExitStack() as opened:
            for piece in pieces:
                for kind, (identity, dek) in keys.items():
                    content = piece.units if kind == UNITS else piece.rows.select(groups[kind])
                    if kind not in writes:
                        aad = self.manifest.aad(table, bucket, kind, identity)
                        files[kind] = ManifestFile(bucket, kind, identity, wrap(self.kek, dek, aad), "", revision)
                        path = self.folder / files[kind].name(table)
                        path.unlink(missing_ok=True)
                        texts = [name for name in content.column_names if name in coded]
                        writer = sealed_writer(path, dek, aad.encode(), content.schema, texts, self.row_group)
                        writes[kind] = opened.enter_context(writer)
                    writes[kind](content)
        return tuple(replace(file, footer=footer_of(self.folder / file.name(table))) for file in files.values())
