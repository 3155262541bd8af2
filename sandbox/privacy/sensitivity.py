"""How much one privacy unit can change one vector of group aggregates: exact integers from the contribution bounds.

Neighbouring data differ by one unit with all its rows, of which the engine keeps at most R rows, in at most L0 groups,
at most Linf in each group; one row adds at most M to its group. So, over the groups,
L1 <= min(R, L0·Linf)·M and L2² <= min(L0·Linf², R·Linf)·M² (Hölder: Σx² <= max x · Σx).
"""

from sandbox.plan.nodes import ContributionBounds, CountRows, CountUnits, CountValues, Plan, Primitive, SumValues
from sandbox.terms.loss import Mode


def magnitude(primitive: Primitive) -> int:
    """M: the most one row adds to its group's integer."""
    return primitive.magnitude if isinstance(primitive, SumValues) else 1


def effective_bounds(plan: Plan) -> ContributionBounds:
    """The plan's bounds with L0 no larger than the number of groups there are."""
    bounds = plan.bounds
    return ContributionBounds(bounds.rows, min(bounds.groups, plan.groups), bounds.rows_per_group)


def sensitivity(primitive: Primitive, bounds: ContributionBounds, mode: Mode) -> int:
    """The integer L1 norm (pure) or the squared L2 norm (zCDP) of what one unit can change.

    `bounds` are those in effect: of a plan, `effective_bounds(plan)`.
    """
    rows, groups, per_group = bounds.rows, bounds.groups, bounds.rows_per_group
    match primitive:
        case CountUnits():  # a unit counts once in each of its groups
            rows, per_group = min(rows, groups), 1
        case CountRows() | CountValues() | SumValues():
            pass
    step = magnitude(primitive)
    if mode is Mode.PURE:
        return min(rows, groups * per_group) * step
    return min(groups * per_group**2, rows * per_group) * step**2
