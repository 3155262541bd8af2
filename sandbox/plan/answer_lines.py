"""How many lines an answer can have, as its plan alone tells it."""

from sandbox.plan.answers import (
    AnswerTable,
    Collected,
    Derived,
    Kept,
    KeyOutput,
    Listed,
    Matched,
    Measured,
    Ordered,
    Stacked,
)
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.query import Plan
from sandbox.plan.relations import rows_max


def lines_between(plan: Plan) -> tuple[int, int]:
    """The fewest and the most lines that the answer can have; of selected groups the most are those that are shown."""
    return _lines(plan.answer, plan.measurements)


def is_open(plan: Plan) -> bool:
    """Whether noisy selection, and no limit, decides how many lines the answer has."""
    return _open(plan.answer, plan.measurements)


def varies(table: AnswerTable, measurements: tuple[Measurement, ...]) -> bool:
    """Whether noise decides how many lines a table has."""
    least, most = _lines(table, measurements)
    return least != most


def _lines(table: AnswerTable, measurements: tuple[Measurement, ...]) -> tuple[int, int]:
    match table:
        case Measured(number):
            found = measurements[number]
            return (0 if found.selected else found.groups), found.lines_max
        case Listed(relation):
            return 0, rows_max(relation)
        case Derived(source):
            return _lines(source, measurements)
        case Kept(source):
            return 0, _lines(source, measurements)[1]
        case Ordered(source, _, limit, offset):
            least, most = (max(0, count - offset) for count in _lines(source, measurements))
            return (least, most) if limit is None else (min(least, limit), min(most, limit))
        case Matched(left, right, kind, on):
            (least, most), (fewest, other) = _lines(left, measurements), _lines(right, measurements)
            if kind == "cross":
                return least * fewest, most * other
            single = _tells_apart(right, {item.name for _, item in on if isinstance(item, ColumnRef)}, measurements)
            mirrored = _tells_apart(left, {item.name for item, _ in on if isinstance(item, ColumnRef)}, measurements)
            pairs = min(most if single else most * other, other if mirrored else most * other)
            if kind == "full":
                return max(least, fewest), most + other + (0 if single and mirrored else pairs)
            return (least, most + pairs if not single else most) if kind == "left" else (0, pairs)
        case Stacked(sources):
            each = [_lines(source, measurements) for source in sources]
            return sum(least for least, _ in each), sum(most for _, most in each)
        case Collected(source, keys):
            if not keys:
                return 1, 1
            least, most = _lines(source, measurements)
            return min(1, least), most


def _tells_apart(table: AnswerTable, names: set[str], measurements: tuple[Measurement, ...]) -> bool:
    """Whether no two lines of the table agree in all columns of those names."""
    match table:
        case Measured(number, columns):
            keys = {output.key for output in columns if isinstance(output, KeyOutput) and output.name in names}
            return keys >= set(range(len(measurements[number].keys)))
        case Listed(keys=keys):
            return bool(keys) and set(keys) <= names
        case Derived(source, columns):
            below = {item.name for name, item in columns if name in names and isinstance(item, ColumnRef)}
            return _tells_apart(source, below, measurements)
        case Kept() | Ordered():
            return _tells_apart(table.source, names, measurements)
        case Collected(_, grouped):
            return {name for name, _ in grouped} <= names
        case Matched(left, right):
            return _tells_apart(left, names, measurements) and _tells_apart(right, names, measurements)
        case Stacked():
            return False


def _open(table: AnswerTable, measurements: tuple[Measurement, ...]) -> bool:
    match table:
        case Measured(number):
            return measurements[number].selected
        case Listed():
            return False
        case Ordered(source, _, limit, _):
            return limit is None and _open(source, measurements)
        case Derived() | Kept():
            return _open(table.source, measurements)
        case Collected(source, keys):
            return bool(keys) and _open(source, measurements)
        case Matched(left, right):
            return _open(left, measurements) or _open(right, measurements)
        case Stacked(sources):
            return any(_open(source, measurements) for source in sources)
