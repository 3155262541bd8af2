"""Trees of counts: exact leaves, consistent levels, and what one unit more can change, over all small tables."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from engine_tables import AGE_TREE, COST_TREE, KEYS, UNITS, Row, bucket_of, leaf, measurement_of, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import BRANCHING, TreeCounts, width
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode
from workers.scan import measure_bucket
from workers.tree_counts import LeafCounts, dense_leaves, leaf_edges, levels_of
from workers.vector import Vector

WHOLE, REAL = ColumnRef("whole", Type.INT), ColumnRef("real", Type.FLOAT)
STEPS = st.fractions(Fraction(1, 1000), 1000, max_denominator=10**6)
LOWS = st.fractions(-(10**6), 10**6, max_denominator=1000)


def counted(tree, values, dtype):
    """Leaves of values in one group."""
    leaves = LeafCounts(tree)
    held = Vector(np.asarray(values, dtype), np.ones(len(values), np.bool_))
    leaves.add(np.zeros(len(values), np.int32), leaves.of(held))
    return {(int(at), int(rows)) for _, at, rows in leaves.counts.T}


@settings(max_examples=200, deadline=None)
@given(LOWS, STEPS, st.integers(1, 2), st.floats(-1e9, 1e9))
def test_reals_fall_into_the_exact_leaf(low, step, depth, value):
    tree = TreeCounts(REAL, low, step, depth)
    assert counted(tree, [value], np.float64) == {(leaf(tree, value), 1)}


@settings(max_examples=200, deadline=None)
@given(LOWS, STEPS, st.integers(1, 2), st.integers(-(2**62), 2**62) | st.integers(-(10**6), 10**6))
def test_whole_numbers_fall_into_the_exact_leaf(low, step, depth, value):
    tree = TreeCounts(WHOLE, low, step, depth)
    assert counted(tree, [value], np.int64) == {(leaf(tree, value), 1)}


@settings(max_examples=50, deadline=None)
@given(LOWS, STEPS, st.integers(0, 255))
def test_the_edge_of_a_leaf_is_in_it_and_what_is_below_is_not(low, step, number):
    tree = TreeCounts(REAL, low, step, 2)
    edge = float(low + number * step)
    for value in (edge, np.nextafter(edge, np.inf), np.nextafter(edge, -np.inf)):
        assert counted(tree, [value], np.float64) == {(leaf(tree, float(value)), 1)}


def test_integers_beyond_doubles_are_exact():
    tree = TreeCounts(WHOLE, Fraction(2**60), Fraction(1), 1)
    assert counted(tree, [2**60 + 1, 2**60 + 2, 2**62, 0], np.int64) == {(1, 1), (2, 1), (15, 1), (0, 1)}


def test_edges_beyond_all_numbers_are_never_reached():
    huge = Fraction(10) ** 400
    assert leaf_edges(TreeCounts(REAL, -huge, huge * 2, 1), False).tolist() == [np.inf] * 15
    assert set(leaf_edges(TreeCounts(REAL, -huge * 99, huge, 1), False).tolist()) == {-np.inf}
    assert leaf_edges(TreeCounts(WHOLE, Fraction(0), Fraction(2**62), 1), True).tolist()[-1] == 2**63 - 1


@settings(max_examples=60, deadline=None)
@given(UNITS)
def test_every_level_is_the_sum_of_the_one_below(units):
    measurement = measurement_of(None, ("sex",), primitives=(AGE_TREE, COST_TREE))
    found = vectors_of(measurement, measure_bucket(measurement, bucket_of(units)))
    for primitive, vector in zip(measurement.primitives, found, strict=True):
        for group in np.asarray(vector).reshape(3, width(primitive)):
            start = 0
            for level in range(1, primitive.depth):
                size = BRANCHING**level
                above, below = group[start : start + size], group[start + size : start + size + size * BRANCHING]
                assert above.tolist() == below.reshape(size, BRANCHING).sum(axis=1).tolist()
                start += size


def test_lines_that_were_not_chosen_are_left_out():
    counts = np.asarray([[0, 2, 2, 5], [1, 0, 15, 3], [4, 5, 6, 7]])
    assert dense_leaves(counts, [2, 3], 16).T.tolist() == [[5, *[0] * 14, 6], [0] * 16]
    assert dense_leaves(counts, [], 16).shape == (16, 0)
    assert levels_of(dense_leaves(counts, [], 256), 2).shape == (272, 0)


BOUNDS = [ContributionBounds(r, g, each) for r in (1, 2, 3) for g in (1, 2) for each in range(1, r + 1)]


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda b: f"R{b.rows}-L0{b.groups}-Linf{b.rows_per_group}")
def test_no_neighbour_changes_more_than_the_sensitivity_and_one_changes_that_much(bounds):
    """All units of four rows in three groups added to two tables, by the pass itself; values in two far leaves or NULL."""
    tree = TreeCounts(ColumnRef("age", Type.INT), Fraction(0), Fraction(1), 2)
    measurement = measurement_of(None, (KEYS["sex"],), bounds, (tree,))
    limits = {mode: sensitivity(tree, effective_bounds(measurement), mode) for mode in Mode}
    one = two = 0
    cells = list(product(("F", "M"), (0, 200)))
    tables = [[], [[Row("F", None, None, None, None, 0, None, None)]]]
    exact = {
        at: np.asarray(vectors_of(measurement, measure_bucket(measurement, bucket_of(tables[at])))[0]) for at in (0, 1)
    }
    for rows in product(cells, repeat=3):
        unit = [Row(sex, None, None, None, None, age, None, None) for sex, age in rows]
        for at, table in enumerate(tables):
            after = np.asarray(vectors_of(measurement, measure_bucket(measurement, bucket_of([*table, unit])))[0])
            change = after - exact[at]
            assert change.min() >= 0
            one, two = max(one, int(change.sum())), max(two, int((change**2).sum()))
    assert one <= limits[Mode.PURE]
    assert two <= limits[Mode.ZCDP]
    brought = min(bounds.rows, bounds.groups * bounds.rows_per_group)
    assert one == tree.depth * brought == limits[Mode.PURE]
    if brought % bounds.rows_per_group == 0:
        assert two == limits[Mode.ZCDP]


def test_control_the_depth_counts():
    """A sensitivity of one row count alone would be too small: a row is in every level."""
    bounds = ContributionBounds(2, 1, 2)
    tree = TreeCounts(ColumnRef("age", Type.INT), Fraction(0), Fraction(1), 2)
    measurement = measurement_of(None, (), bounds, (tree,))
    (found,) = vectors_of(measurement, measure_bucket(measurement, bucket_of([[_aged(3), _aged(3)]])))
    assert sum(found) == 4 > 2
    assert sum(number**2 for number in found) == 8 == sensitivity(tree, bounds, Mode.ZCDP)


def _aged(age):
    return Row("F", None, None, None, None, age, None, None)
