"""Facts of expressions hold for every row that its columns' facts allow, and domains list every value."""

import math
from fractions import Fraction

import pytest
from function_arguments import fits_type, within
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_examples import CLINIC
from row_conditions import scalar

from sandbox.plan.domains import TRIALS_MAX
from sandbox.plan.evaluate import evaluate
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.functions.calendar import DAY
from sandbox.plan.nodes import Arithmetic, Call, ColumnRef, Literal, Negation, type_of
from sandbox.plan.ranges import Facts, Range, column_facts, combine, domain_of, facts_of
from sandbox.plan.rewrite import normalise
from sandbox.terms.dataset import Column, Type
from sandbox.terms.moments import date_text, timestamp_text

VISITS = CLINIC["clinic"].tables[0]
KNOWN = {column.name: column_facts(column) for column in VISITS.columns} | {
    "stay": Facts(Type.TIMESTAMP, Range(Fraction(19_700 * DAY), Fraction(19_800 * DAY))),
    "title": Facts(Type.STRING, max_length=12),
}
EXPRESSIONS = [
    "age", "-age", "age + ward", "age - ward * 2", "age * ward + 3", "cost * 2", "cost / 4", "cost - 1.5", "age / ward",
    "age // 10", "age % 7", "round(cost)", "floor(cost / 100)", "cast(cost as int)", "abs(age - 50)", "sign(age - ward)",
    "greatest(age - 20, 0)", "least(greatest(weight, 0), 250)", "coalesce(age, ward, 1)", "coalesce(ward, 9)",
    "nullif(ward, 2)", "case when urgent then age else -1 end", "case when ward = 1 then 'a' when ward = 2 then 'bc' end",
    "length(city)", "length(sex)", "lower(sex)", "sex || '-' || sex", "concat(sex, null, 'x')", "repeat(sex, 3)",
    "lpad(sex, 5, '*')", "replace(sex, 'M', 'male')", "substring(sex, 1, 1)", "left(cast(ward as varchar), 2)",
    "cast(age as varchar)", "cast(urgent as varchar)", "cast(urgent as int)", "cast(visited as varchar)",
    "extract(month from visited)", "year(visited)", "date_trunc('month', visited)", "visited + interval 2 month",
    "date_diff('day', day, visited)", "visited - day", "date_trunc('quarter', seen)", "extract(year from seen)",
    "extract(hour from seen)", "last_day(day)", "dayname(day)", "width_bucket(age, 0, 100, 10)",
    "width_bucket(cost, 0, 5000, 4)", "sqrt(cost)", "ln(cost + 1)", "power(age, 2)", "exp(age / 100)",
    "age > 3 and urgent", "sex in ('M')", "sex like 'M%'", "age is distinct from ward", "sex is null", "sex < 'N'",
]  # fmt: skip
VALUES = {
    "sex": st.sampled_from(["M", "F", None]),
    "ward": st.sampled_from([1, 2, 3, None]),
    "day": st.sampled_from([19_723, 19_724, None]),
    "urgent": st.sampled_from([True, False, None]),
    "age": st.one_of(st.integers(0, 110), st.none()),
    "serial": st.one_of(st.integers(-(2**63), 2**63 - 1), st.none()),
    "cost": st.one_of(st.floats(0, 5000), st.sampled_from([0.0, -0.0, 5000.0, 0.1]), st.none()),
    "weight": st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.none()),
    "visited": st.one_of(st.integers(19_723, 20_453), st.none()),
    "seen": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**16), 10**16), st.none()),
    "city": st.one_of(st.text(max_size=20), st.none()),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=60, deadline=None)
@given(row=st.fixed_dictionaries(VALUES))
def test_a_value_is_as_its_facts_say(text, row):
    expression = scalar(text, VISITS)
    for form in (expression, normalise(expression)):
        value, facts = evaluate(form, row), facts_of(form, KNOWN)
        assert facts.type is type_of(form)
        assert fits_type(value, facts.type)
        assert within(value, facts) or approximately(value, facts), (value, facts)


def approximately(value, facts):
    """Arithmetic of doubles: ranges hold up to rounding."""
    return isinstance(value, float) and any(
        math.isclose(value, float(end), rel_tol=1e-12) for end in (facts.range.low, facts.range.high)
    )


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=25, deadline=None)
@given(row=st.fixed_dictionaries(VALUES))
def test_a_value_is_in_its_domain(text, row):
    expression = scalar(text, VISITS)
    domain = domain_of(expression, KNOWN, 100_000)
    value = evaluate(expression, row)
    if domain is None or value is None:
        return
    written = {Type.DATE: date_text, Type.TIMESTAMP: timestamp_text}.get(type_of(expression), lambda item: item)
    assert written(value) in domain
    assert list(domain) == sorted(set(domain))


DOMAINS = [
    ("ward", (1, 2, 3)),
    ("sex", ("F", "M")),
    ("lower(sex)", ("f", "m")),
    ("urgent", (False, True)),
    ("ward * 2 - 1", (1, 3, 5)),
    ("ward > 1", (False, True)),
    ("age // 50", (0, 1, 2)),
    ("sex || cast(ward as varchar)", ("F1", "F2", "F3", "M1", "M2", "M3")),
    ("case when age < 18 then 'child' when age < 65 then 'adult' else 'old' end", ("adult", "child", "old")),
    ("case when weight > 3 then 'heavy' end", ("heavy",)),
    ("coalesce(sex, '?')", ("?", "F", "M")),
    ("day", ("2024-01-01", "2024-01-02")),
    ("date_trunc('year', visited)", ("2024-01-01", "2025-01-01")),
    ("year(visited)", (2024, 2025)),
    ("extract(dow from seen)", (0, 1, 2, 3, 4, 5, 6)),
    ("width_bucket(cost, 0, 5000, 3)", (1, 2, 3, 4)),
    ("width_bucket(weight, 0, 10, 2)", (0, 1, 2, 3)),
    ("case when urgent then ward else 10 end", (1, 2, 3, 10)),
    ("dayname(date_trunc('week', visited))", ("Monday",)),
    ("coalesce(lower(city), 'x') is null", (False, True)),
]
NO_DOMAINS = [
    "cost",
    "weight",
    "city",
    "serial",
    "lower(city)",
    "seen",
    "date_trunc('day', seen)",
    "round(cost)",
    "null",
]


@pytest.mark.parametrize(("text", "values"), DOMAINS)
def test_a_domain_lists_every_value_in_order(text, values):
    assert domain_of(scalar(text, VISITS), KNOWN, 1_000) == values


@pytest.mark.parametrize("text", NO_DOMAINS)
def test_what_has_no_domain(text):
    assert domain_of(scalar(text, VISITS), KNOWN, 100_000) is None


def test_a_domain_larger_than_the_limit_is_none():
    assert len(domain_of(ColumnRef("age", Type.INT), KNOWN, 111)) == 111
    assert domain_of(ColumnRef("age", Type.INT), KNOWN, 110) is None
    assert domain_of(ColumnRef("sex", Type.STRING), KNOWN, 1) is None


def test_timestamps_are_listed_step_by_step():
    stay = ColumnRef("stay", Type.TIMESTAMP)
    days = domain_of(Call("timestamp_trunc", (Literal("day", Type.STRING), stay), Type.TIMESTAMP), KNOWN, 1_000)
    assert len(days) == 101
    assert days[0] == timestamp_text(19_700 * DAY)
    hours = Call("timestamp_trunc", (Literal("hour", Type.STRING), stay), Type.TIMESTAMP)
    assert len(domain_of(hours, KNOWN, 10_000)) == 2_401
    assert domain_of(hours, KNOWN, 2_000) is None
    months = Call("timestamp_trunc", (Literal("month", Type.STRING), stay), Type.TIMESTAMP)
    assert len(domain_of(months, KNOWN, 10)) == 4


def test_long_spans_of_days_are_listed_without_trying_each():
    long = {"d": Facts(Type.DATE, Range(Fraction(-100_000), Fraction(200_000)))}
    assert TRIALS_MAX < 300_000
    month = Call("date_trunc", (Literal("month", Type.STRING), ColumnRef("d", Type.DATE)), Type.DATE)
    listed = domain_of(month, long, 100_000)
    assert len(listed) == FUNCTIONS["date_diff"]("month", -100_000, 200_000) + 1
    assert domain_of(Call("dayname", (ColumnRef("d", Type.DATE),), Type.STRING), long, 7) is not None


def test_days_without_a_text_are_no_keys():
    beyond = {"d": Facts(Type.DATE, Range(Fraction(2_932_890), Fraction(2_932_900)))}
    assert domain_of(ColumnRef("d", Type.DATE), beyond, 100) is None


def test_declarations_become_facts():
    assert column_facts(Column("x", Type.INT, keys=(1, 5))) == Facts(
        Type.INT, Range(Fraction(1), Fraction(5)), frozenset({1, 5})
    )
    assert column_facts(Column("x", Type.STRING, keys=("a", "bcd"))).max_length == 3
    assert column_facts(Column("x", Type.STRING, max_length=9)) == Facts(Type.STRING, max_length=9)
    assert column_facts(Column("x", Type.BOOL)).values == {False, True}
    assert column_facts(Column("x", Type.DATE, keys=("1970-01-02",))).values == {1}
    with pytest.raises(ValueError, match="declared key"):
        column_facts(Column("x", Type.DATE, keys=("no date",)))


def test_a_column_that_is_not_there_has_no_facts():
    with pytest.raises(ValueError, match="no such column"):
        facts_of(ColumnRef("zzz", Type.INT), KNOWN)
    with pytest.raises(ValueError, match="no such column"):
        facts_of(ColumnRef("age", Type.FLOAT), KNOWN)


def test_integers_stay_within_their_limit():
    big = {"x": Facts(Type.INT, Range(Fraction(0), Fraction(2**61)))}
    product = Arithmetic("*", ColumnRef("x", Type.INT), Literal(4, Type.INT), Type.INT)
    facts = facts_of(product, big)
    assert facts.range == Range(Fraction(0), Fraction(2**62 - 1))
    assert facts.nullable
    assert evaluate(product, {"x": 2**61}) is None
    assert evaluate(product, {"x": 2**59}) == 2**61
    assert evaluate(Negation(ColumnRef("x", Type.INT), Type.INT), {"x": -(2**63)}) is None


def test_steps_of_real_expressions():
    step = Fraction(1, 100)
    known = {"c": Facts(Type.FLOAT, Range(Fraction(0), Fraction(10)), granularity=step)}
    column, two = ColumnRef("c", Type.FLOAT), Literal(Fraction(2), Type.FLOAT)
    cases = {"*": step * 2, "/": step / 2, "+": step, "-": step}
    for sign, expected in cases.items():
        assert facts_of(Arithmetic(sign, column, two, Type.FLOAT), known).granularity == expected
    assert facts_of(Arithmetic("*", column, column, Type.FLOAT), known).granularity is None
    assert facts_of(Arithmetic("/", two, column, Type.FLOAT), known).granularity is None


def test_ranges_combine_exactly():
    one, other = Range(Fraction(-2), Fraction(3)), Range(Fraction(1), Fraction(4))
    assert combine("+", one, other) == Range(Fraction(-1), Fraction(7))
    assert combine("-", one, other) == Range(Fraction(-6), Fraction(2))
    assert combine("*", one, other) == Range(Fraction(-8), Fraction(12))
    assert combine("/", one, other) == Range(Fraction(-2), Fraction(3))
    assert combine("/", other, one) is None
    assert combine("+", one, None) is None
