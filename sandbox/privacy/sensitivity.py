"""How much one privacy unit can change one vector of group aggregates: exact integers from the contribution bounds.

Neighbouring data differ by one unit with all its rows, of which the engine keeps at most R rows, in at most L0 groups,
at most Linf in each group. What a unit brings depends on its own rows alone. So, over the groups, it brings integers x with
0 <= x <= c in each, Σ x <= n, not zero in L0 groups at most, and then
L1 <= min(n, L0·c) and L2² <= min(L0·c², n·c) (Hölder: Σx² <= max x · Σx). Both are reached where c divides n.

- Rows, values: n = R, c = Linf. Sums: the same times the magnitude M of one row's integer.
- Units, with a condition or without: a unit counts once in a group, so c = 1.
- Distinct values: the set of a group is the union of what its units bring, so one unit more adds no more to its size than
  the values that it brings. Those are at most v in all and at most one for each counted row: n = min(R, v).
- Trees of counts: one row adds 1 to one node of each level, so the vector is one of row counts for each level, with leaves
  for groups. A unit brings at most Linf rows to the nodes of one group's level; they add most where all go to one node.
  Norms and squared norms of levels add: both are those of a row count times the depth, reached by rows that are alike.
"""

from sandbox.plan.measurement import ContributionBounds, Measurement
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, Primitive, SumValues, TreeCounts
from sandbox.terms.loss import Mode


def magnitude(primitive: Primitive) -> int:
    """M: the most one row adds to one integer of the vector."""
    return primitive.magnitude if isinstance(primitive, SumValues) else 1


def effective_bounds(measurement: Measurement) -> ContributionBounds:
    """The measurement's bounds with L0 no larger than the number of groups there are."""
    bounds = measurement.bounds
    return ContributionBounds(bounds.rows, min(bounds.groups, measurement.groups), bounds.rows_per_group)


def sensitivity(primitive: Primitive, bounds: ContributionBounds, mode: Mode) -> int:
    """The integer L1 norm (pure) or the squared L2 norm (zCDP) of what one unit can change.

    `bounds` are those in effect: of a measurement, `effective_bounds(measurement)`.
    """
    rows, groups, per_group, levels = bounds.rows, bounds.groups, bounds.rows_per_group, 1
    match primitive:
        case CountUnits():
            rows, per_group = min(rows, groups), 1
        case CountDistinct(_, values):
            rows = min(rows, values)
            per_group = min(per_group, rows)
        case TreeCounts():
            levels = primitive.depth
        case CountRows() | CountValues() | SumValues():
            pass
    step = magnitude(primitive)
    if mode is Mode.PURE:
        return min(rows, groups * per_group) * step * levels
    return min(groups * per_group**2, rows * per_group) * step**2 * levels
