"""Ed25519 keys in the terms of C2SP signed notes (https://c2sp.org/signed-note).

A key has a name; its id is the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). Keys travel as vkey text,
`name+<id in hex>+base64(0x01 ‖ public key)`.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sandbox.terms.refusal import ProofFailed

ED25519 = b"\x01"
"""C2SP's signature type byte."""
KEY_BYTES = 32
SIGNATURE_BYTES = 64

_NAME_LIMIT = 256
_VKEY = re.compile(r"(?P<name>[^+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]{44})")


_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""The y of every point whose order divides 8, all spellings, the sign of x left out."""


def new_seed() -> bytes:
    """A fresh random private seed."""
    return token_bytes(KEY_BYTES)


def check_name(name: str) -> None:
    """Refuse what no key may be called: empty, too long, spaces, plus signs, or control characters.

    Raises:
        ValueError: it is one of these.
    """
    if not name or len(name) > _NAME_LIMIT or "+" in name or not name.isprintable() or any(c.isspace() for c in name):
        raise ValueError("a key name is 1 to 256 printable characters without spaces and plus signs")


def is_signing_key(public: bytes) -> bool:
    """Whether a signature by it means anything: under a point of small order, one that anybody writes down is good for
    every message, so that its owner could deny all they signed (RFC 8032 leaves this to the application)."""
    return len(public) == KEY_BYTES and public[:-1] + bytes([public[-1] & 0x7F]) not in _SMALL_ORDER


def strict_base64(text: str) -> bytes:
    """Decode standard Base64 with padding, in its one canonical spelling.

    Raises:
        ValueError: any other text.
    """
    try:
        decoded = b64decode(text.encode("ascii"), validate=True)
    except (Base64Error, UnicodeEncodeError):
        raise ValueError("not Base64") from None
    if b64encode(decoded).decode("ascii") != text:
        raise ValueError("not the canonical Base64 of its bytes")
    return decoded


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A named public key."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != KEY_BYTES:
            raise ValueError("an Ed25519 public key has 32 bytes")

    @classmethod
    def parse(cls, text: str) -> "VerifyingKey":
        """Read vkey text.

        Raises:
            ProofFailed: it is not vkey text of an Ed25519 key, or its key id is not that of its key.
        """
        match = _VKEY.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ProofFailed("The verifying key is not of the form name+id+key.")
        try:
            encoded = strict_base64(match["key"])
            key = cls(match["name"], encoded[1:])
        except ValueError:
            raise ProofFailed("The verifying key is not of the form name+id+key.") from None
        if encoded[:1] != ED25519:
            raise ProofFailed("The verifying key is not an Ed25519 key.")
        if key.id.hex() != match["id"]:
            raise ProofFailed("The verifying key's id does not belong to it.")
        return key

    @property
    def id(self) -> bytes:
        """The four bytes that name the key within signatures."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The vkey text."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode('ascii')}"

    @property
    def short(self) -> str:
        """Name and id: enough to say which key, not to verify with."""
        return f"{self.name}+{self.id.hex()}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature.

        Raises:
            ProofFailed: it is not this key's over `message`.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise ProofFailed(f"The signature is not that of the key {self.short}.") from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A named private key. Its seed shows in no representation."""

    name: str
    seed: bytes = field(repr=False)
    _private: Ed25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.seed) != KEY_BYTES:
            raise ValueError("an Ed25519 seed has 32 bytes")
        object.__setattr__(self, "_private", Ed25519PrivateKey.from_private_bytes(self.seed))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._private.sign(message)

    @property
    def verifier(self) -> VerifyingKey:
        """The public half."""
        return VerifyingKey(self.name, self._private.public_key().public_bytes_raw())
