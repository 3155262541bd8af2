"""Declared numbers of different values: how many private groups there can be follows from them."""

from fractions import Fraction
from itertools import product

import hypothesis.strategies as st
from hypothesis import given, settings

from sandbox.plan.compile import compile_query
from sandbox.plan.evaluate import evaluate
from sandbox.plan.fact_finding import facts_of
from sandbox.plan.facts import Facts, combinations, hull
from sandbox.plan.measurement_sizes import counted_bytes
from sandbox.plan.nodes import Arithmetic, Call, Case, ColumnRef, Comparison, Expression, Literal, type_of
from sandbox.plan.query import Plan
from sandbox.terms.dataset import Type
from sandbox.terms.description import parse_description

A, B, T = ColumnRef("a", Type.INT), ColumnRef("b", Type.INT), ColumnRef("t", Type.STRING)
LEAVES = st.sampled_from([A, B, Literal(Fraction(2), Type.INT), Literal(None, Type.INT)])


def wider(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    sums = st.builds(lambda o, x, y: Arithmetic(o, x, y, Type.INT), st.sampled_from("+-*"), inner, inner)
    calls = st.builds(lambda x, y: Call("coalesce", (x, y), Type.INT), inner, inner)
    cases = st.builds(lambda x, y, z: Case(((Comparison("<", x, y), y),), z, Type.INT), inner, inner, inner)
    return st.one_of(sums, calls, cases)


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(LEAVES, wider, max_leaves=6),
    st.sets(st.integers(-1000, 1000), min_size=1, max_size=5),
    st.sets(st.integers(-1000, 1000), min_size=1, max_size=5),
)
def test_no_expression_has_more_values_than_its_facts_say(expression, first, second):
    columns = {"a": Facts(Type.INT, distinct_max=len(first)), "b": Facts(Type.INT, distinct_max=len(second))}
    known = facts_of(expression, columns)
    rows = product([*first, None], [*second, None])
    found = {evaluate(expression, {"a": a, "b": b}) for a, b in rows} - {None}
    assert type_of(expression) is Type.INT
    assert known.distinct is not None
    assert len(found) <= known.distinct


def test_what_is_not_declared_is_not_known():
    columns = {"a": Facts(Type.INT, distinct_max=3), "b": Facts(Type.INT)}
    assert facts_of(A, columns).distinct == 3
    assert facts_of(Arithmetic("+", A, B, Type.INT), columns).distinct is None
    assert facts_of(Arithmetic("+", A, A, Type.INT), columns).distinct == 16
    assert hull([columns["a"], columns["b"]]).distinct is None
    assert hull([columns["a"], columns["a"]]).distinct == 6
    assert combinations([Facts(Type.INT, distinct_max=2**30)] * 5) is None


def text_of(distinct: str) -> str:
    return f"""
[dataset]
name = "shop"
title = "Sales"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = {{ epsilon = "20" }}
[unit_spaces.people]
accounting = "zcdp"
budget = {{ epsilon = "20", delta = "1e-6" }}
buckets = 4
[tables.sales]
unit = "person"
rows_max = 10_000_000
max_rows_per_unit = 30
[tables.sales.columns]
person = {{ type = "int", role = "unit" }}
town = {{ type = "string", max_length = 20{distinct} }}
sex = {{ type = "string", keys = ["F", "M"] }}
"""


def plan_of(distinct: str, query: str) -> Plan:
    return compile_query(query, {"shop": parse_description(text_of(distinct))})


def test_private_groups_cost_memory_for_declared_values_alone():
    query = "select town, count(*) as n from shop.sales group by town"
    (many,) = plan_of("", query).measurements
    (few,) = plan_of(", distinct_max = 500", query).measurements
    (both,) = plan_of(", distinct_max = 500", query.replace("group by town", "group by town, sex")).measurements
    (made,) = plan_of(
        ", distinct_max = 500", "select left(town, 2) as t, count(*) as n from shop.sales group by t"
    ).measurements
    assert many.groups == 10_000_000
    assert (few.groups, few.lines_max) == (500, 500)
    assert both.groups == 1_000
    assert made.groups == 501
    assert counted_bytes(few) < counted_bytes(many) / 10_000
