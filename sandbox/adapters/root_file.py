"""The root key at rest: sealed once for each lock that opens it, in one small file.

A lock is a passphrase, shares of which so many must come together, or a key inside a hardware token. Each opens the same
root, so locks come and go without touching any other key. A copy of the file keeps the locks it had: after a leak, rotate
the root (`root_rotation`).
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from sandbox.proof.sealing import lock, unlock
from sandbox.proof.signing import strict_base64
from sandbox.terms.refusal import EnclaveSealed

FORMAT = "sandbox/root/v2"
PASSPHRASE_LEAST = 12

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LOCKS_MAX = 16


@dataclass(frozen=True, slots=True)
class PassphraseLock:
    """Opened by a passphrase (Argon2id, see `sandbox.proof.locking`)."""

    kind: ClassVar[str] = "passphrase"
    name: str
    locked: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """What the log says of it."""
        return {"name": self.name, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class SharesLock:
    """Opened by `threshold` of `shares` shares (SLIP-0039, whose set number is `set`): they give the key that opens
    `sealed`."""

    kind: ClassVar[str] = "shares"
    name: str
    threshold: int
    shares: int
    set: int
    sealed: bytes

    def facts(self) -> dict[str, Any]:
        """What the log says of it."""
        return {"name": self.name, "kind": self.kind, "threshold": self.threshold, "shares": self.shares}


@dataclass(frozen=True, slots=True)
class TokenLock:
    """Opened by the AES key `key` inside the PKCS#11 token `token`, which it never leaves."""

    kind: ClassVar[str] = "token"
    name: str
    token: str
    key: str
    nonce: bytes
    sealed: bytes

    def facts(self) -> dict[str, Any]:
        """What the log says of it."""
        return {"name": self.name, "kind": self.kind, "token": self.token}


RootLock: TypeAlias = PassphraseLock | SharesLock | TokenLock


@dataclass(frozen=True, slots=True)
class RootFile:
    """All locks of one root, each with a name of its own; at least one."""

    locks: tuple[RootLock, ...]

    def __post_init__(self) -> None:
        names = [lock.name for lock in self.locks]
        if not 1 <= len(names) <= _LOCKS_MAX or len(set(names)) != len(names):
            raise ValueError(f"1 to {_LOCKS_MAX} locks, each with its own name")
        if not all(_NAME.fullmatch(name) for name in names):
            raise ValueError("a lock's name is of small letters, digits and hyphens")

    def of_kind(self, kind: str) -> list[RootLock]:
        """The locks of one kind."""
        return [lock for lock in self.locks if lock.kind == kind]

    def to_bytes(self) -> bytes:
        """The file's content."""
        document = {"format": FORMAT, "locks": [_document(item) for item in self.locks]}
        return json.dumps(document, indent=2).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> "RootFile":
        """Read the file.

        Raises:
            FileNotFoundError: there is none.
            EnclaveSealed: it is not readable, or of another format.
        """
        try:
            document = json.loads(path.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError("another format")  # noqa: TRY301 - one answer for every way of being wrong
            return cls(tuple(_READERS[item["kind"]](item) for item in document["locks"]))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise EnclaveSealed("The root key file is not readable, or not of this version's format.") from None


def passphrase_lock(root: bytes, name: str, passphrase: bytes) -> PassphraseLock:
    """A lock that this passphrase opens.

    Raises:
        ValueError: the passphrase is shorter than PASSPHRASE_LEAST bytes.
    """
    if len(passphrase) < PASSPHRASE_LEAST:
        raise ValueError("the passphrase is too short")
    return PassphraseLock(name, lock(root, passphrase))


def open_passphrase(found: PassphraseLock, passphrase: bytes) -> bytes:
    """The root.

    Raises:
        ProofFailed: a wrong passphrase, or a changed file.
    """
    return unlock(found.locked, passphrase)


def lock_context(kind: str, name: str) -> str:
    """What a lock's seal is bound to."""
    return f"root-lock/{kind}/{name}"


def _document(found: RootLock) -> dict[str, Any]:
    about: dict[str, Any] = {"name": found.name, "kind": found.kind}
    match found:
        case PassphraseLock():
            return about | {"locked": found.locked}
        case SharesLock():
            numbers = {"threshold": found.threshold, "shares": found.shares, "set": found.set}
            return about | numbers | {"sealed": _text(found.sealed)}
        case TokenLock():
            return about | {
                "token": found.token,
                "key": found.key,
                "nonce": _text(found.nonce),
                "sealed": _text(found.sealed),
            }


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a whole number is expected")
    return value


_READERS: dict[str, Callable[[dict[str, Any]], RootLock]] = {
    "passphrase": lambda item: PassphraseLock(str(item["name"]), dict(item["locked"])),
    "shares": lambda item: SharesLock(
        str(item["name"]),
        _number(item["threshold"]),
        _number(item["shares"]),
        _number(item["set"]),
        strict_base64(item["sealed"]),
    ),
    "token": lambda item: TokenLock(
        str(item["name"]),
        str(item["token"]),
        str(item["key"]),
        strict_base64(item["nonce"]),
        strict_base64(item["sealed"]),
    ),
}
