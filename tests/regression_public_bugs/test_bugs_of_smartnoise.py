"""SmartNoise SQL: its privacy bugs and refusals, by the numbers of their issues; each with the bug planted here."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bug_world import BASE, CLINIC, HEAVY, Bench, plan_of, priced, row, spec_of
from noisy_plans import a_plan_of, a_spec, a_spread
from scipy import stats

from sandbox.plan.compile import compile_query
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.privacy import mechanism, sensitivity
from sandbox.privacy.conversion import epsilon_of, request_loss
from sandbox.privacy.mechanism import check_spec
from sandbox.privacy.selection import threshold
from sandbox.terms.dataset import UnitSpace
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import NotAnswerable
from workers import evaluate, noise
from workers.finish import finish
from workers.fixed_point import FixedPoint
from workers.noisy_table import NoisyTable


def unclamped(self, vector):
    """Summands as they are, not within the sum's bounds."""
    values = np.where(vector.valid, np.nan_to_num(vector.values, posinf=1e15, neginf=-1e15), 0)
    return np.clip(values / self.doubles[3], -(2.0**55), 2.0**55).astype(np.int64)


def test_201_clamping_is_the_last_step(bugs: Bench, monkeypatch: pytest.MonkeyPatch):
    """Values were clamped before the expression, so an expression of clamped values left its bounds."""
    sql = "select sum(weight * weight) from (select least(greatest(weight, 0), 9) as weight from clinic.visits) t"
    assert bugs.within(sql)
    (total,) = plan_of(sql).measurements[0].primitives
    assert total.high == 81
    monkeypatch.setattr(
        evaluate, "KERNELS", {**evaluate.KERNELS, "least": evaluate.KERNELS["greatest"]}
    )  # the expression's own bound is off: the last one holds
    assert bugs.within(sql)
    monkeypatch.setattr(FixedPoint, "apply", unclamped)
    assert not bugs.within(sql)


def charges_both(spec):
    """Whether each vector pays for its own noise."""
    return all(
        Fraction(vector.sensitivity, 2) / Fraction(float.fromhex(vector.scale)) ** 2 <= Fraction(vector.cost, UNITS)
        for vector in spec.vectors
    )


def test_202_avg_pays_for_its_sum_and_its_count():
    """AVG charged one of its two measurements: its loss was half of what it cost."""
    spec = spec_of("select avg(cost) from clinic.visits")
    assert len(spec.vectors) == 2
    assert charges_both(spec)
    assert spec.cost.units == sum(vector.cost for vector in spec.vectors)
    halved = tuple(replace(vector, scale=(float.fromhex(vector.scale) / math.sqrt(2)).hex()) for vector in spec.vectors)
    planted = replace(spec, vectors=halved)
    assert not charges_both(planted)
    with pytest.raises(ValueError, match="too small"):
        check_spec(plan_of("select avg(cost) from clinic.visits"), planted)


def test_203_variance_knows_the_sensitivity_of_squares(bugs: Bench, monkeypatch: pytest.MonkeyPatch):
    """VARIANCE took the sensitivity of the values for that of their squares."""
    sql = "select var_pop(cost) from clinic.visits"
    assert bugs.within(sql)
    monkeypatch.setattr(sensitivity, "magnitude", lambda primitive: 1)
    monkeypatch.setattr(mechanism, "magnitude", lambda primitive: 1)
    with pytest.raises(noise.NoiseRefused, match="does not follow"):  # the engine's own derivation stops it
        bugs.within(sql)
    assert any(vector.sensitivity < 100 for vector in spec_of(sql).vectors)


def lets_through(sigma, groups, tau):
    """P(some lone person's group shows) for Gaussian noise, from the exact distribution."""
    weights = stats.norm.pdf(np.arange(-40 * int(sigma) - 1, 40 * int(sigma) + 2) / sigma)
    steps = np.arange(-40 * int(sigma) - 1, 40 * int(sigma) + 2)
    return groups * weights[steps >= tau].sum() / weights.sum()


@pytest.mark.parametrize("sigma", [1.5, 12.0, 60.0, 300.0])
def test_204_the_threshold_is_that_of_the_noise_in_use(sigma):
    """τ was computed with the formula of Laplace noise, and Gaussian noise was added."""
    delta, groups = 10**12, 3  # δ = 10^-6
    tau = threshold(Mode.ZCDP, sigma, groups, delta)
    assert lets_through(sigma, groups, tau) <= 1e-6 * (1 + 1e-9)
    laplace = 1 + math.ceil(-math.log(2e-6) * (1 / 4))  # with a scale that is not the noise's
    assert lets_through(sigma, groups, laplace) > 1e-6


def test_317_a_column_without_bounds_is_refused_and_never_bare():
    """SUM over a column without bounds had sensitivity 0 and got no noise at all."""
    with pytest.raises(NotAnswerable) as found:
        plan_of("select sum(weight) from clinic.visits")
    assert found.value.code == "bounds-missing"
    sql = "select sum(cost) from clinic.visits"
    bare = replace(spec_of(sql), vectors=(replace(spec_of(sql).vectors[0], scale=(0.0).hex()),))
    with pytest.raises(ValueError, match="positive"):
        check_spec(plan_of(sql), bare)
    with pytest.raises(noise.NoiseRefused, match="positive"):
        noise.prepare(plan_of(sql), bare, bare.cost)


def test_344_count_and_count_distinct_in_one_query_differ(bugs: Bench):
    """Beside COUNT(DISTINCT person), COUNT(*) counted persons too."""
    rows = [*BASE, row("p0"), row("p0"), row("p1", age=None)]
    sql = "select count(*), count(distinct person), count(age), count(distinct age) from clinic.visits"
    found = [int(vector.sum()) for vector in bugs.exact(sql, rows)]
    assert found == [15, 12, 14, 13]
    kinds = [type(primitive) for primitive in plan_of(sql).primitives]
    assert kinds[:3] == [CountRows, CountUnits, CountValues]
    only_units = [int(bugs.exact("select count(distinct person) from clinic.visits", rows)[0].sum())] * 4
    assert only_units != found


@pytest.mark.parametrize("issue", ["35", "512"])
def test_35_and_512_joins_with_a_condition_work(bugs: Bench, issue):
    """JOIN … ON gave errors, and was then disabled."""
    join = {"35": "join clinic.visits b on a.person = b.person", "512": "join clinic.visits b using (person)"}[issue]
    found = bugs.exact(f"select count(*) from clinic.visits a {join}", [*BASE, row("p0")])
    assert int(found[0].sum()) == 11 + 4
    with pytest.raises(NotAnswerable):
        plan_of("select count(*) from clinic.visits a join clinic.visits b on a.age = b.age")


def test_534_declared_keys_are_all_shown(bugs: Bench):
    """There was no list of public groups: rare ones were always censored."""
    sql = "select ward, count(*) as n from clinic.visits group by ward"
    assert [int(count) for count in bugs.exact(sql, BASE)[0]] == [3, 6, 3, 0]
    private = plan_of("select city, count(*) as n from clinic.visits group by city")
    assert private.measurements[0].selected
    assert not plan_of(sql).measurements[0].selected


@pytest.mark.parametrize(("rows", "groups"), [(1, 1), (5, 1), (3, 3), (7, 5), (40, 7)])
def test_544_any_bounds_are_a_plan(rows, groups):
    """Bounds that were not equal to each other ended in a bare AssertionError."""
    text = CLINIC.descriptions["clinic"].replace("max_rows_per_unit = 6", f"max_rows_per_unit = {rows}")
    from sandbox.terms.description import parse_description

    dataset = parse_description(text.replace("max_groups_per_unit = 2", f"max_groups_per_unit = {groups}"))
    plan = compile_query("select ward, sum(age) from clinic.visits group by ward", {"clinic": dataset})
    bounds = plan.measurements[0].bounds
    assert bounds.rows == rows
    assert 1 <= bounds.groups <= groups
    assert bounds.rows_per_group <= rows


def test_547_a_deviation_below_zero_is_empty_and_not_nan():
    """The root of a noisy negative variance was NaN, later 0."""
    plan, output = a_spread("stddev_pop")
    width = len(plan.primitives)
    noisy = NoisyTable(((),), tuple((-(number + 1) * 1000,) for number in range(width)))
    (column,) = finish("o", plan, a_spec(plan), (noisy,)).columns
    (value,) = column.numbers()
    assert value is None or (math.isfinite(value) and value >= 0), output
    with np.errstate(invalid="ignore"):
        assert math.isnan(float(np.sqrt(np.float64(-1.0))))


def test_550_noisy_counts_below_zero_are_shown_as_they_are():
    """Counts below zero were replaced by zero where they were measured: sums of them are biased then."""
    from noisy_plans import SITE_TABLE, SITES

    plan = a_plan_of(SITES)
    answer = finish("o", plan, a_spec(plan), (SITE_TABLE,))
    (counts,) = (column for column in answer.columns if column.name == "n")
    assert list(counts.integers) == [10, -2, 300]
    assert list(counts.integers) != [max(0, value) for value in counts.integers]


def test_620_and_621_many_questions_cost_what_zcdp_says():
    """The odometer added ε (#620), and its formula for advanced composition was wrong (#621)."""
    space = UnitSpace("people", Mode.ZCDP, Fraction(1000), Fraction(2, 10**6))
    one = request_loss(space, Fraction(1))
    hundred = float(epsilon_of(100 * one.units, Fraction(1, 10**6)))
    rho, delta = 100 * one.units / UNITS, 1e-6
    best = min(
        rho * order + (math.log(1 / (order * delta)) + (order - 1) * math.log(1 - 1 / order)) / (order - 1)
        for order in np.linspace(1.01, 60, 40_000)
    )  # Canonne, Kamath and Steinke 2020, proposition 12, minimised anew
    simple = rho + 2 * math.sqrt(rho * math.log(1 / delta))
    assert best * (1 - 1e-3) <= hundred <= simple * (1 + 1e-9)
    assert hundred < 100 / 2
    assert not (best * (1 - 1e-3) <= 100 * 1.0 <= simple)


@pytest.mark.parametrize("function", ["covar_pop", "covar_samp", "corr"])
def test_622_and_624_covariances_are_of_clamped_values(bugs: Bench, monkeypatch: pytest.MonkeyPatch, function):
    """Products of values were not clamped, or with the bounds of one factor."""
    sql = f"select {function}(cost, age) from clinic.visits"
    assert bugs.within(sql)
    assert bugs.within(sql, [row("x", age=-(10**15), cost=-1e300), row("x", age=10**15, cost=1e300)])
    monkeypatch.setattr(FixedPoint, "apply", unclamped)
    assert not bugs.within(sql, [*HEAVY, row("x", age=-(10**15), cost=-1e300)])


def test_sums_of_expressions_and_conditions_are_answered():
    """The validator: "We don't support aggregation over expressions", subqueries disabled, one relation at most."""
    for sql in (
        "select sum(age * cost) from clinic.visits",
        "select avg(n) from (select person, count(*) n from clinic.visits group by person) t",
        "with t as (select ward, count(*) n from clinic.visits group by ward) select max(n) from t",
    ):
        assert any(isinstance(primitive, (SumValues, CountRows, CountUnits)) for primitive in plan_of(sql).primitives)
    with pytest.raises(NotAnswerable):
        plan_of("select sum(age * weight) from clinic.visits")
    assert priced("select sum(age * cost) from clinic.visits").spec.cost.units > 0
