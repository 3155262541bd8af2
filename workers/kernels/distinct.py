"""Functions that meet texts are worked out once for each distinct combination of arguments, never row by row.

One text and constants beside it: once for each entry of its dictionary, kept while that is the same. Several arguments that
vary: once for each combination that the rows of the block have, so at most once a row, and the result has a dictionary of
its own. What this needs is bounded by max(rows of the block, WHOLE) results.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sandbox.plan.facts import TEXT_LIMIT
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.nodes import Call, Expression, Literal, type_of
from sandbox.terms.dataset import Type
from workers.kernels.kernel import Kernel, constant
from workers.text_codes import TEXT, Latest, narrowed
from workers.vector import DTYPES, Block, Step, Vector

Work: TypeAlias = Callable[..., Any]
"""Arguments → an Arrow array of results. An argument is a Python value where it is a constant, else an Arrow array of
distinct combinations (nulls are NULL); at least one is an array, and all arrays are as long as the result."""

ARROW: dict[Type, pa.DataType] = {
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.STRING: TEXT,
    Type.BOOL: pa.bool_(),
    Type.DATE: pa.int64(),
    Type.TIMESTAMP: pa.int64(),
}
"""How values of a type stand in arguments and results."""

_KEY_LIMIT = 2**62


def on_distinct(work: Work) -> Kernel:
    """The kernel that does `work` on distinct combinations of arguments."""

    def kernel(call: Call, steps: tuple[Step, ...]) -> Step:
        varying = [place for place, operand in enumerate(call.operands) if not isinstance(operand, Literal)]
        if len(varying) == 1 and type_of(call.operands[varying[0]]) is Type.STRING:
            return _over_dictionary(call, steps[varying[0]], varying[0], work)
        return _over_combinations(call, steps, varying or [0], work)

    return kernel


def value_by_value(name: str) -> Work:
    """The meaning of the function table itself, for one combination after the other.

    For functions whose result has one type, whatever the arguments.
    """
    function = FUNCTIONS[name]
    kind = ARROW[function.result(()) or Type.STRING]

    def work(*arguments: Any) -> Any:
        rows = next(len(argument) for argument in arguments if isinstance(argument, pa.Array))
        columns = [_values(argument, rows) for argument in arguments]
        return pa.array([function(*values) for values in zip(*columns, strict=True)], kind)

    return work


def _values(argument: Any, rows: int) -> list[Any]:
    return argument.to_pylist() if isinstance(argument, pa.Array) else [argument] * rows


def _over_dictionary(call: Call, step: Step, place: int, work: Work) -> Step:
    constants = [None if number == place else constant(operand) for number, operand in enumerate(call.operands)]
    sees_null = FUNCTIONS[call.function].sees_null
    missing = pa.nulls(1, TEXT)

    def made_of(texts: Any) -> _Results:
        entries = pa.concat_arrays([texts, missing]) if sees_null else texts
        return _Results.of(work(*constants[:place], entries, *constants[place + 1 :]), call.type)

    made = Latest(made_of)

    def over_dictionary(block: Block) -> Vector:
        inner = narrowed(step(block))
        places = np.where(inner.valid, inner.values, len(inner.texts) if sees_null else 0)
        return made.of(inner.texts).at(places, None if sees_null else inner.valid)

    return over_dictionary


def _over_combinations(call: Call, steps: tuple[Step, ...], varying: list[int], work: Work) -> Step:
    constants = [
        constant(operand) if isinstance(operand, Literal) and number not in varying else None
        for number, operand in enumerate(call.operands)
    ]

    def over_combinations(block: Block) -> Vector:
        vectors = [narrowed_text(steps[place](block)) for place in varying]
        first, places = _combinations([_codes(vector) for vector in vectors], block.rows)
        arguments: list[Any] = list(constants)
        for place, vector in zip(varying, vectors, strict=True):
            arguments[place] = _taken(vector, first, call.operands[place])
        return _Results.of(work(*arguments), call.type).at(places, None)

    return over_combinations


def within_limit(texts: Any) -> Any:
    """The texts, null where longer than any text of the language."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) <= TEXT_LIMIT:
        return texts
    return pc.if_else(pc.less_equal(pc.utf8_length(texts), TEXT_LIMIT), texts, pa.scalar(None, TEXT))


def narrowed_text(vector: Vector) -> Vector:
    """`narrowed`, for text; anything else as it is."""
    return vector if vector.texts is None else narrowed(vector)


class _Results:
    """The results of all entries, ready to be looked up."""

    def __init__(self, values: NDArray[Any] | None, valid: NDArray[np.bool_] | None, texts: Any) -> None:
        self._values, self._valid, self._texts = values, valid, texts

    @classmethod
    def of(cls, made: Any, kind: Type) -> "_Results":
        if kind is Type.STRING:
            made = within_limit(made)
        valid = made.is_valid().to_numpy(zero_copy_only=False) if made.null_count else None
        if kind is Type.STRING:
            return cls(None, valid, made if valid is None else made.fill_null(""))
        filled = made if valid is None else made.fill_null(False if kind is Type.BOOL else 0)
        return cls(filled.to_numpy(zero_copy_only=False).astype(DTYPES[kind], copy=False), valid, None)

    def at(self, places: NDArray[Any], known: NDArray[np.bool_] | None) -> Vector:
        """The results at `places`; NULL also where not `known`."""
        size = len(self._texts) if self._values is None else len(self._values)
        if size == 0:  # no entry at all: then every row is NULL
            empty = np.zeros(len(places), np.bool_)
            return Vector(
                np.zeros(len(places), np.int32 if self._values is None else self._values.dtype), empty, self._texts
            )
        valid = np.ones(len(places), np.bool_) if self._valid is None else self._valid[places]
        if known is not None:
            valid &= known
        if self._values is None:
            return Vector(places.astype(np.int32, copy=False), valid, self._texts)
        return Vector(self._values[places], valid)


def _codes(vector: Vector) -> NDArray[np.int64]:
    """Numbers that are equal where the arguments are the same to the bit; 0 where NULL."""
    if vector.texts is not None:
        return np.where(vector.valid, vector.values.astype(np.int64) + 1, 0)
    values = vector.values.view(np.int64) if vector.values.dtype == np.float64 else vector.values
    if values.dtype == np.bool_:
        return np.where(vector.valid, values.astype(np.int64) + 1, 0)
    return np.where(vector.valid, _numbered(values)[0] + 1, 0)


def _combinations(codes: list[NDArray[np.int64]], rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row of each distinct combination, and for each row the number of its own."""
    key, size = np.zeros(rows, np.int64), 1
    for part in codes:
        count = int(part.max(initial=0)) + 1
        if size * count > _KEY_LIMIT:
            key, _ = _numbered(key)
            size = rows
        key = key * count + part
        size *= count
    places, count = _numbered(key)
    first = np.empty(count, np.int64)
    first[places[::-1]] = np.arange(rows - 1, -1, -1)  # of rows with one place the first is written last
    return first, places


def _numbered(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Each key's number among the distinct ones, and how many those are. Hashing is faster than sorting here."""
    encoded = pa.array(keys).dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), len(encoded.dictionary)


def _taken(vector: Vector, rows: NDArray[np.int64], operand: Expression) -> Any:
    valid = vector.valid[rows]
    if vector.texts is None:
        return pa.array(vector.values[rows], ARROW[type_of(operand)], mask=~valid)
    return vector.texts.take(pa.array(vector.values[rows].astype(np.int64), mask=~valid))
