"""Units found along a declared foreign key: lineitem names an order, the order names its customer.

A row that names no row of the other table belongs to nobody and is left out; so is one that names nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workers.tokens import Units
from workers.unusable import Place


@dataclass(frozen=True, slots=True, eq=False)
class KeyedUnits:
    """The keys of a table's rows, each once, and the halves of the token of each row's unit."""

    keys: pa.Array
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]


def keyed(keys: pa.DictionaryArray, units: Units, place: Place) -> KeyedUnits:
    """What rows of other tables find their unit by. `keys` and `units.of_row` are of the same rows.

    Raises:
        FileNotUsable: two rows have the same key.
    """
    codes = keys.indices.to_numpy(zero_copy_only=False)
    if len(np.unique(codes)) != len(codes):
        raise place.whole.refusal("each key once, since other rows find their unit by it")
    return KeyedUnits(keys.dictionary.take(keys.indices), units.high[units.of_row], units.low[units.of_row])


def linked(values: pa.DictionaryArray, through: KeyedUnits) -> tuple[Units, npt.NDArray[np.bool_]]:
    """The units of the rows that name a row of the other table, and which rows those are."""
    named, keys = values.dictionary, through.keys
    if named.type != keys.type:  # text, or integers beyond 63 bits, beside plain ones: all have one decimal spelling
        named, keys = pc.cast(named, pa.string()), pc.cast(keys, pa.string())
    places = pc.index_in(named, value_set=keys).fill_null(-1).to_numpy(zero_copy_only=False)
    codes = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    of_row = np.append(places, -1)[codes]
    kept = of_row >= 0
    high, low = through.high[of_row[kept]], through.low[of_row[kept]]
    order = np.lexsort((low, high))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    firsts = order[fresh]
    return Units(np.ascontiguousarray(high[firsts]), np.ascontiguousarray(low[firsts]), number), kept


def in_link_order(links: dict[str, str | None]) -> list[str]:
    """Table names such that each comes after the one it is linked through; `links` maps a table to that one."""
    done: list[str] = []
    waiting = sorted(links)
    while waiting:
        ready = [name for name in waiting if links[name] is None or links[name] in done]
        if not ready:
            raise ValueError("links go round in a circle")
        done += ready
        waiting = [name for name in waiting if name not in ready]
    return done
