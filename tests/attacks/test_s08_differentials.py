"""S8: texts that a filter reads as harmless and an engine reads otherwise.

The control is such a filter: it takes comments and literals out, then looks whether one granted table and no forbidden
word is left; it lets each text pass, and DuckDB carries each out, showing a row. The compiler refuses what it does not
wholly understand. `tests/unit/plan/test_outside_the_grant.py` has 150 more, with its own control.
"""

import re
from collections.abc import Iterator

import duckdb
import pytest
from tests_support import CLINIC

from sandbox.plan.compile import compile_query
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import Refusal

KNOWN = {"clinic": parse_description(CLINIC)}
SECRET = "patient-of-the-row"
FORBIDDEN = re.compile(
    r"\b(patient_id|note|select \*|read_|copy|attach|insert|update|delete|drop|pragma|set)\b", re.IGNORECASE
)

TEXTS = [
    "select visits from clinic.visits",
    "select v from clinic.visits v",
    "select to_json(v) from clinic.visits v",
    "select v.* from clinic.visits v",
    "select list(v) from clinic.visits v",
    "select any_value(v) from clinic.visits v",
    "select max(v) from clinic.visits v",
    "select struct_pack(a := v) from clinic.visits v",
    "select row(v) from clinic.visits v",
    "select columns(lambda c: c like 'p%') from clinic.visits",
    "select columns('p.*') from clinic.visits",
    "select min(columns('p.*')) from clinic.visits",
    "select * exclude (sex) from clinic.visits",
    "select * replace (1 as sex) from clinic.visits",
    "from clinic.visits",
    "from clinic.visits select columns('.*')",
    "table clinic.visits",
    "(table clinic.visits)",
    "with x as (table clinic.visits) select x from x",
    "select max(x) from (from clinic.visits) x",
    "select string_agg(v::text, ',') from clinic.visits v",
    "select first(v::text) from clinic.visits v",
    "select histogram(v) from clinic.visits v",
    "select arg_max(v, age) from clinic.visits v",
    "select v from (select v from clinic.visits v order by 1) as w(v)",
    "select unnest(v) from clinic.visits v",
    "select v from clinic.visits v limit 1",
    "select sum(age) filter (where true), max(v) from clinic.visits v",
    "select max(v) over () from clinic.visits v",
    "select mode(v) from clinic.visits v group by all",
    "select v /* */ from /**/ clinic /**/ . /**/ visits v",
    "select v -- '\nfrom clinic.visits v",
    "select $$'$$, v from clinic.visits v",
    "select $a$ -- $a$, v from clinic.visits v",
    "select 'a''', v from clinic.visits v",
    'select "visits" from clinic.visits',
    'select v as "count(*)" from clinic.visits v',
    "select count(*), v from clinic.visits v group by 2",
    "select count(*), v from clinic.visits v group by all",
    "select case when true then v end from clinic.visits v",
    "select coalesce(v, null) from clinic.visits v",
    "select [v] from clinic.visits v",
    "select {'a': v} from clinic.visits v",
    "select map([1], [v]) from clinic.visits v",
    "select list_transform([v], lambda x: x) from clinic.visits v",
    "select v::text from clinic.visits v",
    "select concat(v) from clinic.visits v",
    "select format('{}', v) from clinic.visits v",
    "select hash(v), v from clinic.visits v",
]


def harmless(sql: str) -> bool:
    """What a filter over the text would say."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", " ", sql, flags=re.DOTALL)
    tables = re.findall(r"clinic\s*\.\s*visits", bare)
    return len(tables) == 1 and not FORBIDDEN.search(bare) and ";" not in bare


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema clinic")
        connection.execute("create table clinic.visits (patient_id text, sex text, age int)")
        connection.execute(f"insert into clinic.visits values ('{SECRET}', 'F', 40)")
        yield connection


@pytest.mark.parametrize("sql", TEXTS)
def test_what_is_not_wholly_understood_is_refused(engine: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(Refusal) as refused:
        compile_query(sql, KNOWN)
    assert SECRET not in str(refused.value.problem())
    # The control: the filter passes it, and the engine shows the row.
    assert harmless(sql)
    assert SECRET in str(engine.execute(sql).fetchall())


def test_control_the_filter_stops_what_is_plain() -> None:
    assert not harmless("select patient_id from clinic.visits")
    assert not harmless("select v from clinic.visits v; drop table x")
    assert compile_query("select count(*) from clinic.visits", KNOWN)
