"""The tables after the noise, computed line by line: HAVING, ORDER BY, LIMIT, arithmetic, joins and unions of answers.

It reads noisy lines alone, so what it does depends on no row other than through the noise, and it is total: a value that
cannot be computed is NULL. The order of lines is that of the sources unless the plan orders them.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TypeAlias

from sandbox.plan.answers import AnswerTable, Collected, Derived, Kept, Listed, Matched, Measured, Ordered, Stacked
from sandbox.plan.evaluate import evaluate
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.relations import Order
from sandbox.terms.cells import Cell, double
from sandbox.terms.dataset import Type

INT_LIMIT = 2**62
"""An INT beyond it, in size, is NULL, as in every expression."""

Row: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """A table of values. `marks` hold for each row the line of each measured table below whose lines are still told apart
    (`sandbox.plan.lineage.leaves` of them); None where an outer join found none."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    marks: tuple[tuple[int | None, ...], ...]

    def named(self) -> list[dict[str, Cell]]:
        """The rows as expressions read them."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def picked(self, places: list[int]) -> "Lines":
        """These rows, in this order."""
        return Lines(
            self.columns, tuple(self.rows[place] for place in places), tuple(self.marks[place] for place in places)
        )

    def values(self, expression: Expression) -> list[Cell]:
        """An expression in every row."""
        if isinstance(expression, ColumnRef):
            place = self.columns.index(expression.name)
            return [row[place] for row in self.rows]
        return [evaluate(expression, row) for row in self.named()]


def interpret(table: AnswerTable, read: Callable[[Measured | Listed], Lines]) -> Lines:
    """The lines of an answer's table.

    Args:
        read: the noisy lines of a measured table, one mark each, and those of public rows, without marks.
    """
    match table:
        case Measured() | Listed():
            return read(table)
        case Derived(source, columns):
            lines = interpret(source, read)
            made = [lines.values(expression) for _, expression in columns]
            rows = tuple(zip(*made, strict=True)) if made else ((),) * len(lines.rows)
            return Lines(tuple(name for name, _ in columns), rows, lines.marks)
        case Kept(source, predicate):
            lines = interpret(source, read)
            return lines.picked([place for place, kept in enumerate(lines.values(predicate)) if kept is True])
        case Ordered(source, by, limit, offset):
            lines = interpret(source, read)
            places = _sorted(lines, by)[offset:]
            return lines.picked(places if limit is None else places[:limit])
        case Matched(left, right, kind, on):
            return _matched(interpret(left, read), interpret(right, read), kind, on)
        case Stacked(sources):
            each = [interpret(source, read) for source in sources]
            stacked = tuple(chain.from_iterable(lines.rows for lines in each))
            return Lines(each[0].columns, stacked, ((),) * len(stacked))
        case Collected(source, keys, aggregates):
            lines = interpret(source, read)
            groups = _groups([lines.values(expression) for _, expression in keys], len(lines.rows))
            made = [_aggregated(lines, function, operand, kind, groups) for _, function, operand, kind in aggregates]
            rows = tuple((*key, *(column[place] for column in made)) for place, key in enumerate(groups))
            names = (*(name for name, _ in keys), *(name for name, *_ in aggregates))
            return Lines(names, rows, ((),) * len(rows))


def _sorted(lines: Lines, by: tuple[Order, ...]) -> list[int]:
    """Places of the rows in their order: sorted by the last key first, each sort keeping the order of equals."""
    places = list(range(len(lines.rows)))
    for order in reversed(by):
        cells = lines.values(order.operand)
        nulls = [place for place in places if cells[place] is None]
        there = [place for place in places if cells[place] is not None]
        there.sort(key=cells.__getitem__, reverse=order.descending)  # type: ignore[arg-type] # NULLs are not among them
        places = [*nulls, *there] if order.nulls_first else [*there, *nulls]
    return places


def _matched(left: Lines, right: Lines, kind: str, on: tuple[tuple[Expression, Expression], ...]) -> Lines:
    found: dict[tuple[Hashable, ...], list[int]] = {}
    for place, key in enumerate(_keys(right, [side for _, side in on])):
        if None not in key:  # NULL equals nothing
            found.setdefault(key, []).append(place)
    rows, marks = [], []
    width = len(right.marks[0]) if right.marks else 0
    alone = set(range(len(right.rows)))
    for place, key in enumerate(_keys(left, [side for side, _ in on])):
        matches = found.get(key, []) if None not in key else []
        alone.difference_update(matches)
        for match in matches:
            rows.append(left.rows[place] + right.rows[match])
            marks.append(left.marks[place] + right.marks[match])
        if kind in ("left", "full") and not matches:
            rows.append(left.rows[place] + (None,) * len(right.columns))
            marks.append(left.marks[place] + (None,) * width)
    if kind == "full":
        before = len(left.marks[0]) if left.marks else 0
        rows += [(None,) * len(left.columns) + right.rows[place] for place in sorted(alone)]
        marks += [(None,) * before + right.marks[place] for place in sorted(alone)]
    return Lines(left.columns + right.columns, tuple(rows), tuple(marks))


def _keys(lines: Lines, expressions: list[Expression]) -> list[tuple[Cell, ...]]:
    if not expressions:
        return [()] * len(lines.rows)
    return list(zip(*(lines.values(expression) for expression in expressions), strict=True))


def _groups(keys: list[list[Cell]], rows: int) -> dict[tuple[Cell, ...], list[int]]:
    """The rows of each combination of keys, by their first row; NULL is a value of a key. Without keys all are one."""
    if not keys:
        return {(): list(range(rows))}
    groups: dict[tuple[Cell, ...], list[int]] = {}
    for place, key in enumerate(zip(*keys, strict=True)):
        groups.setdefault(key, []).append(place)
    return groups


def _aggregated(
    lines: Lines, function: str, operand: Expression | None, kind: Type, groups: dict[tuple[Cell, ...], list[int]]
) -> list[Cell]:
    if operand is None:
        return [len(places) for places in groups.values()]
    cells = lines.values(operand)
    return [
        _aggregate(function, kind, [cells[place] for place in places if cells[place] is not None])
        for places in groups.values()
    ]


def _aggregate(function: str, kind: Type, cells: list[Cell]) -> Cell:
    """The aggregate of cells that are not NULL."""
    match function:
        case "count" | "count_rows":
            return len(cells)
        case "count_distinct":
            return len(set(cells))
        case "first":
            return cells[0] if cells else None
        case "min":
            return min(cells, default=None)  # type: ignore[type-var] # NULLs are not among them
        case "max":
            return max(cells, default=None)  # type: ignore[type-var]
        case _:
            return _total(kind, cells, mean=function == "avg")


def _total(kind: Type, cells: list[Cell], *, mean: bool) -> Cell:
    """The exact sum or mean, rounded once: the order of the lines is not in it."""
    if not cells:
        return None
    exact = sum((Fraction(cell) for cell in cells), Fraction(0)) / (len(cells) if mean else 1)  # type: ignore[arg-type]
    if kind is Type.INT:
        return int(exact) if abs(exact) <= INT_LIMIT else None
    return double(exact)
