"""Crafted queries against a narrow grant: whatever is written, no plan reads a column that was not granted.

The grant names `clinic.visits` with `age` and `sex`. Beyond it lie `salary` and `cost` (value columns of the same table),
`note` (withheld), `pid` (the unit, which can only be counted) and all of `clinic.bills`. The compiler is given the
narrowed dataset, so what was not granted is not there: the answer is the same as for a name that never was.
"""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from policies.visible import granted
from sandbox.plan.compile import compile_query
from sandbox.service.release_clock import columns_read
from sandbox.terms.description import parse_description
from sandbox.terms.people import Aggregate, Grant, GrantStanding, ReviewDuty
from sandbox.terms.refusal import Refusal

WHOLE = parse_description("""
[dataset]
name = "clinic"
title = "Visits"
steward = "health-bureau"
unit_space = "patients"
grade = "general"
budget = { epsilon = "9" }
[unit_spaces.patients]
accounting = "zcdp"
budget = { epsilon = "9", delta = "1e-6" }
[tables.visits]
unit = "pid"
rows_max = 1_000
max_rows_per_unit = 5
[tables.visits.columns]
pid = { type = "string", role = "unit" }
age = { type = "int", bounds = [0, 110] }
sex = { type = "string", keys = ["F", "M"] }
salary = { type = "int", bounds = [0, 9999] }
cost = { type = "float", bounds = [0.0, 99.0], granularity = 0.01 }
note = { type = "string", role = "withheld" }
[tables.bills]
unit = "pid"
rows_max = 1_000
max_rows_per_unit = 5
[tables.bills.columns]
pid = { type = "string", role = "unit" }
paid = { type = "int", bounds = [0, 9999] }
""")
GRANT = Grant(
    "g_1",
    1,
    "ann",
    "acme",
    ("clinic",),
    ("clinic.visits",),
    ("clinic.visits.age", "clinic.visits.sex"),
    tuple(Aggregate),
    "research",
    Fraction(5),
    None,
    ReviewDuty.PROFILE,
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    "sue",
    "gr_1",
)
NARROW = granted(WHOLE, [GrantStanding(GRANT)])
ALLOWED = {"age", "sex"}

OUTSIDE = ("salary", "cost", "note", "paid")
_SHAPES = (
    "select sum({c}) from clinic.visits",
    "select avg({c}) from clinic.visits",
    "select count({c}) from clinic.visits",
    "select count(distinct {c}) from clinic.visits",
    "select {c} from clinic.visits",
    "select sex, {c}, count(*) from clinic.visits group by sex, {c}",
    "select sex, sum({c}) from clinic.visits group by sex",
    "select count(*) from clinic.visits where {c} > 3",
    "select count(*) from clinic.visits where {c} is null",
    "select count(*) from clinic.visits where {c} in (1, 2)",
    "select count(*) from clinic.visits where not ({c} = 1 and age > 3)",
    "select count(*) from clinic.visits order by {c}",
    "select sex, count(*) from clinic.visits group by sex order by sum({c})",
    "select sex, count(*) from clinic.visits group by sex having sum({c}) > 3",
    "select sum(age + {c}) from clinic.visits",
    "select sum(age * (2 - -{c})) from clinic.visits",
    "select sum(case when {c} > 3 then age else 0 end) from clinic.visits",
    "select sum(coalesce({c}, age)) from clinic.visits",
    "select sum(abs(greatest({c}, 1))) from clinic.visits",
    "select sum(v.{c}) from clinic.visits v",
    "select sum(v.{c}) from clinic.visits as v (pid, age, sex, {c})",
    "select sum(clinic.visits.{c}) from clinic.visits",
    'select sum("{c}") from clinic.visits',
    'select sum("{C}") from clinic.visits',
    "select sum({C}) from clinic.visits",
    "select sum(/* age */ {c}) from clinic.visits -- age",
    "select sum(age) as {c} from clinic.visits where {c} > 1",
    "select sum(x) from (select {c} as x from clinic.visits) t",
    "select sum(age) from (select {c} as age from clinic.visits) t",
    "with visits as (select {c} as age from clinic.visits) select sum(age) from visits",
    "with t as (select *, {c} as age from clinic.visits) select sum(age) from t",
    "with recursive t as (select {c} as age from clinic.visits union all select age from t) select sum(age) from t",
    "select sum(age) from clinic.visits where age = (select max({c}) from clinic.visits)",
    "select sum(age) from clinic.visits where exists (select 1 from clinic.visits w where w.{c} = 1)",
    "select sum(age) from clinic.visits a join clinic.bills b on a.pid = b.pid where b.{c} > 1",
    "select sum(age) filter (where {c} > 3) from clinic.visits",
    "select sum(age) over (partition by {c}) from clinic.visits",
    "select count(*) from clinic.visits group by grouping sets (({c}), ())",
    "select sum(struct_pack(x := {c}).x) from clinic.visits",
    "select list_sum(list({c})) from clinic.visits",
    "select sum(list_transform([{c}], x -> x)[1]) from clinic.visits",
    "select sum($${c}$$::int) from clinic.visits",
    "select count(*) from clinic.visits tablesample 10 percent where {c} > 1",
    "select count(*) from clinic.visits where {c}::text like '%a%'",
    "select count(*) from clinic.visits where age between {c} and 9",
    "select sum(age) from clinic.visits union all select sum({c}) from clinic.visits",
    "pivot clinic.visits on {c} using sum(age)",
    "from clinic.visits select sum({c})",
    "select sum(columns('{c}')) from clinic.visits",
    "select sum(columns(* exclude (age))) from clinic.visits",
)
_OTHERS = (
    "select * from clinic.visits",
    "select visits.* from clinic.visits",
    "select count(*), * from clinic.visits",
    "select sum(columns(*)) from clinic.visits",
    "select * exclude (note) from clinic.visits",
    "select * replace (salary as age) from clinic.visits",
    "select count(*) from clinic.bills",
    "select sum(paid) from clinic.bills",
    "select count(*) from clinic.visits, clinic.bills",
    "select count(*) from clinic.visits natural join clinic.bills",
    "select count(*) from bills",
    'select count(*) from "clinic"."bills"',
    "select count(*) from clinic . bills",
    "select count(*) from clinic.main.bills",
    "select count(*) from (table clinic.bills)",
    "with visits as (table clinic.bills) select count(*) from visits",
    "select count(*) from query('select * from clinic.bills')",
    "select count(*) from query_table('clinic.bills')",
    "select count(*) from read_parquet('visits')",
    "select count(*) from 'visits.parquet'",
    "select count(*) from information_schema.columns",
    "select count(*) from duckdb_columns()",
    "select count(*) from pragma_table_info('clinic.visits')",
    "select 1; select sum(salary) from clinic.visits",
    "select sum(ѕalary) from clinic.visits",  # a Cyrillic letter
    "select sum(sa\u200blary) from clinic.visits",
    "select sum(\uff53alary) from clinic.visits",  # fullwidth
    'select sum("salary\u0000") from clinic.visits',
    "select sum(ſalary) from clinic.visits",  # a long s: upper-cases to S
    "select sum(e'sala\\x72y') from clinic.visits",
    'select sum(U&"\\0073alary") from clinic.visits',
    "select count(*) from clinіc.visits",
    "select count(*) from clinic.visits where pid = 'x'",
    "select pid, count(*) from clinic.visits group by pid",
    "select count(*) from clinic.visits where length(pid) > 3",
    "select min(pid) from clinic.visits",
    "select count(*) from clinic.visits group by 1, 2, 3, 4",
    "select sum(#4) from clinic.visits",
    "select sum(rowid) from clinic.visits",
    "select sum(visits) from clinic.visits",
    "select count(distinct (age, salary)) from clinic.visits",
    "copy (select salary from clinic.visits) to 'x'",
    "describe clinic.visits",
    "summarize clinic.visits",
    "explain select sum(salary) from clinic.visits",
    "create view v as select salary from clinic.visits",
    "execute q(1)",
)
CRAFTED = [shape.format(c=name, C=name.upper()) for shape in _SHAPES for name in OUTSIDE] + list(_OTHERS)
HARMLESS = (
    "select sum(age) from clinic.visits",
    "select sex, count(*), count(distinct pid) from clinic.visits group by sex",
)


def outcome(sql, dataset=NARROW):
    """The columns that the plan reads, or the refusal."""
    try:
        return {name for _, _, name in columns_read(compile_query(sql, {"clinic": dataset}))}
    except Refusal as refusal:
        return refusal


def test_there_are_enough():
    assert len(set(CRAFTED)) >= 150


@pytest.mark.parametrize("sql", CRAFTED)
def test_nothing_outside_is_reached(sql):
    found = outcome(sql)
    assert isinstance(found, Refusal) or found <= ALLOWED


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_is_granted_is_reached(sql):
    assert outcome(sql) <= ALLOWED


def test_without_the_narrowing_many_would_reach_outside():
    """The control: the same queries over the whole description."""
    reached = [sql for sql in CRAFTED if not isinstance(outcome(sql, WHOLE), Refusal) and outcome(sql, WHOLE) - ALLOWED]
    assert len(reached) >= 30


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize(("there", "nowhere"), [("salary", "zalary"), ("note", "nope"), ("cost", "cozt")])
def test_not_granted_and_never_there_are_one_answer(shape, there, nowhere):
    """Code, words, place and rewrite agree apart from the name itself: neither says that the other exists."""
    found, control = (outcome(shape.format(c=name, C=name.upper())) for name in (there, nowhere))
    if not isinstance(found, Refusal) or not isinstance(control, Refusal):
        assert found == control
        return

    def told(refusal, name):
        text = str(refusal.problem())
        return text.replace(name.upper(), "?").replace(name, "?")

    assert told(found, there) == told(control, nowhere)
