"""The 22 queries of TPC-H: answered as they stand, or refused and asked otherwise; every answer is DuckDB's."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from noiseless import NoiselessEngine
from tpch_queries import DESCRIPTIONS, Query, outcome, queries
from tpch_world import in_duckdb, load_all, make_tables
from write_tpch import PAGE, page

from sandbox.plan.query import Plan
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, SumColumn
from sandbox.terms.refusal import NotAnswerable

QUERIES = queries()
ASKED = [
    pytest.param(query, ours, theirs, id=f"q{query.number}-{'original' if ours == query.original else 'rewritten'}")
    for query in QUERIES
    for ours, theirs in query.asked
]
ANSWERED = {1, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 19, 21}
Line = dict[str, object]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tpch")
    make_tables(folder)
    return folder


@pytest.fixture(scope="module")
def engine(files: Path, tmp_path_factory: pytest.TempPathFactory) -> NoiselessEngine:
    engine = NoiselessEngine(tmp_path_factory.mktemp("engine"))
    load_all(engine, files)
    return engine


@pytest.fixture(scope="module")
def oracle(files: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with in_duckdb(files) as base:
        yield base


def plain(value: object) -> object:
    """DuckDB's value as ours are: decimals as floats, days as text (DuckDB makes moments of them on the way)."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def lines_of(base: duckdb.DuckDBPyConnection, sql: str) -> list[Line]:
    found = base.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, map(plain, line), strict=True)) for line in found.fetchall()]


def compare(answer: Answer, theirs: list[Line], within: dict[str, float]) -> int:
    """Every line of DuckDB's is there, in its order; any other line is a declared group without rows. Returns how many
    values were compared."""
    columns = {column.name: column.numbers() for column in answer.columns}
    keys = [column.name for column in answer.columns if isinstance(column, KeyColumn)]
    summed = [column.name for column in answer.columns if isinstance(column, CountColumn | SumColumn)]
    assert all(set(line) == set(columns) for line in theirs)
    ours = [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]
    named = {tuple(line[key] for key in keys): line for line in ours}
    assert len(named) == len(ours)
    wanted = [tuple(line[key] for key in keys) for line in theirs]
    assert [key for key in named if key in set(wanted)] == wanted
    for key in named.keys() - set(wanted):
        assert all(named[key][name] == 0 for name in summed), key
    for key, line in zip(wanted, theirs, strict=True):
        for name, value in line.items():
            check(named[key][name], value, within.get(name, 0.0), (key, name))
    return sum(len(line) for line in theirs)


def check(mine: object, value: object, within: float, place: object) -> None:
    if isinstance(value, float):
        # Each row's value is rounded to a step of at most a 2^20th of its range, so sums are off by little.
        assert mine == pytest.approx(value, rel=1e-5, abs=within), place
    else:
        assert mine == value, place


@pytest.mark.parametrize(("query", "ours", "theirs"), ASKED)
def test_answers_are_those_of_duckdb(
    engine: NoiselessEngine, oracle: duckdb.DuckDBPyConnection, query: Query, ours: str, theirs: str
) -> None:
    exact = lines_of(oracle, theirs)
    assert exact, "a question about nothing proves nothing"
    assert compare(engine.answer(engine.plan(ours)), exact, dict(query.within or {})) > 0


def test_every_query_is_answered_or_truly_refused() -> None:
    """Each refusal comes with its place, a reason in our words, and another text that is answered."""
    assert [query.number for query in QUERIES] == list(range(1, 23))
    assert {query.number for query in QUERIES if isinstance(outcome(query.original), Plan)} == ANSWERED
    for query in QUERIES:
        refused = outcome(query.original)
        if isinstance(refused, NotAnswerable):
            assert refused.span is not None
            assert refused.detail
            assert query.why
            assert query.rewritten
        if query.rewritten:
            assert isinstance(outcome(query.rewritten), Plan)


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python tests/tpch/write_tpch.py"


def test_no_bound_binds(oracle: duckdb.DuckDBPyConnection, engine: NoiselessEngine) -> None:
    """Else the answers above would be those of some rows only."""
    tables = {table.name: table for table in engine.datasets["tpch"].tables}
    for table, joined in (("orders", "orders"), ("lineitem", "orders join lineitem on l_orderkey = o_orderkey")):
        (most,) = oracle.execute(
            f"select max(n) from (select count(*) as n from {joined} group by o_custkey)"
        ).fetchone()
        assert most <= tables[table].max_rows_per_unit


def test_control_a_wrong_number_is_seen(engine: NoiselessEngine, oracle: duckdb.DuckDBPyConnection) -> None:
    query = QUERIES[3]
    exact = lines_of(oracle, query.original)
    exact[2]["order_count"] += 1
    with pytest.raises(AssertionError):
        compare(engine.answer(engine.plan(query.original)), exact, {})
    exact.pop(2)
    with pytest.raises(AssertionError):
        compare(engine.answer(engine.plan(query.original)), exact, {})


CAPPED = {
    # the first 20 line items of a customer, streamed
    "select count(*) as n from lineitem": "select sum(least(n, 20)) from items",
    # a customer's orders are cut before the join, to five
    "select count(*) as n from customer join orders on c_custkey = o_custkey": "select sum(least(n, 5)) from bought",
    # inside a unit too: nobody seems to have more than five
    "select most as n, count(*) as m from (select o_custkey, count(*) as most from orders group by o_custkey) as x "
    "group by most having most = 5": "select 5, count(*) filter (where n >= 5) from bought",
}


def test_where_bounds_bind_the_answers_are_the_capped_ones(
    files: Path, oracle: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Five orders and twenty line items of each customer: what is left follows from the numbers of rows alone."""
    tight = DESCRIPTIONS["orders"]
    for wide, narrow in (("max_rows_per_unit = 50", "max_rows_per_unit = 5"), ("unit = 200", "unit = 20")):
        assert wide in tight
        tight = tight.replace(wide, narrow)
    engine = NoiselessEngine(tmp_path)
    engine.load(tight, {table: files / f"{table}.parquet" for table in ("customer", "orders", "lineitem")})
    oracle.execute("create temp view bought as select count(*) as n from orders group by o_custkey")
    joined = "orders join lineitem on l_orderkey = o_orderkey"
    oracle.execute(f"create temp view items as select count(*) as n from {joined} group by o_custkey")
    for ours, theirs in CAPPED.items():
        (line,) = oracle.execute(theirs).fetchall()
        assert [tuple(found.values()) for found in engine.ask(ours)] == [line], ours
