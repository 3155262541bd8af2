"""Aggregates: their primitives, what is shared, the exact sums behind spreads, and what is refused with what advice."""

import statistics
from fractions import Fraction

import pytest
from bound_columns import VISITS, TableColumns, item, parsed
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from sandbox.plan import measured_values, soundness
from sandbox.plan.aggregate_calls import AGGREGATE_NODES, is_aggregate, read_aggregate
from sandbox.plan.aggregate_nodes import FUNCTION_OF, NAMED
from sandbox.plan.aggregates import EXTREMES, Measures
from sandbox.plan.answers import (
    CountOutput,
    KeyOutput,
    MeanOutput,
    Measured,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
    output_type,
)
from sandbox.plan.evaluate import evaluate
from sandbox.plan.facts import Range
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import Case, ColumnRef, Comparison, Literal, type_of
from sandbox.plan.primitives import (
    BRANCHING,
    CountDistinct,
    CountRows,
    CountUnits,
    CountValues,
    SumValues,
    TreeCounts,
    operands_of,
)
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.soundness import check_plan, names_in
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import (
    BoundsMissing,
    PlanNotSupported,
    RangeTooWide,
    RowsNotReleased,
    TooManyGroups,
    TypeMismatch,
    UnitColumnUse,
)

TYPES = {column.name: column.type for column in VISITS.columns}
COST, AGE, WARD = (ColumnRef(name, TYPES[name]) for name in ("cost", "age", "ward"))
NULL_BOOL = Literal(None, Type.BOOL)
ADULT = normalise(Comparison(">", AGE, Literal(18, Type.INT)))
SEX = GroupKey(ColumnRef("sex", Type.STRING), Type.STRING, ("F", "M"))
CITY = GroupKey(ColumnRef("city", Type.STRING), Type.STRING, None, 200)


def measured(*texts: str, keys: tuple[GroupKey, ...] = (), rows: int = 50, groups: int = 1, rows_max: int = 1_000_000):
    """The measures of several aggregates, and the columns that stand for them."""
    query, text = parsed(f"select {', '.join(texts)} from visits")
    measures = Measures(TableColumns(text), keys, ContributionBounds(rows, groups, rows), rows_max)
    return measures, [measures.add(node) for node in query.tree.expressions]


def primitives(*texts: str, **options) -> list:
    return list(measured(*texts, **options)[0].primitives)


def refused(text: str, **options) -> Unanswerable:
    with pytest.raises(Unanswerable) as caught:
        measured(text, **options)
    return caught.value


def works(candidate: str) -> bool:
    """Whether a suggested text is made of aggregates that are measured, or of arithmetic with such, or is a subquery."""
    try:
        query, text = parsed(candidate)
        measures = Measures(TableColumns(text), (), ContributionBounds(50, 1, 50), 1_000_000)
        if query.tree.find(exp.Subquery):
            return True  # shown whole to the block that binds queries
        for node in query.tree.expressions:
            for part in node.walk(prune=is_aggregate):
                if is_aggregate(part):
                    measures.add(part)
    except Unanswerable:
        return False
    return bool(measures.primitives)


def checked(measures: Measures) -> None:
    """The plan of these measures is sound."""
    made = tuple(measures.primitives)
    used = {name for each in made for operand in operands_of(each) for name in names_in(operand)}
    used |= {name for key in measures.keys for name in names_in(key.operand)}
    scan = Scan("clinic", "visits", "", tuple((name, TYPES[name]) for name in sorted(used)), measures.rows_max, 50)
    measurement = Measurement(scan, measures.keys, measures.bounds, made)
    check_plan(Plan("clinic-patients", (measurement,), Measured(0, measures.columns)))


# -- counts -------------------------------------------------------------------------------------------------------------


def where(condition, operand=TRUE):
    return Case(((condition, operand),), Literal(None, type_of(operand)), type_of(operand))


@pytest.mark.parametrize(
    ("text", "primitive"),
    [
        ("count(*)", CountRows()),
        ("count(1)", CountRows()),
        ("count('x')", CountRows()),
        ("count_star()", CountRows()),
        ("count(all cost)", CountValues(COST)),
        ("count(cost)", CountValues(COST)),
        ("count(distinct patient_id)", CountUnits()),
        ("count(distinct (patient_id))", CountUnits()),
        ("approx_count_distinct(patient_id)", CountUnits()),
        ("count(distinct patient_id) filter (where age > 18)", CountUnits(ADULT)),
        ("count(distinct case when age > 18 then patient_id end)", CountUnits(ADULT)),
        ("count(distinct if(age > 18, patient_id, null))", CountUnits(ADULT)),
        ("count(distinct case when true then patient_id end)", CountUnits()),
        ("count(distinct patient_id) filter (where true)", CountUnits()),
        ("count(*) filter (where age > 18)", CountValues(where(ADULT))),
        ("count(*) filter (age > 18)", CountValues(where(ADULT))),
        ("count_if(age > 18)", CountValues(where(ADULT))),
        ("countif(18 < age)", CountValues(where(ADULT))),
        ("count(case when age > 18 then 1 end)", CountValues(where(ADULT))),
        ("count(case when age > 18 then 'adult' else null end)", CountValues(where(ADULT))),
        ("count(cost) filter (where age > 18)", CountValues(where(ADULT, COST))),
        ("count(*) filter (where true)", CountRows()),
        ("count(distinct city)", CountDistinct(ColumnRef("city", Type.STRING), 50)),
        ("approx_count_distinct(city)", CountDistinct(ColumnRef("city", Type.STRING), 50)),
        ("count(distinct sex)", CountDistinct(SEX.operand, 2)),
        ("count(distinct urgent)", CountDistinct(ColumnRef("urgent", Type.BOOL), 2)),
        ("count(distinct ward)", CountDistinct(WARD, 3)),
        ("count(distinct age)", CountDistinct(AGE, 50)),
        ("count(distinct weight)", CountDistinct(ColumnRef("weight", Type.FLOAT), 50)),
        ("count(distinct ward) filter (where age > 18)", CountDistinct(where(ADULT, WARD), 3)),
    ],
)
def test_a_count_is_one_primitive(text, primitive):
    measures, (column,) = measured(text)
    assert list(measures.primitives) == [primitive]
    assert measures.columns == (CountOutput("a1", 0),)
    assert column == ColumnRef("a1", Type.INT)
    checked(measures)


def test_distinct_values_are_capped_by_what_there_can_be_in_all_groups():
    assert primitives("count(distinct sex)", keys=(SEX,), groups=2) == [CountDistinct(SEX.operand, 4)]
    assert primitives("count(distinct ward)", groups=2, keys=(SEX,), rows=5) == [CountDistinct(WARD, 5)]


# -- sums and means -----------------------------------------------------------------------------------------------------


def test_sums_and_means():
    measures, columns = measured("sum(cost)", "avg(cost)", "sum(age)", "mean(age)", "fsum(cost)")
    low, high, cent = Fraction(0), Fraction(5000), Fraction(1, 100)
    assert list(measures.primitives) == [
        SumValues(COST, low, high, Fraction(0), cent),
        SumValues(COST, low, high, Fraction(2500), cent),
        CountValues(COST),
        SumValues(AGE, low, Fraction(110), Fraction(0), Fraction(1)),
        SumValues(AGE, low, Fraction(110), Fraction(55), Fraction(1)),
        CountValues(AGE),
    ]
    assert measures.columns == (
        SumOutput("a1", 0, Type.FLOAT),
        MeanOutput("a2", 1, 2),
        SumOutput("a3", 3, Type.INT),
        MeanOutput("a4", 4, 5),
    )
    assert columns[0] == columns[4]
    assert [column.type for column in columns] == [Type.FLOAT, Type.FLOAT, Type.INT, Type.FLOAT, Type.FLOAT]
    assert measures.facts["a2"].range == Range(low, high)
    checked(measures)


@pytest.mark.parametrize(
    ("text", "low", "high", "step"),
    [
        ("sum(-age)", -110, 0, "1"),
        ("sum(age * ward)", 0, 330, "1"),
        ("sum(cost * 2)", 0, 10000, "1/1000"),
        ("sum(cost / (age + 1))", 0, 5000, "1/1000"),
        ("sum(case when age > 18 then cost end)", 0, 5000, "1/100"),
        ("sum(cost) filter (where age > 18)", 0, 5000, "1/100"),
        ("sum(case when age > 18 then 1 else 0 end)", 0, 1, "1"),
        ("sum(coalesce(cost, 0))", 0, 5000, "1/1000"),
        ("sum(length(city))", 0, 200, "1"),
        ("sum(year(visited))", 2024, 2025, "1"),
        ("sum(1)", 1, 1, "1"),
    ],
)
def test_ranges_follow_expressions(text, low, high, step):
    (found,) = primitives(text)
    assert (found.low, found.high, found.granularity, found.center) == (low, high, Fraction(step), 0)
    checked(measured(text)[0])


def test_one_answer_shares_what_is_equal():
    texts = (
        "avg(cost)",
        "count(cost)",
        "variance(cost)",
        "stddev_pop(cost)",
        "avg(cost)",
        "median(age)",
        "min(age)",
        "max(age)",
    )
    measures, columns = measured(*texts)
    kinds = [type(primitive) for primitive in measures.primitives]
    assert kinds == [SumValues, CountValues, SumValues, TreeCounts]
    assert len(measures.columns) == 7
    assert columns[0] == columns[4]
    assert len({column.name for column in columns}) == 7
    checked(measures)


def test_filter_and_case_are_the_same_question():
    pairs = [
        ("sum(cost) filter (where age > 18)", "sum(case when age > 18 then cost end)"),
        ("avg(age) filter (where urgent)", "avg(case when urgent then age end)"),
        ("median(cost) filter (where urgent)", "median(case when urgent then cost end)"),
        ("count(*) filter (where urgent)", "count_if(urgent)"),
        ("stddev(age) filter (where urgent)", "stddev(case when urgent then age end)"),
        ("var_samp(age)", "variance(age)"),
        ("stddev(age)", "stddev_samp(age)"),
        ("covar_pop(age, age)", "covar_pop(age, age)"),
        ("quantile_cont(age, 0.25)", "percentile_cont(0.75) within group (order by age desc)"),
        ("quantile(age, 1/4)", "percentile_disc(0.25) within group (order by age)"),
        ("median(age)", "approx_quantile(age, 0.5)"),
    ]
    for pair in pairs:
        made = [measured(text)[0] for text in pair]
        assert made[0].primitives == made[1].primitives
        assert made[0].columns == made[1].columns, pair


# -- spreads ------------------------------------------------------------------------------------------------------------

SPREADS = {
    "var_pop": statistics.pvariance,
    "var_samp": statistics.variance,
    "stddev_pop": statistics.pstdev,
    "stddev_samp": statistics.stdev,
}


@pytest.mark.parametrize("function", [*SPREADS, "variance", "stddev"])
def test_a_variance_is_a_sum_a_sum_of_squares_and_a_count(function):
    measures, _ = measured(f"{function}(cost)")
    assert [type(primitive) for primitive in measures.primitives] == [SumValues, SumValues, CountValues]
    (output,) = measures.columns
    assert isinstance(output, SpreadOutput)
    assert (output.first, output.second, output.products, output.first_squares, output.second_squares) == (
        0,
        0,
        1,
        1,
        1,
    )
    total, squares, _ = measures.primitives
    assert (total.low, total.high, total.center) == (0, 5000, 2500)
    assert (squares.low, squares.high, squares.center) == (0, 2500**2, 0)
    checked(measures)


def rows_of():
    return st.lists(
        st.fixed_dictionaries(
            {
                "age": st.none() | st.integers(0, 110),
                "ward": st.none() | st.sampled_from([1, 2, 3]),
                "cost": st.none() | st.integers(0, 500_000).map(lambda cents: cents / 100),
                "urgent": st.none() | st.booleans(),
            }
        ),
        min_size=2,
        max_size=20,
    )


def total(primitive, rows) -> Fraction:
    """The exact value of a sum over rows, less its center, or of a count, by the primitive's words."""
    values = [evaluate(primitive.operand, row) for row in rows]
    known = [Fraction(value) for value in values if value is not None and not isinstance(value, bool | str)]
    if isinstance(primitive, CountValues):
        return Fraction(sum(value is not None for value in values))
    assert all(primitive.low <= value <= primitive.high for value in known)
    return sum((value - primitive.center for value in known), Fraction(0))


@given(rows_of(), st.sampled_from(["age, ward", "age, cost", "cost, cost", "ward, age"]), st.booleans())
def test_the_sums_of_a_spread_give_covariance_and_correlation(rows, pair, filtered):
    text = f"corr({pair})" + (" filter (where urgent)" if filtered else "")
    measures, _ = measured(text)
    checked(measures)
    made, (output,) = list(measures.primitives), measures.columns
    first, second, products, one, other, count = (
        total(made[place], rows)
        for place in (
            output.first,
            output.second,
            output.products,
            output.first_squares,
            output.second_squares,
            output.count,
        )
    )
    left, right = pair.split(", ")
    both = [
        (Fraction(row[left]), Fraction(row[right]))
        for row in rows
        if row[left] is not None and row[right] is not None and (row["urgent"] or not filtered)
    ]
    assert count == len(both)
    if not both:
        return
    means = [sum(values) / count for values in zip(*both, strict=True)]
    near = Fraction(1, 10**6)
    expected = sum((a - means[0]) * (b - means[1]) for a, b in both) / count
    assert abs(products / count - first * second / count**2 - expected) < near
    for squares, side, sums in ((one, 0, first), (other, 1, second)):
        variance = sum((values[side] - means[side]) ** 2 for values in both) / count
        assert abs(squares / count - (sums / count) ** 2 - variance) < near


def test_products_have_their_exact_range_and_a_fitting_step():
    (_, _, products, _) = primitives("covar_pop(age, ward)")
    assert (products.low, products.high, products.granularity) == (-55, 55, 1)
    assert type_of(products.operand) is Type.INT
    (_, _, products, _) = primitives("covar_samp(age, cost)")
    assert (products.low, products.high, products.granularity) == (-137_500, 137_500, Fraction(1, 10))
    assert type_of(products.operand) is Type.FLOAT


# -- quantiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fraction", "extreme"),
    [
        ("median(cost)", "1/2", ""),
        ("quantile_cont(cost, 0.9)", "9/10", ""),
        ("quantile_disc(cost, 1)", "1", ""),
        ("quantile(cost, 1 - 0.75)", "1/4", ""),
        ("percentile_cont(0.1) within group (order by cost)", "1/10", ""),
        ("percentile_cont(0.1) within group (order by cost desc)", "9/10", ""),
        ("quantile_cont(0.1) within group (order by cost)", "1/10", ""),
        ("min(cost)", "1/200", "min"),
        ("max(distinct cost)", "199/200", "max"),
    ],
)
def test_quantiles_read_a_tree(text, fraction, extreme):
    measures, (column,) = measured(text)
    assert list(measures.primitives) == [TreeCounts(COST, Fraction(0), Fraction(5000, 4096), 3, Fraction(5000))]
    assert measures.columns == (QuantileOutput("a1", 0, Fraction(fraction), Type.FLOAT, extreme),)
    assert column.type is Type.FLOAT
    checked(measures)


@pytest.mark.parametrize(
    ("text", "low", "step", "depth", "high"),
    [
        ("median(age)", 0, 1, 2, 110),
        ("median(ward)", 1, 1, 1, 3),
        ("median(5)", 5, 1, 1, 5),
        ("median(age * 100)", 0, 1, 4, 11_000),
        ("median(age * 1000)", 0, 27, 3, 110_000),
        ("median(visited)", 19_723, 1, 3, 20_453),
        ("median(visited::timestamp)", 19_723 * 86_400 * 10**6, 15_398_437_501, 3, 20_453 * 86_400 * 10**6),
        ("median(2.5)", Fraction(5, 2), 1, 1, Fraction(5, 2)),
    ],
)
def test_a_tree_has_a_leaf_for_each_of_a_few_whole_values(text, low, step, depth, high):
    (found,) = primitives(text)
    assert (found.low, found.step, found.depth, found.high) == (low, step, depth, high)
    assert found.low + found.step * found.leaves > high or step == 1
    checked(measured(text)[0])


@given(st.integers(-(10**6), 10**6), st.integers(0, 2**40))
def test_a_tree_covers_its_range(low, size):
    span = Range(Fraction(low), Fraction(low + size))
    made = measured_values.tree(AGE, span)
    assert made.low == low
    assert made.low + made.step * made.leaves > span.high
    assert made.step == 1 or size >= BRANCHING**4
    assert made.step > 1 or made.depth == 1 or BRANCHING ** (made.depth - 1) < size + 1


# -- keys, names, sizes -------------------------------------------------------------------------------------------------


def test_private_keys_are_selected_by_their_units_first():
    measures, _ = measured("count(*)", "count(distinct patient_id)", keys=(SEX, CITY), groups=2)
    assert list(measures.primitives) == [CountUnits(), CountRows()]
    assert measures.key(1) == ColumnRef("k2", Type.STRING)
    assert measures.key(1) == ColumnRef("k2", Type.STRING)
    assert measures.columns == (KeyOutput("k2", 1, Type.STRING), CountOutput("a1", 1), CountOutput("a2", 0))
    checked(measures)
    assert primitives("count(*)", keys=(SEX,), groups=2) == [CountRows()]


def test_every_measured_column_has_facts_of_its_type():
    measures, _ = measured("count(*)", "sum(cost)", "avg(age)", "corr(age, cost)", "min(visited)")
    for output in measures.columns:
        assert measures.facts[output.name].type is output_type(output)
    assert measures.facts["a5"].range == Range(Fraction(19_723), Fraction(20_453))


def test_extremes_are_near_the_ends_and_mirror_each_other():
    assert EXTREMES["min"] + EXTREMES["max"] == 1
    assert EXTREMES["min"] == Fraction("0.005")


def test_limits_are_those_of_soundness():
    assert measured_values.CELLS_MAX == soundness.CELLS_MAX
    assert measured_values.MEASURE_LIMIT == soundness.SIZE_MAX


# -- refusals -----------------------------------------------------------------------------------------------------------

REFUSED = [
    ("count()", PlanNotSupported, "count()"),
    ("count(patient_id)", UnitColumnUse, "count(patient_id)"),
    ("count(null)", TypeMismatch, "count(null)"),
    ("count(distinct 1)", TypeMismatch, "count(distinct 1)"),
    ("count(distinct age, ward)", PlanNotSupported, "count(distinct age, ward)"),
    ("count(distinct *)", PlanNotSupported, "count(distinct *)"),
    ("count(*) filter (where false)", PlanNotSupported, None),
    ("count_if(null)", PlanNotSupported, None),
    ("count(*) filter (where age)", TypeMismatch, "age"),
    ("count(*) filter (where count(*) > 1)", PlanNotSupported, "count(*)"),
    ("sum(*)", PlanNotSupported, "sum(*)"),
    ("sum(city)", TypeMismatch, "city"),
    ("sum(urgent)", TypeMismatch, "urgent"),
    ("sum(null)", TypeMismatch, None),
    ("avg(visited)", TypeMismatch, "visited"),
    ("sum(patient_id)", UnitColumnUse, "patient_id"),
    ("sum(weight)", BoundsMissing, "weight"),
    ("sum(serial)", BoundsMissing, "serial"),
    ("avg(cost / age)", BoundsMissing, "cost / age"),
    ("sum(big)", RangeTooWide, "sum(big)"),
    ("avg(big) filter (where urgent)", RangeTooWide, None),
    ("var_pop(big)", RangeTooWide, "var_pop(big)"),
    ("covar_pop(big, big)", RangeTooWide, "covar_pop(big, big)"),
    ("sum(distinct age)", PlanNotSupported, "sum(distinct age)"),
    ("avg(distinct cost) filter (where urgent)", PlanNotSupported, None),
    ("mean(distinct cost)", PlanNotSupported, "mean(distinct cost)"),
    ("median(distinct cost)", PlanNotSupported, "median(distinct cost)"),
    ("stddev(distinct cost)", PlanNotSupported, "stddev(distinct cost)"),
    ("corr(age, weight)", BoundsMissing, "weight"),
    ("corr(age, city)", TypeMismatch, "city"),
    ("min(city)", TypeMismatch, "city"),
    ("max(urgent)", TypeMismatch, "urgent"),
    ("median(null)", TypeMismatch, None),
    ("median(seen)", BoundsMissing, "seen"),
    ("min(age, 3)", PlanNotSupported, "min(age, 3)"),
    ("sum(age order by ward)", PlanNotSupported, "sum(age order by ward)"),
    ("sum(age ignore nulls)", PlanNotSupported, None),
    ("mean(age, ward)", PlanNotSupported, "mean(age, ward)"),
    ("quantile(cost)", PlanNotSupported, "quantile(cost)"),
    ("quantile_cont(cost, age)", PlanNotSupported, "quantile_cont(cost, age)"),
    ("quantile_cont(cost, 1.5)", PlanNotSupported, "quantile_cont(cost, 1.5)"),
    ("quantile_cont(cost, [0.1, 0.9])", PlanNotSupported, None),
    ("percentile_cont(0.5)", PlanNotSupported, None),
    ("percentile_cont(0.5) within group (order by cost, age)", PlanNotSupported, None),
    ("percentile_cont(cost, 0.5) within group (order by cost)", PlanNotSupported, None),
    ("mode() within group (order by age)", RowsNotReleased, None),
    ("mode(city)", RowsNotReleased, "mode(city)"),
    ("any_value(age)", RowsNotReleased, "any_value(age)"),
    ("first(age)", RowsNotReleased, "first(age)"),
    ("arg_max(age, cost)", RowsNotReleased, "arg_max(age, cost)"),
    ("string_agg(city, ',')", RowsNotReleased, "string_agg(city, ',')"),
    ("list(city)", RowsNotReleased, "list(city)"),
    ("histogram(age)", RowsNotReleased, "histogram(age)"),
    ("bool_and(urgent)", PlanNotSupported, "bool_and(urgent)"),
    ("every(urgent)", PlanNotSupported, "every(urgent)"),
    ("bool_or(age > 3)", PlanNotSupported, "bool_or(age > 3)"),
    ("kurtosis(age)", PlanNotSupported, "kurtosis(age)"),
    ("product(cost)", PlanNotSupported, "product(cost)"),
    ("geomean(cost + 1)", PlanNotSupported, "geomean(cost + 1)"),
    ("regr_slope(cost, age)", PlanNotSupported, "regr_slope(cost, age)"),
    ("regr_r2(cost, age)", PlanNotSupported, "regr_r2(cost, age)"),
    ("sem(cost)", PlanNotSupported, "sem(cost)"),
    ("mad(cost)", PlanNotSupported, "mad(cost)"),
    ("bit_and(age)", PlanNotSupported, "bit_and(age)"),
    ("entropy(city)", PlanNotSupported, "entropy(city)"),
    ("avg(count(age))", PlanNotSupported, "count(age)"),
    ("age", PlanNotSupported, "age"),
]
NO_ADVICE = {
    "count(*) filter (where count(*) > 1)",  # what to write depends on the question
    "sum(patient_id)",
    "corr(age, city)",
    "percentile_cont(0.5)",
    "percentile_cont(cost, 0.5) within group (order by cost)",
}


@pytest.mark.parametrize(("text", "kind", "at"), REFUSED)
def test_a_refused_aggregate_names_the_place_and_what_works(text, kind, at):
    found = refused(text)
    assert type(found.refusal) is kind
    span = found.refusal.span
    sql = f"select {text} from visits"
    assert at is None or sql[span.column - 1 : span.column - 1 + span.length] == at
    assert found.refusal.detail.endswith(".")
    if text not in NO_ADVICE:
        assert any(map(works, found.candidates)), found.candidates


def test_distinct_values_are_summed_per_unit_instead():
    text = "select sum(distinct age) from visits where urgent"
    query, place = parsed(text)
    measures = Measures(TableColumns(place), (), ContributionBounds(50, 1, 50), 1_000_000)
    with pytest.raises(Unanswerable) as caught:
        measures.add(query.tree.expressions[0])
    assert caught.value.candidates[0] == (
        "select sum(v) from (select patient_id, age as v from visits where urgent group by patient_id, age) as each_unit"
    )


def test_quantiles_of_very_many_groups_are_refused():
    wide = GroupKey(AGE, Type.INT, tuple(range(60_000)))
    assert isinstance(refused("median(cost)", keys=(wide,)).refusal, TooManyGroups)
    assert len(primitives("median(age)", keys=(GroupKey(AGE, Type.INT, tuple(range(400_000 // 272))),))) == 1


def test_sums_stay_below_the_limit_at_the_declared_sizes():
    assert len(primitives("sum(big)", rows_max=1)) == 1
    assert isinstance(refused("sum(big)", rows_max=2).refusal, RangeTooWide)


# -- reading ------------------------------------------------------------------------------------------------------------


def test_what_is_no_aggregate_is_not_read():
    for text in ("age", "abs(age)", "coalesce(age, 1)", "lag(age) over ()", "abs(age) filter (where urgent)"):
        node, scope = item(text)
        assert read_aggregate(node, scope) is None
        assert not is_aggregate(node)


def test_every_aggregate_is_reached_and_no_part_of_one_is_ignored():
    """Control: whatever the parser could fill in beside what is read is refused."""
    texts = [
        f"{name}(cost)" for name in ("count", "approx_count_distinct", "sum", "avg", "min", "max", "median", "var_pop")
    ]
    texts += [f"{name}(cost)" for name in ("variance", "stddev_pop", "stddev", "stddev_samp")]
    texts += [f"{name}(age, cost)" for name in ("covar_pop", "covar_samp", "corr")]
    texts += [f"{name}(cost, 0.5)" for name in ("quantile", "approx_quantile", "quantile_cont", "quantile_disc")]
    texts += ["count_if(urgent)", "count(*)"]
    seen: set[type] = set()
    for text in texts:
        node, _ = item(text)
        seen.add(type(node))
        for name in set(node.arg_types) - AGGREGATE_NODES[type(node)]:
            changed, scope = item(text)
            changed.set(name, exp.Literal.string("unexpected"))
            with pytest.raises(Unanswerable):
                read_aggregate(changed, scope)
    assert seen == set(FUNCTION_OF)
    for name in NAMED:
        assert is_aggregate(item(f"{name}(cost)")[0])


@given(
    st.lists(
        st.sampled_from(["count(*)", "sum(cost)", "avg(age)", "median(age)", "corr(age, cost)", "count_if(urgent)"]),
        min_size=1,
        max_size=6,
    )
)
def test_any_mixture_is_a_sound_plan_with_distinct_names(texts):
    measures, columns = measured(*texts, keys=(SEX,), groups=2)
    checked(measures)
    assert len({column.name for column in columns}) == len(set(texts))
