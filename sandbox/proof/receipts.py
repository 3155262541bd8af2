"""Receipts: that an entry is in the log, under a checkpoint that the trusted log key signed. Checked offline."""

import re
from typing import Any, Protocol

from sandbox.proof.checkpoint import Checkpoint, open_checkpoint
from sandbox.proof.entry import read_entry
from sandbox.proof.merkle import leaf_hash, verify_inclusion
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.refusal import ProofFailed

_HASH = re.compile(r"[0-9a-f]{64}")


class Trusted(Protocol):
    """The public keys of an enclave, as somebody trusts them: name of the log, vkey texts."""

    @property
    def origin(self) -> str: ...
    @property
    def log_key(self) -> str: ...
    @property
    def release_key(self) -> str: ...


def open_note(text: str, trusted: Trusted) -> Checkpoint:
    """The checkpoint of a signed note.

    Raises:
        ProofFailed: it is not signed by the trusted key for the trusted log.
    """
    return open_checkpoint(text, VerifyingKey.parse(trusted.log_key), trusted.origin)


def check_inclusion(leaf: str, index: int, checkpoint: str, proof: list[str], trusted: Trusted) -> Checkpoint:
    """Check that the leaf (hex) stands at `index` under a signed checkpoint; gives the checkpoint.

    Raises:
        ProofFailed: it does not, or something is not of the right form.
    """
    try:
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError("an index is a whole number")  # noqa: TRY301 - one answer for every way of being wrong
        if not isinstance(proof, list) or not all(_HASH.fullmatch(item) for item in (leaf, *proof)):
            raise ValueError("a hash has one spelling")  # noqa: TRY301 - the same
        leaf_bytes, hashes = bytes.fromhex(leaf), [bytes.fromhex(item) for item in proof]
    except (TypeError, ValueError):
        raise ProofFailed("The receipt is not of the form a receipt has.") from None
    opened = open_note(checkpoint, trusted)
    verify_inclusion(leaf_bytes, index, opened.size, hashes, opened.root)
    return opened


def check_receipt(receipt: dict[str, Any], trusted: Trusted) -> Checkpoint:
    """Check that the receipt's leaf is where it says, under its signed checkpoint; gives the checkpoint.

    Raises:
        ProofFailed: it is not, or the receipt is not of the right form.
    """
    try:
        leaf, index, note, proof = (receipt[name] for name in ("leaf", "index", "checkpoint", "proof"))
    except (KeyError, TypeError):
        raise ProofFailed("The receipt is not of the form a receipt has.") from None
    return check_inclusion(leaf, index, note, proof, trusted)


def check_entry(receipt: dict[str, Any], trusted: Trusted) -> dict[str, Any]:
    """Check a receipt that carries its entry's text; gives the entry (kind, at, actor, facts).

    Raises:
        ProofFailed: the receipt does not hold, or its leaf is not that of the text.
    """
    check_receipt(receipt, trusted)
    if set(receipt) != {"index", "leaf", "checkpoint", "proof", "entry"}:
        raise ProofFailed("The receipt is not of the form a receipt has.")
    try:
        body = receipt["entry"].encode("utf-8")
    except (KeyError, AttributeError, UnicodeEncodeError):
        raise ProofFailed("The receipt does not say what its entry says.") from None
    if leaf_hash(body).hex() != receipt["leaf"]:
        raise ProofFailed("The receipt is of another entry than the one it shows.")
    return read_entry(body)
