"""Functions are total: whatever the arguments, they raise nothing, and the results are what their facts say."""

from fractions import Fraction

import pytest
from function_arguments import arguments, constant, drawn, edges, fits_type, generator, type_lists, within

from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import TEXT_LIMIT, Facts, Range
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.literals import literal_of
from sandbox.plan.nodes import Call, ColumnRef
from sandbox.terms.dataset import Type

FEW = 600
MANY = 100_000


def surroundings(kind, values, draw):
    """Facts that hold for all of `values`, as tight as a declaration can be, or loose, or none."""
    looseness = draw.randrange(4)
    known = frozenset(value for value in values if value is not None)
    nullable = None in values
    if looseness == 0 or not known:
        return Facts(kind)
    if kind is Type.STRING:
        listed = known if looseness == 1 else None
        return Facts(kind, values=listed, max_length=max(map(len, known)), nullable=nullable)
    if kind is Type.BOOL:
        return Facts(kind, values=frozenset({False, True}), nullable=nullable)
    low, high = Fraction(min(known)), Fraction(max(known))
    listed = known if looseness == 1 else None
    span = Range(low, high) if looseness < 3 else Range(low - 1, high * 2 if high > 0 else high + 1)
    return Facts(kind, span, listed, nullable=nullable)


def tried(entry, types, draw, rounds, rows=8):
    """Calls of the function over columns with declared facts: each result is of its type and as its facts say."""
    for _ in range(rounds):
        lists = [
            [constant(entry.parameter(place), kind, draw)]
            if entry.parameter(place).constant
            else [None if draw.random() < 0.1 else drawn(kind, draw) for _ in range(rows)]
            for place, kind in enumerate(types)
        ]
        columns, operands = {}, []
        for place, (kind, values) in enumerate(zip(types, lists, strict=True)):
            constants = entry.parameter(place).constant
            operands.append(literal_of(values[0], kind) if constants else ColumnRef(f"a{place}", kind))
            columns[f"a{place}"] = surroundings(kind, values, draw)
        if None in operands:  # no literal is -0.0, or beyond 10^300
            continue
        kind = entry.result_type(types)
        facts = facts_of(Call(entry.name, tuple(operands), kind), columns)
        for row in range(rows):
            value = entry(*(values[row % len(values)] for values in lists))
            assert fits_type(value, kind), (entry.name, lists, value)
            assert within(value, facts), (entry.name, [values[row % len(values)] for values in lists], value, facts)


def every_edge(entry, types):
    """One call for each edge of each argument, the others drawn."""
    draw = generator(entry.name)
    for place, kind in enumerate(types):
        if entry.parameter(place).constant:
            continue
        for edge in [*edges(kind), None]:
            values = arguments(entry, types, draw)
            values[place] = edge
            value = entry(*values)
            assert fits_type(value, entry.result_type(types)), (entry.name, values, value)
            assert not isinstance(value, str) or len(value) <= TEXT_LIMIT


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_total_and_as_its_facts_say(name):
    entry = FUNCTIONS[name]
    for types in type_lists(entry):
        every_edge(entry, types)
        tried(entry, types, generator(name), FEW // 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_total_over_many_arguments(name):
    entry = FUNCTIONS[name]
    lists = list(type_lists(entry))
    for types in lists:
        tried(entry, types, generator(f"{name} {types}"), -(-MANY // 8 // len(lists)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_null_in_is_null_out_unless_the_entry_sees_it(name):
    entry = FUNCTIONS[name]
    draw = generator(name)
    for types in type_lists(entry):
        for place in range(len(types)):
            values = arguments(entry, types, draw)
            values[place] = None
            assert entry.sees_null or entry(*values) is None


def test_the_control_wrong_facts_are_noticed():
    """Control: an entry whose rule promises too little is found out."""
    from dataclasses import replace

    broken = {
        "abs": lambda _: Facts(Type.INT, Range(Fraction(0), Fraction(1))),
        "upper": lambda _: Facts(Type.STRING, max_length=0),
        "coalesce": lambda arguments: replace(arguments[0], nullable=False),
    }
    for name, rule in broken.items():
        entry = replace(FUNCTIONS[name], facts=rule)
        types = next(iter(type_lists(entry)))
        import sandbox.plan.fact_finding as room

        kept = room.FUNCTIONS
        room.FUNCTIONS = {name: entry}
        try:
            with pytest.raises(AssertionError):
                tried(entry, types, generator(name), 100)
        finally:
            room.FUNCTIONS = kept


def test_the_control_a_function_that_raises_is_noticed():
    from dataclasses import replace

    entry = replace(FUNCTIONS["sqrt"], evaluate=lambda x: x**0.5 if x >= 0 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        every_edge(entry, (Type.FLOAT,))
