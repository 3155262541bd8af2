"""Primitives for bound operands: how a value is counted, summed, or put into a tree, by what is known of it.

Everything follows from declarations: ranges, steps and sizes. A primitive that could overflow is not made.
"""

from collections.abc import Mapping
from fractions import Fraction

from sandbox.plan.facts import Facts, Range
from sandbox.plan.literals import is_null
from sandbox.plan.nodes import Arithmetic, Case, ColumnRef, Conjunction, Expression, Literal, Not, NullTest, type_of
from sandbox.plan.primitives import BRANCHING, CountRows, CountUnits, CountValues, SumValues, TreeCounts
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.terms.dataset import Type
from sandbox.terms.granularity import default_granularity

MEASURE_LIMIT = 2**62
"""Sums over all rows stay below it."""

EXACT_LEAVES = BRANCHING**4
"""A whole-numbered range of at most so many values has a leaf for each."""

TREE_LIMIT = 10**299
"""Values of trees lie within it, well inside a double."""

CELLS_MAX = 2**27
"""Integers in one measurement with public keys."""

LEAVES = BRANCHING**3
"""Leaves over any other range."""

_WHOLE_PRODUCTS = 2**40


def only_where(condition: Expression | None, operand: Expression) -> Expression:
    """The operand where the condition is true, else NULL."""
    if condition is None or condition == TRUE:
        return operand
    kind = type_of(operand)
    return normalise(Case(((condition, operand),), Literal(None, kind), kind))


def counted_units(condition: Expression | None) -> CountUnits:
    """Units; with a condition those with a row for which it is true."""
    return CountUnits(None if condition == TRUE else condition)


def counted(operand: Expression) -> CountRows | CountValues:
    """Values that are not NULL. Constants count rows, and of a choice among constants only where it is NULL matters."""
    if isinstance(operand, Literal) and operand.value is not None:
        return CountRows()
    if isinstance(operand, Case):
        results = [value for _, value in operand.branches] + [operand.default]
        if all(isinstance(value, Literal) for value in results):
            branches = tuple((condition, _mark(value)) for condition, value in operand.branches)
            operand = normalise(Case(branches, _mark(operand.default), Type.BOOL))
            if operand == TRUE:
                return CountRows()
    return CountValues(operand)


def _mark(value: Expression) -> Literal:
    return Literal(None, Type.BOOL) if isinstance(value, Literal) and value.value is None else TRUE


def step_of(operand: Expression, facts: Mapping[str, Facts], span: Range) -> Fraction:
    """1 for integers, the declared step of a column (or of a choice between it and NULL), else a power of ten: see
    `default_granularity`."""
    if type_of(operand) is Type.INT:
        return Fraction(1)
    column = _chosen(operand)
    declared = facts[column.name].granularity if column is not None else None
    return declared or default_granularity(span.low, span.high)


def _chosen(operand: Expression) -> ColumnRef | None:
    """The column that an expression gives, or NULL; None where it gives something else."""
    if isinstance(operand, ColumnRef):
        return operand
    if not isinstance(operand, Case):
        return None
    values = {value for _, value in operand.branches} | {operand.default}
    columns = {_chosen(value) for value in values if not is_null(value)}
    return columns.pop() if len(columns) == 1 else None


def center_of(span: Range, step: Fraction) -> Fraction:
    """The middle of the range, on the grid of `step` where the range reaches it."""
    middle = Fraction(round((span.low + span.high) / 2 / step)) * step
    return min(max(middle, span.low), span.high)


def summed(operand: Expression, span: Range, center: Fraction, step: Fraction, rows_max: int) -> SumValues | None:
    """The sum, None where it could leave the 64-bit integers over all rows."""
    primitive = SumValues(operand, span.low, span.high, center, step)
    return primitive if primitive.magnitude * rows_max < MEASURE_LIMIT else None


def tree(operand: Expression, span: Range) -> TreeCounts:
    """The tree over a range: a leaf a value for up to 65,536 integers or days, else 4,096 leaves."""
    kind = type_of(operand)
    size = span.high - span.low
    if kind is Type.FLOAT:
        return TreeCounts(operand, span.low, size / LEAVES if size else Fraction(1), 3 if size else 1, span.high)
    low, high = -(-span.low.numerator // span.low.denominator), span.high.numerator // span.high.denominator
    values = max(high - low + 1, 1)
    if kind is not Type.TIMESTAMP and values <= EXACT_LEAVES:
        depth = next(depth for depth in range(1, 5) if BRANCHING**depth >= values)
        return TreeCounts(operand, Fraction(low), Fraction(1), depth, Fraction(high))
    return TreeCounts(operand, Fraction(low), Fraction(max(1, -(-values // LEAVES))), 3, Fraction(high))


def both_known(first: Expression, second: Expression) -> tuple[Expression, Expression]:
    """Each operand where the other is not NULL, else NULL."""
    if first == second:
        return first, second
    return (
        only_where(normalise(Not(NullTest(second))), first),
        only_where(normalise(Not(NullTest(first))), second),
    )


def difference_product(
    first: Expression, second: Expression, spans: tuple[Range, Range], centers: tuple[Fraction, Fraction]
) -> tuple[Expression, Range, Fraction]:
    """The product of the operands' distances from their centers, its exact range, and the step that it is summed in."""
    apart = [Range(span.low - center, span.high - center) for span, center in zip(spans, centers, strict=True)]
    corners = [one * other for one in (apart[0].low, apart[0].high) for other in (apart[1].low, apart[1].high)]
    low = Fraction(0) if first == second and min(corners) < 0 else min(corners)
    span = Range(low, max(corners))
    whole = type_of(first) is type_of(second) is Type.INT and all(center.denominator == 1 for center in centers)
    exact = whole and max(abs(span.low), abs(span.high)) <= _WHOLE_PRODUCTS
    kind = Type.INT if exact else Type.FLOAT
    left, right = (
        Arithmetic("-", operand, Literal(int(center) if exact else center, kind), kind)
        for operand, center in zip((first, second), centers, strict=True)
    )
    step = Fraction(1) if exact else default_granularity(span.low, span.high)
    return normalise(Arithmetic("*", left, right, kind)), span, step


def in_both(first: Expression | None, second: Expression | None) -> Expression | None:
    """Both conditions; None where neither is set."""
    if first is None or second is None:
        return first or second
    return normalise(Conjunction((first, second)))
