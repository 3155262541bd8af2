"""S9: texts that are small to send and large to read: deep, long, or with more meaning than letters.

All are refused before the parser library, or by our limits within it, and never by a crash. The control reads them with
the library alone: its recursion ends, it takes them, or it makes many times more of them.
"""

import tracemalloc

import httpx
import pytest
import sqlglot
from tests_support import CLINIC

from sandbox.plan.compile import compile_query
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import Refusal
from sandbox.testing import Enclave

KNOWN = {"clinic": parse_description(CLINIC)}
FROM = "select count(*) from clinic.visits"

DEEP = {
    "brackets": "select " + "(" * 3_000 + "1" + ")" * 3_000,
    "negations": f"{FROM} where " + "not " * 3_000 + "urgent",
    "signs": "select " + "- " * 3_000 + "1",
    "cases": "select " + "case when urgent then " * 800 + "1" + " end" * 800,
    "subqueries": "select * from " + "(select * from " * 1_000 + "clinic.visits" + ")" * 1_000,
    "functions": "select " + "abs(" * 3_000 + "1" + ")" * 3_000,
    "casts": "select " + "cast(" * 1_000 + "1" + " as int)" * 1_000,
    "unions": "select 1" + " union all (select 1" * 900 + ")" * 900,
    "common tables": "with a as (" * 900 + "select 1" + ") select 1" * 900,
}
"""The library's recursion ends in them."""

LONG = {
    "a sum of thousands": f"{FROM} where 1 = " + "1 + " * 5_000 + "1",
    "a list of thousands": f"{FROM} where age in (" + "1, " * 5_000 + "1)",
    "thousands of columns": "select " + "count(*), " * 2_000 + "count(*) from clinic.visits",
    "thousands of conditions": f"{FROM} where " + "age = 1 or " * 1_500 + "age = 2",
    "a literal of a megabyte": f"{FROM} where remark = '" + "x" * 1_000_000 + "'",
    "a name of a megabyte": "select " + "x" * 1_000_000 + " from clinic.visits",
    "a comment of a megabyte": FROM + " /*" + "x" * 1_000_000 + "*/",
    "a number of thousands of digits": f"{FROM} where age = " + "9" * 5_000,
    "thousands of blanks": "select" + " " * 100_000 + "count(*) from clinic.visits",
    "thousands of statements": ";".join([FROM] * 2_000),
}
"""The library takes them all."""


@pytest.mark.parametrize("sql", [*DEEP.values(), *LONG.values()], ids=[*DEEP, *LONG])
def test_a_bomb_is_refused_in_little_memory(sql: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as refused:
            compile_query(sql, KNOWN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20
    assert len(str(refused.value.problem())) < 5_000


@pytest.mark.parametrize("sql", DEEP.values(), ids=DEEP)
def test_control_the_library_alone_runs_out_of_stack(sql: str) -> None:
    with pytest.raises((RecursionError, sqlglot.errors.ParseError)) as failed:
        sqlglot.parse(sql, dialect="duckdb")[0].sql()
    assert isinstance(failed.value, RecursionError) or "recursion" in str(failed.value).lower()


@pytest.mark.parametrize("sql", LONG.values(), ids=LONG)
def test_control_the_library_alone_takes_them(sql: str) -> None:
    assert sqlglot.parse(sql, dialect="duckdb")[0] is not None


def test_the_face_survives_them(enclave: Enclave, http: httpx.Client) -> None:
    for sql in [*DEEP.values(), *LONG.values()]:
        ask = {"sql": sql, "purpose": "research", "epsilon": "0.01", "dry_run": True}
        answer = http.post("/v1/queries", json=ask)
        assert answer.status_code in {400, 413, 422}
        assert answer.json()["spent"] == "0"
    good = {"sql": FROM, "purpose": "research", "epsilon": "0.01", "dry_run": True}
    assert http.post("/v1/queries", json=good).status_code == 200
