"""Plans over one table `d.t`, made by hand for what is reckoned from plans: memory and slots."""

from collections.abc import Iterator, Sequence

from sandbox.plan.answers import CountOutput, Measured, MeasuredColumn
from sandbox.plan.expressions import children
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.primitives import CountRows, Primitive
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Relation, Scan
from sandbox.terms.dataset import KeyValue, Type

ROWS = (CountRows(),)


def a_key(name: str, kind: Type, values: Sequence[KeyValue]) -> GroupKey:
    return GroupKey(ColumnRef(name, kind), kind, tuple(values))


def a_plan_over(
    rows_max: int = 1_000_000,
    where: Expression | None = None,
    keys: Sequence[GroupKey] = (),
    primitives: Sequence[Primitive] = ROWS,
    outputs: Sequence[MeasuredColumn] = (CountOutput("n", 0),),
) -> Plan:
    """One measurement of the rows where `where` holds; it reads the columns that its expressions name."""
    measured = Measurement(
        Scan("d", "t", "", (), rows_max, 1), tuple(keys), ContributionBounds(1, 1, 1), tuple(primitives)
    )
    wanted = (*measured.expressions, *(() if where is None else (where,)))
    columns = sorted({(column.name, column.type) for expression in wanted for column in _columns(expression)})
    relation: Relation = Scan("d", "t", "", tuple(columns), rows_max, 1)
    if where is not None:
        relation = Filter(relation, where)
    made = Measurement(relation, measured.keys, measured.bounds, measured.primitives)
    return Plan("s", (made,), Measured(0, tuple(outputs)))


def _columns(expression: Expression) -> Iterator[ColumnRef]:
    if isinstance(expression, ColumnRef):
        yield expression
    for child in children(expression):
        yield from _columns(child)
