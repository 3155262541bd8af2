"""Kernels of functions of numbers: as `sandbox.plan.functions.number_meanings`, to the bit."""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.plan.nodes import Call
from sandbox.terms.dataset import Type
from workers.kernels.kernel import Kernel, Row, by_call, by_row, constants_of
from workers.kernels.libm import libm
from workers.vector import Step, Vector

Array = NDArray[Any]


def _reals_only(work: Row) -> Kernel:
    """A function that leaves integers as they are."""
    return by_call(lambda call: _same if call.type is Type.INT else work)


def _same(x: Array) -> Array:
    return x


def _of(name: str) -> Row:
    return partial(libm, name)


def _above_zero(name: str) -> Row:
    return lambda x: (libm(name, np.where(x > 0, x, 1.0)), x > 0)


def _sign(x: Array) -> Array:
    return (x > 0).astype(np.int64) - (x < 0).astype(np.int64)


def _rounded(call: Call) -> Row:
    digits = int(constants_of(call)[0]) if len(call.operands) > 1 else 0
    if call.type is Type.INT:
        return _same if digits >= 0 else partial(_whole_tens, 10**-digits)
    if digits == 0:
        return _half_away
    step = float(10 ** abs(digits))
    return partial(_to_digits, step) if digits > 0 else partial(_to_tens, step)


def _to_digits(step: float, x: Array) -> Array:
    scaled = x * step
    return np.where(np.isfinite(scaled), _half_away(scaled) / step, x)


def _to_tens(step: float, x: Array) -> Array:
    found = _half_away(x / step) * step
    return np.where(np.isfinite(found), found, 0.0)


def _whole_tens(step: int, x: Array) -> Array:
    size = (_magnitude(x) + np.uint64(step // 2)) // np.uint64(step) * np.uint64(step)
    return _signed(size, x < 0)


def _half_away(x: Array) -> Array:
    below = np.trunc(x)
    return np.copysign(np.abs(below) + (np.abs(x - below) >= 0.5), x)


def _cbrt(x: Array) -> Array:
    root = libm("cbrt", x)
    near = np.rint(root)
    return np.where(libm("pow", near, np.full(len(x), 3.0)) == x, near, root)


def _log_base(base: Array, x: Array) -> tuple[Array, Array]:
    defined = (base > 0) & (x > 0) & (base != 1)
    base, x = np.where(defined, base, 3.0), np.where(defined, x, 3.0)
    general = libm("log", x) / libm("log", base)
    return np.where(base == 10, libm("log10", x), np.where(base == 2, libm("log2", x), general)), defined


def _remainder(x: Array, divisor: Array) -> tuple[Array, Array]:
    defined = divisor != 0
    return np.fmod(x, np.where(defined, divisor, 1.0)), defined


def _whole_remainder(x: Array, divisor: Array) -> tuple[Array, Array]:
    defined = divisor != 0
    return _signed(_magnitude(x) % np.where(defined, _magnitude(divisor), np.uint64(1)), x < 0), defined


def _quotient(x: Array, divisor: Array) -> tuple[Array, Array]:
    defined = divisor != 0
    size = _magnitude(x) // np.where(defined, _magnitude(divisor), np.uint64(1))
    return _signed(size, (x < 0) != (divisor < 0)), defined


def _magnitude(x: Array) -> NDArray[np.uint64]:
    """Absolute values; that of the least integer fits too."""
    return np.abs(x).astype(np.int64, copy=False).view(np.uint64)


def _signed(size: NDArray[np.uint64], negative: Array) -> Array:
    plain = size.view(np.int64)
    return np.where(negative, np.negative(plain), plain)


def _width_bucket(call: Call) -> Row:
    low, high, buckets = (float(bound) for bound in constants_of(call))

    def bucket(x: Array) -> tuple[Array, Array]:
        within = (x >= low) & (x < high)
        place = np.floor((np.where(within, x, low) - low) * buckets / (high - low))
        found = np.minimum(place, buckets - 1).astype(np.int64) + 1
        return np.where(within, found, np.where(x < low, 0, int(buckets) + 1)), np.full(len(x), low < high)

    return bucket


def _circle(*_: object) -> Step:
    return lambda block: Vector(np.full(block.rows, math.pi), np.ones(block.rows, np.bool_))


def _real(work: Row) -> Kernel:
    return by_row(work, np.float64)


KERNELS: dict[str, Kernel] = {
    "abs": by_row(np.abs),
    "sign": by_row(_sign),
    "ceil": _reals_only(np.ceil),
    "floor": _reals_only(np.floor),
    "round": by_call(_rounded, places=(0,)),
    "trunc": _reals_only(np.trunc),
    "sqrt": _real(np.sqrt),
    "cbrt": _real(_cbrt),
    "exp": _real(_of("exp")),
    "ln": _real(_above_zero("log")),
    "log10": _real(_above_zero("log10")),
    "log2": _real(_above_zero("log2")),
    "log_base": _real(_log_base),
    "power": _real(_of("pow")),
    "mod": by_call(lambda call: _remainder if call.type is Type.FLOAT else _whole_remainder),
    "intdiv": by_row(_quotient),
    "sin": _real(_of("sin")),
    "cos": _real(_of("cos")),
    "tan": _real(_of("tan")),
    "asin": _real(_of("asin")),
    "acos": _real(_of("acos")),
    "atan": _real(_of("atan")),
    "atan2": _real(_of("atan2")),
    "radians": _real(lambda x: x * (math.pi / 180)),
    "degrees": _real(lambda x: x * (180 / math.pi)),
    "pi": _circle,
    "width_bucket": by_call(_width_bucket, np.float64, places=(0,)),
}
"""Name → kernel; greatest and least are with the other choices."""
