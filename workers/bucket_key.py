"""The key of one bucket of one table: which files it consists of, and what opens them. It names no file that is not read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.schema import StoredColumn
from workers.sealed_parquet import SealedFile

FORMAT = "sandbox/bucket-key/v2"


@dataclass(frozen=True, slots=True, repr=False)
class SegmentKey:
    """The bucket's files of one segment: its units, and rows by column group. Where it `replaces`, rows of its units in
    the segments before it are not rows of the table any more."""

    units: SealedFile
    rows: Mapping[str, SealedFile]
    replaces: bool = False

    def __repr__(self) -> str:
        return f"SegmentKey({sorted(self.rows)})"

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON; bytes are hex."""
        return {
            "units": _file_json(self.units),
            "rows": {kind: _file_json(file) for kind, file in self.rows.items()},
            "replaces": self.replaces,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SegmentKey":
        """The inverse of `to_json`. Raises KeyError, ValueError, TypeError: not such a document."""
        rows = {str(kind): _file(file) for kind, file in dict(value["rows"]).items()}
        if not isinstance(value["replaces"], bool):
            raise TypeError("a truth value")
        return cls(_file(value["units"]), rows, value["replaces"])


@dataclass(frozen=True, slots=True, repr=False)
class BucketKey:
    """All that is needed to read `columns` of one bucket of one table and nothing else. It holds keys: seal it before it
    travels. Segments stand in the order in which they were loaded; `order` is the key under which rows of one unit in
    several of them are mixed (32 bytes; none where there is one segment, or no unit)."""

    table: str
    bucket: int
    columns: tuple[StoredColumn, ...]
    segments: tuple[SegmentKey, ...]
    order: bytes = b""

    def __repr__(self) -> str:
        return f"BucketKey({self.table!r}, {self.bucket})"

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON; bytes are hex."""
        return {
            "format": FORMAT,
            "table": self.table,
            "bucket": self.bucket,
            "columns": [column.to_json() for column in self.columns],
            "segments": [segment.to_json() for segment in self.segments],
            "order": self.order.hex(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "BucketKey":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != FORMAT:
            raise ValueError("unknown bucket key format")
        return cls(
            str(value["table"]),
            int(value["bucket"]),
            tuple(StoredColumn.from_json(item) for item in value["columns"]),
            tuple(SegmentKey.from_json(item) for item in value["segments"]),
            bytes.fromhex(value["order"]),
        )


def _file_json(file: SealedFile) -> dict[str, str]:
    return {"path": file.path, "dek": file.dek.hex(), "aad": file.aad.hex(), "footer": file.footer}


def _file(value: dict[str, str]) -> SealedFile:
    return SealedFile(
        str(value["path"]), bytes.fromhex(value["dek"]), bytes.fromhex(value["aad"]), str(value["footer"])
    )
