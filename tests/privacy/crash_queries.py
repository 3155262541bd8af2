"""More than a hundred questions that would crash on a row somewhere, and the neighbouring tables that hold such rows.

What SQL engines stumble over in a row: zero divisors, casts, overflow, dates that are none, texts that are too long, depth,
many groups, long lists, NULL. Those that this SQL does not have are refused, on both tables in the same words.
"""

import math
from datetime import UTC, date, datetime
from functools import partial

import pyarrow as pa

_at = partial(datetime, tzinfo=UTC)

DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "4000" }
[unit_spaces.people]
accounting = "pure"
budget = { epsilon = "4000" }
buckets = 2
[tables.visits]
unit = "person"
rows_max = 1_000
max_rows_per_unit = 12
max_groups_per_unit = 2
[tables.visits.columns]
person = { type = "string", role = "unit" }
ward = { type = "string", keys = ["north", "south", "east", "west"] }
floor = { type = "int", keys = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }
urgent = { type = "bool" }
size = { type = "int", bounds = [-5, 5] }
big = { type = "int", bounds = [-1000000000, 1000000000] }
cost = { type = "float", bounds = [-100.0, 100.0], granularity = 0.5 }
rate = { type = "float", bounds = [0.0, 1.0], granularity = 0.01 }
loose = { type = "float" }
day = { type = "date", bounds = ["2020-01-01", "2025-12-31"] }
moment = { type = "timestamp", bounds = ["2020-01-01T00:00:00", "2025-12-31T23:59:59"] }
word = { type = "string", max_length = 12 }
"""
COLUMNS = (
    ("person", pa.string()), ("ward", pa.string()), ("floor", pa.int64()), ("urgent", pa.bool_()), ("size", pa.int64()),
    ("big", pa.int64()), ("cost", pa.float64()), ("rate", pa.float64()), ("loose", pa.float64()), ("day", pa.date32()),
    ("moment", pa.timestamp("us")), ("word", pa.string()),
)  # fmt: skip

BASE = tuple(
    (
        f"p{n // 3}", ("north", "south", "east")[n % 3], n % 9, n % 2 == 0, 1 + n % 5, 1000 + n, n / 2, 0.25 + n % 3 / 8, 1.5 + n,
        date(2024, 1 + n % 12, 15), _at(2024, 5, 1 + n % 28, 12), f"w{n % 7}",
    )
    for n in range(90)
)  # fmt: skip

_LONG = "ß漢🦊" * 3_000
UNITS = {
    "crashing rows": (
        ("x", "west", 9, None, 0, 10**9, math.nan, 0.0, math.inf, date(1, 1, 1), _at(1970, 1, 1), _LONG),
        ("x", "nowhere", 77, True, 0, -(10**9), math.inf, 1.0, -math.inf, date(9999, 12, 31), _at(2262, 1, 1), ""),
        ("x", None, None, None, None, None, None, None, None, None, None, None),
        ("x", "west", 0, False, 5, 2**62, -math.inf, -0.0, 5e-324, date(2024, 2, 29), _at(2025, 12, 31, 23, 59, 59), "'; --"),
        ("x", "west", 0, False, -5, -(2**62), 1e308, 1e308, 1e308, date(2020, 1, 1), _at(2020, 1, 1), "\u0000\u202e"),
    ),
    "many rows": tuple(
        ("x", ("north", "west")[n % 2], n % 10, True, n % 11 - 5, n, 100.0, 1.0, 1e300 * n, date(2024, 1, 1), _at(2024, 1, 1), f"x{n}")
        for n in range(400)
    ),
    "one row alone in its group": (
        ("x", "west", 9, True, 0, 0, 0.0, 0.0, 0.0, date(2024, 2, 29), _at(2024, 2, 29), "alone"),
    ),
}  # fmt: skip


def _count(where: str) -> str:
    return f"select count(*) as n from clinic.visits where {where}"


def _nested(start: str, times: int, wrap: str) -> str:
    text = start
    for _ in range(times):
        text = wrap.replace("@", text)
    return text


_MANY = ", ".join(str(number) for number in range(1_000))
_TEXTS = ", ".join(f"'t{number}'" for number in range(300))

DIVIDE = (
    "select count(1 / size) as n from clinic.visits",
    "select count(cost / rate) as n from clinic.visits group by ward".replace("select ", "select ward, "),
    "select sum(cost / size) as n from clinic.visits",
    "select avg(cost / (size - size)) as n from clinic.visits",
    "select avg(1 / rate) as n from clinic.visits",
    _count("cost / size > 2"),
    _count("1 / size = 1 / size"),
    _count("cost / (size - 1) > 0 or size = 1"),
    _count("size / (size * 0) is null"),
    _count("not (10 / size > 1)"),
    _count("1 / (1 / (1 / size)) > 0"),
    _count("(cost / rate) / (cost / rate) = 1"),
    _count("0 / size = 0"),
    _count("1 / loose > 1"),
    "select ward, avg(rate / 0) as n from clinic.visits group by ward",
)
CAST = (
    "select sum(cast(word as int)) as n from clinic.visits",
    "select sum(try_cast(word as double)) as n from clinic.visits",
    _count("cast(word as int) > 3"),
    _count("word::int > 3"),
    _count("cast(big as smallint) > 3"),
    _count("cast(cost as int) = 3"),
    _count("cast(word as date) > date '2024-01-01'"),
    _count("size = '5'"),
    _count("word = 5"),
    _count("urgent = 1"),
)
OVERFLOW = (
    "select sum(big) as n from clinic.visits",
    "select avg(big) as n from clinic.visits",
    "select sum(big * 1000) as n from clinic.visits",
    "select sum(big * big) as n from clinic.visits",
    "select sum(big * big * big) as n from clinic.visits",
    "select avg(-big) as n from clinic.visits",
    _count("big * big > 999999999999999999"),
    _count("big * 4000000000 > 0"),
    _count("big + 9223372036854775807 > 0"),
    _count("big > 99999999999999999999999"),
    _count("loose * 1e300 * 1e300 > 1"),
    _count("loose - loose = 0"),
    _count("-loose < 1e308"),
    "select sum(loose) as n from clinic.visits",
    "select sum(cost * cost * cost * cost) as n from clinic.visits",
)
DATES = (
    _count("day = date '2024-02-30'"),
    _count("day = date '2024-02-29'"),
    _count("day < date '0001-01-01'"),
    _count("day <= date '9999-12-31'"),
    _count("moment > timestamp '2024-02-29 24:00:00'"),
    _count("moment < timestamp '2024-02-29 12:00:00'"),
    _count("moment between timestamp '2020-01-01 00:00:00' and timestamp '2025-12-31 23:59:59'"),
    _count("day + 1 > date '2024-01-01'"),
    _count("extract(year from moment) = 2024"),
    "select sum(day) as n from clinic.visits",
)
TEXTS = (
    _count("word = 'alone'"),
    _count(f"word = '{'x' * 9_000}'"),
    _count(f"word <> '{'汉' * 500}'"),
    _count(f"word = '{'x' * 30_000}'"),
    _count("word = ''"),
    _count("word = '''; --'"),
    _count("word like '%x%'"),
    _count("length(word) > 12"),
    _count("word < 'm'"),
    "select count(word) as n from clinic.visits",
)
DEEP = (
    _count("case when size = 0 then 1 / size else 1 end > 0"),
    f"select sum({_nested('size', 40, 'case when size > 0 then @ else 0 end')}) as n from clinic.visits",
    _count(f"{_nested('size', 40, '(@ + 1)')} > 0"),
    _count(f"{_nested('cost', 30, '(@ / (size - 1))')} > 0"),
    _count(_nested("size > 0", 60, "not (@)")),
    _count(_nested("size > 0", 400, "not (@)")),
    _count(_nested("size = 0", 25, "(@ or cost / size > 1)")),
    _count(" and ".join(f"cost / (size - {number}) <> 3" for number in range(-5, 6))),
    f"select sum({_nested('rate', 12, '(@ * rate + rate)')}) as n from clinic.visits",
    f"select avg({_nested('cost', 20, '-(@)')}) as n from clinic.visits",
    "select count(coalesce(1 / size, 0)) as n from clinic.visits",
    "select sum(sqrt(cost)) as n from clinic.visits",
)
GROUPS = (
    "select ward, floor, count(*) as n from clinic.visits group by ward, floor",
    "select floor, urgent, ward, count(distinct person) as n from clinic.visits group by floor, urgent, ward",
    "select floor, avg(cost) as n, sum(size) as m, count(*) as k from clinic.visits group by floor",
    "select urgent, count(cost / size) as n from clinic.visits group by urgent",
    "select word, count(*) as n from clinic.visits group by word",
    "select size, count(*) as n from clinic.visits group by size",
    "select ward, count(*) as n from clinic.visits where size = 0 group by ward",
    "select floor, sum(big) as n from clinic.visits where 1 / size > 0 group by floor",
)
LISTS = (
    _count(f"big in ({_MANY})"),
    _count(f"big not in ({_MANY})"),
    _count(f"word in ({_TEXTS})"),
    _count("size in (0)"),
    _count("size in (0, null)"),
    _count("cost in (0.5, 1e308, -1e308)"),
    _count("day in (date '2024-02-29', date '2024-01-01')"),
    _count("cost / size in (1, 2, 3)"),
)
NULLS = (
    _count("size is null"),
    _count("size = nullif(1, 1)"),
    _count("null"),
    _count("not (cost > 0 and size > 0)"),
    _count("cost is null or size / size = 1"),
    _count("(urgent is null) = (size = 0)"),
    _count("urgent is not true"),
    _count("not urgent or urgent"),
    _count("cost <> cost"),
    "select avg(loose) as n, count(loose) as m from clinic.visits",
    "select count(cost) as n, count(*) as m from clinic.visits where day is null or moment is null",
    "select ward, avg(cost) as n from clinic.visits where cost is null group by ward",
)
_V = "clinic.visits"
FUNCTIONS = (
    _count("ln(size) > 0 or log10(rate) < 0 or sqrt(size) > 1"),
    "select sum(power(size, 9)) as n, avg(exp(size)) as m from clinic.visits",
    _count("size % (size - size) = 0 or size // 0 = 1"),
    _count("asin(loose) > 0 or acos(cost) > 0"),
    "select sum(least(greatest(cast(loose as int), -9), 9)) as n from clinic.visits where cast(word as double) > 0 or word is null",
    _count("substring(word, -5, 900) = 'x' or repeat(word, 3) = 'y' or lpad(word, 12, '') = 'z'"),
    _count("split_part(word, '', 3) = 'x' or strpos(word, '') = 1 or left(word, -3) = 'q'"),
    _count("ascii(word) = 0 or upper(reverse(word)) like '_%' or word ilike '%ß%'"),
    _count("date_trunc('month', day) = date '2024-02-01' or last_day(day) = day"),
    _count("make_date(size, size, size) > day or day + interval 9 year > date '2024-01-01'"),
    _count("date_diff('day', day, date '0001-01-01') < 0 or dayname(day) = 'Monday'"),
    _count("extract(week from moment) = 53 or epoch(moment) < 0 or isodow(day) = 7"),
    _count("try_cast(word as timestamp) > moment or cast(word as boolean)"),
    "select sum(least(greatest(round(cost / rate, 2), -9), 9)) as n, count(distinct word) as m from clinic.visits",
)
SHAPES = (
    "select median(least(greatest(cost / size, -9), 9)) as a, min(day) as b, max(big) as c from clinic.visits",
    "select stddev_samp(least(greatest(rate / size, -9), 9)) as a, corr(cost, rate) as b from clinic.visits",
    "select avg(least(greatest(s / (n - 5), -9), 9)) as a from (select person, count(*) as n, sum(size) as s from clinic.visits group by person) u",
    "select avg(least(greatest(d, -9), 9)) as a from (select size / lag(size, 1) over (partition by person order by day) as d from clinic.visits) w",
    f"select count(*) as a from {_V} v join {_V} w on v.person = w.person and 1 / v.size = 1 / w.size",
    f"select count(*) as a from {_V} v where exists (select 1 from {_V} w where w.person = v.person and w.cost / w.size > 2)",
    f"select count(*) as a from {_V} where person not in (select person from {_V} where word < 'm')",
    "select count(*) as a from (select size as v from clinic.visits union all select big from clinic.visits) b where 1 / v > 0",
    "select ward, count(distinct word) as a, sum(size) filter (where 1 / size > 0) as b from clinic.visits group by ward",
    "select case when size = 0 then 'none' when 10 / size > 4 then 'few' else 'many' end as k, count(*) as a from clinic.visits group by 1",
    "select ward, count(*) / (count(*) - count(*)) as a from clinic.visits group by ward order by a limit 3",
    "select a.n / b.m as q from (select count(*) as n from clinic.visits) a cross join (select sum(size) as m from clinic.visits) b",
)
QUERIES = DIVIDE + CAST + OVERFLOW + DATES + TEXTS + DEEP + GROUPS + LISTS + NULLS + FUNCTIONS + SHAPES
FEW = (
    DIVIDE[5:7]
    + CAST[:1]
    + OVERFLOW[6:7]
    + DATES[1:2]
    + TEXTS[:1]
    + DEEP[3:4]
    + GROUPS[:1]
    + LISTS[7:8]
    + NULLS[10:11]
    + FUNCTIONS[2:3]
    + SHAPES[2:3]
)
