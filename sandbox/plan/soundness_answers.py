"""Whether the tables after the noise are ones that the binder could have made of a plan's measurements."""

from collections.abc import Iterable, Mapping

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
    answer_columns,
    answer_sources,
)
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Expression, Literal, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, SumValues, TreeCounts
from sandbox.plan.query import Plan
from sandbox.plan.relations import columns_of, is_public, rows_max
from sandbox.plan.rewrite import normalise
from sandbox.plan.soundness_expressions import check_types
from sandbox.plan.soundness_relations import check_relation
from sandbox.terms.dataset import Type

TABLES_MAX = 64
LINES_MAX = 10**9
LISTED_ROWS_MAX = 100_000
"""Rows of a public table whose rows are lines."""

LISTED_CHARACTERS_MAX = 16_000_000
"""Characters that the texts of such rows have at most in all."""

_COUNTS = CountRows | CountUnits | CountValues | CountDistinct
_SPREADS = ("var_pop", "var_samp", "stddev_pop", "stddev_samp", "covar_pop", "covar_samp", "corr")


def check_answer_table(plan: Plan) -> None:
    """References, types and names of all tables; every measurement and every primitive is used.

    Raises:
        ValueError: the answer is not sound.
    """
    used: set[tuple[int, int]] = set()
    waiting: list[AnswerTable] = [plan.answer]
    seen = 0
    while waiting:
        table = waiting.pop()
        seen += 1
        _require(seen <= TABLES_MAX, "too many tables")
        _check_table(table, plan, used)
        waiting += answer_sources(table)
    everything = {
        (number, place)
        for number, measurement in enumerate(plan.measurements)
        for place in range(len(measurement.primitives))
        if not (measurement.selected and place == 0)
    }
    _require(everything <= used, "a measurement that is not used")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"not a sound plan: {what}")


def _check_table(table: AnswerTable, plan: Plan, used: set[tuple[int, int]]) -> None:
    match table:
        case Measured(number, columns):
            _require(0 <= number < len(plan.measurements), "a measurement that is not there")
            _names([column.name for column in columns])
            for column in columns:
                used |= {(number, place) for place in _check_column(column, plan.measurements[number])}
        case Listed():
            _check_listed(table)
        case Derived(source, columns):
            _names([name for name, _ in columns])
            _normal((expression for _, expression in columns), answer_columns(source))
        case Kept(source, predicate):
            _normal((predicate,), answer_columns(source))
            _require(type_of(predicate) is Type.BOOL, "the condition of an answer")
        case Ordered(source, by, limit, offset):
            _normal((item.operand for item in by), answer_columns(source))
            _require(bool(by) or limit is not None or offset > 0, "an order of nothing")
            _require(0 <= offset <= LINES_MAX and (limit is None or 0 <= limit <= LINES_MAX), "a limit")
        case Matched(left, right, kind, on):
            one, other = answer_columns(left), answer_columns(right)
            _require(
                kind in ("inner", "left", "full", "cross") and (kind == "cross") == (not on), "the kind of a match"
            )
            _require(not one.keys() & other.keys(), "names of matched columns differ")
            _normal((pair[0] for pair in on), one)
            _normal((pair[1] for pair in on), other)
            _require(all(type_of(first) is type_of(second) for first, second in on), "the types of a match")
        case Stacked(sources):
            kinds = {tuple(answer_columns(source).values()) for source in sources}
            _require(len(sources) > 1 and len(kinds) == 1, "unlike answers stacked")
        case Collected(source, keys, aggregates):
            below = answer_columns(source)
            _names([*(name for name, _ in keys), *(item[0] for item in aggregates)])
            _normal((expression for _, expression in keys), below)
            for _, function, operand, of in aggregates:
                _check_collected(function, operand, of, below)


def _check_listed(table: Listed) -> None:
    relation, names = table.relation, [column.name for column in table.columns]
    check_relation(relation)
    _require(is_public(relation), "rows of units as lines")
    _names(names)
    _normal((column.operand for column in table.columns), columns_of(relation))
    _require(list(table.keys) == sorted(set(table.keys)) and set(table.keys) <= set(names), "keys of lines")
    texts = [column.max_length for column in table.columns if type_of(column.operand) is Type.STRING]
    others = [column.max_length for column in table.columns if type_of(column.operand) is not Type.STRING]
    _require(all(length > 0 for length in texts) and not any(others), "the length of a text")
    rows = rows_max(relation)
    _require(rows <= LISTED_ROWS_MAX and rows * sum(texts) <= LISTED_CHARACTERS_MAX, "public rows that are too many")


def _check_collected(function: str, operand: Expression | None, kind: Type, columns: Mapping[str, Type]) -> None:
    if operand is None:
        _require(function == "count_rows" and kind is Type.INT, "a count of lines")
        return
    _normal((operand,), columns)
    of = type_of(operand)
    result = {"count": Type.INT, "count_distinct": Type.INT, "sum": of, "avg": Type.FLOAT}.get(function, of)
    _require(function in ("count", "count_distinct", "sum", "avg", "min", "max", "first"), "an unknown aggregate")
    _require(kind is result and (of.is_number or function not in ("sum", "avg")), "the type of an aggregate")


def _names(names: list[str]) -> None:
    _require(bool(names) and len(set(names)) == len(names) and all(names), "names of columns differ")


def _normal(expressions: Iterable[Expression], columns: Mapping[str, Type]) -> None:
    for expression in expressions:
        check_types(expression, columns)
        _require(normalise(expression) == expression, "an expression is not in normal form")


def _check_column(column: MeasuredColumn, measurement: Measurement) -> set[int]:
    """The primitives that a column reads."""
    match column:
        case KeyOutput(_, key, kind):
            _require(0 <= key < len(measurement.keys) and measurement.keys[key].type is kind, "a key that is not there")
            return set()
        case CountOutput(_, count):
            _require(isinstance(_primitive(measurement, count), _COUNTS), "a count of something else")
            return {count}
        case SumOutput(_, total, kind):
            summed = _sum(measurement, total)
            _require(summed.center == 0 and type_of(summed.operand) is kind, "a sum of something else")
            return {total}
        case MeanOutput(_, total, count):
            summed, counted = _sum(measurement, total), _primitive(measurement, count)
            constant = isinstance(summed.operand, Literal) and isinstance(counted, CountRows)
            same = isinstance(counted, CountValues) and counted.operand == summed.operand
            _require(same or constant, "the count of a mean")
            return {total, count}
        case SpreadOutput():
            _require(column.function in _SPREADS, "an unknown spread")
            sums = {column.first, column.second, column.products, column.first_squares, column.second_squares}
            for place in sums:
                _sum(measurement, place)
            counted = _primitive(measurement, column.count)
            _require(isinstance(counted, CountRows | CountValues), "the count of a spread")
            return sums | {column.count}
        case QuantileOutput(_, tree, fraction, kind, extreme):
            found = _primitive(measurement, tree)
            _require(isinstance(found, TreeCounts) and type_of(found.operand) is kind, "a quantile of something else")
            _require(0 <= fraction <= 1 and extreme in ("", "min", "max"), "the fraction of a quantile")
            return {tree}


def _primitive(measurement: Measurement, place: int) -> object:
    _require(0 <= place < len(measurement.primitives), "a primitive that is not there")
    return measurement.primitives[place]


def _sum(measurement: Measurement, place: int) -> SumValues:
    found = _primitive(measurement, place)
    if not isinstance(found, SumValues):
        raise ValueError("not a sound plan: a sum that is not there")  # noqa: TRY004 - of a document, not of a caller
    return found
