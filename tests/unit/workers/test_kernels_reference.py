"""Every kernel means what the function table means: the same bits, for generated and edge arguments, alone and nested."""

import math
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_world import calls, column, columns_for, constants, literal, run, signatures, value

from sandbox.plan.evaluate import evaluate
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Comparison,
    Conjunction,
    Disjunction,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    type_of,
)
from sandbox.terms.dataset import Type
from workers.kernels import KERNELS

BATCH = 500


def same(found, wanted) -> bool:
    """Equal in type and to the bit; the zeros are equal."""
    return type(found) is type(wanted) and found == wanted


def check(name: str, total: int) -> None:
    function, rng = FUNCTIONS[name], random.Random(zlib.crc32(name.encode()))
    for operands, values in calls(function, total, BATCH, rng):
        kind = function.result_type([type_of(operand) for operand in operands])
        found = run(Call(name, operands, kind), columns_for(operands, values), BATCH)
        rows = list(zip(*values, strict=True)) if operands else [()] * BATCH
        for row, item in zip(rows, found, strict=True):
            wanted = function(*row)
            assert same(item, wanted), (name, operands, row, item, wanted)


def test_kernels_have_exactly_the_names_of_the_table():
    assert set(KERNELS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_kernel_means_what_its_entry_means(name):
    check(name, 3_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_kernel_means_what_its_entry_means_for_a_hundred_thousand_arguments(name):
    check(name, 100_000)


# -- nested --------------------------------------------------------------------------------------------------------------

COLUMNS = {
    "i": Type.INT, "j": Type.INT, "f": Type.FLOAT, "s": Type.STRING, "t": Type.STRING, "b": Type.BOOL, "d": Type.DATE,
    "e": Type.DATE, "m": Type.TIMESTAMP,
}  # fmt: skip
BY_RESULT: dict[Type, list[tuple[str, tuple[Type, ...]]]] = {kind: [] for kind in Type}
for entry_name, entry in FUNCTIONS.items():
    for entry_types in signatures(entry):
        BY_RESULT[entry.result_type(entry_types)].append((entry_name, entry_types))


def small(rng):
    """An integer expression whose range is proved."""
    leaf = Call("mod", (ColumnRef(rng.choice("ij"), Type.INT), Literal(97, Type.INT)), Type.INT)
    other = Literal(rng.randrange(-9, 10), Type.INT)
    return Arithmetic(rng.choice("+-*"), leaf, other, Type.INT)


def any_expression(kind: Type, depth: int, rng: random.Random):
    if depth == 0 or rng.random() < 0.15:
        names = [name for name, own in COLUMNS.items() if own is kind]
        return literal(value(kind, rng), kind) if rng.random() < 0.2 else ColumnRef(rng.choice(names), kind)
    inner = lambda own: any_expression(own, depth - 1, rng)  # noqa: E731
    dice = rng.random()
    if dice < 0.2:
        branches = tuple((inner(Type.BOOL), inner(kind)) for _ in range(rng.randrange(1, 4)))
        return Case(branches, inner(kind), kind)
    if dice < 0.6 and BY_RESULT[kind]:
        name, types = rng.choice(BY_RESULT[kind])
        return a_call(name, types, inner, rng)
    match kind:
        case Type.BOOL:
            return predicate(inner, rng)
        case Type.INT:
            return rng.choice((small(rng), Negation(inner(kind), kind)))
        case Type.FLOAT:
            sides = inner(rng.choice((Type.INT, Type.FLOAT))), inner(kind)
            return rng.choice((Arithmetic(rng.choice("+-*/"), *sides, kind), Negation(inner(kind), kind)))
        case _:
            return Call("coalesce", (inner(kind), inner(kind)), kind)


def a_call(name, types, inner, rng):
    function = FUNCTIONS[name]
    fixed = {place: literal(item, types[place]) for place, item in constants(function, types, rng).items()}
    parts = tuple(fixed[place] if place in fixed else inner(own) for place, own in enumerate(types))
    return Call(name, parts, function.result_type(types))


def predicate(inner, rng):
    kind = rng.choice([own for own in Type if own is not Type.BOOL])
    match rng.randrange(6):
        case 0 | 1:
            return Comparison(rng.choice(("=", "<>", "<", "<=", ">", ">=")), inner(kind), inner(kind))
        case 2:
            items = {value(kind, rng) for _ in range(rng.randrange(1, 30))} - {None}
            return Membership(inner(kind), tuple(literal(item, kind) for item in items))
        case 3:
            return NullTest(inner(kind))
        case 4:
            return Not(inner(Type.BOOL))
        case _:
            return rng.choice((Conjunction, Disjunction))(tuple(inner(Type.BOOL) for _ in range(rng.randrange(2, 4))))


@given(st.integers(0, 2**64), st.sampled_from(sorted(Type)), st.integers(1, 40))
def test_nested_expressions_mean_what_the_reference_means_in_blocks_of_any_size(seed, kind, block_rows):
    rng = random.Random(seed)
    rows = [{name: value(own, rng) for name, own in COLUMNS.items()} for _ in range(40)]
    expression = any_expression(kind, 3, rng)
    columns = {name: column(own, [row[name] for row in rows]) for name, own in COLUMNS.items()}
    found = run(expression, columns, len(rows), block_rows)
    for row, item in zip(rows, found, strict=True):
        wanted = evaluate(expression, row)
        assert same(item, wanted), (expression, row, item, wanted)


def test_the_comparison_tells_neighbouring_doubles_apart():
    assert not same(1.0, math.nextafter(1.0, 2))  # control: a kernel off by one bit would be seen
    assert not same(1, 1.0)
    assert not same(True, 1)
    assert same(-0.0, 0.0)
