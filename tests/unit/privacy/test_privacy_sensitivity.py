"""Sensitivity against brute force: every way in which one unit can appear within the bounds."""

from fractions import Fraction
from itertools import product

import pytest
from made_plans import COST, EVERY_KIND, a_measurement, a_sum, a_tree

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.nodes import Comparison, Literal
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, CountValues, SumValues, TreeCounts
from sandbox.privacy.sensitivity import effective_bounds, magnitude, sensitivity
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode

GROUPS = 3
POSITIVE = CountUnits(Comparison(">", COST, Literal(Fraction(0), Type.FLOAT)))
BOUNDS = [
    ContributionBounds(rows, groups, per_group)
    for rows in (1, 2, 3, 4)
    for groups in (1, 2, 3)
    for per_group in range(1, rows + 1)
]


def units(bounds: ContributionBounds, values: tuple[int | None, ...]):
    """Every unit within the bounds: rows as (group, value), value None for NULL."""
    row = tuple(product(range(GROUPS), values))
    for count in range(bounds.rows + 1):
        for rows in product(row, repeat=count):
            sizes = [sum(group == at for group, _ in rows) for at in range(GROUPS)]
            if max(sizes) <= bounds.rows_per_group and sum(size > 0 for size in sizes) <= bounds.groups:
                yield rows


def change(primitive, rows) -> list[int]:
    """What adding these rows changes in the vector, where nobody else has them."""
    if isinstance(primitive, CountDistinct):
        pairs = list(dict.fromkeys((group, value) for group, value in rows if value is not None))
        return [sum(group == at for group, _ in pairs[: primitive.values_per_unit]) for at in range(GROUPS)]
    found = []
    for at in range(GROUPS):
        values = [value for group, value in rows if group == at]
        match primitive:
            case CountRows():
                found.append(len(values))
            case CountUnits(None):
                found.append(int(bool(values)))
            case CountUnits():
                found.append(int(any(value is not None and value > 0 for value in values)))
            case TreeCounts(depth=depth):
                # The values are leaves; those of one node are its children, at every level.
                for level in range(1, depth + 1):
                    nodes = [value // 16 ** (depth - level) for value in values if value is not None]
                    found.extend(nodes.count(node) for node in range(3))
            case CountValues():
                found.append(sum(value is not None for value in values))
            case SumValues():
                found.append(sum(value for value in values if value is not None))
    return found


def worst(primitive, bounds, values) -> tuple[int, int]:
    """The largest L1 and squared L2 norms over all units."""
    changes = [change(primitive, rows) for rows in units(bounds, values)]
    return max(sum(map(abs, c)) for c in changes), max(sum(x * x for x in c) for c in changes)


def tight(bounds: ContributionBounds) -> bool:
    """Whether whole groups can use the rows up: else Hölder's bound on the L2 norm is not reached."""
    return min(bounds.rows, bounds.groups * bounds.rows_per_group) % bounds.rows_per_group == 0


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda b: f"R{b.rows}-L0{b.groups}-Linf{b.rows_per_group}")
def test_the_formula_is_the_worst_unit(bounds):
    values = (-2, 2, None) if bounds.rows < 4 else (-2, 2)
    for primitive in (CountRows(), CountUnits(), CountValues(COST), a_sum("-2", "2", "0", "1")):
        one, two = worst(primitive, bounds, values)
        assert sensitivity(primitive, bounds, Mode.PURE) == one
        found = sensitivity(primitive, bounds, Mode.ZCDP)
        assert found >= two
        if tight(bounds) or isinstance(primitive, CountUnits):
            assert found == two
        # Control: half the formula would be too small for the worst unit.
        assert found // 2 < two
        assert sensitivity(primitive, bounds, Mode.PURE) // 2 < one


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda b: f"R{b.rows}-L0{b.groups}-Linf{b.rows_per_group}")
@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_distinct_values_change_as_much_as_the_worst_unit_brings(bounds, most):
    distinct = CountDistinct(COST, most)
    one, two = worst(distinct, bounds, (0, 1, 2) if bounds.rows < 4 else (0, 1))
    brought = min(bounds.rows, most)
    each = min(bounds.rows_per_group, brought)
    pure, squared = sensitivity(distinct, bounds, Mode.PURE), sensitivity(distinct, bounds, Mode.ZCDP)
    assert one <= pure == min(brought, bounds.groups * each)
    assert two <= squared <= brought * each
    if each <= (3 if bounds.rows < 4 else 2):  # there are values enough
        assert one == pure
        if min(brought, bounds.groups * each) % each == 0:
            assert two == squared


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda b: f"R{b.rows}-L0{b.groups}-Linf{b.rows_per_group}")
def test_trees_and_conditions_change_as_much_as_the_worst_unit(bounds):
    for primitive in (a_tree(1), a_tree(2), POSITIVE):
        one, two = worst(primitive, bounds, (0, 17, None) if bounds.rows < 4 else (17, 0))
        assert one == sensitivity(primitive, bounds, Mode.PURE)
        squared = sensitivity(primitive, bounds, Mode.ZCDP)
        assert two <= squared < 2 * two
        if tight(bounds) or primitive is POSITIVE:
            assert two == squared


def test_a_tree_costs_its_depth_in_row_counts():
    bounds = ContributionBounds(12, 3, 4)
    for mode in Mode:
        assert sensitivity(a_tree(3), bounds, mode) == 3 * sensitivity(CountRows(), bounds, mode)
    # Control: the levels are not one row count; a unit moves each of them.
    assert sensitivity(a_tree(3), bounds, Mode.PURE) > sensitivity(CountRows(), bounds, Mode.PURE)


def test_counting_units_without_its_own_rule_would_waste():
    """Control for the rule of CountUnits: counting it like rows gives more, and brute force shows less is enough."""
    bounds = ContributionBounds(4, 2, 4)
    assert sensitivity(CountUnits(), bounds, Mode.PURE) == 2 == worst(CountUnits(), bounds, (1,))[0]
    assert sensitivity(CountRows(), bounds, Mode.PURE) == 4


@pytest.mark.parametrize(
    ("low", "high", "center", "granularity", "expected"),
    [
        ("0", "5000", "0", "1/100", 500_000),
        ("0", "5000", "2500", "1/100", 250_000),
        ("-3", "2", "0", "1", 3),
        ("0", "1", "0", "3/10", 4),
        ("0", "0", "0", "1", 1),
    ],
)
def test_magnitudes(low, high, center, granularity, expected):
    assert magnitude(a_sum(low, high, center, granularity)) == expected


def test_sums_scale_with_the_magnitude():
    bounds = ContributionBounds(50, 10, 5)
    assert sensitivity(a_sum(), bounds, Mode.PURE) == 50 * 500_000
    assert sensitivity(a_sum(), bounds, Mode.ZCDP) == 250 * 500_000**2


def test_published_case():
    """One person in at most 3 groups by at most 1: OpenDP's L1 = 3 and L2 = √3."""
    bounds = ContributionBounds(3, 3, 1)
    assert sensitivity(CountRows(), bounds, Mode.PURE) == 3
    assert sensitivity(CountRows(), bounds, Mode.ZCDP) == 3


def test_no_more_groups_than_there_are():
    bounds = effective_bounds(a_measurement(*EVERY_KIND, groups=1, rows=50, max_groups=10, per_group=20))
    assert bounds == ContributionBounds(50, 1, 20)
    assert sensitivity(CountRows(), bounds, Mode.PURE) == 20
    assert sensitivity(CountUnits(), bounds, Mode.ZCDP) == 1
    assert effective_bounds(a_measurement(CountRows(), groups=4)).groups == 4
    assert effective_bounds(a_measurement(CountRows(), groups=400)).groups == 10
    assert effective_bounds(a_measurement(CountUnits(), private=True, rows_max=7)).groups == 7
    assert effective_bounds(a_measurement(CountUnits(), private=True)).groups == 10


def test_integers_stay_exact_however_large():
    bounds = ContributionBounds(10**6, 10**6, 10**6)
    wide = a_sum("0", str(Fraction(2**60)), "0", "1")
    assert sensitivity(wide, bounds, Mode.ZCDP) == 10**12 * 2**120
