"""How many different values a column has, where its description says how many there are at most.

Private groups by such a column then need memory for so many, whatever the rows are: a file that has more is not loaded.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.terms.dataset import Column
from workers.bucket import ColumnArray
from workers.unusable import Place


class DistinctValues:
    """Counts the values of one column over all its batches; NULL is no value. It holds `distinct_max` of them and those
    of one batch."""

    def __init__(self, column: Column) -> None:
        self._most = column.distinct_max
        self._seen: Any = None

    def add(self, array: ColumnArray, place: Place) -> None:
        """Take in the next rows.

        Raises:
            FileNotUsable: there are more different values than the description says.
        """
        if self._most is None:
            return
        found = _values(array)
        if self._seen is not None:
            found = pc.unique(pa.concat_arrays([self._seen, found]))
        if len(found) > self._most:
            raise place.whole.refusal(f"at most {self._most} different values, as distinct_max declares")
        self._seen = found


def _values(array: ColumnArray) -> Any:
    if array.dictionary is None:
        held = array.values if array.valid is None else array.values[array.valid]
        return pc.unique(pa.array(held, pa.int64()))
    codes = np.unique(array.values)
    texts = array.dictionary if isinstance(array.dictionary, pa.Array) else pa.array(array.dictionary, pa.string())
    # Two entries of a dictionary may be one text.
    return pc.unique(texts.take(pa.array(codes[codes >= 0])).cast(pa.large_string()))
