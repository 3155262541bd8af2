"""Every operator of the language as one question of the town, with the pair that hurts it most. A new operator adds one line.

`loose` names vectors whose declared sensitivity no unit reaches, by number; each is looser than what is possible, never
tighter, and the comment says why.
"""

from dataclasses import dataclass

from audit_town import TABLES

from sandbox.plan.measurement import ContributionBounds

_UNITS = "from (select person, count(*) as n, sum(amount) as s, max(size) as m from town.orders group by person) u"
_RANKED = (
    "from (select size, amount, ward, row_number() over (partition by person order by amount desc, size) as r,"
    " sum(size) over (partition by person) as t from town.orders) w"
)
_BOTH = "from (select ward as w, size as v from town.orders union all select 'east', price from town.lines) b"
_LINES = "from town.orders o join town.lines l on l.order_id = o.id"
_PEOPLE = "from town.orders o join town.people p on p.person = o.person"
_MARKS = "from town.orders o join school.marks m on m.person = o.person"
_ITEMS = "from town.lines l join codes.items i on i.code = l.code"


@dataclass(frozen=True)
class Question:
    """`sharp` names the pair that reaches its sensitivity. Questions with private keys are `selected`: δ, so zCDP alone."""

    sql: str
    sharp: str = "heavy"
    loose: frozenset[int] = frozenset()
    bounds: ContributionBounds | None = None
    selected: bool = False
    world = TABLES


def _loose(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def _private(sql: str, sharp: str = "heavy", *loose: int) -> Question:
    return Question(sql, sharp, _loose(*loose), selected=True)


QUESTIONS: dict[str, Question] = {
    # distinct values, spreads, quantiles
    "distinct sizes": Question("select count(distinct size) as a from town.orders", "distinct"),
    "distinct shops by ward": Question("select ward, count(distinct shop) as a from town.orders group by ward", "distinct"),
    "about distinct": Question("select approx_count_distinct(amount) as a from town.orders", "distinct"),
    "variance": Question("select var_samp(size) as a from town.orders", "lowest"),
    "deviation by ward": Question("select ward, stddev_pop(amount) as a from town.orders group by ward", "lowest"),
    "covariance": Question("select covar_samp(size, amount) as a from town.orders", "lowest"),
    "correlation": Question("select corr(size, amount) as a from town.orders", "lowest"),
    "median": Question("select median(size) as a from town.orders"),
    "quantiles by ward": Question(
        "select ward, percentile_cont(0.25) within group (order by size) as a, quantile(size, 0.9) as b"
        " from town.orders group by ward",
        "spread",
    ),
    "extremes": Question("select min(day) as a, max(day) as b from town.orders"),
    # FILTER, CASE, functions
    "filtered": Question(
        "select count(*) filter (where urgent) as a, sum(size) filter (where ward = 'north') as b,"
        " count(distinct person) filter (where size > 9) as c from town.orders"
    ),
    "case": Question("select sum(case when size > 10 then amount else 0 end) as a, count_if(urgent) as b from town.orders"),
    "case of every kind": Question(
        "select sum(case when size = 0 then 7 when 100 / size > 1 then size else 20 end) as a from town.orders"
    ),
    "text in a filter": Question(
        "select count(*) as a from town.orders where lower(left(shop, 1)) in ('o', 'm', 's') and shop not like '%q%'"
    ),
    "dates in a filter": Question(
        "select sum(size) as a from town.orders where date_trunc('month', day) >= date '2024-02-01'"
        " and extract(dow from moment) <= 6"
    ),
    "total functions": Question("select sum(greatest(least(abs(size - 10), 9), coalesce(nullif(size, 3), 1))) as a from town.orders"),
    # keys
    "key by month": Question("select date_trunc('month', day) as k, count(*) as a from town.orders group by 1", "spread"),
    "key by case": Question(
        "select case when size > 9 then 'big' when size > 2 then 'mid' else 'small' end as k, count(*) as a,"
        " count(distinct person) as b from town.orders group by 1",
        "mixed",
    ),
    "key by bucket": Question("select width_bucket(amount, 0, 40, 4) as k, sum(size) as a from town.orders group by 1"),
    "two keys": Question("select ward, urgent, count(*) as a from town.orders group by 1, 2", "spread"),
    "private key": _private("select shop, count(distinct person) as a, sum(size) as b from town.orders group by shop"),
    "private key of lines": _private("select code, count(*) as a from town.lines group by code"),
    "private number": _private("select order_id, count(*) as a, sum(price) as b from town.lines group by 1", "alone"),
    "mixed keys": _private("select ward, shop, count(*) as a, count(distinct size) as b from town.orders group by 1, 2", "one shop"),
    "top shops": _private("select shop, count(*) as a from town.orders group by 1 having count(*) > 2 order by a desc limit 2"),
    "private median": _private("select shop, median(size) as a from town.orders group by 1"),
    # per unit, windows
    "mean of counts": Question(f"select avg(n) as a, count(*) as b {_UNITS}"),
    "large customers": Question(f"select count(*) as a, sum(m) as b {_UNITS} where s > 20"),
    "per unit and ward": Question(
        "select w, avg(n) as a from (select person, ward as w, count(*) as n from town.orders group by 1, 2) u group by w",
        "spread",
        _loose(0, 1),  # a unit has one row in each ward, which the plan does not know
    ),
    "per unit and what it has once": Question(
        "select sex, avg(s) as a from (select o.person, sex, sum(size) as s from town.orders o join (select person, min(sex) as sex"
        " from town.people group by person) u on u.person = o.person group by o.person, sex) w group by sex"
    ),
    "having within": Question(
        "select count(*) as a from (select person, sum(size) as s from town.orders group by person having count(*) >= 2) u"
    ),
    "first orders": Question(f"select ward, sum(size) as a {_RANKED} where r <= 2 group by ward", "heavy", _loose(0)),  # two rows of six
    "running totals": Question(f"select sum(least(t, 100)) as a {_RANKED}"),
    "previous order": Question(
        "select avg(size - before) as a from (select size, lag(size, 1) over (partition by person order by day, amount)"
        " as before from town.orders) w",
        loose=_loose(0, 1),  # the first row of a unit has none before it
    ),
    # unions and joins
    "union": Question(f"select count(*) as a, sum(v) as b {_BOTH}", "heavy", _loose(1)),  # six of fourteen rows are orders
    "union by ward": Question(f"select w, count(*) as a {_BOTH} group by w", "alone"),
    "tight union": Question(f"select count(*) as a {_BOTH}", bounds=ContributionBounds(9, 1, 9)),
    "join along a link": Question(f"select ward, count(*) as a, sum(l.price) as b {_LINES} group by ward", "one order"),
    "join on the unit": Question(f"select p.sex, count(*) as a, count(distinct o.person) as b, sum(o.size) as c {_PEOPLE} group by 1"),
    "self join": Question("select count(*) as a from town.orders o join town.orders q on q.person = o.person and q.size = o.size"),
    "left join": Question(
        "select count(*) as a, count(l.price) as b, sum(coalesce(l.price, 7)) as c"
        " from town.orders o left join town.lines l on l.order_id = o.id",
        "one order",
    ),
    "join of datasets": Question(f"select m.subject, sum(m.mark) as a, sum(o.amount) as b, count(distinct o.person) as c {_MARKS} group by 1"),
    "join with codes": Question(f"select i.kind, sum(i.weight) as a, count(*) as b {_ITEMS} group by 1"),
    "left join with codes": Question(
        "select count(*) as a, count(i.weight) as b from town.lines l left join codes.items i on i.code = l.code"
    ),
    "three tables": Question(
        "select i.kind, p.sex, sum(l.price * i.weight) as a from town.orders o join town.lines l on l.order_id = o.id"
        " join town.people p on p.person = o.person join codes.items i on i.code = l.code group by 1, 2",
        "one order",
    ),
    "private key of a join": _private(f"select o.shop, sum(l.price) as a {_LINES} group by 1", "one order"),
    "exists": Question(
        "select count(*) as a, sum(size) as b from town.orders o where exists"
        " (select 1 from school.marks m where m.person = o.person and m.mark > 9)"
    ),
    "not exists": Question(
        "select count(*) as a, sum(size) as b from town.orders o where not exists"
        " (select 1 from town.lines l where l.order_id = o.id)",
        "orders alone",
    ),
    "in": Question("select count(*) as a from town.orders where person in (select person from town.people where sex = 'f')"),
    "in codes": Question("select count(*) as a from town.lines where code in (select code from codes.items where weight > 4)"),
    "not in": Question(
        "select ward, count(*) as a from town.orders where person not in (select person from school.marks) group by ward",
        "orders alone",
    ),
    "full join": Question(
        "select count(*) as a, count(p.sex) as b, sum(coalesce(o.size, 7)) as c"
        " from town.orders o full join town.people p using (person)",
        "one order",
        _loose(0, 1, 2),  # the two tables' rows at once are more than either's alone
    ),
    "full join of units": Question(
        "select count(*) as a, sum(least(coalesce(n, 0) + coalesce(m, 0), 9)) as b from"
        " (select person, count(*) as n from town.orders group by person) x"
        " full join (select person, count(*) as m from school.marks group by person) y using (person)"
    ),
    "value of the unit": Question(
        "select count(*) as a from town.orders o where size >= (select avg(size) from town.orders q where q.person = o.person)"
    ),
    "count of the unit": Question(
        "select count(*) as a, sum(size) as b from town.orders o"
        " where 3 < (select count(*) from town.lines l where l.order_id = o.id) or 2 < (select count(*) from school.marks m"
        " where m.person = o.person)"
    ),
    "exists unequal": Question(
        "select count(*) as a from town.orders o where exists"
        " (select 1 from school.marks m where m.person = o.person and m.mark < o.size)"
    ),
    "not exists unequal": Question(
        "select count(*) as a from town.orders o where not exists"
        " (select 1 from town.orders q where q.person = o.person and q.size > o.size)"
    ),
    # several measurements
    "answer beside codes": Question(
        "select i.kind, x.n from (select code, count(*) as n from town.lines group by code) x join codes.items i on i.code = x.code",
        selected=True,
    ),
    "full join of answers": Question(
        "select ward, n, m from (select ward, count(*) as n from town.orders group by ward) x"
        " full join (select ward, sum(size) as m from town.orders where urgent group by ward) y using (ward)"
    ),
    "joined answers": Question(
        "select a.ward, a.n, b.m from (select ward, count(*) as n from town.orders group by ward) a"
        " join (select ward, count(distinct person) as m from town.orders where urgent group by ward) b on a.ward = b.ward"
    ),
    "stacked answers": Question("select count(*) as a from town.orders union all select sum(mark) from school.marks"),
    "share of all": Question(
        "with t as (select ward, count(*) as n from town.orders group by ward) select ward, n, n * 1.0 / (select sum(n) from t) as s from t"
    ),
    "narrow": Question("select count(*) as a from town.orders where amount > 49"),
    "tight": Question(
        "select ward, count(*) as a, sum(size) as b, median(size) as c from town.orders group by ward", "spread",
        bounds=ContributionBounds(6, 2, 3),
    ),
}  # fmt: skip
