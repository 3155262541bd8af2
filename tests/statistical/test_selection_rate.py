"""How often a private group of one unit shows: 100,000 groups drawn at a δ of test size, through the pass that a query takes.

A two-sided binomial test at α = 10⁻⁶ accepts the exact rate, and at most δ of the groups show, but for a deviation of
probability below 10⁻⁶. The control draws with the threshold itself let through (>=): its exact rate is above δ, and so is
what was drawn, with the same confidence.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from sandbox.plan.answers import CountOutput, KeyOutput, Measured
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import CountRows, CountUnits
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.privacy.mechanism import measurement_spec
from sandbox.privacy.selection import tail
from sandbox.terms.dataset import Type
from sandbox.terms.loss import DELTA_UNITS, Loss, Mode
from workers.key_bytes import number_bytes
from workers.noise import prepare
from workers.noisy_lines import noisy_table
from workers.tally import Tally

GROUPS = 100_000
DELTA = DELTA_UNITS // 100
ALPHA = 1e-6
UNITS = 10**8

KEY = GroupKey(ColumnRef("g", Type.INT), Type.INT, None)
SCAN = Scan("clinic", "visits", "", (("g", Type.INT),), 10**6, 1)
MEASUREMENT = Measurement(SCAN, (KEY,), ContributionBounds(1, 1, 1), (CountUnits(), CountRows()))
PLAN = Plan("people", (MEASUREMENT,), Measured(0, (KeyOutput("g", 0, Type.INT), CountOutput("n", 1))))
SPEC = measurement_spec(PLAN, Mode.ZCDP, UNITS, DELTA)


def lone_groups(units: int = 1) -> Tally:
    """Every group has that many units, with one row each."""
    keys = tuple(number_bytes(np.arange(GROUPS)))
    return Tally(keys, np.full((2, GROUPS), units, np.int64), (), ())


def shown(units: int = 1, threshold_less: int = 0):
    (mechanisms,) = prepare(PLAN, SPEC, Loss(Mode.ZCDP, UNITS, DELTA))
    first = replace(mechanisms[0], threshold=mechanisms[0].threshold - threshold_less)
    return noisy_table(MEASUREMENT, (first, *mechanisms[1:]), lone_groups(units))


def exact_rate(threshold_less: int = 0) -> float:
    """P(1 + noise > τ), from the exact sum."""
    first = SPEC.vectors[0]
    return float(tail(Mode.ZCDP, float.fromhex(first.scale), first.threshold - threshold_less))


def test_a_group_of_one_unit_shows_as_often_as_computed_and_no_more_than_delta():
    assert exact_rate() <= DELTA / DELTA_UNITS
    found = len(shown().lines)
    assert stats.binomtest(found, GROUPS, exact_rate()).pvalue > ALPHA
    assert stats.binomtest(found, GROUPS, DELTA / DELTA_UNITS, "greater").pvalue > ALPHA


def test_control_a_comparison_with_equality_shows_more_than_delta():
    """noisy >= τ is noisy > τ - 1."""
    assert exact_rate(1) > DELTA / DELTA_UNITS
    assert stats.binomtest(len(shown(threshold_less=1).lines), GROUPS, DELTA / DELTA_UNITS, "greater").pvalue < ALPHA


def test_lines_are_those_of_their_groups_in_order_with_their_own_noise():
    table = shown()
    tau = SPEC.vectors[0].threshold
    assert [line[0] for line in table.lines] == sorted(line[0] for line in table.lines)
    assert len(table.vectors[0]) == len(table.vectors[1]) == len(table.lines)
    assert min(table.vectors[0]) == tau + 1
    # The count's own noise is not the selection's: its mean is that of one row, not of what a threshold kept.
    deviation = float.fromhex(SPEC.vectors[1].scale) / len(table.lines) ** 0.5
    assert abs(float(np.mean(table.vectors[1])) - 1) < stats.norm.isf(ALPHA / 2) * deviation


@pytest.mark.parametrize("above", [60, 100])
def test_groups_of_many_units_show(above):
    """Power: a group well above the threshold is there."""
    units = SPEC.vectors[0].threshold + above
    assert len(shown(units).lines) > GROUPS * Fraction(99, 100)
