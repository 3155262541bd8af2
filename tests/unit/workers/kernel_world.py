"""Columns, blocks and generated arguments for the tests of kernels, and vectors read back as Python values."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import numpy as np
import pyarrow as pa

from sandbox.plan.functions.entry import Function
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.evaluate import Block, Compiler, Vector, repeated
from workers.kernels.libm import libm

libm("exp", np.ones(1))  # compiled before hypothesis looks at the clock

DAY = 86_400_000_000
INTS = (0, 1, -1, 2, -2, 3, 7, 10, 27, -8, 100, 255, 8364, 0xD800, 0x1F600, 2024, 9999, 10_000, 2**31, -(2**31), 2**53 + 1,
        2**61, -(2**62) + 1, 2**62 - 1)  # fmt: skip
FLOATS = (0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1.0, -1.0, 0.1, 2.345, 1e-9, 5e-324, 1e15, 123456789.5, 4503599627370497.5,
          2.0**62, -1e300, 1.7976931348623157e308, -1.7976931348623157e308, 27.0, 10.0, 8.0, 3.141592653589793)  # fmt: skip
TEXTS = ("", " ", "a", "A", "abc", "ABC", "a,b,c", "banana", "  padded  ", "é", "e\u0301", "ÄÖß", "ǅ", "İ", "女性", "🙂🙃", "a\x00b",
         "a\nb", "a%b", "a_b", "a\\b", "12", " -7 ", "1e3", "1.5", "true", "F", "2024-02-29", "2023-02-29", "2024-01-31 12:30:00",
         "hello wORLD 1st", "xxaxx", "ſ", "K", "\u2028", "z" * 300)  # fmt: skip
DAYS = (0, -1, 1, 19_753, 19_782, 19_783, -719_162, 2_932_896, -719_163, 2_932_897, 2_900_000, -719_100, 11_016, 10_957, 60, 59, 365,
        2**40, -(2**40))  # fmt: skip
MOMENTS = (
    *(day * DAY for day in DAYS if abs(day) < 2**26), -1, 1, 1_714_990_272_500_000, 59_999_999, 2_932_897 * DAY - 1,
    -719_162 * DAY - 1, 2**61,
)  # fmt: skip
EDGES = {
    Type.INT: INTS, Type.FLOAT: FLOATS, Type.STRING: TEXTS, Type.BOOL: (True, False), Type.DATE: DAYS, Type.TIMESTAMP: MOMENTS,
}  # fmt: skip
CONSTANT_TEXTS = ("", " ", "a", "ab", "%", "a%", "%b%", "_", "a\\%", "é%", "x", "an", ",", "女", "%a_c%", "aé", "Ä%")
CONSTANT_NUMBERS = (-10, 0, 1, 5, 100, 2.5, -0.5)
DTYPES = {
    Type.INT: np.int64,
    Type.FLOAT: np.float64,
    Type.BOOL: np.bool_,
    Type.DATE: np.int64,
    Type.TIMESTAMP: np.int64,
}


def value(kind: Type, rng: random.Random):
    """One value of a type, NULL and edge values among them."""
    dice = rng.random()
    if dice < 0.08:
        return None
    if dice < 0.55 or kind is Type.BOOL:
        return rng.choice(EDGES[kind])
    match kind:
        case Type.INT:
            return rng.randrange(-(10 ** rng.randrange(1, 18)), 10 ** rng.randrange(1, 18))
        case Type.FLOAT:
            return rng.choice(
                (rng.uniform(-2, 2), rng.gauss(0, 1) * 10.0 ** rng.randrange(-12, 18), rng.randrange(-50, 50) / 2)
            )
        case Type.STRING:
            return "".join(rng.choice("aAbB xé,%_\\1") for _ in range(rng.randrange(9)))
        case Type.DATE:
            return rng.randrange(-719_500, 2_933_500)
        case _:
            return rng.randrange(-719_500 * DAY, 2_933_500 * DAY)


def column(kind: Type, values: Sequence) -> ColumnArray:
    """Values as a stored column; texts get a dictionary as a file has it."""
    if kind is Type.STRING:
        encoded = pa.array(values, pa.string()).dictionary_encode()
        return ColumnArray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), None, encoded.dictionary)
    valid = np.asarray([item is not None for item in values], np.bool_)
    filled = np.asarray([0 if item is None else item for item in values], DTYPES[kind])
    return ColumnArray(filled, None if valid.all() else valid)


def read(vector: Vector) -> list:
    """The rows as Python values."""
    texts = None if vector.texts is None else vector.texts.to_pylist()
    held = vector.values.tolist()
    return [
        None if not known else texts[held[row]] if texts is not None else held[row]
        for row, known in enumerate(vector.valid.tolist())
    ]


def run(expression: Expression, columns: dict[str, ColumnArray], rows: int, block_rows: int = 16_384) -> list:
    """An expression over all rows, block by block."""
    found: list = []
    with np.errstate(all="ignore"):
        step = Compiler(columns, block_rows, repeated([expression])).step(expression)
        for start in range(0, rows, block_rows):
            found += read(step(Block(start, min(start + block_rows, rows))))
    return found


def literal(item, kind: Type) -> Literal:
    return Literal(Fraction(item) if kind is Type.FLOAT and item is not None else item, kind)


def signatures(function: Function) -> list[tuple[Type, ...]]:
    """Types of arguments that the function takes, with up to three arguments where the last one repeats."""
    found = []
    most = min(function.largest, max(3, len(function.parameters)))
    for count in range(function.fewest, max(function.fewest, most) + 1):
        kinds = [sorted(function.parameter(place).types) for place in range(count)]
        found += [types for types in product(*kinds) if function.result_type(types) is not None]
    return found


def constants(function: Function, types: tuple[Type, ...], rng: random.Random) -> dict[int, object]:
    """Values for the arguments that must be constants."""
    chosen: dict[int, object] = {}
    for place, kind in enumerate(types):
        parameter = function.parameter(place)
        if not parameter.constant:
            continue
        if parameter.choices:
            chosen[place] = rng.choice(parameter.choices)
        elif kind is Type.STRING:
            chosen[place] = rng.choice(CONSTANT_TEXTS)
        elif parameter.least is not None and parameter.most is not None:
            ends = (parameter.least, parameter.most, 0, 1, 2, 3, -1, -2, 10)
            chosen[place] = rng.choice([end for end in ends if parameter.takes(end)])
        else:
            number = rng.choice(CONSTANT_NUMBERS)
            chosen[place] = float(number) if kind is Type.FLOAT else int(number)
    return chosen


def calls(
    function: Function, total: int, batch: int, rng: random.Random
) -> Iterator[tuple[tuple[Expression, ...], list[list]]]:
    """Operands and, for each of them, the values of `batch` rows: some are constants by choice, most are columns."""
    types_of = signatures(function)
    for number in range(max(len(types_of), -(-total // batch))):
        types = types_of[number % len(types_of)]
        fixed = constants(function, types, rng)
        for place, kind in enumerate(types):
            if place not in fixed and place > 0 and rng.random() < 0.4:
                fixed[place] = value(kind, rng)
        operands, values = [], []
        for place, kind in enumerate(types):
            if place in fixed:
                operands.append(literal(fixed[place], kind))
                values.append([fixed[place]] * batch)
            else:
                operands.append(ColumnRef(f"c{place}", kind))
                values.append([value(kind, rng) for _ in range(batch)])
        yield tuple(operands), values


def columns_for(operands: tuple[Expression, ...], values: list[list]) -> dict[str, ColumnArray]:
    return {
        operand.name: column(type_of(operand), items)
        for operand, items in zip(operands, values, strict=True)
        if isinstance(operand, ColumnRef)
    }
