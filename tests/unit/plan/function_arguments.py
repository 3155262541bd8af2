"""Arguments for every function of the table: the edges of each type, and what lies between, from a fixed seed."""

import itertools
import math
import random
import sys
from fractions import Fraction

from sandbox.plan.functions.calendar import DAY, FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from sandbox.terms.dataset import Type

INTS = [0, 1, -1, 2, -2, 3, 7, 10, 12, 13, 29, 30, 31, 100, 1970, 2024, 9999, 10000, -9999, 2**31, -(2**31), 2**53 + 1]
WIDE_INTS = [2**62 - 1, 2**62, -(2**62), 2**63 - 1, -(2**63), 2**61 + 1]
FLOATS = [
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 0.1, 2.345, -2.345, 1e-9, math.pi, 1e15 + 0.5, -1e15 - 0.5,
    2.0**52 + 1, 2.0**53, -(2.0**53), 1e22, 1e100, -1e100, 1e300, 5e-324, -5e-324, 2.2250738585072014e-308,
    sys.float_info.max, -sys.float_info.max, 2.0**62, -(2.0**62), 2.0**63, 0.49999999999999994, 27.0, -8.0,
]  # fmt: skip
TEXTS = [
    "", " ", "  a ", "\ta\n", "a", "A", "abc", "ABC", "banana", "hello wORLD", "a,b,c", ",", ",,", "%", "_", "a%b", "a_b",
    "ä", "Ä", "ß", "İ", "ı", "ŉ", "ǆ", "ΑΣ", "é", "e\u0301", "北京", "北京市海淀区", "👍🏽", "👨‍👩‍👧", "\U0010ffff", "\u200b", "\ufeffa",
    "12", "-12", " 7 ", "+5", "1.5", "-0.5e3", "1e400", ".5", "5.", "nan", "inf", "0x1F", "1_000", "٣", "9" * 25,
    "true", "T", "yes", "No", "0", "on", "2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "2024-1-2",
    "2024-01-31 12:00:00", "2024-01-31T23:59:59.999999Z", "2024-01-31 24:00:00", "0001-01-01T00:00:00+14:00",
    "xxaxx", "aaa", "'", '"', "\\", "x" * 200,
]  # fmt: skip
DAYS = [
    0,
    -1,
    1,
    3,
    4,
    19_753,
    19_782,
    19_723,
    19_357,
    -25_567,
    10_956,
    10_957,
    11_016,
    FIRST_DAY,
    FIRST_DAY + 31,
    LAST_DAY,
]
WIDE_DAYS = [FIRST_DAY - 1, LAST_DAY + 1, 2**31 - 1, -(2**31), 2**62, -(2**63), 2**63 - 1]
MOMENTS = [
    0,
    -1,
    1,
    999_999,
    1_714_990_272_500_000,
    59_999_999,
    -59_999_999,
    FIRST_MOMENT,
    LAST_MOMENT,
    951_868_799_999_999,
]
WIDE_MOMENTS = [FIRST_MOMENT - 1, LAST_MOMENT + 1, 2**62, -(2**63), 2**63 - 1]
LETTERS = "aAbBzZ019 ,.%_-/äÄßéÉñčŠıİσςΣжЖ中文日本👍🏽\u0301\t'"


def edges(kind, wide=True):
    """The edge values of a type."""
    narrow, further = {
        Type.INT: (INTS, WIDE_INTS),
        Type.FLOAT: (FLOATS, []),
        Type.STRING: (TEXTS, []),
        Type.BOOL: ([False, True], []),
        Type.DATE: (DAYS, WIDE_DAYS),
        Type.TIMESTAMP: (MOMENTS, WIDE_MOMENTS),
    }[kind]
    return narrow + further if wide else narrow


def drawn(kind, draw, wide=True):
    """One value of a type: an edge as often as not."""
    if kind is Type.BOOL or draw.random() < 0.4:
        return draw.choice(edges(kind, wide))
    match kind:
        case Type.INT:
            size = 2 ** draw.randrange(63 if wide else 31)
            return draw.randint(-size, size)
        case Type.FLOAT:
            if draw.random() < 0.5:
                return round(draw.uniform(-1000, 1000), draw.randrange(6))
            return math.ldexp(draw.uniform(-1, 1), draw.randint(-300, 300))
        case Type.STRING:
            return "".join(draw.choices(LETTERS, k=draw.randrange(12)))
        case Type.DATE:
            return draw.randint(FIRST_DAY, LAST_DAY) if draw.random() < 0.5 else draw.randint(-40_000, 40_000)
        case Type.TIMESTAMP:
            return (
                draw.randint(FIRST_MOMENT, LAST_MOMENT) if draw.random() < 0.5 else draw.randint(-20_000, 20_000) * DAY
            )


def constant(parameter, kind, draw):
    """One constant that a parameter takes."""
    if parameter.choices:
        return draw.choice(parameter.choices)
    if parameter.least is not None:
        near = [parameter.least, parameter.most, 1, 2, 3, draw.randint(parameter.least, parameter.most)]
        return draw.choice([value for value in near if parameter.takes(value)])
    return drawn(kind, draw, wide=False)


def type_lists(entry, several=3):
    """The lists of argument types that a function takes, with up to `several` arguments where more may be."""
    for size in range(entry.fewest, min(entry.largest, max(several, len(entry.parameters))) + 1):
        for types in itertools.product(*(sorted(entry.parameter(place).types) for place in range(size))):
            if entry.result_type(types) is not None:
                yield types


def arguments(entry, types, draw, wide=True):
    """One list of arguments without NULL."""
    pairs = ((entry.parameter(place), kind) for place, kind in enumerate(types))
    return [constant(item, kind, draw) if item.constant else drawn(kind, draw, wide) for item, kind in pairs]


def fits_type(value, kind):
    """Whether a value is one of its type."""
    wanted = {Type.FLOAT: float, Type.STRING: str, Type.BOOL: bool}.get(kind, int)
    if value is not None and kind is Type.FLOAT:
        return type(value) is float and math.isfinite(value)
    return value is None or type(value) is wanted


def within(value, facts):
    """Whether a value is as its facts say; reals up to the rounding of doubles."""
    if value is None:
        return facts.nullable
    if facts.values is not None and value not in facts.values:
        return False
    if isinstance(value, str):
        return facts.max_length is None or len(value) <= facts.max_length
    if facts.range is None or isinstance(value, bool):
        return True
    if isinstance(value, float):
        return nearest(facts.range.low) <= value <= nearest(facts.range.high)
    return facts.range.low <= value <= facts.range.high


def nearest(number):
    largest = Fraction(sys.float_info.max)
    return float(min(max(number, -largest), largest))


def generator(name):
    return random.Random(f"arguments of {name}")
