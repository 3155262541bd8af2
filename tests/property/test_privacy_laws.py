"""Laws of the privacy room over generated values."""

import math
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_plans import EVERY_KIND, a_plan, a_sum

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import CountUnits
from sandbox.privacy.accuracy import half_width, interval
from sandbox.privacy.conversion import epsilon_of, rho_units
from sandbox.privacy.mechanism import check_spec, measurement_spec, noise_cost, noise_scale
from sandbox.privacy.selection import exposed_groups, keeps, tail, threshold
from sandbox.privacy.sensitivity import sensitivity
from sandbox.terms.answer import CountColumn, MeanColumn, Noise
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import LossTooSmall, RangeTooWide

modes = st.sampled_from(Mode)
sizes = st.integers(1, 10**30)
losses = st.integers(1, 9 * 10**18)
epsilons = st.fractions(Fraction(1, 10**4), 10**7, max_denominator=10**9)
deltas = st.integers(1, 60).flatmap(lambda bits: st.integers(1, 9).map(lambda n: Fraction(n, 10 * 2**bits)))
bounds = st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60)).map(
    lambda n: ContributionBounds(n[0], n[1], min(n[0], n[2]))
)
scales = st.floats(0.01, 1e9)
levels = st.floats(0.01, 0.9999)


@settings(deadline=None)
@given(sizes, modes, losses)
def test_noise_costs_no_more_than_its_share(size, mode, units):
    scale = noise_scale(size, mode, units)
    cost = noise_cost(size, mode, scale)
    exact = Fraction(size, 2) / Fraction(scale) ** 2 if mode is Mode.ZCDP else size / Fraction(scale)
    assert 0 < exact * UNITS < cost <= units
    assert cost - exact * UNITS <= 1 + cost * Fraction(1, 2**39)


@settings(deadline=None)
@given(sizes, modes, losses, losses)
def test_more_loss_is_less_noise(size, mode, one, two):
    less, more = sorted((one, two))
    assert noise_scale(size, mode, less) >= noise_scale(size, mode, more)
    assert noise_scale(size + 1, mode, less) >= noise_scale(size, mode, less)


@settings(deadline=None)
@given(bounds, modes)
def test_sensitivity_grows_with_every_bound(within, mode):
    for primitive in EVERY_KIND:
        size = sensitivity(primitive, within, mode)
        assert size >= 1
        for wider in (
            ContributionBounds(within.rows + 1, within.groups, within.rows_per_group),
            ContributionBounds(within.rows, within.groups + 1, within.rows_per_group),
            ContributionBounds(within.rows + 1, within.groups, within.rows_per_group + 1),
        ):
            assert sensitivity(primitive, wider, mode) >= size


@settings(deadline=None)
@given(bounds)
def test_the_two_norms_fit_each_other(within):
    """L2² <= L1² and L1 <= L2²/M for integer changes of at least M."""
    for primitive in EVERY_KIND[:3]:
        one, two = sensitivity(primitive, within, Mode.PURE), sensitivity(primitive, within, Mode.ZCDP)
        assert one <= two <= one**2


@settings(deadline=None)
@given(bounds, modes, st.integers(1, 10**16), st.integers(1, 40), st.integers(1, 10**7))
def test_specs_are_within_the_loss_and_pass_the_recheck(within, mode, units, groups, rows_max):
    plan = a_plan(
        *EVERY_KIND,
        a_sum(center="2500"),
        groups=groups,
        rows=within.rows,
        max_groups=within.groups,
        per_group=within.rows_per_group,
        rows_max=rows_max,
    )
    try:
        spec = measurement_spec(plan, mode, units)
    except LossTooSmall:
        assert units < len(plan.primitives)
        return
    except RangeTooWide:
        assume(False)
    check_spec(plan, spec)
    assert len(plan.primitives) <= spec.cost.units <= units


@settings(deadline=None)
@given(modes, st.floats(0.05, 1e12), st.integers(1, 10**6), st.integers(1, 10**17))
def test_the_threshold_is_the_least_that_keeps_within_delta(mode, scale, groups, delta):
    tau = threshold(mode, scale, groups, delta)
    assert tau >= 1
    assert keeps(mode, scale, groups, delta, tau)
    assert keeps(mode, scale, groups, delta, tau + 1)
    assert tau == 1 or not keeps(mode, scale, groups, delta, tau - 1)


@settings(deadline=None)
@given(modes, st.floats(0.05, 1e6), st.integers(1, 1000), st.integers(1, 10**17), st.integers(1, 10**17))
def test_thresholds_grow_with_groups_and_fall_with_delta(mode, scale, groups, one, two):
    less, more = sorted((one, two))
    assert threshold(mode, scale, groups, less) >= threshold(mode, scale, groups, more)
    assert threshold(mode, scale, groups + 1, less) >= threshold(mode, scale, groups, less)


@settings(deadline=None)
@given(modes, st.floats(0.05, 1e9), st.integers(1, 10**9))
def test_tails_fall(mode, scale, least):
    assert 0 <= tail(mode, scale, least + 1) <= tail(mode, scale, least) <= 1


@settings(deadline=None)
@given(bounds, st.integers(1, 40), st.integers(10**4, 10**14), st.integers(1, 10**15))
def test_selecting_specs_are_within_the_loss_and_pass_the_recheck(within, rows_max, units, delta):
    plan = a_plan(
        CountUnits(),
        *EVERY_KIND,
        rows=within.rows,
        max_groups=within.groups,
        per_group=within.rows_per_group,
        rows_max=rows_max,
        private=True,
    )
    spec = measurement_spec(plan, Mode.ZCDP, units, delta)
    check_spec(plan, spec)
    assert (spec.cost.units <= units, spec.cost.delta) == (True, delta)
    first = spec.vectors[0]
    alone = exposed_groups(within) if rows_max >= within.groups else min(rows_max, within.rows)
    assert first.threshold == threshold(Mode.ZCDP, float.fromhex(first.scale), alone, delta)


@settings(deadline=None)
@given(epsilons, epsilons, deltas)
def test_more_epsilon_is_never_less_rho(one, two, delta):
    less, more = sorted((one, two))
    assert rho_units(less, delta) <= rho_units(more, delta)


@settings(deadline=None)
@given(epsilons, deltas, deltas)
def test_more_delta_is_never_less_rho(epsilon, one, two):
    less, more = sorted((one, two))
    assert rho_units(epsilon, less) <= rho_units(epsilon, more)


@settings(deadline=None)
@given(st.integers(0, 10**17), st.integers(0, 10**17), deltas)
def test_more_rho_is_never_less_epsilon(one, two, delta):
    less, more = sorted((one, two))
    assert epsilon_of(less, delta) <= epsilon_of(more, delta)


@settings(deadline=None)
@given(epsilons, deltas)
def test_a_round_trip_never_gains(epsilon, delta):
    units = rho_units(epsilon, delta)
    assert epsilon_of(units, delta) <= epsilon + Fraction(1, UNITS)
    # (ε, δ) keeps two Gaussians within a distance of ε/2 + δ in total variation, and theirs is at least √ρ / 2.
    assert units <= UNITS * max(epsilon, 4 * (epsilon / 2 + delta) ** 2) or delta > Fraction(1, 100)


@settings(deadline=None)
@given(st.integers(1, 10**12), deltas, st.floats(-12, 12))
def test_epsilon_of_is_no_more_than_any_order_gives(units, delta, step):
    """The certified ε is the least over α, up to rounding: each α of a float computation gives at least it."""
    rho, above = units / UNITS, math.exp(step)
    alpha = 1 + above
    given_by = alpha * rho - (alpha * math.log(alpha) + math.log(delta)) / above + math.log(above)
    found = float(epsilon_of(units, delta))
    assert found <= max(0.0, given_by) * (1 + 1e-9) + 2e-9 + 1e-12 * alpha / above


@settings(deadline=None)
@given(st.sampled_from(["discrete gaussian", "discrete laplace"]), scales, scales, levels, levels)
def test_half_widths_grow_with_scale_and_level(mechanism, one, two, first, second):
    narrow, wide = sorted((one, two))
    less, more = sorted((first, second))
    small = half_width(Noise(mechanism, narrow.hex()), less)
    assert small <= half_width(Noise(mechanism, narrow.hex()), more)
    slack = 3 if mechanism == "discrete gaussian" else 1
    assert small <= half_width(Noise(mechanism, wide.hex()), less) + slack
    assert small >= 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**9)), min_size=1, max_size=5),
    scales,
    scales,
    levels,
)
def test_intervals_hold_what_is_shown(rows, one, two, level):
    noises = Noise("discrete laplace", one.hex()), Noise("discrete gaussian", two.hex())
    totals, counts = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    mean = MeanColumn("m", totals, counts, Fraction(5), Fraction(1, 100), Fraction(-7), Fraction(1000, 3), *noises)
    for shown, (low, high) in zip(mean.numbers(), interval(mean, level), strict=True):
        assert float(mean.low) <= low <= shown <= high <= float(mean.high)
    count = CountColumn("n", counts, noises[0])
    for shown, (low, high) in zip(count.numbers(), interval(count, level), strict=True):
        assert low <= shown <= high
