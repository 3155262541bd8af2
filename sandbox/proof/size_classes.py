"""Sizes tell: a sealed text shows its length. So contents are padded to few classes before they are sealed.

Powers of two from 4 KiB to 1 MiB, then whole MiB. The padded text is the length in 8 bytes, the content, and zeros.
"""

from sandbox.terms.refusal import ProofFailed

SMALLEST = 4 * 2**10
LARGEST_POWER = 2**20
_LENGTH_BYTES = 8


def size_class(length: int) -> int:
    """The padded size of a content of `length` bytes."""
    needed = length + _LENGTH_BYTES
    if needed > LARGEST_POWER:
        return -(-needed // LARGEST_POWER) * LARGEST_POWER
    return max(SMALLEST, 1 << (needed - 1).bit_length())


def pad(content: bytes) -> bytes:
    """The content, padded to its class."""
    padded = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return padded.ljust(size_class(len(content)), b"\0")


def unpad(padded: bytes) -> bytes:
    """The inverse of `pad`.

    Raises:
        ProofFailed: not a padded text in its one form.
    """
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    content = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(padded) < SMALLEST or len(content) != length or pad(content) != padded:
        raise ProofFailed("The opened text is not padded as a release is.")
    return content
