"""S7: SQL as a reader and writer of files, of the network, of the catalogue, of other tables.

No text of an analyst's reaches an engine: it is compiled into a closed plan, and what has no plan is refused before
anything about the data. The control gives the same text to DuckDB as it comes.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest
from sql_readers import BEYOND, CANARY, CARRIED_OUT
from tests_support import CLINIC

from sandbox.plan.compile import compile_query
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import Refusal

KNOWN = {"clinic": parse_description(CLINIC)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    (made / "a.csv").write_text(f"a,b\n{CANARY},1\n", "utf-8")
    return made


def filled(sql: str, folder: Path) -> str:
    return sql.format(csv=folder / "a.csv", folder=folder, out=folder / "out")


@pytest.fixture
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("create schema clinic; create sequence s")
        connection.execute("create table clinic.visits (patient_id text, sex text, age int)")
        connection.execute("insert into clinic.visits values ('p1', 'F', 40)")
        yield connection


@pytest.mark.parametrize("sql", CARRIED_OUT)
def test_what_reads_or_writes_elsewhere_has_no_plan(folder: Path, sql: str) -> None:
    with pytest.raises(Refusal):
        compile_query(filled(sql, folder), KNOWN)
    assert compile_query("select count(*) from clinic.visits", KNOWN)


@pytest.mark.parametrize("sql", BEYOND)
def test_what_would_need_a_network_has_no_plan(sql: str) -> None:
    with pytest.raises(Refusal):
        compile_query(sql, KNOWN)


@pytest.mark.parametrize("sql", CARRIED_OUT)
def test_control_an_engine_that_takes_the_text_carries_it_out(
    engine: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    (tmp_path / "a.csv").write_text(f"a,b\n{CANARY},1\n", "utf-8")
    found = engine.execute(filled(sql, tmp_path)).fetchall()
    if "read_text" in sql and " content" in sql and not sql.startswith(("create", "with visits")):
        assert CANARY in str(found)


def test_the_face_refuses_them_and_nothing_is_spent(http: httpx.Client, folder: Path) -> None:
    before = http.get("/v1/accounts").json()
    for sql in [*CARRIED_OUT, *BEYOND]:
        ask = {"sql": filled(sql, folder), "purpose": "research", "epsilon": "0.01", "dry_run": True}
        answer = http.post("/v1/queries", json=ask)
        assert answer.status_code in {400, 404, 413, 422}, sql
        assert CANARY not in answer.text
    assert http.get("/v1/accounts").json() == before
    assert list(folder.iterdir()) == [folder / "a.csv"]


@pytest.mark.parametrize("name", ["sqlglot.executor", "sqlglot.optimizer"])
def test_the_parser_library_only_parses(name: str) -> None:
    """Its executor and its optimiser, which would read files and rewrite text, are used nowhere in the product."""
    root = Path(__file__).parents[2]
    texts = [
        path.read_text("utf-8") for room in ("sandbox", "workers", "policies") for path in (root / room).rglob("*.py")
    ]
    assert not any(name in text for text in texts)
    assert any("import sqlglot" in text or "from sqlglot" in text for text in texts)  # the control of the search
