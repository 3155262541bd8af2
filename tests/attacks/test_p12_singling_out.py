"""P12 and P18: questions that single one person out, and questions whose answers carry rows instead of numbers.

Refused by form, before any data: the identifier only counts people, withheld columns are not there, and nothing but
counts, sums and means leaves. The control: an engine that answers them tells two tables apart for certain that differ in
one person, or in one text.
"""

from collections.abc import Iterator

import duckdb
import pytest
from crafted_rows import KNOWN, ROWS, duckdb_over, plan_of

from sandbox.plan.compile import compile_query
from sandbox.terms.refusal import Refusal

WITHOUT = tuple(row for row in ROWS if row[0] != "p003")

SINGLING = [
    "select count(*) from clinic.visits where patient_id = 'p003'",
    "select count(*) from clinic.visits where patient_id in ('p003')",
    "select count(*) from clinic.visits where not patient_id <> 'p003'",
    "select count(*) from clinic.visits where patient_id like 'p003%'",
    "select count(*) from clinic.visits where patient_id ilike 'P003'",
    "select count(*) from clinic.visits where patient_id similar to 'p00(3)'",
    "select count(*) from clinic.visits where patient_id between 'p003' and 'p003'",
    "select count(*) from clinic.visits where patient_id >= 'p003' and patient_id <= 'p003'",
    "select count(*) from clinic.visits where patient_id is not distinct from 'p003'",
    "select count(*) from clinic.visits where upper(patient_id) = 'P003'",
    "select count(*) from clinic.visits where substr(patient_id, 4) = '3'",
    "select count(*) from clinic.visits where patient_id || '' = 'p003'",
    "select count(*) from clinic.visits where coalesce(patient_id, '') = 'p003'",
    "select count(*) from clinic.visits where nullif(patient_id, 'p003') is null",
    "select count(*) from clinic.visits where cast(patient_id as text) = 'p003'",
    "select count(*) from clinic.visits where hash(patient_id) = hash('p003')",
    "select count(*) from clinic.visits where md5(patient_id) = md5('p003')",
    "select count(*) from clinic.visits where regexp_matches(patient_id, '^p003$')",
    "select count(*) from clinic.visits where (patient_id, sex) = ('p003', 'M')",
    "select count(*) from clinic.visits where case when patient_id = 'p003' then true else false end",
    "select count(*) filter (where patient_id = 'p003') from clinic.visits",
    "select count(case when patient_id = 'p003' then 1 end) from clinic.visits",
    "select sum(case when patient_id = 'p003' then 1 else 0 end) from clinic.visits",
    "select sum(patient_id = 'p003') from clinic.visits",
    "select count(distinct case when patient_id = 'p003' then 1 end) from clinic.visits",
    "select patient_id, count(*) from clinic.visits group by patient_id order by 1",
    "select count(*) from clinic.visits group by patient_id order by patient_id",
    "select min(patient_id), max(patient_id), count(distinct patient_id) from clinic.visits",
    "select string_agg(patient_id, ',' order by patient_id) from clinic.visits",
    "select count(*) from (select distinct patient_id from clinic.visits) t",
    "select count(*) from (select patient_id from clinic.visits group by 1 having count(*) > 0) t",
    "select count(*) from clinic.visits v where exists (select 1 from clinic.visits w where w.patient_id = 'p003')",
    "select count(*) from clinic.visits v where v.patient_id = (select max(patient_id) from clinic.visits where age = 23)",
    "select count(*) from clinic.visits a join clinic.visits b on a.patient_id = b.patient_id",
    "select count(*) from clinic.visits a join clinic.visits b using (patient_id) where b.age = 23",
    "select count(*) over (partition by patient_id) from clinic.visits order by patient_id, age",
    "select row_number() over (order by patient_id), age from clinic.visits order by 1",
    "select patient_id from clinic.visits order by patient_id limit 1 offset 10",
    "select age, count(*) from clinic.visits group by age order by age",
    "select cost from clinic.visits order by 1",
    "select sum(age) from clinic.visits having count(*) > 28",
    "select 1 from clinic.visits having count(*) > 28",
    "select count(*) from clinic.visits group by rollup (age) order by 1",
    "select count(*) from clinic.visits group by grouping sets ((age), ()) order by 1",
    "select count(*) from clinic.visits where rowid = 3 and age = 23",
    "select list(age order by age) from clinic.visits",
    "select bit_xor(age) from clinic.visits",
    "select product(age) from clinic.visits",
    "select max(age), min(cost) from clinic.visits where age >= 23",
    "select any_value(age order by age) from clinic.visits where age >= 23",
    "select arg_min(cost, age) from clinic.visits where age >= 23",
    "select quantile(cost, 0.1) from clinic.visits where age >= 23",
    "select median(age) from clinic.visits where age < 30",
    "select mode(age order by age) from clinic.visits where age >= 23",
]
"""Each tells for certain whether p003 is there, on an engine that answers."""

CARRYING = [
    "select note from clinic.visits order by 1",
    "select max(note) from clinic.visits",
    "select string_agg(note, ',' order by note) from clinic.visits",
    "select group_concat(note order by note) from clinic.visits",
    "select list(note order by note) from clinic.visits",
    "select json_group_array(note) from clinic.visits",
    "select to_json(list(note order by note)) from clinic.visits",
    "select sum(ascii(note)) from clinic.visits",
    "select sum(unicode(substr(note, 1, 1))) from clinic.visits",
    "select sum(length(note)) from clinic.visits",
    "select avg(hash(note)) from clinic.visits",
    "select count(*) from clinic.visits where note like 'sec%'",
    "select count(*) from clinic.visits where note < 't'",
    "select count(distinct note) + ascii(max(note)) from clinic.visits",
    "select sum(case when note like 's%' then 1 else 0 end) from clinic.visits",
    "select ('0x' || substr(md5(max(note)), 1, 6))::int from clinic.visits",
    "select encode(max(note)) from clinic.visits",
    "select base64(encode(max(note))) from clinic.visits",
    "select chr(ascii(max(note))) from clinic.visits",
    "select regexp_extract(max(note), '^[a-z]+') from clinic.visits",
    "select reverse(max(note)) from clinic.visits",
    "select bit_length(max(note)), max(note) from clinic.visits",
    "select histogram(note) from clinic.visits",
    "select struct_pack(a := max(note)) from clinic.visits",
    "select {'a': max(note)} from clinic.visits",
    "select map([max(note)], [1]) from clinic.visits",
    "select array_agg(note order by note)[1] from clinic.visits",
    "select first(note order by note) from clinic.visits",
    "select arg_max(note, age) from clinic.visits",
    "select cast(max(note) as varchar) from clinic.visits",
    "select format('{}', max(note)) from clinic.visits",
    "select printf('%s', max(note)) from clinic.visits",
    "select concat_ws('-', max(note), 1) from clinic.visits",
    "select error(max(note)) is null from clinic.visits where false union all select max(note) = 'x' or max(note) < 't' from clinic.visits",
    "select note as n, count(*) from clinic.visits group by note order by 1",
    "select substr(note, 1, 1) as n, count(*) from clinic.visits group by n",
    "select sum(age) as s, max(note) as t from clinic.visits",
    "select sex, max(note) from clinic.visits group by sex order by 1",
    "select approx_top_k(note, 1) from clinic.visits",
    "select entropy(note), max(note) from clinic.visits",
]
"""Each tells for certain whether the texts say "secret" or "zebra", on an engine that answers."""


Engine = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Engine, Engine, Engine]]:
    """The rows; the rows without p003; the rows with other texts."""
    with duckdb_over(ROWS) as whole, duckdb_over(WITHOUT) as gone, duckdb_over(ROWS, secret="zebra") as other:
        yield whole, gone, other


@pytest.mark.parametrize("sql", SINGLING)
def test_what_singles_somebody_out_has_no_plan(engines: tuple[Engine, Engine, Engine], sql: str) -> None:
    with pytest.raises(Refusal):
        compile_query(sql, KNOWN)
    assert str(engines[0].execute(sql).fetchall()) != str(engines[1].execute(sql).fetchall())


@pytest.mark.parametrize("sql", CARRYING)
def test_what_carries_rows_has_no_plan(engines: tuple[Engine, Engine, Engine], sql: str) -> None:
    with pytest.raises(Refusal):
        compile_query(sql, KNOWN)
    assert str(engines[0].execute(sql).fetchall()) != str(engines[2].execute(sql).fetchall())


def test_control_what_is_left_is_answered_and_carries_noise() -> None:
    for sql in ("select count(*) from clinic.visits", "select count(distinct patient_id) from clinic.visits"):
        assert plan_of(sql)
