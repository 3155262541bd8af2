"""Rows that are alike get one number: equality of several columns at once, by hashing, in one compiled pass.

The numbers follow the order in which rows first come, so they depend neither on the hash nor on how text is coded.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.frozen import frozen
from workers.mixing import drawn, stirred
from workers.relations.rows import vector_of
from workers.text_codes import united, used

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """`of_row` is each row's number, -1 for a row left out; `firsts` the first row of each number, ascending."""

    of_row: Integers
    firsts: Integers
    slots: Integers
    """The hash table: numbers, -1 where empty; a power of two of them."""

    secret: np.uint64
    """What mixes rows into slots."""


def identity(column: ColumnArray, kind: Type) -> Integers:
    """Integers that are equal where and only where the values of this column are; what NULL gives means nothing."""
    if column.dictionary is not None:
        (codes,), _ = united([used(vector_of(column))])
        return codes
    return number_identity(column, kind)


def number_identity(column: ColumnArray, kind: Type) -> Integers:
    """The same for a column that is not text, and it means the same for all columns of one type."""
    if kind is Type.FLOAT:
        return np.asarray(column.values + 0.0, np.float64).view(np.int64)  # the two zeros become one
    return column.values.astype(np.int64, copy=False)


def known(column: ColumnArray) -> NDArray[np.bool_]:
    """Where the value is not NULL."""
    return vector_of(column).valid


def with_null(columns: list[tuple[ColumnArray, Type]]) -> list[Integers]:
    """Lines for `numbered` under which NULL is a value of its own."""
    lines = []
    for column, kind in columns:
        valid = known(column)
        lines.append(np.where(valid, identity(column, kind), 0))
        if not valid.all():
            lines.append(valid.astype(np.int64))
    return lines


def words(lines: list[Integers], rows: int) -> Words:
    """Lines of integers as one array [line, row]."""
    return np.stack(lines).view(np.uint64) if lines else np.empty((0, rows), np.uint64)


def numbered(lines: Words, kept: NDArray[np.bool_] | None = None) -> Numbered:
    """Number the rows by their columns [line, row]; those not `kept` are left out."""
    rows = lines.shape[1]
    slots = np.full(1 << max(3, (2 * rows).bit_length()), -1, np.int64)
    of_row, firsts = np.empty(rows, np.int64), np.empty(rows, np.int64)
    mask = np.ones(rows, np.bool_) if kept is None else kept
    secret = drawn()
    count = _number(frozen(lines, np.uint64), frozen(mask, np.bool_), slots, secret, of_row, firsts)
    return Numbered(of_row, firsts[:count], slots, secret)


def found(index: Numbered, lines: Words, sought: Words, kept: NDArray[np.bool_]) -> Integers:
    """For each row of `sought` the number that `numbered(lines)` gave such rows, -1 for none or where not `kept`."""
    of_row = np.empty(sought.shape[1], np.int64)
    own, others = frozen(lines, np.uint64), frozen(sought, np.uint64)
    _find(own, index.slots, index.secret, frozen(index.firsts, np.int64), others, frozen(kept, np.bool_), of_row)
    return of_row


@numba.njit(nogil=True, cache=True)
def _slot(
    lines: Any, row: Any, others: Any, firsts: Any, slots: Any, secret: Any
) -> Any:  # pragma: no cover - compiled
    """Where the row's number stands in the hash table, or the empty slot where it would stand."""
    mixed = secret
    for line in range(lines.shape[0]):
        mixed = stirred(mixed, lines[line, row])
    last = slots.size - 1
    slot = np.int64(mixed & np.uint64(last))
    while slots[slot] >= 0:
        first = firsts[slots[slot]]
        same = True
        for line in range(lines.shape[0]):
            if lines[line, row] != others[line, first]:
                same = False
                break
        if same:
            break
        slot = (slot + 1) & last
    return slot


@numba.njit(nogil=True, cache=True)
def _number(
    lines: Any, kept: Any, slots: Any, secret: Any, of_row: Any, firsts: Any
) -> Any:  # pragma: no cover - compiled
    count = 0
    for row in range(of_row.size):
        if not kept[row]:
            of_row[row] = -1
            continue
        slot = _slot(lines, row, lines, firsts, slots, secret)
        if slots[slot] < 0:
            slots[slot] = count
            firsts[count] = row
            count += 1
        of_row[row] = slots[slot]
    return count


@numba.njit(nogil=True, cache=True)
def _find(
    lines: Any, slots: Any, secret: Any, firsts: Any, sought: Any, kept: Any, of_row: Any
) -> None:  # pragma: no cover - compiled
    for row in range(of_row.size):
        of_row[row] = slots[_slot(sought, row, lines, firsts, slots, secret)] if kept[row] else -1
