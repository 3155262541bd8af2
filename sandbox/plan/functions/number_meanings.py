"""The meaning of the functions of numbers: IEEE doubles and exact integers; infinite results are cut by the caller."""

import math
from typing import Any

Number = int | float


def absolute(x: Number) -> Number:
    return abs(x)


def sign(x: Number) -> int:
    return (x > 0) - (x < 0)


def ceil(x: Number) -> Number:
    return x if isinstance(x, int) else math.copysign(float(math.ceil(x)), x)


def floor(x: Number) -> Number:
    return x if isinstance(x, int) else math.copysign(float(math.floor(x)), x)


def trunc(x: Number) -> Number:
    return x if isinstance(x, int) else math.copysign(float(math.trunc(x)), x)


def rounded(x: Number, digits: int = 0) -> Number:
    """Halves go away from zero. Reals are scaled by a power of ten, rounded and scaled back, in doubles."""
    if isinstance(x, int):
        return x if digits >= 0 else _whole_tens(x, 10**-digits)
    if digits < 0:
        step = float(10**-digits)
        found = _half_away(x / step) * step
        return found if math.isfinite(found) else 0.0
    step = float(10**digits)
    scaled = x * step
    # So large a number has no such digits.
    return _half_away(scaled) / step if math.isfinite(scaled) else x


def _whole_tens(x: int, step: int) -> int:
    size = (abs(x) + step // 2) // step * step
    return size if x >= 0 else -size


def _half_away(x: float) -> float:
    whole = float(math.trunc(x))
    # The rest is exact: it shares its exponent with x.
    up = abs(x - whole) >= 0.5
    return math.copysign(abs(whole) + 1.0 if up else abs(whole), x)


def sqrt(x: Number) -> float | None:
    return math.sqrt(x) if x >= 0 else None


def cbrt(x: Number) -> float:
    """Whole roots are exact: some libraries miss that of 27."""
    root = math.cbrt(x)
    whole = float(round(root))
    return whole if whole * whole * whole == x else root


def exp(x: Number) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def ln(x: Number) -> float | None:
    return math.log(x) if x > 0 else None


def log10(x: Number) -> float | None:
    return math.log10(x) if x > 0 else None


def log2(x: Number) -> float | None:
    return math.log2(x) if x > 0 else None


def log_base(base: Number, x: Number) -> float | None:
    """Bases 2 and 10 are those of log2 and log10."""
    if base <= 0 or x <= 0 or base == 1:
        return None
    if base == 10:
        return log10(x)
    return log2(x) if base == 2 else math.log(x) / math.log(base)


def power(x: Number, exponent: Number) -> float | None:
    """As C's pow: 0 to a negative power is infinite; a negative number to a fraction is no real number."""
    base, power_ = float(x), float(exponent)
    try:
        return math.pow(base, power_)
    except OverflowError:
        odd = math.fmod(power_, 2.0) != 0
    except ValueError:
        if base != 0:
            return None
        odd = abs(math.fmod(power_, 2.0)) == 1
    return math.copysign(math.inf, base) if odd else math.inf


def modulo(x: Number, divisor: Number) -> Number | None:
    if divisor == 0:
        return None
    if isinstance(x, int) and isinstance(divisor, int):
        rest = abs(x) % abs(divisor)
        return rest if x >= 0 else -rest
    return math.fmod(x, divisor)


def quotient(x: int, divisor: int) -> int | None:
    if divisor == 0:
        return None
    whole = abs(x) // abs(divisor)
    return whole if (x < 0) == (divisor < 0) else -whole


def greatest(*values: Any) -> Any:
    """The first of the greatest; texts by code points."""
    known = [value for value in values if value is not None]
    return max(known) if known else None


def smallest(*values: Any) -> Any:
    """The first of the least; texts by code points."""
    known = [value for value in values if value is not None]
    return min(known) if known else None


def sin(x: Number) -> float:
    return math.sin(x)


def cos(x: Number) -> float:
    return math.cos(x)


def tan(x: Number) -> float:
    return math.tan(x)


def asin(x: Number) -> float | None:
    return math.asin(x) if -1 <= x <= 1 else None


def acos(x: Number) -> float | None:
    return math.acos(x) if -1 <= x <= 1 else None


def atan(x: Number) -> float:
    return math.atan(x)


def atan2(y: Number, x: Number) -> float:
    return math.atan2(y, x)


def radians(x: Number) -> float:
    return float(x) * (math.pi / 180)


def degrees(x: Number) -> float:
    return float(x) * (180 / math.pi)


def circle() -> float:
    return math.pi


def width_bucket(x: Number, low: Number, high: Number, buckets: int) -> int | None:
    """PostgreSQL's meaning, in doubles: the product comes first, so that whole bounds cut exactly. NULL unless low < high,
    and unless the doubles reach so far."""
    value, first, last = float(x), float(low), float(high)
    if not first < last or not math.isfinite((last - first) * buckets):
        return None
    if value < first:
        return 0
    if value >= last:
        return buckets + 1
    return min(math.floor((value - first) * buckets / (last - first)), buckets - 1) + 1
