"""Keeping things secret: under a key (`aead`), under a passphrase (`locking`), to a person's public key (here).

Every envelope starts with a suite byte, so that other suites can come without a new format:

    0x01  AES-256-GCM-SIV with a random nonce
    0x41  HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180)
"""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox.proof.aead import KEY_BYTES, seal, unseal
from sandbox.proof.locking import Cost, lock, unlock
from sandbox.terms.refusal import ProofFailed

__all__ = [
    "KEY_BYTES",
    "Cost",
    "derive",
    "is_sealing_key",
    "lock",
    "new_sealing_key",
    "open_sealed",
    "seal",
    "seal_to",
    "sealing_public",
    "tag",
    "unlock",
    "unseal",
]

HPKE_X25519 = b"\x41"

_HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_HPKE_LABEL = b"sandbox/sealed-to/v1\n"
_DERIVE_LABEL = b"sandbox/derive/v1\n"
_TAG_LABEL = b"sandbox/tag/v1\n"


def derive(root: bytes, label: str) -> bytes:
    """A 32-byte key from a 32-byte root by HKDF-SHA256: one independent key for each label."""
    if len(root) != KEY_BYTES:
        raise ValueError("a root key has 32 bytes")
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_DERIVE_LABEL + label.encode()).derive(root)


def tag(key: bytes, text: str) -> str:
    """HMAC-SHA256 in hex: sensitive text is found by it, and only by who holds the key."""
    if len(key) != KEY_BYTES:
        raise ValueError("a tag key has 32 bytes")
    return hmac.new(key, _TAG_LABEL + text.encode(), "sha256").hexdigest()


def new_sealing_key() -> bytes:
    """A fresh X25519 private key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def sealing_public(private: bytes) -> bytes:
    """The public half of an X25519 private key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def is_sealing_key(public: bytes) -> bool:
    """Whether something can be sealed to it: not to the few points with which everybody shares the same "secret"."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


def seal_to(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Encrypt to the holder of a private key; `info` says what this is for and to whom. Authenticates no sender.

    Raises:
        ValueError: `public` is not a usable X25519 key.
    """
    recipient = X25519PublicKey.from_public_bytes(public)
    return HPKE_X25519 + _HPKE.encrypt(plaintext, recipient, info=_HPKE_LABEL + info)


def open_sealed(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """The inverse of `seal_to`.

    Raises:
        ProofFailed: another recipient or info, an unknown suite, or changed bytes.
    """
    key = X25519PrivateKey.from_private_bytes(private)
    if sealed[:1] != HPKE_X25519:
        raise ProofFailed("The sealed text is of an unknown suite.")
    try:
        return _HPKE.decrypt(sealed[1:], key, info=_HPKE_LABEL + info)
    except (InvalidTag, ValueError):
        raise ProofFailed("The sealed text was changed, or is for another recipient or purpose.") from None
