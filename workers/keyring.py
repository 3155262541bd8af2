"""Keys of the data plane: each random, in a file of its own, sealed under the data root.

`kek.<dataset>` wraps the segment keys of one dataset, and erasing it erases the dataset. `segment.<dataset>.<version>.<name>`
wraps the keys of the files that one version's load wrote, and erasing it erases those. `space.<unit space>` is the PRF key
from which unit tokens come: datasets of one space share it, so it outlives any of them. `signer` signs manifests.
"""

import re
import secrets
from pathlib import Path

from sandbox.proof.sealing import derive, seal, unseal
from sandbox.proof.signing import SigningKey, new_seed
from sandbox.terms.refusal import ProofFailed
from workers import durable
from workers.store_refused import StoreRefused

SIGNER_NAME = "sandbox-engine"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_KEY_BYTES = 32
_NAME_BYTES = 8
_SEGMENT_NAME = re.compile(r"[0-9a-f]{16}")
_FILE_LIMIT = 4096


class DataKeys:
    """The keyring in `folder`; `data_root` (32 bytes) opens it. Nothing is held in memory but the wrapping key.

    Reading a key that is not there, or that does not open, raises StoreRefused.
    """

    __slots__ = ("_folder", "_wrapping")

    def __init__(self, folder: Path, data_root: bytes) -> None:
        self._folder = folder
        self._wrapping = derive(data_root, "sandbox/data-keys/v1")

    def __repr__(self) -> str:
        return "DataKeys()"

    def kek(self, dataset: str) -> bytes:
        """The key-encryption key of a dataset."""
        return self._open(_of("kek", dataset))

    def space_key(self, space: str) -> bytes:
        """The PRF key of a unit space."""
        return self._open(_of("space", space))

    @property
    def signer(self) -> SigningKey:
        """The key that signs manifests."""
        return SigningKey(SIGNER_NAME, self._open("signer"))

    def create_kek(self, dataset: str) -> bytes:
        """The dataset's key, made now where there is none."""
        return self._create(_of("kek", dataset), secrets.token_bytes(_KEY_BYTES))

    def create_space_key(self, space: str) -> bytes:
        """The unit space's key, made now where there is none."""
        return self._create(_of("space", space), secrets.token_bytes(_KEY_BYTES))

    def create_signer(self) -> SigningKey:
        """The signing key, made now where there is none."""
        return SigningKey(SIGNER_NAME, self._create("signer", new_seed()))

    def create_segment_key(self, dataset: str, version: int) -> tuple[str, bytes]:
        """A new key for what a version's load writes, and its name: file keys are wrapped under it, and it under the
        dataset's, so that erasing it erases those files."""
        name, fresh = secrets.token_hex(_NAME_BYTES), secrets.token_bytes(_KEY_BYTES)
        place = _segment(dataset, version, name)
        durable.replace(self._path(place), seal(self.kek(dataset), fresh, place))
        return name, fresh

    def segment_key(self, dataset: str, version: int, name: str) -> bytes:
        """The key that `create_segment_key` gave that name."""
        place = _segment(dataset, version, name)
        try:
            return unseal(self.kek(dataset), durable.read(self._path(place), _FILE_LIMIT), place)
        except (OSError, ProofFailed):
            raise StoreRefused from None

    def segment_keys(self, dataset: str) -> set[tuple[int, str]]:
        """The version and the name of every such key that there is."""
        prefix = _of("segment", dataset)
        found = (path.name.split(".") for path in self._folder.glob(f"{prefix}.*.key"))
        return {(int(version), name) for _, _, version, name, _ in found}

    def erase_segment_key(self, dataset: str, version: int, name: str) -> None:
        """Crypto-erase what is under that key; nothing there is fine. Backups are not reached."""
        durable.erase(self._path(_segment(dataset, version, name)))

    def erase(self, dataset: str) -> None:
        """Crypto-erase every version of a dataset: without its key no file of it opens. Backups are not reached."""
        durable.erase(self._path(_of("kek", dataset)))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _open(self, name: str) -> bytes:
        try:
            return unseal(self._wrapping, durable.read(self._path(name), _FILE_LIMIT), name)
        except (OSError, ProofFailed):
            raise StoreRefused from None

    def _create(self, name: str, fresh: bytes) -> bytes:
        # A file that is there but does not open must never be replaced: that would lose what it protects.
        if not self._path(name).is_symlink() and not self._path(name).exists():
            durable.replace(self._path(name), seal(self._wrapping, fresh, name))
        return self._open(name)


def _of(kind: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not a name of a dataset or unit space")
    return f"{kind}.{name}"


def _segment(dataset: str, version: int, name: str) -> str:
    if not _SEGMENT_NAME.fullmatch(name):
        raise ValueError("not a name of a segment's key")
    return f"{_of('segment', dataset)}.{version}.{name}"
