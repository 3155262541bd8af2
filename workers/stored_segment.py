"""A segment as the manifest names it: what one load wrote of one table, and the key that all its files' keys are under."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file; `kind` is "units", "rows" or "rows-<grade>", `key` the wrapped DEK, `footer` its footer's digest. `revision`
    counts how often the file was written anew without a unit that was erased."""

    bucket: int
    kind: str
    id: str
    key: bytes
    footer: str
    revision: int = 0

    def name(self, table: str) -> str:
        """The bare name of the file inside the folder of the version that wrote it."""
        return file_name(table, self.bucket, self.kind, self.revision)

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "bucket": self.bucket,
            "kind": self.kind,
            "id": self.id,
            "key": self.key.hex(),
            "footer": self.footer,
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ManifestFile":
        """The inverse of `to_json`. Raises KeyError, ValueError, TypeError: not such a document."""
        return cls(
            int(value["bucket"]),
            str(value["kind"]),
            str(value["id"]),
            bytes.fromhex(value["key"]),
            str(value["footer"]),
            int(value["revision"]),
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """`version` is the one whose load wrote it, `key` names its KEK among those of that version. Where it `replaces`, its
    units have no rows but these and those of later segments."""

    version: int
    key: str
    replaces: bool
    files: tuple[ManifestFile, ...]

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "version": self.version,
            "key": self.key,
            "replaces": self.replaces,
            "files": [file.to_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Segment":
        """The inverse of `to_json`. Raises KeyError, ValueError, TypeError: not such a document."""
        if not isinstance(value["replaces"], bool):
            raise TypeError("a truth value")
        files = tuple(ManifestFile.from_json(item) for item in value["files"])
        return cls(int(value["version"]), str(value["key"]), value["replaces"], files)


def file_name(table: str, bucket: int, kind: str, revision: int = 0) -> str:
    """The bare name of a file inside its version's folder."""
    revised = f".r{revision}" if revision else ""
    return f"{table}.{bucket:04d}.{kind}{revised}.parquet"
