"""Where each column of an answer comes from, as the plan alone tells it: a key, one noisy integer, or a computation.

What an answer says of its noise, and the check of an engine's answer, follow from this; no noisy number is read.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sandbox.plan.answer_lines import varies
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
)
from sandbox.plan.expressions import children
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import Arithmetic, Call, ColumnRef, Expression, Literal, Negation
from sandbox.plan.primitives import SumValues
from sandbox.plan.query import Plan
from sandbox.terms.dataset import Type

FROM_NOISE = "computed from noisy values"
FROM_KEYS = "computed without noisy values"
FROM_PUBLIC = "from a public table"


@dataclass(frozen=True, slots=True)
class Passed:
    """Column `output` of the measured table number `leaf` (left to right, of those whose lines are still told apart), as it
    is. `measurement` is the number of the table's measurement."""

    leaf: int
    measurement: int
    output: KeyOutput | CountOutput | SumOutput | MeanOutput


@dataclass(frozen=True, slots=True)
class Labels:
    """Group keys that are no longer those of one measured table, or NULL."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """`step` times the noisy integer of primitive `vector` of `measurement`, plus a constant: that integer's noise."""

    measurement: int
    vector: int
    step: Fraction


@dataclass(frozen=True, slots=True)
class Made:
    """Computed; `meaning` says of what, in words. Without `noisy` it follows from keys and constants alone."""

    meaning: str
    noisy: bool


Lineage: TypeAlias = Passed | Labels | Scaled | Made


def lineage(plan: Plan) -> dict[str, Lineage]:
    """The origin of every column of the answer, in their order."""
    return _lineage(plan.answer, plan)


def meaning_of(origin: Lineage) -> str:
    """What a computed column says of itself."""
    return origin.meaning if isinstance(origin, Made) else FROM_NOISE


def vector_of(plan: Plan, measurement: int, primitive: int) -> int:
    """The number of a measurement's primitive among the plan's."""
    return sum(len(each.primitives) for each in plan.measurements[:measurement]) + primitive


def leaves(table: AnswerTable) -> int:
    """How many measured tables below have lines that are still told apart."""
    match table:
        case Measured():
            return 1
        case Listed():
            return 0
        case Derived() | Kept() | Ordered():
            return leaves(table.source)
        case Matched(left, right):
            return leaves(left) + leaves(right)
        case Stacked() | Collected():
            return 0


def summed(measurement: Measurement, number: int) -> SumValues:
    """Primitive `number`, a sum.

    Raises:
        ValueError: it is none.
    """
    primitive = measurement.primitives[number]
    if not isinstance(primitive, SumValues):
        raise ValueError("the output needs a sum")  # noqa: TRY004 - a plan that does not fit, not a wrong type
    return primitive


# -- columns -----------------------------------------------------------------------------------------------------------


def _lineage(table: AnswerTable, plan: Plan) -> dict[str, Lineage]:
    match table:
        case Measured(number, columns):
            return {output.name: _measured(output, number) for output in columns}
        case Listed(_, listed):
            return {column.name: Made(FROM_PUBLIC, False) for column in listed}
        case Derived(source, columns):
            below = _lineage(source, plan)
            return {name: _derived(expression, below, plan) for name, expression in columns}
        case Kept() | Ordered():
            return _lineage(table.source, plan)
        case Matched(left, right, kind):
            first, offset = _lineage(left, plan), leaves(left)
            second = {name: _shifted(origin, offset) for name, origin in _lineage(right, plan).items()}
            if kind == "full":
                first = {name: _loosened(origin, plan) for name, origin in first.items()}
            if kind in ("left", "full"):  # a line without a match has NULLs here, which are no noisy integers
                second = {name: _loosened(origin, plan) for name, origin in second.items()}
            return first | second
        case Stacked(sources):
            each = [list(_lineage(source, plan).values()) for source in sources]
            return {
                name: _merged([origins[place] for origins in each], plan)
                for place, name in enumerate(_lineage(sources[0], plan))
            }
        case Collected(source, keys, aggregates):
            below = _lineage(source, plan)
            found: dict[str, Lineage] = {
                name: _loosened(_derived(expression, below, plan), plan) for name, expression in keys
            }
            for name, function, operand, _ in aggregates:
                noisy = operand is None or _noisy(operand, below)
                found[name] = Made(f"{function} of lines of noisy answers", noisy or varies(source, plan.measurements))
            return found


def _measured(output: MeasuredColumn, number: int) -> Lineage:
    match output:
        case KeyOutput() | CountOutput() | SumOutput() | MeanOutput():
            return Passed(0, number, output)
        case SpreadOutput(function=function):
            return Made(f"{function} of noisy sums", True)
        case QuantileOutput(fraction=fraction, extreme=extreme):
            place = {"min": ", in place of the minimum", "max": ", in place of the maximum"}.get(extreme, "")
            return Made(f"quantile {_decimal(fraction)}{place}", True)


def _derived(expression: Expression, below: dict[str, Lineage], plan: Plan) -> Lineage:
    if isinstance(expression, ColumnRef):
        return below[expression.name]
    line = _line(expression, below, plan)
    if line is not None:
        return line
    return Made(FROM_NOISE, True) if _noisy(expression, below) else Made(FROM_KEYS, False)


def _shifted(origin: Lineage, offset: int) -> Lineage:
    return Passed(origin.leaf + offset, origin.measurement, origin.output) if isinstance(origin, Passed) else origin


def _loosened(origin: Lineage, plan: Plan) -> Lineage:
    """The origin where lines of a measured table are no longer told apart, or may be missing."""
    if isinstance(origin, Passed):
        return Labels() if isinstance(origin.output, KeyOutput) else Made(_words(origin, plan), True)
    return Made(FROM_NOISE, True) if isinstance(origin, Scaled) else origin


def _merged(origins: list[Lineage], plan: Plan) -> Lineage:
    loose = [_loosened(origin, plan) for origin in origins]
    if all(origin == loose[0] for origin in loose):
        return loose[0]
    noisy = any(isinstance(origin, Made) and origin.noisy for origin in loose)
    return Made(FROM_NOISE if noisy else FROM_KEYS, noisy)


def _words(origin: Passed, plan: Plan) -> str:
    match origin.output:
        case CountOutput():
            return "noisy count"
        case SumOutput(total=total):
            return f"noisy sum in steps of {summed(plan.measurements[origin.measurement], total).granularity}"
        case _:
            return "mean of noisy sums"


def _decimal(fraction: Fraction) -> str:
    """The fraction as a decimal where it is one of few digits, else as a quotient."""
    scaled = fraction * 10**9
    if scaled.denominator != 1:
        return str(fraction)
    digits = f"{scaled.numerator:010d}"
    return f"{digits[:-9]}.{digits[-9:]}".rstrip("0").rstrip(".")


# -- expressions -------------------------------------------------------------------------------------------------------


def _noisy(expression: Expression, below: dict[str, Lineage]) -> bool:
    if isinstance(expression, ColumnRef):
        match below[expression.name]:
            case Passed(output=output):
                return not isinstance(output, KeyOutput)
            case Labels():
                return False
            case Made(noisy=noisy):
                return noisy
            case Scaled():
                return True
    return any(_noisy(child, below) for child in children(expression))


def _line(expression: Expression, below: dict[str, Lineage], plan: Plan) -> Scaled | None:
    """The one noisy integer of which the expression is a multiple plus a constant, or None."""
    match expression:
        case ColumnRef(name):
            return _unit(below[name], plan)
        case Negation(operand) | Call("cast_float", (operand,)):
            return _line(operand, below, plan)
        case Arithmetic("+" | "-", left, right) if _constant(right) is not None:
            return _line(left, below, plan)
        case Arithmetic("+" | "-", left, right) if _constant(left) is not None:
            return _line(right, below, plan)
        case Arithmetic("*", left, right):
            factor = _constant(left) if _constant(right) is None else _constant(right)
            return _times(_line(left if _constant(right) is not None else right, below, plan), factor)
        case Arithmetic("/", left, right):
            divisor = _constant(right)
            return _times(_line(left, below, plan), 1 / divisor if divisor else None)
        case _:
            return None


def _unit(origin: Lineage, plan: Plan) -> Scaled | None:
    match origin:
        case Scaled():
            return origin
        case Passed(_, measurement, CountOutput(count=count)):
            return Scaled(measurement, count, Fraction(1))
        case Passed(_, measurement, SumOutput(total=total)):
            return Scaled(measurement, total, summed(plan.measurements[measurement], total).granularity)
        case _:
            return None


def _times(line: Scaled | None, factor: Fraction | None) -> Scaled | None:
    if line is None or not factor:
        return None
    return Scaled(line.measurement, line.vector, line.step * abs(factor))


def _constant(expression: Expression) -> Fraction | None:
    """The number that a constant is, or None."""
    match expression:
        case Negation(operand):
            found = _constant(operand)
            return None if found is None else -found
        case Literal(value, Type.INT | Type.FLOAT) if value is not None:
            return Fraction(value)
        case _:
            return None
