"""P9, P10, P11: attacks through numbers: the low bits of noise, overflow, rounding, order, NaN and infinities, and
parameters that a library would take from the data.

Ours are integers, exact, clamped before they are added, over declared bounds. Controls: the textbook sampler on doubles,
wrapping sums, sums of doubles, and an engine that lets NaN through.
"""

import math
import re
from pathlib import Path
from random import Random

import duckdb
import numpy as np
import pytest
from crafted_rows import KNOWN, ROWS, answered, as_fraction, duckdb_over, exact, moved

from sandbox.plan.compile import compile_query
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import Refusal

ROOT = Path(__file__).parents[2]
HEAVY = [("p500", "F", "north", 30, value) for value in (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0)]
RICH = [("p900", "F", "north", 30, 90_000.0), ("p900", "F", "north", 30, 0.01)]
BIG = """
[dataset]
name = "big"
title = "Large numbers"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "20" }
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "20", delta = "1e-6" }
[tables.rows]
unit = "who"
rows_max = 1_000_000
max_rows_per_unit = 5
[tables.rows.columns]
who = { type = "string", role = "unit" }
large = { type = "int", bounds = [0, 4_000_000_000_000_000_000] }
wide = { type = "float", bounds = [-1e15, 1e15], granularity = 0.001 }
fine = { type = "float", bounds = [0.0, 1.0], granularity = 0.000000000000001 }
free = { type = "float" }
"""
LARGE = {"big": parse_description(BIG)}


@pytest.mark.parametrize("sql", ["select sum(cost) as s from clinic.visits", "select count(*) as s from clinic.visits"])
def test_every_answer_is_reachable_from_both_neighbours(sql: str) -> None:
    """P9: answers lie on one lattice, with or without a person."""
    step = as_fraction("0.01") if "cost" in sql else as_fraction("1")
    for rows in (ROWS, ROWS[:-1]):
        for _ in range(50):
            (value,) = answered(sql, rows).columns[0].numbers()
            assert abs(as_fraction(value) / step - round(as_fraction(value) / step)) < 1e-6


def test_control_noise_on_doubles_tells_the_neighbours_apart() -> None:
    """Mironov 2012: what a textbook sampler can reach from one exact sum, it can mostly not reach from the other."""
    draws = [math.log(k / 4096) * 13.7 for k in range(1, 4096)]
    one, other = ({total + draw for draw in draws} for total in (551.25, 552.50))
    assert len(one & other) < len(one) / 100


@pytest.mark.parametrize(
    "sql",
    ["select sum(large) from big.rows", "select avg(large) from big.rows", "select sum(large * 2) from big.rows",
     "select sum(large + large) from big.rows", "select sum(wide) from big.rows",
     "select sum(fine) from big.rows", "select sum(-large) from big.rows"],
)  # fmt: skip
def test_what_could_overflow_is_refused_at_plan_time(sql: str) -> None:
    """P10: a wrapped sum moves by 2⁶⁴ when one row comes."""
    from sandbox.privacy.mechanism import measurement_spec
    from sandbox.terms.loss import Mode

    with pytest.raises(Refusal):
        measurement_spec(compile_query(sql, LARGE), Mode.ZCDP, 10**9)


def test_control_machine_integers_wrap() -> None:
    with np.errstate(over="ignore"):
        total = np.full(3, 4 * 10**18, np.int64).sum()
    assert total < 0


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_exact_in_any_order(seed: int) -> None:
    """P10 (Casacuberta et al. 2022): re-ordering and repeated rounding move no bit."""
    costs = [0.1, 0.2, 0.3, 99.99, 0.005, 0.015, 33.33, 66.67]
    rows = [(f"p{number:03d}", "F", "north", 30, cost) for number, cost in enumerate(costs)]
    expected = exact("select sum(cost) as s from clinic.visits", rows).tolist()
    names = [row[0] for row in rows]
    Random(seed).shuffle(names)
    renamed = [(name, *row[1:]) for name, row in zip(names, rows, strict=True)]
    assert exact("select sum(cost) as s from clinic.visits", renamed).tolist() == expected
    # The control: doubles do move.
    assert len({sum(Random(number).sample([0.1, 0.2, 0.3, 1e16, -1e16], 5)) for number in range(20)}) > 1


@pytest.mark.parametrize("row", HEAVY, ids=[str(row[4]) for row in HEAVY])
def test_no_value_moves_a_sum_by_more_than_its_bound(row: tuple) -> None:
    """P11: NaN adds nothing, infinities and what lies beyond count as the bound."""
    for sql, bound in (
        ("select sum(cost) as s from clinic.visits", 10_000),
        ("select avg(cost) as a from clinic.visits", 10_000),
    ):
        moved = exact(sql, (*ROWS, row)) - exact(sql, ROWS)
        assert abs(moved).max() <= bound
    with duckdb_over((*ROWS, row)) as engine:
        (total,) = engine.execute("select sum(cost) from clinic.visits").fetchone()
    plain = sum(float(row[4]) for row in ROWS)
    assert math.isnan(total) or abs(total - plain) > 100 or abs(row[4]) < 1e-300


@pytest.mark.parametrize(
    "sql",
    ["select sum(weight) from clinic.visits", "select avg(weight) from clinic.visits",
     "select median(weight) from clinic.visits", "select max(weight) from clinic.visits",
     "select stddev(weight) from clinic.visits", "select corr(weight, cost) from clinic.visits",
     "select sum(cost * weight) from clinic.visits", "select sum(weight) filter (where weight < 100) from clinic.visits",
     "select sum(least(cost, (select max(cost) from clinic.visits))) from clinic.visits",
     "select sum(cost / (select count(*) from clinic.visits)) from clinic.visits",
     "select sum(cost - m) from clinic.visits cross join (select avg(cost) as m from clinic.visits)",
     "select cost > (select avg(cost) from clinic.visits) as b, count(*) from clinic.visits group by b order by b",
     "select sum(cost) filter (where cost < (select avg(cost) from clinic.visits)) from clinic.visits",
     "select sum(c) from (select cost / max(cost) over () as c from clinic.visits)",
     "select sum(c) from (select rank() over (order by cost) as c from clinic.visits)",
     "select sum(1 / cost) from clinic.visits"],
)  # fmt: skip
def test_nothing_is_taken_from_the_data_but_the_answer(sql: str) -> None:
    """P11: bounds, domains and null rates come from the description, or the question is refused."""
    with pytest.raises(Refusal):
        compile_query(sql, KNOWN)
    with duckdb_over(ROWS[1:]) as engine, duckdb_over((*ROWS[1:], *RICH)) as other:
        # The control: one person's values decide the exact answer, or that there is none.
        assert outcome(engine, sql) != outcome(other, sql) or "weight" in sql


BOUNDED = [
    "select min(cost) as m from clinic.visits",
    "select max(cost) as m from clinic.visits",
    "select quantile_cont(cost, 1.0) as m from clinic.visits",
    "select approx_quantile(cost, 0.99) as m from clinic.visits",
    "select stddev(cost) as m from clinic.visits",
    "select corr(age, cost) as m from clinic.visits",
    "select sum(exp(cost / 50)) as m from clinic.visits",
    "select sum(ln(cost + 1)) as m from clinic.visits",
    "select sum(power(cost, 2)) as m from clinic.visits",
    "select sum(cost * cost - age) as m from clinic.visits",
    "select count(weight) / count(*) as m from clinic.visits",
    "select max(t) as m from (select patient_id, sum(cost) as t from clinic.visits group by patient_id) as s",
    "select avg(d) as m from (select cost - lag(cost) over (partition by patient_id order by age) as d from clinic.visits) as s",
    "select sum(cost * days) as m from clinic.visits join clinic.stays on patient_id = person",
]


@pytest.mark.parametrize("sql", [sql for sql in BOUNDED if "weight" not in sql])
def test_the_richest_person_moves_no_vector_beyond_what_its_noise_is_made_for(sql: str) -> None:
    """P11: extremes are quantiles of a noisy tree, spreads are noisy sums, and what is computed of a row has a range."""
    most_rows = [
        ("p900", "F", "north", age, value) for age, value in enumerate([*(row[4] for row in HEAVY), *[1e300] * 40])
    ]
    for rows in ((*ROWS, *RICH), (*ROWS, *most_rows), *((*ROWS, row) for row in HEAVY)):
        for primitive, one, two, most, most_squared in moved(sql, rows, ROWS):
            assert one <= most, primitive
            assert two <= most_squared, primitive


@pytest.mark.parametrize("sql", [sql for sql in BOUNDED if "max(cost)" in sql or "quantile" in sql])
def test_an_extreme_is_no_value_of_a_row(sql: str) -> None:
    """With all but no noise it stays within the declared range, and one person's value is not what is shown."""
    (value,) = answered(sql, (*ROWS, *RICH), 10**28).columns[0].numbers()
    assert 0 <= value <= 100
    with duckdb_over((*ROWS, *RICH)) as engine:
        (found,) = engine.execute(sql.replace("approx_quantile", "quantile_cont")).fetchone()
    assert found > 100  # the control


def outcome(engine: duckdb.DuckDBPyConnection, sql: str) -> str:
    try:
        return str(engine.execute(sql).fetchall())
    except duckdb.Error as error:
        return str(error)


def features(root: Path) -> set[str]:
    """The features of OpenDP that the sources switch on."""
    found: set[str] = set()
    for path in root.rglob("*.py"):
        for call in re.findall(r"enable_features\(([^)]*)\)", path.read_text("utf-8")):
            found |= set(re.findall(r"[\"']([^\"']+)[\"']", call))
    return found


def test_no_feature_of_opendp_that_idealises_numbers(tmp_path: Path) -> None:
    assert features(ROOT / "workers") | features(ROOT / "sandbox") == {"contrib"}
    (tmp_path / "planted.py").write_text('dp.enable_features("contrib", "floating-point")\n')
    assert features(tmp_path) == {"contrib", "floating-point"}  # the control
