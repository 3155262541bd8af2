"""What a plan claims of its table, against the signed manifest of the version it is to measure.

The control plane's description decides noise, deadlines and memory. A plan that claims a smaller table or larger
contributions than the manifest, or other types or keys than are stored, is of another description: it is refused before
anything is read. Bounds of values need no check: a plan clamps to its own, whatever is stored.
"""

from collections.abc import Iterator

from sandbox.plan.nodes import (
    Arithmetic,
    ColumnRef,
    Comparison,
    Conjunction,
    CountValues,
    Disjunction,
    Expression,
    Literal,
    Membership,
    Negation,
    Not,
    NullTest,
    Plan,
    SumValues,
)
from workers.manifest import ManifestTable


class OrderInconsistent(Exception):
    """The order's plan and the version it names do not belong together."""


def check_claims(plan: Plan, table: ManifestTable) -> None:
    """Raises OrderInconsistent where the plan is not one over the manifest's table."""
    limits, bounds = table.limits, plan.bounds
    if (
        plan.table != table.name
        or plan.rows_max < limits.rows_max
        or max(bounds.rows, bounds.rows_per_group) > limits.max_rows_per_unit
        or bounds.groups > limits.max_groups_per_unit
    ):
        raise OrderInconsistent
    stored = {column.name: column for column in table.columns}
    for key in plan.keys:
        column = stored.get(key.column)
        # Told apart by type too: True and 1 are equal in Python.
        if column is None or column.type is not key.type or _exact(column.keys) != _exact(key.values):
            raise OrderInconsistent
    for reference in _references(plan):
        column = stored.get(reference.name)
        if column is None or column.type is not reference.type:
            raise OrderInconsistent


def _exact(keys: tuple[object, ...]) -> list[tuple[type, object]]:
    return [(type(key), key) for key in keys]


def _references(plan: Plan) -> Iterator[ColumnRef]:
    waiting: list[Expression] = [] if plan.where is None else [plan.where]
    waiting += [item.operand for item in plan.primitives if isinstance(item, CountValues | SumValues)]
    while waiting:
        match waiting.pop():
            case ColumnRef() as reference:
                yield reference
            case Literal():
                continue
            case Negation(operand) | NullTest(operand) | Not(operand) | Membership(operand):
                waiting.append(operand)
            case Arithmetic(_, left, right) | Comparison(_, left, right):
                waiting += [left, right]
            case Conjunction(operands) | Disjunction(operands):
                waiting += operands
