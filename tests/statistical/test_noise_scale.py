"""The noise has the scale that was specified: 10,000 draws at α = 10⁻⁶.

Pearson's chi-square over 20 bins of nearly equal exact probability (21 at most; the smallest expects over 100 draws) of the
discrete Gaussian and the discrete Laplace, drawn through `workers.noise` as a query draws it. A right scale fails with
probability 10⁻⁶ a test. A scale that is 20 % too large or too small passes with probability below 10⁻⁶: the chi-square
statistic is then noncentral with λ = 10,000 · Σ (q - p)² / p, computed from the exact probabilities by
`test_the_power_is_as_stated` (λ ≥ 250 in every case against a threshold near 71).
"""

import math

import numpy as np
import pytest
from scipy import stats

from sandbox.plan.answers import CountOutput, Measured
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import CountRows
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.privacy.measurement import MeasurementSpec, NoisyVector
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Loss, Mode
from workers.noise import prepare

DRAWS = 10_000
ALPHA = 1e-6
BINS = 20
SCALE = 10.0
MEASUREMENT = Measurement(
    Scan("clinic", "visits", "", (("g", Type.INT),), 10**6, 1),
    (GroupKey(ColumnRef("g", Type.INT), Type.INT, tuple(range(DRAWS))),),
    ContributionBounds(1, 1, 1),
    (CountRows(),),
)
PLAN = Plan("people", (MEASUREMENT,), Measured(0, (CountOutput("n", 0),)))
MODES = pytest.mark.parametrize("mode", list(Mode))


def pmf(mode: Mode, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact probabilities of the integers within 60 scales."""
    points = np.arange(-math.ceil(60 * scale), math.ceil(60 * scale) + 1)
    logs = -(points**2) / (2 * scale**2) if mode is Mode.ZCDP else -np.abs(points) / scale
    weights = np.exp(logs)
    return points, weights / weights.sum()


def edges(mode: Mode) -> np.ndarray:
    """The last integers of the bins, of nearly equal probability at SCALE."""
    points, probabilities = pmf(mode, SCALE)
    cumulated = np.cumsum(probabilities)
    return np.unique([points[np.searchsorted(cumulated, k / BINS)] for k in range(1, BINS)])


def binned(mode: Mode, scale: float) -> np.ndarray:
    points, probabilities = pmf(mode, scale)
    return np.bincount(np.searchsorted(edges(mode), points), weights=probabilities)


def draws(mode: Mode, scale: float) -> np.ndarray:
    units = 10**9  # far more than any scale here costs: the map is checked elsewhere
    spec = MeasurementSpec(mode, (NoisyVector(1, scale.hex(), units),))
    ((mechanism,),) = prepare(PLAN, spec, Loss(mode, units))
    return mechanism.draw(np.full(DRAWS, 1_000, np.int64)) - 1_000


def p_value(mode: Mode, drawn: np.ndarray) -> float:
    expected = binned(mode, SCALE) * DRAWS
    found = np.bincount(np.searchsorted(edges(mode), drawn), minlength=len(expected))
    return float(stats.chisquare(found, expected * found.sum() / expected.sum()).pvalue)


@MODES
def test_the_right_scale_is_accepted(mode):
    assert p_value(mode, draws(mode, SCALE)) > ALPHA


@MODES
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_scale_off_by_a_fifth_is_rejected(mode, factor):
    assert p_value(mode, draws(mode, SCALE * factor)) < ALPHA


@MODES
def test_the_other_mechanism_is_rejected(mode):
    other = Mode.PURE if mode is Mode.ZCDP else Mode.ZCDP
    assert p_value(mode, draws(other, SCALE)) < ALPHA


@MODES
def test_draws_of_one_vector_do_not_depend_on_each_other(mode):
    drawn = draws(mode, SCALE).astype(float)
    correlation = np.corrcoef(drawn[:-1], drawn[1:])[0, 1]
    assert abs(correlation) < stats.norm.isf(ALPHA / 2) / math.sqrt(DRAWS)


@MODES
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_the_power_is_as_stated(mode, factor):
    p, q = binned(mode, SCALE), binned(mode, SCALE * factor)
    assert p.min() * DRAWS > 100
    freedom = len(p) - 1
    shift = DRAWS * float(((q - p) ** 2 / p).sum())
    threshold = stats.chi2.isf(ALPHA, freedom)
    assert shift > 250
    assert stats.ncx2.cdf(threshold, freedom, shift) < 1e-6


def test_control_a_mechanism_without_noise_is_rejected():
    assert p_value(Mode.ZCDP, np.zeros(DRAWS, np.int64)) < ALPHA


def test_the_plan_makes_as_many_groups_as_draws():
    assert MEASUREMENT.groups == DRAWS
