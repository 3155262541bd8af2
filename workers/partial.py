"""Tallies on their way from the workers to the engine: a fixed binary form, sealed, merged exactly.

    "SBXPART2" | measurements: uint32 | for each measurement                          all little-endian
        lines, primitives, trees, sets: 4 · uint32 | bytes of all keys: uint64, 2^64 - 1 where lines are all groups
        lines · uint32 lengths, all bytes of keys                                    of selected lines only
        int64 [primitive, line]
        for each tree and then each set: columns: uint64 | int64 [3, column]

The seal is HPKE to a key that the engine makes for one order; its info names the order and the buckets covered. Integer
addition and union are exact and commute: any split into buckets, in any order, gives the same bits.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sandbox.proof.sealing import open_sealed, seal_to
from workers.tally import Integers, Merger, Shape, Tally

_MAGIC = b"SBXPART2"
_COUNT = struct.Struct("<I")
_HEAD = struct.Struct("<IIIIQ")
_COLUMNS = struct.Struct("<Q")
_ALL_GROUPS = 2**64 - 1
_LABEL = "sandbox/partial/v2"


class PartialRefused(Exception):
    """A partial that is not of this order, of this shape, or of buckets already merged."""


def pack(tallies: Sequence[Tally], shapes: Sequence[Shape]) -> bytes:
    """The fixed form of one tally for each measurement."""
    found = [_MAGIC, _COUNT.pack(len(tallies))]
    for tally, shape in zip(tallies, shapes, strict=True):
        selected = shape.groups is None
        held = b"".join(tally.keys)
        size = len(held) if selected else _ALL_GROUPS
        found.append(_HEAD.pack(tally.lines, len(tally.sums), len(tally.trees), len(tally.pairs), size))
        if selected:
            found.append(np.asarray([len(key) for key in tally.keys], "<u4").tobytes())
            found.append(held)
        found.append(tally.sums.astype("<i8", order="C").tobytes())
        for part in (*tally.trees, *tally.pairs):
            found += [_COLUMNS.pack(part.shape[1]), part.astype("<i8", order="C").tobytes()]
    return b"".join(found)


def unpack(packed: bytes, shapes: Sequence[Shape]) -> list[Tally]:
    """The inverse of `pack`.

    Raises:
        PartialRefused: not such bytes, or other shapes.
    """
    reader = _Reader(packed)
    if reader.take(len(_MAGIC)) != _MAGIC or reader.numbers(_COUNT)[0] != len(shapes):
        raise PartialRefused("not a partial of these measurements")
    tallies = [_tally(reader, shape) for shape in shapes]
    if reader.left:
        raise PartialRefused("a partial of another length")
    return tallies


def seal_partial(
    engine: bytes, order: str, buckets: Iterable[int], tallies: Sequence[Tally], shapes: Sequence[Shape]
) -> bytes:
    """Tallies of `buckets`, readable by the holder of the order's key alone."""
    return seal_to(engine, pack(tallies, shapes), _info(order, buckets))


class Merge:
    """Adds up the partials of one order; every bucket exactly once."""

    def __init__(self, order: str, private: bytes, buckets: Iterable[int], shapes: Sequence[Shape]) -> None:
        self._order = order
        self._private = private
        self._missing = set(buckets)
        self._shapes = tuple(shapes)
        self._mergers = [Merger(shape) for shape in shapes]

    def add(self, buckets: Iterable[int], sealed: bytes) -> None:
        """Add the partial that covers `buckets`.

        Raises:
            PartialRefused: a bucket twice or never asked for, or another shape; nothing was added.
            ProofFailed: sealed to another key, for another order or for other buckets; nothing was added.
        """
        covered = sorted(buckets)
        if len(set(covered)) != len(covered) or not self._missing.issuperset(covered):
            raise PartialRefused("a bucket that is not awaited")
        tallies = unpack(open_sealed(self._private, sealed, _info(self._order, covered)), self._shapes)
        for merger, tally in zip(self._mergers, tallies, strict=True):
            merger.add(tally)
        self._missing -= set(covered)

    def total(self) -> list[Tally]:
        """The exact tally of each measurement.

        Raises:
            PartialRefused: buckets are missing.
        """
        if self._missing:
            raise PartialRefused("buckets are missing")
        return [merger.total() for merger in self._mergers]


class _Reader:
    """Bytes taken from the front."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._packed) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise PartialRefused("a partial of another length")
        self._at += size
        return self._packed[self._at - size : self._at]

    def numbers(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.take(form.size))

    def array(self, kind: str, *shape: int) -> NDArray[np.int64]:
        size = 1
        for length in shape:
            size *= length
        form = np.dtype(kind)
        return np.frombuffer(self.take(size * form.itemsize), form).astype(np.int64).reshape(shape)


def _tally(reader: _Reader, shape: Shape) -> Tally:
    lines, sums, trees, pairs, size = reader.numbers(_HEAD)
    expected = size == _ALL_GROUPS and lines == shape.groups if shape.groups is not None else size != _ALL_GROUPS
    if (sums, trees, pairs) != (shape.sums, len(shape.trees), shape.pairs) or not expected:
        raise PartialRefused("a partial of another shape")
    keys = () if shape.groups is not None else _keys(reader, lines, size)
    return Tally(
        keys,
        reader.array("<i8", shape.sums, lines),
        tuple(_columns(reader, lines, leaves) for leaves in shape.trees),
        tuple(_columns(reader, lines, None) for _ in range(shape.pairs)),
    )


def _keys(reader: _Reader, lines: int, size: int) -> tuple[bytes, ...]:
    ends = np.cumsum(reader.array("<u4", lines)).tolist()
    if (ends[-1] if ends else 0) != size:
        raise PartialRefused("keys of another length")
    held = reader.take(size)
    keys = tuple(held[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)) if ends else ()
    if any(one >= other for one, other in pairwise(keys)):
        raise PartialRefused("keys that do not ascend")
    return keys


def _columns(reader: _Reader, lines: int, leaves: int | None) -> Integers:
    """Line, leaf and rows, or, without `leaves`, line and two words."""
    (count,) = reader.numbers(_COLUMNS)
    found = reader.array("<i8", 3, count)
    if count:
        inside = found[0].min() >= 0 and found[0].max() < lines
        if leaves is not None:
            inside = inside and found[1].min() >= 0 and found[1].max() < leaves and found[2].min() > 0
        if not inside:
            raise PartialRefused("a line or leaf that there is not")
    return found


def _info(order: str, buckets: Iterable[int]) -> bytes:
    return "\n".join((_LABEL, order, ",".join(str(bucket) for bucket in sorted(buckets)))).encode()
