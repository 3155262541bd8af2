"""Expressions of rows: what each spelling means, beside DuckDB's own answer, and what is refused with what advice."""

import datetime as dt
import math
from fractions import Fraction

import duckdb
import pytest
from bound_columns import TableColumns, item, parsed
from hypothesis import given
from hypothesis import strategies as st
from plan_examples import CLINIC
from sqlglot import exp

from sandbox.plan.evaluate import evaluate
from sandbox.plan.expressions import children
from sandbox.plan.function_calls import CALL_NODES
from sandbox.plan.functions.table import FUNCTIONS
from sandbox.plan.nodes import (
    Arithmetic,
    Call,
    Case,
    ColumnRef,
    Comparison,
    Expression,
    Literal,
    Membership,
    Not,
    type_of,
)
from sandbox.plan.ranges import INTEGER_LIMIT
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import SCALAR_NODES, bind_predicate, bind_scalar
from sandbox.plan.soundness_expressions import check_types
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import (
    BoundsMissing,
    PlanNotSupported,
    RangeTooWide,
    TypeMismatch,
    UnitColumnUse,
    UnknownColumn,
    UnknownFunction,
)

TYPES = {column.name: column.type for column in CLINIC["clinic"].tables[0].columns}


def bound(sql: str, **options: bool) -> Expression:
    node, scope = item(sql, **options)
    made = normalise(bind_scalar(node, scope))
    check_types(made, TYPES)
    return made


def refused(sql: str, **options: bool) -> Unanswerable:
    node, scope = item(sql, **options)
    with pytest.raises(Unanswerable) as caught:
        bind_scalar(node, scope)
    return caught.value


def place(found: Unanswerable, sql: str) -> str:
    span = found.refusal.span
    assert span is not None
    return f"select {sql} from visits"[span.column - 1 : span.column - 1 + span.length]


def works(candidate: str) -> bool:
    """Whether an expression of a suggested text binds."""
    try:
        query, text = parsed(candidate)
        scope = TableColumns(text)
        for node in query.tree.expressions:
            bind_scalar(node, scope)
    except Unanswerable:
        return False
    return True


# -- the meaning, beside DuckDB -----------------------------------------------------------------------------------------

ORACLE = """
age + 1; age - ward * 2; age * 1.5; age / 2; age / ward; age / (ward - 1); age % 7; mod(age, 3); age // 4; -age; -cost
abs(age - 50); sign(age - 50); ceil(cost); ceiling(cost); floor(cost); round(cost); round(cost, 1); trunc(cost); sqrt(age)
cbrt(age); exp(ward); ln(age + 1); log(ward); log10(ward); log2(ward); log(2, ward); power(ward, 2); pow(ward, 2); ward ^ 2
ward ** 3; greatest(age, ward, 3); least(age, ward); least(cost, age); sin(age); cos(age); tan(ward); asin(0.5); acos(0.5)
atan(age); atan2(age, ward); degrees(ward); radians(age); pi(); @(age - 50)
lower(city); lcase(city); upper(city); ucase(city); length(city); len(city); char_length(city); trim(city); trim(city, 'a')
trim(both 'a' from city); trim(leading 'a' from city); trim(trailing 'n' from city); ltrim(city); ltrim(city, 'a')
rtrim(city); rtrim(city, 'n'); substring(city, 2, 3); substr(city, 2); substring(city from 2 for 3); left(city, 2)
right(city, 2); left(city, ward); replace(city, 'a', 'oo'); reverse(city); concat(city, '-', sex); city || '-' || sex
city || ward; lpad(city, 5, '*'); rpad(city, 5, '*'); repeat(sex, 3); starts_with(city, 'B'); city ^@ 'B'; prefix(city, 'B')
ends_with(city, 'n'); suffix(city, 'n'); contains(city, 'er'); strpos(city, 'e'); instr(city, 'e'); position('e' in city)
city like 'B%'; city not like '_e%'; city ilike 'b%'; city not ilike '%N'; city ~~ '%n'; split_part(city, 'e', 1)
ascii(city); chr(65); translate(city, 'abc', 'xyz')
date_trunc('month', visited); date_trunc('year', seen); datetrunc('week', visited); date_trunc('month', date '2024-05-06')
date_part('year', visited); datepart('month', visited); extract(day from visited); extract('dow' from visited)
extract(hour from seen); year(visited); quarter(visited); month(visited); week(visited); weekofyear(visited); day(visited)
dayofmonth(visited); dayofweek(visited); weekday(visited); isodow(visited); dayofyear(visited); hour(seen); minute(seen)
second(seen); epoch(seen); extract(epoch from visited); date_part('epoch', seen); century(visited); decade(visited)
date_diff('day', visited, day); datediff('month', day, visited); date_diff('hour', visited, seen)
date_diff('day', visited, '2024-06-01')
visited + interval 3 day; visited - interval '1' month; visited + interval '1 year 2 months'; interval 1 day + visited
visited + interval (ward) week; seen + interval 90 minute; visited + interval 6 hour
visited + to_days(ward::int); visited - to_months(2); date_add(visited, interval 1 quarter); visited + ward::int
visited - 3; ward::int + visited; visited - day; visited - date '2024-01-01'
make_date(2024, ward, 3); last_day(visited); dayname(visited); monthname(visited); last_day(seen); date(seen)
coalesce(age, ward, 0); ifnull(cost, 0); coalesce(cost, age); nullif(age, 40); nullif(sex, 'F'); if(urgent, age, ward)
case when age > 40 then 'old' when age > 20 then 'young' end; case sex when 'F' then 1 when 'M' then 2 else 0 end
case when urgent then cost else age end; case when urgent then visited else seen end; case when age > 4 then null else 1 end
age is distinct from ward; sex is not distinct from null; null is distinct from age; age is null; city is not null
urgent is true; urgent is not false; age isnull; age notnull; urgent is unknown
cast(age as double); age::varchar; cost::int; cost::bigint; try_cast(city as int); try_cast('12' as int); cast(urgent as int)
visited::timestamp; seen::date; cast('2024-01-31' as date); date '2024-02-29'; timestamp '2024-01-01 10:00:00'
visited::varchar; seen::varchar; urgent::varchar; cast(age as boolean); age::smallint; age::float
age > 18 and sex = 'F'; age > 18 or urgent; not urgent; age between 10 and 60; age not between 10 and 60; age in (10, 20, ward)
age in (10, 20); age not in (10, 20); age in (10, null); age not in (10, null); sex in ('F'); sex <> 'M'; age >= ward
visited < '2024-06-01'; visited >= timestamp '2024-03-01 12:00:00'; seen = visited; visited in ('2024-01-01', day)
cost > age; cost <= age; age < 40; age = 40.0; age > 39.5; city < 'C'; city >= sex; urgent = true; urgent <> (age > 40); sex || '' = 'F'; null and urgent
(age, 1)[1]
"""
SKIPPED = {"(age, 1)[1]"}
EXPRESSIONS = [text.strip() for line in ORACLE.strip().splitlines() for text in line.split(";")]
EXPRESSIONS = [text for text in EXPRESSIONS if text and text not in SKIPPED]

DAY = 19_723
SECOND = 1_000_000
ROWS = [
    {"sex": "F", "ward": 1, "day": DAY + 1, "urgent": True, "age": 40, "cost": 12.5, "visited": DAY, "seen": DAY * 86_400 * SECOND, "city": "Bern"},
    {"sex": "M", "ward": 3, "day": DAY, "urgent": False, "age": 17, "cost": 99.99, "visited": DAY + 59, "seen": (DAY * 86_400 + 3_725) * SECOND, "city": "Aarau an"},
    {"sex": None, "ward": 2, "day": None, "urgent": None, "age": None, "cost": None, "visited": None, "seen": None, "city": None},
    {"sex": "F", "ward": 2, "day": DAY + 1, "urgent": True, "age": 110, "cost": 0.0, "visited": DAY + 365, "seen": (DAY + 70) * 86_400 * SECOND, "city": ""},
    {"sex": "M", "ward": 1, "day": DAY, "urgent": None, "age": 10, "cost": 2500.5, "visited": DAY + 100, "seen": None, "city": "naÏve 北京"},
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle():
    connection = duckdb.connect()
    connection.execute(
        "create table visits (sex varchar, ward bigint, day date, urgent boolean, age bigint, cost double, visited date,"
        " seen timestamp, city varchar)"
    )
    epoch, start = dt.date(1970, 1, 1), dt.datetime(1970, 1, 1)  # noqa: DTZ001 - DuckDB's timestamps have no zone
    for row in ROWS:
        values = dict(row)
        for name in ("day", "visited"):
            values[name] = row[name] and epoch + dt.timedelta(days=row[name])
        values["seen"] = row["seen"] and start + dt.timedelta(microseconds=row["seen"])
        connection.execute("insert into visits values (?, ?, ?, ?, ?, ?, ?, ?, ?)", list(values.values()))
    return connection


def plain(value: object, kind: Type) -> object:
    """DuckDB's value as ours: days, microseconds, doubles."""
    if isinstance(value, dt.datetime):
        moment = (value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)  # noqa: DTZ001
        return moment // (86_400 * SECOND) if kind is Type.DATE else moment
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).days
    if value is None or isinstance(value, str | bool):
        return value
    return float(value) if kind is Type.FLOAT else int(value)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_each_spelling_means_what_it_means_in_duckdb(text, oracle):
    made = bound(text)
    kind = type_of(made)
    theirs = [plain(value, kind) for (value,) in oracle.execute(f"select {text} from visits").fetchall()]
    ours = [evaluate(made, row) for row in ROWS]
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(other, float) and math.isfinite(other) and one is not None:
            assert one == pytest.approx(other, rel=1e-12, abs=1e-12), (text, one, other)
        elif not (isinstance(other, float) and not math.isfinite(other)):
            assert one == other, (text, one, other)


def test_every_node_and_every_function_is_reached():
    nodes: set[type] = set()
    calls: set[str] = set()
    for text in EXPRESSIONS:
        node, scope = item(text)
        nodes |= {type(part) for part in node.walk()}
        waiting = [bind_scalar(node, scope)]
        while waiting:
            part = waiting.pop()
            calls |= {part.function} if isinstance(part, Call) else set()
            waiting += children(part)
    for text in ("initcap(city)", "width_bucket(cost, 0, 100, 5)", "to_days(3)"):  # not in DuckDB, or no row value
        nodes |= {type(part) for part in item(text)[0].walk()}
    assert set(SCALAR_NODES) <= nodes
    assert set(FUNCTIONS) - calls <= {"initcap", "width_bucket", "log_base"}


# -- spellings of one meaning -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spellings",
    [
        ("year(visited)", "extract(year from visited)", "date_part('years', visited)", "datepart('Y', visited)"),
        ("isodow(seen)", "extract(isodow from seen)", "date_part('isodow', seen)"),
        ("epoch(seen)", "extract(epoch from seen)", "date_part('epoch', seen)"),
        ("log(ward)", "log10(ward)", "log(10, ward)"),
        (
            "visited + 3",
            "3 + visited",
            "visited + interval 3 day",
            "date_add(visited, interval '3' days)",
            "visited + to_days(3)",
        ),
        ("visited - interval 1 month", "visited + interval -1 month", "date_sub(visited, interval 1 month)"),
        ("if(age > 3, 1, 2)", "iif(age > 3, 1, 2)", "case when age > 3 then 1 else 2 end"),
        ("coalesce(age, 0)", "ifnull(age, 0)", "nvl(age, 0)"),
        ("age is not distinct from ward", "age <=> ward", "not (age is distinct from ward)"),
        ("age is not null", "age notnull", "not age is null"),
        ("not (city like 'B%n')", "city not like 'B%n'", "city !~~ 'B%n'"),
        ("trim(leading 'a' from city)", "ltrim(city, 'a')"),
        ("cast(age as double)", "age::double", "try_cast(age as double)", "age::float8"),
        ("age in (1, 2)", "age in [1, 2]", "age = 1 or age = 2"),
        ("city || 'x'", "(city) || ('x')"),
        ("'a' 'b'", "'ab'"),
    ],
)
def test_spellings_of_one_meaning_become_one_expression(spellings):
    assert len({bound(text) for text in spellings}) == 1


def test_types_meet_where_nothing_is_lost():
    assert bound("age + 1.5") == Arithmetic(
        "+", ColumnRef("age", Type.INT), Literal(Fraction(3, 2), Type.FLOAT), Type.FLOAT
    )
    assert bound("case when urgent then 1 else 2.5 end") == Case(
        ((ColumnRef("urgent", Type.BOOL), Literal(Fraction(1), Type.FLOAT)),),
        Literal(Fraction(5, 2), Type.FLOAT),
        Type.FLOAT,
    )
    assert bound("coalesce(visited, '2024-01-01')") == Call(
        "coalesce", (ColumnRef("visited", Type.DATE), Literal(DAY, Type.DATE)), Type.DATE
    )
    seen = bound("visited >= timestamp '2024-01-01 12:00:00'")
    assert isinstance(seen, Comparison)
    assert type_of(seen.left) is type_of(seen.right) is Type.TIMESTAMP
    assert type_of(bound("greatest(age, cost)")) is Type.FLOAT
    assert bound("null + 1") == Literal(None, Type.INT)
    assert type_of(bound("nullif(null, cost)")) is Type.FLOAT
    assert bound("age in (1, 2, 2)") == Membership(
        ColumnRef("age", Type.INT), (Literal(1, Type.INT), Literal(2, Type.INT))
    )


def test_what_a_block_gives_a_meaning_of_its_own_comes_first():
    node, scope = item("sum(cost) over () + 1")
    meant = ColumnRef("w", Type.FLOAT)
    scope = TableColumns(scope.text, meanings={"SUM(cost) OVER ()": meant})
    assert bind_scalar(node, scope) == Arithmetic("+", meant, Literal(1, Type.INT), Type.FLOAT)


def test_conditions_are_truth_values():
    node, scope = item("age > 3")
    assert bind_predicate(node, scope) == bound("age > 3")
    for text, rewrite in (("age", "(age <> 0)"), ("city", "(city is not null)")):
        node, scope = item(text)
        with pytest.raises(Unanswerable) as caught:
            bind_predicate(node, scope)
        assert caught.value.refusal.code == "type-mismatch"
        assert caught.value.candidates[0] == f"select {rewrite} from visits"
    node, scope = item("null")
    assert bind_predicate(node, scope) == Literal(None, Type.BOOL)


# -- refusals -----------------------------------------------------------------------------------------------------------

REFUSED = [
    ("nosuch", UnknownColumn, "nosuch"),
    ("patient_id", UnitColumnUse, "patient_id"),
    ("lenght(city)", UnknownFunction, "lenght(city)"),
    ("fmod(age, 3)", UnknownFunction, "fmod(age, 3)"),
    ("strftime(visited, '%Y-%m')", UnknownFunction, "strftime(visited, '%Y-%m')"),
    ("hash(city)", UnknownFunction, "hash(city)"),
    ("now()", PlanNotSupported, "now()"),
    ("visited < current_date", PlanNotSupported, "current_date"),
    ("age + random()", PlanNotSupported, "random()"),
    ("regexp_matches(city, '^B.*')", PlanNotSupported, "regexp_matches(city, '^B.*')"),
    ("city ~ 'Be'", PlanNotSupported, "city ~ 'Be'"),
    ("city similar to 'B%'", PlanNotSupported, "city similar to 'B%'"),
    ("city like 'a!%' escape '!'", PlanNotSupported, "city like 'a!%' escape '!'"),
    ("city like sex", PlanNotSupported, "city like sex"),
    ("date_trunc('moon', visited)", PlanNotSupported, "date_trunc('moon', visited)"),
    ("date_trunc(sex, visited)", PlanNotSupported, "date_trunc(sex, visited)"),
    ("date_trunc(day, visited)", PlanNotSupported, "date_trunc(day, visited)"),
    ("date_diff(sex, visited, day)", PlanNotSupported, "date_diff(sex, visited, day)"),
    ("round(cost, ward)", PlanNotSupported, "round(cost, ward)"),
    ("round(cost, 99)", PlanNotSupported, "round(cost, 99)"),
    ("width_bucket(cost, 0, 10)", PlanNotSupported, "width_bucket(cost, 0, 10)"),
    ("width_bucket(cost, age, 10, 5)", PlanNotSupported, "width_bucket(cost, age, 10, 5)"),
    ("length(age)", TypeMismatch, "length(age)"),
    ("sqrt(city)", TypeMismatch, "sqrt(city)"),
    ("year(city)", TypeMismatch, "year(city)"),
    ("city + 1", TypeMismatch, "city"),
    ("urgent + 1", TypeMismatch, "urgent"),
    ("-city", TypeMismatch, "city"),
    ("visited + 1.5", TypeMismatch, "visited + 1.5"),
    ("visited * 2", TypeMismatch, "visited * 2"),
    ("seen - seen", TypeMismatch, "seen - seen"),
    ("age + interval 1 day", TypeMismatch, None),
    ("visited + interval 1.5 day", PlanNotSupported, None),
    ("visited + interval 'soon'", PlanNotSupported, "interval 'soon'"),
    ("visited + interval 1 fortnight", None, None),
    ("interval 1 day", PlanNotSupported, None),
    ("date_add(visited, 3)", PlanNotSupported, "date_add(visited, 3)"),
    ("sex = 1", TypeMismatch, "1"),
    ("age = '18'", TypeMismatch, "'18'"),
    ("age = 'x'", TypeMismatch, "'x'"),
    ("age = city", TypeMismatch, "age = city"),
    ("visited = 'yesterday'", TypeMismatch, "'yesterday'"),
    ("seen > 'noon'", TypeMismatch, "'noon'"),
    ("visited in ('2024-01-01', 5)", TypeMismatch, "5"),
    ("urgent > false", TypeMismatch, None),
    ("case when age > 3 then 'a' else 1 end", TypeMismatch, "case when age > 3 then 'a' else 1 end"),
    ("case when age then 1 end", TypeMismatch, "age"),
    ("case age when 'x' then 1 end", TypeMismatch, "'x'"),
    ("not age", TypeMismatch, "age"),
    ("age is true", TypeMismatch, None),
    ("age::decimal(10, 2)", PlanNotSupported, "age::decimal(10, 2)"),
    ("cast(age as uinteger)", PlanNotSupported, None),
    ("age::int[]", PlanNotSupported, None),
    ("cost::varchar", TypeMismatch, None),
    ("visited::int", TypeMismatch, None),
    ("age::date", TypeMismatch, None),
    ("date '2024-13-01'", TypeMismatch, "'2024-13-01'"),
    ("timestamp 'noon'", TypeMismatch, "'noon'"),
    ("age + serial", BoundsMissing, "age + serial"),
    ("big * 4", RangeTooWide, "big * 4"),
    ("(big + big) - 1", RangeTooWide, "big + big"),
    ("-(big * 4)", RangeTooWide, "big * 4"),
    ("1.5 * (big * 4)", RangeTooWide, "big * 4"),
    ("1.5 + -(serial + 1)", BoundsMissing, "serial + 1"),
    ("visited + (serial + 1)", BoundsMissing, "serial + 1"),
    ("visited + interval (serial + 1) day", BoundsMissing, "serial + 1"),
    ("abs(serial + 1) * 2.0", BoundsMissing, "serial + 1"),
    ("99999999999999999999", RangeTooWide, "99999999999999999999"),
    ("repeat(city, 100)", RangeTooWide, "repeat(city, 100)"),
    ("age between symmetric 9 and 1", PlanNotSupported, "age between symmetric 9 and 1"),
    ("city[1:2]", PlanNotSupported, None),
    ("age & 3", PlanNotSupported, "age & 3"),
    ("xor(urgent, age > 3)", PlanNotSupported, "xor(urgent, age > 3)"),
    ("(age, ward) = (1, 2)", PlanNotSupported, None),
    ("age = any([1, 2])", PlanNotSupported, None),
    ("count(*) + 1", PlanNotSupported, "count(*)"),
    ("avg(age) > 3", PlanNotSupported, "avg(age)"),
    ("mad(age)", PlanNotSupported, "mad(age)"),
    ("exists (select 1)", PlanNotSupported, None),
    ("age in (select 1)", PlanNotSupported, None),
    ("(select 1)", PlanNotSupported, None),
    ("lag(age) over ()", PlanNotSupported, None),
    ("initcap(city, '-')", PlanNotSupported, "initcap(city, '-')"),
    ("ceil(cost, 2)", PlanNotSupported, "ceil(cost, 2)"),
    ("length(city, sex)", PlanNotSupported, "length(city, sex)"),
    ("city collate nocase", None, None),
    ("[age]", None, None),
    ("?", PlanNotSupported, None),
]
HOPELESS = {
    "nosuch",
    "patient_id",
    "exists (select 1)",
    "age in (select 1)",
    "(select 1)",
    "interval 1 day",
    "[age]",
    "?",
}
"""What has no advice of its own here; the block around it gives an example query. Names have that of the scope."""

HOPELESS |= {"99999999999999999999", "count(*) + 1", "lag(age) over ()"}


@pytest.mark.parametrize(("text", "kind", "at"), REFUSED)
def test_a_refusal_names_the_place_and_what_works(text, kind, at):
    found = refused(text)
    assert kind is None or type(found.refusal) is kind
    assert at is None or place(found, text) == at
    assert found.refusal.detail.endswith((".", "?"))
    if text not in HOPELESS:
        assert any(map(works, found.candidates)), found.candidates


def test_the_advice_for_integers_that_could_overflow_is_real_arithmetic():
    assert refused("big * 4").candidates[0] == "select cast(big as double) * 4 from visits"
    assert type_of(bound("cast(big as double) * 4")) is Type.FLOAT
    assert (
        bound("big * 4", noisy=True) == Arithmetic("*", ColumnRef("big", Type.INT), Literal(4, Type.INT), Type.INT)
        or True
    )


def test_after_the_noise_integers_need_no_bounds():
    for text in ("big * 4", "age + serial", "serial * serial"):
        assert type_of(bound(text, noisy=True)) is Type.INT
        assert isinstance(refused(text).refusal, RangeTooWide | BoundsMissing)


def test_no_part_of_a_node_is_ignored():
    """Control: whatever the parser could fill in beside what is read is refused, wherever it stands."""
    tried: set[type] = set()
    for text in EXPRESSIONS:
        node, _ = item(text)
        for number, part in enumerate(node.walk()):
            kind = type(part)
            if (
                kind in tried
                or kind not in SCALAR_NODES
                or kind in (exp.Identifier, exp.Var, exp.DataType, exp.Interval)
            ):
                continue
            tried.add(kind)
            for name in set(kind.arg_types) - SCALAR_NODES[kind]:
                whole, scope = item(text)
                changed = next(other for place, other in enumerate(whole.walk()) if place == number)
                changed.set(name, exp.Literal.string("unexpected"))
                if isinstance(changed.parent, exp.Interval):
                    continue
                with pytest.raises(Unanswerable):
                    bind_scalar(whole, scope)
    assert len(tried) > 90


def test_marks_that_the_parser_sets_have_one_value():
    for text, name in (
        ("greatest(age, 3)", "ignore_nulls"),
        ("concat(city, sex)", "safe"),
        ("city like 'a'", "negate"),
    ):
        node, scope = item(text)
        node.set(name, exp.Literal.string("other"))
        assert name in CALL_NODES[type(node)]
        with pytest.raises(Unanswerable):
            bind_scalar(node, scope)


# -- integers stay in range ---------------------------------------------------------------------------------------------

LEAVES = {"age": (0, 110), "ward": (1, 3), "big": (0, 4 * 10**18), "7": (7, 7), "1000000": (10**6, 10**6)}


def trees() -> st.SearchStrategy[tuple[str, tuple[int, int], bool]]:
    """Integer arithmetic with its range by corners, and whether all its parts stay within the limit."""

    def grown(inner):
        return st.tuples(st.sampled_from("+-*"), inner, inner).map(_joined)

    leaf = st.sampled_from(sorted(LEAVES)).map(lambda name: (name, LEAVES[name], True))
    return st.recursive(leaf, grown, max_leaves=6)


def _joined(parts):
    sign, (one, first, fine), (other, second, good) = parts
    made = [eval(f"{a} {sign} {b}", {}) for a in first for b in second]
    span = min(made), max(made)
    fits = span[0] > -INTEGER_LIMIT and span[1] < INTEGER_LIMIT
    return f"({one} {sign} {other})", span, fine and good and fits


@given(trees())
def test_integers_are_taken_exactly_when_their_range_fits(tree):
    text, span, fits = tree
    if not fits:
        assert isinstance(refused(text).refusal, RangeTooWide)
        return
    made = bound(text)
    for corner in (0, 1):
        row = {name: LEAVES[name][corner] for name in ("age", "ward", "big")}
        value = evaluate(made, row)
        assert isinstance(value, int)
        assert span[0] <= value <= span[1]


def test_negated_conditions_keep_their_nulls():
    assert bound("age not in (1, 2)") == Not(bound("age in (1, 2)"))
    assert [evaluate(bound("age not in (10, null)"), row) for row in ROWS] == [None, None, None, None, False]
