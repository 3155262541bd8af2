"""The functions of the C library, one number at a time: the bits that Python's `math` gives, whatever the block.

Vector libraries differ from it in the last bits, and some from themselves where an array's length or stride differs.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from workers.frozen import frozen

Reals = NDArray[np.float64]

_NAMES = ("exp", "log", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "cbrt", "pow", "atan2")
_CODES = {name: code for code, name in enumerate(_NAMES)}


def libm(name: str, first: Reals, second: Reals | None = None) -> Reals:
    """The function `name` of each number, or of each pair; NaN and infinities where C gives them."""
    out = np.empty(len(first), np.float64)
    one = frozen(np.ascontiguousarray(first), np.float64)
    two = one if second is None else frozen(np.ascontiguousarray(second), np.float64)
    _each(_CODES[name], one, two, out)
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _each(code: Any, first: Any, second: Any, out: Any) -> None:  # pragma: no cover - compiled
    for row in range(first.size):
        value = first[row]
        if code == 0:
            out[row] = math.exp(value)
        elif code == 1:
            out[row] = math.log(value)
        elif code == 2:
            out[row] = math.log10(value)
        elif code == 3:
            out[row] = math.log2(value)
        elif code == 4:
            out[row] = math.sin(value)
        elif code == 5:
            out[row] = math.cos(value)
        elif code == 6:
            out[row] = math.tan(value)
        elif code == 7:
            out[row] = math.asin(value)
        elif code == 8:
            out[row] = math.acos(value)
        elif code == 9:
            out[row] = math.atan(value)
        elif code == 10:
            out[row] = np.cbrt(value)
        elif code == 11:
            out[row] = math.pow(value, second[row])
        else:
            out[row] = math.atan2(value, second[row])
