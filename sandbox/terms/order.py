"""Orders: the only thing the control plane may ask of the data plane.

An order names the engine's boot (a nonce that a fresh engine makes), so none outlives the engine it was signed for, and
within a boot an engine executes each id once. `to_json` is the canonical form that is signed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.terms.loss import Loss, Mode

MEASURE = "sandbox/order/measure/v2"
LOAD = "sandbox/order/load/v2"
KEEP = "sandbox/order/keep/v1"
LEAVE_OUT = "sandbox/order/leave-out/v1"
SIGNING_CONTEXT = b"sandbox/order/v1\n"
"""Prefix of the bytes that the order key signs."""


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """The version of a dataset that an order reads, known by the digest of its manifest."""

    dataset: str
    version: int
    manifest: str

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {"dataset": self.dataset, "version": self.version, "manifest": self.manifest}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SourceVersion":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        return cls(str(value["dataset"]), int(value["version"]), str(value["manifest"]))


@dataclass(frozen=True, slots=True)
class MeasureOrder:
    """Measure `plan` (canonical JSON) as `spec` says, for no more than the `reserved` loss.

    `sources` are the versions of all datasets that the plan scans, public ones too, sorted by dataset, each once.
    """

    id: str
    boot: str
    sources: tuple[SourceVersion, ...]
    plan: dict[str, Any]
    spec: dict[str, Any]
    reserved: Loss
    deadline_ms: int

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "format": MEASURE,
            "id": self.id,
            "boot": self.boot,
            "sources": [source.to_json() for source in self.sources],
            "plan": self.plan,
            "spec": self.spec,
            "reserved": {
                "mode": self.reserved.mode.value,
                "units": str(self.reserved.units),
                "delta": str(self.reserved.delta),
            },
            "deadline_ms": self.deadline_ms,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "MeasureOrder":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != MEASURE:
            raise ValueError("unknown order format")
        reserved = value["reserved"]
        return cls(
            str(value["id"]),
            str(value["boot"]),
            tuple(SourceVersion.from_json(dict(source)) for source in value["sources"]),
            dict(value["plan"]),
            dict(value["spec"]),
            Loss(Mode(reserved["mode"]), int(reserved["units"]), int(reserved["delta"])),
            int(value["deadline_ms"]),
        )


class LoadMode(StrEnum):
    """What a new version is. WHOLE: the files' rows alone. APPEND: those and the rows of the version before. REPLACE_UNITS:
    as APPEND, but in each table that has a file, a unit with rows in that file has these rows alone."""

    WHOLE = "whole"
    APPEND = "append"
    REPLACE_UNITS = "replace-units"


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Load files of the inbox as one new version. `description` is the dataset's TOML text; `files` maps each of its
    tables (some of them, where `mode` is not WHOLE) to a bare file name in the inbox. `base` is the version before,
    None where the mode is WHOLE."""

    id: str
    boot: str
    dataset: str
    version: int
    description: str
    space_buckets: int
    files: dict[str, str]
    mode: LoadMode = LoadMode.WHOLE
    base: SourceVersion | None = None

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "format": LOAD,
            "id": self.id,
            "boot": self.boot,
            "dataset": self.dataset,
            "version": self.version,
            "description": self.description,
            "space_buckets": self.space_buckets,
            "files": self.files,
            "mode": self.mode.value,
            "base": None if self.base is None else self.base.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "LoadOrder":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != LOAD:
            raise ValueError("unknown order format")
        return cls(
            str(value["id"]),
            str(value["boot"]),
            str(value["dataset"]),
            int(value["version"]),
            str(value["description"]),
            int(value["space_buckets"]),
            {str(table): str(file) for table, file in dict(value["files"]).items()},
            LoadMode(value["mode"]),
            None if value["base"] is None else SourceVersion.from_json(dict(value["base"])),
        )


@dataclass(frozen=True, slots=True)
class KeepOrder:
    """Erase whatever is stored of a dataset and not part of the versions to `keep`, sorted by number: keys first."""

    id: str
    boot: str
    dataset: str
    keep: tuple[SourceVersion, ...]

    def to_json(self) -> dict[str, Any]:
        """The canonical form."""
        return {
            "format": KEEP,
            "id": self.id,
            "boot": self.boot,
            "dataset": self.dataset,
            "keep": [version.to_json() for version in self.keep],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "KeepOrder":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != KEEP:
            raise ValueError("unknown order format")
        keep = tuple(SourceVersion.from_json(dict(version)) for version in value["keep"])
        return cls(str(value["id"]), str(value["boot"]), str(value["dataset"]), keep)


@dataclass(frozen=True, slots=True, repr=False)
class LeaveOutOrder:
    """Write the versions to `keep` anew, beside what is there, without the unit of this identifier. It erases nothing."""

    id: str
    boot: str
    dataset: str
    keep: tuple[SourceVersion, ...]
    identifier: str

    def __repr__(self) -> str:
        return f"LeaveOutOrder({self.id!r})"

    def to_json(self) -> dict[str, Any]:
        """The canonical form. It names somebody: it is sent, and never kept."""
        return {
            "format": LEAVE_OUT,
            "id": self.id,
            "boot": self.boot,
            "dataset": self.dataset,
            "keep": [version.to_json() for version in self.keep],
            "identifier": self.identifier,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "LeaveOutOrder":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != LEAVE_OUT:
            raise ValueError("unknown order format")
        keep = tuple(SourceVersion.from_json(dict(version)) for version in value["keep"])
        identifier = str(value["identifier"])
        return cls(str(value["id"]), str(value["boot"]), str(value["dataset"]), keep, identifier)
