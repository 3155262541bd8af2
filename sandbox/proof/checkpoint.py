"""Checkpoints: signed statements "this log has this size and this root".

C2SP tlog-checkpoint in a C2SP signed note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note), without
extension lines: those could say what no monitor can audit.
"""

import re
from base64 import b64encode
from dataclasses import dataclass

from sandbox.proof.merkle import HASH_BYTES, SIZE_LIMIT
from sandbox.proof.signing import SIGNATURE_BYTES, SigningKey, VerifyingKey, check_name, strict_base64
from sandbox.terms.refusal import ProofFailed

TEXT_LIMIT = 65_536
SIGNATURES_LIMIT = 32
"""C2SP asks for at least 16."""

_ID_BYTES = 4
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE_LINE = re.compile("— (?P<name>[^ ]+) (?P<signature>[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, its number of entries, and the Merkle root over them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_name(self.origin)
        if not 0 <= self.size <= SIZE_LIMIT or len(self.root) != HASH_BYTES:
            raise ValueError("a checkpoint has a size up to 2^53 and a 32-byte root")

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode('ascii')}\n"


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """The checkpoint as a signed note with one signature."""
    signature = key.verifier.id + key.sign(checkpoint.body.encode())
    return f"{checkpoint.body}\n— {key.name} {b64encode(signature).decode('ascii')}\n"


def open_checkpoint(text: str, verifier: VerifyingKey, origin: str) -> Checkpoint:
    """Verify a signed checkpoint of the log `origin`. Signatures of unknown keys (witnesses, say) are ignored.

    Raises:
        ProofFailed: not a checkpoint in its one spelling, another log's, or not signed once by `verifier`.
    """
    if not isinstance(text, str) or len(text) > TEXT_LIMIT:
        raise ProofFailed("The checkpoint is too long.")
    body, blank, signatures = text.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise ProofFailed("The checkpoint is not a signed note.")
    body += "\n"
    _verify(body, signatures[:-1].split("\n"), verifier)  # nothing of the text is believed before this
    checkpoint = _read_body(body)
    if checkpoint.origin != origin:
        raise ProofFailed("The checkpoint is of another log.")
    return checkpoint


def _verify(body: str, lines: list[str], verifier: VerifyingKey) -> None:
    if len(lines) > SIGNATURES_LIMIT:
        raise ProofFailed("The checkpoint has too many signatures.")
    try:
        read = [_read_signature(line) for line in lines]
    except ValueError:
        raise ProofFailed("A signature line of the checkpoint is malformed.") from None
    found = [signature for name, key, signature in read if (name, key) == (verifier.name, verifier.id)]
    if not found:
        raise ProofFailed(f"The checkpoint is not signed by the key {verifier.short}.")
    if len(found) > 1:
        raise ProofFailed("The checkpoint carries the same key's signature twice.")
    if len(found[0]) != SIGNATURE_BYTES:
        raise ProofFailed("A signature line of the checkpoint is malformed.")
    try:
        message = body.encode()
    except UnicodeEncodeError:
        raise ProofFailed("The checkpoint is not valid text.") from None
    verifier.verify(message, found[0])


def _read_signature(line: str) -> tuple[str, bytes, bytes]:
    """Key name, key id and signature of one line."""
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise ValueError("not a signature line")
    check_name(match["name"])
    decoded = strict_base64(match["signature"])
    if len(decoded) <= _ID_BYTES:
        raise ValueError("a signature is longer than its key id")
    return match["name"], decoded[:_ID_BYTES], decoded[_ID_BYTES:]


def _read_body(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):
        raise ProofFailed("The checkpoint's text is not origin, size and root.")
    try:
        return Checkpoint(lines[0], int(lines[1]), strict_base64(lines[2]))
    except ValueError:
        raise ProofFailed("The checkpoint's text is not origin, size and root.") from None
