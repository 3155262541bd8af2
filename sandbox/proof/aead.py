"""Sealing under a secret key, with the context bound in.

Suite 0x01 is AES-256-GCM-SIV with a random 96-bit nonce (RFC 8452: a repeated nonce shows equal plaintexts, nothing more).
The envelope is suite byte ‖ nonce ‖ ciphertext and tag.
"""

from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from sandbox.terms.refusal import ProofFailed

KEY_BYTES = 32
GCM_SIV = b"\x01"

_NONCE_BYTES = 12
_TAG_BYTES = 16
_LABEL = b"sandbox/sealed/v1\n"


def seal(key: bytes, plaintext: bytes, context: str) -> bytes:
    """Encrypt under a 32-byte key: only who names the same `context` can open it."""
    nonce = token_bytes(_NONCE_BYTES)
    return GCM_SIV + nonce + _cipher(key).encrypt(nonce, plaintext, _bound(context))


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """The inverse of `seal`.

    Raises:
        ProofFailed: another key or context, an unknown suite, or changed bytes.
    """
    cipher = _cipher(key)
    if sealed[:1] != GCM_SIV:
        raise ProofFailed("The sealed text is of an unknown suite.")
    if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise ProofFailed("The sealed text is cut short.")
    nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, ciphertext, _bound(context))
    except InvalidTag:
        raise ProofFailed("The sealed text was changed, or belongs to another place or key.") from None


def _cipher(key: bytes) -> AESGCMSIV:
    if len(key) != KEY_BYTES:
        raise ValueError("a sealing key has 32 bytes")
    return AESGCMSIV(key)


def _bound(context: str) -> bytes:
    return _LABEL + GCM_SIV + context.encode()
