"""Consistent trees and their quantiles: the least squares they are, exact without noise, monotone and close with it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_plans import AGE, AGES, COST, COSTS, tree_of

from sandbox.plan.primitives import TreeCounts
from sandbox.terms.dataset import Type
from workers.quantiles import consistent, quantile, ranks

FLAT = TreeCounts(AGE, Fraction(0), Fraction(1), 1)
DEEP = TreeCounts(AGE, Fraction(0), Fraction(1), 3)
COARSE = TreeCounts(AGE, Fraction(-50), Fraction(10), 1, Fraction(95))
HALF = Fraction(1, 2)

small_leaves = st.lists(st.integers(0, 5), min_size=256, max_size=256)


def of(values, tree=AGES):
    leaves = [0] * tree.leaves
    for value in values:
        leaves[min(max(int((value - tree.low) // tree.step), 0), tree.leaves - 1)] += 1
    return tree_of(tree, leaves)


def asked(values, fraction, kind=Type.INT, tree=AGES):
    return quantile(ranks(tree, of(values, tree)), Fraction(fraction), kind)


@given(small_leaves)
def test_a_tree_without_noise_stays_as_it_is(leaves):
    assert np.allclose(consistent(AGES, tree_of(AGES, leaves)), leaves, atol=1e-9)


def least_squares(tree, counts):
    """The leaves whose sums are closest to all noisy counts, by the matrix of which leaf is below which node."""
    rows = []
    for level in range(1, tree.depth + 1):
        below = 16 ** (tree.depth - level)
        rows.append(np.kron(np.eye(16**level), np.ones((1, below))))
    return np.linalg.lstsq(np.vstack(rows), np.array(counts, dtype=float), rcond=None)[0]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_least_squares_fit(seed):
    counts = np.random.default_rng(seed).integers(-50, 200, 16 + 256).tolist()
    assert np.allclose(consistent(AGES, counts), least_squares(AGES, counts))
    assert np.allclose(consistent(FLAT, counts[:16]), counts[:16])


def test_three_levels_agree_with_each_other_and_beat_the_leaves_alone():
    """The error of a range over 1,000 of 4,096 leaves: of the mixed counts well below that of the sum of the leaves."""
    source = np.random.default_rng(7)
    mixed, plain = [], []
    for _ in range(30):
        counts = np.rint(source.normal(0, 10, 16 + 256 + 4096)).astype(int).tolist()
        mixed.append(consistent(DEEP, counts)[500:1500].sum())
        plain.append(sum(counts[16 + 256 + 500 : 16 + 256 + 1500]))
    assert np.std(mixed) < np.std(plain) / 4


def test_another_number_of_counts_is_refused():
    for size in (0, 16, 271, 273):
        with pytest.raises(ValueError, match="fit"):
            consistent(AGES, [0] * size)


@given(st.lists(st.integers(-40, 60), min_size=272, max_size=272))
def test_ranks_are_monotone_within_zero_and_all_whatever_the_noise(counts):
    found = ranks(AGES, counts)
    assert len(found.upto) == 101
    assert (np.diff(found.upto) >= 0).all()
    assert found.upto[0] >= 0
    values = [quantile(found, Fraction(part, 20), Type.INT) for part in range(21)]
    if found.rows <= 0:
        assert values == [None] * 21
    else:
        assert values == sorted(values)
        assert 0 <= values[0] <= values[-1] <= 100


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.fractions(0, 1, max_denominator=200))
def test_without_noise_a_whole_number_is_the_row_of_that_rank(values, fraction):
    rank = max(1, -(-fraction * len(values) // 1))
    assert asked(values, fraction) == sorted(values)[int(rank) - 1]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60))
def test_extremes_of_few_rows_are_the_least_and_the_greatest(values):
    assert asked(values, Fraction(1, 200)) == min(values)
    assert asked(values, Fraction(199, 200)) == max(values)
    assert (asked(values, 0), asked(values, 1)) == (min(values), max(values))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.sampled_from(["0", "0.1", "1/2", "0.9", "1"]))
def test_a_real_number_is_within_its_leaf(values, fraction):
    rank = max(1, -(-Fraction(fraction) * len(values) // 1))
    true = sorted(values)[int(rank) - 1]
    found = asked(values, fraction, Type.FLOAT, COSTS)
    assert abs(found - true) <= 0.5
    assert 0 <= found <= 100


def test_real_numbers_are_interpolated_within_the_leaf():
    leaves = [0] * 256
    leaves[10], leaves[20] = 40, 60
    found = ranks(COSTS, tree_of(COSTS, leaves))
    assert quantile(found, Fraction(1, 5), Type.FLOAT) == pytest.approx(5.25)
    assert quantile(found, Fraction(7, 10), Type.FLOAT) == pytest.approx(10.25)
    assert quantile(found, Fraction(1), Type.FLOAT) == pytest.approx(10.5)


def test_wide_leaves_of_whole_values_are_interpolated_and_kept_whole():
    leaves = [0] * 16
    leaves[5] = 10
    found = ranks(COARSE, tree_of(COARSE, leaves))
    values = [quantile(found, Fraction(part, 10), Type.INT) for part in range(11)]
    assert values == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert all(type(value) is int for value in values)
    for kind in (Type.DATE, Type.TIMESTAMP):
        assert quantile(found, HALF, kind) == 5
    top = [0] * 16
    top[14] = 3
    assert quantile(ranks(COARSE, tree_of(COARSE, top)), Fraction(1), Type.INT) == 95


def test_no_rows_have_no_quantiles():
    for counts in ([0] * 272, [-3] * 272):
        assert quantile(ranks(AGES, counts), HALF, Type.INT) is None


def test_nothing_falls_beyond_the_declared_end():
    """Noise alone lies in the leaves above 100; without `high` it would move the maximum (the control)."""
    counts = list(of([50] * 40))
    for leaf in range(101, 256):
        counts[16 + leaf] += 3
        counts[leaf // 16] += 3
    open_ended = TreeCounts(AGE, AGES.low, AGES.step, AGES.depth)
    assert quantile(ranks(AGES, counts), Fraction(199, 200), Type.INT) == 50
    assert quantile(ranks(open_ended, counts), Fraction(199, 200), Type.INT) > 100
    assert TreeCounts(COST, Fraction(0), Fraction(1), 1, Fraction(1000)).leaves == 16
    wide = TreeCounts(COST, Fraction(0), Fraction(1), 1, Fraction(1000))
    assert len(ranks(wide, [1] * 16).upto) == 16


def test_the_same_tree_gives_the_same_bits():
    counts = np.random.default_rng(3).integers(-9, 90, 272).tolist()
    one, two = ranks(COSTS, counts), ranks(COSTS, tuple(counts))
    assert one.upto.tobytes() == two.upto.tobytes()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_with_noise_the_rank_is_not_far_off(seed):
    """10,000 rows, σ = 10 a node: the median's true rank is off by much less than the noise of 100 leaves' sum, 100."""
    source = np.random.default_rng(seed)
    values = np.clip(np.rint(source.normal(50, 15, 10_000)), 0, 100)
    counts = np.array(of(values.tolist())) + np.rint(source.normal(0, 10, 272)).astype(int)
    found = ranks(AGES, counts.tolist())
    true = np.cumsum(np.bincount(values.astype(int), minlength=101))
    assert abs(found.upto - true).max() < 150
    assert quantile(found, HALF, Type.INT) in range(48, 53)
