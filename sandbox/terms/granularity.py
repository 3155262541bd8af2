"""The step to which a real number is rounded before it is summed, where nobody declared one."""

from fractions import Fraction

FINEST = -18
"""No default step is finer than 10^-18."""

STEPS = 2**20
"""A default step divides the declared span into at least this many parts, so rounding is lost in any noise."""

LARGEST = 2**40
"""A default step keeps every rounded value within this many steps of zero, where that can be had."""


def default_granularity(low: Fraction, high: Fraction) -> Fraction:
    """The largest power of ten that is at most (high - low) / 2^20, at least 10^-18.

    Where the span is so small beside the values that they would exceed 2^40 steps, the smallest power of ten
    that keeps them within 2^40 steps. A span of zero counts as the size of its value, or as 1 where that is 0.
    """
    size = max(abs(low), abs(high))
    span = high - low or size or Fraction(1)
    exponent = max(_floor_log10(span / STEPS), FINEST)
    if size > _power(exponent) * LARGEST:
        exponent = -_floor_log10(LARGEST / size)
    return _power(exponent)


def _power(exponent: int) -> Fraction:
    return Fraction(10) ** exponent


def _floor_log10(value: Fraction) -> int:
    """⌊log10(value)⌋ of a positive value, exactly."""
    guess = len(str(value.numerator)) - len(str(value.denominator))
    return guess if _power(guess) <= value else guess - 1
