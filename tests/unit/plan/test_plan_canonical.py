"""The plan's document: golden digests, a strict reader, and what the reader refuses."""

import copy
import json
from pathlib import Path

import pytest
from plan_examples import CLINIC

from sandbox.plan.canonical import plan_digest, plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.explain import explain, render

GOLDEN = Path(__file__).parents[2] / "golden" / "plan-digests.json"
FULL = """
select sex, urgent, count(*) as n, count(distinct patient_id) as units, sum(age), avg(cost), sum(cost * 2), avg(age / (ward + 1)), count(city)
from clinic.visits
where (age between 18 and 65 or urgent is null) and sex not in ('X', 'M') and visited >= '2024-02-01' and seen < '2024-03-01 12:00'
  and not (ward in (1, 2) and cost / 3 > -0.5) and -age < 0
group by sex, urgent
"""


PLAN = compile_query(FULL, CLINIC)


def document():
    return plan_json(PLAN)


DOCUMENT = document()


def test_golden_digests():
    """A change here changes which questions are equal to those already answered: bump the format instead."""
    golden = json.loads(GOLDEN.read_text())
    assert {sql: plan_digest(compile_query(sql, CLINIC)) for sql in golden["digests"]} == golden["digests"]
    assert document() == golden["document"]


def test_read_back():
    plan = compile_query(FULL, CLINIC)
    assert read_plan(json.loads(json.dumps(plan_json(plan)))) == plan


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def changed(path, make):
    value = copy.deepcopy(DOCUMENT)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    make(holder, path[-1])
    return value


@pytest.mark.parametrize("wrong", [None, 1.5, [], {}, "zzz", -1, "1/0", "2/4", "1e9", "9" * 5000, True])
def test_any_place_with_a_wrong_value_is_refused_or_a_different_plan(wrong):
    for path in places(DOCUMENT):
        if not path:
            continue
        value = changed(path, lambda holder, step: holder.__setitem__(step, wrong))
        if value == DOCUMENT:
            continue
        try:
            read = read_plan(value)
        except ValueError:
            continue
        assert read != PLAN
        assert plan_json(read) == value


def test_missing_and_unknown_fields_are_refused():
    for path in places(DOCUMENT):
        if path and isinstance(path[-1], str):
            with pytest.raises(ValueError, match="plan"):
                read_plan(changed(path, lambda holder, step: holder.pop(step)))
            with pytest.raises(ValueError, match="plan"):
                read_plan(changed(path, lambda holder, _: holder.__setitem__("extra", 1)))


def swap(holder, step):
    holder[step] = holder[step][::-1]


@pytest.mark.parametrize(
    ("path", "make"),
    [
        (("where", "operands"), swap),
        (("keys", 0, "values"), swap),
        (("keys", 0, "values"), lambda holder, step: holder[step].append("F")),
        (("keys",), lambda holder, step: holder[step].append(holder[step][0])),
        (("primitives",), lambda holder, step: holder[step].append({"measure": "count_rows"})),
        (("primitives", 2, "granularity"), lambda holder, step: holder.__setitem__(step, "1/7")),
        (("primitives", 2, "high"), lambda holder, step: holder.__setitem__(step, str(2**62))),
        (("primitives", 2, "center"), lambda holder, step: holder.__setitem__(step, "5")),
        (("outputs", 2, "count"), lambda holder, step: holder.__setitem__(step, 2)),
        (("outputs", 0, "key"), lambda holder, step: holder.__setitem__(step, 7)),
        (("outputs", 0, "key"), lambda holder, step: holder.__setitem__(step, False)),
        (("outputs", 1, "name"), lambda holder, step: holder.__setitem__(step, "sex")),
        (("bounds", "groups"), lambda holder, step: holder.__setitem__(step, 5)),
        (("bounds", "rows_per_group"), lambda holder, step: holder.__setitem__(step, 51)),
        (("rows_max",), lambda holder, step: holder.__setitem__(step, 10**12)),
        (("rows_max",), lambda holder, step: holder.__setitem__(step, True)),
        (("format",), lambda holder, step: holder.__setitem__(step, "sandbox/plan/v2")),
    ],
    ids=range(17),
)
def test_unsound_or_unordered_plans_are_refused(path, make):
    with pytest.raises(ValueError, match=r"plan|bounds"):
        read_plan(changed(path, make))


def test_a_deep_document_is_refused():
    value = document()
    deep = {"node": "null_test", "operand": {"node": "column", "name": "age", "type": "int"}}
    for _ in range(5_000):
        deep = {"node": "not", "operand": deep}
    value["where"] = deep
    with pytest.raises(ValueError, match="nest"):
        read_plan(value)


def test_explanations():
    plan = compile_query(
        "select sex, avg(cost), count(*) from visits where age > 3 and city = 'O''Hare' group by sex", CLINIC
    )
    assert explain(plan) == [
        "Reads the table clinic.visits, of at most 1,000,000 rows.",
        "Keeps the rows where (age > 3) AND (city = 'O''Hare').",
        "Groups by sex (2 public keys): 2 groups, all of them returned.",
        (
            "Measures the sum of cost, clamped to [0, 5000], less 2500 each, in steps of 0.01; how many values cost has;"
            " the number of rows, each with its own noise."
        ),
        "Of each unit of clinic-patients, at most 50 of its rows count, in at most 2 of the groups.",
    ]
    chinese = explain(plan, "zh")
    assert len(chinese) == 5
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in line) for line in chinese)
    assert explain(plan, "xx") == explain(plan)


def test_a_rendered_filter_reads_back_as_itself():
    plan = compile_query(FULL, CLINIC)
    again = compile_query(f"select count(*) from visits where {render(plan.where)}", CLINIC)
    assert again.where == plan.where
