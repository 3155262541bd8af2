"""Nothing of a query is ignored: every node, every part of it and every word is on a list or refused."""

import time

import pytest
from plan_examples import CLINIC
from sqlglot import exp

from sandbox.plan import bind as bind_room
from sandbox.plan import parse as parse_room
from sandbox.plan.compile import compile_query
from sandbox.plan.parse import parse
from sandbox.plan.syntax import ALLOWED, check_syntax, check_tokens
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.refusal import NotAnswerable, Span

GOOD = "select sex, count(*) as n from clinic.visits where age > 3 group by sex"

EXTRAS = [
    "select count(*) over () from visits",
    "select sum(age order by cost) from visits",
    "select avg(age) within group (order by age) from visits",
    "select sum(age) ignore nulls from visits",
    "select count(*) from visits tablesample 1 percent",
    "select count(*) from visits using sample 5 rows",
    "select count(*) from visits for update",
    "select count(*) from visits for share skip locked",
    "select distinct on (sex) count(*) from visits group by sex",
    "select count(*) into x from visits",
    "select /*+ parallel(4) */ count(*) from visits",
    "select count(*) from visits pivot (sum(age) for sex in ('F'))",
    "select count(*) from visits, lateral (select 1)",
    "select count(*) from visits cross join unnest([1])",
    "select count(*) from visits natural join visits",
    "select count(*) from visits group by cube (sex)",
    "select count(*) from visits group by grouping sets ((sex), ())",
    "select count(*) from visits group by sex with rollup",
    "select count(*) from visits group by sex with totals",
    "select count(*) from visits qualify true",
    "select count(*) from visits window w as ()",
    "select count(*) from only visits",
    "select count(*) from visits at (version => 1)",
    "select count(*) from visits where age between symmetric 9 and 3",
    "select count(*) from visits where age = any (select 1)",
    "select count(*) from visits where exists (select 1)",
    "select count(*) from visits where age in (select 1)",
    "select count(*) from visits where (age, ward) in ((1, 2))",
    "select count(*) from visits where city collate nocase = 'x'",
    "select count(*) from visits where city similar to 'x'",
    "select count(*) from visits where city ~ 'x'",
    "select count(*) from visits where age & 2 = 1",
    "select count(*) from visits where ~age = 1",
    "select count(*) from visits where age = $1",
    "select count(*) from visits where age = ?",
    "select count(*) from visits where age = @x",
    "select count(*) from visits where city = 'a' 'b'",
    "select count(*) from visits where city = e'a'",
    "select count(*) from visits where city = $$a$$",
    "select count(*) from visits where seen > timestamp(3) '2024-01-01'",
    "select count(*) from visits where visits.age.x = 1",
    "select count(*) from visits where [1] = [1]",
    "select count(*) from visits where {'a': 1} = 1",
    "select count(*) from visits where (lambda x : x) = 1",
    "select count(*) from a.clinic.visits",
    "select count(*) from read_csv('/etc/passwd')",
    "select columns(*) from visits",
    "select * replace (1 as age) from visits",
    "select count(distinct *) from visits",
    "select sum(age) as struct from visits for system_time as of now()",
    "values (1)",
    "describe visits",
    "explain select count(*) from visits",
    "pragma version",
    "set x = 1",
    "copy visits to 'x'",
    "attach 'x'",
    "create table x as select count(*) from visits",
    "summarize visits",
]


def test_the_control_is_answered():
    assert compile_query(GOOD, CLINIC).columns


@pytest.mark.parametrize("sql", EXTRAS)
def test_extras_are_refused(sql):
    with pytest.raises(NotAnswerable):
        compile_query(sql, CLINIC)


def test_every_unlisted_part_of_every_listed_node_is_refused():
    """Mechanical: fill in each part that the library knows and the list does not name."""
    text = "select sex as s, count(distinct patient_id), sum(age), avg(age), count(*) from clinic.visits as v where not (a = 1 and b <> 2 or c < 3) and d <= 4 and e > 5 and f >= 6 and -a + b - c * d / e = 1 and a in (1) and a between 1 and 2 and a is null and a = true and a > date '2024-01-01' group by sex"
    seen = set()
    for number, node in enumerate(parse(text).tree.walk()):
        listed = ALLOWED[type(node)]
        for part in set(node.arg_types) - listed:
            parsed = parse(text)
            list(parsed.tree.walk())[number].args[part] = exp.Literal.number(1)
            with pytest.raises(Unanswerable):
                check_syntax(parsed)
            seen.add((type(node), part))
    check_syntax(parse(text))
    assert len(seen) > 60


def test_every_listed_node_exists_and_names_its_own_parts():
    for kind, parts in ALLOWED.items():
        assert parts <= set(kind.arg_types) | {"nested"}


def test_a_word_that_the_tree_lost_is_refused():
    parsed = parse("select count(*) from visits where age > 3")
    check_tokens(parsed)
    del parsed.tree.args["where"]
    with pytest.raises(Unanswerable) as found:
        check_tokens(parsed)
    assert found.value.refusal.span.column == 35


@pytest.mark.parametrize(
    ("sql", "part", "word"),
    [
        ("select count(*) from visits limit 5", "limit", "limit"),
        ("select count(*) from visits group by sex order by 1", "order", "order by"),
        ("select sex, count(*) from visits group by sex having true", "having", "having"),
        ("select count(*) from visits offset 2", "offset", "offset"),
        ("select count(*) from visits where exists (select 1)", "where", "where"),
        ("with x as (select 1) select count(*) from visits", "with_", "with"),
        ("select distinct count(*) from visits where true", "where", "where"),
    ],
)
def test_a_clause_that_the_tree_lost_is_refused(sql, part, word):
    """The second defence by itself: words are counted, so that a clause of signs alone is missed too."""
    parsed = parse(sql)
    check_tokens(parsed)
    del parsed.tree.args[part]
    with pytest.raises(Unanswerable) as found:
        check_tokens(parsed)
    column = found.value.refusal.span.column
    assert sql[column - 1 :].startswith(word) or column > sql.index(word)


def test_the_word_check_catches_what_a_lax_list_would_let_through(monkeypatch):
    """Control of the second defence: with the first one off, the words are still all accounted for."""
    monkeypatch.setattr(bind_room, "check_syntax", lambda parsed: None)
    for tail in ("for update", "tablesample 10%", "limit 5 percent"):
        with pytest.raises(NotAnswerable):
            compile_query(f"select count(*) as n from visits {tail}", CLINIC)
    monkeypatch.setattr(bind_room, "check_tokens", lambda parsed: None)
    assert compile_query("select count(*) as n from visits for update", CLINIC)


@pytest.mark.parametrize(
    "sql",
    [
        "select " + "(" * 5_000 + "1" + ")" * 5_000,
        "select " + "(" * 15_000,
        "select 1 from t where " + "not " * 4_000 + "a",
        "select " + "- " * 9_000 + "1",
        "select " + "case when a then " * 900 + "1",
        "select " + "f(" * 6_000 + "1",
        "select " + "[" * 9_000,
        "select " + "{'a':" * 3_000,
        "select " + "(select " * 2_000 + "1",
        "select " + "interval " * 1_900 + "1",
        "select " + "x -> " * 1_900 + "1",
        "select 1 from t where " + "a+" * 1_900 + "1 = 1",
        "select " + "a." * 1_900 + "b",
        "with a as (" * 1_000 + "select 1",
        "select cast(a as " + "struct(a " * 1_500,
        "'" * 19_999,
        '"' * 19_999,
        "/*" * 9_999,
        ";" * 19_999,
        "select " + "1," * 9_000,
        "select count(*) from visits where age in (" + "1," * 9_900 + "1)",
        "select count(*) from visits where " + "age = 1 and " * 1_600,
        "x" * 20_001,
        "select count(*) from visits a" + "".join(f" join visits b{number}" for number in range(12)),
        "select count(*) from visits natural join visits" + " left join (select 1 from visits join visits) b" * 300,
    ],
    ids=range(25),
)
def test_pathological_texts_are_refused_soon(sql):
    begin = time.process_time()
    with pytest.raises(NotAnswerable):
        compile_query(sql, CLINIC)
    assert time.process_time() - begin < 1.0  # 0.1 s on a quiet machine


def test_joins_without_conditions_cost_no_more_than_their_length(monkeypatch):
    """For each of them the parser reads what follows twice: it stops at a number of nodes that goes with the text."""
    several = "select count(*) from visits a" + "".join(f" join visits b{number}" for number in range(12))
    with pytest.raises(NotAnswerable) as found:
        compile_query(several, CLINIC)
    assert (
        found.value.detail == "Here are too many JOINs without ON and USING: give each its condition, or write commas."
    )
    assert found.value.span == Span(1, several.index("join") + 1, 4)
    same = " where " + " and ".join(f"a.patient_id = b{number}.patient_id" for number in range(12))
    with pytest.raises(NotAnswerable) as found:
        compile_query(several + same, CLINIC)
    assert found.value.rewrite == several.replace(" join", ",") + same
    few = several[: several.index(" join visits b4")] + same[: same.index(" and a.patient_id = b4")]
    assert compile_query(few, CLINIC)
    monkeypatch.setattr(parse_room, "_NODES_PER_TOKEN", 10_000)
    assert parse(several).tree.args["joins"]  # the control: after 2 ** 12 attempts


def test_a_name_in_quotes_that_is_no_type_is_a_refusal():
    """The parser reads it as a text of its own, here with a comment that never ends."""
    for sql in ('select true :: "true /*" from visits', 'select cast(age as "x /* y") from visits'):
        with pytest.raises(NotAnswerable) as found:
            compile_query(sql, CLINIC)
        assert found.value.code == "sql-not-parsed"


def test_depth_limits_stand_before_the_parser(monkeypatch):
    """The control: without the limits, the library's recursion is what stops a deep text."""
    deep = "select " + "(" * 400 + "1" + ")" * 400
    with pytest.raises(Unanswerable) as found:
        parse(deep)
    assert "20 deep" in found.value.refusal.detail
    monkeypatch.setattr(parse_room, "NESTING_MAX", 10_000)
    with pytest.raises(Unanswerable) as found:
        parse(deep)
    assert found.value.refusal.detail == "The query nests too deep."


def test_nesting_within_the_limit_is_read():
    assert compile_query("select count(*) from visits where " + "(" * 18 + "age = 1" + ")" * 18, CLINIC)
    assert compile_query("select count(*) from visits where " + "not " * 18 + "urgent", CLINIC)


def test_the_library_is_silent(caplog, capsys):
    for sql in (*EXTRAS, "select count(*) from visits where age = = 1", "create or replace garbage"):
        with pytest.raises(NotAnswerable):
            compile_query(sql, CLINIC)
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_a_name_with_a_hyphen_that_was_not_quoted_is_named_as_such() -> None:
    with pytest.raises(Unanswerable) as slip:
        parse("select count(*) as n from my-data.visits")
    assert "double quotes" in slip.value.refusal.detail
    with pytest.raises(Unanswerable) as other:
        parse("select count(*) as n from visits - where")
    assert "double quotes" not in other.value.refusal.detail
