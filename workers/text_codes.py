"""Text is compared once for each distinct value, in Arrow's memory: rows carry codes into a dictionary, and what a
comparison needs is a small table from code to answer. No Python string is made of a stored one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def text_literal(value: object) -> Any:
    """The dictionary of one constant; NULL has an empty text that no valid row reads."""
    return pa.array(["" if value is None else str(value)], pa.string())


def renumbered(left: Any, right: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For two dictionaries, new numbers that are equal where and only where the texts are. Each ends with that of NULL.

    A text that only the longer dictionary has is -2, which none of the shorter one is: the two are compared with each
    other alone, and a hash table is made of the shorter one only.
    """
    texts, others = _array(left), _array(right)
    if len(texts) > len(others):
        second, first = renumbered(others, texts)
        return first, second
    own = np.arange(len(texts), dtype=np.int64) if len(texts) < 2 else _places(texts, texts)
    return np.append(own, -1), np.append(_places(others, texts), -1)


def texts_among(dictionary: Any, wanted: Sequence[object]) -> NDArray[np.bool_]:
    """For each text whether it is one of `wanted`; the last entry, that of NULL, is False."""
    texts = pa.array([str(text) for text in wanted], pa.string())
    return np.append(pc.is_in(_array(dictionary), value_set=texts).to_numpy(zero_copy_only=False), False)


def _places(texts: Any, among: Any) -> NDArray[np.int64]:
    found = pc.index_in(texts, value_set=among).fill_null(-2).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)


def _array(dictionary: Any) -> Any:
    """Dictionaries of files are Arrow arrays already; those of declared keys are tuples."""
    return dictionary if isinstance(dictionary, pa.Array) else pa.array(list(dictionary), pa.string())
