"""Partial sums on their way from the workers to the engine: a fixed binary form, sealed, merged exactly.

    "SBXPART1" | primitives, groups: 2 · uint32 | int64 [primitive, group]          all little-endian

The seal is HPKE to a key that the engine makes for one order; its info names the order and the buckets covered. Integer
addition is exact and commutes: any split into buckets, in any order, gives the same bits.
"""

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sandbox.proof.sealing import open_sealed, seal_to

_MAGIC = b"SBXPART1"
_SHAPE = struct.Struct("<II")
_LABEL = "sandbox/partial/v1"


class PartialRefused(Exception):
    """A partial that is not of this order, of this shape, or of buckets already merged."""


def pack(sums: NDArray[np.int64]) -> bytes:
    """The fixed form of partial sums [primitive, group]."""
    return _MAGIC + _SHAPE.pack(*sums.shape) + sums.astype("<i8", order="C").tobytes()


def unpack(packed: bytes) -> NDArray[np.int64]:
    """The inverse of `pack`.

    Raises:
        PartialRefused: not such bytes.
    """
    start = len(_MAGIC) + _SHAPE.size
    if len(packed) < start or packed[: len(_MAGIC)] != _MAGIC:
        raise PartialRefused("not a partial")
    primitives, groups = _SHAPE.unpack_from(packed, len(_MAGIC))
    if len(packed) != start + 8 * primitives * groups:
        raise PartialRefused("a partial of another length")
    return np.frombuffer(packed, "<i8", offset=start).astype(np.int64).reshape(primitives, groups)


def seal_partial(engine: bytes, order: str, buckets: Iterable[int], sums: NDArray[np.int64]) -> bytes:
    """`sums` of `buckets`, readable by the holder of the order's key alone."""
    return seal_to(engine, pack(sums), _info(order, buckets))


class Merge:
    """Adds up the partials of one order; every bucket exactly once."""

    def __init__(self, order: str, private: bytes, buckets: Iterable[int], shape: tuple[int, int]) -> None:
        self._order = order
        self._private = private
        self._missing = set(buckets)
        self._sums = np.zeros(shape, np.int64)

    def add(self, buckets: Iterable[int], sealed: bytes) -> None:
        """Add the partial that covers `buckets`.

        Raises:
            PartialRefused: a bucket twice or never asked for, or another shape; nothing was added.
            ProofFailed: sealed to another key, for another order or for other buckets; nothing was added.
        """
        covered = sorted(buckets)
        if len(set(covered)) != len(covered) or not self._missing.issuperset(covered):
            raise PartialRefused("a bucket that is not awaited")
        sums = unpack(open_sealed(self._private, sealed, _info(self._order, covered)))
        if sums.shape != self._sums.shape:
            raise PartialRefused("a partial of another shape")
        self._sums += sums
        self._missing -= set(covered)

    def total(self) -> NDArray[np.int64]:
        """The exact sums [primitive, group].

        Raises:
            PartialRefused: buckets are missing.
        """
        if self._missing:
            raise PartialRefused("buckets are missing")
        return self._sums


def _info(order: str, buckets: Iterable[int]) -> bytes:
    return "\n".join((_LABEL, order, ",".join(str(bucket) for bucket in sorted(buckets)))).encode()
