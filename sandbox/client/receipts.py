"""What a client checks by itself: that an entry is in the log, under a checkpoint that the pinned log key signed."""

from typing import Any

from sandbox.client.credentials import Pins
from sandbox.proof.checkpoint import Checkpoint, open_checkpoint
from sandbox.proof.entry import read_entry
from sandbox.proof.merkle import leaf_hash, verify_inclusion
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.refusal import ProofFailed


def open_note(text: str, pins: Pins) -> Checkpoint:
    """The checkpoint of a signed note.

    Raises:
        ProofFailed: it is not signed by the pinned key for the pinned log.
    """
    return open_checkpoint(text, VerifyingKey.parse(pins.log_key), pins.origin)


def check_receipt(receipt: dict[str, Any], pins: Pins) -> Checkpoint:
    """Check that the receipt's leaf is where it says, under its signed checkpoint; gives the checkpoint.

    Raises:
        ProofFailed: it is not, or the receipt is not of the right form.
    """
    try:
        index = receipt["index"]
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError("an index is a whole number")  # noqa: TRY301 - one answer for every way of being wrong
        leaf = bytes.fromhex(receipt["leaf"])
        proof = [bytes.fromhex(item) for item in receipt["proof"]]
        text = str(receipt["checkpoint"])
    except (KeyError, TypeError, ValueError):
        raise ProofFailed("The receipt is not of the form a receipt has.") from None
    checkpoint = open_note(text, pins)
    verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root)
    return checkpoint


def check_entry(receipt: dict[str, Any], pins: Pins) -> dict[str, Any]:
    """Check a receipt that carries its entry's text; gives the entry (kind, at, actor, facts).

    Raises:
        ProofFailed: the receipt does not hold, or its leaf is not that of the text.
    """
    check_receipt(receipt, pins)
    try:
        body = receipt["entry"].encode("utf-8")
    except (KeyError, AttributeError, UnicodeEncodeError):
        raise ProofFailed("The receipt does not say what its entry says.") from None
    if leaf_hash(body).hex() != receipt["leaf"]:
        raise ProofFailed("The receipt is of another entry than the one it shows.")
    return read_entry(body)
