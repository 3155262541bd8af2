"""What the columns of a plan are called in sentences: what they stand for, never the names that the plan gives them.

A text that is long gets a short mark, [1], [2], …, which is said once: so nothing is left out, and what is made of long
texts stays short.
"""

from collections.abc import Mapping
from fractions import Fraction

from sandbox.plan.answers import (
    CountOutput,
    KeyOutput,
    MeanOutput,
    Measured,
    MeasuredColumn,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
)
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Case, Expression, Literal
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, operands_of
from sandbox.plan.relations import Order, PerUnit, Relation, Scan, Window, scans_of
from sandbox.plan.rendering import atom, render

LONGEST = 100
"""Characters of a text that is said again where the column is used; longer ones get a mark."""

Names = Mapping[str, str]
"""Column of a table of the plan → what it is called."""


class Marks:
    """The marks given so far. `fresh` are those not said yet, with the texts that they stand for."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self.fresh: list[tuple[str, str]] = []

    def called(self, text: str) -> str:
        """The text, or its mark if it is long."""
        if len(text) <= LONGEST:
            return text
        if text not in self._known:
            self._known[text] = f"[{len(self._known) + 1}]"
            self.fresh.append((self._known[text], text))
        return self._known[text]


def table_names(relation: Relation) -> dict[str, str]:
    """What the tables of a measurement are called, by the prefixes of their scans: by name, with the dataset where two
    datasets have a table of this name, with a number where one is read again."""
    scans = scans_of(relation)
    called: dict[str, str] = {}
    for scan in scans:
        others = {other.dataset for other in scans if other.table == scan.table}
        name = scan.table if len(others) == 1 else f"{scan.dataset}.{scan.table}"
        number, free = 1, name
        while free in called.values():
            number += 1
            free = f"{name}_{number}"
        called[scan.prefix] = free
    return called


def scan_columns(scan: Scan, relation: Relation) -> dict[str, str]:
    """The columns of one scan of a measurement's relation: bare where no other scan has a column of this name."""
    table = table_names(relation)[scan.prefix]
    others = [other for other in scans_of(relation) if other.prefix != scan.prefix]
    taken = {name for other in others for name, _ in other.columns}
    return {scan.prefix + name: f"{table}.{name}" if name in taken else name for name, _ in scan.columns}


def made_columns(columns: tuple[tuple[str, Expression], ...], below: Names, marks: Marks) -> dict[str, str]:
    """Columns that are computed from those below."""
    return {name: marks.called(atom(expression, below)) for name, expression in columns}


def per_unit_columns(node: PerUnit, below: Names, marks: Marks) -> dict[str, str]:
    """The keys and the exact aggregates of one unit's rows."""
    made = {name: marks.called(function_text(item.function, item.operand, below)) for name, item in node.aggregates}
    return made_columns(node.keys, below, marks) | made


def window_text(window: Window, below: Names) -> str:
    """A window function with its OVER; the unit is understood."""
    offset = f", {window.offset}" if window.offset > 1 else ""
    text = function_text(window.function, window.operand, below)
    by = ", ".join(render(item, below) for item in window.partition)
    order = order_text(window.order, below)
    over = " ".join(([f"PARTITION BY {by}"] if by else []) + ([f"ORDER BY {order}"] if order else []))
    return f"{text[:-1]}{offset}) OVER ({over})"


def order_text(order: tuple[Order, ...], below: Names, comma: str = ", ") -> str:
    """The sort keys."""
    return comma.join(render(item.operand, below) + (" DESC" if item.descending else "") for item in order)


def united_columns(sources: list[Names], word: str, marks: Marks) -> dict[str, str]:
    """The columns of tables put together: the texts of all of them, in brackets where they differ. `word` is "or"."""
    texts = zip(*(source.values() for source in sources), strict=True)
    made = ([*dict.fromkeys(each)] for each in texts)
    called = (each[0] if len(each) == 1 else f"({f' {word} '.join(each)})" for each in made)
    return {name: marks.called(text) for name, text in zip(sources[0], called, strict=True)}


def function_text(function: str, operand: Expression | None, below: Names) -> str:
    """An aggregate or window function of an operand."""
    if operand is None:
        return "count(*)" if function == "count_rows" else f"{function}()"
    if function == "count_distinct":
        return f"count(DISTINCT {render(operand, below)})"
    return f"{function}({render(operand, below)})"


def measured_columns(
    table: Measured, measurement: Measurement, below: Names, unit: str, marks: Marks
) -> dict[str, str]:
    """The columns of a measured table, as aggregates of the relation's columns. `unit` is the word for the unit."""
    return {column.name: marks.called(_measured(column, measurement, below, unit)) for column in table.columns}


def _measured(column: MeasuredColumn, measurement: Measurement, below: Names, unit: str) -> str:
    primitives = measurement.primitives
    match column:
        case KeyOutput(key=key):
            return atom(measurement.keys[key].operand, below)
        case CountOutput(count=count):
            return _count(primitives[count], below, unit)
        case SumOutput(total=total):
            return f"sum({_operand(primitives[total], below)})"
        case MeanOutput(total=total):
            return f"avg({_operand(primitives[total], below)})"
        case SpreadOutput(function=function, first=first, second=second):
            operands = dict.fromkeys((_operand(primitives[first], below), _operand(primitives[second], below)))
            return f"{function}({', '.join(operands)})"
        case QuantileOutput(tree=tree, fraction=fraction, extreme=extreme):
            operand = _operand(primitives[tree], below)
            if extreme:
                return f"{extreme}({operand})"
            return f"median({operand})" if fraction == Fraction(1, 2) else f"quantile({operand}, {float(fraction):g})"


def _count(primitive: Primitive, below: Names, unit: str) -> str:
    match primitive:
        case CountRows():
            return "count(*)"
        case CountUnits(None):
            return f"count(DISTINCT {unit})"
        case CountUnits(condition) if condition is not None:
            return f"count(DISTINCT {unit}) FILTER (WHERE {render(condition, below)})"
        case CountDistinct(operand):
            return f"count(DISTINCT {render(operand, below)})"
        case CountValues(operand):
            condition = counted_condition(operand)
            if condition is not None:
                return f"count(*) FILTER (WHERE {render(condition, below)})"
    return f"count({_operand(primitive, below)})"


def counted_condition(operand: Expression) -> Expression | None:
    """The condition, where counting the values of `operand` counts the rows for which a condition is true."""
    match operand:
        case Case(((condition, Literal(True)),), Literal(None)):
            return condition
    return None


def _operand(primitive: Primitive, below: Names) -> str:
    return ", ".join(render(operand, below) for operand in operands_of(primitive))
