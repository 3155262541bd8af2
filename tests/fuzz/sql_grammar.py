"""SQL text from a grammar: mostly what is answered here, partly what is not, and a few things that no SQL allows."""

from random import Random

NUMBERS = ("age", "age", "cost", "cost", "ward", "serial", "weight", "big")
OTHERS = ("sex", "day", "urgent", "visited", "seen", "city")
HIDDEN = ("patient_id", "note", "nowhere", '"Age"', "visits.age", "clinic.visits.cost", "v.age", "*", "visits.*")
KEYS = ("sex", "ward", "day", "urgent")
LITERALS = (
    "0", "1", "-3", "2.5", "1e2", ".5", "1e308", "0.1e-300", "9007199254740993", "4611686018427387904", "99999999999999999999",
    "'F'", "'it''s'", "''", "'中文'", "null", "true", "false", "date '2024-01-31'", "'2024-02-30'", "date '0001-01-01'",
    "timestamp '2024-01-01 10:00:00'", "timestamp '9999-12-31T23:59:59.999999Z'", "interval 1 day", "x'ff'", "e'\\n'", "$1", "?",
)  # fmt: skip
TABLES = ("clinic.visits", "clinic.visits", '"clinic"."visits"', "clinic.visits v", "clinic.visits as v")
STRANGE_TABLES = (
    "visits",
    "clinic.stays", '"my-other".visits', "nowhere", "clinic.visits, clinic.visits w", "clinic.visits join visits w using (age)",
    "(select * from clinic.visits) t", "read_csv('x')", "'visits.parquet'", "a.b.c.visits", "clinic.visits tablesample 10%",
    "clinic.visits pivot (sum(age) for sex in ('F'))", "range(10)", "unnest([1,2])", "clinic.visits at (version => 3)",
    "lateral (select 1) t", "values (1)",
)  # fmt: skip
STRANGE_AGGREGATES = (
    "min({0})", "max({0})", "median({0})", "stddev({0})", "variance({0})", "quantile_cont({0}, 0.5)", "count(distinct {0})",
    "sum(distinct {0})", "sum({0}) filter (where {0} > 1)", "sum({0}) over (partition by sex)", "count_if({0} > 1)",
    "approx_count_distinct({0})", "string_agg({0}, ',')", "list({0})", "averge({0})", "sum({0}, 2)", "sum()", "count({0}, {0})",
    "sum(sum({0}))", "grouping({0})", "any_value({0})", "corr({0}, {0})", "f({0})", "pg_sleep(9)", "{0}", "{0}::int",
    "percentile_cont(0.5) within group (order by {0})", "count(distinct patient_id, {0})", "random()", "now()",
)  # fmt: skip
STRANGE_ATOMS = (
    "{0} like 'a%'", "{0} ilike '%'", "{0} ~ 'x+'", "{0} in (select 1)", "exists (select 1)", "{0} = any (select 1)",
    "{0} is distinct from 1", "{0} similar to 'x'", "cast({0} as varchar) = '1'", "{0} between symmetric 3 and 1",
    "case when {0} = 1 then true else false end", "coalesce({0}, 1) = 1", "{0} % 2 = 0", "{0} // 2 = 1", "{0} ** 2 > 1",
    "{0} || 'x' = 'yx'", "({0}, 1) = (1, 1)", "{0} collate nocase = 'f'", "[{0}][1] = 1", "{{'a': {0}}}.a = 1",
    "{0} -> 'x'", "list_has([1], {0})", "{0} glob '*'", "age = @age", "abs({0}) = 1", "extract(year from {0}) = 2024",
    "{0} at time zone 'UTC' > '2024-01-01'", "{0} is true", "{0} is not unknown", "{0} isnull", "{0} notnull", "not not {0}",
    "{0} <=> 1", "{0} == 1", "{0} != 1", "1 < {0} < 3", "{0} & 1 = 1", "~{0} = 1", "{0} << 2 = 4", "{0} in (1, null, 'x')",
)  # fmt: skip
STRANGE_TAILS = (
    " having count(*) > 3", " order by 1", " order by count(*) desc nulls last limit 3", " limit 3", " limit 3 offset 2",
    " qualify row_number() over () = 1", " union select 1", " union all select count(*) from visits", " intersect select 1",
    " window w as (partition by sex)", " for update", " using sample 3", " group by all", " group by rollup (sex, ward)",
    " group by cube (sex)", " group by grouping sets ((sex), ())", "; select 1", ";", " -- end", " /* open", " /*+ hint */",
    " settings x = 1", " fetch first 3 rows only", " into t", " with ordinality", " )", " (",
)  # fmt: skip
PREFIXES = (
    "select ", "SELECT ", "select distinct ", "select all ", "with t as (select 1) select ", "explain select ", "selct ",
    "from clinic.visits select ", "(select ", "select top 3 ", "select /*c*/ ", "create table x as select ", "",
)  # fmt: skip


class SqlGrammar:
    """Draws queries; `odd` is the share of the choices that leave what is answered here."""

    def __init__(self, chance: Random, odd: float) -> None:
        self.chance = chance
        self.odd = odd

    def strange(self) -> bool:
        return self.chance.random() < self.odd

    def query(self) -> str:
        pick = self.chance.choice
        keys = self.chance.sample(KEYS, self.chance.choice((0, 0, 1, 1, 2, 3)))
        items = [*keys, *(self.aggregate() for _ in range(self.chance.choice((1, 1, 2, 3, 8))))]
        if self.strange():
            self.chance.shuffle(items)
        aliased = [
            f"{item} as {self.alias(number)}" if self.chance.random() < 0.3 else item
            for number, item in enumerate(items)
        ]
        text = pick(PREFIXES) if self.strange() else "select "
        text += ", ".join(aliased) + " from " + pick(STRANGE_TABLES if self.strange() else TABLES)
        if self.chance.random() < 0.6:
            text += " where " + self.condition(self.chance.choice((0, 1, 2, 3, 6)))
        if keys and not self.strange():
            grouped = [str(1 + keys.index(key)) if self.chance.random() < 0.2 else key for key in keys]
            text += " group by " + ", ".join(grouped)
        if self.strange():
            text += pick(STRANGE_TAILS)
        return text

    def alias(self, number: int) -> str:
        if self.strange():
            return self.chance.choice(("n", '""', '"' + "x" * 70 + '"', "select", '" "', "a.b", "'s'", '"\u202e"'))
        return self.chance.choice((f"a{number}", f'"A {number}"', f'"中{number}"', f"age{number}"))

    def column(self) -> str:
        if self.strange():
            return self.chance.choice((*OTHERS, *HIDDEN))
        return self.chance.choice(NUMBERS)

    def aggregate(self) -> str:
        if self.strange():
            return self.chance.choice(STRANGE_AGGREGATES).format(self.number(1))
        kind = self.chance.randrange(5)
        if kind == 0:
            return "count(*)"
        if kind == 1:
            return "count(distinct patient_id)"
        if kind == 2:
            return f"count({self.chance.choice((*NUMBERS, *OTHERS))})"
        return f"{self.chance.choice(('sum', 'avg', 'SUM', 'Avg'))}({self.number(self.chance.choice((0, 0, 1, 2, 4)))})"

    def number(self, depth: int) -> str:
        if depth == 0:
            return self.literal() if self.chance.random() < 0.3 else self.column()
        kind = self.chance.randrange(5)
        if kind == 0:
            return f"-{self.number(depth - 1)}" if self.chance.random() < 0.5 else f"({self.number(depth - 1)})"
        sign = self.chance.choice("+-*/")
        return f"({self.number(depth - 1)} {sign} {self.number(depth - 1)})"

    def literal(self) -> str:
        return self.chance.choice(LITERALS if self.strange() else ("0", "1", "-3", "2.5", "18", "1e2", ".5"))

    def condition(self, depth: int) -> str:
        if depth == 0:
            return self.atom()
        kind = self.chance.randrange(4)
        if kind == 0:
            return f"not ({self.condition(depth - 1)})"
        joined = self.chance.choice((" and ", " or ", " AND "))
        parts = (self.condition(self.chance.randrange(depth)) for _ in range(self.chance.choice((2, 2, 3))))
        return "(" + joined.join(parts) + ")"

    def atom(self) -> str:
        if self.strange():
            return self.chance.choice(STRANGE_ATOMS).format(self.number(1))
        pick = self.chance.choice
        kind = self.chance.randrange(7)
        if kind == 0:
            return f"{self.number(1)} {pick(('=', '<>', '<', '<=', '>', '>='))} {self.number(1)}"
        if kind == 1:
            return f"{self.column()} {pick(('in', 'not in'))} ({', '.join(self.literal() for _ in range(3))})"
        if kind == 2:
            return f"{self.column()} between {self.literal()} and {self.literal()}"
        if kind == 3:
            return f"{pick((*NUMBERS, *OTHERS))} is {pick(('null', 'not null'))}"
        if kind == 4:
            return pick(("urgent", "urgent = false", "sex = 'F'", "sex in ('F', 'M', 'x')", "city <> 'Lisbon'"))
        if kind == 5:
            return pick(("visited < '2024-05-05'", "day = '2024-01-02'", "seen >= '2024-01-01T00:00'", "true", "null"))
        return f"{self.column()} {pick(('=', '<', '>='))} {self.literal()}"
