"""What a client checks by itself: that an entry is in the log, under a checkpoint that the pinned log key signed."""

from typing import Any

from sandbox.client.credentials import Pins
from sandbox.proof.checkpoint import Checkpoint, open_checkpoint
from sandbox.proof.merkle import verify_inclusion
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
        index = int(receipt["index"])
        leaf = bytes.fromhex(receipt["leaf"])
        proof = [bytes.fromhex(item) for item in receipt["proof"]]
        text = str(receipt["checkpoint"])
    except (KeyError, TypeError, ValueError):
        raise ProofFailed("The receipt is not of the form a receipt has.") from None
    checkpoint = open_note(text, pins)
    verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root)
    return checkpoint
