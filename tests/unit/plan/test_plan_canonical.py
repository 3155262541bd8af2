"""The plan's document: golden digests, a strict reader, and what the reader refuses."""

import copy
import json
from pathlib import Path

import pytest
from plan_examples import CLINIC, SHOP

from sandbox.plan.canonical import plan_digest, plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.documents import _TAGS

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


PLACE = ("measurements", 0)
RELATION = (*PLACE, "relation")
KEYS = (*PLACE, "keys")
PRIMITIVES = (*PLACE, "primitives")
COLUMNS = ("answer", "columns")


def put(value):
    """Sets a field to a value."""
    return lambda holder, step: holder.__setitem__(step, value)


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ((*RELATION, "predicate", "operands"), swap),
        ((*RELATION, "source", "columns"), swap),
        ((*RELATION, "source", "columns"), lambda holder, step: holder[step].append(["zip", "string"])),
        ((*RELATION, "source", "rows_max"), put(10**12)),
        ((*RELATION, "source", "rows_max"), put(True)),
        ((*RELATION, "source", "rows_per_unit"), put(0)),
        ((*KEYS, 0, "values"), swap),
        ((*KEYS, 0, "values"), lambda holder, step: holder[step].append("F")),
        ((*KEYS, 0, "values"), put([])),
        ((*KEYS, 0, "values"), put(None)),
        (KEYS, lambda holder, step: holder[step].append(holder[step][0])),
        (PRIMITIVES, lambda holder, step: holder[step].append({"node": "count_rows"})),
        ((*PRIMITIVES, 2, "granularity"), put("1/7")),
        ((*PRIMITIVES, 2, "high"), put(str(2**62))),
        ((*PRIMITIVES, 2, "center"), put("5")),
        ((*COLUMNS, 2, "count"), put(2)),
        ((*COLUMNS, 0, "key"), put(7)),
        ((*COLUMNS, 0, "key"), put(False)),
        ((*COLUMNS, 0, "type"), put("int")),
        ((*COLUMNS, 1, "name"), put("sex")),
        (("answer", "measurement"), put(1)),
        (("measurements",), lambda holder, step: holder[step].append(holder[step][0])),
        ((*PLACE, "bounds", "groups"), put(5)),
        ((*PLACE, "bounds", "rows_per_group"), put(51)),
        (("unit_space",), put("")),
        (("format",), put("sandbox/plan/v1")),
    ],
    ids=range(26),
)
def test_unsound_or_unordered_plans_are_refused(path, make):
    with pytest.raises(ValueError, match=r"plan|bounds|private keys|measures"):
        read_plan(changed(path, make))


WIDE = (
    (
        "select n_name, n from (select c_nation, count(*) as n from customer group by c_nation) a "
        "full join nation on n_id = c_nation order by n"
    ),
    (
        "select c_segment, count(distinct o_status) d, median(o_total) m, stddev(o_total) s from customer join orders on o_customer = c_id "
        "group by c_segment having count(*) > 5 order by m desc limit 2 offset 1"
    ),
    (
        "select o_status, count(distinct c_id) filter (where c_segment = 'A') u from orders o join customer c on o.o_customer = c.c_id "
        "left join nation n on n.n_id = c.c_nation group by o_status"
    ),
    (
        "select n, count(*) as c from (select c_id, count(*) as n, min(o_day) as first from customer join orders on o_customer = c_id "
        "where not exists (select * from line where l_order = o_id and l_count > 40) group by c_id) group by n"
    ),
    (
        "with a as (select sum(o_total) as s from orders), b as (select count(*) as k from line) "
        "select s / k as each, coalesce(s, 0) from a cross join b"
    ),
    (
        "select avg(r) as m from (select o_total - lag(o_total) over (partition by o_customer order by o_day) as r from orders "
        "union all select o_total as r from orders)"
    ),
    "select count(*) as n from orders union all select count(*) from line",
    "select max(n) as most from (select c_segment, count(*) as n from customer group by c_segment)",
)
"""Between them they hold every node that a plan can have."""


def tags(value):
    found = {value["node"]} if isinstance(value, dict) and "node" in value else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found.union(*map(tags, inner))


@pytest.mark.parametrize("sql", WIDE)
def test_wide_plans_read_back_and_any_place_counts(sql):
    plan = compile_query(sql, SHOP)
    whole = plan_json(plan)
    assert read_plan(json.loads(json.dumps(whole))) == plan
    for path in places(whole):
        if path:
            value = copy.deepcopy(whole)
            holder = value
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = -1 if holder[path[-1]] != -1 else 1
            with pytest.raises(ValueError, match=r"\w"):
                assert read_plan(value) == plan


def test_every_node_is_in_some_plan():
    seen = set().union(*(tags(plan_json(compile_query(sql, SHOP))) for sql in WIDE), tags(DOCUMENT))
    assert set(_TAGS.values()) <= seen | {"project"}, "a projection stands only where nothing could be inlined"


def test_a_deep_document_is_refused():
    value = document()
    deep = {"node": "null_test", "operand": {"node": "column", "name": "age", "type": "int"}}
    for _ in range(5_000):
        deep = {"node": "not", "operand": deep}
    value["measurements"][0]["relation"]["predicate"] = deep
    with pytest.raises(ValueError, match="so large"):
        read_plan(value)
