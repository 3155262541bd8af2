"""From noisy tables to the answer: kinds of columns, their integers after sorting and joining, and no lines at all."""

from dataclasses import replace
from fractions import Fraction

import pytest
from noisy_plans import (
    AGES,
    DAY,
    NO_WARDS,
    SITE,
    SITE_LINES,
    SITE_TABLE,
    SITES,
    WARD_TABLE,
    WARDS,
    a_plan_of,
    a_spec,
    a_spread,
    by_site,
    by_ward,
    column,
    measurement,
    quantiles,
    real,
    tree_of,
    whole,
)

from sandbox.adapters.expected_answer import check_answer
from sandbox.plan.answers import Collected, CountOutput, Derived, Kept, KeyOutput, Matched, Measured, Ordered, Stacked
from sandbox.plan.nodes import Arithmetic, ColumnRef, Comparison
from sandbox.plan.primitives import CountRows
from sandbox.plan.relations import Order
from sandbox.privacy.accuracy import noise_of
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode
from workers.finish import finish
from workers.noisy_table import NoisyTable

N, TOTAL, NAME = (column(SITES, name) for name in ("n", "total", "site"))
OTHERS = Measured(1, (KeyOutput("place", 0, Type.STRING), CountOutput("m", 0)))
OTHER_TABLE = NoisyTable(SITE_LINES, ((7, 8, 9),))
BOTH = (by_site(), measurement(CountRows()))
ON = ((NAME, column(OTHERS, "place")),)


def finished(table, *measurements, noisy=(SITE_TABLE,), mode=Mode.ZCDP):
    """The answer, which is also one that the control plane lets pass and that survives its wire form."""
    plan = a_plan_of(table, *measurements)
    spec = a_spec(plan, mode)
    answer = finish("o_1", plan, spec, noisy)
    check_answer(answer, "o_1", plan, spec)
    assert Answer.from_json(answer.to_json()) == answer
    return {found.name: found for found in answer.columns}


def test_measured_columns_carry_their_integers_and_noise():
    plan = a_plan_of(SITES)
    spec = a_spec(plan)
    assert tuple(finished(SITES).values()) == (
        KeyColumn("site", Type.STRING, ("a", "b", "c")),
        CountColumn("n", (10, -2, 300), noise_of(spec, 0)),
        SumColumn("total", Type.FLOAT, (5_000, -100, 2**60), Fraction(1, 100), noise_of(spec, 1)),
        MeanColumn(
            "mean",
            (100, 0, -600),
            (10, 0, 3),
            Fraction(50),
            Fraction(1, 100),
            Fraction(0),
            Fraction(100),
            noise_of(spec, 2),
            noise_of(spec, 3),
        ),
    )
    assert finished(SITES, mode=Mode.PURE)["n"].noise.mechanism == "discrete laplace"


def test_sorted_and_cut_lines_keep_their_own_integers():
    top = Ordered(SITES, (Order(N, True, False),), 2, 0)
    found = finished(Derived(top, (("who", NAME), ("n", N), ("t", TOTAL))))
    assert (found["who"].values, found["n"].integers, found["t"].integers) == (("c", "a"), (300, 10), (2**60, 5_000))


def test_having_may_leave_no_line():
    few = Kept(SITES, Comparison(">", N, whole(1_000)))
    found = finished(few)
    assert all(item.numbers() == () for item in found.values())
    assert found["mean"].totals == ()
    assert finished(Kept(SITES, Comparison("<", N, whole(0))))["site"].values == ("b",)


def test_arithmetic_is_computed_and_says_its_noise():
    percent = Arithmetic("*", N, real(Fraction(1, 2)), Type.FLOAT)
    ratio = Arithmetic("/", TOTAL, Arithmetic("+", N, whole(2), Type.INT), Type.FLOAT)
    found = finished(Derived(SITES, (("half", percent), ("ratio", ratio))))
    spec = a_spec(a_plan_of(SITES))
    assert found["half"] == ComputedColumn(
        "half", Type.FLOAT, ("5.0", "-1.0", "150.0"), "computed from noisy values", noise_of(spec, 0), Fraction(1, 2)
    )
    assert found["ratio"].numbers() == (50 / 12, None, 2**60 / 100 / 302)
    assert found["ratio"].noise is None


def test_joined_answers_keep_the_integers_of_both():
    found = finished(Matched(SITES, OTHERS, "inner", ON), *BOTH, noisy=(SITE_TABLE, OTHER_TABLE))
    assert (found["n"].integers, found["m"].integers) == ((10, -2, 300), (7, 8, 9))
    assert found["m"].noise == noise_of(a_spec(a_plan_of(SITES, *BOTH)), 4)


def test_an_outer_join_has_nulls_where_nothing_matched():
    wards = Measured(1, (KeyOutput("ward", 0, Type.STRING), CountOutput("m", 1)))
    on = ((NAME, ColumnRef("ward", Type.STRING)),)
    selected = NoisyTable((("b",),), ((50,), (60,)))
    measurements = (by_site(), by_ward())
    found = finished(Matched(SITES, wards, "left", on), *measurements, noisy=(SITE_TABLE, selected))
    assert found["ward"] == KeyColumn("ward", Type.STRING, (None, "b", None))
    assert found["m"] == ComputedColumn("m", Type.INT, (None, "60", None), "noisy count")
    nothing = finished(Matched(SITES, wards, "inner", on), *measurements, noisy=(SITE_TABLE, NO_WARDS))
    assert nothing["n"].integers == ()


def test_unions_and_aggregates_of_answers_are_computed():
    both = Stacked((Derived(SITES, (("k", NAME), ("v", N))), OTHERS))
    found = finished(both, *BOTH, noisy=(SITE_TABLE, OTHER_TABLE))
    assert found["k"].values == ("a", "b", "c") * 2
    assert found["v"].numbers() == (10, -2, 300, 7, 8, 9)
    mean = finished(Collected(SITES, (), (("m", "avg", N, Type.FLOAT), ("l", "count_rows", None, Type.INT))))
    assert (mean["m"].numbers(), mean["l"].numbers()) == ((308 / 3,), (3,))


def test_selected_groups_are_as_many_as_came():
    assert finished(WARDS, by_ward(), noisy=(WARD_TABLE,))["ward"].values == ("east", "west")
    nothing = finished(WARDS, by_ward(), noisy=(NO_WARDS,))
    assert nothing["ward"] == KeyColumn("ward", Type.STRING, ())
    assert nothing["rows"].integers == ()
    cut = Ordered(WARDS, (Order(column(WARDS, "rows"), True, False),), 1, 0)
    assert finished(cut, by_ward(), noisy=(WARD_TABLE,))["ward"].values == ("west",)


def test_days_are_numbers_inside_and_text_outside():
    days = Measured(0, (KeyOutput("day", 0, Type.DATE), CountOutput("n", 0)))
    table = NoisyTable((("2026-01-01",), ("2026-01-02",)), ((1, 2),))
    later = Kept(days, Comparison("=", ColumnRef("day", Type.DATE), replace(whole(20_455), type=Type.DATE)))
    assert finished(later, measurement(CountRows(), keys=(DAY,)), noisy=(table,))["day"].values == ("2026-01-02",)
    last = Collected(days, (), (("last", "max", ColumnRef("day", Type.DATE), Type.DATE),))
    found = finished(last, measurement(CountRows(), keys=(DAY,)), noisy=(table,))["last"]
    assert (found.values, found.numbers()) == (("2026-01-02",), ("2026-01-02",))


def test_quantiles_of_each_group_are_searched_in_its_own_tree():
    leaves = [[0] * 256, [0] * 256, [0] * 256]
    leaves[0][10], leaves[1][20] = 100, 100
    vector = tuple(count for each in leaves for count in tree_of(AGES, each))
    table = quantiles(("least", Fraction(1, 200), "min"), ("median", Fraction(1, 2), ""))
    found = finished(table, measurement(AGES), noisy=(NoisyTable(SITE_LINES, (vector,)),))
    assert found["median"].values == ("10", "20", None)
    assert found["least"].meaning == "quantile 0.005, in place of the minimum"


@pytest.mark.parametrize(
    ("function", "value"),
    [("covar_pop", 50.0), ("corr", 1.0), ("var_pop", 50.0), ("stddev_samp", (50 * 10 / 9) ** 0.5)],
)
def test_spreads_come_from_their_sums(function, value):
    plan, output = a_spread(function)
    vectors = ((100,), (100,), (1_500,), (1_500,), (1_500,), (10,))
    found = finished(plan.answer, *plan.measurements, noisy=(NoisyTable(((),), vectors),))[output.name]
    assert found.numbers() == (pytest.approx(value),)
    assert found.meaning == f"{function} of noisy sums"


@pytest.mark.parametrize(
    "noisy",
    [
        (),
        (SITE_TABLE, SITE_TABLE),
        (replace(SITE_TABLE, lines=SITE_LINES[:2]),),
        (replace(SITE_TABLE, vectors=SITE_TABLE.vectors[:3]),),
        (replace(SITE_TABLE, vectors=((1, 2), *SITE_TABLE.vectors[1:])),),
        (replace(SITE_TABLE, lines=(("a", 1), ("b", 1), ("c", 1))),),
    ],
)
def test_tables_of_another_plan_are_refused(noisy):
    plan = a_plan_of(SITES)
    with pytest.raises(ValueError, match=r"fit|declared"):
        finish("o", plan, a_spec(plan), noisy)
    with pytest.raises(ValueError, match="fit"):
        finish("o", plan, replace(a_spec(plan), vectors=()), (SITE_TABLE,))


def test_the_same_measurement_can_be_shown_twice():
    again = Derived(SITES, (("other", NAME), ("n2", N)))
    joined = Matched(SITES, again, "inner", ((NAME, ColumnRef("other", Type.STRING)),))
    found = finished(joined)
    assert found["n"].integers == found["n2"].integers == (10, -2, 300)
    assert SITE.values == found["other"].values
