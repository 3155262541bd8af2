"""The final plan: only measurements and columns that the answer uses, equal ones once, under names that follow from shape."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sandbox.plan.answers import (
    AnswerTable,
    Collected,
    CountOutput,
    Derived,
    Kept,
    KeyOutput,
    Listed,
    Matched,
    MeanOutput,
    Measured,
    MeasuredColumn,
    Ordered,
    QuantileOutput,
    SpreadOutput,
    Stacked,
    SumOutput,
    output_type,
)
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression, type_of
from sandbox.plan.primitives import CountRows, CountUnits, Primitive, operands_of
from sandbox.plan.relation_pruning import tidy
from sandbox.plan.relations import Relation
from sandbox.plan.rewrite import normalise
from sandbox.plan.sources import names_in, replaced


def prune_answer(table: AnswerTable, read: set[str], raw: list[Measurement]) -> AnswerTable:
    """The table with the columns in `read` and what they need."""
    match table:
        case Measured(number, columns):
            kept = [column for column in columns if column.name in read]
            if not raw[number].selected and not any(_places(column) for column in kept):
                kept += [column for column in columns if _places(column)][:1]  # a measurement measures something
            return Measured(number, tuple(kept) or columns[:1])
        case Listed(relation, listed, keys):
            shown = tuple(column for column in listed if column.name in read) or listed[:1]
            return Listed(relation, shown, keys if {*keys} <= {column.name for column in shown} else ())
        case Derived(source, columns):
            used = tuple(item for item in columns if item[0] in read) or columns[:1]
            return Derived(prune_answer(source, _names(item for _, item in used), raw), used)
        case Kept(source, predicate):
            return Kept(prune_answer(source, read | names_in(predicate), raw), predicate)
        case Ordered(source, by, limit, offset):
            needed = read | _names(item.operand for item in by)
            return Ordered(prune_answer(source, needed, raw), by, limit, offset)
        case Matched(left, right, kind, on):
            needed = read | _names(side for pair in on for side in pair)
            return Matched(prune_answer(left, needed, raw), prune_answer(right, needed, raw), kind, on)
        case Stacked(sources):
            return Stacked(tuple(prune_answer(source, read, raw) for source in sources))
        case Collected(source, keys, aggregates):
            used_here = tuple(item for item in aggregates if item[0] in read) or (() if keys else aggregates[:1])
            operands = [item[2] for item in used_here if item[2] is not None]
            return Collected(
                prune_answer(source, _names([*(item for _, item in keys), *operands]), raw), keys, used_here
            )


def _names(expressions: Iterable[Expression]) -> set[str]:
    return {name for expression in expressions for name in names_in(expression)}


def _places(column: MeasuredColumn) -> tuple[int, ...]:
    """The primitives that a column is made of."""
    match column:
        case KeyOutput():
            return ()
        case CountOutput(_, count):
            return (count,)
        case SumOutput(_, total):
            return (total,)
        case MeanOutput(_, total, count):
            return (total, count)
        case SpreadOutput():
            squares = (column.first_squares, column.second_squares)
            return (column.first, column.second, column.products, *squares, column.count)
        case QuantileOutput(_, tree):
            return (tree,)


def _moved(column: MeasuredColumn, places: dict[int, int]) -> MeasuredColumn:
    """The column over primitives of other numbers."""
    match column:
        case KeyOutput():
            return column
        case CountOutput(_, count):
            return replace(column, count=places[count])
        case SumOutput(_, total):
            return replace(column, total=places[total])
        case MeanOutput(_, total, count):
            return replace(column, total=places[total], count=places[count])
        case QuantileOutput(_, tree):
            return replace(column, tree=places[tree])
        case SpreadOutput():
            return replace(
                column,
                first=places[column.first],
                second=places[column.second],
                products=places[column.products],
                first_squares=places[column.first_squares],
                second_squares=places[column.second_squares],
                count=places[column.count],
            )


@dataclass(slots=True)
class Gathered:
    """The measurements that an answer uses, each relation with the same keys and bounds measured once."""

    raw: list[Measurement]
    shapes: dict[tuple[Relation, tuple[GroupKey, ...], ContributionBounds], int] = field(default_factory=dict)
    primitives: list[dict[Primitive, int]] = field(default_factory=list)
    values: dict[str, Expression] = field(default_factory=dict)
    made: int = 0

    def measurements(self) -> tuple[Measurement, ...]:
        """All of them, in order of first use."""
        return tuple(
            Measurement(relation, keys, bounds, tuple(found))
            for (relation, keys, bounds), found in zip(self.shapes, self.primitives, strict=True)
        )

    def table(self, table: AnswerTable) -> AnswerTable:
        """The table over the gathered measurements, with new names from the measured tables upwards."""
        match table:
            case Measured():
                return self._measured(table)
            case Listed(relation, listed, keys):
                relation, names = tidy(relation, _names(column.operand for column in listed))
                operands = [normalise(replaced(column.operand, names)) for column in listed]
                shown = tuple(
                    replace(column, name=self._name(column.name, type_of(operand)), operand=operand)
                    for column, operand in zip(listed, operands, strict=True)
                )
                called = {old.name: new.name for old, new in zip(listed, shown, strict=True)}
                return Listed(relation, shown, tuple(sorted(called[name] for name in keys)))
            case Derived(source, columns):
                below = self.table(source)
                made = [(name, self._expression(item)) for name, item in columns]
                return Derived(below, tuple((self._name(name, type_of(item)), item) for name, item in made))
            case Kept(source, predicate):
                below = self.table(source)
                return Kept(below, self._expression(predicate))
            case Ordered(source, by, limit, offset):
                below = self.table(source)
                order = {(key := self._expression(item.operand)): replace(item, operand=key) for item in by}
                return Ordered(below, tuple(order.values()), limit, offset)
            case Matched(left, right, kind, on):
                one, other = self.table(left), self.table(right)
                pairs = {(self._expression(first), self._expression(second)): None for first, second in on}
                return Matched(one, other, kind, tuple(pairs))
            case Stacked(sources):
                return Stacked(tuple(self.table(source) for source in sources))
            case Collected(source, keys, aggregates):
                below = self.table(source)
                new_keys = tuple((self._name(name, type_of(item)), self._expression(item)) for name, item in keys)
                new = tuple(
                    (self._name(name, kind), function, None if item is None else self._expression(item), kind)
                    for name, function, item, kind in aggregates
                )
                return Collected(below, new_keys, new)

    def _expression(self, expression: Expression) -> Expression:
        return normalise(replaced(expression, self.values))

    def _name(self, name: str, kind: object) -> str:
        if name not in self.values:
            self.made += 1
            self.values[name] = ColumnRef(f"#{self.made}", kind)  # type: ignore[arg-type]
        found = self.values[name]
        assert isinstance(found, ColumnRef)
        return found.name

    def _measured(self, table: Measured) -> Measured:
        """The table, its measurement tidied and joined with one of the same relation, keys and bounds."""
        raw = self.raw[table.measurement]
        needed = dict.fromkeys(place for column in table.columns for place in _places(column))
        if raw.selected or not needed:
            needed = dict.fromkeys([0, *needed])
        primitives = {place: raw.primitives[place] for place in needed}
        operands = [operand for primitive in primitives.values() for operand in operands_of(primitive)]
        relation, names = tidy(raw.relation, _names([*operands, *(key.operand for key in raw.keys)]))
        keys = tuple(replace(key, operand=normalise(replaced(key.operand, names))) for key in raw.keys)
        shape = (relation, keys, raw.bounds)
        number = self.shapes.setdefault(shape, len(self.shapes))
        if number == len(self.primitives):
            self.primitives.append({})
        found = self.primitives[number]
        places = {
            place: found.setdefault(_over(primitive, names), len(found)) for place, primitive in primitives.items()
        }
        columns = []
        for column in table.columns:
            moved = _moved(column, places)
            columns.append(replace(moved, name=self._name(column.name, output_type(moved))))
        return Measured(number, tuple(columns))


def _over(primitive: Primitive, names: dict[str, Expression]) -> Primitive:
    """The primitive over columns of other names."""
    operands = operands_of(primitive)
    if not operands or isinstance(primitive, CountRows):
        return primitive
    new = normalise(replaced(operands[0], names))
    return replace(primitive, condition=new) if isinstance(primitive, CountUnits) else replace(primitive, operand=new)


def shaped(
    table: AnswerTable, outputs: list[tuple[str, Expression]], measurements: list[Measurement]
) -> tuple[tuple[Measurement, ...], AnswerTable]:
    """The measurements and the answer whose columns are `outputs` over `table`."""
    pruned = prune_answer(table, _names(expression for _, expression in outputs), measurements)
    gathered = Gathered(measurements)
    below = gathered.table(pruned)
    columns = [(name, normalise(replaced(expression, gathered.values))) for name, expression in outputs]
    return gathered.measurements(), _top(below, columns)


def _top(table: AnswerTable, columns: list[tuple[str, Expression]]) -> AnswerTable:
    """The answer itself: measured columns that only get their names need no table of their own."""
    if isinstance(table, Measured):
        known = {column.name: column for column in table.columns}
        plain = [(name, known[item.name]) for name, item in columns if isinstance(item, ColumnRef)]
        if len(plain) == len(columns):
            return Measured(table.measurement, tuple(replace(column, name=name) for name, column in plain))
    return Derived(table, tuple(columns))
