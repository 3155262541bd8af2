"""Rows of a batch at one node of a relation: the unit of each, and columns in one form, whatever they were stored as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.text_codes import as_column, texts_array, united
from workers.vector import DTYPES, Vector

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`units` number the batch's units from 0 and never descend: rows of a unit stand together, in the node's order.

    Numbers, dates and truth values are plain; text is codes into an Arrow array, -1 where NULL. Arrays are never written to.
    """

    units: Integers
    columns: dict[str, ColumnArray]

    @property
    def count(self) -> int:
        return len(self.units)

    def take(self, places: NDArray[Any]) -> "Rows":
        """The rows at `places` (numbers or a mask), which keep the units in order."""
        return Rows(self.units[places], {name: taken(column, places) for name, column in self.columns.items()})


def taken(column: ColumnArray, places: NDArray[Any]) -> ColumnArray:
    """The values at `places`."""
    valid = None if column.valid is None else column.valid[places]
    return ColumnArray(column.values[places], valid, column.dictionary)


def taken_or_null(column: ColumnArray, places: Integers) -> ColumnArray:
    """The values at `places`, NULL where the place is -1."""
    there = places >= 0
    if there.all():
        return taken(column, places)
    if column.dictionary is not None:
        codes = np.append(column.values, np.asarray([-1], column.values.dtype))
        return ColumnArray(codes[places], None, column.dictionary)
    values = np.append(column.values, np.zeros(1, column.values.dtype))[places]
    return ColumnArray(values, there if column.valid is None else there & np.append(column.valid, False)[places])


def vector_of(column: ColumnArray) -> Vector:
    """A column of `Rows` as a vector of all its rows."""
    if column.dictionary is not None:
        return Vector(column.values, column.values >= 0, texts_array(column.dictionary))
    valid = np.ones(len(column.values), np.bool_) if column.valid is None else column.valid
    return Vector(column.values, valid)


def joined(vectors: Sequence[Vector], kind: Type) -> ColumnArray:
    """Vectors one after the other, as one column; without any, a column without rows."""
    if not vectors:
        texts = pa.array([], pa.string()) if kind is Type.STRING else None
        return ColumnArray(np.empty(0, DTYPES[kind]), None, texts)
    if len(vectors) == 1:
        return as_column(vectors[0], kind)
    valid = np.concatenate([vector.valid for vector in vectors])
    if kind is Type.STRING and any(vector.texts is not vectors[0].texts for vector in vectors):
        codes, texts = united(vectors)
        return ColumnArray(np.concatenate(codes).astype(np.int32), None, texts)
    values = np.concatenate([vector.values for vector in vectors])
    return as_column(Vector(values, valid, vectors[0].texts), kind)


def stacked(parts: Sequence[Rows], types: Mapping[str, Type]) -> Rows:
    """All rows of all parts: of each unit, those of the first part first."""
    units = np.concatenate([part.units for part in parts])
    columns = {name: joined([vector_of(part.columns[name]) for part in parts], kind) for name, kind in types.items()}
    return Rows(units, columns).take(np.argsort(units, kind="stable"))
