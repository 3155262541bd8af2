"""Answers: tables made from noisy integers and public rows alone. No unit's row is read below, so nothing costs anything.

Expressions are those of rows, over the columns of the table below; a noisy count or sum of integers is an INT, other sums,
means and spreads are FLOAT, quantiles have the type of what they are quantiles of.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sandbox.plan.nodes import Expression, type_of
from sandbox.plan.relations import Order, Relation
from sandbox.terms.dataset import Type

# -- columns of a measured table: `name` is unique in it; numbers are those of keys and primitives of the measurement ----


@dataclass(frozen=True, slots=True)
class KeyOutput:
    """The values of group key number `key`."""

    name: str
    key: int
    type: Type


@dataclass(frozen=True, slots=True)
class CountOutput:
    """The noisy count of primitive number `count`: rows, units, values or distinct values."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class SumOutput:
    """Noisy integer of primitive `total` times its granularity (its center is 0). `type` is INT or FLOAT."""

    name: str
    total: int
    type: Type


@dataclass(frozen=True, slots=True)
class MeanOutput:
    """center + granularity · total / max(count, 1), kept within the primitive's [low, high]."""

    name: str
    total: int
    count: int


@dataclass(frozen=True, slots=True)
class SpreadOutput:
    """Variance, covariance, deviation or correlation from noisy sums of two operands (twice the same for a variance).

    `function` is var_pop, var_samp, stddev_pop, stddev_samp, covar_pop, covar_samp or corr. `first` and `second` are the
    sums of the operands over rows where neither is NULL, less their centers; `products` that of the product of the two
    differences; `first_squares` and `second_squares` those of their squares (only corr reads them; the others repeat
    `products`). With n = max(count, 1), a, b, p their means: covariance p - a·b, samples times n / max(n - 1, 1); variances
    are at least 0 and at most ((high - low) / 2)² (samples: twice that); a correlation lies in [-1, 1], 0 where either
    variance is not positive.
    """

    name: str
    function: str
    first: int
    second: int
    products: int
    first_squares: int
    second_squares: int
    count: int


@dataclass(frozen=True, slots=True)
class QuantileOutput:
    """The `fraction` quantile by tree number `tree`: see `workers.quantiles`. `type` is the operand's.

    An extreme quantile that stands for a minimum or maximum says so: `extreme` is "min", "max" or "".
    """

    name: str
    tree: int
    fraction: Fraction
    type: Type
    extreme: str


MeasuredColumn: TypeAlias = KeyOutput | CountOutput | SumOutput | MeanOutput | SpreadOutput | QuantileOutput


def output_type(output: MeasuredColumn) -> Type:
    match output:
        case KeyOutput() | SumOutput() | QuantileOutput():
            return output.type
        case CountOutput():
            return Type.INT
        case MeanOutput() | SpreadOutput():
            return Type.FLOAT


# -- tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """The lines of measurement number `measurement` as columns."""

    measurement: int
    columns: tuple[MeasuredColumn, ...]


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """One column of public rows. A text has at most `max_length` characters (a longer one is NULL); 0 for other types."""

    name: str
    operand: Expression
    max_length: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows of a public relation as lines, in stored order: no unit is behind them, so they are as they are stored.

    Of rows that agree in all columns named in `keys` the first is a line; with none named, all are.
    """

    relation: Relation
    columns: tuple[ListedColumn, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """Each line as new columns (name, expression), and no others."""

    source: "AnswerTable"
    columns: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """The lines for which `predicate` is true (HAVING, and WHERE over an answer)."""

    source: "AnswerTable"
    predicate: Expression


@dataclass(frozen=True, slots=True)
class Ordered:
    """The lines sorted by `by` (stable; none keeps the order), without the first `offset`, `limit` of them or all."""

    source: "AnswerTable"
    by: tuple[Order, ...]
    limit: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class Matched:
    """Lines of two answers that are equal in all of `on` (pairs over left and right); `kind` is inner, left, full or cross."""

    left: "AnswerTable"
    right: "AnswerTable"
    kind: str
    on: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Stacked:
    """The lines of all sources one after the other (UNION ALL); columns agree in number and type, names are the first's."""

    sources: tuple["AnswerTable", ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """An aggregate of an answer's lines: one line for each combination of `keys`, or one in all without keys.

    `aggregates` are (name, function, operand, type) with the functions of `UnitAggregate`, count_rows with None.
    """

    source: "AnswerTable"
    keys: tuple[tuple[str, Expression], ...]
    aggregates: tuple[tuple[str, str, Expression | None, Type], ...]


AnswerTable: TypeAlias = Measured | Listed | Derived | Kept | Ordered | Matched | Stacked | Collected


def answer_sources(table: AnswerTable) -> tuple[AnswerTable, ...]:
    """The tables directly below."""
    match table:
        case Measured() | Listed():
            return ()
        case Derived() | Kept() | Ordered() | Collected():
            return (table.source,)
        case Matched():
            return (table.left, table.right)
        case Stacked():
            return table.sources


def answer_columns(table: AnswerTable) -> dict[str, Type]:
    """The columns of a table, in order, with their types."""
    match table:
        case Measured(_, columns):
            return {output.name: output_type(output) for output in columns}
        case Listed(_, listed):
            return {column.name: type_of(column.operand) for column in listed}
        case Derived(_, columns):
            return {name: type_of(expression) for name, expression in columns}
        case Kept() | Ordered():
            return answer_columns(table.source)
        case Matched(left, right):
            return answer_columns(left) | answer_columns(right)
        case Stacked(sources):
            return answer_columns(sources[0])
        case Collected(_, keys, aggregates):
            made = {name: kind for name, _, _, kind in aggregates}
            return {name: type_of(expression) for name, expression in keys} | made


def measured_tables(table: AnswerTable) -> tuple[Measured, ...]:
    """Every measured table below, left to right."""
    if isinstance(table, Measured):
        return (table,)
    return tuple(found for source in answer_sources(table) for found in measured_tables(source))


def listed_tables(table: AnswerTable) -> tuple[Listed, ...]:
    """Every table of public rows below, left to right."""
    if isinstance(table, Listed):
        return (table,)
    return tuple(found for source in answer_sources(table) for found in listed_tables(source))
