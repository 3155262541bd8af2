"""Measurements at random: keys and aggregates of random rows, in both texts."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from language_expressions import Field, Pair, Speaker
from language_rows import Rows, RowsMaker
from language_worlds import LanguageWorld

from sandbox.terms.dataset import Type

COUNTS, SUMS, MEANS, RANKS = "count", "sum", "mean", "rank"
"""How DuckDB's NULL of an empty group reads: 0, 0, anything, NULL."""


@dataclass(frozen=True)
class Asked:
    """One aggregate: in our words, in DuckDB's, its type, what an empty group means, and whether its bits are certain."""

    ours: str
    theirs: str
    kind: Type
    style: str
    sure: bool


@dataclass(frozen=True)
class Block:
    """One measurement: keys and aggregates of some rows. DuckDB gives only groups that are there, and NULL ones too."""

    rows: Rows
    keys: tuple[Pair, ...]
    asked: tuple[Asked, ...]

    @property
    def names(self) -> list[str]:
        return [f"k{place}" for place in range(len(self.keys))] + [f"a{place}" for place in range(len(self.asked))]

    def ours(self, more: str = "") -> str:
        texts = [pair.ours for pair in self.keys] + [item.ours for item in self.asked]
        columns = ", ".join(f"{text} as {name}" for text, name in zip(texts, self.names, strict=True))
        grouped = f" group by {', '.join(pair.ours for pair in self.keys)}" if self.keys else ""
        return f"select {columns} from {self.rows.ours}{self.rows.condition('ours')}{grouped}{more}"

    def theirs(self) -> str:
        texts = [pair.theirs for pair in self.keys] + [item.theirs for item in self.asked]
        columns = ", ".join(f"{text} as {name}" for text, name in zip(texts, self.names, strict=True))
        grouped = f" group by {', '.join(str(place + 1) for place in range(len(self.keys)))}" if self.keys else ""
        return f"select {columns} from {self.rows.theirs}{self.rows.condition('theirs')}{grouped}"

    def fields(self, prefix: str) -> list[Field]:
        """The columns whose bits are certain."""
        wild = {item.name for item in self.rows.fields if not item.calm}
        keys = [Field(f"{prefix}k{place}", pair.kind, pair.ours not in wild) for place, pair in enumerate(self.keys)]
        sure = [Field(f"{prefix}a{place}", item.kind) for place, item in enumerate(self.asked) if item.sure]
        return keys + sure


class BlockMaker:
    """Draws measurements of one world."""

    def __init__(
        self, source: random.Random, world: LanguageWorld, seen: Counter[str], wanted: Sequence[str] = ()
    ) -> None:
        self.source, self.world, self.seen = source, world, seen
        self.maker = RowsMaker(source, world, seen, wanted)

    def chance(self, share: float) -> bool:
        return self.source.random() < share

    def block(self, keys: int | None = None, depth: int | None = None) -> Block:
        rows = self.maker.rows(self.source.choice((0, 0, 1, 1, 2)) if depth is None else depth)
        speaker = self.maker.speaker(rows.fields)
        count = self.source.choice((0, 1, 1, 1, 2)) if keys is None else keys
        made = [self.key(rows, speaker, few=count > 1) for _ in range(count)]
        pairs = tuple({pair.ours: pair for pair in made}.values())
        asked = [self.aggregate(rows, speaker) for _ in range(self.source.choice((1, 1, 2, 3)))]
        asked = list({item.ours: item for item in asked}.values())
        return Block(rows, pairs, tuple(asked))

    def key(self, rows: Rows, speaker: Speaker, *, few: bool) -> Pair:
        keyed = [item for item in rows.fields if item.keyed]
        dates = [item for item in rows.fields if item.kind is Type.DATE and item.bounded]
        shapes = ["keyed", "keyed", "case", "private", "part", "bucket", "small", "predicate", "month"]
        shape = self.source.choice(shapes[:3] if few and self.chance(0.8) else shapes)
        numbers = [item for item in rows.fields if item.kind.is_number and item.calm and item.bounded]
        if shape == "keyed" and keyed:
            return self.source.choice(keyed).pair
        if shape == "private":
            return self._private_key(rows, speaker)
        if shape == "part" and dates:
            name, part = self.source.choice(dates).name, self.source.choice(("month", "dow", "quarter", "year"))
            return Pair(f"date_part('{part}', {name})", f"date_part('{part}', {name})", Type.INT)
        if shape == "month" and dates:
            text = f"date_trunc('month', {self.source.choice(dates).name})"
            return Pair(text, f"{text}::date", Type.DATE)
        if shape == "bucket" and numbers:
            name = self.source.choice(numbers).name
            theirs = f"case when {name} < 0 then 0 when {name} >= 64 then 5 else floor({name} / 16.0)::bigint + 1 end"
            return Pair(f"width_bucket({name}, 0, 64, 4)", theirs, Type.INT)
        if shape == "small":
            small = [item for item in rows.fields if item.small]
            if small:
                return self.source.choice(small).pair
        if shape == "predicate":
            return speaker.predicate(1)
        condition, other = speaker.predicate(1), speaker.predicate(0)
        shape = "case when {} then 'one' when {} then 'other'" + (" else 'rest' end" if self.chance(0.5) else " end")
        return Pair(shape.format(condition.ours, other.ours), shape.format(condition.theirs, other.theirs), Type.STRING)

    def _private_key(self, rows: Rows, speaker: Speaker) -> Pair:
        kind = self.source.choice((Type.STRING, Type.STRING, Type.INT, Type.DATE))
        stored = [item for item in rows.fields if item.kind is kind and not item.keyed and item.name != rows.order]
        if stored and self.chance(0.6):
            return self.source.choice(stored).pair
        pair = speaker.value(kind, 1)
        if kind is Type.STRING:
            return Pair(f"left({pair.ours}, 5)", f"left({pair.theirs}, 5)", kind)
        return pair

    def aggregate(self, rows: Rows, speaker: Speaker) -> Asked:
        """One aggregate over the rows."""
        functions = {
            "count(*)": 2, "count": 3, "count distinct": 2, "count unit": 2, "sum": 4, "avg": 3, "min": 2, "max": 2,
            "median": 2, "quantile": 3, "spread": 3, "pair": 2, "count_if": 1, "case unit": 1,
        }  # fmt: skip
        function = self.source.choices(list(functions), list(functions.values()))[0]
        condition = speaker.predicate(1) if self.chance(0.2) else None
        tail = "" if condition is None else f" filter (where {condition.ours})"
        their_tail = "" if condition is None else f" filter (where {condition.theirs})"
        if condition is not None:
            self.seen["filter"] += 1
        match function:
            case "count(*)":
                self.seen["count(*)"] += 1
                word = self.source.choice(("count(*)", "count(1)"))
                return Asked(word + tail, "count(*)" + their_tail, Type.INT, COUNTS, sure=True)
            case "count":
                fresh = speaker.fresh() if self.chance(0.7) else None
                operand = fresh or speaker.value(self.source.choice(list(Type)), 1)
                self.seen["count"] += 1
                return Asked(
                    f"count({operand.ours}){tail}", f"count({operand.theirs}){their_tail}", Type.INT, COUNTS, sure=True
                )
            case "count unit":
                self.seen["count unit"] += 1
                text = f"count(distinct {rows.unit})"
                return Asked(text + tail, text + their_tail, Type.INT, COUNTS, sure=True)
            case "case unit":
                inner = speaker.predicate(1)
                self.seen["case unit"] += 1
                shape = f"count(distinct case when {{}} then {rows.unit} end)"
                return Asked(
                    shape.format(inner.ours) + tail,
                    shape.format(inner.theirs) + their_tail,
                    Type.INT,
                    COUNTS,
                    sure=True,
                )
            case "count distinct":
                return self._distinct(speaker, tail, their_tail)
            case "count_if":
                inner = speaker.predicate(1)
                self.seen["count_if"] += 1
                word = self.source.choice(("count_if", "countif"))
                return Asked(
                    f"{word}({inner.ours}){tail}",
                    f"count(case when {inner.theirs} then 1 end){their_tail}",
                    Type.INT,
                    COUNTS,
                    sure=True,
                )
            case "sum" | "avg":
                return self._total(function, rows, speaker, tail, their_tail)
            case "spread" | "pair":
                return self._spread(function, speaker, tail, their_tail)
            case _:
                return self._quantile(function, speaker, tail, condition)

    def _distinct(self, speaker: Speaker, tail: str, their_tail: str) -> Asked:
        operand = speaker.value(self.source.choice((Type.INT, Type.STRING, Type.DATE, Type.BOOL, Type.TIMESTAMP)), 1)
        word = self.source.choice(("count(distinct {})", "count(distinct {})", "approx_count_distinct({})"))
        self.seen[word.partition("(")[0] + " distinct"] += 1
        ours = word.format(operand.ours) + tail
        return Asked(ours, f"count(distinct {operand.theirs}){their_tail}", Type.INT, COUNTS, sure=True)

    def _total(self, function: str, rows: Rows, speaker: Speaker, tail: str, their_tail: str) -> Asked:
        kind = self.source.choice((Type.INT, Type.FLOAT))
        stored = [item for item in rows.fields if item.kind is kind and item.calm and item.bounded]
        plain = bool(stored) and self.chance(0.5)
        operand = self.source.choice(stored).pair if plain else speaker.value(kind, 2)
        word = self.source.choice({"sum": ("sum", "sum", "fsum"), "avg": ("avg", "avg", "mean")}[function])
        self.seen[word] += 1
        ours = f"{word}({operand.ours}){tail}"
        if function == "avg":
            return Asked(ours, f"avg({operand.theirs}){their_tail}", Type.FLOAT, MEANS, sure=False)
        return Asked(ours, f"sum({operand.theirs}){their_tail}", kind, SUMS, sure=kind is Type.INT)

    def _number(self, speaker: Speaker) -> Pair:
        stored = [item for item in speaker.fields if item.kind.is_number and item.calm and item.bounded]
        if stored and self.chance(0.7):
            return self.source.choice(stored).pair
        return speaker.value(self.source.choice((Type.INT, Type.FLOAT)), 1)

    def _spread(self, function: str, speaker: Speaker, tail: str, their_tail: str) -> Asked:
        one = self._number(speaker)
        if function == "spread":
            names = {
                "var_pop": "var_pop", "var_samp": "var_samp", "variance": "var_samp", "stddev_pop": "stddev_pop",
                "stddev_samp": "stddev_samp", "stddev": "stddev_samp",
            }  # fmt: skip
            word = self.source.choice(list(names))
            self.seen[word] += 1
            theirs = f"{names[word]}(({one.theirs})::double){their_tail}"
            style = "deviation" if word.startswith("stddev") else "variance"
            return Asked(f"{word}({one.ours}){tail}", theirs, Type.FLOAT, style, sure=False)
        other = self._number(speaker)
        word = self.source.choice(("covar_pop", "covar_samp", "corr"))
        self.seen[word] += 1
        arguments = f"({one.theirs})::double, ({other.theirs})::double"
        theirs = f"{word}({arguments}){their_tail}"
        if word == "corr":  # of few values rounding decides
            many = f"regr_count({arguments}){their_tail} >= 12"
            spread = (
                f"least(var_pop(({one.theirs})::double){their_tail}, var_pop(({other.theirs})::double){their_tail}) > 1"
            )
            theirs = f"case when {many} and {spread} then {theirs} end"
        style = "correlation" if word == "corr" else "variance"
        return Asked(f"{word}({one.ours}, {other.ours}){tail}", theirs, Type.FLOAT, style, sure=False)

    def _quantile(self, function: str, speaker: Speaker, tail: str, condition: Pair | None) -> Asked:
        kinds = (Type.INT, Type.INT, Type.FLOAT, Type.DATE, Type.TIMESTAMP)
        stored = [item for item in speaker.fields if item.kind in kinds and item.calm and item.bounded]
        operand = (
            self.source.choice(stored).pair
            if stored and self.chance(0.7)
            else speaker.value(self.source.choice(kinds), 1)
        )
        fraction = self.source.choice(("0.25", "0.1", "0.9", "0.75", "0.5", "0", "1"))
        words = {
            "min": ("min({})", "0.005"),
            "max": ("max({})", "0.995"),
            "median": ("median({})", "0.5"),
        }
        spellings = (
            "quantile_cont({}, FRACTION)",
            "quantile_disc({}, FRACTION)",
            "quantile({}, FRACTION)",
            "approx_quantile({}, FRACTION)",
            "percentile_cont(FRACTION) within group (order by {})",
            "percentile_disc(FRACTION) within group (order by {})",
        )
        shape, fraction = words.get(function, (self.source.choice(spellings).replace("FRACTION", fraction), fraction))
        self.seen[shape.partition("(")[0]] += 1
        value = operand.theirs if condition is None else f"case when {condition.theirs} then {operand.theirs} end"
        ordered = f"list_sort(list({value}) filter (where ({value}) is not null))"
        place = f"greatest(1, ceil({fraction} * count({value}) - 1e-6))::bigint"
        return Asked(shape.format(operand.ours) + tail, f"{ordered}[{place}]", operand.kind, RANKS, sure=False)
