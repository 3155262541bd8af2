"""Aggregates: each becomes primitive noisy vectors, shared where two are equal, and one output made from them."""

from dataclasses import dataclass, field
from fractions import Fraction

from sqlglot import exp

from sandbox.plan.literals import is_null
from sandbox.plan.nodes import (
    ColumnRef,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    Expression,
    Literal,
    MeanOutput,
    Output,
    Primitive,
    SumOutput,
    SumValues,
    type_of,
)
from sandbox.plan.ranges import Range, range_of
from sandbox.plan.rewrite import normalise
from sandbox.plan.scalar import bind_scalar
from sandbox.plan.scope import Scope, quoted
from sandbox.plan.unanswerable import Unanswerable
from sandbox.terms.dataset import ColumnRole, Type
from sandbox.terms.granularity import default_granularity
from sandbox.terms.refusal import (
    BoundsMissing,
    PlanNotSupported,
    RangeTooWide,
    RowsNotReleased,
    TypeMismatch,
    UnitColumnUse,
)

Aggregate = exp.Count | exp.Sum | exp.Avg
MEASURE_LIMIT = 2**62


@dataclass(slots=True)
class Measures:
    """The primitives gathered so far, each with its number; equal ones appear once."""

    scope: Scope
    primitives: dict[Primitive, int] = field(default_factory=dict)

    def add(self, node: Aggregate, name: str) -> Output:
        """The output column of one aggregate.

        Raises:
            Unanswerable: an argument that cannot be counted or summed.
        """
        if isinstance(node, exp.Count):
            return CountOutput(name, self._index(self._count(node)))
        operand = self._operand(node)
        kind = type_of(operand)
        if not kind.is_number or is_null(operand):
            called = "SUM" if isinstance(node, exp.Sum) else "AVG"
            argument = self.scope.text.text(self.scope.text.extent(node.this))
            counted = self.scope.text.replaced(self.scope.text.extent(node), f"count({argument})")
            detail = f"{called} takes numbers, not a {kind.value}."
            raise self.scope.refuse(TypeMismatch, detail, node.this, counted)
        step = _granularity(operand, self._range(operand, node), self.scope)
        if isinstance(node, exp.Sum):
            total = self._index(self._sum(operand, Fraction(0), step, node))
            return SumOutput(name, total, kind)
        span = self._range(operand, node)
        total = self._index(self._sum(operand, _center(span, step), step, node))
        return MeanOutput(name, total, self._index(_counted(operand)))

    def _index(self, primitive: Primitive) -> int:
        return self.primitives.setdefault(primitive, len(self.primitives))

    def _count(self, node: exp.Count) -> Primitive:
        argument = node.args.get("this")
        if isinstance(argument, exp.Star):
            return CountRows()
        if isinstance(argument, exp.Distinct):
            return self._distinct(argument, node)
        if argument is None:
            whole = self.scope.text.replaced(self.scope.text.extent(node), "count(*)")
            raise self.scope.refuse(PlanNotSupported, "COUNT needs an argument: count(*) counts rows.", node, whole)
        if isinstance(argument, exp.Column):
            column = self.scope.any_column(argument)
            if column.role is ColumnRole.UNIT:
                inner = self.scope.text.text(self.scope.text.extent(argument))
                new = self.scope.text.replaced(self.scope.text.extent(node), f"count(distinct {inner})")
                detail = f"{column.name} identifies the unit: it can only be counted with DISTINCT."
                raise self.scope.refuse(UnitColumnUse, detail, node, new)
        operand = self._operand(node)
        if is_null(operand):
            raise self.scope.refuse(TypeMismatch, "NULL is never counted.", argument)
        return _counted(operand)

    def _distinct(self, distinct: exp.Distinct, node: exp.Count) -> CountUnits:
        items = distinct.expressions
        unit = self.scope.table.unit
        new = self.scope.text.replaced(self.scope.text.extent(node), f"count(distinct {quoted(unit)})")
        columns = [self.scope.any_column(item) for item in items if isinstance(item, exp.Column)]
        if len(items) == 1 and len(columns) == 1 and columns[0].name == unit:
            return CountUnits()
        detail = f"Only units are counted with DISTINCT here: count(distinct {unit})."
        raise self.scope.refuse(PlanNotSupported, detail, node, new)

    def _operand(self, node: Aggregate) -> Expression:
        argument = node.this
        if isinstance(argument, exp.Distinct):
            inner = ", ".join(self.scope.text.text(self.scope.text.extent(item)) for item in argument.expressions)
            name = "sum" if isinstance(node, exp.Sum) else "avg"
            new = self.scope.text.replaced(self.scope.text.extent(node), f"{name}({inner})")
            raise self.scope.refuse(PlanNotSupported, "DISTINCT is for counting units only.", node, new)
        if isinstance(argument, exp.Star):
            raise self.scope.refuse(PlanNotSupported, "Only COUNT takes *.", node)
        return normalise(bind_scalar(argument, self.scope))

    def _range(self, operand: Expression, node: Aggregate) -> Range:
        span = range_of(operand, self.scope.table)
        if span is None:
            detail = (
                "This can be arbitrarily large: sum columns with declared bounds, and divide by none that can be 0."
            )
            argument = self.scope.text.text(self.scope.text.extent(node.this))
            counted = self.scope.text.replaced(self.scope.text.extent(node), f"count({argument})")
            raise self.scope.refuse(BoundsMissing, detail, node.this, counted)
        return span

    def _sum(self, operand: Expression, center: Fraction, step: Fraction, node: Aggregate) -> SumValues:
        span = self._range(operand, node)
        primitive = SumValues(operand, span.low, span.high, center, step)
        if primitive.magnitude * self.scope.table.rows_max >= MEASURE_LIMIT:
            raise self.scope.refuse(RangeTooWide, "Over all rows this sum can leave the 64-bit integers.", node)
        return primitive


def bare_column(node: exp.Expr, scope: Scope, candidates: tuple[str, ...]) -> Unanswerable:
    """The refusal of a select item that would show rows' values."""
    detail = "The values of rows never leave: aggregate them, or group by a column with declared keys."
    return scope.refuse(RowsNotReleased, detail, node, *candidates)


def _counted(operand: Expression) -> CountRows | CountValues:
    """Counting a constant other than NULL counts rows."""
    return CountRows() if isinstance(operand, Literal) and operand.value is not None else CountValues(operand)


def _granularity(operand: Expression, span: Range, scope: Scope) -> Fraction:
    """1 for integers, the declared step of a column, else a power of ten: see `default_granularity`."""
    if type_of(operand) is Type.INT:
        return Fraction(1)
    if isinstance(operand, ColumnRef):
        column = scope.table.column(operand.name)
        if column is not None and column.granularity is not None:
            return column.granularity
    return default_granularity(span.low, span.high)


def _center(span: Range, step: Fraction) -> Fraction:
    """The middle of the range, on the grid of `step` where the range reaches it."""
    middle = Fraction(round((span.low + span.high) / 2 / step)) * step
    return min(max(middle, span.low), span.high)
