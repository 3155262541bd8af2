"""Bad descriptions, files and queries: the right problem each, at the right place, nothing stored, nothing spent."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests_support import CLINIC

from sandbox.terms.refusal import Refusal
from sandbox.testing import Enclave

NAMED = CLINIC.replace('name = "clinic"', 'name = "other"').replace("clinic-patients", "other-patients")

DESCRIPTIONS = [
    ("not toml", "[dataset\nname = 1\n", 1),
    ("unknown key", NAMED.replace("grade =", "graed ="), "graed"),
    ("unknown grade", NAMED.replace('"general"', '"secret"'), "grade"),
    ("unknown type", NAMED.replace('type = "date"', 'type = "day"'), "visited"),
    ("bounds the wrong way", NAMED.replace("bounds = [0, 110]", "bounds = [110, 0]"), "age"),
    ("no unit column", NAMED.replace('role = "unit"', 'role = "withheld"'), "patient_id"),
    ("no rows_max", NAMED.replace("rows_max = 10_000\n", ""), "rows_max"),
    ("groups above rows", NAMED.replace("max_groups_per_unit = 2", "max_groups_per_unit = 6"), "max_groups_per_unit"),
    ("keys of two types", NAMED.replace('["F", "M"]', '["F", 1]'), "sex"),
    ("keys twice", NAMED.replace('["F", "M"]', '["F", "F"]'), "sex"),
    ("no delta in zcdp", NAMED.replace(', delta = "1e-6"', ""), "delta"),
    ("a float for a budget", NAMED.replace('epsilon = "200", delta', "epsilon = 200.0, delta"), "epsilon"),
    ("a name with a slash", NAMED.replace('name = "other"', 'name = "../other"'), "name"),
    ("granularity zero", NAMED.replace("granularity = 0.01", "granularity = 0"), "granularity"),
]

HEADER = "patient_id,sex,ward,age,cost,urgent,visited,remark,note\n"
GOOD = "p1,F,north,40,1.5,true,2024-05-01,x,y\n"

FILES = [
    ("an empty file", "visits.csv", b"", ""),
    ("a column is missing", "visits.csv", b"patient_id,sex\np1,F\n", "ward"),
    ("text in an int column", "visits.csv", (HEADER + GOOD.replace(",40,", ",forty,")).encode(), "age"),
    ("a fraction in an int column", "visits.csv", (HEADER + GOOD.replace(",40,", ",40.5,")).encode(), "age"),
    ("an impossible date", "visits.csv", (HEADER + GOOD.replace("2024-05-01", "2024-02-31")).encode(), "visited"),
    ("a truth value that is none", "visits.csv", (HEADER + GOOD.replace("true", "maybe")).encode(), "urgent"),
    ("a row without its person", "visits.csv", (HEADER + GOOD.replace("p1", "")).encode(), "patient_id"),
    ("more rows than declared", "visits.csv", (HEADER + GOOD * 10_001).encode(), "10000"),
    ("a short row", "visits.csv", (HEADER + "p1,F,north\n").encode(), ""),
    ("not utf-8", "visits.csv", HEADER.encode() + GOOD.encode().replace(b",x,", b",\xff\xfe,"), ""),
    ("neither csv nor parquet", "visits.parquet", b"PAR1 but not really PAR1", ""),
    ("nested parquet", "visits.parquet", None, ""),
]

QUERIES = [
    ("select * from clinic.visits", "rows-not-released", 8),
    ("select sex from clinic.visits", "rows-not-released", 8),
    ("select avg(agee) from clinic.visits", "unknown-column", 12),
    ("select median_of(age) from clinic.visits", "unknown-function", 8),
    ("select count(*) from clinic.visit", "unknown-table", 22),
    ("select count(*) from clinic.visits where note = 'x'", "unknown-column", 42),
    ("select count(*) from clinic.visits where patient_id = 'p1'", "unit-column-use", 42),
    ("select cost, count(*) from clinic.visits group by cost", "keys-not-public", None),
    ("select sum(remark) from clinic.visits", "type-mismatch", None),
    ("select count(*) from clinic.visits where sex > 3", "type-mismatch", None),
    ("select sum(cost / age) from clinic.visits", "bounds-missing", None),
    ("select count(*) from clinic.visits; drop table visits", "sql-not-parsed", None),
    ("selec count(*) from clinic.visits", "sql-not-parsed", 1),
    ("delete from clinic.visits", "plan-not-supported", None),
    ("select count(*) from read_csv('/etc/passwd')", None, None),
    ("select count(*) from clinic.visits where " + "(" * 2000 + "true" + ")" * 2000, "sql-too-large", None),
    ("select mode(cost) from clinic.visits", None, None),
    ("select count(*) over () from clinic.visits", None, None),
]


@pytest.mark.parametrize(("text", "place"), [case[1:] for case in DESCRIPTIONS], ids=[case[0] for case in DESCRIPTIONS])
def test_bad_descriptions(enclave: Enclave, text: str, place: object) -> None:
    steward = enclave.steward_of("health-bureau")
    before, size = steward.datasets(), log_size(enclave)
    with pytest.raises(Refusal) as refused:
        steward.register(text, file="other.toml")
    assert refused.value.code == "description-invalid"
    assert refused.value.detail.startswith("other.toml:")
    line = int(refused.value.detail.split(":")[1])
    assert refused.value.facts["line"] == line
    if isinstance(place, int):
        assert line == place
    elif f"\n{place}" in text or f" {place} " in text:
        assert place in text.splitlines()[line - 1] or place in refused.value.detail
    assert steward.datasets() == before
    assert log_size(enclave) == size


@pytest.mark.parametrize(("name", "content", "word"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_bad_files(enclave: Enclave, tmp_path: Path, name: str, content: bytes | None, word: str) -> None:
    path = tmp_path / name
    if content is None:
        rows = {column: ["x"] for column in HEADER.strip().split(",")} | {"age": [[1, 2]]}
        pq.write_table(pa.table(rows), path)
    else:
        path.write_bytes(content)
    steward = enclave.steward_of("health-bureau")
    version, store = steward.dataset("clinic")["version"], stored(enclave)
    with pytest.raises(Refusal) as refused:
        enclave.reload("clinic", {"visits": path})
    assert refused.value.code == "file-not-usable"
    assert word in refused.value.detail
    assert "forty" not in refused.value.detail
    assert steward.dataset("clinic")["version"] == version
    assert stored(enclave) == store
    assert list((enclave.home / "inbox").iterdir()) == []


@pytest.mark.parametrize(("sql", "code", "column"), QUERIES)
def test_bad_queries(enclave: Enclave, sql: str, code: str | None, column: int | None) -> None:
    ann = enclave.analyst("ann-errs", org="acme", datasets=["clinic"], purpose="research", epsilon="0.1")
    before = ann.accounts()
    for ask in (lambda query: query.check(), lambda query: query.run().result(timeout=30)):
        with pytest.raises(Refusal) as refused:
            ask(ann.query(sql, purpose="research", epsilon="0.01"))
        assert code is None or refused.value.code == code
        assert refused.value.exit_code in {2, 3, 5, 7}
        assert refused.value.facts.get("spent") == "0"
        assert refused.value.advice
        assert refused.value.advice_zh
        if column is not None:
            assert (refused.value.span.line, refused.value.span.column) == (1, column)
        if refused.value.rewrite is not None:
            ann.query(refused.value.rewrite, purpose="research", epsilon="0.01").check()
    assert ann.accounts() == before
    assert ann.queries() == []


@pytest.mark.parametrize("name", ["../ledger.sqlite", "/etc/passwd", "..", "", "a/b.csv", "x\x00.csv", "missing.csv"])
def test_only_bare_names_of_the_inbox_are_read(enclave: Enclave, name: str) -> None:
    with pytest.raises(Refusal):
        enclave.steward_of("health-bureau").load("clinic", {"visits": name})


def test_a_link_in_the_inbox_is_not_followed(enclave: Enclave, visits: Path) -> None:
    link = enclave.home / "inbox" / "link.csv"
    link.symlink_to(visits)
    try:
        with pytest.raises(Refusal):
            enclave.steward_of("health-bureau").load("clinic", {"visits": "link.csv"})
    finally:
        link.unlink()


def log_size(enclave: Enclave) -> int:
    """Entries in the log."""
    return enclave.officer.checkpoint().size


def stored(enclave: Enclave) -> list[str]:
    """Every path in the store."""
    return sorted(str(path.relative_to(enclave.home)) for path in (enclave.home / "store").rglob("*"))
