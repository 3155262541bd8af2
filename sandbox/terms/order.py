"""Orders: the only thing the control plane may ask of the data plane.

An order names the engine's boot (a nonce that a fresh engine makes), so none outlives the engine it was signed for, and
within a boot an engine executes each id once. `to_json` is the canonical form that is signed.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.terms.loss import Loss, Mode

MEASURE = "sandbox/order/measure/v2"
LOAD = "sandbox/order/load/v1"
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


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Load files of the inbox as one new version. `description` is the dataset's TOML text; `files` maps each of its
    tables to a bare file name in the inbox."""

    id: str
    boot: str
    dataset: str
    version: int
    description: str
    space_buckets: int
    files: dict[str, str]

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
        )
