"""SQL text: from the grammar, from the grammar with slips, from earlier tests' queries with slips, from words, from bytes.

Whatever compiles gives a plan that reads back from its canonical form, is sound, names only columns that are there and may be
read, and can be explained in both languages. A refusal points into the text, and its rewrite, if it has one, compiles.
"""

import json
import re
from pathlib import Path
from random import Random

import mutations
from plan_examples import BOTH, SHOP
from sql_grammar import SqlGrammar
from sql_shapes import LanguageGrammar
from test_outside_the_grant import CRAFTED
from test_plan_refusals import CASES
from watching import Corpus

from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.explain import explain
from sandbox.plan.picture import picture
from sandbox.plan.query import Plan
from sandbox.plan.soundness import check_plan
from sandbox.service.release_clock import columns_read
from sandbox.terms.dataset import ColumnRole
from sandbox.terms.refusal import NotAnswerable

DATASETS = {**SHOP, **BOTH}
GOLDEN = Path(__file__).parents[1] / "golden" / "plan-digests.json"
SEEDS = (
    *(case[0].replace("«", "").replace("»", "") for case in CASES),
    *CRAFTED,
    *json.loads(GOLDEN.read_text("utf-8"))["digests"],
)
WORDS = tuple(
    re.findall(
        r"\S+",
        """select from where group by having order limit offset count sum avg min distinct ( ) , * . ; and or not in between is
        null true false case when then else end as join on using union with over filter visits clinic.visits sex age cost
        ward 1 2.5 'x' date timestamp interval cast :: + - / % = <> < >= [ ] { } -> => ? $1 @x # ! ~ ^ | || & \\ ' " /* */ --
        exists all any tablesample values pivot lateral unnest array struct map lambda for update into qualify window rows""",
    )
)
ALWAYS = (
    "", " ", ";", ";;;", "select", "select from clinic.visits", "from clinic.visits", "(", ")", "'", '"', "--", "/*", "$$", "\0", "\ufeffselect 1",
    "select " * 2_000, "(" * 20_000, "select " + "(" * 19 + "1" + ")" * 19, "select " + "-" * 19_000 + "1", "not " * 5_000,
    "select count(*) from clinic.visits where " + " and ".join(["age > 1"] * 990),
    "select count(*) from clinic.visits where " + " or ".join(f"age = {number}" for number in range(990)),
    "select count(*) from clinic.visits where age in (" + ",".join(map(str, range(1_900))) + ")",
    "select " + ",".join(f"sum(age + {number}) as a{number}" for number in range(300)) + " from clinic.visits",
    "select " + ",".join(["min(age)"] * 700) + " from clinic.visits",
    "select count(*) from clinic.visits where city = '" + "x" * 19_900 + "'",
    "select count(*) from clinic.visits where age = " + "9" * 19_900,
    "select sum(" + "age*" * 1_900 + "1) from clinic.visits",
    "select sum(" + "age+" * 1_900 + "1) from clinic.visits",
    "select sum(" + "cost/" * 60 + "1) from clinic.visits",
    "select count(*) from clinic.visits where " + "not " * 19 + "urgent",
    "select count(*) from clinic.visits union " * 400 + "select 1",
    "with a as (select 1) " * 600 + "select 1",
    "select case " * 900,
    ("select sum(age / (cost - cost)), pg_sleep(9) from clinic.visits where not (not ((((("
    "(big not in (2.5, .5, 1) or day is null or age < 1) and (day = '2024-01-02' and (1e2) <> (ward * ward))) or "
    "(not (visited < '2024-05-05') and serial is null)) and cost between 1 and 0 and ((((weight * weight) <> (age - age) or "
    "weight between 1e2 and -3) or (big / .5) < (serial - 2.5)) or age < 18)) or not ((cost + age) > (age - weight) or "
    "not (urgent = false and (ward + cost) = 18)) or ((visited < '2024-05-05' and weight between 1 and 0) or "
    "(age = 1 and (cost - 1e2) > (cost * cost))) or (sex in ('F', 'M', 'x') and not (big >= .5)))))"),
    "select " + "a." * 1_900 + "b from clinic.visits",
    "select count(*) from " + "a join " * 1_900 + "b",
    "select count(*) from clinic.visits natural join " + "clinic.bil join " * 9 + "clinic.bills",
    "select count(*) from clinic.visits" + "".join(f" join clinic.visits a{n}" for n in range(14)),
    'select true :: "true /*" from clinic.visits',
    "/*" * 9_000 + "*/" * 900,
    "select count(*) from clinic.visits where city like '" + "%_" * 9_000 + "'",
    "select " + "f(" * 20 + "age" + ")" * 20 + " from clinic.visits",
    "select averge(age), " + ",".join(["cuont(age)"] * 900) + " from clinic.visits",
    "select count(*) from " + "(select * from " * 19 + "clinic.visits" + ")" * 19,
    "select count(*) from clinic.visits a0" + "".join(f" join clinic.visits a{n} on a0.patient_id = a{n}.patient_id" for n in range(1, 150)),
    "with " + ", ".join(f"a{n} as (select * from {f'a{n - 1}' if n else 'clinic.visits'})" for n in range(150)) + " select count(*) from a149",
    "with a0 as (select sex, count(*) n from clinic.visits group by sex), "
    + ", ".join(f"a{n} as (select x.sex, x.n + y.n as n from a{n - 1} x join a{n - 1} y on x.sex = y.sex)" for n in range(1, 30))
    + " select * from a29",
    " union all ".join(["select sex, count(*) from clinic.visits group by sex"] * 200),
    "select count(*) from (" + " union all ".join(["select age from clinic.visits"] * 200) + ") t",
    "select " + "coalesce(" * 19 + "age" + ", 1)" * 19 + ", count(*) from clinic.visits group by 1",
    "select " + "replace(" * 18 + "city" + ", 'a', 'aaaaaaaaaaaaaaaaaaaa')" * 18 + ", count(*) from clinic.visits group by 1",
    "select sum(" + "power(" * 18 + "age" + ", 9)" * 18 + ") from clinic.visits",
    "select count(*) from clinic.visits where " + "case when " * 18 + "urgent" + " then true end" * 18,
    "select width_bucket(age, 0, 110, 1000), width_bucket(cost, 0, 5000, 1000), date_trunc('month', visited), count(*) from clinic.visits group by all",
    "select avg(n) from (select patient_id, " + ", ".join(f"sum(age + {n}) s{n}" for n in range(200)) + ", count(*) n from clinic.visits group by patient_id)",
    "select avg(r) from (select " + ", ".join(f"lag(age, {n}) over (partition by patient_id order by cost) as r{n}" for n in range(100)) + ", age r from clinic.visits)",
    "select count(*) from clinic.visits v where " + " and ".join(["exists (select 1 from clinic.visits w where w.patient_id = v.patient_id)"] * 60),
)  # fmt: skip


def make(chance: Random) -> str:
    """A query; every third one is plain grammar, so that much of the run compiles."""
    kind = chance.randrange(10)
    if kind < 1:
        return SqlGrammar(chance, chance.choice((0.0, 0.0, 0.02, 0.06))).query()
    if kind < 5:
        return LanguageGrammar(chance, chance.choice((0.0, 0.0, 0.02, 0.06))).query()
    if kind < 6:
        return mutations.mutated_text(chance, LanguageGrammar(chance, 0.05).query(), WORDS, SEEDS)
    if kind < 8:
        return mutations.mutated_text(chance, chance.choice(SEEDS), WORDS, SEEDS)
    if kind == 8:
        return " ".join(["select", *chance.choices(WORDS, k=chance.randint(1, 40))])
    content = mutations.mutated_bytes(chance, chance.choice(SEEDS).encode("utf-8", "ignore"))
    return content.decode("utf-8", "surrogateescape" if chance.random() < 0.3 else "replace")


def hold(sql: str, outcome: Plan | NotAnswerable) -> None:
    """The laws above."""
    if isinstance(outcome, NotAnswerable):
        check_refusal(sql, outcome)
    else:
        check_compiled(outcome)


def check_refusal(sql: str, refusal: NotAnswerable) -> None:
    json.dumps(refusal.problem(), allow_nan=False)
    if refusal.span is not None:
        lines = sql.split("\n")
        assert 1 <= refusal.span.line <= len(lines), "the line of the span"
        assert refusal.span.column >= 1, "the column of the span"
        assert refusal.span.length >= 1, "the length of the span"
        assert refusal.span.column - 1 <= len(lines[refusal.span.line - 1]), "the span is beyond the line"
    if refusal.rewrite is not None:
        try:
            plan = compile_query(refusal.rewrite, DATASETS)
        except NotAnswerable as again:
            raise AssertionError(f"the rewrite does not compile: {refusal.rewrite!r}") from again
        check_compiled(plan)


def check_compiled(plan: Plan) -> None:
    document = json.loads(json.dumps(plan_json(plan), allow_nan=False))
    assert read_plan(document) == plan, "the canonical form does not read back"
    check_plan(plan)
    for dataset, name, column in columns_read(plan):
        table = DATASETS[dataset].table(name)
        assert table is not None, "a table that is not there"
        found = table.column(column)
        assert found is not None and found.role is ColumnRole.VALUE, "a column that may not be read"
    for language in ("en", "zh"):
        lines = explain(plan, language)
        assert lines and all(lines), "an explanation with holes"
        "\n".join((*lines, picture(plan, language))).encode("utf-8")


def corpus() -> Corpus:
    return Corpus("sql", make, lambda sql: compile_query(sql, DATASETS), (NotAnswerable,), ALWAYS, hold)
