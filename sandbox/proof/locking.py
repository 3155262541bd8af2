"""Locking a secret under a passphrase: Argon2id (RFC 9106) makes the key, AES-256-GCM-SIV seals the secret.

The document is JSON and records its own parameters. A hostile document cannot make us work without bound: parameters
beyond fixed limits are refused before any memory is touched.
"""

from base64 import b64encode
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sandbox.proof.aead import KEY_BYTES, seal, unseal
from sandbox.proof.signing import strict_base64
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed

FORMAT = "sandbox/locked/v1"
SECRET_LIMIT = 65_536

_SALT_BYTES = 16
_MEMORY_LIMIT_KIB = 2**20
_WORK_LIMIT_KIB = 2**22
"""Memory times passes: some seconds of one core."""
_LANES_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's parameters; the default is RFC 9106's recommendation where memory is short."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        numbers = (self.memory_kib, self.passes, self.lanes)
        if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
            raise TypeError("the parameters are whole numbers")
        if not (1 <= self.lanes <= _LANES_LIMIT and 8 * self.lanes <= self.memory_kib <= _MEMORY_LIMIT_KIB):
            raise ValueError("1 to 16 lanes, and 8 KiB a lane to 1 GiB of memory")
        if not 1 <= self.passes <= _WORK_LIMIT_KIB // self.memory_kib:
            raise ValueError("at least one pass, and memory times passes at most 4 GiB")


RECOMMENDED = Cost()


def lock(secret: bytes, passphrase: bytes, *, cost: Cost = RECOMMENDED) -> dict[str, Any]:
    """A JSON document from which only `passphrase` recovers `secret`.

    Raises:
        ValueError: the secret is longer than 64 KiB.
    """
    if len(secret) > SECRET_LIMIT:
        raise ValueError("a locked secret is at most 64 KiB")
    kdf = {
        "name": "argon2id",
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": b64encode(token_bytes(_SALT_BYTES)).decode("ascii"),
    }
    key, context = _key(kdf, passphrase), _context(kdf)
    return {"format": FORMAT, "kdf": kdf, "sealed": b64encode(seal(key, secret, context)).decode("ascii")}


def unlock(document: dict[str, Any], passphrase: bytes) -> bytes:
    """The inverse of `lock`.

    Raises:
        ProofFailed: a wrong passphrase, a changed document, or parameters beyond what is accepted.
    """
    try:
        if set(document) != {"format", "kdf", "sealed"} or document["format"] != FORMAT:
            raise ValueError("not a locked document")  # noqa: TRY301 - one answer for every way of being wrong
        kdf, sealed = document["kdf"], document["sealed"]
        if len(sealed) > 2 * SECRET_LIMIT:
            raise ValueError("too long")  # noqa: TRY301 - the same
        ciphertext, key, context = strict_base64(sealed), _key(kdf, passphrase), _context(kdf)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProofFailed("The file is not a locked secret, or asks for more work than is accepted.") from None
    try:
        return unseal(key, ciphertext, context)
    except ProofFailed:
        raise ProofFailed("The passphrase is wrong, or the file was changed.") from None


def _key(kdf: dict[str, Any], passphrase: bytes) -> bytes:
    if set(kdf) != {"name", "memory_kib", "passes", "lanes", "salt"} or kdf["name"] != "argon2id":
        raise ValueError("unknown key derivation")
    cost = Cost(kdf["memory_kib"], kdf["passes"], kdf["lanes"])
    salt = strict_base64(kdf["salt"])
    if len(salt) != _SALT_BYTES:
        raise ValueError("a salt has 16 bytes")
    return Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    ).derive(passphrase)


def _context(kdf: dict[str, Any]) -> str:
    """Parameters are bound into the seal."""
    return canonical_bytes({"format": FORMAT, "kdf": kdf}).decode("utf-8")
