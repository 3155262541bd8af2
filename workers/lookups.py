"""Expressions over a single column of few possible values: worked out once for each value, looked up for each row.

What is looked up is what the expression gives: the values of the column are put through the same steps as rows would be.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox.plan.expressions import children
from sandbox.plan.nodes import ColumnRef, Conjunction, Expression
from workers.bucket import ColumnArray
from workers.evaluate import Compiler
from workers.frozen import frozen
from workers.vector import Block

Narrow = NDArray[Any]
"""int8 or int16."""

_SMALL = np.iinfo(np.int16)
Make: TypeAlias = Callable[[Compiler, Mapping[str, ColumnArray]], Callable[[Block], Any]]
"""What compiles something for columns: it then gives an entry for each row of a block."""

_STEP = 1_024
"""Ranges of values grow by as much, so that a table serves many pieces."""

_BLOCK_ROWS = 16_384


class Codes:
    """The rows of one column as small integers, all of them from `low` to `high`, and what these stand for."""

    def __init__(self, column: ColumnArray, values: Narrow) -> None:
        self.values = values
        self.low, self.high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        self.dictionary, self.scale = column.dictionary, column.scale
        self.null = int(np.iinfo(values.dtype).min) if column.valid is not None else None

    @classmethod
    def of(cls, column: ColumnArray) -> "Codes | None":
        """None where values are too many for a table."""
        values = column.values
        if column.dictionary is None:
            small = values.dtype.kind == "i" and values.dtype.itemsize <= 2
            return cls(column, frozen(values, values.dtype.type)) if small else None
        if len(column.dictionary) >= min(_SMALL.max, max(len(values), 256)):
            return None
        if values.dtype.itemsize > 2:
            if len(values) and not _SMALL.min <= int(values.min()) <= int(values.max()) <= _SMALL.max:
                return None
            values = values.astype(np.int16)
        return cls(column, frozen(values, values.dtype.type))

    def column(self, values: NDArray[np.int64]) -> ColumnArray:
        """A column that holds these values."""
        if self.dictionary is not None:
            return ColumnArray(values.astype(np.int32), None, self.dictionary)
        return ColumnArray(values, None if self.null is None else values != self.null, scale=self.scale)

    def means(self, other: "Codes | None") -> bool:
        """Whether the same integers stand for the same values."""
        if other is None or (self.scale, self.null) != (other.scale, other.null):
            return False
        same = self.dictionary is other.dictionary
        return same or (isinstance(self.dictionary, tuple) and self.dictionary == other.dictionary)


class PieceCodes:
    """The columns of one piece as codes, each made when it is first asked for."""

    def __init__(self, columns: Mapping[str, ColumnArray]) -> None:
        self._columns = columns
        self._found: dict[str, Codes | None] = {}

    def of(self, name: str | None) -> Codes | None:
        """None where there is no such column or it has too many values."""
        if name is None or name not in self._columns:
            return None
        if name not in self._found:
            self._found[name] = Codes.of(self._columns[name])
        return self._found[name]


class Range:
    """The values for which something is kept, from `low` on: those of all pieces in which they stand for the same."""

    def __init__(self) -> None:
        self.low, self.size = 0, 0
        self._last: Codes | None = None

    def covers(self, codes: Codes) -> bool:
        """Whether nothing has to be made anew; else the range now covers the codes."""
        same = codes.means(self._last)
        last, self._last = self._last, codes
        if same and self.low <= codes.low and codes.high < self.low + self.size:
            return True
        low, high = codes.low, codes.high
        if codes.dictionary is not None:
            low, high = min(low, -1), max(high, len(codes.dictionary) - 1)
        elif same and last is not None:
            low, high = min(low, self.low), max(high, self.low + self.size - 1)
        if codes.dictionary is None:
            low, high = max(low // _STEP * _STEP, _SMALL.min), min(high // _STEP * _STEP + _STEP - 1, _SMALL.max)
        self.low, self.size = low, high - low + 1
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Columns `names` that follow from one `column` alone: `of` gives them for its values."""

    column: str
    names: frozenset[str]
    of: Callable[[ColumnArray], dict[str, ColumnArray]]


class Lookup:
    """What `make` gives for each value of a column."""

    def __init__(self, column: str, make: Make, derived: Derived | None) -> None:
        self.column = column
        self._make = make
        self._derived = derived
        self._range = Range()
        self._table: NDArray[Any] = np.empty(0, np.int64)

    def table(self, codes: Codes) -> tuple[int, NDArray[Any]]:
        """The first value of the table, and the table, which has an entry for each value of `codes`."""
        if not self._range.covers(codes):
            low, end = self._range.low, self._range.low + self._range.size
            parts = [
                made_of(self._make, self.column, codes, np.arange(start, min(start + _BLOCK_ROWS, end)), self._derived)
                for start in range(low, end, _BLOCK_ROWS)
            ]
            table = parts[0] if len(parts) == 1 else np.concatenate(parts)
            self._table = frozen(table, table.dtype.type)
        return self._range.low, self._table


def made_of(make: Make, column: str, codes: Codes, values: NDArray[np.int64], derived: Derived | None) -> Any:
    """What `make` gives for some values of a column."""
    columns = {column: codes.column(values)}
    if derived is not None and derived.column == column:
        columns |= derived.of(columns[column])
    with np.errstate(all="ignore"):
        return make(Compiler(columns, len(values), frozenset()), columns)(Block(0, len(values)))


def sole_column(expression: Expression, derived: Derived | None = None) -> str | None:
    """The column that an expression reads, itself or through those derived from it; None where it reads none or several."""
    names = set()
    waiting = [expression]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ColumnRef):
            through = derived is not None and found.name in derived.names
            names.add(derived.column if derived is not None and through else found.name)
        waiting.extend(children(found))
    return names.pop() if len(names) == 1 else None


def conjuncts(predicates: Iterable[Expression]) -> Iterator[Expression]:
    """Predicates that all are true where and only where all of `predicates` are."""
    for predicate in predicates:
        if isinstance(predicate, Conjunction):
            yield from conjuncts(predicate.operands)
        else:
            yield predicate


def meet(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int32]:
    """The sums of numbers, -1 where one is negative."""
    return np.where((one | other) < 0, np.int32(-1), one + other)


def place_rows(codes: Narrow, low: int, table: NDArray[np.int32], groups: NDArray[np.int32], *, first: bool) -> bool:
    """`meet` of `groups` (zeros, where this is the first) and what the rows' codes give, in place; whether all are in one."""
    return bool(_place(codes, low, table, groups, first))


def present(codes: Codes, within: Range) -> NDArray[np.bool_]:
    """Which values of a range any row has."""
    found = np.zeros(within.size, np.bool_)
    _present(codes.values, within.low, found)
    return found


@numba.njit(nogil=True, cache=True)
def _place(codes: Any, low: Any, table: Any, groups: Any, first: Any) -> Any:  # pragma: no cover - compiled
    signs = np.int32(0)
    if first:
        for row in range(codes.size):
            found = table[np.int64(codes[row]) - low]
            groups[row] = found
            signs |= found
    else:
        for row in range(codes.size):
            found = table[np.int64(codes[row]) - low]
            group = groups[row]
            # All bits set where one is negative, without a branch: which rows pass is not to be guessed.
            met = np.int32((found + group) | ((found | group) >> np.int32(31)))
            groups[row] = met
            signs |= met
    return signs >= 0


@numba.njit(nogil=True, cache=True)
def _present(codes: Any, low: Any, found: Any) -> None:  # pragma: no cover - compiled
    for row in range(codes.size):
        found[np.int64(codes[row]) - low] = True
