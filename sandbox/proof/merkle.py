"""The Merkle tree of RFC 6962 over stored hash indexes.

Every complete subtree's hash is stored once, in the order in which appending leaves completes it (the scheme of Go's
sumdb). Leaf i of level 0 and each subtree it completes follow each other, so the store is append-only and a proof
reads O(log n) hashes in one batch. A `Read` maps stored indexes to their hashes, in the order asked.

Trust comes from a signed (size, root) pair: a proof binds its leaf to a root *of that size*, so sizes must come from the
checkpoint that carries the root, never from the proof's sender.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import TypeAlias

from sandbox.terms.refusal import ProofFailed

Read: TypeAlias = Callable[[Sequence[int]], Sequence[bytes]]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
SIZE_LIMIT = 2**53
"""No tree is larger: sizes travel as JSON integers."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data): RFC 6962 §2.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def stored_count(size: int) -> int:
    """How many hashes are stored for a tree of `size` leaves: Σ ⌊size / 2^k⌋."""
    if not 0 <= size <= SIZE_LIMIT:
        raise ValueError("a tree has between 0 and 2^53 leaves")
    return 2 * size - size.bit_count()


def stored_hashes(index: int, leaf: bytes, read: Read) -> list[bytes]:
    """What to append, from stored index `stored_count(index)` on, when leaf hash number `index` is added."""
    levels = _trailing_ones(index)
    siblings = read([_stored_index(level, (index >> level) - 1) for level in range(levels)])
    hashes = [leaf]
    for sibling in siblings:
        hashes.append(node_hash(sibling, hashes[-1]))
    return hashes


def tree_root(size: int, read: Read) -> bytes:
    """The root of the first `size` leaves."""
    if size == 0:
        return EMPTY_ROOT
    return _fold(read(_cover(0, size)))


def prove_inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The path of RFC 6962 §2.1.1: siblings from the leaf up.

    Raises:
        ValueError: `index` is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of that size")
    low, high = 0, size
    parts: list[tuple[int, int]] = []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            parts.append((middle, high))
            high = middle
        else:
            parts.append((low, middle))
            low = middle
    return _roots(parts[::-1], read)


def prove_consistency(old: int, new: int, read: Read) -> list[bytes]:
    """The proof of RFC 6962 §2.1.2 that the tree of size `new` extends that of size `old`.

    Raises:
        ValueError: unless 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ValueError("a tree is consistent with a smaller one only")
    if old in (0, new):
        return []
    low, high = 0, new
    parts: list[tuple[int, int]] = []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            parts.append((middle, high))
            high = middle
        else:
            parts.append((low, middle))
            low = middle
    if low != 0:  # else the old tree itself is a whole subtree, whose root the verifier has
        parts.append((low, high))
    return _roots(parts[::-1], read)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that leaf hash `leaf` is number `index` of the tree with this `size` and `root` (RFC 9162 §2.1.3.2).

    Raises:
        ProofFailed: it is not, or the proof is not of the right form.
    """
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size <= SIZE_LIMIT:
        raise ProofFailed("The inclusion proof names a leaf outside the tree.")
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofFailed("The inclusion proof is too long.")
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while position & 1 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofFailed("The inclusion proof is too short.")
    if not compare_digest(found, root):
        raise ProofFailed("The inclusion proof does not lead to the root.")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (`new`, `new_root`) extends the tree (`old`, `old_root`) (RFC 9162 §2.1.4.2).

    Raises:
        ProofFailed: it does not, or the proof is not of the right form.
    """
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old <= new <= SIZE_LIMIT:
        raise ProofFailed("The log has shrunk.")
    if old in (0, new):
        expected = new_root if old == new else EMPTY_ROOT
        if proof or not compare_digest(old_root, expected) or (new == 0 and new_root != EMPTY_ROOT):
            raise ProofFailed("The two trees are not consistent.")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofFailed("The consistency proof is too short.")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    found_old = found_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofFailed("The consistency proof is too long.")
        if position & 1 or position == last:
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
            while position & 1 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofFailed("The consistency proof is too short.")
    if not (compare_digest(found_old, old_root) and compare_digest(found_new, new_root)):
        raise ProofFailed("The two trees are not consistent.")


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf *hashes*, streaming, in O(log n) memory."""
    peaks = Peaks()
    for leaf in leaves:
        peaks.add(leaf)
    return peaks.root()


class Peaks:
    """The right-most complete subtrees of a growing tree: all that its root depends on."""

    __slots__ = ("_hashes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        found = leaf
        for _ in range(_trailing_ones(self.size)):
            found = node_hash(self._hashes.pop(), found)
        self._hashes.append(found)
        self.size += 1

    def root(self) -> bytes:
        """The root so far."""
        return _fold(self._hashes) if self._hashes else EMPTY_ROOT


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def _stored_index(level: int, number: int) -> int:
    """Where the hash of subtree `number` of `level` is stored."""
    last_leaf = ((number + 1) << level) - 1
    return stored_count(last_leaf) + level


def _split(width: int) -> int:
    """The largest power of two below `width` (RFC 6962's k)."""
    return 1 << ((width - 1).bit_length() - 1)


def _cover(low: int, high: int) -> list[int]:
    """Stored indexes of the complete subtrees that make up the subtree over leaves [low, high), left to right."""
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append(_stored_index(level, low >> level))
        low += 1 << level
    return found


def _fold(peaks: Sequence[bytes]) -> bytes:
    found = peaks[-1]
    for peak in reversed(peaks[:-1]):
        found = node_hash(peak, found)
    return found


def _roots(parts: Sequence[tuple[int, int]], read: Read) -> list[bytes]:
    """The hash of each range, from one batch of reads."""
    covers = [_cover(low, high) for low, high in parts]
    hashes = read([index for cover in covers for index in cover])
    found, start = [], 0
    for cover in covers:
        found.append(_fold(hashes[start : start + len(cover)]))
        start += len(cover)
    return found


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(not isinstance(value, bytes) or len(value) != HASH_BYTES for value in hashes):
        raise ProofFailed("The proof holds something that is not a SHA-256 hash.")
