"""Where a person's private keys are kept: a file that only its owner can read, or the memory of one program.

Old pairs stay: what was sealed to them can only be opened with them.
"""

import json
import os
import secrets
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Any, Protocol
from urllib.parse import quote

from sandbox.client.credentials import config_folder
from sandbox.proof.key_pairs import KeyPair
from sandbox.terms.refusal import KeysRequired

if sys.platform != "win32":
    import fcntl

FORMAT = "sandbox/keys/v1"
_OTHERS = 0o077


class KeysElsewhere(KeysRequired):
    """Keys are registered for the person, and their private halves are not here."""

    title = "The private keys that this needs are not on this machine."
    title_zh = "本机没有所需的私钥。"
    advice = (
        "Copy the key file here from the machine where they were made, if they are yours. Where it is lost, what was sealed "
        "to it stays sealed: ask the administrator to enrol you anew."
    )
    advice_zh = "若为您的密钥，请从生成密钥的机器复制密钥文件。若已丢失，此前加密给该密钥的结果无法打开；请联系管理员重新为您开户。"


class KeyFileUnsafe(KeysRequired):
    """A key file that others may read, or that is not one."""

    title = "The file of your private keys cannot be used as it is."
    title_zh = "私钥文件目前无法使用。"
    advice = "Only you may read it: chmod 700 on its folder and chmod 600 on the file; restore it from a copy if it is broken."
    advice_zh = "仅本人可读：目录权限应为 700，文件权限应为 600；若已损坏，请用备份恢复。"


class KeyStore(Protocol):
    """Private keys by enclave (its log's origin) and person."""

    def pairs(self, origin: str, person: str) -> tuple[KeyPair, ...]:
        """The pairs kept here, oldest first; none where nothing is kept. Raises KeysRequired: they cannot be read."""

    def keep(self, origin: str, pair: KeyPair) -> None:
        """Keep one more pair, for good once this returns."""

    def place(self, origin: str, person: str) -> str:
        """Where a person's pairs are kept, in words for messages."""


class MemoryKeyStore:
    """Keys of one program, gone with it: for tests and notebooks whose answers need not be opened again."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], tuple[KeyPair, ...]] = {}

    def pairs(self, origin: str, person: str) -> tuple[KeyPair, ...]:
        return self._pairs.get((origin, person), ())

    def keep(self, origin: str, pair: KeyPair) -> None:
        known = self.pairs(origin, pair.person)
        if all(kept.id != pair.id for kept in known):
            self._pairs[origin, pair.person] = (*known, pair)

    def place(self, origin: str, person: str) -> str:  # noqa: ARG002 - one place for all
        return "the memory of this program"


class FileKeyStore:
    """Files `folder/<origin>/<person>.json`, 0600 in folders 0700, replaced as a whole."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder of all keys: the one given, else SANDBOX_KEYS, else one among the user's settings."""
        if self._folder is not None:
            return self._folder
        named = os.environ.get("SANDBOX_KEYS")
        return Path(named) if named else config_folder() / "keys"

    def path(self, origin: str, person: str) -> Path:
        """The file of one person's keys at one enclave."""
        return self.folder / _segment(origin) / f"{_segment(person)}.json"

    def place(self, origin: str, person: str) -> str:
        return str(self.path(origin, person))

    def pairs(self, origin: str, person: str) -> tuple[KeyPair, ...]:
        path = self.path(origin, person)
        try:
            _only_for_owner(path.parent)
            content = _private_bytes(path)
        except FileNotFoundError:
            return ()
        except OSError:
            raise KeyFileUnsafe(f"The key file {path} cannot be read.") from None
        try:
            return _read(json.loads(content), person)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise KeyFileUnsafe(f"The key file {path} does not hold the keys of {person}.") from None

    def keep(self, origin: str, pair: KeyPair) -> None:
        path = self.path(origin, pair.person)
        for folder in (self.folder, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _only_for_owner(path.parent)
        with _alone(path.parent):
            known = self.pairs(origin, pair.person)
            if all(kept.id != pair.id for kept in known):
                _replace(path, _written(pair.person, (*known, pair)))


def usable(store: KeyStore, origin: str, person: str, key: str) -> KeyPair:
    """The pair of that id.

    Raises:
        KeysElsewhere: it is not kept here.
    """
    for pair in store.pairs(origin, person):
        if pair.id == key:
            return pair
    raise KeysElsewhere(f"The private half of {key} ({person}) is not in {store.place(origin, person)}.", key=key)


def _segment(text: str) -> str:
    """A name as one part of a path: nothing in it can lead elsewhere."""
    return quote(text, safe="@+").replace(".", "%2E") if text.startswith(".") else quote(text, safe="@+")


def _only_for_owner(path: Path) -> None:
    _check_owned(path, path.stat())


def _private_bytes(path: Path) -> bytes:
    """The file's bytes; its mode is that of the very file that is read."""
    with path.open("rb") as file:
        _check_owned(path, os.fstat(file.fileno()))
        return file.read()


def _check_owned(path: Path, found: os.stat_result) -> None:
    """Raises KeyFileUnsafe: keys that somebody else put here, or can read, are not this person's."""
    if sys.platform == "win32":
        return
    if S_IMODE(found.st_mode) & _OTHERS:
        raise KeyFileUnsafe(f"{path} can be read by others on this machine.")
    if found.st_uid != os.geteuid():
        raise KeyFileUnsafe(f"{path} belongs to another user of this machine.")


def _read(document: Any, person: str) -> tuple[KeyPair, ...]:
    if document["format"] != FORMAT or document["person"] != person:
        raise ValueError("another format or person")
    found = []
    for item in document["keys"]:
        pair = KeyPair(person, _bytes(item["sealing"]), _bytes(item["signing"]))
        if pair.id != item["id"]:
            raise ValueError("an id that is not its key's")
        found.append(pair)
    return tuple(found)


def _bytes(text: str) -> bytes:
    return b64decode(text.encode("ascii"), validate=True)


def _written(person: str, pairs: tuple[KeyPair, ...]) -> bytes:
    keys = [
        {
            "id": pair.id,
            "sealing": b64encode(pair.sealing_private).decode("ascii"),
            "signing": b64encode(pair.signing_seed).decode("ascii"),
        }
        for pair in pairs
    ]
    return json.dumps({"format": FORMAT, "person": person, "keys": keys}, indent=1).encode("utf-8")


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _remember(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _remember(folder: Path) -> None:
    """The new name outlives a loss of power: what is registered next can be opened for good."""
    if sys.platform != "win32":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: a pair that another program keeps meanwhile is never lost."""
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
