"""The root under shares: words that custodians keep, of which so many open it and fewer say nothing.

Shares are those of SLIP-0039 (Shamir's scheme over GF(256), with checksums): 33 words of a list, to be written on paper.
What is shared is a key made for this alone, so that new shares do not need a new root.
"""

import secrets
from collections.abc import Sequence

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics

from sandbox.adapters.root_file import SharesLock, lock_context
from sandbox.proof.sealing import KEY_BYTES, seal, unseal
from sandbox.terms.refusal import ProofFailed

SHARES_MAX = 16


def shares_lock(root: bytes, name: str, threshold: int, shares: int) -> tuple[SharesLock, list[str]]:
    """A lock that any `threshold` of the returned shares open.

    Raises:
        ValueError: not 2 <= threshold <= shares <= SHARES_MAX.
    """
    if not 2 <= threshold <= shares <= SHARES_MAX:
        raise ValueError(f"at least two shares of at most {SHARES_MAX} open a lock")
    key = secrets.token_bytes(KEY_BYTES)
    # Stretching serves passphrases; there is none here.
    (made,) = generate_mnemonics(1, [(threshold, shares)], key, iteration_exponent=0)
    number = Share.from_mnemonic(made[0]).identifier
    return SharesLock(name, threshold, shares, number, seal(key, root, lock_context("shares", name))), made


def open_shares(found: SharesLock, shares: Sequence[str]) -> bytes:
    """The root.

    Raises:
        ProofFailed: a word is wrong, there are too few shares, or they are of another lock.
    """
    given = [" ".join(share.lower().split()) for share in shares]
    try:
        read = {Share.from_mnemonic(share): share for share in dict.fromkeys(given)}
        if any(share.identifier != found.set for share in read):
            raise ProofFailed("A share belongs to another lock, or to one that was replaced.")
        if len(read) < found.threshold:
            raise ProofFailed(f"{len(read)} different shares were given; {found.threshold} open this lock.")
        key = combine_mnemonics(list(read.values())[: found.threshold])
    except (MnemonicError, ValueError, IndexError):
        # What the library says may hold words of a share.
        raise ProofFailed("A share has a wrong word, or words are missing.") from None
    return unseal(key, found.sealed, lock_context("shares", found.name))
