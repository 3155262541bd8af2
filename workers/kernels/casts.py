"""Kernels of the casts: as `sandbox.plan.functions.cast_meanings`. Texts are read value by value, each distinct one once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.plan.facts import INTEGER_LIMIT
from sandbox.plan.nodes import Call, type_of
from sandbox.terms.dataset import Type
from workers.kernels.distinct import on_distinct, value_by_value
from workers.kernels.kernel import Kernel, by_row
from workers.kernels.moments import day_of_moment, midnight
from workers.text_codes import TEXT
from workers.vector import Block, Step, Vector


def _by_type(kernels: Mapping[Type, Kernel]) -> Kernel:
    """The kernel for the type of the operand."""
    return lambda call, steps: kernels[type_of(call.operands[0])](call, steps)


def _to_int(x: Any) -> tuple[Any, Any]:
    near = np.rint(x)
    within = np.abs(near) < INTEGER_LIMIT
    return np.where(within, near, 0.0).astype(np.int64), within


_as_it_is: Kernel = by_row(lambda x: x)
"""Another representation of the same number."""

_not_zero: Kernel = by_row(lambda x: x != 0)


def _digits(numbers: Any) -> Any:
    values = numbers if isinstance(numbers, pa.Array) else pa.array([numbers], pa.int64())
    return pc.cast(values, TEXT)


def _truth(_: Call, steps: tuple[Step, ...]) -> Step:
    operand, texts = steps[0], pa.array(["false", "true"], TEXT)

    def spelled(block: Block) -> Vector:
        inner = operand(block)
        return Vector(inner.values.astype(np.int32), inner.valid, texts)

    return spelled


def _read(name: str) -> Kernel:
    return on_distinct(value_by_value(name))


KERNELS: dict[str, Kernel] = {
    "cast_int": _by_type({Type.FLOAT: by_row(_to_int), Type.BOOL: _as_it_is, Type.STRING: _read("cast_int")}),
    "cast_float": _by_type({Type.INT: _as_it_is, Type.BOOL: _as_it_is, Type.STRING: _read("cast_float")}),
    "cast_string": _by_type({Type.INT: on_distinct(_digits), Type.BOOL: _truth}),
    "date_string": _read("date_string"),
    "timestamp_string": _read("timestamp_string"),
    "cast_date": _by_type({Type.STRING: _read("cast_date"), Type.TIMESTAMP: day_of_moment}),
    "cast_timestamp": _by_type({Type.STRING: _read("cast_timestamp"), Type.DATE: midnight}),
    "cast_bool": _by_type({Type.INT: _not_zero, Type.FLOAT: _not_zero, Type.STRING: _read("cast_bool")}),
}
"""Name → kernel."""
