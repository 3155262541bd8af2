"""Random expressions in two texts: ours, and what DuckDB has to be asked so that it means the same.

Where a meaning is stated to differ (ln of what is not positive, dates beyond the year 9999, halves), the second text says so
in DuckDB's words, most of them from the entry of the function table.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from unicodedata import normalize

from sandbox.plan.functions import FUNCTIONS
from sandbox.plan.functions.entry import Function
from sandbox.terms.dataset import Type


@dataclass(frozen=True)
class Pair:
    """One expression; `ours` and `theirs` are SQL."""

    ours: str
    theirs: str
    kind: Type


@dataclass(frozen=True)
class Field:
    """A column that may be asked for. A calm one may be an argument of any function; a small one counts characters or days;
    plain texts are words of ASCII letters. Only what is `keyed` makes groups of few values."""

    name: str
    kind: Type
    calm: bool = True
    small: bool = False
    plain: bool = False
    keyed: bool = False
    bounded: bool = True

    @property
    def pair(self) -> Pair:
        return Pair(self.name, self.name, self.kind)


TEXTS = ("", "a", "A", "x", "汉", "é", "e\u0301", "🙂", "it's", "Rome", "a b", "an")
LITERALS: dict[Type, tuple[str, ...]] = {
    Type.INT: ("0", "1", "2", "-1", "3", "7", "10", "50"),
    Type.FLOAT: ("0.5", "-1.25", "2.0", "10.75", "0.125", "100.5"),
    Type.STRING: tuple("'" + text.replace("'", "''") + "'" for text in TEXTS),
    Type.BOOL: ("true", "false"),
    Type.DATE: tuple(f"date '{day}'" for day in ("2024-02-29", "2020-06-15", "1970-01-01", "2022-01-31")),
    Type.TIMESTAMP: tuple(f"timestamp '{moment}'" for moment in ("2024-02-29 12:00:00", "2024-07-01 00:00:00.5")),
}
TYPE_NAMES = {
    Type.INT: "bigint",
    Type.FLOAT: "double",
    Type.STRING: "varchar",
    Type.BOOL: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp",
}

OURS: dict[str, tuple[str, ...]] = {
    "mod": ("({0} % {1})", "mod({0}, {1})"),
    "intdiv": ("({0} // {1})",),
    "power": ("power({0}, {1})", "pow({0}, {1})"),
    "log_base": ("log({0}, {1})",),
    "concat_op": ("({0} || {1})",),
    "like": ("({0} like {1})",),
    "ilike": ("({0} ilike {1})",),
    "is_distinct": ("({0} is distinct from {1})", "(not ({0} is not distinct from {1}))"),
    "cast_int": ("cast({0} as bigint)", "try_cast({0} as int)"),
    "cast_float": ("cast({0} as double)", "({0})::double"),
    "cast_string": ("cast({0} as varchar)",),
    "date_string": ("cast({0} as varchar)",),
    "timestamp_string": ("cast({0} as text)",),
    "cast_date": ("cast({0} as date)", "({0})::date"),
    "cast_timestamp": ("cast({0} as timestamp)",),
    "cast_bool": ("cast({0} as boolean)",),
    "date_part": ("date_part({0}, {1})", "extract({word} from {1})"),
    "timestamp_part": ("date_part({0}, {1})", "extract({word} from {1})"),
    "epoch": ("epoch({0})", "extract(epoch from {0})"),
    "date_add": ("({0} + interval ({1}) {last})",),
    "timestamp_add": ("({0} + interval ({1}) {last})",),
    "date_sub_days": ("({0} - {1})",),
    "strpos": ("strpos({0}, {1})", "instr({0}, {1})", "position({1} in {0})"),
    "coalesce": ("coalesce({all})", "ifnull({0}, {1})"),
}
THEIRS = {
    "initcap": "array_to_string(list_transform(string_split(lower({0}), ' '), lambda w: upper(left(w, 1)) || substring(w, 2)), ' ')",
    "reverse": "reverse({0})",
    "width_bucket": "case when {0} < {1} then 0 when {0} >= {2} then {3} + 1"
    " else floor(({0} - {1})::double / ({2} - {1}) * {3}) + 1 end",
}
"""DuckDB's form where the entry has none: right for words of ASCII letters, and without buckets' borders between doubles."""

COUNTED = ("substring", "left", "right", "date_add", "timestamp_add", "make_date", "chr")
"""Functions whose integers are small."""
PLAIN_ONLY = ("initcap", "reverse", "cast_int", "cast_float", "cast_bool", "cast_date", "cast_timestamp")
ROUNDED = {"exp", "power", "tan"}
"""Functions that leave the doubles quickly: their arguments are made small."""
EXTREME_DATES = ("date '0001-01-01'", "date '9999-12-31'")
EXTREME_MOMENTS = ("timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'")


class Speaker:
    """Draws expressions over some fields; `seen` counts what was said."""

    def __init__(
        self, source: random.Random, fields: Sequence[Field], seen: Counter[str], wanted: Sequence[str] = ()
    ) -> None:
        self.source, self.fields, self.seen = source, fields, seen
        self.wanted = list(wanted)
        self.noisy = False

    def chance(self, share: float) -> bool:
        return self.source.random() < share

    def field(self, kind: Type, *, calm: bool = True, small: bool = False, plain: bool = False) -> Field | None:
        found = [item for item in self.fields if item.kind is kind and (item.calm or not calm)]
        found = [item for item in found if (item.small or not small) and (item.plain or not plain)]
        return self.source.choice(found) if found else None

    def literal(self, kind: Type) -> Pair:
        text = self.source.choice(LITERALS[kind])
        return Pair(text, f"{text}::double" if kind is Type.FLOAT else normalize("NFC", text), kind)

    def value(self, kind: Type, depth: int = 2) -> Pair:
        """Any expression of the type."""
        if kind is Type.BOOL and self.chance(0.6):
            return self.predicate(depth)
        column = self.field(kind)
        if depth <= 0 or self.chance(0.3):
            return column.pair if column is not None and self.chance(0.85) else self.literal(kind)
        made = self.source.choice((self.function, self.function, self.arithmetic, self.case))
        return made(kind, depth - 1)

    def arithmetic(self, kind: Type, depth: int) -> Pair:
        if not kind.is_number:
            return self.function(kind, depth)
        if self.chance(0.15):
            inner = self.value(kind, depth)
            return Pair(f"(- {inner.ours})", f"(- ({inner.theirs}))", kind)
        if kind is Type.FLOAT and self.chance(0.35):
            left, right = self.value(self.number(), depth), self.value(self.number(), depth)
            return Pair(f"({left.ours} / {right.ours})", f"({left.theirs}::double / nullif({right.theirs}, 0))", kind)
        left, right = self.value(kind, depth), self.value(self.number() if kind is Type.FLOAT else kind, depth)
        sign = self.source.choice("+-*")
        return Pair(f"({left.ours} {sign} {right.ours})", f"({left.theirs} {sign} {right.theirs})", kind)

    def number(self) -> Type:
        return self.source.choice((Type.INT, Type.FLOAT))

    def case(self, kind: Type, depth: int) -> Pair:
        self.seen["case"] += 1
        condition, one, other = self.predicate(depth), self.value(kind, depth), self.value(kind, depth)
        if self.chance(0.2):
            return Pair(
                f"if({condition.ours}, {one.ours}, {other.ours})",
                f"if({condition.theirs}, {one.theirs}, {other.theirs})",
                kind,
            )
        if self.chance(0.3):
            tested = self.field(Type.STRING) or self.field(Type.INT)
            if tested is not None:
                when = self.literal(tested.kind)
                shape = f"(case {tested.name} when {when.ours} then {{}} else {{}} end)"
                return Pair(shape.format(one.ours, other.ours), shape.format(one.theirs, other.theirs), kind)
        default = self.chance(0.7)
        shape = "(case when {} then {}" + (" else {}" if default else "") + " end)"
        return Pair(
            shape.format(condition.ours, one.ours, other.ours),
            shape.format(condition.theirs, one.theirs, other.theirs),
            kind,
        )

    def fresh(self) -> Pair | None:
        """A call of a function that is still wanted, None where there is none or it has no arguments here."""
        names = [name for name in self.wanted if name in FUNCTIONS]
        if not names:
            return None
        entry = FUNCTIONS[self.source.choice(names)]
        kinds = sorted(_results(entry.name))
        return self.called(entry, self.source.choice(kinds), 0) if kinds else None

    # -- functions -----------------------------------------------------------------------------------------------------

    def function(self, kind: Type, depth: int) -> Pair:
        """A call of a random entry with that result; one not seen yet if there is one."""
        fitting = [item for item in FUNCTIONS.values() if kind in _results(item.name)]
        fresh = [item for item in fitting if item.name in self.wanted]
        entry = self.source.choice(fresh if fresh and self.chance(0.7) else fitting)
        made = self.called(entry, kind, depth)
        return made if made is not None else self.literal(kind)

    def called(self, entry: Function, kind: Type, depth: int) -> Pair | None:
        """A call of the entry with a result of the type, None where no arguments are at hand."""
        example = self.source.choice(entry.examples)
        many = entry.name in ("coalesce", "greatest", "least", "concat")
        count = self.source.choice((2, 3)) if many else len(example)
        first: Type | None = None
        arguments: list[Pair] = []
        for place in range(count):
            parameter = entry.parameter(place)
            if parameter.constant:
                arguments.append(_constant(example[place], float_wanted=Type.INT not in parameter.types))
                continue
            choices = sorted(parameter.types)
            if first is not None and entry.result((first, Type.STRING)) is None and len(parameter.types) > 2:
                choices = [first]
            elif kind in choices and (
                many or entry.name in ("nullif", "abs", "ceil", "floor", "round", "trunc", "mod")
            ):
                choices = [kind]
            chosen = self.source.choice(choices)
            argument = self._argument(entry, chosen, depth)
            if argument is None:
                return None
            first = first or chosen
            arguments.append(argument)
        if many and len({item.ours for item in arguments}) < len(arguments):
            return None  # DuckDB cannot always plan greatest(x, x)
        result = entry.result_type([item.kind for item in arguments])
        if result is not kind:
            return None
        return self._written(entry, arguments, result)

    def _argument(self, entry: Function, kind: Type, depth: int) -> Pair | None:
        if kind is Type.INT and entry.name in COUNTED:
            small = self.field(kind, small=True)
            return small.pair if small is not None and self.chance(0.5) else self.literal(kind)
        if kind is Type.STRING and entry.name in PLAIN_ONLY:
            found = self.field(kind, plain=True)
            return None if found is None else found.pair
        if kind.is_number and entry.name in ROUNDED:
            inner = self.field(kind)
            if inner is None:
                return None
            return (
                Pair(f"sin({inner.name})", f"sin({inner.name})", Type.FLOAT)
                if kind is Type.FLOAT
                else self.literal(kind)
            )
        if entry.name == "width_bucket":
            found = self.field(kind)
            return None if found is None else found.pair
        return self.value(kind, depth if self.chance(0.3) else 0)

    def _written(self, entry: Function, arguments: Sequence[Pair], kind: Type) -> Pair | None:
        oracle = entry.oracle or THEIRS.get(entry.name, "")
        if not oracle or f"{{{len(arguments)}}}" in oracle:
            return None
        ours, theirs = [item.ours for item in arguments], [item.theirs for item in arguments]
        if "{all}" not in oracle and arguments and f"{{{len(arguments) - 1}}}" not in oracle:
            return None
        shapes = OURS.get(entry.name)
        plain = f"{self.source.choice([name for name in entry.sql if name.isidentifier()] or ['?'])}({{all}})"
        shape = self.source.choice(shapes) if shapes else plain
        if shape.startswith("ifnull") and len(arguments) != 2:
            shape = "coalesce({all})"
        words = {"word": ours[0].strip("'") if ours else "", "last": ours[-1].strip("'") if ours else ""}
        own = shape.format(*ours, all=", ".join(ours), **words)
        other = oracle.format(*theirs, all=", ".join(theirs))
        other = f"try(({other})::{TYPE_NAMES[kind]})"
        if entry.name in ("power", "log_base"):
            other = f"nullif({other}, 'nan'::double)"
        if kind in (Type.DATE, Type.TIMESTAMP):
            low, high = EXTREME_DATES if kind is Type.DATE else EXTREME_MOMENTS
            other = f"(case when {other} between {low} and {high} then {other} end)"
        return Pair(own, other, kind)

    # -- predicates ----------------------------------------------------------------------------------------------------

    def predicate(self, depth: int = 2) -> Pair:
        shapes = [self._compared, self._compared, self._listed, self._null, self._between]
        if depth > 0:
            shapes += [self._joined, self._joined, self._negated, self._called]
        flag = self.field(Type.BOOL)
        if flag is not None and self.chance(0.15):
            return flag.pair
        return self.source.choice(shapes)(depth - 1)

    def _any(self) -> Field:
        return self.source.choice(list(self.fields))

    def _compared(self, depth: int) -> Pair:
        one = self._any()
        if one.kind is Type.BOOL:
            return Pair(f"({one.name} = true)", f"({one.name} = true)", Type.BOOL)
        sign = self.source.choice(("=", "<>", "<", "<=", ">", ">="))
        left = one.pair if not one.calm or self.chance(0.5) else self.value(one.kind, depth)
        right = self.literal(one.kind) if self.chance(0.5) else self.value(one.kind, depth)
        if not one.calm and self.chance(0.4):
            right = (self.field(one.kind, calm=False) or one).pair
        return Pair(f"({left.ours} {sign} {right.ours})", f"({left.theirs} {sign} {right.theirs})", Type.BOOL)

    def _listed(self, _depth: int) -> Pair:
        one = self._any()
        listed = [self.literal(one.kind) for _ in range(self.source.choice((1, 2, 4)))]
        word = self.source.choice(("in", "not in"))
        if one.kind is Type.BOOL:
            return self._null(0)
        return Pair(
            f"({one.name} {word} ({', '.join(item.ours for item in listed)}))",
            f"({one.name} {word} ({', '.join(item.theirs for item in listed)}))",
            Type.BOOL,
        )

    def _null(self, _depth: int) -> Pair:
        text = f"({self._any().name} {self.source.choice(('is null', 'is not null'))})"
        return Pair(text, text, Type.BOOL)

    def _between(self, depth: int) -> Pair:
        kind = self.source.choice((Type.INT, Type.FLOAT, Type.DATE, Type.STRING))
        one, low, high = self.value(kind, depth), self.literal(kind), self.literal(kind)
        word = self.source.choice(("between", "not between"))
        return Pair(
            f"({one.ours} {word} {low.ours} and {high.ours})",
            f"({one.theirs} {word} {low.theirs} and {high.theirs})",
            Type.BOOL,
        )

    def _joined(self, depth: int) -> Pair:
        one, other = self.predicate(depth), self.predicate(depth)
        word = self.source.choice(("and", "or"))
        return Pair(f"({one.ours} {word} {other.ours})", f"({one.theirs} {word} {other.theirs})", Type.BOOL)

    def _negated(self, depth: int) -> Pair:
        inner = self.predicate(depth)
        return Pair(f"(not {inner.ours})", f"(not {inner.theirs})", Type.BOOL)

    def _called(self, depth: int) -> Pair:
        return self.function(Type.BOOL, depth)


@cache
def _results(name: str) -> frozenset[Type]:
    """The types that a result of a function can have."""
    entry = FUNCTIONS[name]
    found = set()
    for example in entry.examples:
        for kind in Type:
            types = [
                min(entry.parameter(place).types) if len(entry.parameter(place).types) == 1 else kind
                for place in range(len(example))
            ]
            if all(item in entry.parameter(place).types for place, item in enumerate(types)):
                found.add(entry.result_type(types))
        mixed = [kind for kind in (Type.INT, Type.FLOAT) if all(kind in p.types for p in entry.parameters)]
        found |= {entry.result_type([kind] * len(example)) for kind in mixed}
    return frozenset(kind for kind in found if kind is not None)


def _constant(value: object, *, float_wanted: bool) -> Pair:
    if isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
        return Pair(text, text, Type.STRING)
    if isinstance(value, float) or float_wanted:
        return Pair(str(value), f"{value}::double", Type.FLOAT)
    return Pair(str(value), str(value), Type.INT)
