"""Rules keep the value of every row: each equality below is also checked row by row by a reference interpreter."""

from fractions import Fraction
from itertools import product

import pytest
from plan_examples import CLINIC
from row_reference import value_of

from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import ColumnRef, Conjunction, Disjunction, Literal, Not
from sandbox.plan.parse import parse
from sandbox.plan.rewrite import RULES, normalise
from sandbox.plan.scalar import bind_predicate
from sandbox.plan.scope import resolve
from sandbox.plan.spans import Text
from sandbox.terms.dataset import Type

EQUAL = [
    ("age > 5", "5 < age"),
    ("age >= 18.0", "age >= 18"),
    ("cost > 5", "cost > 5.0"),
    ("cost * 2 > 1", "1 < 2.0 * cost"),
    ("age between 3 and 9", "age <= 9 and age >= 3"),
    ("not (age < 3 or age > 9)", "age between 3 and 9"),
    ("not not urgent", "urgent = true"),
    ("urgent <> true", "not urgent"),
    ("urgent = false", "not urgent"),
    ("urgent in (true, false)", "urgent or not urgent"),
    ("age in (3, 1, 2, 1)", "age = 1 or age = 2 or age in (3)"),
    ("age in (7)", "age = 7"),
    ("not age in (1, 2)", "age not in (2, 1)"),
    ("age = 1 and (ward = 2 and urgent)", "(urgent and ward = 2) and age = 1"),
    ("age = 1 or age = 1", "age = 1"),
    ("age = 1 and true", "age = 1"),
    ("age = 1 and 1 = 2", "1 > 2"),
    ("age = 1 or null is null", "1 = 1"),
    ("age + ward = 3", "ward + age = 3"),
    ("age = 1 + 1", "age = 2"),
    ("age = 1 + 1e0", "age = 2"),
    ("-(-age) = 2", "age = 2"),
    ("age is not null", "not (age is null)"),
    ("age = null", "null"),
    ("age in (1, null)", "age = 1 or null"),
    ("age / 0 = 1", "null"),
    ("urgent is true", "urgent and urgent is not null"),
    ("age > ward", "ward < age"),
]
DIFFERENT = [
    ("age > 5", "age >= 5"),
    ("age - ward > 0", "ward - age > 0"),
    ("age / ward > 1", "ward / age > 1"),
    ("age not in (1)", "age = 1"),
    ("age = 1 and ward = 1", "age = 1 or ward = 1"),
    ("age = 1 or null", "age = 1"),
    ("urgent is true", "urgent"),
    ("age is null", "age is not null"),
    ("sex = 'F'", "sex = 'f'"),
]
ROWS = [
    {"age": age, "ward": ward, "urgent": urgent, "cost": cost, "sex": sex}
    for age, ward, urgent, cost, sex in product(
        (None, 0, 1, 2, 3, 5, 7, 9, 18),
        (None, 1, 2),
        (None, False, True),
        (None, Fraction(5), Fraction(1, 4)),
        ("F", None),
    )
]


def bound(condition):
    parsed = parse(f"select count(*) from clinic.visits where {condition}")
    scope = resolve(parsed.tree.args["from_"].this, CLINIC, Text(parsed.sql, parsed.tokens))
    return bind_predicate(parsed.tree.args["where"].this, scope)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_questions(one, other):
    first, second = bound(one), bound(other)
    normal = normalise(first)
    assert normal == normalise(second)
    for row in ROWS:
        assert value_of(first, row) == value_of(normal, row) == value_of(second, row)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_questions(one, other):
    first, second = bound(one), bound(other)
    assert normalise(first) != normalise(second)
    assert any(value_of(first, row) != value_of(second, row) for row in ROWS)


def test_a_filter_that_is_always_true_is_none():
    assert compile_query("select count(*) from visits where 1 = 1", CLINIC).where is None
    assert compile_query("select count(*) from visits where null", CLINIC).where == Literal(None, Type.BOOL)


def test_every_rule_is_needed():
    """The control: without any one rule, some pair of equal questions falls apart or stays unfinished."""
    import sandbox.plan.rewrite as room

    conditions = [item for pair in EQUAL for item in pair] + ["(not urgent) is null is null"]
    bounded = [bound(item) for item in conditions]
    complete = [normalise(item) for item in bounded]
    for rule in RULES:
        room.RULES = tuple(item for item in RULES if item is not rule)
        try:
            assert [normalise(item) for item in bounded] != complete, rule.__name__
        finally:
            room.RULES = RULES


def test_long_chains_do_not_exhaust_the_stack():
    operands = " or ".join(f"age = {number}" for number in range(900))
    assert len(normalise(bound(operands)).values) == 900
    nested = " and ".join(["(age = 1 or ward = 2)"] * 300)
    assert isinstance(normalise(bound(nested)), Disjunction)


def test_de_morgan():
    flag, other = ColumnRef("a", Type.BOOL), ColumnRef("b", Type.BOOL)
    assert normalise(Not(Conjunction((flag, other)))) == Disjunction((Not(flag), Not(other)))
