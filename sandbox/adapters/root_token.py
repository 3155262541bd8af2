"""The root under a key inside a hardware token (PKCS#11 2.40): the key is made there, wraps and unwraps there, and never
comes out. Which library speaks to the token is the operator's word at each start, never that of a file."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11

from sandbox.adapters.root_file import TokenLock, lock_context
from sandbox.terms.refusal import ProofFailed, TokenNotUsable

_NONCE_BYTES = 12
_TAG_BITS = 128


@dataclass(frozen=True, slots=True, repr=False)
class TokenAccess:
    """The PKCS#11 library and the user's PIN."""

    module: Path
    pin: str

    def __repr__(self) -> str:
        return "TokenAccess()"


def token_lock(root: bytes, name: str, access: TokenAccess, token: str) -> TokenLock:
    """A lock under a fresh AES-256 key of the token labelled `token`; the key is labelled "sandbox-root-<random>".

    Raises:
        TokenNotUsable: no such library or token, a wrong PIN, or a token that cannot do this.
    """
    label = f"sandbox-root-{secrets.token_hex(4)}"
    nonce = secrets.token_bytes(_NONCE_BYTES)
    with _session(access, token, write=True) as session:
        key = session.generate_key(
            pkcs11.KeyType.AES,
            256,
            label=label,
            store=True,
            template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
        )
        sealed = bytes(key.encrypt(root, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=_params(nonce, name)))
    return TokenLock(name, token, label, nonce, sealed)


def open_token(found: TokenLock, access: TokenAccess) -> bytes:
    """The root.

    Raises:
        TokenNotUsable: no such library, token or key, or a wrong PIN.
        ProofFailed: the key is not the one that made the lock, or the file was changed.
    """
    with _session(access, found.token, write=False) as session:
        key = session.get_key(pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, found.key)
        try:
            return bytes(
                key.decrypt(
                    found.sealed,
                    mechanism=pkcs11.Mechanism.AES_GCM,
                    mechanism_param=_params(found.nonce, found.name),
                )
            )
        except pkcs11.PKCS11Error:
            raise ProofFailed("The token's key does not open this lock, or the file was changed.") from None


@contextmanager
def _session(access: TokenAccess, token: str, *, write: bool) -> Iterator[Any]:
    try:
        library = pkcs11.lib(str(access.module))
        with library.get_token(token_label=token).open(rw=write, user_pin=access.pin) as session:
            yield session
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinLocked):
        raise TokenNotUsable("The token refuses this PIN; after a few tries it locks itself.") from None
    except (pkcs11.NoSuchToken, pkcs11.NoSuchKey, pkcs11.MultipleTokensReturned, pkcs11.MultipleObjectsReturned):
        raise TokenNotUsable("The token or its key is not there, or there is more than one of that label.") from None
    except pkcs11.PKCS11Error:
        # The library's words may name keys or slots.
        raise TokenNotUsable("The PKCS#11 library cannot be loaded, or the token cannot do what is asked.") from None


def _params(nonce: bytes, name: str) -> Any:
    return pkcs11.GCMParams(nonce, lock_context("token", name).encode(), _TAG_BITS)
