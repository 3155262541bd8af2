"""P12 and P18: questions that single one person out, and questions whose answers carry rows instead of numbers.

Refused by form, before any data: the identifier is counted, joined on and grouped by for each person, never compared or
shown; withheld columns are not there; nothing but noisy numbers, and keys that many people share, leaves. What looks like
singling out and is answered moves no vector beyond its noise. The control: an engine that answers them tells two tables
apart for certain that differ in one person, or in one text.
"""

from collections.abc import Iterator

import duckdb
import pytest
from crafted_rows import KNOWN, ROWS, duckdb_over, moved, noisy, plan_of

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
    "select count(*) from clinic.visits v where exists (select 1 from clinic.visits w where w.patient_id = 'p003')",
    "select count(*) from clinic.visits v where v.patient_id = (select max(patient_id) from clinic.visits where age = 23)",
    "select count(*) over (partition by patient_id) from clinic.visits order by patient_id, age",
    "select row_number() over (order by patient_id), age from clinic.visits order by 1",
    "select patient_id from clinic.visits order by patient_id limit 1 offset 10",
    "select cost from clinic.visits order by 1",
    "select 1 from clinic.visits having count(*) > 28",
    "select count(*) from clinic.visits group by rollup (age) order by 1",
    "select count(*) from clinic.visits group by grouping sets ((age), ()) order by 1",
    "select count(*) from clinic.visits where rowid = 3 and age = 23",
    "select list(age order by age) from clinic.visits",
    "select bit_xor(age) from clinic.visits",
    "select product(age) from clinic.visits",
    "select any_value(age order by age) from clinic.visits where age >= 23",
    "select arg_min(cost, age) from clinic.visits where age >= 23",
    "select mode(age order by age) from clinic.visits where age >= 23",
    "select count(*) from clinic.visits v where exists (select 1 from clinic.stays s where s.person = 'p003')",
    "select count(*) from clinic.visits where patient_id in (select person from clinic.stays where person = 'p003')",
    "select count(*) from clinic.visits v join clinic.stays s on v.patient_id = s.person where s.person = 'p003'",
    "select count(*) from clinic.visits v join clinic.stays s on v.patient_id = s.person and s.person = 'p003'",
    "select count(*) from clinic.visits v join clinic.stays s on v.patient_id <= s.person",
    "select count(*) from clinic.visits v cross join clinic.stays s",
    "select count(*) from (select patient_id as p, age from clinic.visits) t where p = 'p003'",
    "select count(*) from (select patient_id || '' as p from clinic.visits) t where p = 'p003'",
    "with t as (select patient_id as p from clinic.visits) select count(*) from t where p like '%3'",
    "select count(*) from (select rank() over (order by patient_id) as r, age from clinic.visits) t where r = 10 and age = 23",
    "select count(*) from (select lag(patient_id) over (order by patient_id, age) as p from clinic.visits) t where p = 'p003'",
    "select count(*) from (select first_value(patient_id) over (partition by patient_id order by age) as p from clinic.visits) t where p = 'p003'",
    "select count(*) from (select patient_id, max(age) as m from clinic.visits group by patient_id having patient_id = 'p003') t",
    "select count(*) from (select patient_id, min(patient_id) as q from clinic.visits group by patient_id) t where q = 'p003'",
    "select patient_id, n from (select patient_id, count(*) as n from clinic.visits group by patient_id) t order by 1",
    "select patient_id, count(*) from clinic.visits group by patient_id having count(*) > 0 order by 1",
    "select sum(length(patient_id)) from clinic.visits",
    "select max(length(patient_id) * n) + count(*) from (select patient_id, count(*) as n from clinic.visits group by 1) t",
    "select patient_id < 'p003', count(*) from clinic.visits group by 1 order by 1",
    "select substr(patient_id, 4) as d, count(*) from clinic.visits group by d order by d",
    "select count(distinct patient_id || ward) from clinic.visits",
    "select patient_id from clinic.visits union all select patient_id from clinic.visits order by 1",
    "select count(*) from (select patient_id from clinic.visits intersect select person from clinic.stays) t",
    "select age, cost from clinic.visits order by age limit 5",
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
    "select count(*) from (select note as n from clinic.visits) t where n like 'sec%'",
    "with t as (select left(note, 1) as n from clinic.visits) select n, count(*) from t group by n",
    "select count(*) from (select lag(note) over (partition by patient_id order by age) as n from clinic.visits) t where n like 'sec%'",
    "select n, count(*) from (select patient_id, max(note) as n from clinic.visits group by patient_id) t group by n order by n",
    "select count(*) from clinic.visits v join clinic.visits w on v.patient_id = w.patient_id and w.note like 'sec%'",
    "select count(*) from clinic.visits v where exists (select 1 from clinic.visits w where w.patient_id = v.patient_id and w.note > 't')",
    "select median(ascii(note)) from clinic.visits",
    "select quantile_cont(ascii(note), 0.5) from clinic.visits",
    "select note, count(*) from (select note from clinic.visits union all select note from clinic.visits) t group by note order by 1",
    "select case when note < 't' then 1 else 2 end as c, count(*) from clinic.visits group by c",
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


ANSWERED = [
    "select count(*) from (select distinct patient_id from clinic.visits) t",
    "select count(*) from (select patient_id from clinic.visits group by 1 having count(*) > 0) t",
    "select count(*) from clinic.visits a join clinic.visits b on a.patient_id = b.patient_id",
    "select count(*) from clinic.visits a join clinic.visits b using (patient_id) where b.age = 23",
    "select count(*) from clinic.visits v where exists (select 1 from clinic.visits w where w.patient_id = v.patient_id and w.age = 23)",
    "select count(*) from clinic.visits v where not exists (select 1 from clinic.stays s where s.person = v.patient_id and s.days < 3)",
    "select count(*) from clinic.visits where patient_id in (select person from clinic.stays where days = 3)",
    "select age, count(*) from clinic.visits group by age order by age",
    "select sum(age) from clinic.visits having count(*) > 28",
    "select max(age), min(cost) from clinic.visits where age >= 23",
    "select quantile_cont(cost, 0.1) from clinic.visits where age >= 23",
    "select median(age) from clinic.visits where age < 24",
    "select avg(m) from (select patient_id, max(age) as m from clinic.visits group by patient_id) t where m = 47",
    "select count(*) from (select row_number() over (partition by patient_id order by age) as r, age from clinic.visits) t where r = 1 and age = 23",
    "select sum(s.days) from clinic.visits v join clinic.stays s on v.patient_id = s.person where v.age = 23",
    "select count(*) from (select age from clinic.visits union all select days from clinic.stays) t where age = 3",
]
"""Each tells for certain whether p003 is there, too, where no noise is added. Ours adds it."""

DRAWS = 60
"""One count is drawn as it is about every other time, so all draws agree by chance once in 10^16 runs."""


@pytest.mark.parametrize("sql", ANSWERED)
def test_what_is_answered_about_few_is_bounded_and_noisy(engines: tuple[Engine, Engine, Engine], sql: str) -> None:
    for primitive, one, two, most, most_squared in moved(sql, ROWS, WITHOUT):
        assert one <= most, primitive
        assert two <= most_squared, primitive
    assert any(one > 0 for _, one, *_ in moved(sql, ROWS, WITHOUT))
    draws = (tuple(tuple(vector) for table in noisy(sql, ROWS) for vector in table.vectors) for _ in range(DRAWS))
    first = next(draws)
    assert any(draw != first for draw in draws)
    # The control: without noise the two tables are told apart.
    assert str(engines[0].execute(sql).fetchall()) != str(engines[1].execute(sql).fetchall())


def test_control_what_is_left_is_answered_and_carries_noise() -> None:
    for sql in ("select count(*) from clinic.visits", "select count(distinct patient_id) from clinic.visits"):
        assert plan_of(sql)
