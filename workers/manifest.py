"""The manifest: what one version consists of, signed by the engine. Its digest, kept in the log, is the version.

It names for every table its declared limits, stored columns and segments, and for every file its place, id and key
(wrapped under its segment's KEK, bound to the same place). Segments of earlier loads lie in their versions' folders. It holds
no count and no value.
"""

import hmac
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox.proof.sealing import derive, seal, unseal
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed
from workers import durable
from workers.bucket_key import BucketKey, SegmentKey
from workers.keyring import DataKeys
from workers.schema import UNITS, StoredColumn, TableLimits
from workers.sealed_parquet import SUITE, SealedFile, aad_prefix
from workers.store_refused import StoreRefused
from workers.stored_segment import ManifestFile, Segment

__all__ = ["Manifest", "ManifestTable", "OpenVersion", "StoreRefused", "open_version"]

SEGMENTS_MAX = 16
"""Segments of a table: a reader holds a row group of the first and a small one of each other."""

FORMAT = "sandbox/manifest/v2"
SIGNING_CONTEXT = b"sandbox/manifest/v2\n"
_MANIFEST, _SIGNATURE = ".manifest.json", ".manifest.sig"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class ManifestTable:
    """One table: its stored columns, its segments in the order in which they were loaded, and what the description says of
    its size and of what one unit may bring. Bounds of values are in the schema digest."""

    name: str
    columns: tuple[StoredColumn, ...]
    segments: tuple[Segment, ...]
    limits: TableLimits


@dataclass(frozen=True, slots=True)
class Manifest:
    """`schema` is the schema digest, `engine` the verifying key of the engine that signs."""

    dataset: str
    version: int
    unit_space: str
    buckets: int
    schema: str
    tables: tuple[ManifestTable, ...]
    engine: str

    def aad(self, table: str, bucket: int, kind: str, file: str, version: int | None = None) -> str:
        """The AAD prefix of a file, and the context under which its key is wrapped. It names the version that wrote the
        file: this one, unless a segment says otherwise."""
        return aad_prefix(
            self.dataset, self.version if version is None else version, table, bucket, kind, file, self.schema
        )

    @property
    def segments(self) -> tuple[tuple[str, Segment], ...]:
        """All segments, each with its table's name."""
        return tuple((table.name, segment) for table in self.tables for segment in table.segments)

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "suite": SUITE,
            "dataset": self.dataset,
            "version": self.version,
            "unit_space": self.unit_space,
            "buckets": self.buckets,
            "schema": self.schema,
            "tables": [_table_json(table) for table in self.tables],
            "engine": self.engine,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Manifest":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != FORMAT or value["suite"] != SUITE:
            raise ValueError("unknown manifest format")
        return cls(
            str(value["dataset"]),
            int(value["version"]),
            str(value["unit_space"]),
            int(value["buckets"]),
            str(value["schema"]),
            tuple(_table(item) for item in value["tables"]),
            str(value["engine"]),
        )


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """A version whose manifest was checked; its files are checked as they are read. `digest` is the manifest's. `loading` is
    where its own files lie while it is not published yet."""

    manifest: Manifest
    store: Path
    keys: DataKeys
    digest: str
    loading: Path | None = None
    _files: dict[tuple[str, int], dict[tuple[int, str], ManifestFile]] = field(default_factory=dict, init=False)
    _keks: dict[tuple[int, str], bytes] = field(default_factory=dict, init=False, repr=False)

    @property
    def buckets(self) -> int:
        return self.manifest.buckets

    @property
    def table_names(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.manifest.tables)

    def table(self, name: str) -> ManifestTable:
        """What is said of a table.

        Raises:
            StoreRefused: no such table.
        """
        for table in self.manifest.tables:
            if table.name == name:
                return table
        raise StoreRefused

    def bucket_key(self, table: str, bucket: int, columns: Collection[str] | None = None) -> BucketKey:
        """What a worker needs to read the named columns, or all, of one bucket of one table; nothing of other groups.

        Raises:
            StoreRefused: no such table, bucket or column, or keys that are gone or do not open.
        """
        found = self.table(table)
        wanted = tuple(column for column in found.columns if columns is None or column.name in columns)
        if columns is not None and len(wanted) != len(set(columns)):
            raise StoreRefused
        try:
            segments = tuple(
                self._segment(found, place, bucket, {column.group for column in wanted})
                for place in range(len(found.segments))
            )
        except (KeyError, ValueError, ProofFailed):
            raise StoreRefused from None
        mixes = len(segments) > 1 and bool(self.manifest.unit_space)
        return BucketKey(table, bucket, wanted, segments, self._order(table) if mixes else b"")

    def file_key(self, table: str, segment: Segment, file: ManifestFile) -> SealedFile:
        """One file and its key.

        Raises:
            StoreRefused, ValueError, ProofFailed: keys that are gone or do not open.
        """
        manifest = self.manifest
        aad = manifest.aad(table, file.bucket, file.kind, file.id, segment.version)
        place = segment.version, segment.key
        if place not in self._keks:
            self._keks[place] = self.keys.segment_key(manifest.dataset, *place)
        folder = version_folder(self.store, manifest.dataset, segment.version)
        if self.loading is not None and segment.version == manifest.version:
            folder = self.loading
        path = folder / file.name(table)
        return SealedFile(str(path), unseal(self._keks[place], file.key, aad), aad.encode(), file.footer)

    def _segment(self, table: ManifestTable, place: int, bucket: int, groups: Collection[str]) -> SegmentKey:
        segment = table.segments[place]
        files = self._files.setdefault((table.name, place), {(file.bucket, file.kind): file for file in segment.files})
        rows = {kind: self.file_key(table.name, segment, files[bucket, kind]) for kind in sorted(groups)}
        return SegmentKey(self.file_key(table.name, segment, files[bucket, UNITS]), rows, segment.replaces)

    def _order(self, table: str) -> bytes:
        space = self.keys.space_key(self.manifest.unit_space)
        return derive(space, f"sandbox/merge-order/v1|{self.manifest.dataset}|{table}")


def wrap(kek: bytes, dek: bytes, aad: str) -> bytes:
    """A file's key under its segment's, bound to the file's place."""
    return seal(kek, dek, aad)


def write_manifest(manifest: Manifest, folder: Path, keys: DataKeys) -> str:
    """Write the manifest and its signature into a version's folder; the hex digest that is the version.

    Both are named after the digest: a version that is written anew without an erased unit has another beside it.
    """
    content = canonical_bytes(manifest.to_json())
    found = sha256(content).hexdigest()
    document, signature = manifest_names(found)
    durable.replace(folder / signature, keys.signer.sign(SIGNING_CONTEXT + content))
    durable.replace(folder / document, content)
    return found


def manifest_names(digest: str) -> tuple[str, str]:
    """The bare names of a manifest and its signature."""
    return f"{digest}{_MANIFEST}", f"{digest}{_SIGNATURE}"


def version_folder(store: Path, dataset: str, number: int) -> Path:
    """Where a version lies."""
    return store / dataset / str(number)


def open_version(store: Path, dataset: str, number: int, digest: str, keys: DataKeys) -> OpenVersion:
    """Open the version that the log calls `digest`.

    Raises:
        StoreRefused: the manifest is not that one, is not signed by this engine, or is of another dataset or version.
    """
    folder = version_folder(store, dataset, number)
    if not _DIGEST.fullmatch(digest):
        raise StoreRefused
    try:
        content, signature = (durable.read(folder / name, _LIMIT) for name in manifest_names(digest))
        if not hmac.compare_digest(sha256(content).hexdigest().encode(), digest.encode()):
            raise StoreRefused
        verifier = keys.signer.verifier
        verifier.verify(SIGNING_CONTEXT + content, signature)
        manifest = _read(content)
    except (OSError, ProofFailed, KeyError, ValueError, TypeError, OverflowError, RecursionError):
        raise StoreRefused from None
    if (manifest.dataset, manifest.version, manifest.engine) != (
        dataset,
        number,
        verifier.text,
    ):
        raise StoreRefused
    return OpenVersion(manifest, store, keys, digest)


@lru_cache(maxsize=8)
def _read(content: bytes) -> Manifest:
    """The manifest of these bytes, read once: that they are those of the log, and signed, is checked each time, and the keys
    in it are wrapped.

    Raises:
        KeyError, ValueError, TypeError, OverflowError, RecursionError: not a manifest, or not its canonical bytes.
    """
    manifest = Manifest.from_json(json.loads(content))
    if canonical_bytes(manifest.to_json()) != content:
        raise ValueError("not canonical")
    return manifest


def _table_json(table: ManifestTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "limits": table.limits.to_json(),
        "columns": [column.to_json() for column in table.columns],
        "segments": [segment.to_json() for segment in table.segments],
    }


def _table(value: dict[str, Any]) -> ManifestTable:
    return ManifestTable(
        str(value["name"]),
        tuple(StoredColumn.from_json(item) for item in value["columns"]),
        tuple(Segment.from_json(item) for item in value["segments"]),
        TableLimits.from_json(value["limits"]),
    )
