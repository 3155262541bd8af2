"""Noise preparation: the second derivation of sensitivity, and OpenDP's map against the stated cost."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from engine_tables import BOUNDS, KEYS, PRIMITIVES, PRIVATE_KEYS, WIDE_PRIMITIVES, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits, width
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.privacy.mechanism import check_spec, measurement_spec
from sandbox.terms.loss import Loss, Mode
from workers.noise import NoiseRefused, noisy_units, prepare, root_up

MODES = st.sampled_from(list(Mode))
KEY_SETS = st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=2)


@settings(max_examples=100, deadline=None)
@given(BOUNDS, MODES, KEY_SETS, st.integers(1_000, 10**11))
def test_what_the_control_plane_specifies_is_accepted(bounds, mode, keys, units):
    plan = plan_of(keys=keys, bounds=bounds, primitives=(*PRIMITIVES, *WIDE_PRIMITIVES))
    spec = measurement_spec(plan, mode, units)
    check_spec(plan, spec)
    (mechanisms,) = prepare(plan, spec, Loss(mode, units))
    assert [mechanism.size for mechanism in mechanisms] == [
        plan.measurements[0].groups * width(primitive) for primitive in plan.primitives
    ]


def selecting(bounds, primitives=WIDE_PRIMITIVES):
    return plan_of(keys=(PRIVATE_KEYS["note"], KEYS["sex"]), bounds=bounds, primitives=primitives)


@settings(max_examples=100, deadline=None)
@given(BOUNDS, st.integers(10**5, 10**14), st.integers(1, 10**17))
def test_what_the_control_plane_selects_is_accepted(bounds, units, delta):
    plan = selecting(bounds)
    spec = measurement_spec(plan, Mode.ZCDP, units, delta)
    (mechanisms,) = prepare(plan, spec, Loss(Mode.ZCDP, units, delta))
    assert [mechanism.threshold for mechanism in mechanisms] == [vector.threshold for vector in spec.vectors]
    assert {mechanism.size for mechanism in mechanisms} == {None}


@settings(max_examples=50, deadline=None)
@given(BOUNDS, st.integers(10**5, 10**11), st.integers(10**3, 10**16))
def test_a_threshold_that_lets_more_through_is_refused(bounds, units, delta):
    plan = selecting(bounds)
    spec = measurement_spec(plan, Mode.ZCDP, units, delta)
    first = spec.vectors[0]
    step = 2 if float.fromhex(first.scale) > 64 else 1
    for weaker in (
        replace(first, threshold=max(0, first.threshold - step)),
        replace(first, delta=0),
        replace(first, threshold=None),
        replace(first, threshold=None, delta=0),
        replace(first, threshold=-1),
        replace(first, threshold=2**62),
    ):
        with pytest.raises(NoiseRefused):
            prepare(plan, _with(spec, 0, weaker), Loss(Mode.ZCDP, units, delta))
    with pytest.raises(NoiseRefused, match="nothing is selected"):
        second = replace(spec.vectors[1], threshold=first.threshold)
        prepare(plan, _with(spec, 1, second), Loss(Mode.ZCDP, units, delta))
    with pytest.raises(NoiseRefused, match="selections cost"):
        prepare(plan, spec, Loss(Mode.ZCDP, units, delta - 1))


def test_selection_is_for_gaussian_noise_alone():
    plan = selecting(ContributionBounds(1, 1, 1), (CountUnits(),))
    spec = MeasurementSpec(Mode.PURE, (NoisyVector(1, (1e6).hex(), 10**9, 10**9, 10**17),))
    with pytest.raises(NoiseRefused, match="Gaussian"):
        prepare(plan, spec, Loss(Mode.PURE, 10**9, 10**18))


def test_groups_show_where_they_are_strictly_above_the_threshold():
    plan = selecting(ContributionBounds(1, 1, 1), (CountUnits(),))
    spec = measurement_spec(plan, Mode.ZCDP, 10**18, 10**10)
    ((mechanism,),) = prepare(plan, spec, Loss(Mode.ZCDP, 10**18, 10**10))
    tau = mechanism.threshold
    units = np.asarray([0, tau - 1, tau, tau + 1, tau + 2], np.int64)  # the noise is zero: ρ is a thousand million
    assert [found if isinstance(found, list) else found.tolist() for found in noisy_units(mechanism, units)] == [
        [3, 4],
        [tau + 1, tau + 2],
    ]
    with pytest.raises(ValueError):
        noisy_units(replace(mechanism, threshold=None), units)


@settings(max_examples=100, deadline=None)
@given(BOUNDS, MODES, st.integers(0, len(PRIMITIVES) - 1), st.floats(0.5, 0.999999))
def test_less_noise_than_the_cost_buys_is_refused(bounds, mode, index, factor):
    plan = plan_of(keys=("sex",), bounds=bounds)
    spec = measurement_spec(plan, mode, 10**9)
    vector = spec.vectors[index]
    # Costs round up to whole units, which leaves a millionth part of room at this size.
    smaller = replace(vector, scale=(float.fromhex(vector.scale) * factor * (1 - 1e-6)).hex())
    with pytest.raises(NoiseRefused):
        prepare(plan, _with(spec, index, smaller), Loss(mode, 10**9))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("change", [-1, 1])
def test_another_sensitivity_is_refused(mode, change):
    plan = plan_of(bounds=ContributionBounds(6, 2, 3))
    spec = measurement_spec(plan, mode, 10**9)
    vector = spec.vectors[0]
    with pytest.raises(NoiseRefused, match="sensitivity"):
        prepare(plan, _with(spec, 0, replace(vector, sensitivity=vector.sensitivity + change)), Loss(mode, 10**9))


@pytest.mark.parametrize("scale", ["nan", "inf", "-0x1p+3", "0x0.0p+0", "0x1p+2000", "ten", "0x1.8p+61"])
def test_scales_that_are_not_positive_and_small_enough_are_refused(scale):
    plan = plan_of()
    spec = measurement_spec(plan, Mode.PURE, 10**9)
    with pytest.raises(NoiseRefused):
        prepare(plan, _with(spec, 0, replace(spec.vectors[0], scale=scale)), Loss(Mode.PURE, 10**9))


def test_costs_beyond_the_reservation_are_refused():
    plan = plan_of()
    spec = measurement_spec(plan, Mode.ZCDP, 10**9)
    prepare(plan, spec, Loss(Mode.ZCDP, spec.cost.units))
    with pytest.raises(NoiseRefused, match="reserved"):
        prepare(plan, spec, Loss(Mode.ZCDP, spec.cost.units - 1))
    with pytest.raises(NoiseRefused, match="mode"):
        prepare(plan, spec, Loss(Mode.PURE, spec.cost.units))
    with pytest.raises(NoiseRefused, match="positive"):
        prepare(plan, _with(spec, 0, replace(spec.vectors[0], cost=-(10**12))), Loss(Mode.ZCDP, spec.cost.units))
    with pytest.raises(NoiseRefused, match="each primitive"):
        prepare(plan, MeasurementSpec(spec.mode, spec.vectors[1:]), Loss(Mode.ZCDP, 10**9))


def test_bounds_give_the_sensitivities_of_the_design():
    plan = plan_of(keys=("sex",), bounds=ContributionBounds(7, 2, 4), primitives=(
        CountRows(), CountUnits(), *WIDE_PRIMITIVES[1:2], CountDistinct(KEYS["sex"].operand, 3), *WIDE_PRIMITIVES[5:6],
    ))  # fmt: skip
    for mode, sizes in ((Mode.PURE, (7, 2, 2, 3, 14)), (Mode.ZCDP, (28, 2, 2, 9, 56))):
        spec = MeasurementSpec(mode, tuple(NoisyVector(size, (1e6).hex(), 10**9) for size in sizes))
        assert len(prepare(plan, spec, Loss(mode, 5 * 10**9))[0]) == 5
        for place in range(5):
            smaller = replace(spec.vectors[place], sensitivity=sizes[place] - 1)
            with pytest.raises(NoiseRefused, match="sensitivity"):
                prepare(plan, _with(spec, place, smaller), Loss(mode, 5 * 10**9))


def test_draws_are_int64_of_the_plan_and_differ():
    plan = plan_of(keys=("sex",), primitives=(CountRows(),))
    ((mechanism,),) = prepare(plan, measurement_spec(plan, Mode.PURE, 10**6), Loss(Mode.PURE, 10**6))
    first, second = (mechanism.draw(np.zeros(3, np.int64)) for _ in range(2))
    assert first.dtype == np.int64
    assert first.shape == (3,)
    assert first.tolist() != second.tolist()
    for wrong in (np.zeros(3, np.int32), np.zeros(3), np.zeros(4, np.int64)):
        with pytest.raises(ValueError):
            mechanism.draw(wrong)


@pytest.mark.parametrize("mode", list(Mode))
def test_more_than_twenty_thousand_groups_in_one_process(mode):
    wide = replace(KEYS["level"], values=tuple(range(30_000)))
    plan = plan_of(keys=(wide,), bounds=ContributionBounds(1, 1, 1), primitives=(CountRows(),))
    ((mechanism,),) = prepare(plan, measurement_spec(plan, mode, 10**9), Loss(mode, 10**9))
    drawn = mechanism.draw(np.full(30_000, 5, np.int64))
    assert abs(float(drawn.mean()) - 5) < 0.1


@given(st.integers(1, 10**40))
def test_root_up_is_never_below_the_root_and_one_step_above_at_most(square):
    root = root_up(square)
    assert Fraction(root) ** 2 >= square
    below = math.nextafter(math.nextafter(root, 0), 0)
    assert Fraction(below) ** 2 < square


def _with(spec, index, vector):
    vectors = list(spec.vectors)
    vectors[index] = vector
    return MeasurementSpec(spec.mode, tuple(vectors))
