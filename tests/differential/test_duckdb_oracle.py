"""The whole line against DuckDB: with bounds that do not bind and a huge ε, private answers are the exact ones.

The generator makes both texts, ours and DuckDB's, from one random question; DuckDB reads the table as the description
defines it (NaN is NULL, infinities are the bound, undeclared keys are NULL) and returns every declared group.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import duckdb
import pytest

from sandbox.testing import Enclave, start_enclave

EPSILON = "1000000"

RAND_HIE = """
[dataset]
name = "hie"
title = "RAND HIE with bounds that do not bind"
steward = "health-bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "1000000000" }

[unit_spaces.people]
accounting = "pure"
budget = { epsilon = "1000000000" }

[tables.years]
unit = "zper"
rows_max = 20_190
max_rows_per_unit = 5

[tables.years.columns]
zper    = { type = "int", role = "unit" }
plan    = { type = "int", keys = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19] }
site    = { type = "int", keys = [1, 2, 3, 4, 5, 6] }
year    = { type = "int", keys = [1, 2, 3, 4, 5] }
female  = { type = "int", keys = [0, 1] }
mdvis   = { type = "int", bounds = [0, 100] }
xage    = { type = "float", bounds = [0.0, 70.0], granularity = 0.0001 }
meddol  = { type = "float", bounds = [0.0, 40000.0], granularity = 0.001 }
ghindx  = { type = "float", bounds = [0.0, 100.0], granularity = 0.001 }
"""

MADE = """
[dataset]
name = "made"
title = "A made table of everything awkward"
steward = "health-bureau"
unit_space = "things"
grade = "general"
budget = { epsilon = "1000000000" }

[unit_spaces.things]
accounting = "zcdp"
budget = { epsilon = "1000000000", delta = "1e-6" }
buckets = 4

[tables.rows]
unit = "who"
rows_max = 700
max_rows_per_unit = 40

[tables.rows.columns]
who    = { type = "string", role = "unit" }
label  = { type = "string", keys = ["a", "Ω", "汉字", "é", "never", "it's"] }
flag   = { type = "bool" }
size   = { type = "int", bounds = [-50, 50] }
value  = { type = "float", bounds = [-10.0, 10.0], granularity = 0.001 }
other  = { type = "float", bounds = [0.5, 4.0], granularity = 0.001 }
day    = { type = "date", bounds = ["2020-01-01", "2020-12-31"] }
moment = { type = "timestamp", bounds = ["2020-01-01T00:00:00", "2020-12-31T23:59:59"] }
word   = { type = "string", max_length = 12 }
"""


@dataclass(frozen=True)
class Side:
    """What the generator may use of one table."""

    table: str
    unit: str
    keys: dict[str, list[object]]
    numbers: tuple[str, ...]
    predicates: tuple[str, ...]


HIE = Side(
    "hie.years",
    "zper",
    {
        "plan": [*range(1, 12), 13, 14, 15, 16, 17, 18, 19],
        "site": list(range(1, 7)),
        "year": list(range(1, 6)),
        "female": [0, 1],
    },
    ("mdvis", "xage", "meddol", "ghindx", "mdvis + 2 * female", "xage / 2", "meddol - 10 * mdvis", "-mdvis"),
    (
        "xage >= 18",
        "xage < 30.5",
        "mdvis between 1 and 10",
        "ghindx is null",
        "ghindx is not null",
        "plan in (1, 2, 3, 11)",
        "site not in (2, 4)",
        "female = 1",
        "meddol > 100",
        "meddol / mdvis > 20",
        "mdvis * 3 <= year + 4",
        "ghindx > 70",
        "year <> 2",
    ),
)

THINGS = Side(
    "made.rows",
    "who",
    {"label": ["a", "Ω", "汉字", "é", "never", "it's"], "flag": [False, True]},
    ("size", "value", "other", "size * size", "value * other", "size / other", "value + size", "other - value"),
    (
        "size > 0",
        "value >= 0",
        "value is null",
        "flag",
        "not flag",
        "label = 'Ω'",
        "label in ('a', '汉字', 'it''s')",
        "label = 'e\u0301'",
        "word <> 'e\u0301'",
        "day < date '2020-06-01'",
        "day between date '2020-02-01' and date '2020-11-30'",
        "moment >= timestamp '2020-03-01 12:00:00'",
        "word = 'x'",
        "word is null",
        "word <> 'x'",
        "size / (size - size) > 0",
        "size in (1, 2, 3, -4)",
        "value < other",
        "flag is null",
    ),
)


def made_rows(seed: int = 7) -> list[tuple[object, ...]]:
    """Rows with NULL, NaN, infinities, undeclared keys, unicode and extreme dates; one value in three is awkward."""
    source = random.Random(seed)
    pick = source.choice
    awkward = [None, float("nan"), float("inf"), float("-inf"), -0.0, 1e-9]
    rows = []
    for _ in range(600):
        rows.append(
            (
                pick([f"w{number}" for number in range(60)] + ["名", "ñ", " "]),
                pick(["a", "Ω", "汉字", "e\u0301", "é", "it's", "undeclared", None]),
                pick([True, False, None]),
                pick([None, -50, 50, 0, *range(-9, 9)]),
                pick([*awkward, source.uniform(-10, 10), source.uniform(-10, 10)]),
                pick([*awkward, source.uniform(0.5, 4), source.uniform(0.5, 4)]),
                pick([None, "2020-01-01", "2020-12-31", "2020-05-17", "2020-10-02"]),
                pick([None, "2020-01-01 00:00:00", "2020-12-31 23:59:59", "2020-07-04 08:30:15"]),
                pick([None, "x", "yy", "", "längeres汉", "e\u0301", "'"]),
            )
        )
    return rows


@pytest.fixture(scope="module")
def oracle(rand_hie: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with both tables as their descriptions define them."""
    base = duckdb.connect()
    base.execute("create schema hie")
    base.execute("create schema made")
    base.execute(
        "create table hie.years as select zper, plan, site, year, female, mdvis, xage, meddol,"
        f" case when isnan(ghindx) then null else ghindx end as ghindx from read_parquet('{rand_hie}')"
    )
    base.execute(
        "create table made.raw (who varchar, label varchar, flag boolean, size int, value double, other double,"
        " day date, moment timestamp, word varchar)"
    )
    base.executemany("insert into made.raw values (?,?,?,?,?,?,?,?,?)", made_rows())
    folder = tmp_path_factory.mktemp("made")
    base.execute(f"copy made.raw to '{folder / 'rows.parquet'}' (format parquet)")
    base.execute(
        "create table made.rows as select who, case when nfc_normalize(label) in ('a','Ω','汉字','é','never','it''s')"
        " then nfc_normalize(label) end as label, flag, size,"
        " case when value is null or isnan(value) then null else greatest(-10.0, least(10.0, value)) end as value,"
        " case when other is null or isnan(other) then null else greatest(0.5, least(4.0, other)) end as other, day, moment,"
        " nfc_normalize(word) as word"
        " from made.raw"
    )
    base.execute("create table made.place as select ? as path", [str(folder / "rows.parquet")])
    yield base
    base.close()


@pytest.fixture(scope="module")
def running(oracle: duckdb.DuckDBPyConnection, rand_hie: Path) -> Iterator[Enclave]:
    made = Path(oracle.execute("select path from made.place").fetchone()[0])
    with start_enclave(clock=False) as enclave:
        enclave.load(RAND_HIE, {"years": rand_hie})
        enclave.load(MADE, {"rows": made})
        yield enclave


@dataclass(frozen=True)
class Question:
    keys: tuple[str, ...]
    aggregates: tuple[tuple[str, str], ...]
    where: str

    def sql(self, table: str) -> str:
        columns = [*self.keys, *(f"{text} as {name}" for name, text in self.aggregates)]
        text = f"select {', '.join(columns)} from {table}"
        text += f" where {self.where}" if self.where else ""
        return text + (f" group by {', '.join(self.keys)}" if self.keys else "")


def questions(side: Side, count: int, seed: int) -> list[Question]:
    source = random.Random(seed)
    made = []
    for _ in range(count):
        keys = tuple(source.sample(sorted(side.keys), source.choice([0, 1, 1, 2])))
        number = source.choice(side.numbers)
        pool = [
            "count(*)",
            f"count(distinct {side.unit})",
            f"count({number})",
            f"sum({number})",
            f"avg({source.choice(side.numbers)})",
        ]
        chosen = source.sample(pool, source.choice([1, 2, 3]))
        parts = source.sample(side.predicates, source.choice([0, 1, 2, 3]))
        where = ""
        for part in parts:
            negated = f"not ({part})" if source.random() < 0.2 else part
            where = f"({where} {source.choice(['and', 'or'])} {negated})" if where else negated
        made.append(Question(keys, tuple((f"c{number}", text) for number, text in enumerate(chosen)), where))
    return made


def in_duckdb(sql: str) -> str:
    """Ours answers NULL where DuckDB divides by zero into an infinity, and reads texts in NFC."""
    return (
        normalize("NFC", sql)
        .replace("/ mdvis", "/ nullif(mdvis, 0)")
        .replace("/ (size - size)", "/ nullif(size - size, 0)")
    )


def compare(side: Side, question: Question, release: object, base: duckdb.DuckDBPyConnection) -> None:
    """Every declared group once, with DuckDB's number, give or take fixed-point rounding."""
    found = {
        tuple(row[: len(question.keys)]): row[len(question.keys) :]
        for row in base.execute(in_duckdb(question.sql(side.table))).fetchall()
    }
    rows = release.to_pylist()
    groups = list(itertools.product(*(side.keys[key] for key in question.keys)))
    returned = [tuple(row[key] for key in question.keys) for row in rows]
    assert sorted(map(repr, returned)) == sorted(map(repr, groups))
    names = [name for name, _ in question.aggregates]
    intervals = {name: release.interval(name, 1 - 1e-9) for name in names}
    for number, (row, group) in enumerate(zip(rows, returned, strict=True)):
        exact = found.get(group, (None,) * len(names))
        for (name, text), value in zip(question.aggregates, exact, strict=True):
            low, high = intervals[name][number]
            if text.startswith("count"):
                assert row[name] == (value or 0), (question, group, text)
            elif text.startswith("sum") or value is not None:  # an empty group's mean is noise over one
                # What is left of the noise at this ε, and one half step of rounding a row.
                slack = 0.002 if text.startswith("avg") else 25.0
                assert low - slack <= (value or 0) <= high + slack, (question, group, text)


@pytest.mark.parametrize(("side", "seed"), [(HIE, 11), (THINGS, 12)], ids=["rand-hie", "made"])
def test_answers_are_the_exact_ones(running: Enclave, oracle: duckdb.DuckDBPyConnection, side: Side, seed: int) -> None:
    dataset = side.table.partition(".")[0]
    analyst = running.analyst(
        f"{dataset}-asker", org="acme", datasets=[dataset], purpose="research", epsilon="900000000"
    )
    covered: Counter[str] = Counter()
    for question in questions(side, 60, seed):
        release = analyst.query(question.sql(side.table), purpose="research", epsilon=EPSILON).run().result(timeout=60)
        compare(side, question, release, oracle)
        covered.update(text.partition("(")[0] for _, text in question.aggregates)
        covered.update([f"keys {len(question.keys)}", "where" if question.where else "all"])
    assert {"count", "sum", "avg", "keys 0", "keys 1", "keys 2", "where", "all"} <= set(covered)


def test_one_text_is_one_however_it_was_typed(running: Enclave, oracle: duckdb.DuckDBPyConnection) -> None:
    """Rows in both forms are of the group of the declared key, and of a constant in either form."""
    both = oracle.execute("select count(*) from made.rows where label = 'é'").fetchone()[0]
    composed = oracle.execute("select count(*) from made.raw where label = 'é'").fetchone()[0]
    assert 0 < composed < both  # the control: some rows are not composed
    analyst = running.analyst("typist", org="acme", datasets=["made"], purpose="research", epsilon="900000000")

    def asked(sql: str) -> list[dict[str, object]]:
        return analyst.query(sql, purpose="research", epsilon=EPSILON).run().result(timeout=60).to_pylist()

    grouped = asked("select label, count(*) as n from made.rows group by label")
    assert {row["label"]: row["n"] for row in grouped}["é"] == both
    for text in ("é", "e\u0301"):
        assert asked(f"select count(*) as n from made.rows where label = '{text}'") == [{"n": both}]


def test_control_a_wrong_answer_is_seen(running: Enclave, oracle: duckdb.DuckDBPyConnection) -> None:
    """The comparison is not blind: one row fewer on the oracle's side is a difference."""
    analyst = running.analyst("control", org="acme", datasets=["hie"], purpose="research", epsilon="900000000")
    question = Question(("year",), (("c0", "count(*)"),), "")
    release = analyst.query(question.sql("hie.years"), purpose="research", epsilon=EPSILON).run().result(timeout=60)
    changed = oracle.cursor()
    changed.execute("begin")
    changed.execute("delete from hie.years where rowid = 0")
    with pytest.raises(AssertionError):
        compare(HIE, question, release, changed)
    changed.execute("rollback")
