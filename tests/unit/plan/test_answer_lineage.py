"""What the plan alone says of an answer's columns and of how many lines it has."""

from fractions import Fraction

import pytest
from noisy_plans import (
    AGES,
    SITE,
    SITES,
    WARDS,
    a_plan_of,
    a_spread,
    by_site,
    by_ward,
    column,
    measurement,
    quantiles,
    real,
    whole,
)

from sandbox.plan.answer_lines import is_open, lines_between
from sandbox.plan.answers import Collected, CountOutput, Derived, Kept, KeyOutput, Matched, Measured, Ordered, Stacked
from sandbox.plan.lineage import FROM_KEYS, FROM_NOISE, Labels, Made, Passed, Scaled, lineage, meaning_of, vector_of
from sandbox.plan.nodes import Arithmetic, Call, ColumnRef, Comparison, Literal, Negation, NullTest
from sandbox.plan.primitives import CountRows
from sandbox.plan.relations import Order
from sandbox.terms.dataset import Type

N, TOTAL, MEAN, NAME = (column(SITES, name) for name in ("n", "total", "mean", "site"))
MANY = Comparison(">", N, whole(5))
OTHERS = Measured(1, (KeyOutput("place", 0, Type.STRING), CountOutput("m", 0)))
BOTH = (by_site(), measurement(CountRows()))
PLACE = column(OTHERS, "place")


def origin(expression, table=SITES, *measurements):
    return lineage(a_plan_of(Derived(table, (("x", expression),)), *measurements))["x"]


def test_measured_columns_pass_through_what_drops_and_sorts_lines():
    plain = lineage(a_plan_of(SITES))
    assert plain == {output.name: Passed(0, 0, output) for output in SITES.columns}
    for table in (Kept(SITES, MANY), Ordered(SITES, (Order(N, True, False),), 2, 0)):
        assert lineage(a_plan_of(table)) == plain
    assert origin(TOTAL) == plain["total"]
    assert (
        lineage(a_plan_of(Derived(Derived(SITES, (("a", N),)), (("b", ColumnRef("a", Type.INT)),))))["b"] == plain["n"]
    )


@pytest.mark.parametrize(
    ("expression", "vector", "step"),
    [
        (Negation(N, Type.INT), 0, 1),
        (Arithmetic("+", N, whole(7), Type.INT), 0, 1),
        (Arithmetic("-", whole(7), N, Type.INT), 0, 1),
        (Arithmetic("*", N, whole(-3), Type.INT), 0, 3),
        (Arithmetic("*", Negation(whole(3), Type.INT), N, Type.INT), 0, 3),
        (Arithmetic("/", N, whole(4), Type.FLOAT), 0, Fraction(1, 4)),
        (Arithmetic("*", TOTAL, real(2), Type.FLOAT), 1, Fraction(2, 100)),
        (Arithmetic("*", Call("cast_float", (N,), Type.FLOAT), real(Fraction(1, 2)), Type.FLOAT), 0, Fraction(1, 2)),
        (Arithmetic("+", Arithmetic("*", N, whole(3), Type.INT), whole(1), Type.INT), 0, 3),
    ],
)
def test_multiples_of_one_noisy_integer_know_their_noise(expression, vector, step):
    assert origin(expression) == Scaled(0, vector, Fraction(step))
    assert meaning_of(origin(expression)) == FROM_NOISE


@pytest.mark.parametrize(
    "expression",
    [
        Arithmetic("+", N, N, Type.INT),
        Arithmetic("*", N, N, Type.INT),
        Arithmetic("/", whole(1), N, Type.FLOAT),
        Arithmetic("/", TOTAL, N, Type.FLOAT),
        Arithmetic("/", N, whole(0), Type.FLOAT),
        Arithmetic("*", N, whole(0), Type.INT),
        Arithmetic("*", N, Literal(None, Type.INT), Type.INT),
        Arithmetic("*", MEAN, real(2), Type.FLOAT),
        Call("abs", (N,), Type.INT),
        MANY,
    ],
)
def test_any_other_computation_has_no_known_noise(expression):
    assert origin(expression) == Made(FROM_NOISE, True)


def test_what_reads_no_noise_says_so():
    assert origin(Call("upper", (NAME,), Type.STRING)) == Made(FROM_KEYS, False)
    assert origin(whole(1)) == Made(FROM_KEYS, False)
    assert origin(NullTest(NAME)) == Made(FROM_KEYS, False)


def test_quantiles_and_spreads_say_what_they_are():
    half, low = ("a", Fraction(1, 2), ""), ("b", Fraction(1, 200), "min")
    high, odd = ("c", Fraction(199, 200), "max"), ("d", Fraction(1, 3), "")
    found = lineage(a_plan_of(quantiles(half, low, high, odd), measurement(AGES, keys=())))
    assert [meaning_of(item) for item in found.values()] == [
        "quantile 0.5",
        "quantile 0.005, in place of the minimum",
        "quantile 0.995, in place of the maximum",
        "quantile 1/3",
    ]
    assert lineage(a_spread("corr")[0])["s"] == Made("corr of noisy sums", True)


def test_a_joined_answer_keeps_both_sides_apart():
    inner = Matched(SITES, OTHERS, "inner", ((NAME, PLACE),))
    found = lineage(a_plan_of(inner, *BOTH))
    assert found["n"] == Passed(0, 0, CountOutput("n", 0))
    assert found["m"] == Passed(1, 1, CountOutput("m", 0))
    assert vector_of(a_plan_of(inner, *BOTH), 1, 0) == 4


def test_an_outer_join_makes_its_right_side_computed():
    found = lineage(a_plan_of(Matched(SITES, OTHERS, "left", ((NAME, PLACE),)), *BOTH))
    assert found["n"] == Passed(0, 0, CountOutput("n", 0))
    assert (found["place"], found["m"]) == (Labels(), Made("noisy count", True))
    tripled = Derived(OTHERS, (("p", PLACE), ("m", Arithmetic("*", column(OTHERS, "m"), whole(3), Type.INT))))
    on = ((NAME, ColumnRef("p", Type.STRING)),)
    assert lineage(a_plan_of(Matched(SITES, tripled, "left", on), *BOTH))["m"] == Made(FROM_NOISE, True)


def test_a_union_keeps_what_all_parts_agree_in():
    both = Stacked((Derived(SITES, (("k", NAME), ("v", N))), OTHERS))
    assert lineage(a_plan_of(both, *BOTH)) == {"k": Labels(), "v": Made("noisy count", True)}
    mixed = Stacked((Derived(SITES, (("v", TOTAL),)), Derived(SITES, (("w", MEAN),))))
    assert lineage(a_plan_of(mixed)) == {"v": Made(FROM_NOISE, True)}
    keyed = Stacked((Derived(SITES, (("v", NAME),)), Derived(SITES, (("w", Literal("all", Type.STRING)),))))
    assert lineage(a_plan_of(keyed)) == {"v": Made(FROM_KEYS, False)}
    # After a union lines are no longer told apart: a key or a count of it is what it was, but not one table's line.
    assert lineage(a_plan_of(Derived(both, (("z", ColumnRef("v", Type.INT)),)), *BOTH))["z"] == Made(
        "noisy count", True
    )


def test_an_aggregate_of_an_answer_is_noisy_where_its_lines_or_values_are():
    def of(table, *measurements):
        aggregates = (("lines", "count_rows", None, Type.INT), ("top", "max", column(SITES, "n"), Type.INT))
        return lineage(a_plan_of(Collected(table, (("k", NAME),), aggregates), *measurements))

    assert of(SITES) == {
        "k": Labels(),
        "lines": Made("count_rows of lines of noisy answers", True),
        "top": Made("max of lines of noisy answers", True),
    }
    first = (("f", "first", column(SITES, "site"), Type.STRING),)
    assert lineage(a_plan_of(Collected(SITES, (), first)))["f"] == Made("first of lines of noisy answers", False)
    assert lineage(a_plan_of(Collected(Kept(SITES, MANY), (), first)))["f"] == Made(
        "first of lines of noisy answers", True
    )


# -- lines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "least", "most"),
    [
        (SITES, 3, 3),
        (Derived(SITES, (("n", N),)), 3, 3),
        (Kept(SITES, MANY), 0, 3),
        (Ordered(SITES, (), 2, 0), 2, 2),
        (Ordered(SITES, (), None, 2), 1, 1),
        (Ordered(SITES, (), 5, 9), 0, 0),
        (Ordered(Kept(SITES, MANY), (), 2, 0), 0, 2),
        (Matched(SITES, OTHERS, "inner", ((NAME, PLACE),)), 0, 3),
        (Matched(SITES, OTHERS, "left", ((NAME, PLACE),)), 3, 3),
        (Matched(SITES, OTHERS, "inner", ((N, column(OTHERS, "m")),)), 0, 9),
        (Matched(SITES, OTHERS, "left", ((N, column(OTHERS, "m")),)), 3, 12),
        (Matched(SITES, OTHERS, "left", ((NAME, Call("upper", (PLACE,), Type.STRING)),)), 3, 6),
        (Matched(SITES, OTHERS, "cross", ()), 9, 9),
        (Stacked((SITES, SITES)), 6, 6),
        (Collected(SITES, (), ()), 1, 1),
        (Collected(Kept(SITES, MANY), (), ()), 1, 1),
        (Collected(SITES, (("k", NAME),), ()), 1, 3),
        (Collected(Kept(SITES, MANY), (("k", NAME),), ()), 0, 3),
    ],
)
def test_lines_follow_from_the_plan(table, least, most):
    plan = a_plan_of(table, *BOTH)
    assert lines_between(plan) == (least, most)
    assert not is_open(plan)


def test_the_lines_of_selected_groups_are_open_unless_something_closes_them():
    plan = a_plan_of(WARDS, by_ward())
    assert (lines_between(plan), is_open(plan)) == ((0, 1_000), True)
    for table, most in ((Ordered(WARDS, (), 10, 0), 10), (Collected(WARDS, (), ()), 1)):
        closed = a_plan_of(table, by_ward())
        assert (lines_between(closed)[1], is_open(closed)) == (most, False)
    for table in (Kept(WARDS, Comparison(">", column(WARDS, "rows"), whole(1))), Stacked((WARDS, WARDS))):
        assert is_open(a_plan_of(table, by_ward()))
    assert measurement(CountRows(), keys=(SITE, SITE)).groups == 9
