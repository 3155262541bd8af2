"""(ε, δ) and zCDP: valid, tight, and against two independent computations."""

import math
import time
from fractions import Fraction

import opendp.prelude as dp
import pytest
from scipy.stats import norm

from sandbox.privacy.conversion import UNITS_LIMIT, budget_loss, epsilon_of, request_loss, rho_units
from sandbox.terms.dataset import UnitSpace
from sandbox.terms.loss import UNITS, Loss, Mode
from sandbox.terms.refusal import LossTooLarge, LossTooSmall

dp.enable_features("contrib")

EPSILONS = [Fraction(text) for text in ("1/100", "1/10", "1/2", "1", "2", "5", "20", "100", "10000", "10000000")]
DELTAS = [Fraction(text) for text in ("1/2", "1/100", "1/2000000", "1/1000000000000", "1/10000000000000000000000")]
SPLIT = Fraction(1, 2_000_000)
ZCDP = UnitSpace("people", Mode.ZCDP, Fraction(20), Fraction(1, 10**6))
PURE = UnitSpace("people", Mode.PURE, Fraction(20), Fraction(0))


def log_delta(rho: float, epsilon: float, above: float) -> float:
    """Canonne, Kamath, Steinke, Corollary 13, at α = 1 + above, in floating point."""
    alpha = 1 + above
    return above * (alpha * rho - epsilon) - math.log(above) + alpha * (math.log(above) - math.log1p(above))


def least_log_delta(rho: float, epsilon: float) -> float:
    """Over a dense grid of α."""
    return min(log_delta(rho, epsilon, math.exp(step / 200)) for step in range(-4_000, 8_000))


@pytest.mark.parametrize("delta", DELTAS, ids=str)
def test_every_rho_is_private_by_a_dense_grid_and_nothing_is_wasted(delta):
    limit = math.log(delta.numerator) - math.log(delta.denominator)
    for epsilon in EPSILONS[1:8]:
        rho = rho_units(epsilon, delta) / UNITS
        assert least_log_delta(rho, float(epsilon)) <= limit + 1e-3  # the grid's own step; exactly below
        more = rho * 1.001 + 2e-9
        assert least_log_delta(more, float(epsilon)) > limit


def test_the_bound_holds_exactly_at_some_order():
    """In decimals: at the best α of a grid, the stated ρ keeps ln δ below its limit, and one unit of ρ more does not."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 80
        for epsilon, delta in ((Fraction(1), SPLIT), (Fraction(5), SPLIT), (Fraction(1, 10), Fraction(1, 10**9))):
            units = rho_units(epsilon, delta)
            eps, limit = Decimal(str(float(epsilon))), (Decimal(delta.numerator) / Decimal(delta.denominator)).ln()

            def exact(rho_in_units, above, eps=eps):
                alpha, rho = 1 + above, Decimal(rho_in_units) / UNITS
                return above * (alpha * rho - eps) - above.ln() + alpha * (above.ln() - alpha.ln())

            def best(rho_in_units, exact=exact):
                low, high = Decimal("1e-3"), Decimal("1e5")
                for _ in range(200):  # ln δ is convex in α, and so unimodal in any monotone scale of it
                    third = (high / low) ** (Decimal(1) / 3)
                    if exact(rho_in_units, low * third) < exact(rho_in_units, high / third):
                        high = high / third
                    else:
                        low = low * third
                return exact(rho_in_units, low)

            assert best(units) <= limit
            assert best(units + 1) > limit


def test_epsilon_of_is_opendps():
    domain, metric = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    for scale in (0.5, 3.0, 10.0, 100.0):
        profile = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(domain, metric, scale=scale)).map(1.0)
        units = round(UNITS / (2 * scale**2))
        for delta in (1e-6, 5e-7, 1e-3):
            theirs = profile.epsilon(delta)
            assert float(epsilon_of(units, Fraction(delta))) == pytest.approx(theirs, rel=1e-5)


def test_epsilon_of_is_above_the_truth_of_the_gaussian():
    """The exact curve of the Gaussian mechanism (Balle and Wang 2018) lies below; the gap is the conversion's."""
    for units in (1_000, 10**6, 22_937_446, 441_726_960, 10**10):
        shift = math.sqrt(2 * units / UNITS)
        for delta in (Fraction(1, 1000), SPLIT):
            eps = float(epsilon_of(units, delta))
            true = norm.cdf(shift / 2 - eps / shift) - math.exp(eps + norm.logcdf(-shift / 2 - eps / shift))
            assert true <= float(delta)
            if delta != SPLIT:
                continue
            half = eps * 0.8
            control = norm.cdf(shift / 2 - half / shift) - math.exp(half + norm.logcdf(-shift / 2 - half / shift))
            assert control > float(delta)  # the check has power: 20 % less would be untrue


def test_nineteen_questions_of_one_fit_into_five():
    """Control: twenty do not; and of plain sums of ε only five would."""
    one, five = request_loss(ZCDP, Fraction(1)), budget_loss(ZCDP, Fraction(5))
    assert 19 * one.units <= five.units < 20 * one.units
    assert epsilon_of(19 * one.units, SPLIT) <= 5


@pytest.mark.parametrize("delta", DELTAS, ids=str)
def test_there_and_back(delta):
    for epsilon in EPSILONS:
        units = rho_units(epsilon, delta)
        assert epsilon_of(units, delta) <= epsilon
        assert epsilon_of(units + 1 + units // 10**9, delta) > epsilon - Fraction(1, 10**6) * (1 + epsilon)
        assert rho_units(epsilon_of(units, delta), delta) >= units - 1 - units // 10**6


def test_no_loss_is_no_epsilon():
    assert epsilon_of(0, SPLIT) == 0
    assert rho_units(Fraction(0), SPLIT) == 0


def test_large_and_fast():
    """ε up to 10^7 converts within the ledger's integers; the ceiling finds a search that does not end, no busy machine."""
    start = time.process_time()
    for epsilon in (Fraction(1, 3), Fraction(10**7), Fraction(10**7 - 1, 7)):
        for step in range(5):
            units = rho_units(epsilon + Fraction(step, 10**9), SPLIT)
            assert epsilon_of(units, SPLIT) <= epsilon + Fraction(step + 1, 10**9)
            assert 0 < units < UNITS_LIMIT
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("epsilon", "delta"),
    [(Fraction(-1), SPLIT), (Fraction(1), Fraction(0)), (Fraction(1), Fraction(1)), (Fraction(10**12), SPLIT)],
)
def test_impossible_parameters(epsilon, delta):
    with pytest.raises(ValueError, match="lie"):
        rho_units(epsilon, delta)
    with pytest.raises(ValueError, match="lie"):
        epsilon_of(-1 if epsilon < 0 or epsilon > 10**11 else 5, delta)


def test_losses_of_a_pure_space():
    assert request_loss(PURE, Fraction(1)) == Loss(Mode.PURE, UNITS)
    assert request_loss(PURE, Fraction(10_000_000_019, 10_000_000_000)) == Loss(Mode.PURE, 1_000_000_001)
    assert budget_loss(PURE, Fraction(5)) == Loss(Mode.PURE, 5 * UNITS, 0)


def test_budgets_hold_the_selection_half_of_delta_and_requests_none():
    assert budget_loss(ZCDP, Fraction(5)).delta == 5 * 10**11
    assert request_loss(ZCDP, Fraction(5)) == Loss(Mode.ZCDP, budget_loss(ZCDP, Fraction(5)).units, 0)


@pytest.mark.parametrize("space", [ZCDP, PURE], ids=["zcdp", "pure"])
def test_losses_outside_the_ledger_are_refused(space):
    for epsilon in (Fraction(0), Fraction(1, 10**7), Fraction(1, 10**300)):
        with pytest.raises(LossTooSmall):
            request_loss(space, epsilon)
    for epsilon in (Fraction(10**11), Fraction(10**12), Fraction(10**400)):
        with pytest.raises(LossTooLarge):
            budget_loss(space, epsilon)
    assert request_loss(space, Fraction(10**9)).units <= UNITS_LIMIT


def test_questions_that_differ_in_the_seventh_digit_differ_in_cost():
    """Audits vary ε a little to be asked anew: at ε = 1 a step of 10^-7 is some units of ρ, one of 10^-9 is none."""
    assert len({request_loss(ZCDP, 1 + Fraction(step, 10**7)).units for step in range(8)}) == 8
    assert len({request_loss(ZCDP, 1 + Fraction(step, 10**9)).units for step in range(8)}) < 8
