"""The manifest: what one version consists of, signed by the engine. Its digest, kept in the log, is the version.

It names for every table its declared limits and stored columns, and for every file its place, id and key (wrapped under
the dataset's KEK, bound to the same place). It holds no count and no value.
"""

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox.proof.sealing import seal, unseal
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed
from workers import durable
from workers.bucket import BucketKey, StoreRefused
from workers.keyring import DataKeys
from workers.schema import StoredColumn, TableLimits
from workers.sealed_parquet import SUITE, SealedFile, aad_prefix

__all__ = ["Manifest", "ManifestFile", "ManifestTable", "OpenVersion", "StoreRefused", "open_version"]

FORMAT = "sandbox/manifest/v1"
SIGNING_CONTEXT = b"sandbox/manifest/v1\n"
ROWS, UNITS = "rows", "units"
_MANIFEST, _SIGNATURE = "manifest.json", "manifest.sig"
_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file; `kind` is "rows" or "units", `key` the wrapped DEK, `footer` its footer's digest."""

    bucket: int
    kind: str
    id: str
    key: bytes
    footer: str


@dataclass(frozen=True, slots=True)
class ManifestTable:
    """One table: its stored columns, two files for each bucket, and what the description says of its size and of what
    one unit may bring. Bounds of values are in the schema digest."""

    name: str
    columns: tuple[StoredColumn, ...]
    files: tuple[ManifestFile, ...]
    limits: TableLimits

    def file(self, bucket: int, kind: str) -> ManifestFile:
        """Raises KeyError where there is none."""
        for file in self.files:
            if file.bucket == bucket and file.kind == kind:
                return file
        raise KeyError(kind)


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

    def aad(self, table: str, bucket: int, kind: str, file: str) -> str:
        """The AAD prefix of a file, and the context under which its key is wrapped."""
        return aad_prefix(self.dataset, self.version, table, bucket, kind, file, self.schema)

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
    """A version whose manifest was checked; its files are checked as they are read."""

    manifest: Manifest
    folder: Path
    keys: DataKeys

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

    def bucket_key(self, table: str, bucket: int) -> BucketKey:
        """What a worker needs to read one bucket of one table.

        Raises:
            StoreRefused: no such table or bucket, or keys that are gone or do not open.
        """
        try:
            found = self.table(table)
            kek = self.keys.kek(self.manifest.dataset)
            rows, units = (self._sealed(found, bucket, kind, kek) for kind in (ROWS, UNITS))
        except (KeyError, ValueError, ProofFailed):
            raise StoreRefused from None
        return BucketKey(table, bucket, rows, units, found.columns)

    def _sealed(self, table: ManifestTable, bucket: int, kind: str, kek: bytes) -> SealedFile:
        file = table.file(bucket, kind)
        aad = self.manifest.aad(table.name, bucket, kind, file.id)
        path = self.folder / file_name(table.name, bucket, kind)
        return SealedFile(str(path), unseal(kek, file.key, aad), aad.encode(), file.footer)


def file_name(table: str, bucket: int, kind: str) -> str:
    """The bare name of a file inside its version's folder."""
    return f"{table}.{bucket:04d}.{kind}.parquet"


def wrap(kek: bytes, dek: bytes, aad: str) -> bytes:
    """A file's key under the dataset's, bound to the file's place."""
    return seal(kek, dek, aad)


def write_manifest(manifest: Manifest, folder: Path, keys: DataKeys) -> str:
    """Write the manifest and its signature into a version's folder; the hex digest that is the version."""
    content = canonical_bytes(manifest.to_json())
    durable.write_new(folder / _MANIFEST, content)
    durable.write_new(folder / _SIGNATURE, keys.signer.sign(SIGNING_CONTEXT + content))
    return sha256(content).hexdigest()


def version_folder(store: Path, dataset: str, number: int) -> Path:
    """Where a version lies."""
    return store / dataset / str(number)


def open_version(store: Path, dataset: str, number: int, digest: str, keys: DataKeys) -> OpenVersion:
    """Open the version that the log calls `digest`.

    Raises:
        StoreRefused: the manifest is not that one, is not signed by this engine, or is of another dataset or version.
    """
    folder = version_folder(store, dataset, number)
    try:
        content = durable.read(folder / _MANIFEST, _LIMIT)
        signature = durable.read(folder / _SIGNATURE, _LIMIT)
        if not hmac.compare_digest(sha256(content).hexdigest().encode(), digest.encode()):
            raise StoreRefused
        verifier = keys.signer.verifier
        verifier.verify(SIGNING_CONTEXT + content, signature)
        manifest = Manifest.from_json(json.loads(content))
        canonical = canonical_bytes(manifest.to_json())
    except (OSError, ProofFailed, KeyError, ValueError, TypeError, OverflowError, RecursionError):
        raise StoreRefused from None
    if canonical != content or (manifest.dataset, manifest.version, manifest.engine) != (
        dataset,
        number,
        verifier.text,
    ):
        raise StoreRefused
    return OpenVersion(manifest, folder, keys)


def _table_json(table: ManifestTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "limits": table.limits.to_json(),
        "columns": [column.to_json() for column in table.columns],
        "files": [
            {
                "bucket": file.bucket,
                "kind": file.kind,
                "id": file.id,
                "key": file.key.hex(),
                "footer": file.footer,
            }
            for file in table.files
        ],
    }


def _table(value: dict[str, Any]) -> ManifestTable:
    return ManifestTable(
        str(value["name"]),
        tuple(StoredColumn.from_json(item) for item in value["columns"]),
        tuple(
            ManifestFile(
                int(item["bucket"]),
                str(item["kind"]),
                str(item["id"]),
                bytes.fromhex(item["key"]),
                str(item["footer"]),
            )
            for item in value["files"]
        ),
        TableLimits.from_json(value["limits"]),
    )
