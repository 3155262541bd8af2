"""What a plan does, in sentences for people: English and Simplified Chinese.

One step a node: what is read and what becomes of it, in the order of the straight line. `steps` gives each with the effect
of one unit there, which the picture draws too. Columns are called by what they stand for (`explain_columns`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sandbox.plan.answers import (
    AnswerTable,
    Collected,
    Derived,
    Kept,
    Listed,
    Matched,
    Measured,
    Ordered,
    Stacked,
    answer_sources,
)
from sandbox.plan.explain_columns import (
    Marks,
    Names,
    counted_condition,
    function_text,
    made_columns,
    measured_columns,
    order_text,
    per_unit_columns,
    scan_columns,
    table_names,
    united_columns,
    window_text,
)
from sandbox.plan.explain_words import WORDS
from sandbox.plan.measurement import GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.primitives import (
    CountDistinct,
    CountRows,
    CountUnits,
    CountValues,
    Primitive,
    SumValues,
    TreeCounts,
)
from sandbox.plan.query import Plan
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    Window,
    is_public,
    rows_per_unit,
    sources_of,
    streamed,
)
from sandbox.plan.rendering import render
from sandbox.terms.dataset import Type
from sandbox.terms.plain_text import visible


@dataclass(frozen=True, slots=True)
class Step:
    """One node: what it does, the effect of one unit on it in words, and the numbers of the steps that it follows."""

    words: str
    effect: str
    after: tuple[int, ...]
    noisy: bool = False


def explain(plan: Plan, language: str = "en") -> list[str]:
    """One sentence for each step, and for each measurement one for the effect of one unit.

    Args:
        plan: any plan.
        language: "en" or "zh"; any other is answered in English.
    """
    said = _Said(plan, WORDS.get(language, WORDS["en"]))
    sentences: list[str] = []
    for number, measurement in enumerate(plan.measurements):
        if len(plan.measurements) > 1:
            sentences.append(said.say["part"].format(number=number + 1))
        first, last = said.places[number]
        sentences += [step.words for step in said.steps[first:last]]
        sentences += said.measured[number]
        bounds = measurement.bounds
        facts = {"space": plan.unit_space, "rows": f"{bounds.rows:,}", "groups": f"{bounds.groups:,}"}
        sentences.append(said.say["unit"].format(**facts))
    return sentences + [step.words for step in said.steps[said.places[-1][1] + 1 :]]


def steps(plan: Plan, language: str = "en") -> tuple[Step, ...]:
    """Every node of a plan in the order in which it is computed; `after` are places in this list."""
    return tuple(_Said(plan, WORDS.get(language, WORDS["en"])).steps)


class _Said:
    """The steps of a plan as they are said, one after the other."""

    def __init__(self, plan: Plan, say: Mapping[str, str]) -> None:
        self.plan, self.say, self.marks = plan, say, Marks()
        self.steps: list[Step] = []
        self.measured: list[list[str]] = []
        self.places: list[tuple[int, int]] = []
        """Of each measurement: its first step, and that of the measuring itself."""
        self._below: list[Names] = []
        for measurement in plan.measurements:
            self._measurement(measurement)
        self._answer(plan.answer, shown=True)

    def _add(self, words: str, effect: str, after: tuple[int, ...], *, noisy: bool = False) -> int:
        self.steps.append(Step(visible(words + self._fresh()), effect, after, noisy))
        return len(self.steps) - 1

    def _fresh(self) -> str:
        """The marks that have come up since, with what they stand for."""
        made = [self.say["mark"].format(mark=mark, text=text) for mark, text in self.marks.fresh]
        self.marks.fresh.clear()
        return self.say["gap"] + self.say["marks"].format(marks=self.say["and"].join(made)) if made else ""

    # -- relations -----------------------------------------------------------------------------------------------------

    def _measurement(self, measurement: Measurement) -> None:
        first = len(self.steps)
        place, below = self._relation(measurement.relation, measurement.relation)
        sentences = self._measures(measurement, below)
        bounds = measurement.bounds
        effect = self.say["effect measured"].format(rows=f"{bounds.rows:,}", groups=f"{bounds.groups:,}")
        self.places.append((first, len(self.steps)))
        self.measured.append(sentences)
        self._below.append(below)
        self._add(self.say["gap"].join(sentences), effect, (place,), noisy=True)

    def _relation(self, relation: Relation, whole: Relation) -> tuple[int, Names]:
        """Adds the steps of a relation: the number of its last one, and what its columns are called."""
        below = [self._relation(source, whole) for source in sources_of(relation)]
        words, names = self._node(relation, whole, [each for _, each in below])
        return self._add(words, self._effect(relation, whole), tuple(place for place, _ in below)), names

    def _effect(self, relation: Relation, whole: Relation) -> str:
        if is_public(relation):
            return self.say["effect public"]
        if streamed(whole):
            return self.say["effect uncut"]
        return self.say["effect"].format(rows=f"{rows_per_unit(relation):,}")

    def _node(self, relation: Relation, whole: Relation, sources: list[Names]) -> tuple[str, Names]:
        say, below = self.say, sources[0] if sources else {}
        match relation:
            case Scan(dataset, table):
                full, called = f"{dataset}.{table}", table_names(whole)[relation.prefix]
                name = full if called in (table, full) else f"{full} ({called})"
                sentence = say["public table" if relation.public else "table"]
                return sentence.format(name=name, rows=f"{relation.rows_max:,}"), scan_columns(relation, whole)
            case Filter(_, predicate):
                return say["filter"].format(condition=render(predicate, below)), below
            case Project(_, columns):
                names = made_columns(columns, below, self.marks)
                return say["taken" if _taken(columns) else "project"].format(columns=self._list(names)), names
            case PerUnit(_, keys, aggregates):
                names = per_unit_columns(relation, below, self.marks)
                made = self._list([names[name] for name, _ in aggregates]) or say["nothing"]
                by = self._list([names[name] for name, _ in keys])
                return say["per unit" if not keys else "per unit and key"].format(keys=by, made=made), names
            case Window(name=name):
                text = self.marks.called(window_text(relation, below))
                return say["window"].format(made=text), {**below, name: text}
            case Union(members):
                return say["union"].format(count=len(members)), united_columns(sources, say["or"], self.marks)
            case Join():
                return self._join(relation, sources[0], sources[1])

    def _join(self, join: Join, left: Names, right: Names) -> tuple[str, Names]:
        public = is_public(join.right)
        kind = {"inner": "join", "left": "left join"}.get(join.kind, join.kind)
        whom = self.say["of the reference table" if public else "of the same unit"]
        words = self.say[kind].format(whom=whom, on=self._on(join.on, left, right), rows=f"{join.rows_per_unit:,}")
        return words, left if kind in ("semi", "anti") else {**left, **right}

    def _on(self, on: tuple[tuple[Expression, Expression], ...], left: Names, right: Names) -> str:
        pairs = [f"{render(first, left)} = {render(second, right)}" for first, second in on]
        return self.say["on"].format(on=self._list(pairs)) if pairs else ""

    def _list(self, texts: Names | list[str]) -> str:
        return self.say["comma"].join(texts.values() if isinstance(texts, Mapping) else texts)

    # -- measuring -----------------------------------------------------------------------------------------------------

    def _measures(self, measurement: Measurement, below: Names) -> list[str]:
        keys = self.say["comma"].join(self._key(key, below) for key in measurement.keys)
        kind = "selected groups" if measurement.selected else "groups" if keys else "no groups"
        groups = self.say[kind].format(keys=keys, count=f"{measurement.groups:,}")
        primitives = self.say["and"].join(self._primitive(item, below) for item in measurement.primitives)
        return [groups, self.say["measured"].format(primitives=primitives)]

    def _key(self, key: GroupKey, below: Names) -> str:
        if key.values is None:
            return self.say["private key"].format(name=render(key.operand, below))
        return self.say["key"].format(name=render(key.operand, below), count=f"{len(key.values):,}")

    def _primitive(self, primitive: Primitive, below: Names) -> str:
        say = self.say
        match primitive:
            case CountRows():
                return say["count_rows"]
            case CountUnits(None):
                return say["count_units"]
            case CountUnits(condition) if condition is not None:
                return say["count_units_if"].format(condition=render(condition, below))
            case CountValues(operand):
                condition = counted_condition(operand)
                if condition is not None:
                    return say["count_rows_if"].format(condition=render(condition, below))
                return say["count_values"].format(operand=render(operand, below))
            case CountDistinct(operand, values):
                return say["count_distinct"].format(operand=render(operand, below), values=f"{values:,}")
            case TreeCounts(operand, low, step):
                high = low + step * primitive.leaves if primitive.high is None else primitive.high
                kind, leaves = type_of(operand), f"{primitive.leaves:,}"
                ends = {"low": _value(low, kind), "high": _value(high, kind)}
                return say["tree"].format(operand=render(operand, below), leaves=leaves, **ends)
            case SumValues(operand, low, high, center, step):
                numbers = {"low": _number(low), "high": _number(high), "step": _number(step)}
                sentence = say["centred" if center else "sum_values"]
                return sentence.format(operand=render(operand, below), center=_number(center), **numbers)
        raise AssertionError("primitives are of six kinds")

    # -- after the noise -----------------------------------------------------------------------------------------------

    def _answer(self, table: AnswerTable, *, shown: bool = False) -> tuple[int, Names]:
        """Adds the steps after the noise: the last one's number, and what the columns are called. `shown`: the names of
        this table's columns are those that the analyst sees."""
        if isinstance(table, Measured):
            number = table.measurement
            below, unit = self._below[number], self.say["the unit"]
            measured = measured_columns(table, self.plan.measurements[number], below, unit, self.marks)
            return self.places[number][1], measured
        if isinstance(table, Listed):
            return self._listed(table)
        through = shown and isinstance(table, Kept | Ordered)
        below_ = [self._answer(source, shown=through) for source in answer_sources(table)]
        words, names = self._table(table, [each for _, each in below_], shown=shown)
        return self._add(words, self.say["effect noisy"], tuple(place for place, _ in below_), noisy=True), names

    def _listed(self, table: Listed) -> tuple[int, Names]:
        place, below = self._relation(table.relation, table.relation)
        names = made_columns(tuple((column.name, column.operand) for column in table.columns), below, self.marks)
        return self._add(
            self.say["listed"].format(columns=self._list(names)), self.say["effect public"], (place,)
        ), names

    def _table(self, table: AnswerTable, sources: list[Names], *, shown: bool) -> tuple[str, Names]:
        say, below = self.say, sources[0] if sources else {}
        match table:
            case Derived(_, columns):
                made = made_columns(columns, below, self.marks)
                if shown:
                    return say["derived"].format(columns=self._shown(columns, below)), made
                return say["picked" if _taken(columns) else "derived"].format(columns=self._list(made)), made
            case Kept(_, predicate):
                return say["kept"].format(condition=render(predicate, below)), below
            case Ordered():
                return self._ordered(table, below), below
            case Matched(kind=kind, on=on):
                words = say[f"matched {kind}"].format(on=self._on(on, sources[0], sources[1]))
                return words, {**sources[0], **sources[1]}
            case Stacked(members):
                return say["stacked"].format(count=len(members)), united_columns(sources, say["or"], self.marks)
            case Collected(_, keys, aggregates):
                texts = {name: function_text(function, operand, below) for name, function, operand, _ in aggregates}
                named = [f"{name} = {text}" for name, text in texts.items()] if shown else list(texts.values())
                by = made_columns(keys, below, self.marks)
                kind = "collected by" if keys else "collected"
                words = say[kind].format(made=self._list(named), keys=self._list(by))
                return words, by | {name: self.marks.called(text) for name, text in texts.items()}
        raise AssertionError("a measured table is a step already")

    def _shown(self, columns: tuple[tuple[str, Expression], ...], below: Names) -> str:
        texts = ((name, render(expression, below)) for name, expression in columns)
        return self._list([name if name == text else f"{name} = {text}" for name, text in texts])

    def _ordered(self, table: Ordered, below: Names) -> str:
        parts = []
        if table.by:
            parts.append(self.say["sorted"].format(order=order_text(table.by, below, self.say["comma"])))
        if table.offset:
            parts.append(self.say["skipped"].format(count=f"{table.offset:,}"))
        if table.limit is not None:
            parts.append(self.say["first"].format(count=f"{table.limit:,}"))
        return self.say["gap"].join(parts)


def _taken(columns: tuple[tuple[str, Expression], ...]) -> bool:
    """Whether these are columns of the table below, and nothing is computed."""
    return all(isinstance(expression, ColumnRef) for _, expression in columns)


def _value(value: Fraction, kind: Type) -> str:
    """A value of a type whose days or microseconds these are."""
    return render(Literal(int(value), kind)) if kind in (Type.DATE, Type.TIMESTAMP) else _number(value)


def _number(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):.12g}"
