"""How the operator opens the root at a start: with a passphrase, with shares, or with a hardware token."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from sandbox.adapters.root_file import PassphraseLock, RootFile, RootLock, SharesLock, TokenLock, open_passphrase
from sandbox.adapters.root_shares import open_shares
from sandbox.adapters.root_token import TokenAccess, open_token
from sandbox.terms.refusal import PassphraseWrong, ProofFailed, RootNotOpened


@dataclass(frozen=True, slots=True, repr=False)
class WithPassphrase:
    kind: ClassVar[str] = "passphrase"
    passphrase: bytes

    def __repr__(self) -> str:
        return "WithPassphrase()"


@dataclass(frozen=True, slots=True, repr=False)
class WithShares:
    kind: ClassVar[str] = "shares"
    shares: tuple[str, ...]

    def __repr__(self) -> str:
        return "WithShares()"


@dataclass(frozen=True, slots=True, repr=False)
class WithToken:
    kind: ClassVar[str] = "token"
    access: TokenAccess

    def __repr__(self) -> str:
        return "WithToken()"


Opening: TypeAlias = WithPassphrase | WithShares | WithToken


def open_with(file: RootFile, opening: Opening) -> bytes:
    """The root, from whichever lock of its kind opens.

    Raises:
        PassphraseWrong: no passphrase lock opens.
        RootNotOpened: there is no lock of this kind, or none opens.
        TokenNotUsable: the token is not there, or refuses.
    """
    return _opened(file, opening)[1]


def opened_by(file: RootFile, opening: Opening) -> RootLock:
    """The lock that opens; raises as `open_with` does."""
    return _opened(file, opening)[0]


def _opened(file: RootFile, opening: Opening) -> tuple[RootLock, bytes]:
    found = file.of_kind(opening.kind)
    if not found:
        kinds = ", ".join(sorted({lock.kind for lock in file.locks}))
        raise RootNotOpened(f"This enclave has no lock of the kind {opening.kind}; it has: {kinds}.")
    said = ""
    for lock in found:
        try:
            return lock, _open(lock, opening)
        except ProofFailed as wrong:
            said = wrong.detail
    if isinstance(opening, WithPassphrase):
        raise PassphraseWrong
    raise RootNotOpened(said)


def _open(lock: RootLock, opening: Opening) -> bytes:
    match lock, opening:
        case PassphraseLock(), WithPassphrase(passphrase):
            return open_passphrase(lock, passphrase)
        case SharesLock(), WithShares(shares):
            return open_shares(lock, shares)
        case TokenLock(), WithToken(access):
            return open_token(lock, access)
        case _:
            raise ValueError("a lock of another kind")
