"""SQL text of the whole language from a grammar: joins, subqueries, windows, CTEs, unions, and every function of the table.

The select lists, conditions and keys are typed, so that most of what is drawn compiles; `odd` is the share of the choices that
do not fit. Texts about one table with plain expressions come from `sql_grammar`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from sql_grammar import SqlGrammar

from sandbox.plan.functions.table import FUNCTIONS
from sandbox.terms.dataset import Type

LITERALS = {
    Type.INT: ("0", "1", "-3", "18", "2000000000", "4611686018427387904"),
    Type.FLOAT: ("0.0", "2.5", "-1e2", ".5", "1e308", "0.1e-300"),
    Type.STRING: ("'F'", "''", "'it''s'", "'中文'", "'%a_'", "'2024-01-31'"),
    Type.BOOL: ("true", "false"),
    Type.DATE: ("date '2024-01-31'", "date '0001-01-01'", "date '9999-12-31'"),
    Type.TIMESTAMP: ("timestamp '2024-01-01 10:00:00'", "timestamp '9999-12-31T23:59:59.999999Z'"),
}
CASTS = ("int", "bigint", "double", "varchar", "boolean", "date", "timestamp", "text", "decimal(9, 2)", "uuid")
MEASURES = (
    "count({0})", "count(distinct {0})", "sum({0})", "avg({0})", "var_pop({0})", "var_samp({0})", "stddev({0})", "stddev_pop({0})",
    "median({0})", "quantile_cont({0}, 0.9)", "percentile_cont(0.25) within group (order by {0})", "min({0})", "max({0})",
    "covar_pop({0}, {1})", "covar_samp({0}, {1})", "corr({0}, {1})", "count_if({0} > {1})", "sum({0}) filter (where {1} > 2)",
    "approx_count_distinct({0})", "sum(case when {0} > {1} then {0} else 0 end)", "avg(distinct {0})", "count(*)",
)  # fmt: skip
WINDOWS = (
    "row_number() over ({0})", "rank() over ({0})", "dense_rank() over ({0})", "lag({1}) over ({0})", "lead({1}, 2) over ({0})",
    "first_value({1}) over ({0})", "last_value({1}) over ({0})", "sum({1}) over ({0})", "count(*) over ({0})", "min({1}) over ({0})",
    "avg({1}) over ({0} rows between 2 preceding and current row)", "max({1}) over ({0})", "ntile(4) over ({0})",
)  # fmt: skip
OF_UNITS = (
    "count(*)",
    "sum({0})",
    "min({0})",
    "max({0})",
    "avg({0})",
    "count({0})",
    "first({0})",
    "count(distinct {0})",
)


@dataclass(frozen=True)
class Entry:
    """What stands in FROM: its text, the column of the unit, the columns by type, and those that make good groups."""

    text: str
    unit: str
    columns: dict[Type, tuple[str, ...]]
    keys: tuple[str, ...]


VISITS = Entry(
    "clinic.visits",
    "patient_id",
    {
        Type.INT: ("age", "ward", "serial", "big"),
        Type.FLOAT: ("cost", "weight"),
        Type.STRING: ("sex", "city"),
        Type.BOOL: ("urgent",),
        Type.DATE: ("visited", "day"),
        Type.TIMESTAMP: ("seen",),
    },
    ("sex", "ward", "day", "urgent", "city", "age", "width_bucket(age, 0, 100, 10)", "date_trunc('month', visited)"),
)
CUSTOMER = Entry(
    "shop.customer c", "c_id", {Type.INT: ("c_nation",), Type.STRING: ("c_segment",)}, ("c_nation", "c_segment")
)
ORDERS = Entry(
    "shop.orders o",
    "o_customer",
    {Type.INT: ("o_id",), Type.FLOAT: ("o_total",), Type.DATE: ("o_day",), Type.STRING: ("o_status",)},
    ("o_status", "date_trunc('year', o_day)", "o_id"),
)
LINES = Entry(
    "shop.line l",
    "o_customer",
    {Type.INT: ("l_count", "l_part"), Type.FLOAT: ("l_price",)},
    ("l_count", "l_part"),
)
NATION = Entry(
    "places.nation n", "", {Type.INT: ("n_id", "n_region"), Type.STRING: ("n_name",)}, ("n_name", "n_region")
)
JOINS = (
    (ORDERS, CUSTOMER, "o_customer = c_id"),
    (ORDERS, LINES, "o_id = l_order"),
    (CUSTOMER, NATION, "c_nation = n_id"),
    (CUSTOMER, replace(NATION, text="(select * from places.nation where n_region < 3) n"), "c_nation = n.n_id"),
    (CUSTOMER, replace(VISITS, text="clinic.visits v"), "c.c_id = v.patient_id"),
    (ORDERS, replace(ORDERS, text="shop.orders p", columns={}, keys=()), "o.o_customer = p.o_customer"),
    (ORDERS, LINES, "o_id = l_part"),
    (CUSTOMER, ORDERS, "c_nation = o_id"),
)
KINDS = (" join ", " inner join ", " left join ", " right join ", " semi join ", " anti join ")


class LanguageGrammar:
    """Draws queries of every shape."""

    def __init__(self, chance: Random, odd: float) -> None:
        self.chance = chance
        self.odd = odd
        self.plain = SqlGrammar(chance, odd)

    def strange(self) -> bool:
        return self.chance.random() < self.odd

    def query(self) -> str:
        shapes: tuple[Callable[[], str], ...] = (
            self.plain.query,
            self.over_rows,
            self.over_rows,
            self.over_joined,
            self.over_units,
            self.over_windows,
            self.over_answers,
            self.with_questions,
            self.over_union,
            self.answers_joined,
            self.answers_stacked,
        )
        return self.chance.choice(shapes)()

    # -- rows ----------------------------------------------------------------------------------------------------------

    def source(self) -> Entry:
        return self.chance.choice((VISITS, VISITS, CUSTOMER, ORDERS))

    def over_rows(self) -> str:
        return self.answer(self.source())

    def over_joined(self) -> str:
        left, right, on = self.chance.choice(JOINS[:6] if not self.strange() else JOINS)
        kind = self.chance.choice(KINDS) if self.chance.random() < 0.5 else " join "
        if self.strange():
            kind = self.chance.choice((" full join ", " cross join ", " natural join ", ", "))
        condition = "" if self.strange() else f" on {on}"
        if kind == ", " and condition:
            return self.answer(replace(left, text=f"{left.text}, {right.text}"), f" where {on}")
        columns = left.columns
        if kind not in (" semi join ", " anti join "):
            kinds = (*left.columns, *right.columns)  # in this order on every machine: a set has none
            columns = {name: left.columns.get(name, ()) + right.columns.get(name, ()) for name in kinds}
        joined = replace(left, text=f"{left.text}{kind}{right.text}{condition}", columns=columns)
        return self.answer(joined)

    def over_units(self) -> str:
        entry = self.source()
        wanted = [
            self.chance.choice(OF_UNITS).format(self.value(entry, self.numeric(entry), 1))
            for _ in range(self.chance.choice((1, 2, 3)))
        ]
        keys = self.chance.sample(entry.keys, self.chance.choice((0, 0, 1)))
        named = ", ".join(f"{item} as x{number}" for number, item in enumerate([*wanted, *keys]))
        grouped = ", ".join(keys if self.strange() else [entry.unit, *keys])
        inner = f"select {entry.unit}, {named} from {entry.text}{self.where(entry)} group by {grouped or entry.unit}"
        if self.chance.random() < 0.2:
            inner += f" having count(*) > {self.chance.randint(0, 5)}"
        made = tuple(f"x{number}" for number in range(len(wanted)))
        grouping = tuple(f"x{number}" for number in range(len(wanted), len(wanted) + len(keys)))
        return self.answer(Entry(f"({inner}) t", entry.unit, {Type.INT: made}, grouping))

    def over_windows(self) -> str:
        entry = self.source()
        over = f"partition by {'sex' if self.strange() else entry.unit}"
        over += f" order by {self.column(entry, self.numeric(entry))}" if self.chance.random() < 0.8 else ""
        made = [
            self.chance.choice(WINDOWS).format(over, self.value(entry, self.numeric(entry), 1))
            for _ in range(self.chance.choice((1, 2)))
        ]
        named = ", ".join(f"{item} as w{number}" for number, item in enumerate(made))
        key = self.chance.choice(entry.keys)
        inner = f"select {entry.unit}, {named}, {key} as k from {entry.text}{self.where(entry)}"
        if self.chance.random() < 0.2:
            inner += f" qualify row_number() over ({over}) <= 2"
        columns = {Type.INT: tuple(f"w{number}" for number in range(len(made)))}
        return self.answer(Entry(f"({inner}) as t", entry.unit, columns, ("k",)))

    def over_union(self) -> str:
        word = "union" if self.strange() else "union all"
        inner = f"select {VISITS.unit} u, age x from clinic.visits{self.where(VISITS)}"
        other = f"select {CUSTOMER.unit}, c_nation from {CUSTOMER.text}"
        arms = self.chance.choice(([inner, inner], [inner, inner, inner], [inner, other]))
        return self.answer(Entry(f"({f' {word} '.join(arms)}) t", "u", {Type.INT: ("x",)}, ("x",)))

    def with_questions(self) -> str:
        """EXISTS and IN."""
        inside = self.chance.choice((
            "exists (select * from shop.orders p where p.o_customer = o.o_customer and p.o_total > 3)",
            "not exists (select 1 from shop.line where l_order = o.o_id)",
            "o.o_id in (select l_order from shop.line where l_count > 2)",
            "o.o_customer not in (select c_id from shop.customer where c_nation = 3)",
            "o.o_id in (select p_id from places.part where p_size < 9)",
            "exists (select 1 from shop.line)" if self.strange() else "exists (select 1 from shop.line where l_order = o_id)",
            "o_total > (select avg(o_total) from shop.orders)" if self.strange() else "o_total > 5",
        ))  # fmt: skip
        return self.answer(
            ORDERS, f" where {inside}{' and ' + self.condition(ORDERS) if self.chance.random() < 0.5 else ''}"
        )

    # -- answers -------------------------------------------------------------------------------------------------------

    def over_answers(self) -> str:
        """A query over an answer."""
        inner, key = self.keyed()
        items = self.chance.choice((
            "avg(n)", "max(n), count(*)", f"{key}, n * 2 as twice", "*", f"{key}, sum(n)", "n / nullif(m, 0) as share", "round(m, 1), n",
        ))  # fmt: skip
        grouped = f" group by {key}" if "sum(n)" in items else ""
        where = f" where n > {self.chance.randint(-3, 300)}" if self.chance.random() < 0.4 else ""
        if self.chance.random() < 0.5:
            return f"select {items} from ({inner}) t{where}{grouped}{self.tail(items, grouped)}"
        return f"with t as ({inner}) select {items} from t{where}{grouped}{self.tail(items, grouped)}"

    def answers_joined(self) -> str:
        one, key = self.keyed()
        other = f"select {key} as key_2, count(distinct patient_id) as u from clinic.visits group by {key}"
        kind = self.chance.choice((" join ", " left join ", " full join ", ", " if self.strange() else " join "))
        return f"with a as ({one}), b as ({other}) select a.{key}, n / u as each from a{kind}b on a.{key} = b.key_2"

    def answers_stacked(self) -> str:
        arms = [self.over_rows() for _ in range(2)] if self.strange() else [self.keyed("sex")[0] for _ in range(2)]
        word = self.chance.choice((" union all ", " union ", " except " if self.strange() else " union all "))
        return word.join(arms) + (" order by 1 limit 3" if self.chance.random() < 0.3 else "")

    def keyed(self, key: str = "") -> tuple[str, str]:
        key = key or self.chance.choice(("sex", "ward", "urgent", "city", "age"))
        measured = self.measure(VISITS)
        return (
            f"select {key}, count(*) as n, {measured} as m from clinic.visits{self.where(VISITS)} group by {key}",
            key,
        )

    def tail(self, items: str, grouped: str) -> str:
        found = ""
        if grouped and self.chance.random() < 0.3:
            found += " having sum(n) > 3"
        if self.chance.random() < 0.4:
            found += (
                f" order by {'rand()' if self.strange() else '1'}{self.chance.choice(('', ' desc', ' nulls first'))}"
            )
        if self.chance.random() < 0.3:
            found += self.chance.choice((" limit 5", " limit 5 offset 2", " fetch first 3 rows only", " offset 1"))
        return found if items or not self.strange() else found + " qualify 1 = 1"

    def answer(self, entry: Entry, where: str | None = None) -> str:
        """An aggregating query over an entry."""
        keys = self.chance.sample(entry.keys, min(len(entry.keys), self.chance.choice((0, 0, 1, 1, 2))))
        measures = [self.measure(entry) for _ in range(self.chance.choice((1, 1, 2, 3)))]
        if self.chance.random() < 0.2:
            measures.append(
                f"{measures[0]} {self.chance.choice('+-*/')} {self.chance.choice((measures[-1], '2', 'count(*)'))}"
            )
        text = f"select {', '.join([*keys, *measures])} from {entry.text}"
        text += self.where(entry) if where is None else where
        if keys and not self.strange():
            places = [str(number + 1) if self.chance.random() < 0.2 else key for number, key in enumerate(keys)]
            text += " group by " + self.chance.choice((", ".join(places), ", ".join(keys), "all"))
            if self.chance.random() < 0.3:
                text += f" having {self.chance.choice(measures)} > {self.chance.randint(-5, 500)}"
        return text + self.tail("", "")

    def measure(self, entry: Entry) -> str:
        if self.strange():
            return self.plain.aggregate()
        if self.chance.random() < 0.25:
            return self.chance.choice(("count(*)", f"count(distinct {entry.unit})" if entry.unit else "count(*)"))
        kind = self.numeric(entry)
        one, other = (self.value(entry, kind, self.chance.choice((0, 0, 1, 2))) for _ in range(2))
        return self.chance.choice(MEASURES).format(one, other)

    # -- values of rows ------------------------------------------------------------------------------------------------

    def where(self, entry: Entry) -> str:
        return f" where {self.condition(entry)}" if self.chance.random() < 0.5 else ""

    def condition(self, entry: Entry, depth: int = 2) -> str:
        if depth and self.chance.random() < 0.4:
            word = self.chance.choice((" and ", " or "))
            parts = [self.condition(entry, depth - 1) for _ in range(2)]
            return f"({word.join(parts)})"
        kind = self.chance.choice([kind for kind, names in entry.columns.items() if names] or [Type.INT])
        one, other = self.value(entry, kind, 1), self.value(entry, kind, 1)
        pick = self.chance.randrange(6)
        if kind is Type.BOOL and pick < 3:
            return self.chance.choice((one, f"not {one}", f"{one} is true", f"{one} is not distinct from {other}"))
        if kind is Type.STRING and pick < 2:
            return (
                f"{one} {self.chance.choice(('like', 'ilike', 'not like'))} {self.chance.choice(LITERALS[Type.STRING])}"
            )
        if pick == 2:
            return f"{one} {self.chance.choice(('in', 'not in'))} ({', '.join(self.literal(kind) for _ in range(3))})"
        if pick == 3:
            return f"{one} between {self.literal(kind)} and {self.literal(kind)}"
        if pick == 4:
            return f"{one} is {self.chance.choice(('null', 'not null'))}"
        return f"{one} {self.chance.choice(('=', '<>', '<', '<=', '>', '>='))} {other}"

    def numeric(self, entry: Entry) -> Type:
        return self.chance.choice([kind for kind in (Type.INT, Type.FLOAT) if entry.columns.get(kind)] or [Type.INT])

    def column(self, entry: Entry, kind: Type) -> str:
        return self.chance.choice(entry.columns.get(kind) or LITERALS[kind])

    def literal(self, kind: Type) -> str:
        if self.strange():
            kind = self.chance.choice(list(Type))
        return "null" if self.chance.random() < 0.03 else self.chance.choice(LITERALS[kind])

    def value(self, entry: Entry, kind: Type, depth: int) -> str:
        """An expression that is mostly of this type."""
        if depth == 0 or self.chance.random() < 0.3:
            return self.column(entry, kind) if self.chance.random() < 0.8 else self.literal(kind)
        pick = self.chance.randrange(6)
        if pick == 0:
            when = self.condition(entry, 0)
            return f"case when {when} then {self.value(entry, kind, depth - 1)} else {self.literal(kind)} end"
        if pick == 1:
            source = self.chance.choice(list(Type))
            return f"cast({self.value(entry, source, depth - 1)} as {self.chance.choice(CASTS)})"
        if pick == 2 and kind in (Type.INT, Type.FLOAT):
            sign = self.chance.choice(("+", "-", "*", "/", "%", "//"))
            return f"({self.value(entry, kind, depth - 1)} {sign} {self.value(entry, kind, depth - 1)})"
        if pick == 3 and kind in (Type.DATE, Type.TIMESTAMP):
            unit = self.chance.choice(("day", "month", "year", "hour"))
            return (
                f"({self.column(entry, kind)} {self.chance.choice('+-')} interval {self.chance.randint(0, 40)} {unit})"
            )
        return self.call(entry, kind, depth)

    def call(self, entry: Entry, kind: Type, depth: int) -> str:
        """A function of the table whose result can be of this type, with arguments of its types."""
        entries = list(FUNCTIONS.values())
        function = self.chance.choice(entries)
        for _ in range(20):
            types = tuple(self.chance.choice(sorted(part.types, key=str)) for part in function.parameters)
            if function.result_type(types[: function.largest]) is kind or self.strange():
                break
            function = self.chance.choice(entries)
        arguments: list[str] = []
        for number in range(self.chance.randint(function.fewest, min(function.largest, function.fewest + 2))):
            part = function.parameter(number)
            wanted = self.chance.choice(sorted(part.types, key=str))
            if part.choices:
                arguments.append(f"'{self.chance.choice(part.choices)}'")
            elif part.constant and part.least is not None and part.most is not None:
                arguments.append(str(self.chance.randint(part.least, part.most)))
            else:
                arguments.append(self.literal(wanted) if part.constant else self.value(entry, wanted, depth - 1))
        name = self.chance.choice(function.sql)
        if not name.isidentifier():
            return f"({f' {name} '.join(arguments)})" if len(arguments) == 2 else self.column(entry, kind)
        return f"{name}({', '.join(arguments)})"
