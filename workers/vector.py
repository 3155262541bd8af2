"""What an expression is over the rows of a block: values, which of them are valid, and for text its dictionary."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import Expression, Literal
from sandbox.terms.dataset import Type

Booleans = NDArray[np.bool_]

LARGEST = float(np.finfo(np.float64).max)

DTYPES: dict[Type, type[np.generic]] = {
    Type.INT: np.int64,
    Type.FLOAT: np.float64,
    Type.STRING: np.int32,
    Type.BOOL: np.bool_,
    Type.DATE: np.int64,
    Type.TIMESTAMP: np.int64,
}
"""How values of a type are held; text is held as codes."""


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """One expression over the rows of a block. `valid` False is NULL; what `values` holds there means nothing.

    `values` are int64 (INT; DATE in days, TIMESTAMP in microseconds since 1970), finite float64 (FLOAT; zero has two
    signs, which are equal) or truth values (BOOL), and `texts` is None. For STRING `values` are int32 codes into `texts`,
    an Arrow array of the type `text_codes.TEXT` (large strings) without nulls. A valid row's text is `texts[values[row]]`;
    a row that is not valid may hold any code, also one that is none. The arrays may be views of a column or of a constant:
    they are read, never written.

    How texts are read:

    - `texts` may name one text twice, and texts that no row has: codes are not compared, counted or grouped as they are.
      `text_codes.united([vector, …])` gives codes over one dictionary of distinct texts (NULL is -1), equal where and only
      where the texts are: for the keys of a group, distinct values, both sides of a join, and rows put together.
    - `texts` is another one in another block, or not: the steps of a piece of rows give the same object (`is`) wherever
      they can. Work per distinct text (a hash, a lookup among declared keys, a rank) is done on `texts` and kept while it
      is the same object: `text_codes.Latest`. Where numbers must mean the same in all blocks, `text_codes.TextNumbers`
      gives them: each new text the next number.
    - Order is that of code points: `text_codes.ranks(texts)` gives each entry's rank, the same for equal texts; the
      smallest text of rows is the one with the smallest rank.
    - `text_codes.as_column(vector, type)` makes the column of which a further Compiler reads, text or not.
    - No Python string is made of a stored one, but where a text leaves for a noisy answer or the finest detail needs it.
    """

    values: NDArray[Any]
    valid: Booleans
    texts: Any = None


@dataclass(slots=True)
class Block:
    """Rows start..stop of the columns, and the results that will be needed again."""

    start: int
    stop: int
    known: dict[Expression, Vector] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.stop - self.start


Step: TypeAlias = Callable[[Block], Vector]
"""What gives an expression's values in the rows of a block. No row value makes it raise."""


def finite(values: NDArray[Any], valid: Booleans) -> Vector:
    """Doubles as they may be held: NaN becomes NULL, infinities the largest double."""
    if np.isfinite(values).all():
        return Vector(values, valid)
    return Vector(np.nan_to_num(values, nan=0.0, posinf=LARGEST, neginf=-LARGEST), valid & ~np.isnan(values))


def nearest_double(value: Fraction) -> float:
    """The double nearest to `value`, the largest finite one where it lies beyond them."""
    return float(min(max(value, -Fraction(LARGEST)), Fraction(LARGEST)))


def value_of(literal: Literal) -> float | int | str | bool | None:
    """A constant as rows hold it: FLOAT as its nearest double."""
    value = literal.value
    return nearest_double(value) if isinstance(value, Fraction) else value
