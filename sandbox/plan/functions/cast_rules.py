"""What is known of the results of the casts."""

from fractions import Fraction

from sandbox.plan.facts import INTEGER_LIMIT, Facts, Range
from sandbox.plan.functions import moment_rules
from sandbox.plan.functions.calendar import DAY, FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from sandbox.terms.dataset import Type

Arguments = tuple[Facts, ...]

_TRUTHS = Range(Fraction(0), Fraction(1))


def to_int(arguments: Arguments) -> Facts:
    """A real number is at most half a step away."""
    kind, span = arguments[0].type, arguments[0].range
    if kind is Type.BOOL:
        return Facts(Type.INT, _TRUTHS, nullable=arguments[0].nullable)
    if kind is Type.STRING or span is None:
        return Facts(Type.INT)
    end = Fraction(INTEGER_LIMIT - 1)
    low, high = (max(-end, min(end, Fraction(round(side)))) for side in (span.low, span.high))
    return Facts(Type.INT, Range(low, high))


def to_float(arguments: Arguments) -> Facts:
    kind = arguments[0].type
    if kind is Type.BOOL:
        return Facts(Type.FLOAT, _TRUTHS, granularity=Fraction(1), nullable=arguments[0].nullable)
    if kind is Type.STRING:
        return Facts(Type.FLOAT)
    return Facts(Type.FLOAT, arguments[0].range, granularity=Fraction(1), nullable=arguments[0].nullable)


def to_string(arguments: Arguments) -> Facts:
    """As long as the longest integer of the range; five letters of false."""
    if arguments[0].type is Type.BOOL:
        return Facts(Type.STRING, values=frozenset({"false", "true"}), max_length=5, nullable=arguments[0].nullable)
    span = arguments[0].range
    ends = (-(2**63), 2**63) if span is None else (span.low // 1, span.high // 1)
    return Facts(Type.STRING, max_length=max(len(str(end)) for end in ends))


def date_string(_arguments: Arguments) -> Facts:
    return Facts(Type.STRING, max_length=len("2024-01-31"))


def timestamp_string(_arguments: Arguments) -> Facts:
    return Facts(Type.STRING, max_length=len("2024-01-31 12:00:00.123456"))


def to_date(arguments: Arguments) -> Facts:
    if arguments[0].type is Type.STRING:
        return Facts(Type.DATE, Range(Fraction(FIRST_DAY), Fraction(LAST_DAY)))
    low, high = moment_rules.within(arguments[0])
    return Facts(Type.DATE, Range(Fraction(low // DAY), Fraction(high // DAY)))


def to_timestamp(arguments: Arguments) -> Facts:
    if arguments[0].type is Type.STRING:
        return Facts(Type.TIMESTAMP, Range(Fraction(FIRST_MOMENT), Fraction(LAST_MOMENT)))
    low, high = moment_rules.within(arguments[0])
    return Facts(Type.TIMESTAMP, Range(Fraction(low * DAY), Fraction(high * DAY)))


def truth(arguments: Arguments) -> Facts:
    sure = arguments[0].type is not Type.STRING and not arguments[0].nullable
    return Facts(Type.BOOL, values=frozenset({False, True}), nullable=not sure)
