"""Aggregates: each becomes primitive noisy vectors, shared where two are equal, and one measured column made of them."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod

from sqlglot import exp

from sandbox.plan.aggregate_calls import AggregateCall, read_aggregate
from sandbox.plan.aggregate_refusals import (
    distinct_sum,
    never_true,
    no_bounds,
    not_a_number,
    not_an_aggregate,
    not_ranked,
    nothing_counted,
    too_many_cells,
    too_wide,
    unit_counted,
)
from sandbox.plan.answers import (
    CountOutput,
    KeyOutput,
    MeanOutput,
    MeasuredColumn,
    QuantileOutput,
    SpreadOutput,
    SumOutput,
    output_type,
)
from sandbox.plan.facts import Facts, Range
from sandbox.plan.literals import is_null
from sandbox.plan.measured_values import (
    CELLS_MAX,
    TREE_LIMIT,
    both_known,
    center_of,
    counted,
    counted_units,
    difference_product,
    in_both,
    only_where,
    step_of,
    summed,
    tree,
)
from sandbox.plan.measurement import ContributionBounds, GroupKey
from sandbox.plan.nodes import ColumnRef, Expression, Literal, type_of
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, width
from sandbox.plan.ranges import facts_of
from sandbox.plan.rewrite import FALSE, TRUE, normalise
from sandbox.plan.scalar import bind_predicate, bind_scalar
from sandbox.plan.scope_terms import Columns
from sandbox.terms.dataset import Type

EXTREMES = {"min": Fraction(1, 200), "max": Fraction(199, 200)}
"""A minimum and a maximum are the quantiles that a few rows cannot move."""

_RANKED = (Type.INT, Type.FLOAT, Type.DATE, Type.TIMESTAMP)


@dataclass(slots=True)
class Measures:
    """The primitives and measured columns of one measurement, gathered so far; equal ones appear once.

    Make it when the keys are bound: Measures(scope, keys, bounds, rows_max), with the scope of the rows, the final
    contribution bounds, and `rows_max(relation)`. Where a key is private the first primitive is CountUnits(). When all is
    gathered, Measurement(relation, keys, bounds, tuple(measures.primitives)) and Measured(number, measures.columns).
    """

    scope: Columns
    keys: tuple[GroupKey, ...]
    bounds: ContributionBounds
    rows_max: int
    primitives: dict[Primitive, int] = field(default_factory=dict)
    _shown: dict[int, KeyOutput] = field(default_factory=dict)
    _made: dict[MeasuredColumn, MeasuredColumn] = field(default_factory=dict)
    _facts: dict[str, Facts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(key.values is None for key in self.keys):
            self._index(CountUnits())

    def add(self, node: exp.Expr) -> ColumnRef:
        """The column of the measured table that stands for one aggregate call (see `is_aggregate`).

        Raises:
            Unanswerable: an argument that cannot be counted, summed or ranked.
        """
        call = read_aggregate(node, self.scope)
        if call is None:
            raise not_an_aggregate(node, self.scope)
        condition = None if call.condition is None else self._condition(call, call.condition)
        match call.function:
            case "count_rows":
                return self._count(counted(only_where(condition, TRUE)))
            case "count_if":
                wanted = self._condition(call, call.arguments[0])
                return self._count(counted(only_where(in_both(condition, wanted), TRUE)))
            case "count":
                return self._counted(call, condition)
            case "sum" | "avg":
                return self._total(call, condition)
            case "min" | "max":
                return self._quantile(call, condition, EXTREMES[call.function], call.function)
            case "quantile":
                return self._quantile(call, condition, call.fraction or Fraction(0), "")
            case _:
                return self._spread(call, condition)

    def key(self, number: int) -> ColumnRef:
        """The column of the measured table that shows key number `number`."""
        key = self.keys[number]
        output = self._shown.setdefault(number, KeyOutput(f"k{number + 1}", number, key.type))
        self._facts[output.name] = Facts(key.type)
        return ColumnRef(output.name, key.type)

    @property
    def columns(self) -> tuple[MeasuredColumn, ...]:
        """The measured columns asked for so far: of keys in their order, then of aggregates."""
        return (*(self._shown[number] for number in sorted(self._shown)), *self._made.values())

    @property
    def facts(self) -> dict[str, Facts]:
        """What is known of the measured columns, by name."""
        return dict(self._facts)

    def _condition(self, call: AggregateCall, node: exp.Expr) -> Expression:
        """What is demanded of the rows of one aggregate."""
        condition = normalise(bind_predicate(node, self.scope))
        if condition == FALSE or is_null(condition):
            raise never_true(call, node, self.scope)
        return condition

    # -- counts --------------------------------------------------------------------------------------------------------

    def _count(self, primitive: Primitive) -> ColumnRef:
        return self._output(CountOutput("", self._index(primitive)))

    def _counted(self, call: AggregateCall, condition: Expression | None) -> ColumnRef:
        argument = call.arguments[0]
        if call.distinct:
            where = self._unit_where(call, argument)
            if where is not None:
                return self._count(counted_units(in_both(condition, None if where == TRUE else where)))
        if self.scope.is_unit(argument):
            raise unit_counted(call, self.scope)
        operand = normalise(bind_scalar(argument, self.scope))
        if is_null(operand) or (call.distinct and isinstance(operand, Literal)):
            raise nothing_counted(call, self.scope)
        if not call.distinct:
            return self._count(counted(only_where(condition, operand)))
        most = self.bounds.rows
        size = _domain_size(facts_of(operand, self.scope.facts))
        if size is not None:
            most = min(most, max(1, size * self.bounds.groups))
        return self._count(CountDistinct(only_where(condition, operand), most))

    def _unit_where(self, call: AggregateCall, node: exp.Expr) -> Expression | None:
        """The condition under which the unit's identifier is given: TRUE for the identifier itself, that of a CASE with
        nothing else in it; None where it is something else."""
        while isinstance(node, exp.Paren):
            node = node.this
        if self.scope.is_unit(node):
            return TRUE
        branch: exp.Expr | None = None
        if isinstance(node, exp.If):
            branch, otherwise = node, node.args.get("false")
        elif isinstance(node, exp.Case) and node.args.get("this") is None and len(node.args["ifs"]) == 1:
            branch, otherwise = node.args["ifs"][0], node.args.get("default")
        if branch is None or not (otherwise is None or isinstance(otherwise, exp.Null)):
            return None
        if not self.scope.is_unit(branch.args["true"]):
            return None
        return self._condition(call, branch.this)

    # -- sums, means, spreads ------------------------------------------------------------------------------------------

    def _total(self, call: AggregateCall, condition: Expression | None) -> ColumnRef:
        if call.distinct:
            raise distinct_sum(call, self.scope)
        operand, span, step = self._number(call, 0)
        kept = only_where(condition, operand)
        if call.function == "sum":
            total = self._sum(call, kept, span, Fraction(0), step)
            return self._output(SumOutput("", total, type_of(operand)))
        total = self._sum(call, kept, span, center_of(span, step), step)
        return self._output(MeanOutput("", total, self._index(_rows_of(kept))), Facts(Type.FLOAT, span))

    def _spread(self, call: AggregateCall, condition: Expression | None) -> ColumnRef:
        if call.distinct:
            raise distinct_sum(call, self.scope)
        numbers = [self._number(call, place) for place in range(len(call.arguments))]
        first, second = numbers[0], numbers[-1]
        operands = tuple(only_where(condition, item) for item in both_known(first[0], second[0]))
        spans = first[1], second[1]
        centers = center_of(first[1], first[2]), center_of(second[1], second[2])
        one = self._sum(call, operands[0], spans[0], centers[0], first[2])
        other = self._sum(call, operands[1], spans[1], centers[1], second[2])
        products = self._product(call, (operands[0], operands[1]), spans, centers)
        squares = products, products
        if call.function == "corr":
            squares = (
                self._product(call, (operands[0], operands[0]), (spans[0], spans[0]), (centers[0], centers[0])),
                self._product(call, (operands[1], operands[1]), (spans[1], spans[1]), (centers[1], centers[1])),
            )
        count = self._index(_rows_of(operands[0]))
        return self._output(SpreadOutput("", call.function, one, other, products, *squares, count))

    def _product(
        self,
        call: AggregateCall,
        operands: tuple[Expression, Expression],
        spans: tuple[Range, Range],
        centers: tuple[Fraction, Fraction],
    ) -> int:
        operand, span, step = difference_product(*operands, spans, centers)
        return self._sum(call, operand, span, Fraction(0), step)

    def _number(self, call: AggregateCall, place: int) -> tuple[Expression, Range, Fraction]:
        """A numeric argument, its range, and the step it is summed in."""
        argument = call.arguments[place]
        operand = normalise(bind_scalar(argument, self.scope))
        if not type_of(operand).is_number or is_null(operand):
            raise not_a_number(call, argument, type_of(operand), self.scope)
        span = facts_of(operand, self.scope.facts).range
        if span is None or max(abs(span.low), abs(span.high)) > TREE_LIMIT:  # all doubles are no bounds
            raise no_bounds(call, argument, self.scope)
        return operand, span, step_of(operand, self.scope.facts, span)

    def _sum(self, call: AggregateCall, operand: Expression, span: Range, center: Fraction, step: Fraction) -> int:
        primitive = summed(operand, span, center, step, self.rows_max)
        if primitive is None:
            raise too_wide(call, self.scope)
        return self._index(primitive)

    # -- quantiles -----------------------------------------------------------------------------------------------------

    def _quantile(
        self, call: AggregateCall, condition: Expression | None, fraction: Fraction, extreme: str
    ) -> ColumnRef:
        argument = call.arguments[0]
        if call.distinct and not extreme:
            raise distinct_sum(call, self.scope)
        operand = normalise(bind_scalar(argument, self.scope))
        kind = type_of(operand)
        if kind not in _RANKED or is_null(operand):
            raise not_ranked(call, argument, kind, self.scope)
        span = facts_of(operand, self.scope.facts).range
        if span is None:
            raise no_bounds(call, argument, self.scope)
        if max(abs(span.low), abs(span.high)) > TREE_LIMIT:
            raise too_wide(call, self.scope)
        number = self._index(tree(only_where(condition, operand), span))
        public = prod(len(key.values or ()) for key in self.keys)
        if public * sum(width(primitive) for primitive in self.primitives) > CELLS_MAX:
            raise too_many_cells(call, self.scope)
        return self._output(QuantileOutput("", number, fraction, kind, extreme), Facts(kind, span))

    # -- numbers of primitives and names of columns --------------------------------------------------------------------

    def _index(self, primitive: Primitive) -> int:
        return self.primitives.setdefault(primitive, len(self.primitives))

    def _output(self, output: MeasuredColumn, facts: Facts | None = None) -> ColumnRef:
        if output not in self._made:
            self._made[output] = replace(output, name=f"a{len(self._made) + 1}")
        named = self._made[output]
        kind = output_type(named)
        self._facts[named.name] = facts or Facts(kind)
        return ColumnRef(named.name, kind)


def _rows_of(operand: Expression) -> Primitive:
    """The count that belongs to a sum: of its own values."""
    constant = isinstance(operand, Literal) and operand.value is not None
    return CountRows() if constant else CountValues(operand)


def _domain_size(facts: Facts) -> int | None:
    """How many values there can be, None where nothing says so."""
    if facts.values is not None:
        return len(facts.values)
    if facts.type is Type.BOOL:
        return 2
    if facts.range is not None and facts.type in (Type.INT, Type.DATE):
        return max(1, int(facts.range.high) - int(facts.range.low) + 1)
    return None
