"""Rows of a unit with those of the same unit, or of a public relation, that are equal in all columns of a join.

The right side is indexed once: that of a batch for private rows, that of all rows for public ones. How many joined rows
there will be is known, and cut to the unit's share, before any of them is made.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from sandbox.plan.nodes import Expression, type_of
from sandbox.plan.relations import Join
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.relations.evaluation import evaluated
from workers.relations.numbering import Numbered, Words, found, known, number_identity, numbered, words
from workers.relations.rows import Integers, Rows, taken, taken_or_null, vector_of
from workers.text_codes import looked_up, united, used


@dataclass(frozen=True, slots=True, eq=False)
class JoinIndex:
    """The right rows of a join by what they are equal in. `rows[starts[n] : starts[n + 1]]` are those of number n."""

    right: Rows
    numbers: Numbered
    lines: Words
    texts: tuple[Any, ...]
    """For each pair of `on` the distinct texts of the right side, None where it is not text."""

    starts: Integers
    rows: Integers
    of_units: bool

    @classmethod
    def of(cls, join: Join, right: Rows, *, of_units: bool) -> "JoinIndex":
        """`of_units` says that rows meet rows of the same unit alone."""
        lines = [right.units] if of_units else []
        kept = np.ones(right.count, np.bool_)
        texts: list[Any] = []
        sides = [side for _, side in join.on]
        for column, side in zip(evaluated(right, sides), sides, strict=True):
            kept &= known(column)
            if type_of(side) is Type.STRING:
                (codes,), distinct = united([used(vector_of(column))])
                lines.append(codes)
                texts.append(distinct)
            else:
                lines.append(number_identity(column, type_of(side)))
                texts.append(None)
        packed = words(lines, right.count)
        numbers = numbered(packed, kept)
        counts = np.bincount(numbers.of_row[kept], minlength=len(numbers.firsts))
        order = np.argsort(numbers.of_row, kind="stable")[right.count - int(kept.sum()) :]
        return cls(right, numbers, packed, tuple(texts), np.append(0, np.cumsum(counts)), order, of_units)

    @property
    def most(self) -> int:
        """The most right rows that one left row finds."""
        return int(np.diff(self.starts).max(initial=0))

    def find(self, join: Join, left: Rows) -> Integers:
        """The number of each left row, -1 where nothing on the right equals it. NULL equals nothing."""
        lines = [left.units] if self.of_units else []
        kept = np.ones(left.count, np.bool_)
        sides = [side for side, _ in join.on]
        for column, side, texts in zip(evaluated(left, sides), sides, self.texts, strict=True):
            kept &= known(column)
            lines.append(_sought(column, side, texts))
        return found(self.numbers, self.lines, words(lines, left.count), kept)


def join_rows(join: Join, left: Rows, index: JoinIndex) -> Rows:
    """The joined rows, in the order of the left rows and, within one, of the right rows."""
    numbers = index.find(join, left)
    matched = numbers >= 0
    if join.kind in ("semi", "anti"):
        return left.take(matched if join.kind == "semi" else ~matched)
    counts = np.where(matched, np.diff(index.starts, append=0)[numbers], 0)
    if join.unique:
        counts = np.minimum(counts, 1)
    if join.kind == "left":
        counts = np.maximum(counts, 1)
    if join.rows_per_unit:
        counts = capped(counts, left.units, join.rows_per_unit)
    lefts = np.repeat(np.arange(left.count), counts)
    within = np.arange(len(lefts)) - np.repeat(np.cumsum(counts) - counts, counts)
    there = matched[lefts]
    places = np.full(len(lefts), -1, np.int64)
    places[there] = index.rows[index.starts[numbers[lefts[there]]] + within[there]]
    columns = {name: taken(column, lefts) for name, column in left.columns.items()}
    columns |= {name: taken_or_null(column, places) for name, column in index.right.columns.items()}
    return Rows(left.units[lefts], columns)


def capped(counts: Integers, units: Integers, most: int) -> Integers:
    """Of each row's `counts`, what is left of its unit's share of `most`, first rows first."""
    before = np.cumsum(counts) - counts
    fresh = np.ones(len(units), np.bool_)
    fresh[1:] = units[1:] != units[:-1]
    start = before[fresh][np.cumsum(fresh) - 1]
    return np.clip(most - (before - start), 0, counts)


def _sought(column: ColumnArray, side: Expression, texts: Any) -> Integers:
    """The left values as the index has its own: texts by their place among the right ones."""
    if texts is None:
        return number_identity(column, type_of(side))
    narrow = used(vector_of(column))
    places = pc.index_in(narrow.texts, value_set=texts).fill_null(-2).to_numpy(zero_copy_only=False)
    return looked_up(narrow, np.append(places.astype(np.int64), -1))
