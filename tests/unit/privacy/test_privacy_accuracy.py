"""Half widths and intervals: exact where that is possible, and covered by OpenDP's own draws.

Each coverage test draws n = 20,000 and accepts within the binomial quantiles at 10^-7 on either side, so that a true half
width fails once in some millions of runs; the control, 0.8 of it, is at least 10 standard deviations away.
"""

import math
from fractions import Fraction

import opendp.prelude as dp
import pytest
from made_plans import a_mean_plan, a_plan, a_sum
from noisy_plans import AGES, SITES, a_plan_of, a_spec, a_spread, column, measurement, quantiles, real, whole
from scipy.stats import binom, dlaplace

from sandbox.plan.answers import Derived, Kept
from sandbox.plan.nodes import Arithmetic, Comparison
from sandbox.plan.primitives import CountRows
from sandbox.privacy.accuracy import expected_error, half_width, has_interval, interval, intervals, noise_of
from sandbox.privacy.mechanism import measurement_spec
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode

dp.enable_features("contrib")

LEVELS = (0.5, 0.9, 0.95, 0.99)
DRAWS = 20_000
GAUSSIAN, LAPLACE = "discrete gaussian", "discrete laplace"


def noise(mechanism: str, scale: float) -> Noise:
    return Noise(mechanism, scale.hex())


def draw(mechanism: str, scale: float, count: int = DRAWS) -> list[int]:
    """Noise itself: OpenDP's mechanism over zeros."""
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if mechanism == GAUSSIAN:
        return dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=scale)([0] * count)
    return dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)([0] * count)


def tail(mechanism: str, scale: float, reach: int) -> float:
    """P(|X| > reach), summed."""
    if mechanism == LAPLACE:
        return float(2 * dlaplace.sf(reach, 1 / scale)) if reach >= 0 else 1.0
    span = range(-int(40 * scale) - 40, int(40 * scale) + 41)
    weights = {k: math.exp(-((k / scale) ** 2) / 2) for k in span}
    return sum(w for k, w in weights.items() if abs(k) > reach) / sum(weights.values())


@pytest.mark.parametrize("level", [*LEVELS, 0.999])
@pytest.mark.parametrize(
    ("mechanism", "scale"),
    [(mechanism, scale) for mechanism in (GAUSSIAN, LAPLACE) for scale in (0.01, 0.3, 1.0, 2.5, 10.0, 49.9)]
    + [(LAPLACE, 1e3), (LAPLACE, 1e6)],
)
def test_it_is_the_least(mechanism, scale, level):
    reach = half_width(noise(mechanism, scale), level)
    assert reach == int(reach) >= 0
    assert tail(mechanism, scale, int(reach)) <= (1 - level) * (1 + 1e-9)
    assert reach == 0 or tail(mechanism, scale, int(reach) - 1) > (1 - level) * (1 - 1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scale", [50.0, 75.5, 300.0])
def test_wide_gaussians_are_at_most_two_above_the_least(scale, level):
    reach = int(half_width(noise(GAUSSIAN, scale), level))
    assert tail(GAUSSIAN, scale, reach) <= 1 - level < tail(GAUSSIAN, scale, reach - 3)


def test_it_agrees_with_opendps_helpers():
    """`discrete_laplacian_scale_to_accuracy` counts |noise| >= accuracy and does not round: at most one apart."""
    for scale in (3.0, 10.0, 1e4):
        for alpha in (0.5, 0.05, 0.01):
            theirs = dp.discrete_laplacian_scale_to_accuracy(scale, alpha)
            assert abs(half_width(noise(LAPLACE, scale), 1 - alpha) - theirs) <= 1
            theirs = dp.discrete_gaussian_scale_to_accuracy(scale, alpha)
            assert abs(half_width(noise(GAUSSIAN, scale), 1 - alpha) - theirs) <= 2


@pytest.mark.parametrize("mechanism", [GAUSSIAN, LAPLACE])
@pytest.mark.parametrize("scale", [0.7, 20.0, 400.0])
def test_opendps_noise_is_covered(mechanism, scale):
    found = [abs(value) for value in draw(mechanism, scale)]
    for level in LEVELS:
        reach = half_width(noise(mechanism, scale), level)
        beyond = sum(value > reach for value in found)
        most = binom.ppf(1 - 1e-7, DRAWS, 1 - level)
        assert beyond <= most
        slack = 3 if mechanism == GAUSSIAN and scale >= 50 else 1
        assert sum(value > reach - slack for value in found) >= binom.ppf(1e-7, DRAWS, 1 - level) or reach == 0
        if scale >= 20:  # control: four fifths of the half width do not cover
            assert sum(value > 0.8 * reach for value in found) > most


@pytest.mark.parametrize("level", LEVELS)
def test_count_and_sum_intervals_cover(level):
    noisy = tuple(1_000 + value for value in draw(GAUSSIAN, 30.0))
    most = binom.ppf(1 - 1e-7, DRAWS, 1 - level)
    count = interval(CountColumn("n", noisy, noise(GAUSSIAN, 30.0)), level)
    assert sum(not low <= 1_000 <= high for low, high in count) <= most
    step = Fraction(1, 100)
    total = interval(SumColumn("s", Type.FLOAT, noisy, step, noise(GAUSSIAN, 30.0)), level)
    outside = sum(not low - 1e-9 <= 10 <= high + 1e-9 for low, high in total)
    assert outside == sum(not low <= 1_000 <= high for low, high in count)
    narrow = sum(abs(value - 1_000) > 0.8 * half_width(noise(GAUSSIAN, 30.0), level) for value in noisy)
    assert narrow > most


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("total", "count"),
    [(40_000, 500), (-40_000, 500), (0, 500), (900, 30), (-90, 3), (300, 3), (50, 1), (-60_000, 600)],
)
def test_mean_intervals_cover_at_least(total, count, level):
    """Also where the count drowns in its noise. Draws: 5,000 a case."""
    draws = 5_000
    totals = tuple(total + value for value in draw(LAPLACE, 120.0, draws))
    counts = tuple(count + value for value in draw(LAPLACE, 6.0, draws))
    column = MeanColumn(
        "m", totals, counts, Fraction(50), Fraction(1, 2), Fraction(0), Fraction(100), noise(LAPLACE, 120.0), noise(LAPLACE, 6.0)
    )  # fmt: skip
    true = float(50 + Fraction(1, 2) * Fraction(total, count))
    bounds = interval(column, level)
    assert all(0 <= low <= high <= 100 for low, high in bounds)
    assert sum(not low <= true <= high for low, high in bounds) <= binom.ppf(1 - 1e-7, draws, 1 - level)
    for shown, (low, high) in zip(column.numbers(), bounds, strict=True):
        assert low <= shown <= high


def test_control_a_mean_interval_from_the_total_alone_does_not_cover():
    draws = 5_000
    total, count, level = 20_000, 200, 0.95
    reach = half_width(noise(LAPLACE, 120.0), level)
    outside = sum(
        abs(t / max(c, 1) - total / count) > reach / max(c, 1)
        for t, c in zip(
            (total + value for value in draw(LAPLACE, 120.0, draws)),
            (count + value for value in draw(LAPLACE, 6.0, draws)),
            strict=True,
        )
    )
    assert outside > binom.ppf(1 - 1e-7, draws, 1 - level)


def test_keys_carry_no_noise():
    with pytest.raises(ValueError, match="no noise"):
        interval(KeyColumn("k", Type.STRING, ("a",)), 0.95)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_levels_outside_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        half_width(noise(LAPLACE, 1.0), level)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_scales_that_are_none_are_refused(scale):
    with pytest.raises(ValueError, match="scale"):
        half_width(noise(GAUSSIAN, scale), 0.5)


def test_unknown_mechanisms_are_refused():
    with pytest.raises(ValueError, match="mechanism"):
        half_width(noise("uniform", 1.0), 0.5)


# -- before asking -----------------------------------------------------------------------------------------------------


def test_expected_error_names_every_column():
    plan = a_plan(CountRows(), a_sum())
    spec = measurement_spec(plan, Mode.ZCDP, 10**7)
    key, count, total = expected_error(plan, spec, 0.95)
    assert key == {"column": "k", "half_width": None, "per": None}
    assert count == {"column": "c0", "half_width": half_width(noise_of(spec, 0), 0.95), "per": "group"}
    assert total["half_width"] == pytest.approx(half_width(noise_of(spec, 1), 0.95) / 100)
    assert noise_of(spec, 0).mechanism == GAUSSIAN
    assert noise_of(measurement_spec(plan, Mode.PURE, 10**7), 0).mechanism == LAPLACE


def test_expected_error_of_a_mean_depends_on_the_group():
    plan = a_mean_plan()
    for units in (10**7, 10**9, 10**11):
        _, mean, _ = expected_error(plan, measurement_spec(plan, Mode.ZCDP, units), 0.95)
        assert mean["per"] == "values"
        widths = [mean["half_width"][size] for size in (100, 1_000, 10_000)]
        assert 5_000 >= widths[0] >= widths[1] >= widths[2] > 0
    tiny = expected_error(plan, measurement_spec(plan, Mode.ZCDP, 2_000), 0.95)[1]
    assert tiny["half_width"] == {100: 5_000.0, 1_000: 5_000.0, 10_000: 5_000.0}


def test_a_means_expected_error_covers_the_worst_group():
    """All 1,000 values at the upper bound: the noisy mean is off by more than foretold in at most 5 % of draws."""
    plan = a_mean_plan()
    spec = measurement_spec(plan, Mode.PURE, 20 * 10**9)
    width = expected_error(plan, spec, 0.95)[1]["half_width"][1_000]
    assert width < 5_000
    scales = [float.fromhex(vector.scale) for vector in spec.vectors]
    total, count, draws = 1_000 * 250_000, 1_000, 5_000
    outside = sum(
        abs((total + e1) / max(count + e2, 1) - total / count) / 100 > width
        for e1, e2 in zip(draw(LAPLACE, scales[0], draws), draw(LAPLACE, scales[1], draws), strict=True)
    )
    assert outside <= binom.ppf(1 - 1e-7, draws, 0.05)


# -- computed columns --------------------------------------------------------------------------------------------------

HALF = ComputedColumn("h", Type.FLOAT, ("500.0", "-1.5"), "…", noise(GAUSSIAN, 30.0), Fraction(1, 2))


def test_a_multiple_of_a_noisy_integer_has_its_interval():
    reach = half_width(noise(GAUSSIAN, 30.0), 0.95) / 2
    assert interval(HALF, 0.95) == ((500 - reach, 500 + reach), (-1.5 - reach, -1.5 + reach))
    whole_ = ComputedColumn("w", Type.INT, ("7",), "…", noise(LAPLACE, 2.0), Fraction(3))
    reach = 3 * half_width(noise(LAPLACE, 2.0), 0.9)
    assert interval(whole_, 0.9) == ((7 - reach, 7 + reach),)


@pytest.mark.parametrize("level", LEVELS)
def test_the_intervals_of_multiples_cover(level):
    texts = tuple(str(3 * (1_000 + value) - 7) for value in draw(LAPLACE, 20.0))
    bounds = interval(ComputedColumn("w", Type.INT, texts, "…", noise(LAPLACE, 20.0), Fraction(3)), level)
    assert sum(not low <= 2_993 <= high for low, high in bounds) <= binom.ppf(1 - 1e-7, DRAWS, 1 - level)


def test_without_known_noise_there_is_no_interval_rather_than_a_wrong_one():
    key = KeyColumn("k", Type.STRING, ("a", "b"))
    count = CountColumn("n", (1, 2), noise(GAUSSIAN, 2.0))
    median = ComputedColumn("q", Type.INT, ("5", "6"), "quantile 0.5")
    broken = ComputedColumn("b", Type.INT, ("5", None), "…", noise(GAUSSIAN, 2.0), Fraction(3))
    columns = (key, count, median, broken, HALF)
    assert [has_interval(item) for item in columns] == [False, True, False, False, True]
    assert list(intervals(Answer("o", columns), 0.95)) == ["n", "h"]
    for item in (median, broken):
        with pytest.raises(ValueError, match="interval"):
            interval(item, 0.95)


def test_an_answer_without_rows_has_empty_intervals():
    empty = Answer("o", (CountColumn("n", (), noise(GAUSSIAN, 2.0)),))
    assert intervals(empty, 0.95) == {"n": ()}
    assert interval(ComputedColumn("x", Type.INT, (), "…", noise(GAUSSIAN, 2.0), Fraction(1)), 0.9) == ()


def test_expected_error_works_for_every_plan_and_stays_silent_where_no_formula_is_simple():
    n, total = column(SITES, "n"), column(SITES, "total")
    few = Kept(SITES, Comparison(">", n, whole(5)))
    percent = Arithmetic("*", n, real(Fraction(1, 4)), Type.FLOAT)
    ratio = Arithmetic("/", total, n, Type.FLOAT)
    plan = a_plan_of(Derived(few, (("quarter", percent), ("ratio", ratio), ("total", total))))
    spec = a_spec(plan)
    quarter, other, plain = expected_error(plan, spec, 0.95)
    assert quarter == {"column": "quarter", "half_width": half_width(noise_of(spec, 0), 0.95) / 4, "per": "group"}
    assert other == {"column": "ratio", "half_width": None, "per": None}
    assert plain["half_width"] == pytest.approx(half_width(noise_of(spec, 1), 0.95) / 100)
    spread, _ = a_spread("corr")
    assert expected_error(spread, a_spec(spread), 0.95) == [{"column": "s", "half_width": None, "per": None}]
    tree = a_plan_of(quantiles(("q", Fraction(1, 2), "")), measurement(AGES))
    assert expected_error(tree, a_spec(tree), 0.95) == [{"column": "q", "half_width": None, "per": None}]
