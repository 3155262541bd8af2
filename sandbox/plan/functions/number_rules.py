"""What is known of the results of the functions of numbers.

Ranges of reals hold up to the rounding of doubles: a value lies between the doubles nearest to `low` and `high`.
"""

import math
import sys
from collections.abc import Callable
from fractions import Fraction

from sandbox.plan.facts import Facts, Range, finest, hull, reach
from sandbox.plan.functions import number_meanings as mean
from sandbox.plan.functions.entry import FactsRule
from sandbox.terms.dataset import Type

Arguments = tuple[Facts, ...]

_SLACK = Fraction(1, 2**40)
"""Implementations of one transcendental function differ by far less, relative to its value."""

_TINIEST = 5e-324
_EDGE = 1e300


def nearest(value: Fraction) -> float:
    """The double nearest to a number, the largest where it lies beyond them."""
    largest = Fraction(sys.float_info.max)
    return float(min(max(value, -largest), largest))


def unknown_real(_arguments: Arguments) -> Facts:
    return Facts(Type.FLOAT)


def _real(low: float | None, high: float | None, *, slack: bool = False) -> Facts:
    """A real result between two doubles."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return Facts(Type.FLOAT)
    first, last = Fraction(low), Fraction(high)
    if slack:
        first, last = first - abs(first) * _SLACK, last + abs(last) * _SLACK
    return Facts(Type.FLOAT, Range(first, last))


def _ends(facts: Facts) -> tuple[float, float] | None:
    return None if facts.range is None else (nearest(facts.range.low), nearest(facts.range.high))


def _rising(meaning: Callable[[float], float | None], least: float = -math.inf, most: float = math.inf) -> FactsRule:
    """The rule of a rising function of reals that is defined from `least` to `most`."""

    def rule(arguments: Arguments) -> Facts:
        ends = _ends(arguments[0])
        if ends is None:
            return Facts(Type.FLOAT)
        low, high = (min(max(end, least), most) for end in ends)
        return _real(meaning(low), meaning(high), slack=True)

    return rule


def _stepped(meaning: Callable[[float], int | float]) -> FactsRule:
    """The rule of a rising function that keeps the type."""

    def rule(arguments: Arguments) -> Facts:
        ends = _ends(arguments[0])
        if arguments[0].type is Type.INT or ends is None:
            return Facts(arguments[0].type, arguments[0].range)
        low, high = Fraction(meaning(ends[0])), Fraction(meaning(ends[1]))
        return Facts(Type.FLOAT, Range(low, high), granularity=Fraction(1))

    return rule


ceil = _stepped(mean.ceil)
floor = _stepped(mean.floor)
trunc = _stepped(mean.trunc)
sqrt = _rising(mean.sqrt, least=0.0)
cbrt = _rising(mean.cbrt)
exp = _rising(mean.exp)
ln = _rising(mean.ln, least=_TINIEST)
log10 = _rising(mean.log10, least=_TINIEST)
log2 = _rising(mean.log2, least=_TINIEST)
radians = _rising(mean.radians)
degrees = _rising(mean.degrees)


def absolute(arguments: Arguments) -> Facts:
    span = arguments[0].range
    if span is None:
        return Facts(arguments[0].type)
    sizes = abs(span.low), abs(span.high)
    low = Fraction(0) if span.has_zero else min(sizes)
    return Facts(arguments[0].type, Range(low, max(sizes)), granularity=arguments[0].granularity)


def sign(arguments: Arguments) -> Facts:
    ends = _ends(arguments[0])
    low, high = (-1, 1) if ends is None else (mean.sign(ends[0]), mean.sign(ends[1]))
    return Facts(Type.INT, Range(Fraction(low), Fraction(high)))


def rounded(arguments: Arguments) -> Facts:
    digits = _constant(arguments[1]) if len(arguments) > 1 else 0
    kind, span = arguments[0].type, arguments[0].range
    if kind is Type.INT:
        if digits >= 0 or span is None:
            return Facts(kind, span)
        low, high = (Fraction(mean.rounded(int(end), digits)) for end in (span.low, span.high))
        return Facts(kind, Range(low, high))
    ends = _ends(arguments[0])
    # Rounding to tens of numbers next to the largest gives 0, so the ends alone do not tell.
    known = ends is not None and max(abs(ends[0]), abs(ends[1])) < _EDGE
    found = _real(mean.rounded(ends[0], digits), mean.rounded(ends[1], digits)) if ends and known else Facts(kind)
    return Facts(kind, found.range, granularity=Fraction(10) ** -digits)


def _constant(facts: Facts) -> int:
    """The value of a constant integer."""
    return 0 if facts.range is None else int(facts.range.low)


def power(arguments: Arguments) -> Facts:
    """Known for bases that are not negative: the power is then monotone in both arguments."""
    base, exponent = (_ends(argument) for argument in arguments)
    if base is None or exponent is None:
        return Facts(Type.FLOAT)
    whole = exponent[0] == exponent[1] and exponent[0] >= 0 and exponent[0].is_integer()
    if base[0] < 0 and not whole:
        return Facts(Type.FLOAT)
    corners = [mean.power(one, other) for one in base for other in exponent]
    if base[0] < 0 <= base[1]:
        corners.append(mean.power(0.0, exponent[0]))
    known = [corner for corner in corners if corner is not None]
    inside = [1.0] if base[0] <= 1 <= base[1] or exponent[0] <= 0 <= exponent[1] else []
    return _real(min(known + inside), max(known + inside), slack=True)


def modulo(arguments: Arguments) -> Facts:
    """Below the divisor in size, with the sign of the first argument, and no larger than it."""
    kind = Type.INT if all(argument.type is Type.INT for argument in arguments) else Type.FLOAT
    limits = [max(abs(each.range.low), abs(each.range.high)) for each in arguments if each.range is not None]
    if not limits:
        return Facts(kind)
    size = Fraction(nearest(min(limits))) if kind is Type.FLOAT else min(limits)
    span = arguments[0].range
    low = Fraction(0) if span is not None and span.low >= 0 else -size
    high = Fraction(0) if span is not None and span.high <= 0 else size
    return Facts(kind, Range(low, high))


def quotient(arguments: Arguments) -> Facts:
    """No larger than the dividend over the least size that the divisor has."""
    span, divisor = (argument.range for argument in arguments)
    if span is None:
        return Facts(Type.INT)
    least = 1
    if divisor is not None and not divisor.has_zero:
        least = int(min(abs(divisor.low), abs(divisor.high)))
    low, high = int(span.low), int(span.high)
    if divisor is not None and divisor.low > 0:
        steps = (least, int(divisor.high))
        corners = [mean.quotient(end, step) or 0 for end in (low, high) for step in steps]
        return Facts(Type.INT, Range(Fraction(min(corners)), Fraction(max(corners))))
    size = max(abs(low), abs(high)) // least
    return Facts(Type.INT, Range(Fraction(-size), Fraction(size)))


def greatest(arguments: Arguments) -> Facts:
    return _extreme(arguments, max)


def smallest(arguments: Arguments) -> Facts:
    return _extreme(arguments, min)


def _extreme(arguments: Arguments, choose: Callable[..., Fraction]) -> Facts:
    """Any argument may be the only one that is not NULL, but a result is beyond none that never is NULL."""
    kind = arguments[0].type
    known = hull(arguments)
    nullable = all(argument.nullable for argument in arguments)
    if kind is Type.STRING:
        return Facts(kind, None, known.values, known.max_length, nullable=nullable)
    spans = [argument.range or reach(kind) for argument in arguments]
    low, high = min(span.low for span in spans), max(span.high for span in spans)
    sure = [span for span, argument in zip(spans, arguments, strict=True) if not argument.nullable]
    if choose is max:
        low = max([low, *(span.low for span in sure)])
    else:
        high = min([high, *(span.high for span in sure)])
    span = Range(low, high)
    step = finest(argument.granularity for argument in arguments)
    values = None if known.values is None else frozenset(item for item in known.values if low <= Fraction(item) <= high)
    return Facts(kind, None if span == reach(kind) else span, values, granularity=step, nullable=nullable)


def _fixed(low: float, high: float) -> FactsRule:
    return lambda _: _real(low, high, slack=True)


one = _fixed(-1.0, 1.0)
half_turn = _fixed(-math.pi / 2, math.pi / 2)
upper_turn = _fixed(0.0, math.pi)
full_turn = _fixed(-math.pi, math.pi)


def circle(_arguments: Arguments) -> Facts:
    return Facts(Type.FLOAT, Range(Fraction(math.pi), Fraction(math.pi)), nullable=False)


def width_bucket(arguments: Arguments) -> Facts:
    """From the buckets of the range's ends."""
    low, high, buckets = arguments[1].range, arguments[2].range, _constant(arguments[3])
    ends = _ends(arguments[0])
    if ends is None or low is None or high is None:
        return Facts(Type.INT, Range(Fraction(0), Fraction(buckets + 1)))
    cut = [mean.width_bucket(end, nearest(low.low), nearest(high.low), buckets) or 0 for end in ends]
    return Facts(Type.INT, Range(Fraction(cut[0]), Fraction(cut[1])))
