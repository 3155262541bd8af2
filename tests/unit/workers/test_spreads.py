"""Statistics of noisy sums against their definitions, and their bounds whatever the noise."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noisy_plans import AGE, a_sum_of

from workers.spreads import NoisySums, spread

X, Y = a_sum_of(AGE, step=Fraction(1)), a_sum_of(high=60)
FUNCTIONS = ("var_pop", "var_samp", "stddev_pop", "stddev_samp", "covar_pop", "covar_samp", "corr")

pairs = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60)), min_size=2, max_size=30)
anything = st.fractions(-(10**9), 10**9, max_denominator=100)
noisy = st.builds(NoisySums, st.integers(-20, 200), anything, anything, anything, anything, anything)


def sums_of(xs, ys, center=0):
    """The sums of the differences to a center, without noise."""
    a, b = [x - center for x in xs], [y - center for y in ys]
    return NoisySums(
        len(xs),
        Fraction(sum(a)),
        Fraction(sum(b)),
        Fraction(sum(x * y for x, y in zip(a, b, strict=True))),
        Fraction(sum(x * x for x in a)),
        Fraction(sum(y * y for y in b)),
    )


@given(pairs, st.sampled_from([0, 50]))
def test_variances_and_deviations_are_those_of_the_definition(values, center):
    xs = [x for x, _ in values]
    found = {name: spread(name, sums_of(xs, xs, center), X, X) for name in FUNCTIONS[:4]}
    assert found["var_pop"] == pytest.approx(statistics.pvariance(xs))
    assert found["var_samp"] == pytest.approx(statistics.variance(xs))
    assert found["stddev_pop"] == pytest.approx(statistics.pstdev(xs))
    assert found["stddev_samp"] == pytest.approx(statistics.stdev(xs))


@given(pairs, st.sampled_from([0, 50]))
def test_covariances_and_correlations_are_those_of_the_definition(values, center):
    xs, ys = [x for x, _ in values], [y for _, y in values]
    sums = sums_of(xs, ys, center)
    assert spread("covar_samp", sums, X, Y) == pytest.approx(statistics.covariance(xs, ys), abs=1e-9)
    shrunk = statistics.covariance(xs, ys) * (len(xs) - 1) / len(xs)
    assert spread("covar_pop", sums, X, Y) == pytest.approx(shrunk, abs=1e-9)
    if len(set(xs)) > 1 and len(set(ys)) > 1:
        assert spread("corr", sums, X, Y) == pytest.approx(statistics.correlation(xs, ys), abs=1e-9)
    else:
        assert spread("corr", sums, X, Y) == 0


@given(noisy, st.sampled_from(FUNCTIONS))
def test_whatever_the_noise_the_value_is_one_that_bounded_data_can_have(sums, function):
    second = X if function.startswith(("var", "std")) else Y
    found = spread(function, sums, X, second)
    most = float((X.high - X.low) * (second.high - second.low) / 4) * (2 if function.endswith("samp") else 1)
    low, high = {
        "var": (0, most),
        "std": (0, math.sqrt(most)),
        "cov": (-most, most),
        "cor": (-1, 1),
    }[function[:3]]
    assert low <= found <= high


def test_a_wild_count_or_sum_is_cut_not_an_error():
    wild = NoisySums(-5, Fraction(10**9), Fraction(10**9), Fraction(10**12), Fraction(1), Fraction(1))
    assert spread("var_pop", wild, X, X) == 0
    assert spread("var_samp", NoisySums(1, *[Fraction(0)] * 2, Fraction(10**9), *[Fraction(0)] * 2), X, X) == 5_000
    assert spread("stddev_pop", NoisySums(1, *[Fraction(0)] * 2, Fraction(10**9), *[Fraction(0)] * 2), X, X) == 50
    assert spread("corr", wild, X, Y) == 0


def test_tiny_variances_correlate_exactly():
    small = Fraction(1, 10**200)
    sums = NoisySums(10, Fraction(0), Fraction(0), -small, small, small)
    assert spread("corr", sums, X, Y) == -1
