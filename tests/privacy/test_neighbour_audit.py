"""A neighbouring-pair audit: the same question on a table with and without one heavy unit, thousands of times.

The whole line in process: SQL is compiled and priced as the service does it, bounded by the scan, and drawn by
`workers.noise`. An attacker who knows both tables and the noise's stated scale orders answers by their likelihood ratio,
picks the best threshold on one half of the draws, and on the other half bounds the ε that his success proves from
below (Clopper-Pearson, 10⁻⁶ a side). What he proves must not exceed what the question cost: in pure mode its ε; in zCDP
the ε to which its ρ converts at δ = 0.05. The heavy unit reaches the sensitivity exactly, so the audit is sharp: half
the noise, or a unit that is not bounded, proves more than was paid.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import ContributionBounds, Plan
from sandbox.privacy.conversion import epsilon_of, request_loss
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import measurement_spec
from sandbox.terms.dataset import UnitSpace
from sandbox.terms.description import parse_description
from sandbox.terms.loss import UNITS, Mode
from workers.bucket import Bucket, ColumnArray
from workers.noise import Mechanism, prepare
from workers.scan import measure_bucket

DRAWS = 12_000
ALPHA = 1e-6
DELTA = 0.05
EPSILON = {Mode.PURE: Fraction(1), Mode.ZCDP: Fraction(6)}

CLINIC = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "20" }
[tables.visits]
unit = "person"
rows_max = 1_000
max_rows_per_unit = 5
max_groups_per_unit = 2
[tables.visits.columns]
person = { type = "string", role = "unit" }
sex = { type = "string", keys = ["F", "M"] }
cost = { type = "float", bounds = [0.0, 100.0], granularity = 0.5 }
"""
DATASET = parse_description(CLINIC)

QUESTIONS = {
    "count(*)": "packed",
    "count(cost)": "packed",
    "sum(cost)": "packed",
    "avg(cost)": "packed",
    "count(distinct person)": "spread",
}
MODES = pytest.mark.parametrize("mode", list(Mode))
ASKED = pytest.mark.parametrize("aggregate", sorted(QUESTIONS))

pytestmark = pytest.mark.slow


def compiled(aggregate: str, mode: Mode) -> tuple[Plan, MeasurementSpec]:
    space = UnitSpace("people", mode, Fraction(20), Fraction(1, 10**6) if mode is Mode.ZCDP else Fraction(0))
    plan = compile_query(f"select sex, {aggregate} as a from clinic.visits group by sex", {"clinic": DATASET})
    return plan, measurement_spec(plan, mode, request_loss(space, EPSILON[mode]).units)


def table(heavy: str | None) -> Bucket:
    """Ten people with three visits each; and one with fifty, all in one group (packed) or in both (spread)."""
    runs, sexes, costs = [3] * 10, [number % 2 for number in range(30)], [float(number) for number in range(30)]
    if heavy is not None:
        runs.append(50)
        sexes += [0] * 50 if heavy == "packed" else [0, 1] * 25
        costs += [1e9] * 50
    return Bucket(
        len(sexes),
        np.asarray(runs, np.int64),
        {
            "sex": ColumnArray(np.asarray(sexes, np.int32), None, ("F", "M")),
            "cost": ColumnArray(np.asarray(costs, np.float64)),
        },
    )


def drawn(mechanisms: tuple[Mechanism, ...], exact: np.ndarray) -> np.ndarray:
    """DRAWS answers [draw, primitive · group]."""
    return np.asarray(
        [np.concatenate([m.draw(v) for m, v in zip(mechanisms, exact, strict=True)]) for _ in range(DRAWS)]
    )


def proven_epsilon(plan: Plan, spec: MeasurementSpec, used: MeasurementSpec, scanned: Plan, heavy: str) -> float:
    """The ε proven against answers whose noise follows `used` and whose bounding `scanned`, where the attacker believes
    that they follow `spec` and `plan`."""
    reserved = replace(used.cost, units=10**18)
    mechanisms = prepare(plan, used, reserved)
    absent, present = (measure_bucket(scanned, table(unit)) for unit in (None, heavy))
    scales = np.repeat([float.fromhex(vector.scale) for vector in spec.vectors], plan.groups)

    def ratio(answers: np.ndarray) -> np.ndarray:
        first, second = (answers - absent.ravel()) / scales, (answers - present.ravel()) / scales
        if spec.mode is Mode.ZCDP:
            return (first**2 - second**2).sum(axis=1) / 2
        return (np.abs(first) - np.abs(second)).sum(axis=1)

    without, with_ = ratio(drawn(mechanisms, absent)), ratio(drawn(mechanisms, present))
    half = DRAWS // 2
    delta = DELTA if spec.mode is Mode.ZCDP else 0.0
    threshold = max(
        np.quantile(with_[:half], np.linspace(0.02, 0.98, 49)),
        key=lambda t: _bound(with_[:half], without[:half], t, delta),
    )
    return _bound(with_[half:], without[half:], threshold, delta)


def _bound(with_: np.ndarray, without: np.ndarray, threshold: float, delta: float) -> float:
    hits, false_hits, draws = int((with_ >= threshold).sum()), int((without >= threshold).sum()), len(with_)
    least = stats.beta.ppf(ALPHA, hits, draws - hits + 1) if hits else 0.0
    most = stats.beta.ppf(1 - ALPHA, false_hits + 1, draws - false_hits) if false_hits < draws else 1.0
    return float(np.log(max(least - delta, 1e-300) / most))


def paid(spec: MeasurementSpec) -> float:
    if spec.mode is Mode.PURE:
        return spec.cost.units / UNITS
    return float(epsilon_of(spec.cost.units, Fraction(1, 20)))


@MODES
@ASKED
def test_one_unit_is_told_apart_no_better_than_was_paid_for(mode: Mode, aggregate: str) -> None:
    plan, spec = compiled(aggregate, mode)
    proven = proven_epsilon(plan, spec, spec, plan, QUESTIONS[aggregate])
    assert proven <= paid(spec)
    assert proven > paid(spec) / 4  # the audit is not blind


@MODES
@ASKED
def test_control_half_the_noise_is_caught(mode: Mode, aggregate: str) -> None:
    plan, spec = compiled(aggregate, mode)
    loud = [
        replace(vector, scale=(float.fromhex(vector.scale) / 2).hex(), cost=5 * vector.cost) for vector in spec.vectors
    ]
    assert proven_epsilon(plan, spec, MeasurementSpec(mode, tuple(loud)), plan, QUESTIONS[aggregate]) > paid(spec)


@MODES
def test_control_a_unit_that_is_not_bounded_is_caught(mode: Mode) -> None:
    plan, spec = compiled("count(*)", mode)
    loose = replace(plan, bounds=ContributionBounds(50, 2, 50))
    assert proven_epsilon(plan, spec, spec, loose, "packed") > paid(spec)
