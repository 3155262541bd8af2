"""CASE, and the functions that choose among their arguments: the first that is not NULL, the greatest, the least."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sandbox.plan.nodes import Call, type_of
from sandbox.terms.dataset import Type
from workers.kernels.distinct import within_limit
from workers.kernels.kernel import Kernel, held
from workers.text_codes import Latest, looked_up, narrowed, ranks, renumbered
from workers.vector import DTYPES, Block, Booleans, Step, Vector

Pick = Callable[[list[Vector], list[NDArray[Any]]], NDArray[Any]]


class _Gathered:
    """Vectors of one type as values that can stand in one array: texts get one dictionary after the other."""

    def __init__(self, kind: Type) -> None:
        self._kind = kind
        self._joined = Latest(_joined)

    def of(self, vectors: list[Vector]) -> tuple[list[NDArray[Any]], Any]:
        """The values of each, and their common dictionary."""
        dtype = DTYPES[self._kind]
        if self._kind is not Type.STRING:
            return [vector.values.astype(dtype, copy=False) for vector in vectors], None
        texts, starts = self._joined.of(*(vector.texts for vector in vectors))
        moved = (
            vector.values + start if start else vector.values for vector, start in zip(vectors, starts, strict=True)
        )
        return [values.astype(dtype, copy=False) for values in moved], texts


def _joined(*dictionaries: Any) -> tuple[Any, list[int]]:
    """One dictionary after the other, and where each begins."""
    sizes = np.cumsum([0, *(len(texts) for texts in dictionaries)])
    return pa.concat_arrays(list(dictionaries)), [int(start) for start in sizes[:-1]]


def _narrow(vector: Vector) -> Vector:
    return vector if vector.texts is None else narrowed(vector)


def chosen(branches: Sequence[tuple[Step, Step]], default: Step, kind: Type) -> Step:
    """CASE: every branch is evaluated for all rows, which no row can make fail, and each row takes its own."""
    gathered = _Gathered(kind)

    def choice(block: Block) -> Vector:
        conditions = [condition(block) for condition, _ in branches]
        vectors = [_narrow(value(block)) for value in (*(value for _, value in branches), default)]
        values, texts = gathered.of(vectors)
        out, valid = values[-1].copy(), vectors[-1].valid.copy()
        # From the last branch to the first, so that the first true one stands.
        for place in reversed(range(len(conditions))):
            true = conditions[place].values & conditions[place].valid
            np.copyto(out, values[place], where=true)
            np.copyto(valid, vectors[place].valid, where=true)
        return Vector(out, valid, texts)

    return choice


def _coalesce(call: Call, steps: tuple[Step, ...]) -> Step:
    gathered, limited = _Gathered(call.type), _Limited(call.type)

    def first_known(block: Block) -> Vector:
        vectors = [_narrow(step(block)) for step in steps]
        values, texts = gathered.of(vectors)
        out, valid = values[0].copy(), vectors[0].valid.copy()
        for vector, more in zip(vectors[1:], values[1:], strict=True):
            np.copyto(out, more, where=vector.valid & ~valid)
            valid |= vector.valid
        return limited.of(out, valid, texts)

    return first_known


def _extreme(better: Callable[[Any, Any], Any]) -> Kernel:
    """GREATEST or LEAST: the first of those that no other is better than; NULLs are passed over."""

    def kernel(call: Call, steps: tuple[Step, ...]) -> Step:
        gathered, limited = _Gathered(call.type), _Limited(call.type)
        ranked = Latest(lambda *texts: [np.append(places, -1) for places in ranks(*texts)])

        def extreme(block: Block) -> Vector:
            vectors = [_narrow(step(block)) for step in steps]
            values, texts = gathered.of(vectors)
            orders = values
            if texts is not None:
                tables = ranked.of(*(vector.texts for vector in vectors))
                orders = [looked_up(vector, table) for vector, table in zip(vectors, tables, strict=True)]
            out, best, valid = values[0].copy(), orders[0].copy(), vectors[0].valid.copy()
            for vector, more, order in zip(vectors[1:], values[1:], orders[1:], strict=True):
                take = vector.valid & (~valid | better(order, best))
                np.copyto(out, more, where=take)
                np.copyto(best, order, where=take)
                valid |= vector.valid
            return limited.of(out, valid, texts)

        return extreme

    return kernel


def _nullif(call: Call, steps: tuple[Step, ...]) -> Step:
    equal, limited = _equal(call, steps), _Limited(call.type)

    def unless_equal(block: Block) -> Vector:
        value, other, same = equal(block)
        return limited.of(value.values, value.valid & ~(other.valid & same), value.texts)

    return unless_equal


def _is_distinct(call: Call, steps: tuple[Step, ...]) -> Step:
    equal = _equal(call, steps)

    def distinct(block: Block) -> Vector:
        value, other, same = equal(block)
        alike = (value.valid & other.valid & same) | ~(value.valid | other.valid)
        return Vector(~alike, np.ones(block.rows, np.bool_))

    return distinct


def _equal(call: Call, steps: tuple[Step, ...]) -> Callable[[Block], tuple[Vector, Vector, Booleans]]:
    """Both operands, and where their values are equal; what that says of NULLs means nothing."""
    first, second = steps
    text = type_of(call.operands[0]) is Type.STRING
    tables = Latest(renumbered)

    def compared(block: Block) -> tuple[Vector, Vector, Booleans]:
        one, two = _narrow(first(block)), _narrow(second(block))
        if not text:
            return one, two, one.values == two.values
        left, right = tables.of(one.texts, two.texts)
        return one, two, looked_up(one, left) == looked_up(two, right)

    return compared


class _Limited:
    """Chosen values as functions may give them: beyond the limits of integers and texts they are NULL."""

    def __init__(self, kind: Type) -> None:
        self._kind = kind
        self._short = Latest(_short)

    def of(self, values: NDArray[Any], valid: Booleans, texts: Any) -> Vector:
        if texts is None:
            return held(values, valid, self._kind)
        short = self._short.of(texts)
        return Vector(values, valid if short.all() else valid & looked_up(Vector(values, valid, texts), short), texts)


def _short(texts: Any) -> Booleans:
    """For each text whether it is no longer than texts may be; the last entry is that of NULL."""
    return np.append(within_limit(texts).is_valid().to_numpy(zero_copy_only=False), True)


KERNELS: dict[str, Kernel] = {
    "coalesce": _coalesce,
    "nullif": _nullif,
    "is_distinct": _is_distinct,
    "greatest": _extreme(np.greater),
    "least": _extreme(np.less),
}
"""Name → kernel."""
