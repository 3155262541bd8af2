"""Plans in words and as pictures: every node, both languages, nothing that only the plan knows by name."""

import re
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from plan_examples import SHOP

from sandbox.plan.answers import AnswerTable, Matched, Measured, MeasuredColumn, answer_sources
from sandbox.plan.compile import compile_query
from sandbox.plan.explain import explain, steps
from sandbox.plan.explain_columns import LONGEST
from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.nodes import Call, ColumnRef, Comparison, Literal, Not, NullTest, type_of
from sandbox.plan.picture import picture, text_width
from sandbox.plan.primitives import Primitive
from sandbox.plan.relations import Filter, Join, Relation, sources_of
from sandbox.plan.rendering import render
from sandbox.terms.dataset import Type

SVG = "{http://www.w3.org/2000/svg}"
LONG = "case when age < 18 then 'a child of the city' when age < 65 then 'somebody who may work' else 'a pensioner of the city' end"
QUERIES = {
    "filtered": "select sex, count(*) as n, median(cost), avg(age) from clinic.visits where age > 5 group by sex"
    " order by n desc limit 3 offset 1",
    "private key": "select city, count(*) as n, sum(cost) from visits group by city having count(*) > 50",
    "per unit": "select avg(n) from (select patient_id, count(*) as n, max(cost) as m from visits group by patient_id)"
    " where m > 5",
    "per unit and key": "select ward, avg(n) from (select patient_id, ward, count(*) as n from visits"
    " group by patient_id, ward) group by ward",
    "chain": "select n_name, sum(l_price * l_count) from line join orders on l_order = o_id"
    " join customer on o_customer = c_id join nation on c_nation = n_id where o_day >= '2022-01-01' group by n_name",
    "windows": "select avg(d) from (select age - lag(age, 2) over (partition by patient_id, ward order by visited desc) as d,"
    " row_number() over (partition by patient_id order by visited) as r from visits) where r > 1",
    "shares": "with a as (select sex, count(*) as n from visits group by sex), b as (select sum(n) as t from a)"
    " select a.sex, a.n / b.t as share from a cross join b",
    "united": "select k, count(*) from (select c_nation as k from customer union all select ward as k from visits)"
    " group by k",
    "exists": "select count(*) from customer c where exists (select 1 from orders o where o.o_customer = c.c_id"
    " and o.o_total > 100)",
    "not exists": "select count(*) from customer c where not exists (select 1 from orders o where o.o_customer = c.c_id)",
    "aggregates": "select case when age < 18 then 'child' else 'adult' end as who, count(distinct patient_id),"
    " count(distinct city), count(cost), stddev(cost), min(age), max(visited), quantile_cont(cost, 0.9), corr(age, cost),"
    " count(*) filter (where urgent), count(distinct patient_id) filter (where urgent) from visits group by 1",
    "stacked": "select c_segment, count(*) from customer left join orders on o_customer = c_id group by c_segment"
    " union all select 'all', count(*) from orders",
    "matched": "with a as (select sex, count(*) as n from visits group by sex), b as (select sex, sum(cost) as s"
    " from visits group by sex) select a.sex, s / n as each from a join b on a.sex = b.sex",
    "matched left": "with a as (select ward, count(*) as n from visits group by ward), b as (select ward, sum(cost) as s"
    " from visits where ward > 1 group by ward) select a.ward, s / n as each from a left join b on a.ward = b.ward",
    "matched full": "select ward, n, s from (select ward, count(*) as n from visits group by ward) a full join"
    " (select ward, sum(cost) as s from visits where ward > 1 group by ward) b using (ward)",
    "beside public": "select n_name, n from (select c_nation, count(*) as n from customer group by 1) a"
    " join nation on n_id = c_nation where n = (select max(cost) from visits)",
    "full join": "select count(*) from customer full join orders on o_customer = c_id",
    "collected": 'select big, count(*) as groups, sum(n) as "all" from (select ward, sex, n, n > 10 as big from'
    " (select ward, sex, count(*) as n from visits group by ward, sex)) group by big",
    "self join": "select count(*) from visits a join visits b on a.patient_id = b.patient_id and a.visited = b.visited"
    " where a.age < b.age",
    "deciles": "select sex, quantile_cont(cost, 0.9) - quantile_cont(cost, 0.1) as spread from visits group by sex",
    "long": f"select {LONG} as who, count(*) as n, avg(cost) from visits group by 1 having avg(cost) > 5 order by 1",
    "long inside": f"select k, avg(n) from (select patient_id, k, count(*) as n from (select patient_id, upper({LONG}) as k"
    " from visits) group by patient_id, k) group by k",
}  # fmt: skip
PLANS = {name: compile_query(sql, SHOP) for name, sql in QUERIES.items()}
INTERNAL = re.compile(r"#\d|\bt\d+\.|\ba\d+\b")
CHINESE = re.compile("[\u4e00-\u9fff]")

every_plan = pytest.mark.parametrize("name", PLANS)
both = pytest.mark.parametrize("language", ["en", "zh"])


def relations(relation):
    return [relation, *(found for source in sources_of(relation) for found in relations(source))]


def tables(table):
    return [table, *(found for source in answer_sources(table) for found in tables(source))]


def test_the_examples_have_every_node():
    measurements = [measurement for plan in PLANS.values() for measurement in plan.measurements]
    nodes = [node for measurement in measurements for node in relations(measurement.relation)]
    answers = [table for plan in PLANS.values() for table in tables(plan.answer)]
    measured = [column for table in answers if isinstance(table, Measured) for column in table.columns]
    assert {type(node) for node in nodes} == set(get_args(Relation))
    assert {node.kind for node in nodes if isinstance(node, Join)} == {"inner", "left", "semi", "anti"}
    assert {type(table) for table in answers} == set(get_args(AnswerTable))
    assert {table.kind for table in answers if isinstance(table, Matched)} == {"inner", "left", "full", "cross"}
    assert {type(column) for column in measured} == set(get_args(MeasuredColumn))
    assert {type(item) for plan in PLANS.values() for item in plan.primitives} == set(get_args(Primitive))
    assert {measurement.selected for measurement in measurements} == {True, False}


@every_plan
@both
def test_nothing_is_called_by_a_name_of_the_plan_s_own(name, language):
    plan = PLANS[name]
    lines = explain(plan, language)
    for line in lines:
        assert INTERNAL.search(line) is None, line
        assert line.endswith("。" if language == "zh" else ".") or (line[-1] in ":：" and len(plan.measurements) > 1)
        assert bool(CHINESE.search(line)) is (language == "zh"), line
    joined = " ".join(lines)
    assert "{" not in joined
    assert all(f"{dataset}.{table}" in joined for dataset, table in plan.tables)


def test_the_words_of_internal_names_are_found():
    """The control: names of the plan's own are in these plans, and the search finds them."""
    raw = [render(ColumnRef(name, Type.INT)) for name in ("#3", "t2.o_day", "a1")]
    assert all(INTERNAL.search(f"computes {text} here") for text in raw)
    assert any("#" in column for plan in PLANS.values() for table in tables(plan.answer)
               for column in (item.name for item in getattr(table, "columns", ()) if hasattr(item, "name")))  # fmt: skip


def test_one_plan_in_full():
    assert explain(PLANS["filtered"]) == [
        "Reads the table clinic.visits, of at most 1,000,000 rows.",
        "Keeps the rows where age > 5.",
        "Groups by sex (2 public keys): 2 groups, all of them in the answer.",
        (
            "Measures, with noise: the number of rows; the quantiles of cost from 0 to 5,000, by a tree of counts with 4,096"
            " leaves; the sum of age, clamped to [0, 110], less 55 each, in steps of 1; how many values age has."
        ),
        "Of each unit of clinic-patients, at most 50 of its rows count, in at most 2 of the groups.",
        "Sorts the noisy answer by count(*) DESC. Leaves out its first 1 lines. Returns its first 3 lines.",
        "From the noisy numbers, computes sex, n = count(*), median_cost = median(cost), avg_age = avg(age).",
    ]
    assert explain(PLANS["filtered"], "xx") == explain(PLANS["filtered"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("private key", "Of the noisy answer, keeps the lines where count(*) > 50."),
        ("private key", "Groups by city (private keys); a group shows if its noisy number of units is above"),
        ("per unit", "Makes one row of each unit's rows: count(*), max(cost)."),
        ("per unit", "Keeps the rows where max(cost) > 5.0."),
        ("windows", "Adds to each row lag(age, 2) OVER (PARTITION BY ward ORDER BY visited DESC), over the rows of its unit."),
        ("chain", "Joins each row with the rows of the public table where c_nation = n_id, of a unit at most 200 rows."),
        ("united", "Groups by (c_nation or ward) (25 public keys)"),
        ("aggregates", "the quantiles of visited from DATE '2024-01-01' to DATE '2025-12-31', by a tree"),
        ("aggregates", "the number of rows where urgent"),
        ("deciles", "spread = quantile(cost, 0.9) - quantile(cost, 0.1)"),
        ("matched", "Joins each line of a noisy answer with the lines of another where sex = sex."),
        ("shares", "share = count(*) / sum(count(*))"),
        ("collected", "Of the noisy answer's lines, computes count(*), sum(count(*)) for each (count(*) > 10)."),
        ("self join", "Reads the table clinic.visits (visits_2), of at most"),
        ("self join", "visits.age < visits_2.age"),
        ("exists", "Keeps the rows for which there is a row of the same unit."),
    ],
)  # fmt: skip
def test_words(name, words):
    assert words in " ".join(explain(PLANS[name]))


def test_long_texts_are_said_once_and_marked():
    for name in ("long", "long inside"):
        lines = explain(PLANS[name])
        text = " ".join(lines)
        assert text.count("Here [1] is ") == 1
        assert text.index("[1]") <= text.index("Here [1] is ") + len("Here ")
        assert len(text) < 2_500
    assert "by [1]" in " ".join(explain(PLANS["long"]))


def test_what_doubles_at_each_level_stays_short():
    inner = "select patient_id, max(age) as v from visits group by patient_id"
    for _ in range(9):
        inner = f"select patient_id, max(v) + max(v) * 2 as v from ({inner}) group by patient_id"
    plan = compile_query(f"select count(*) from ({inner}) where v > 1", SHOP)
    assert len(" ".join(explain(plan))) < 60 * LONGEST


# -- pictures ----------------------------------------------------------------------------------------------------------


def parts(svg):
    """Boxes (left, top, right, bottom), lines of text (left, base, text) and arrows (points) of a picture."""
    root = ET.fromstring(svg)
    background, *rects = root.findall(f"{SVG}rect")
    boxes = [
        (x, y, x + width, y + height)
        for x, y, width, height in ([int(rect.get(side)) for side in ("x", "y", "width", "height")] for rect in rects)
    ]
    texts = [(int(text.get("x")), int(text.get("y")), text.text) for text in root.findall(f"{SVG}text")]
    assert (background.get("width"), background.get("height")) == (root.get("width"), root.get("height"))
    return root, boxes, texts, [points(path.get("d")) for path in root.findall(f"{SVG}path")]


def points(way):
    found = []
    for move in way.split():
        kind, numbers = move[0], [int(number) for number in move[1:].split(",")]
        x, y = found[-1] if found else (0, 0)
        found.append({"M": tuple(numbers), "V": (x, numbers[0]), "H": (numbers[0], y)}[kind])
    return found


@every_plan
@both
def test_pictures_are_plain_and_nothing_overlaps(name, language):
    svg = picture(PLANS[name], language)
    root, boxes, texts, arrows = parts(svg)
    found = steps(PLANS[name], language)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "defs", "marker", "path", "rect", "text",
    }  # fmt: skip
    assert not any(word in svg for word in ("href", "<script", " style=", "onload", "url(http", "<!"))
    assert not any(INTERNAL.search(text) for _, _, text in texts)
    assert len(boxes) == len(found)
    assert len(arrows) == sum(len(step.after) for step in found)
    for one, other in combinations(boxes, 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= int(root.get("width"))
        assert bottom <= int(root.get("height"))
    for left, base, text in texts:
        inside = [box for box in boxes if box[0] < left and left + text_width(text) <= box[2]
                  and box[1] < base - 8 and base + 3 < box[3]]  # fmt: skip
        assert len(inside) == 1, text
    for way in arrows:
        for (x1, y1), (x2, y2) in pairwise(way):
            low, high = (min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))
            assert not any(
                box[0] < high[0] and low[0] < box[2] and box[1] < high[1] and low[1] < box[3] for box in boxes
            )


@every_plan
def test_each_step_and_its_effect_are_in_the_picture(name):
    found = steps(PLANS[name])
    shown = " ".join(text for _, _, text in parts(picture(PLANS[name]))[2])
    for step in found:
        assert step.effect
        assert step.effect in shown
        assert "".join(step.words.split()) in "".join(shown.split())


def test_effects_are_those_of_the_plan():
    effects = [step.effect for step in steps(PLANS["chain"])]
    assert effects == [
        "one unit: at most 200 rows", "one unit: at most 40 rows", "one unit: at most 40 rows", "one unit: at most 200 rows",
        "one unit: at most 1 rows", "one unit: at most 200 rows", "no unit has rows here", "one unit: at most 200 rows",
        "one unit: at most 200 rows, 3 groups; noise is scaled to that",
    ]  # fmt: skip
    assert {step.effect for step in steps(PLANS["filtered"])} == {
        "a unit has all its rows up to here",
        "one unit: at most 50 rows, 2 groups; noise is scaled to that",
        "after the noise: costs nothing",
    }


def test_names_and_texts_of_the_asker_s_own_stay_text():
    hostile = "<script>alert(1)</script>&\"'"
    sql = f"""select count(*) as "{hostile.replace('"', '""')}", sum(age) as s from visits where city = '{hostile.replace("'", "''")}'
    order by s"""
    plan = compile_query(sql, SHOP)
    root, _, texts, _ = parts(picture(plan))
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}
    assert "alert(1)" in "".join(text for _, _, text in texts)


def test_another_language_is_english():
    assert picture(PLANS["filtered"], "xx") == picture(PLANS["filtered"], "en") != picture(PLANS["filtered"], "zh")


# -- reading back ------------------------------------------------------------------------------------------------------

COLUMNS = {
    Type.INT: ("age", "ward", "age"),
    Type.FLOAT: ("cost", "cost", "cost"),
    Type.STRING: ("sex", "'x' || sex", "sex"),
    Type.BOOL: ("urgent", "urgent", "urgent"),
    Type.DATE: ("visited", "day", "visited"),
    Type.TIMESTAMP: ("seen", "seen", "seen"),
}


def operands(function):
    """Columns of the clinic, and constants where the function asks for them."""
    made = []
    for number, value in enumerate(function.examples[0]):
        parameter = function.parameter(number)
        kind = next(kind for kind in COLUMNS if kind in parameter.types)
        if parameter.constant:
            made.append(Literal(value, Type.STRING if isinstance(value, str) else Type.INT))
        elif kind is Type.STRING and number:
            made.append(Call("concat_op", (Literal("x", Type.STRING), ColumnRef("sex", kind)), kind))
        else:
            made.append(ColumnRef(COLUMNS[kind][min(number, 2)], kind))
    return tuple(made)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "pi"])
def test_every_function_reads_back(function):
    arguments = operands(FUNCTIONS[function])
    kind = FUNCTIONS[function].result_type([type_of(argument) for argument in arguments])
    assert kind is not None
    text = render(Not(NullTest(Call(function, arguments, kind))))
    if function == "is_distinct":
        text = render(Call(function, arguments, kind))
    relation = compile_query(f"select count(*) from visits where {text}", SHOP).measurements[0].relation
    assert isinstance(relation, Filter)
    again = compile_query(f"select count(*) from visits where {render(relation.predicate)}", SHOP)
    assert again.measurements[0].relation == relation
    if function not in ("greatest", "least", "coalesce"):  # equal arguments are one
        assert render(relation.predicate) == text


@pytest.mark.parametrize(
    "condition",
    [
        "(age between 18 and 65 or urgent is null) and sex not in ('X', 'M') and visited >= '2024-02-01'",
        "seen < '2024-03-01 12:00' and not (ward in (1, 2) and cost / 3 > -0.5) and -age < 0",
        "case when urgent then age when cost > 0.1 then ward else 3 end > 5",
        "case when urgent then age end is not null and city = 'O''Hare'",
        "(age % 7) * (ward // 2) - (3 - age) < 9 and (sex || 'x') like 'M_'",
        "visited + interval 3 month > date '2024-05-01' and visited - interval (ward) day < day",
        "cost > 1.0 / 3 or cost = 0.1 + 0.2 or cost < 1e300",
    ],
)
def test_conditions_read_back(condition):
    relation = compile_query(f"select count(*) from visits where {condition}", SHOP).measurements[0].relation
    again = compile_query(f"select count(*) from visits where {render(relation.predicate)}", SHOP)
    assert again.measurements[0].relation == relation


@pytest.mark.parametrize("kind", [Type.DATE, Type.TIMESTAMP])
def test_moments_beyond_the_calendar_are_written_too(kind):
    scale = 1 if kind is Type.DATE else 86_400_000_000
    for day in (-719_163, -719_162, 0, 2_932_896, 2_932_897):
        text = render(Literal(day * scale, kind))
        assert ("1970-01-01" in text and " + " in text) is (day in (-719_163, 2_932_897))


def test_a_number_with_many_digits_is_its_double():
    assert render(Literal(Fraction(10**300, 7), Type.FLOAT)) == repr(10**300 / 7)
    assert render(Literal(Fraction(1, 3), Type.FLOAT)) == "(1.0 / 3.0)"


HIDDEN = "a\nb\u200bc\ufffed\te\u00ade\u0007"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_hides_in_a_text_is_shown_by_its_number(language):
    scan = compile_query("select count(*) from visits where city = 'O''Hare 北京'", SHOP)
    hidden = replace(
        scan.measurements[0].relation,
        predicate=Comparison("=", ColumnRef("city", Type.STRING), Literal(HIDDEN, Type.STRING)),
    )
    plan = replace(scan, measurements=(replace(scan.measurements[0], relation=hidden),))
    said, drawn = "".join(explain(plan, language)), picture(plan, language)
    escaped = r"a\u{a}b\u{200b}c\u{fffe}d\u{9}e\u{ad}e\u{7}"
    assert escaped in said
    assert escaped in "".join(ET.fromstring(drawn).itertext())
    for letter in HIDDEN.replace("\n", ""):
        assert letter.isalpha() or (letter not in said and letter not in drawn)
    assert "'O''Hare 北京'" in "".join(explain(scan, language))  # the control: what shows is left as it is


def test_what_hides_in_a_name_is_shown_too():
    plan = compile_query('select n + 1 as "k\nq" from (select count(*) as n from visits)', SHOP)
    assert any(r"k\u{a}q = " in said for said in explain(plan)) and not any("\n" in said for said in explain(plan))
    assert r"k\u{a}q" in "".join(ET.fromstring(picture(plan)).itertext())


def test_text_constants_are_composed_as_rows_are():
    composed, apart = (
        compile_query(f"select count(*) from visits where city = '{text}'", SHOP) for text in ("é", "e\u0301")
    )
    other = compile_query("select count(*) from visits where city = 'e'", SHOP)
    assert composed == apart != other
