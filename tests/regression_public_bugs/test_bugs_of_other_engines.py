"""Google's libraries, PipelineDP, Qrlew, Tumult, Lomas, diffprivlib, DPSQL+, PySyft and others; each bug planted here."""

import itertools
import json
import logging
import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from audit_line import ask
from bug_world import BASE, CLINIC, HEAVY, Bench, plan_of, priced, row, spec_of
from made_plans import a_measurement
from noisy_plans import SITE_TABLE, SITES, a_plan_of, a_spec
from scipy import stats

from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import CountDistinct, CountRows, CountUnits
from sandbox.privacy.accuracy import half_width, noise_of
from sandbox.privacy.mechanism import check_spec, noise_scale
from sandbox.privacy.selection import exposed_groups, keeps, threshold
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.answer import Answer
from sandbox.terms.loss import UNITS, Mode
from sandbox.terms.refusal import KeysNotPublic, NotAnswerable
from workers import noise
from workers.finish import finish
from workers.fixed_point import FixedPoint
from workers.noise import Mechanism

# -- Google: differential-privacy, GoogleSQL, BigQuery; Privacy on Beam ------------------------------------------------


def test_google_84_distinct_values_are_bounded_for_each_unit(bugs: Bench):
    """DistinctPerKey did not bound how many values one unit brings."""
    sql = "select ward, count(distinct weight) from clinic.visits group by ward"
    unit = [row("x", ward, weight=float(1000 + number)) for number, ward in enumerate(["north", "south"] * 20)]
    assert any(isinstance(primitive, CountDistinct) for primitive in plan_of(sql).primitives)
    assert bugs.within(sql, unit)
    without, with_unit = (bugs.exact(sql, rows)[0] for rows in (BASE, [*BASE, *unit]))
    assert int(np.abs(with_unit - without).sum()) <= 6 < len({item[5] for item in unit})


@pytest.mark.parametrize("issue", ["126", "127"])
def test_google_126_and_127_sums_do_not_depend_on_the_order_of_rows(bugs: Bench, issue):
    """Sums of floats: rounding, and the order of rows, changed them by more than the sensitivity."""
    rows = [*BASE, *(row(f"q{number}", cost=0.1 * number + 1e-9) for number in range(30))]
    mixed = rows[:]
    random.Random(int(issue)).shuffle(mixed)
    sql = "select sum(cost), avg(cost) from clinic.visits"
    assert all(np.array_equal(one, two) for one, two in zip(bugs.exact(sql, rows), bugs.exact(sql, mixed), strict=True))
    floats = [0.1, 0.2, 0.3, 1e16, -1e16]
    assert sum(floats) != sum(reversed(floats))


def test_bigquery_and_lomas_a_failing_row_is_no_failing_query(bugs: Bench):
    """A query that failed was refunded: with a failure that depends on a row, that is a free answer without noise."""
    odd = [row("x", age=0, cost=-0.0, weight=-1.0, city="9" * 19, seen=2**55)]
    for sql in (
        "select count(age / (age - age)) as a, count(cast(city as int)) as b from clinic.visits",
        "select count(ln(weight)), count(sqrt(weight)), count(age // 0), count(age % 0) from clinic.visits",
        "select count(date_trunc('month', seen)), count(power(weight, 1e300)) from clinic.visits",
    ):
        assert bugs.within(sql, odd)
    with pytest.raises(ZeroDivisionError):
        1 // 0


# -- PipelineDP --------------------------------------------------------------------------------------------------------


def most(bounds: ContributionBounds, mode: Mode) -> int:
    """The largest norm that a unit's counts can have, by trying them all."""
    found = 0
    for counts in itertools.product(range(bounds.rows_per_group + 1), repeat=4):
        if sum(counts) <= bounds.rows and sum(count > 0 for count in counts) <= bounds.groups:
            norm = sum(counts) if mode is Mode.PURE else sum(count**2 for count in counts)
            found = max(found, norm)
    return found


@pytest.mark.parametrize("mode", list(Mode))
def test_pipelinedp_384_sensitivities_are_those_of_all_contributions(mode):
    """A formula of the sensitivity was wrong, and so was its test."""
    reached = 0
    for rows, groups, each in itertools.product(range(1, 6), range(1, 4), range(1, 6)):
        if each > rows:
            continue
        bounds = ContributionBounds(rows, groups, each)
        formula = sensitivity(CountRows(), bounds, mode)
        assert formula >= most(bounds, mode)
        reached += formula == most(bounds, mode)
    assert reached > 20
    planted = ContributionBounds(5, 3, 2)
    assert planted.groups < most(planted, mode)


def test_pipelinedp_504_the_stated_spread_is_that_of_the_noise():
    """The standard deviation of the noise was computed wrongly."""
    spec = spec_of("select count(*) from clinic.visits")
    sigma = float.fromhex(spec.vectors[0].scale)
    width = half_width(noise_of(spec, 0), 0.95)

    def covered(half):
        return 2 * stats.norm.cdf((half + 0.5) / sigma) - 1

    assert 0.95 <= covered(width) <= 0.96
    assert not 0.95 <= covered(width / math.sqrt(2)) <= 0.96


@pytest.mark.parametrize("issue", ["552", "559"])
def test_pipelinedp_552_and_559_the_budget_is_split_over_the_vectors(issue):
    """The noise of a vector was that of a budget split once too often: too much of it."""
    spec, alone = (
        spec_of("select avg(cost), count(*) from clinic.visits"),
        spec_of("select count(*) from clinic.visits"),
    )
    share = alone.cost.units // len(spec.vectors)
    assert all(share * (1 - 1e-6) <= vector.cost <= share for vector in spec.vectors), issue
    twice = noise_scale(spec.vectors[0].sensitivity, Mode.ZCDP, share // 2)
    assert float.fromhex(spec.vectors[0].scale) < twice


# -- Qrlew -------------------------------------------------------------------------------------------------------------


def test_qrlew_0_9_26_the_threshold_counts_all_groups_of_one_unit():
    """τ was that of one group for each unit, however many a unit touches."""
    measurement = a_measurement(CountUnits(), CountRows(), private=True, max_groups=10)
    k = exposed_groups(effective_bounds(measurement))
    assert k == 10
    delta, sigma = 10**12, 20.0
    tau, alone = threshold(Mode.ZCDP, sigma, k, delta), threshold(Mode.ZCDP, sigma, 1, delta)
    assert keeps(Mode.ZCDP, sigma, k, delta, tau)
    assert alone < tau
    assert not keeps(Mode.ZCDP, sigma, k, delta, alone)


def test_qrlew_0_9_27_a_threshold_of_another_scale_is_refused():
    """τ of Gaussian noise was computed with a wrong scale."""
    sql = "select city, count(*) from clinic.visits group by city"
    spec, plan = spec_of(sql), plan_of(sql)
    check_spec(plan, spec)
    tau = spec.vectors[0].threshold
    low = replace(spec, vectors=(replace(spec.vectors[0], threshold=tau // 2), *spec.vectors[1:]))
    with pytest.raises(ValueError, match="too low"):
        check_spec(plan, low)
    with pytest.raises(noise.NoiseRefused, match="more than its delta"):
        noise.prepare(plan, low, low.cost)


def test_qrlew_0_9_23_the_noise_multiplier_is_that_of_the_loss():
    """The multiplier between sensitivity and noise was wrong."""
    for size, units in ((1, UNITS // 100), (36, UNITS // 7), (10**12, UNITS)):
        sigma = Fraction(noise_scale(size, Mode.ZCDP, units))
        assert Fraction(size, 2) / sigma**2 <= Fraction(units, UNITS)
        wrong = Fraction(math.isqrt(size)) * Fraction(units, UNITS)
        assert not Fraction(size, 2) / wrong**2 <= Fraction(units, UNITS) or wrong > sigma


def test_qrlew_168_nothing_weaker_takes_the_place_of_what_was_asked():
    """Where a query could not be rewritten as asked, a weaker form was taken silently."""
    with pytest.raises(KeysNotPublic):
        ask("select city, count(*) from clinic.visits group by city", Mode.PURE, Fraction(1), world=CLINIC)
    assert ask("select ward, count(*) from clinic.visits group by ward", Mode.PURE, Fraction(1), world=CLINIC)


@pytest.mark.parametrize("call", ["random()", "rand()", "uuid()"])
def test_qrlew_noise_is_no_number_of_sql(call):
    """Noise was Box-Muller over the RANDOM() of the database."""
    with pytest.raises(NotAnswerable):
        plan_of(f"select count(*) from clinic.visits where {call} < 0.5")
    assert plan_of("select count(*) from clinic.visits where 0.2 < 0.5")


# -- Lomas -------------------------------------------------------------------------------------------------------------


def test_lomas_310_no_answer_costs_nothing():
    """Queries cost 0.0 because lengths of groups were "always" known."""
    for sql in (
        "select ward, count(*) from clinic.visits group by ward",
        "select count(*) from clinic.visits where false is true",
    ):
        for mode in Mode:
            spec = spec_of(sql, mode)
            assert spec.cost.units > 0
            assert all(vector.cost > 0 for vector in spec.vectors)
    free = replace(spec, vectors=tuple(replace(vector, cost=0) for vector in spec.vectors))
    assert not free.cost.units > 0


def test_lomas_311_groups_that_are_not_declared_need_no_count_and_no_threshold_by_hand():
    """A count had to be among the aggregates, and the threshold calibrated by hand."""
    spec = spec_of("select city, sum(age) from clinic.visits group by city")
    assert spec.vectors[0].threshold is not None
    assert spec.vectors[0].delta > 0
    assert all(vector.threshold is None for vector in spec.vectors[1:])
    assert spec_of("select ward, sum(age) from clinic.visits group by ward").vectors[0].threshold is None


class Counting:
    """A mechanism that counts its draws."""

    def __init__(self):
        self.draws = 0

    def __call__(self, vector):
        self.draws += 1
        return vector


def test_lomas_one_draw_for_one_charge(bugs: Bench):
    """Where the result had a NULL it was drawn again, up to a limit, without charging again."""
    from workers.noisy_lines import noisy_table

    measured = bugs.measured("select ward, avg(cost), stddev(cost) from clinic.visits group by ward", BASE[:1])
    (measurement,) = measured.asked.plan.measurements
    counters = [Counting() for _ in measurement.primitives]
    table = noisy_table(measurement, [Mechanism(None, None, counter) for counter in counters], measured.tallies[0])
    finish("o", measured.asked.plan, measured.asked.spec, (table,))
    assert [counter.draws for counter in counters] == [1] * len(counters)
    counters[0](table.vectors[0])  # a retry
    assert [counter.draws for counter in counters] != [1] * len(counters)


@pytest.mark.parametrize("issue", ["332", "347"])
def test_lomas_332_and_347_answers_are_read_back_from_json(issue):
    """Archives could not be rebuilt after an upgrade: they were pickles."""
    plan = a_plan_of(SITES)
    answer = finish("o", plan, a_spec(plan), (SITE_TABLE,))
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer, issue
    with pytest.raises((KeyError, ValueError, TypeError)):
        Answer.from_json({"format": "pickle"})


# -- Tumult, diffprivlib, PySyft, DPSQL+, DuckDB's dp, AWS -------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["create function f(x) as x", "select f(age) from clinic.visits", "create macro f(x) as x"]
)
def test_tumult_no_function_of_the_analyst_runs(text):
    """Side effects of an analyst's functions told about rows."""
    with pytest.raises(NotAnswerable):
        plan_of(text)
    assert plan_of("select count(abs(age)) from clinic.visits")


def test_diffprivlib_outputs_of_neighbours_are_of_one_lattice():
    """The last bits of noisy floats told which of two neighbours it was (Mironov 2012, Haney et al. 2022)."""
    from noisy_plans import by_site

    plan = a_plan_of(SITES, by_site())
    answer = finish("o", plan, a_spec(plan), (SITE_TABLE,))
    (total,) = (column for column in answer.columns if column.name == "total")
    assert all(isinstance(integer, int) for integer in total.integers)
    drawn = np.random.default_rng(1).laplace(0, 1, 100) + np.asarray([0.0, 1.0] * 50)
    assert not all((value * 100).is_integer() for value in drawn.tolist())


def test_pysyft_6956_one_nan_hides_nothing_but_itself(bugs: Bench, monkeypatch: pytest.MonkeyPatch):
    """One NaN made a whole array leak."""
    sql = "select ward, sum(cost) from clinic.visits group by ward"
    clean, one = bugs.exact(sql, BASE), bugs.exact(sql, [*BASE, row("x", cost=math.nan)])
    assert np.array_equal(clean[0], one[0])
    assert not np.array_equal(np.asarray([1.0, 2.0]).sum(), np.asarray([1.0, 2.0, math.nan]).sum())
    original = FixedPoint.apply
    monkeypatch.setattr(FixedPoint, "apply", lambda self, vector: original(self, vector) + 1)
    assert not np.array_equal(bugs.exact(sql, BASE)[0], bugs.exact(sql, [*BASE, row("x", cost=math.nan)])[0])


def test_dpsqlplus_and_lomas_no_log_holds_a_value(bugs: Bench, caplog: pytest.LogCaptureFixture):
    """The debug log had raw values; telemetry too."""
    canary = row("canary-person", city="canary-city", age=77, cost=33.375)
    with caplog.at_level(logging.DEBUG):
        bugs.measured("select city, sum(cost) from clinic.visits group by city", [*BASE, canary])
    assert not any("canary" in record.getMessage() for record in caplog.records)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("planted").debug("secure_gauss: input=%s", canary[2])
    assert any("canary" in record.getMessage() for record in caplog.records)


def test_duckdb_dp_two_draws_of_one_vector_differ(bugs: Bench):
    """Noise was a function of the query and a salt: whoever knows the salt takes it off."""
    measured = bugs.measured("select ward, count(*) from clinic.visits group by ward", BASE)
    mechanism, exact = measured.mechanisms[0][0], measured.vectors()[0][0]
    draws = {tuple(mechanism.draw(exact).tolist()) for _ in range(30)}
    assert len(draws) >= 29
    seeded = {tuple((exact + np.random.default_rng(7).integers(-9, 9, len(exact))).tolist()) for _ in range(30)}
    assert len(seeded) == 1


def test_aws_and_googlesql_overflow_is_ruled_out_before_a_row_is_read(bugs: Bench):
    """Queries that can overflow or cast wrongly "do not guarantee differential privacy"."""
    with pytest.raises(NotAnswerable) as found:
        plan_of("select sum(age * 4000000000000000000) from clinic.visits")
    assert found.value.code == "range-too-wide"
    extreme = [row("x", age=2**60, cost=1.7e308, weight=-1.7e308)] * 40
    assert bugs.within("select sum(age * age * age), sum(cost * cost * cost) from clinic.visits", extreme)
    assert (np.asarray([2**62], np.int64) * 4).tolist() == [0]


def test_jeddak_and_postgres_the_same_question_has_one_plan():
    """Rewriters gave other queries, with fresh noise, for other spellings of one question."""
    one = "select ward, count(*) as n from clinic.visits where age > 3 and cost < 9 group by ward"
    other = "SELECT v.ward, COUNT(1) AS n FROM visits v WHERE v.cost < 9.0 AND 3 < v.age GROUP BY 1"
    assert compile_query(one, CLINIC.datasets) == compile_query(other, CLINIC.datasets)
    assert compile_query(one, CLINIC.datasets) != compile_query(one.replace("> 3", "> 4"), CLINIC.datasets)


def test_control_the_person_of_these_tests_would_be_seen(bugs: Bench):
    """Without bounds the heavy person moves everything: what `within` compares is not small by itself."""
    (move,) = bugs.moves("select count(*) from clinic.visits", HEAVY)
    assert move.moved == move.allowed == 36 < len(HEAVY) ** 2
    assert priced("select count(*) from clinic.visits").spec.vectors[0].sensitivity == 36
