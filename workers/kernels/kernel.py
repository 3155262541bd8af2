"""What a kernel is: a call compiled over the steps of its operands."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.facts import INTEGER_LIMIT
from sandbox.plan.nodes import Call, Expression, Literal
from sandbox.terms.dataset import Type
from workers.vector import Block, Booleans, Step, Vector, finite, value_of

Kernel: TypeAlias = Callable[[Call, tuple[Step, ...]], Step]


def constant(expression: Expression) -> float | int | str | bool | None:
    """The value of an operand that the function's entry demands to be a constant.

    Raises:
        TypeError: it is none, which no sound plan has.
    """
    if not isinstance(expression, Literal):
        raise TypeError("a constant is expected")
    return value_of(expression)


def whole(values: NDArray[np.int64], valid: Booleans) -> Vector:
    """Integers as they may be held: NULL beyond the limit."""
    if len(values) and (int(values.min()) <= -INTEGER_LIMIT or int(values.max()) >= INTEGER_LIMIT):
        return Vector(values, valid & (values > -INTEGER_LIMIT) & (values < INTEGER_LIMIT))
    return Vector(values, valid)


def held(values: NDArray[Any], valid: Booleans, kind: Type) -> Vector:
    """The result of a function as rows hold it: no NaN, nothing infinite, no integer beyond the limit."""
    if kind is Type.FLOAT:
        return finite(values.astype(np.float64, copy=False), valid)
    return Vector(values, valid) if kind is Type.BOOL else whole(values.astype(np.int64, copy=False), valid)


Row: TypeAlias = Callable[..., Any]
"""Arrays of the operands' values → the array of results, or (results, where they are defined)."""


def by_row(work: Row, operands: type[np.generic] | None = None, *, places: tuple[int, ...] | None = None) -> Kernel:
    """The kernel that does `work` on rows: NULL where an operand is.

    Values come as `operands`; None: doubles, where the result is one, else as they are. `work` is given the operands at
    `places`, all of them if not said.
    """

    def kernel(call: Call, steps: tuple[Step, ...]) -> Step:
        chosen = range(len(steps)) if places is None else places
        taken = [steps[place] for place in chosen]
        dtype = operands if operands is not None else np.float64 if call.type is Type.FLOAT else None

        def rowwise(block: Block) -> Vector:
            vectors = [step(block) for step in taken]
            valid = vectors[0].valid
            for vector in vectors[1:]:
                valid = valid & vector.valid
            arrays = [vector.values if dtype is None else vector.values.astype(dtype, copy=False) for vector in vectors]
            made = work(*arrays)
            if isinstance(made, tuple):
                made, defined = made
                valid = valid & defined
            return held(made, valid, call.type)

        return rowwise

    return kernel


def by_call(
    make: Callable[[Call], Row], operands: type[np.generic] | None = None, *, places: tuple[int, ...] | None = None
) -> Kernel:
    """The kernel whose work on rows follows from the call: from its constants and its type."""
    return lambda call, steps: by_row(make(call), operands, places=places)(call, steps)


def constants_of(call: Call, first: int = 1) -> list[Any]:
    """The values of the operands from `first` on, all of them constants."""
    return [constant(operand) for operand in call.operands[first:]]
