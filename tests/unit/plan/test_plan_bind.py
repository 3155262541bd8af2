"""What accepted queries become."""

from dataclasses import replace
from fractions import Fraction

import pytest
from plan_examples import BOTH, CLINIC

from sandbox.plan.answers import CountOutput, KeyOutput, MeanOutput, SumOutput
from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import ContributionBounds, GroupKey
from sandbox.plan.nodes import ColumnRef, Literal
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.relations import Filter, Scan
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import NotAnswerable

COST = ColumnRef("cost", Type.FLOAT)


def plan(sql, datasets=CLINIC):
    return compile_query(sql, datasets)


def measured(sql, datasets=CLINIC):
    (only,) = plan(sql, datasets).measurements
    return only


def where(sql):
    relation = measured(sql).relation
    assert isinstance(relation, Filter)
    return relation.predicate


def test_a_unit_brings_no_more_rows_than_the_table_has():
    (clinic,) = CLINIC.values()
    (visits,) = (table for table in clinic.tables if table.name == "visits")
    small = replace(clinic, tables=(replace(visits, rows_max=20),))
    made = measured("select sex, count(*) from clinic.visits group by sex", {"clinic": small})
    assert made.bounds == ContributionBounds(20, 2, 20)


def test_the_whole_of_a_plan():
    made = plan(
        "select sex, count(*) as n, avg(cost), sum(cost), count(distinct patient_id) from clinic.visits group by sex"
    )
    assert made.unit_space == "clinic-patients"
    assert made.answer.columns == (
        KeyOutput("sex", 0, Type.STRING),
        CountOutput("n", 0),
        MeanOutput("avg_cost", 1, 2),
        SumOutput("sum_cost", 3, Type.FLOAT),
        CountOutput("count_patient_id", 4),
    )
    (made,) = made.measurements
    columns = (("cost", Type.FLOAT), ("sex", Type.STRING))
    assert made.relation == Scan("clinic", "visits", "", columns, 1_000_000, 50)
    assert made.keys == (GroupKey(ColumnRef("sex", Type.STRING), Type.STRING, ("F", "M")),)
    assert made.bounds == ContributionBounds(50, 2, 50)
    bounds = (Fraction(0), Fraction(5000))
    assert made.primitives == (
        CountRows(),
        SumValues(COST, *bounds, Fraction(2500), Fraction(1, 100)),
        CountValues(COST),
        SumValues(COST, *bounds, Fraction(0), Fraction(1, 100)),
        CountUnits(),
    )


def test_equal_measurements_are_made_once():
    made = plan("select avg(cost), count(cost), avg(cost) as again, count(*), count(1) from clinic.visits")
    assert len(made.primitives) == 3
    assert list(made.columns) == ["avg_cost", "count_cost", "again", "count", "count_2"]


def test_groups_bound_what_one_unit_touches():
    assert measured("select count(*) from clinic.visits").bounds.groups == 1
    assert measured("select count(*) from clinic.visits group by sex, ward, day, urgent").bounds.groups == 10
    assert measured("select count(*) from clinic.visits group by ward").bounds.groups == 3


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("ward", (1, 2, 3)),
        ("day", ("2024-01-01", "2024-01-02")),
        ("urgent", (False, True)),
        ("sex", ("F", "M")),
    ],
)
def test_keys_of_every_type(column, values):
    assert measured(f"select count(*) from visits group by {column}").keys[0].values == values


@pytest.mark.parametrize(
    "sql",
    [
        "select v.sex as s, count(*) as n from clinic.visits as v group by v.sex",
        "select sex s, count(*) n from visits group by s",
        "SELECT Sex AS S, COUNT(*) AS N FROM Clinic.Visits GROUP BY 1",
        'select "sex" as "s", count(*) as "n" from "clinic"."visits" group by (sex)',
        "select clinic.visits.sex s, (count(*)) n from clinic.visits group by visits.sex;",
        "select sex as s, count(*) as n -- comment\nfrom visits /* more */ group by sex, sex",
        "from clinic.visits select sex as s, count(*) as n group by sex",
    ],
)
def test_spellings_of_one_question(sql):
    assert plan(sql) == plan("select sex as s, count(*) as n from clinic.visits group by sex")


def test_a_column_name_comes_before_an_alias():
    with pytest.raises(NotAnswerable) as found:
        plan("select sex as age, count(*) from visits group by age")
    assert found.value.code == "rows-not-released"


def test_an_unqualified_table_of_one_visible_dataset():
    assert plan("select count(*) from stays", BOTH).datasets == ("my-other",)
    assert plan('select count(*) from "my-other".stays', BOTH).tables == (("my-other", "stays"),)


def test_moments():
    made = plan("select count(*) from visits where visited = date '1970-01-11' and seen > '1970-01-01T00:00:01+00:00'")
    text = str(made.measurements)
    assert "value=10, type=<Type.DATE" in text
    assert "value=1000000, type=<Type.TIMESTAMP" in text
    same = plan("select count(*) from visits where seen > timestamp '1970-01-01 00:00:01' and '1970-01-11' = visited")
    assert same == made
    midnight = where("select count(*) from visits where seen > date '1970-01-02'")
    assert midnight.right == Literal(86_400_000_000, Type.TIMESTAMP)


def test_numbers_are_exact():
    found = where("select count(*) from visits where cost > 0.1 and age > 1e1")
    assert {operand.right for operand in found.operands} == {
        Literal(Fraction(1, 10), Type.FLOAT),
        Literal(10, Type.INT),
    }


def summed(expression):
    return measured(f"select sum({expression}) from visits").primitives[0]


@pytest.mark.parametrize(
    ("expression", "low", "high", "step"),
    [
        ("age", 0, 110, 1),
        ("-age", -110, 0, 1),
        ("age - 10", -10, 100, 1),
        ("age * (age - 100)", -11000, 1100, 1),
        ("ward", 1, 3, 1),
        ("ward * -2", -6, -2, 1),
        ("7", 7, 7, 1),
        ("cost / 10", 0, 500, Fraction(1, 10_000)),
        ("cost / (age + 1)", 0, 5000, Fraction(1, 1000)),
        ("age / 4", 0, Fraction(55, 2), Fraction(1, 100_000)),
        ("cost + 1000000000000000000", 10**18, 10**18 + 5000, 10**6),
    ],
)
def test_ranges_and_steps(expression, low, high, step):
    primitive = summed(expression)
    assert (primitive.low, primitive.high, primitive.center) == (low, high, 0)
    assert primitive.granularity == step


def test_default_steps_are_fine_and_bounded():
    for expression in ("cost / 7", "cost * cost", "cost * 0.001", "cost - 2500", "cost * cost * cost * cost"):
        primitive = summed(expression)
        assert primitive.granularity <= (primitive.high - primitive.low) / 2**20
        assert primitive.magnitude <= 2**40


def test_the_center_of_a_mean_lies_on_the_grid_inside_the_range():
    for expression in ("age", "ward", "cost", "cost / 3", "1.5", "0.5 * ward"):
        primitive = measured(f"select avg({expression}) from visits").primitives[0]
        assert primitive.low <= primitive.center <= primitive.high
        on_grid = (primitive.center / primitive.granularity).denominator == 1
        assert on_grid or primitive.center in (primitive.low, primitive.high)


@pytest.mark.parametrize("name", ['"Näme"', '"a b"', '"select"'])
def test_quoted_names_of_outputs_are_kept(name):
    assert plan(f"select count(*) as {name} from visits").answer.columns[0].name == name.strip('"')
