"""Random FROM clauses: tables, subqueries, CTEs, joins, statistics of a unit, windows, unions, and conditions about other rows."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from language_expressions import Field, Pair, Speaker
from language_worlds import LanguageWorld

from sandbox.terms.dataset import Column, ColumnRole, Dataset, Table, Type

CALM = 10**6
PLAIN = ("city", "note", "kind", "c_segment", "o_status", "seenby", "sex", "name", "title")
SMALL = 130


@dataclass(frozen=True)
class Rows:
    """What stands behind FROM, in both texts, with its conditions; `unit` is how the unit is called there."""

    ours: str
    theirs: str
    unit: str
    fields: tuple[Field, ...]
    where: tuple[Pair, ...] = ()
    order: str = ""
    """A column that tells the rows of a unit apart, "" where none does."""

    def condition(self, side: str) -> str:
        parts = [getattr(pair, side) for pair in self.where]
        return f" where {' and '.join(parts)}" if parts else ""


def field_of(column: Column, prefix: str = "") -> Field:
    """What the generator may do with a stored column."""
    ends = [abs(end) for end in (column.low, column.high) if end is not None]
    number = column.type.is_number
    calm = not number or column.keys is not None or (len(ends) == 2 and max(ends) <= CALM)
    if column.keys is not None and column.type is Type.INT:
        calm = max(abs(int(key)) for key in column.keys) <= CALM
    return Field(
        prefix + column.name,
        column.type,
        calm=calm,
        small=column.type is Type.INT and calm and (column.keys is not None or max(ends) <= SMALL),
        plain=column.name in PLAIN,
        keyed=column.keys is not None or column.type is Type.BOOL,
        bounded=column.keys is not None or len(ends) == 2,
    )


@dataclass
class RowsMaker:
    """Draws FROM clauses over one world. CTEs gather in `withs`."""

    source: random.Random
    world: LanguageWorld
    seen: Counter[str]
    wanted: Sequence[str] = ()
    withs: list[tuple[str, str, str]] = field(default_factory=list)
    _names: int = 0

    def name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def chance(self, share: float) -> bool:
        return self.source.random() < share

    def wanted_or(self, choices: Sequence[str], stem: str) -> str:
        """One of the choices; one that is still wanted if there is one."""
        fresh = [item for item in choices if stem + item in self.wanted]
        return self.source.choice(fresh if fresh and self.chance(0.7) else list(choices))

    def speaker(self, fields: Sequence[Field]) -> Speaker:
        return Speaker(self.source, fields, self.seen, self.wanted)

    def rows(self, depth: int = 2) -> Rows:
        """Any rows, with conditions."""
        if depth <= 0:
            made = self.table()
        else:
            shapes = [self.table, self.subquery, self.joined, self.per_unit, self.windowed, self.union]
            windows = 9 if any(word.startswith("window") for word in self.wanted) else 3
            made = self.source.choices(shapes, (3, 2, 4, 3, windows, 2))[0](depth)
        conditions = list(made.where)
        if self.chance(0.5):
            conditions.append(self.speaker(made.fields).predicate())
        if depth > 0 and self.chance(0.5 if any(" in" in word for word in self.wanted) else 0.3):
            conditions.append(self.related(made))
        return Rows(made.ours, made.theirs, made.unit, made.fields, tuple(conditions), made.order)

    # -- one entry -----------------------------------------------------------------------------------------------------

    def _private(self) -> tuple[Dataset, Table]:
        found = [(item, table) for item in self.world.datasets.values() if not item.public for table in item.tables]
        return self.source.choice(found)

    def table(self, _depth: int = 0) -> Rows:
        alias = self.name("t")
        dataset, table = self._private()
        return self._stored(dataset, table, alias)

    def _stored(self, dataset: Dataset, table: Table, alias: str) -> Rows:
        unit = table.unit or (table.link.column if table.link is not None else "")
        names = [column for column in table.columns if column.role is ColumnRole.VALUE and column.name != unit]
        fields = tuple(field_of(column, f"{alias}.") for column in names)
        order = next((item.name for item in fields if item.name.endswith((".n", ".o_id"))), "")
        text = f"{dataset.name}.{table.name} {self.source.choice(('', 'as '))}{alias}"
        return Rows(text, text, f"{alias}.{unit}", fields, (), order)

    def _wrapped(self, ours: str, theirs: str, fields: Sequence[Field], order: str = "") -> Rows:
        """A subquery or CTE whose columns are `u` and the fields."""
        alias = self.name("s")
        if self.chance(0.35):
            self.seen["cte"] += 1
            name = self.name("w")
            self.withs.append((name, ours, theirs))
            ours = theirs = name
        else:
            ours, theirs = f"({ours})", f"({theirs})"
        outer = tuple(
            Field(f"{alias}.{item.name}", item.kind, item.calm, item.small, item.plain, item.keyed, item.bounded)
            for item in fields
        )
        return Rows(
            f"{ours} {alias}", f"{theirs} {alias}", f"{alias}.u", outer, (), f"{alias}.{order}" if order else ""
        )

    def _selected(self, rows: Rows, columns: Sequence[tuple[Pair, Field]], order: str = "") -> tuple[str, str]:
        lists = [
            ", ".join([f"{rows.unit} as u", *(f"{getattr(pair, side)} as {made.name}" for pair, made in columns)])
            for side in ("ours", "theirs")
        ]
        return (
            f"select {lists[0]} from {rows.ours}{rows.condition('ours')}{order}",
            f"select {lists[1]} from {rows.theirs}{rows.condition('theirs')}{order}",
        )

    def _columns(self, rows: Rows, count: int, kinds: Sequence[Type] = tuple(Type)) -> list[tuple[Pair, Field]]:
        speaker = self.speaker(rows.fields)
        made = []
        for _ in range(count):
            stored = self.source.choice(rows.fields)
            if self.chance(0.5) and stored.kind in kinds:
                copied = Field(self.name("c"), stored.kind, stored.calm, stored.small, stored.plain, stored.keyed)
                made.append((stored.pair, copied))
            else:
                pair = speaker.value(self.source.choice(kinds))
                made.append((pair, Field(self.name("c"), pair.kind, keyed=pair.kind is Type.BOOL, bounded=False)))
        return made

    def subquery(self, depth: int = 1) -> Rows:
        self.seen["subquery"] += 1
        inner = self.rows(depth - 1)
        columns = self._columns(inner, self.source.choice((2, 3)))
        order = ""
        if inner.order:
            order = self.name("c")
            columns.append((Pair(inner.order, inner.order, Type.INT), Field(order, Type.INT)))
        return self._wrapped(*self._selected(inner, columns), [made for _, made in columns], order)

    # -- statistics, windows, unions -----------------------------------------------------------------------------------

    def per_unit(self, depth: int = 1) -> Rows:
        """One row for each unit, or for each unit and key."""
        inner = self.rows(depth - 1)
        columns: list[tuple[Pair, Field]] = []
        groups = [inner.unit]
        keyed = [item for item in inner.fields if item.keyed]
        if keyed and self.chance(0.4):
            key = self.source.choice(keyed)
            groups.append(key.name)
            columns.append((key.pair, Field(self.name("c"), key.kind, key.calm, key.small, key.plain, keyed=True)))
        if inner.order and self.chance(0.9 if "per unit first" in self.wanted else 0.2):
            one = self.source.choice(inner.fields)
            word = self.source.choice(("first", "any_value"))
            first = Pair(f"{word}({one.name})", f"arg_min({one.name}, {inner.order})", one.kind)
            columns.append((first, Field(self.name("c"), one.kind, one.calm, one.small, one.plain, bounded=False)))
        for _ in range(self.source.choice((1, 2, 3))):
            pair, small = self.unit_aggregate(inner)
            columns.append((pair, Field(self.name("c"), pair.kind, small=small, bounded=pair.kind.is_number)))
        tail = f" group by {', '.join(groups)}"
        if self.chance(0.3):
            tail += " having count(*) > 2"
        self.seen["per unit"] += 1
        return self._wrapped(*self._selected(inner, columns, tail), [made for _, made in columns])

    def unit_aggregate(self, inner: Rows, window: bool = False) -> tuple[Pair, bool]:
        """An exact aggregate of some rows of a unit, and whether it is small."""
        speaker = self.speaker([item for item in inner.fields if item.calm] or inner.fields)
        function = self.wanted_or(
            ("count(*)", "count", "distinct", "sum", "avg", "min", "max", "count_if"),
            "window " if window else "per unit ",
        )
        self.seen[f"unit {function}"] += 1
        if function == "count(*)" or (window and function in ("distinct", "count_if")):
            return Pair("count(*)", "count(*)", Type.INT), True
        if function == "count_if":
            condition = speaker.predicate(1)
            return Pair(f"count_if({condition.ours})", f"count(*) filter (where {condition.theirs})", Type.INT), True
        kinds = (Type.INT, Type.FLOAT) if function in ("sum", "avg") else (Type.INT, Type.FLOAT, Type.DATE, Type.STRING)
        stored = speaker.field(self.source.choice(kinds))
        operand = (
            stored.pair if stored is not None and self.chance(0.7) else speaker.value(self.source.choice(kinds), 1)
        )
        tails = ("", "")
        if not window and self.chance(0.2):
            condition = speaker.predicate(1)
            tails = (f" filter (where {condition.ours})", f" filter (where {condition.theirs})")
            self.seen["unit filter"] += 1
        kind = {"count": Type.INT, "distinct": Type.INT, "avg": Type.FLOAT}.get(function, operand.kind)
        shape = "count(distinct {})" if function == "distinct" else f"{function}({{}})"
        cast = "::bigint" if kind is Type.INT else "::double" if kind is Type.FLOAT else ""
        theirs = (
            f"({shape.format(operand.theirs)}{tails[1]}){cast}" if cast else shape.format(operand.theirs) + tails[1]
        )
        return Pair(shape.format(operand.ours) + tails[0], theirs, kind), function in ("count", "distinct")

    def windowed(self, depth: int = 1) -> Rows:
        """The rows with one more column."""
        inner = self.rows(depth - 1)
        if not inner.order:
            return self.per_unit(depth)
        parts = [inner.unit]
        keyed = [item for item in inner.fields if item.keyed]
        if keyed and self.chance(0.3):
            parts.append(self.source.choice(keyed).name)
        function = self.wanted_or(
            (
                "row_number",
                "rank",
                "dense_rank",
                "lag",
                "lead",
                "first_value",
                "last_value",
                "total",
                "running",
                "running",
            ),
            "window ",
        )
        if any(f"window {item}" in self.wanted for item in ("sum", "avg", "min", "max", "count")) and self.chance(0.6):
            function = "running"
        self.seen[f"window {function}"] += 1
        pair = self._window(function, inner, f"partition by {', '.join(parts)}")
        columns = self._columns(inner, 2)
        name = self.name("c")
        small = function in ("row_number", "rank", "dense_rank")
        columns += [
            (pair, Field(name, pair.kind, calm=small or not pair.kind.is_number, small=small, bounded=small)),
            (Pair(inner.order, inner.order, Type.INT), Field(self.name("c"), Type.INT)),
        ]
        made = self._selected(inner, columns)
        return self._wrapped(*made, [item for _, item in columns], columns[-1][1].name)

    def _window(self, function: str, inner: Rows, partition: str) -> Pair:
        peers = [item.name for item in inner.fields if item.kind is not Type.BOOL]
        turn = self.source.choice(("", " desc", " nulls first", " desc nulls last"))
        total = f"{partition} order by {self.source.choice(peers)}{turn}, {inner.order}"
        if function in ("rank", "dense_rank"):
            text = f"{function}() over ({partition} order by {self.source.choice(peers)}{turn})"
            return Pair(text, text, Type.INT)
        if function == "row_number":
            text = f"row_number() over ({total})"
            return Pair(text, text, Type.INT)
        if function in ("total", "running"):
            pair, _ = self.unit_aggregate(inner, window=True)
            over = f"{partition} order by {inner.order}" if function == "running" else partition
            frame = ""
            if function == "running" and self.chance(0.3):
                frame = " range between unbounded preceding and current row"
            elif function == "running" and self.chance(0.3):
                frame = " rows between unbounded preceding and unbounded following"
            theirs = pair.theirs
            if theirs.endswith(("::bigint", "::double")):
                inside, _, cast = theirs.rpartition("::")
                theirs = f"({inside[1:-1]} over ({over}{frame}))::{cast}"
            else:
                theirs = f"{theirs} over ({over}{frame})"
            return Pair(f"{pair.ours} over ({over}{frame})", theirs, pair.kind)
        operand = self.source.choice(inner.fields)
        offset = self.source.choice(("", ", 1", ", 2")) if function in ("lag", "lead") else ""
        text = f"{function}({operand.name}{offset}) over ({total})"
        return Pair(text, text, operand.kind)

    def union(self, depth: int = 1) -> Rows:
        kinds = [self.source.choice((Type.INT, Type.FLOAT, Type.STRING, Type.DATE)) for _ in range(2)]
        names = [self.name("c") for _ in kinds]
        texts = []
        for _ in range(self.source.choice((2, 2, 3))):
            rows = self.rows(depth - 1)
            speaker = self.speaker(rows.fields)
            columns = [
                (speaker.value(kind, self.source.choice((0, 1))), Field(name, kind))
                for kind, name in zip(kinds, names, strict=True)
            ]
            texts.append(self._selected(rows, columns))
        self.seen["union all"] += 1
        ours, theirs = (" union all ".join(parts) for parts in zip(*texts, strict=True))
        return self._wrapped(
            ours, theirs, [Field(name, kind, bounded=False) for kind, name in zip(kinds, names, strict=True)]
        )

    # -- joins and conditions about other rows -------------------------------------------------------------------------

    def joined(self, depth: int = 1) -> Rows:
        if any(item.public for item in self.world.datasets.values()) and self.chance(0.7):
            return self._with_public()
        left = self.table() if self.chance(0.6) else self.per_unit(1) if self.chance(0.5) else self.subquery(depth)
        right = self.table() if self.chance(0.6) else self.per_unit(1)
        on = [f"{left.unit} = {right.unit}"]
        if self.chance(0.25):
            both = [
                (one.name, two.name)
                for one in left.fields
                for two in right.fields
                if one.kind is two.kind and one.kind is not Type.FLOAT and one.calm and two.calm
            ]
            if both:
                on.append(" = ".join(self.source.choice(both)))
        kind = self.source.choice(("join", "inner join", "left join", "right join", "comma", "using"))
        fields = left.fields + right.fields
        unit = right.unit if kind == "right join" else left.unit
        self.seen[f"join {kind}"] += 1
        if kind == "comma":
            where = tuple(Pair(text, text, Type.BOOL) for text in on)
            return Rows(f"{left.ours}, {right.ours}", f"{left.theirs}, {right.theirs}", unit, fields, where)
        one, other = left.unit.partition(".")[2], right.unit.partition(".")[2]
        if kind == "using" and one == other and len(on) == 1:
            return Rows(
                f"{left.ours} join {right.ours} using ({one})",
                f"{left.theirs} join {right.theirs} using ({one})",
                unit,
                fields,
            )
        word = "join" if kind == "using" else kind
        tail = f" on {' and '.join(on)}"
        return Rows(
            f"{left.ours} {word} {right.ours}{tail}", f"{left.theirs} {word} {right.theirs}{tail}", unit, fields
        )

    def _with_public(self) -> Rows:
        rows = self.table()
        reference = self.world.datasets["reference"]
        code = next(item.name for item in rows.fields if item.name.endswith(".code"))
        kind = self.source.choice(("join", "left join"))
        other = self.source.choice(("codes", "codes", "notes"))
        table = reference.table(other)
        assert table is not None
        alias = self.name("p")
        key = "id" if other == "codes" else "of"
        text = f" {kind} reference.{other} {alias} on {code} = {alias}.{key}"
        fields = tuple(field_of(column, f"{alias}.") for column in table.columns)
        self.seen[f"public {kind}"] += 1
        if other == "codes" and self.chance(0.4):
            more, last = reference.table("groups"), self.name("p")
            assert more is not None
            text += f" {kind} reference.groups {last} on {alias}.grp = {last}.g"
            fields += tuple(field_of(column, f"{last}.") for column in more.columns)
        return Rows(rows.ours + text, rows.theirs + text, rows.unit, rows.fields + fields)

    def related(self, rows: Rows) -> Pair:
        """[NOT] EXISTS and [NOT] IN with rows of the same unit, or of a public table."""
        code = next((item.name for item in rows.fields if item.name.endswith(".code")), None)
        word = self.source.choice(("", "not "))
        if code is not None and self.chance(0.9 if {"public not in", "public in"} & set(self.wanted) else 0.5):
            column = self.source.choice(("id", "grp"))
            self.seen[f"public {word}in"] += 1
            text = f"({code} {word}in (select {column} from reference.codes where rate > 0.5))"
            return Pair(text, text, Type.BOOL)
        inner = self.table()
        condition = self.speaker(inner.fields).predicate(1)
        calm = [item for item in rows.fields if item.calm]
        numbers = [item for item in inner.fields if item.kind in (Type.INT, Type.DATE, Type.STRING) and item.calm]
        both = [(one, two) for one in numbers for two in calm if one.kind is two.kind]
        if both and self.chance(0.4):
            one, two = self.source.choice(both)
            sign = self.source.choice(("<>", "<", "<=", ">", ">="))
            if self.chance(0.5):
                self.seen[f"{word}exists unequal"] += 1
                shape = f"{word}exists (select 1 from {{}} where {{}} = {{}} and {{}} and {one.name} {sign} {two.name})"
            else:
                self.seen["value of the unit"] += 1
                value = self.source.choice((f"min({one.name})", f"max({one.name})"))
                if two.kind is Type.INT:
                    value = self.source.choice((value, "count(*)", f"count({one.name})"))
                shape = f"({two.name} {sign} (select {value} from {{}} where {{}} = {{}} and {{}}))"
            return Pair(
                shape.format(inner.ours, inner.unit, rows.unit, condition.ours),
                shape.format(inner.theirs, inner.unit, rows.unit, condition.theirs),
                Type.BOOL,
            )
        if self.chance(0.5):
            self.seen[f"{word}exists"] += 1
            shape = word + "exists (select 1 from {} where {} = {} and {})"
            return Pair(
                shape.format(inner.ours, inner.unit, rows.unit, condition.ours),
                shape.format(inner.theirs, inner.unit, rows.unit, condition.theirs),
                Type.BOOL,
            )
        self.seen[f"{word}in"] += 1
        shape = f"({rows.unit} {word}in (select {inner.unit} from {{}} where {{}}))"
        return Pair(shape.format(inner.ours, condition.ours), shape.format(inner.theirs, condition.theirs), Type.BOOL)
