"""Thresholds of private keys: the chance that a group of one unit shows, computed exactly and in other ways."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import opendp.prelude as dp
import pytest
from scipy import stats

from sandbox.plan.measurement import ContributionBounds
from sandbox.privacy.selection import exposed_groups, keeps, tail, threshold
from sandbox.terms.loss import DELTA_UNITS, Mode
from sandbox.terms.refusal import RangeTooWide

dp.enable_features("contrib")

SCALES = (0.1, 0.5, 0.7, 1.0, 3.3, 20.0, 63.9, 64.0, 64.1, 100.0, 250.0)
DELTAS = (10**17, 10**13, 10**10, 10**6, 1)


def exact_tail(mode: Mode, scale: float, least: int) -> Fraction:
    """P(noise >= least), the weights of all integers summed one by one in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        width = Decimal(scale)
        reach = least + math.ceil(30 * scale) + 20 if mode is Mode.ZCDP else least + math.ceil(110 * scale) + 20

        def weight(step: int) -> Decimal:
            return (-Decimal(step * step) / (2 * width * width) if mode is Mode.ZCDP else -Decimal(step) / width).exp()

        weights = [weight(step) for step in range(reach)]
        whole = 2 * sum(weights) - weights[0]
        return Fraction(sum(weights[least:]) / whole)


def shows(mode: Mode, scale: float, tau: int) -> Fraction:
    """The chance that a group of one unit shows: that 1 + noise is strictly greater than tau."""
    return exact_tail(mode, scale, tau)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("scale", SCALES)
def test_tails_are_those_of_the_discrete_noise(mode, scale):
    for least in (1, 2, math.ceil(scale) + 1, math.ceil(5 * scale) + 1):
        bound, exact = Fraction(tail(mode, scale, least)), exact_tail(mode, scale, least)
        assert bound >= exact * (1 - Fraction(1, 10**30))
        if mode is Mode.PURE or scale <= 64:
            assert bound <= exact * (1 + Fraction(1, 10**25))
        elif least > scale + 0.5:
            assert bound <= exact * (1 + Fraction(1, 10**3))


@pytest.mark.parametrize("scale", [70.0, 1e3, 1e6, 1e15])
def test_wide_tails_are_the_normals_half_an_integer_below(scale):
    for reach in (1.5, 3.0, 6.0, 9.0):
        least = math.ceil(reach * scale)
        assert float(tail(Mode.ZCDP, scale, least)) == pytest.approx(stats.norm.sf((least - 0.5) / scale), rel=1e-9)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("groups", [1, 3, 50])
def test_a_group_of_one_unit_shows_with_a_chance_of_delta_at_most(mode, scale, groups):
    """Exactly computed. Control: one below the threshold it is more, so τ is the least (beyond σ = 64, two below)."""
    for delta in DELTAS:
        tau = threshold(mode, scale, groups, delta)
        assert groups * shows(mode, scale, tau) <= Fraction(delta, DELTA_UNITS)
        below = tau - (2 if mode is Mode.ZCDP and scale > 64 else 1)
        if below >= max(1, scale + 2 if scale > 64 else 1):
            assert groups * shows(mode, scale, below) > Fraction(delta, DELTA_UNITS)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("scale", SCALES[:8])
def test_control_a_comparison_that_lets_the_threshold_itself_through_exceeds_delta(mode, scale):
    """With >= a group of one unit shows where noise >= τ - 1: at the least τ that is more than δ allows."""
    for delta in DELTAS[:4]:
        tau = threshold(mode, scale, 3, delta)
        with_equal = 3 * exact_tail(mode, scale, tau - 1) if tau > 1 else Fraction(3)
        assert with_equal > Fraction(delta, DELTA_UNITS)


def test_published_case():
    """OpenDP's own search at L0 = 3, σ = 20, δ = 1e-8 gives 117, and 227 for b = 12."""
    assert threshold(Mode.ZCDP, 20.0, 3, 10**10) == 117
    assert threshold(Mode.PURE, 12.0, 3, 10**10) == 227


@pytest.mark.parametrize("scale", [0.7, 2.0, 20.0, 200.0, 5_000.0])
@pytest.mark.parametrize("groups", [1, 3, 40])
def test_opendp_agrees_to_one_integer(scale, groups):
    """OpenDP bounds the Gaussian by the normal one integer below, so that its own threshold is ours or one more."""
    space = dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64"))
    gaussian = dp.l02inf_distance(dp.absolute_distance(T="f64"))
    laplace = dp.l01inf_distance(dp.absolute_distance(T="i64"))
    for delta in (10**12, 10**8):
        limit = delta / DELTA_UNITS

        def by_gaussian(tau: int) -> float:
            found = dp.m.make_gaussian_threshold(space, gaussian, scale=scale, threshold=tau)
            return found.map((groups, math.sqrt(groups), 1.0))[1]

        def by_laplace(tau: int) -> float:
            found = dp.m.make_laplace_threshold(space, laplace, scale=scale, threshold=tau)
            return found.map((groups, groups, 1))[1]

        tau = threshold(Mode.ZCDP, scale, groups, delta)
        assert by_gaussian(tau + 1) <= limit * (1 + 1e-6)
        assert by_gaussian(tau - 2) > limit
        tau = threshold(Mode.PURE, scale, groups, delta)
        assert by_laplace(tau) <= limit * (1 + 1e-6)
        assert by_laplace(tau - 1) > limit


def test_a_unit_is_alone_in_as_many_groups_as_its_rows_and_bounds_allow():
    assert exposed_groups(ContributionBounds(2, 5, 1)) == 2
    assert exposed_groups(ContributionBounds(9, 5, 1)) == 5


@pytest.mark.parametrize(
    ("scale", "groups", "delta"),
    [(0.0, 1, 1), (-1.0, 1, 1), (math.inf, 1, 1), (math.nan, 1, 1), (1.0, 0, 1), (1.0, 1, 0), (1.0, 1, -1)],
)
def test_what_is_no_selection_is_refused(scale, groups, delta):
    with pytest.raises(ValueError, match="threshold"):
        threshold(Mode.ZCDP, scale, groups, delta)


def test_thresholds_beyond_int64_are_refused():
    with pytest.raises(RangeTooWide):
        threshold(Mode.PURE, 2.0**60, 1, 1)


def test_a_threshold_is_at_least_one_however_large_delta():
    assert threshold(Mode.ZCDP, 0.01, 1, DELTA_UNITS) == 1
    assert not keeps(Mode.ZCDP, 20.0, 1, 10**17, 1)
