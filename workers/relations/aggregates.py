"""Exact aggregates of rows of one unit, for per-unit tables and for windows alike. NULLs are passed over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import type_of
from sandbox.plan.relations import UnitAggregate
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.frozen import frozen
from workers.relations import passes
from workers.relations.numbering import identity, known, numbered, words
from workers.relations.rows import Integers, taken_or_null, vector_of
from workers.text_codes import ranks, used
from workers.vector import Vector, finite

Booleans = NDArray[np.bool_]

INTEGER_REACH = 2**62
"""Sums of integers beyond ± this are NULL."""

_SIGNS = {"min": 1, "max": -1, "first": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Rows in order, cut into partitions and frames; see `workers.relations.passes`."""

    order: Integers
    starts: Booleans
    ends: Booleans

    @classmethod
    def of(cls, order: Integers, starts: Booleans, ends: Booleans) -> "Frames":
        return cls(frozen(order, np.int64), frozen(starts, np.bool_), frozen(ends, np.bool_))

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.ends))


def aggregated(aggregate: UnitAggregate, operand: ColumnArray | None, frames: Frames) -> ColumnArray:
    """One value for each frame.

    Raises:
        ValueError: no such aggregate.
    """
    if operand is None or aggregate.operand is None:
        if aggregate.function != "count_rows":
            raise ValueError("an aggregate needs an operand")
        return ColumnArray(_counts(frames, np.ones(len(frames.order), np.bool_)))
    kind, valid = type_of(aggregate.operand), known(operand)
    match aggregate.function:
        case "count":
            return ColumnArray(_counts(frames, valid))
        case "count_distinct":
            return ColumnArray(_counts(frames, valid & _fresh(operand, kind, valid, frames)))
        case "sum" if kind is Type.INT:
            return _integer_sum(frames, operand.values, valid)
        case "sum" | "avg":
            sums, counts = _double_sum(frames, operand.values, valid), _counts(frames, valid)
            with np.errstate(all="ignore"):
                result = finite(sums if aggregate.function == "sum" else sums / counts, counts > 0)
            return ColumnArray(np.where(result.valid, result.values, 0.0), result.valid)
        case "min" | "max" | "first":
            return taken_or_null(operand, extreme(frames, operand, kind, _SIGNS[aggregate.function]))
    raise ValueError("no such aggregate")


def extreme(frames: Frames, operand: ColumnArray, kind: Type, sign: int) -> Integers:
    """The row of each frame with the smallest (1), largest (-1) or first (0) value, -1 without one."""
    rows = np.empty(frames.count, np.int64)
    values = frozen(ordering(operand, kind), np.int64)
    passes.extreme_row(*_parts(frames), values, frozen(known(operand), np.bool_), sign, rows)
    return rows


def ordering(column: ColumnArray, kind: Type) -> Integers:
    """Integers in the order of the values, equal where the values are; what NULL gives means nothing."""
    if kind is Type.STRING:
        narrow = used(vector_of(column))
        (places,) = ranks(narrow.texts)
        return _looked_up(narrow, places)
    if kind is not Type.FLOAT:
        return column.values.astype(np.int64, copy=False)
    bits = np.asarray(column.values + 0.0, np.float64).view(np.int64)
    return np.where(bits < 0, ~(bits & np.int64(2**63 - 1)), bits)  # of negative doubles, more bits mean smaller


def _looked_up(vector: Vector, table: Integers) -> Integers:
    return np.append(table, -1)[np.where(vector.valid, vector.values, len(table))]


def _fresh(operand: ColumnArray, kind: Type, valid: Booleans, frames: Frames) -> Booleans:
    """The first rows, in the frames' order, that have their value in their partition."""
    partition = np.empty(len(valid), np.int64)
    partition[frames.order] = np.cumsum(frames.starts)
    lines = words([partition, identity(operand, kind)], len(valid))[:, frames.order]
    fresh = np.zeros(len(valid), np.bool_)
    fresh[frames.order[numbered(lines, valid[frames.order]).firsts]] = True
    return fresh


def _counts(frames: Frames, valid: Booleans) -> Integers:
    counts = np.empty(frames.count, np.int64)
    passes.count_known(*_parts(frames), frozen(valid, np.bool_), counts)
    return counts


def _double_sum(frames: Frames, values: NDArray[np.generic], valid: Booleans) -> NDArray[np.float64]:
    sums = np.empty(frames.count, np.float64)
    passes.add_doubles(*_parts(frames), frozen(values, np.float64), frozen(valid, np.bool_), sums)
    return sums


def _integer_sum(frames: Frames, values: NDArray[np.generic], valid: Booleans) -> ColumnArray:
    high, low = np.empty(frames.count, np.int64), np.empty(frames.count, np.int64)
    passes.add_integers(*_parts(frames), frozen(values, np.int64), frozen(valid, np.bool_), high, low)
    top = INTEGER_REACH >> 32
    within = ((high >= -top) & (high < top)) | ((high == top) & (low == 0))
    there = within & (_counts(frames, valid) > 0)
    return ColumnArray(np.where(there, (np.where(there, high, 0) << 32) + low, 0), there)


def _parts(frames: Frames) -> tuple[Integers, Booleans, Booleans]:
    return frames.order, frames.starts, frames.ends
