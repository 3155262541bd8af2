"""Noise and its cost, against OpenDP's own privacy maps."""

import math
import random
from dataclasses import replace
from fractions import Fraction

import opendp.prelude as dp
import pytest
from made_plans import EVERY_KIND, a_mean_plan, a_measurement, a_plan, a_sum, a_tree, larger, plan_over

from sandbox.plan.primitives import CountRows, CountUnits
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.privacy.mechanism import check_spec, measurement_spec, noise_cost, noise_scale, read_scale
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import KeysNotPublic, LossTooSmall, RangeTooWide

dp.enable_features("contrib")


def root_up(square: int) -> float:
    """The least double that is not below √square."""
    near = math.sqrt(square)
    while Fraction(near) ** 2 >= square:
        near = math.nextafter(near, 0)
    while Fraction(near) ** 2 < square:
        near = math.nextafter(near, math.inf)
    return near


def by_opendp(size: int, mode: Mode, scale: float) -> float:
    """What OpenDP says that this noise costs."""
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if mode is Mode.ZCDP:
        return dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=scale).map(root_up(size))
    return dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale).map(size)


def cases(count: int):
    draw = random.Random(2004)
    for _ in range(count):
        mode = draw.choice(tuple(Mode))
        size = int(10 ** draw.uniform(0, 18 if mode is Mode.PURE else 30))
        yield mode, max(1, size + draw.randrange(3)), int(10 ** draw.uniform(0, 18.9))


def test_opendp_agrees_with_the_cost_and_the_noise_is_not_wasteful():
    """600 sensitivities and losses in both modes: map <= cost <= share, and map > 0.999 of the cost."""
    for mode, size, units in cases(600):
        scale = noise_scale(size, mode, units)
        cost = noise_cost(size, mode, scale)
        assert 1 <= cost <= units
        found = Fraction(by_opendp(size, mode, scale))
        assert found <= Fraction(cost, UNITS)
        assert found > Fraction(999, 1000) * Fraction(min(cost, units), UNITS)


def test_control_without_slack_opendp_refuses_some():
    """The slack is needed: with the exact cost, rounded up to a unit only, OpenDP's careful map is above some of them."""

    def bare(size: int, mode: Mode, scale: float) -> int:
        loss = Fraction(size, 2) / Fraction(scale) ** 2 if mode is Mode.ZCDP else size / Fraction(scale)
        return math.ceil(loss * UNITS)

    above = 0
    for mode, size, units in cases(600):
        scale = noise_scale(size, mode, units)
        above += Fraction(by_opendp(size, mode, scale)) > Fraction(bare(size, mode, scale), UNITS)
    assert above > 0


def test_control_a_step_less_noise_costs_more_than_its_share():
    for mode, size, units in cases(200):
        scale = noise_scale(size, mode, units)
        assert noise_cost(size, mode, scale * (1 - 2**-30)) > units or units < 2**31


def test_scales_are_the_least_doubles_but_one():
    wide = 1 + Fraction(1, 2**40)
    for mode, size, units in cases(300):
        scale = noise_scale(size, mode, units)
        two_down = math.nextafter(math.nextafter(scale, 0), 0)
        if mode is Mode.ZCDP:
            assert 2 * units * Fraction(scale) ** 2 >= size * UNITS * wide
            assert 2 * units * Fraction(two_down) ** 2 < size * UNITS * wide
        else:
            assert units * Fraction(scale) >= size * UNITS * wide
            assert units * Fraction(two_down) < size * UNITS * wide


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("units", [7, 1_000, 22_937_446, 10**13, 10**16])
def test_specs_spend_no_more_than_asked(mode, units):
    plan = a_plan(*EVERY_KIND, rows_max=1_000)
    spec = measurement_spec(plan, mode, units)
    check_spec(plan, spec)
    assert spec.mode is mode
    assert spec.cost.units <= units
    assert spec.cost.units > units * (1 - 2**-20) - 14
    assert spec.cost.delta == 0
    bounds = effective_bounds(plan.measurements[0])
    for primitive, vector in zip(plan.primitives, spec.vectors, strict=True):
        assert vector.sensitivity == sensitivity(primitive, bounds, mode)
        assert vector.cost <= units // 7
        assert float.fromhex(vector.scale).hex() == vector.scale
    assert MeasurementSpec.from_json(spec.to_json()) == spec


def test_fewer_units_than_primitives_are_refused():
    with pytest.raises(LossTooSmall):
        measurement_spec(a_plan(*EVERY_KIND), Mode.ZCDP, 6)
    with pytest.raises(LossTooSmall):
        measurement_spec(a_plan(*EVERY_KIND), Mode.PURE, 0)


@pytest.mark.parametrize("mode", Mode)
def test_sums_that_could_leave_int64_are_refused(mode):
    """rows_max · magnitude + 64 · scale stays below 2^62; one row more is refused."""
    units = 10**15
    primitive = a_sum("0", str(2**40), "0", "1")
    scale = noise_scale(sensitivity(primitive, effective_bounds(a_measurement(primitive)), mode), mode, units)
    most = math.ceil((2**62 - 64 * Fraction(scale)) / 2**40) - 1
    plan = a_plan(primitive, rows_max=most)
    check_spec(plan, measurement_spec(plan, mode, units))
    with pytest.raises(RangeTooWide):
        measurement_spec(larger(plan, most + 1), mode, units)
    with pytest.raises(ValueError, match="int64"):
        check_spec(larger(plan, most + 1), measurement_spec(plan, mode, units))


def test_noise_alone_can_be_too_wide():
    with pytest.raises(RangeTooWide):
        measurement_spec(a_plan(a_sum("0", str(2**50), "0", "1"), rows_max=1), Mode.PURE, 1)
    with pytest.raises(RangeTooWide):
        noise_scale(10**400, Mode.PURE, 1)
    with pytest.raises(RangeTooWide):
        noise_scale(10**700, Mode.ZCDP, 1)


@pytest.mark.parametrize("mode", Mode)
def test_the_recheck_refuses_every_weaker_spec(mode):
    plan = a_mean_plan()
    spec = measurement_spec(plan, mode, 10**9)
    check_spec(plan, spec)
    first, *rest = spec.vectors
    scale = float.fromhex(first.scale)
    weaker = [
        replace(first, scale=(scale * (1 - 2**-29)).hex()),
        replace(first, scale=(scale / 2).hex()),
        replace(first, cost=first.cost - 1),
        replace(first, cost=0),
        replace(first, cost=-1),
        replace(first, sensitivity=first.sensitivity - 1),
        replace(first, sensitivity=first.sensitivity + 1),
        replace(first, sensitivity=0),
    ]
    weaker += [
        replace(first, scale=text)
        for text in ("0x0.0p+0", "-" + first.scale, "inf", "nan", "10", "x", "", "0x1p+9999", first.scale.upper())
    ]
    weaker += [replace(first, threshold=10), replace(first, delta=1), replace(first, threshold=10, delta=1)]
    for vector in weaker:
        with pytest.raises(ValueError, match=r"spec|scale|hex"):
            check_spec(plan, MeasurementSpec(mode, (vector, *rest)))
    for vectors in ((), (first,), (first, *rest, first), (*rest, first)):
        with pytest.raises(ValueError, match="spec"):
            check_spec(plan, MeasurementSpec(mode, vectors))
    other = Mode.PURE if mode is Mode.ZCDP else Mode.ZCDP
    with pytest.raises(ValueError, match="spec"):
        check_spec(plan, MeasurementSpec(other, spec.vectors))


def test_the_recheck_accepts_more_noise_for_the_same_cost():
    plan = a_plan(CountRows())
    (vector,) = measurement_spec(plan, Mode.ZCDP, 10**9).vectors
    louder = replace(vector, scale=(2 * float.fromhex(vector.scale)).hex())
    check_spec(plan, MeasurementSpec(Mode.ZCDP, (louder,)))


def test_a_spec_of_another_plan_is_refused():
    narrow, wide = a_plan(CountRows(), per_group=5), a_plan(CountRows(), per_group=50)
    with pytest.raises(ValueError, match="sensitivity"):
        check_spec(wide, measurement_spec(narrow, Mode.ZCDP, 10**9))


def test_scales_have_one_spelling():
    assert read_scale((10.0).hex()) == 10.0
    for text in ("0x1.4p+3", "10.0", " " + (10.0).hex(), "0x1.4000000000000P+3"):
        with pytest.raises(ValueError, match=r"scale|hex"):
            read_scale(text)


def test_known_values():
    """σ = 10 at L2 = 1 is ρ = 0.005, and b = 10 at L1 = 1 is ε = 0.1, to the slack."""
    assert noise_scale(1, Mode.ZCDP, 5_000_000) == pytest.approx(10, rel=1e-11)
    assert noise_scale(1, Mode.PURE, 100_000_000) == pytest.approx(10, rel=1e-11)
    assert noise_cost(1, Mode.ZCDP, 10.0) == 5_000_001
    assert noise_cost(1, Mode.PURE, 10.0) == 100_000_001
    assert NoisyVector(1, (10.0).hex(), 1).scale == "0x1.4000000000000p+3"


# -- several measurements, and selected ones -----------------------------------------------------------------------------


def two_measurements():
    private = a_measurement(CountUnits(), a_sum(), private=True, rows=6, max_groups=3, per_group=2)
    return plan_over(a_measurement(CountRows(), a_tree()), private, replace(private, primitives=(CountUnits(),)))


def test_loss_is_split_over_all_primitives_and_delta_over_the_selections():
    plan = two_measurements()
    spec = measurement_spec(plan, Mode.ZCDP, 10**9, 2 * 10**9 + 1)
    check_spec(plan, spec)
    assert [vector.threshold is not None for vector in spec.vectors] == [False, False, True, False, True]
    assert [vector.delta for vector in spec.vectors] == [0, 0, 10**9, 0, 10**9]
    assert all(vector.cost <= 10**9 // 5 for vector in spec.vectors)
    assert (spec.cost.units <= 10**9, spec.cost.delta) == (True, 2 * 10**9)
    assert MeasurementSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(("mode", "delta"), [(Mode.PURE, 10**12), (Mode.ZCDP, 0), (Mode.PURE, 0)])
def test_private_keys_need_a_delta_and_gaussian_noise(mode, delta):
    with pytest.raises(KeysNotPublic):
        measurement_spec(two_measurements(), mode, 10**9, delta)
    measurement_spec(a_plan(CountRows()), mode, 10**9, delta)  # control: declared keys need neither


def test_a_delta_of_less_than_one_unit_a_selection_is_refused():
    with pytest.raises(LossTooSmall):
        measurement_spec(two_measurements(), Mode.ZCDP, 10**9, 1)


def test_a_delta_that_nothing_selects_is_not_spent():
    assert measurement_spec(a_plan(CountRows()), Mode.ZCDP, 10**9, 10**12).cost.delta == 0


def test_the_recheck_refuses_every_weaker_selection():
    plan = a_plan(CountUnits(), a_sum(), private=True, max_groups=5)
    spec = measurement_spec(plan, Mode.ZCDP, 10**9, 10**10)
    first, second = spec.vectors
    weaker = [
        replace(first, threshold=first.threshold - 1),
        replace(first, threshold=0),
        replace(first, threshold=-5),
        replace(first, threshold=None),
        replace(first, threshold=None, delta=0),
        replace(first, threshold=2**61 + 1),
        replace(first, delta=0),
        replace(first, delta=-1),
        replace(first, delta=first.delta // 100),
    ]
    for vector in weaker:
        with pytest.raises(ValueError, match="spec"):
            check_spec(plan, MeasurementSpec(Mode.ZCDP, (vector, second)))
    with pytest.raises(ValueError, match="spec"):
        check_spec(plan, MeasurementSpec(Mode.ZCDP, (first, replace(second, threshold=first.threshold, delta=1))))
    for stronger in (replace(first, threshold=first.threshold + 1), replace(first, delta=2 * first.delta)):
        check_spec(plan, MeasurementSpec(Mode.ZCDP, (stronger, second)))
    # More groups in which a unit can be alone: the same threshold lets more through.
    wider = a_plan(CountUnits(), a_sum(), private=True, max_groups=6)
    with pytest.raises(ValueError, match="spec"):
        check_spec(wider, spec)
