"""Rules keep the value of every row: each equality below is also checked row by row by a reference interpreter."""

from fractions import Fraction
from itertools import product

import pytest
from plan_examples import CLINIC
from row_conditions import condition
from row_reference import value_of

from sandbox.plan.compile import compile_query
from sandbox.plan.evaluate import evaluate
from sandbox.plan.nodes import Call, Case, ColumnRef, Comparison, Conjunction, Disjunction, Literal, Not, NullTest
from sandbox.plan.rewrite import FALSE, RULES, TRUE, all_of, normalise
from sandbox.plan.soundness_expressions import check_types
from sandbox.terms.dataset import Type

VISITS = CLINIC["clinic"].tables[0]

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
    ("age = nullif(1, 1)", "null"),
    ("age in (1, null)", "age = 1 or null"),
    ("age / 0 = 1", "null"),
    ("urgent is true", "urgent and urgent is not null"),
    ("age > ward", "ward < age"),
    ("sex > 'A'", "'A' < sex"),
    ("not sex < 'F'", "sex >= 'F'"),
    ("'a' < 'b' and urgent", "urgent"),
    ("lower('ABC') = sex", "sex = 'abc'"),
    ("abs(-3) = age", "age = 3"),
    ("sqrt(null) = age", "null"),
    ("visited = date '2024-01-31' + interval 1 month", "visited = date '2024-02-29'"),
    ("round(2.5) = cost", "cost = 3"),
    ("coalesce(age, null, ward) = 1", "coalesce(age, ward) = 1"),
    ("coalesce(coalesce(age, ward), 7) = 7", "coalesce(age, ward, 7) = 7"),
    ("coalesce(age, 3, ward) = 3", "coalesce(age, 3) = 3"),
    ("coalesce(age, age, ward) = 3", "coalesce(age, ward) = 3"),
    ("coalesce(age, null) = 3", "age = 3"),
    ("ifnull(age, ward) = 3", "coalesce(age, ward) = 3"),
    ("greatest(age, ward) = 2", "greatest(ward, age, null, ward) = 2"),
    ("least(age) = 2", "age = 2"),
    ("nullif(age, null) = 2", "age = 2"),
    ("nullif(age, age) = 2", "null"),
    ("age is distinct from null", "age is not null"),
    ("null is distinct from age", "age is not null"),
    ("age is distinct from age", "1 = 2"),
    ("age is distinct from ward", "ward is distinct from age"),
    ("age is not distinct from ward", "ward is not distinct from age"),
    ("city like 'abc'", "city = 'abc'"),
    ("city not like 'abc'", "city <> 'abc'"),
    ("case when age is not null then age else ward end = 1", "coalesce(age, ward) = 1"),
    ("case when age is null then ward else age end = 1", "coalesce(age, ward) = 1"),
    ("case when age = 9 then null else age end = 1", "nullif(age, 9) = 1"),
    ("case when ward = age then null else age end = 1", "nullif(age, ward) = 1"),
    ("case when age = 1 then true else false end", "(age = 1) is true"),
    ("case when age = 1 then false else true end", "(age = 1) is not true"),
    ("case when null then 1 when 1 = 2 then 3 else ward end = 1", "ward = 1"),
    ("case when urgent then 1 when 1 = 1 then age else ward end = 1", "case when urgent then 1 else age end = 1"),
    ("case when urgent then 1 when urgent then 2 else 3 end = 1", "case when urgent then 1 else 3 end = 1"),
    ("case when urgent then age when age = 3 then 7 else 7 end = 7", "case when urgent then age else 7 end = 7"),
    ("case when urgent then ward else ward end = 1", "ward = 1"),
    (
        "case when urgent then 1 else case when age = 1 then 2 else 3 end end = 2",
        "case when urgent then 1 when age = 1 then 2 else 3 end = 2",
    ),
    (
        "case age when 1 then 2 when 3 then 5 else 0 end = 2",
        "case when age = 1 then 2 when age = 3 then 5 else 0 end = 2",
    ),
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
    ("sex > 'F'", "sex >= 'F'"),
    ("coalesce(age, ward) = 1", "coalesce(ward, age) = 1"),
    ("coalesce(age, 1) = 1", "age = 1"),
    ("nullif(age, ward) = 1", "nullif(ward, age) = 1"),
    ("greatest(age, ward) = 1", "least(age, ward) = 1"),
    ("age is distinct from ward", "age <> ward"),
    ("city like 'ab%'", "city = 'ab%'"),
    ("city like 'AB%'", "city ilike 'AB%'"),
    ("case when age = 1 then true else false end", "age = 1"),
    ("case when age = 9 then null else ward end = 1", "nullif(age, 9) = 1"),
    ("case when urgent then 1 else age end = 1", "case when not urgent then age else 1 end = 1"),
    ("case when urgent then age when age = 3 then 7 else 8 end = 7", "case when urgent then age else 8 end = 7"),
]
ROWS = [
    {"age": age, "ward": ward, "urgent": urgent, "cost": cost, "sex": sex, "city": city, "visited": 19_782}
    for age, ward, urgent, cost, (sex, city) in product(
        (None, 0, 1, 2, 3, 5, 7, 9, 18),
        (None, 1, 2),
        (None, False, True),
        (None, Fraction(5), Fraction(1, 4)),
        (("F", "abc"), ("f", "ABc"), ("abc", "ab%"), (None, None)),
    )
]
TYPES = {column.name: column.type for column in VISITS.columns}


def bound(text):
    return condition(text, VISITS)


def in_doubles(row):
    return {name: float(value) if isinstance(value, Fraction) else value for name, value in row.items()}


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_questions(one, other):
    first, second = bound(one), bound(other)
    normal = normalise(first)
    assert normal == normalise(second)
    for row in ROWS:
        assert value_of(first, row) == value_of(normal, row) == value_of(second, row)
        assert evaluate(normal, in_doubles(row)) == value_of(normal, row)
    check_types(normal, TYPES)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_questions(one, other):
    first, second = bound(one), bound(other)
    assert normalise(first) != normalise(second)
    assert any(value_of(first, row) != value_of(second, row) for row in ROWS)


def test_every_rule_is_needed():
    """The control: without any one rule, some pair of equal questions falls apart or stays unfinished."""
    import sandbox.plan.rewrite as room

    conditions = [item for pair in EQUAL for item in pair] + ["(not urgent) is null is null"]
    bounded = [bound(item) for item in conditions]
    complete = [normalise(item) for item in bounded]
    for rule in {rule for rules in RULES.values() for rule in rules}:
        room.RULES = {kind: tuple(item for item in rules if item is not rule) for kind, rules in RULES.items()}
        try:
            assert [normalise(item) for item in bounded] != complete, rule.__name__
        finally:
            room.RULES = RULES


def test_long_chains_do_not_exhaust_the_stack():
    operands = " or ".join(f"age = {number}" for number in range(900))
    assert len(normalise(bound(operands)).values) == 900
    nested = " and ".join(["(age = 1 or ward = 2)"] * 300)
    assert isinstance(normalise(bound(nested)), Disjunction)


def _looked_at(monkeypatch):
    """How often rules look at the comparisons of a long WHERE while it is planned."""
    import sandbox.plan.rewrite as room

    seen = []

    def looked(node):
        seen.append(node)
        return node

    monkeypatch.setattr(room, "RULES", RULES | {Comparison: (looked, *RULES[Comparison])})
    long = " and ".join(f"cost + {number} > age" for number in range(200))
    compile_query(f"select count(*) from (select * from clinic.visits where {long}) where urgent", CLINIC)
    return len(seen) / 200


def test_each_part_of_a_long_condition_is_brought_to_its_form_once_and_again_under_its_new_names(monkeypatch):
    assert _looked_at(monkeypatch) <= 4


def test_control_conditions_that_are_brought_to_their_form_wherever_they_meet_are_looked_at_more(monkeypatch):
    def again(conditions):
        return normalise(Conjunction(tuple(conditions)))

    monkeypatch.setattr("sandbox.plan.conditions.all_of", again)
    monkeypatch.setattr("sandbox.plan.relation_pruning.all_of", again)
    assert _looked_at(monkeypatch) > 4


@pytest.mark.parametrize("text", [one for pair in EQUAL for one in pair])
def test_an_and_of_canonical_conditions_is_the_canonical_and(text):
    parts = [normalise(bound(item)) for item in (text, "urgent and age > 3", "false or cost > 1", "true")]
    assert all_of(parts) == normalise(Conjunction(tuple(parts)))
    assert all_of(parts[:1]) == parts[0]


def test_de_morgan():
    flag, other = ColumnRef("a", Type.BOOL), ColumnRef("b", Type.BOOL)
    assert normalise(Not(Conjunction((flag, other)))) == Disjunction((Not(flag), Not(other)))


AGE, FLAG, CITY = ColumnRef("age", Type.INT), ColumnRef("urgent", Type.BOOL), ColumnRef("city", Type.STRING)


def test_functions_that_machines_compute_differently_are_not_folded():
    inexact = Call("exp", (Literal(1, Type.INT),), Type.FLOAT)
    assert normalise(inexact) == inexact
    assert normalise(Call("sqrt", (Literal(4, Type.INT),), Type.FLOAT)) == Literal(Fraction(2), Type.FLOAT)


def test_constants_that_have_no_literal_stay_calls():
    """Control: minus zero is not zero, and a number beyond the constants is not cut to them."""
    minus_zero = Call("ceil", (Literal(Fraction(-1, 2), Type.FLOAT),), Type.FLOAT)
    assert normalise(minus_zero) == minus_zero
    huge = Call("cast_float", (Literal("1e305", Type.STRING),), Type.FLOAT)
    assert normalise(huge) == huge


def test_a_folded_text_is_the_evaluated_one_and_an_endless_one_is_null():
    text = Call("repeat", (Literal("ab", Type.STRING), Literal(3, Type.INT)), Type.STRING)
    assert normalise(text) == Literal("ababab", Type.STRING)
    endless = Call("repeat", (Literal("ab" * 9, Type.STRING), Literal(9_999, Type.INT)), Type.STRING)
    assert normalise(endless) == Literal(None, Type.STRING)


def test_a_case_keeps_its_type_when_it_becomes_a_nullif():
    """A constant beside a column of another number type: cost = 5 is NULL means nullif(cost, 5.0)."""
    cost = ColumnRef("cost", Type.FLOAT)
    case = Case(
        ((Comparison("=", cost, Literal(Fraction(5), Type.FLOAT)), Literal(None, Type.FLOAT)),), cost, Type.FLOAT
    )
    assert normalise(case) == Call("nullif", (cost, Literal(Fraction(5), Type.FLOAT)), Type.FLOAT)
    mixed = Case(((Comparison("=", AGE, cost), Literal(None, Type.INT)),), AGE, Type.INT)
    assert normalise(mixed) == mixed


def test_choices_with_nothing_to_choose():
    assert normalise(Call("coalesce", (Literal(None, Type.INT),), Type.INT)) == Literal(None, Type.INT)
    assert normalise(Case(((TRUE, AGE),), AGE, Type.INT)) == AGE
    assert normalise(Not(Call("is_distinct", (FLAG, FLAG), Type.BOOL))) == TRUE
    assert normalise(NullTest(Call("concat", (Literal(None, Type.STRING), CITY), Type.STRING))) != FALSE


def test_many_arguments_are_not_flattened_beyond_what_a_function_takes():
    parts = tuple(ColumnRef(f"c{number}", Type.INT) for number in range(40))
    inner = Call("greatest", parts[:30], Type.INT)
    outer = normalise(Call("greatest", (inner, *parts[30:]), Type.INT))
    assert isinstance(outer, Call)
    assert len(outer.operands) <= 32
