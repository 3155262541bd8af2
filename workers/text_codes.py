"""Texts of vectors by their dictionaries: work is done once for each distinct text, in Arrow's memory, and rows carry
codes. No Python string is made of a stored one here."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.vector import Vector

Codes = NDArray[np.int64]

TEXT: pa.DataType = pa.large_string()
"""The type of every dictionary of a Vector: no sum of lengths reaches its offsets' end."""

WHOLE = 16_384
"""Dictionaries up to this size are worked on whole, once; of larger ones each block takes what its rows have: so what a
text function needs is bounded by the rows of a block and the longest text it can give."""

_Made = TypeVar("_Made")


class Latest(Generic[_Made]):
    """What was made of some dictionaries, kept while they are the same objects: from block to block of a piece."""

    def __init__(self, make: Callable[..., _Made]) -> None:
        self._make = make
        self._seen: tuple[Any, ...] = ()
        self._made: _Made | None = None

    def of(self, *texts: Any) -> _Made:
        """`make(*texts)`, made anew only where one is another object than the last time."""
        same = len(texts) == len(self._seen) and all(a is b for a, b in zip(texts, self._seen, strict=True))
        if not same or self._made is None:
            self._made = self._make(*texts)
            self._seen = texts
        return self._made


class TextNumbers:
    """Numbers of texts that mean the same in every block: 0, 1, … in the order in which texts first came to be seen.

    Within one dictionary that is the order of its entries. It grows with the distinct texts, all of them those of rows.
    """

    def __init__(self) -> None:
        self.texts: Any = pa.array([], TEXT)
        """The texts by number."""

    def of(self, vector: Vector) -> Codes:
        """The number of each row's text, -1 where NULL."""
        narrow = used(vector)
        found = _places(narrow.texts, self.texts)
        new = np.flatnonzero(found < 0)
        if len(new):
            encoded = narrow.texts.take(pa.array(new)).dictionary_encode()
            found[new] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64) + len(self.texts)
            self.texts = pa.concat_arrays([self.texts, encoded.dictionary])
        return looked_up(narrow, np.append(found, -1))


def texts_array(dictionary: Any) -> Any:
    """A column's dictionary as that of a Vector: those of files are Arrow arrays already, those of declared keys tuples."""
    if not isinstance(dictionary, pa.Array):
        return pa.array(list(dictionary or ()), TEXT)
    return dictionary if dictionary.type == TEXT else dictionary.cast(TEXT)


def looked_up(vector: Vector, table: NDArray[Any]) -> NDArray[Any]:
    """Each row's entry in `table`, which has one for each text and at the end that of NULL."""
    return table[np.where(vector.valid, vector.values, len(table) - 1)]


def united(vectors: Sequence[Vector]) -> tuple[list[Codes], Any]:
    """Codes of all vectors' rows (-1 where NULL) into one Arrow array of distinct texts, and that array.

    Texts are in the order of the dictionaries' entries; it may hold texts that no row has.
    """
    encoded = pa.concat_arrays([vector.texts for vector in vectors]).dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    codes, start = [], 0
    for vector in vectors:
        end = start + len(vector.texts)
        codes.append(looked_up(vector, np.append(numbers[start:end], -1)))
        start = end
    return codes, encoded.dictionary


def used(vector: Vector) -> Vector:
    """The same rows over a dictionary of those entries alone that a valid row has, in their order."""
    size, rows = len(vector.texts), len(vector.values)
    codes = vector.values[vector.valid]
    if size <= 64 * rows:
        found = np.zeros(size, np.bool_)
        found[codes] = True
        entries = np.flatnonzero(found)
        numbers = np.zeros(size + 1, np.int32)
        numbers[entries] = np.arange(len(entries), dtype=np.int32)
        new = looked_up(vector, numbers)
    else:
        entries, places = np.unique(codes, return_inverse=True)
        new = np.zeros(rows, np.int32)
        new[vector.valid] = places
    return Vector(new, vector.valid, vector.texts.take(pa.array(entries)))


def narrowed(vector: Vector) -> Vector:
    """The vector itself, or where its dictionary is larger than WHOLE, `used` of it."""
    return vector if len(vector.texts) <= WHOLE else used(vector)


def ranks(*dictionaries: Any) -> list[Codes]:
    """For each dictionary, its entries' ranks among all texts of all of them: smaller means earlier by code points."""
    texts = pa.concat_arrays(list(dictionaries))
    # Bytes of UTF-8 are ordered as code points are, and that is how Arrow compares strings.
    encoded = texts.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy(zero_copy_only=False).astype(np.int64)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    ranked = places[encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
    ends = np.cumsum([len(dictionary) for dictionary in dictionaries])
    return [ranked[end - len(dictionary) : end] for end, dictionary in zip(ends, dictionaries, strict=True)]


def as_column(vector: Vector, kind: Type) -> ColumnArray:
    """The vector as a column of its rows, of which a Compiler reads."""
    if kind is Type.STRING:
        codes = np.where(vector.valid, vector.values, -1).astype(np.int32, copy=False)
        return ColumnArray(codes, None, vector.texts)
    return ColumnArray(vector.values, None if vector.valid.all() else vector.valid)


def renumbered(left: Any, right: Any) -> tuple[Codes, Codes]:
    """For two dictionaries, new numbers that are equal where and only where the texts are. Each ends with that of NULL.

    A text that only the longer dictionary has is -2, which none of the shorter one is: the two are compared with each
    other alone, and a hash table is made of the shorter one only.
    """
    if len(left) > len(right):
        second, first = renumbered(right, left)
        return first, second
    own = np.arange(len(left), dtype=np.int64) if len(left) < 2 else _places(left, left)
    return np.append(own, -1), np.append(_places(right, left), -1)


def texts_among(texts: Any, wanted: Any) -> NDArray[np.bool_]:
    """For each text whether it is one of `wanted`, an Arrow array; the last entry, that of NULL, is False."""
    return np.append(pc.is_in(texts, value_set=wanted).to_numpy(zero_copy_only=False), False)


def _places(texts: Any, among: Any) -> Codes:
    found = pc.index_in(texts, value_set=among).fill_null(-2).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)
