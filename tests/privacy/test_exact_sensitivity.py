"""What one unit can change, checked exactly: the sums before noise on neighbouring tables, whatever the sampler does.

1. Every operator and pair of `audit_tables`, grouped or not, through ingest, encryption, scan and merge: the L1 norm of
   the difference is at most the declared sensitivity, its square sum at most the squared one; and for each aggregate some
   pair reaches both exactly, so the audits are as sharp as they can be.
2. Random tables and bounds (hypothesis), in memory: the sums are those of a reference in plain Python, for any cut into
   blocks, and adding a unit stays within the sensitivity.
3. One row adds no more than its magnitude, also where no double is that magnitude.

Sharper than sampling: rounding after the sum moves a total by a few steps in 10¹⁶, which no number of draws would show.
"""

import math
import tempfile
from fractions import Fraction
from pathlib import Path

import audit_planted as planted
import audit_planted_noise as planted_noise
import numpy as np
import pytest
from audit_line import Line, ask, undrawn
from audit_mutants import HARMLESS, SAMPLED, Mutant
from audit_reference import PlainRow, reference_sums
from audit_tables import KEYS, OPERATORS, PAIRS
from figures import record_figure
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.relations import Filter, Scan
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode
from workers import fixed_point, scan
from workers.bucket import Bucket, ColumnArray
from workers.evaluate import Vector

SOURCE = "tests/privacy/test_exact_sensitivity.py"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("exact") / "home")


def distances(line: Line, operator: str, keys: str, pair: str) -> list[tuple[int, int, int, int]]:
    """For each primitive: L1 norm, its bound, squared L2 norm, its bound."""
    asked = ask(OPERATORS[operator].sql(keys), Mode.PURE, Fraction(1), OPERATORS[operator].bounds)
    base, unit = PAIRS[pair]
    with undrawn():
        difference = line.measure(asked, base + unit).exact.astype(object) - line.measure(asked, base).exact.astype(
            object
        )
    (measurement,) = asked.plan.measurements
    bounds = effective_bounds(measurement)
    return [
        (
            sum(abs(moved) for moved in row),
            sensitivity(primitive, bounds, Mode.PURE),
            sum(moved**2 for moved in row),
            sensitivity(primitive, bounds, Mode.ZCDP),
        )
        for primitive, row in zip(asked.plan.primitives, difference, strict=True)
    ]


def exceeds(line: Line, operator: str, keys: str, pair: str) -> bool:
    return any(l1 > most or l2 > square for l1, most, l2, square in distances(line, operator, keys, pair))


@pytest.mark.parametrize("keys", KEYS, ids=["all", "by ward"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_no_pair_moves_a_vector_beyond_its_sensitivity_and_one_reaches_it(line: Line, operator: str, keys: str) -> None:
    reached: set[tuple[int, str]] = set()
    for pair in PAIRS:
        for number, (l1, most, l2, square) in enumerate(distances(line, operator, keys, pair)):
            assert l1 <= most, pair
            assert l2 <= square, pair
            reached |= {(number, norm) for norm, met in (("L1", l1 == most), ("L2", l2 == square)) if met}
    assert reached == {
        (number, norm) for number in range(len(distances(line, operator, keys, "heavy"))) for norm in ("L1", "L2")
    }


def test_rounding_after_the_sum_is_found_here_alone(line: Line) -> None:
    """At 2⁵⁰ a row the total's error in doubles exceeds the sensitivity, by less than one part in 10¹²."""
    with planted.rounded_after_the_sum(), _unrounded():
        found = [pair for pair in PAIRS if exceeds(line, "wealth", "", pair)]
        excess = max(l1 / most for l1, most, _, _ in distances(line, "wealth", "", found[0]))
    assert found
    assert 1 < excess < 1 + 1e-12
    record_figure("rounding after the sum: pairs that exceed the sensitivity", len(found), "pairs", SOURCE)


WIDE = 2**53 + 3
"""A magnitude that is no double: the nearest one is larger by 1."""


@pytest.mark.parametrize("kind", [Type.INT, Type.FLOAT], ids=["integers", "doubles"])
def test_a_row_adds_no_more_than_a_magnitude_that_is_no_double(kind: Type) -> None:
    """Beyond 2⁵³ the bounds themselves are rounded, outwards too: the sensitivity holds for the integers that are added."""
    ends = Fraction(-WIDE), Fraction(WIDE)
    fixed = fixed_point.FixedPoint.of(SumValues(ColumnRef("wealth", kind), *ends, Fraction(0), Fraction(1)))
    values = np.asarray([-(2**62), -WIDE, 0, WIDE, 2**62], np.int64)
    vector = Vector(values if kind is Type.INT else values.astype(np.float64), np.ones(5, np.bool_))
    assert fixed.apply(vector).tolist() == [-WIDE, -WIDE, 0, WIDE, WIDE]
    # The control: clamped to the bounds as doubles, and not as integers again, one more is let through.
    clamped = np.rint(np.clip(vector.values.astype(np.float64), *(float(end) for end in ends)))
    assert [int(number) for number in clamped] == [-WIDE - 1, -WIDE - 1, 0, WIDE + 1, WIDE + 1]


def _unrounded() -> object:
    """Summands as doubles, clamped and not rounded."""
    return planted.mock.patch.object(
        planted.fixed_point.FixedPoint,
        "apply",
        lambda self, vector: np.where(
            vector.valid,
            (np.clip(vector.values, self.doubles[0], self.doubles[1]) - self.doubles[2]) / self.doubles[3] + 0.3,
            0.0,
        ),
    )


BOUNDING = [
    name for name, mutant in SAMPLED.items() if not mutant.one_by_one and mutant.plant not in (
        planted_noise.half_the_noise, planted_noise.wrong_norm, planted_noise.budget_given_to_each_aggregate,
        planted_noise.aggregates_charged_once, planted_noise.epsilon_taken_for_rho,
    )
]  # fmt: skip


def broken_pairs(line: Line, mutant: Mutant, folder: Path) -> list[str]:
    """The pairs whose exact difference exceeds the sensitivity while the mutant is in place."""
    with mutant.plant():
        used = Line(folder / "home") if mutant.reload else line
        return [pair for pair in PAIRS if exceeds(used, mutant.operator, mutant.keys, pair)]


@pytest.mark.parametrize("name", BOUNDING)
def test_control_each_fault_of_bounding_and_summing_moves_a_vector_too_far(
    line: Line, tmp_path: Path, name: str
) -> None:
    mutant = SAMPLED[name]
    found = broken_pairs(line, mutant, tmp_path)
    print(f"{name}: exceeds the sensitivity on {', '.join(found)}")
    assert mutant.pair in found


@pytest.mark.parametrize("name", HARMLESS)
def test_one_of_two_fences_is_enough(line: Line, tmp_path: Path, name: str) -> None:
    assert broken_pairs(line, HARMLESS[name], tmp_path) == []


# -- random tables, against the reference ----------------------------------------------------------------------------------

WARD = GroupKey(ColumnRef("ward", Type.STRING), Type.STRING, ("a", "b", "c"))
COST = ColumnRef("cost", Type.FLOAT)
VALUES = st.one_of(
    st.none(), st.floats(-30, 30), st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 0.125, -0.0, 5e-324])
)
ROWS = st.tuples(st.integers(-1, 2), st.integers(0, 9), VALUES)
UNITS = st.lists(st.lists(ROWS, max_size=8), max_size=6)


@st.composite
def _bounds(draw: st.DrawFn) -> ContributionBounds:
    rows = draw(st.integers(1, 6))
    return ContributionBounds(rows, draw(st.integers(1, 3)), draw(st.integers(1, rows)))


TYPES = (("age", Type.INT), ("cost", Type.FLOAT), ("ward", Type.STRING))


def _measurement(bounds: ContributionBounds) -> Measurement:
    ends = (Fraction(-10), Fraction(20))
    primitives = (
        CountRows(),
        CountUnits(),
        CountValues(COST),
        SumValues(COST, *ends, Fraction(0), Fraction(1, 8)),
        SumValues(COST, *ends, Fraction(5), Fraction(1, 4)),
    )
    where = Comparison(">=", ColumnRef("age", Type.INT), Literal(4, Type.INT))
    visits = Filter(Scan("clinic", "visits", "", TYPES, 1000, 100), where)
    return Measurement(visits, (WARD,), bounds, primitives)


def _bucket(units: list[list[tuple]]) -> Bucket:
    rows = [row for unit in units for row in unit]
    values = np.asarray([np.nan if row[2] is None else row[2] for row in rows], np.float64)
    valid = np.asarray([row[2] is not None for row in rows], np.bool_)
    return Bucket(
        len(rows),
        np.asarray([len(unit) for unit in units], np.int64),
        {
            "ward": ColumnArray(np.asarray([row[0] for row in rows], np.int32), None, WARD.values),
            "age": ColumnArray(np.asarray([row[1] for row in rows], np.int64)),
            "cost": ColumnArray(np.where(valid, values, 0.0), valid),
        },
    )


def _plain(units: list[list[tuple]]) -> list[list[PlainRow]]:
    return [[PlainRow(None if g < 0 else g, age >= 4, value) for g, age, value in unit] for unit in units]


def agrees(units: list, bounds: ContributionBounds, block_rows: int) -> bool:
    measurement = _measurement(bounds)
    measured = scan.measure_bucket(measurement, _bucket(units), block_rows)
    return measured.sums.tolist() == reference_sums(_plain(units), bounds, measurement.primitives, 3)


def moves_little(units: list, unit: list, at: int, bounds: ContributionBounds) -> bool:
    measurement = _measurement(bounds)
    both = [
        scan.measure_bucket(measurement, _bucket(table)).sums for table in (units, [*units[:at], unit, *units[at:]])
    ]
    moved = both[1].astype(object) - both[0].astype(object)
    return all(
        sum(abs(step) for step in row) <= sensitivity(primitive, effective_bounds(measurement), Mode.PURE)
        and sum(step**2 for step in row) <= sensitivity(primitive, effective_bounds(measurement), Mode.ZCDP)
        for primitive, row in zip(measurement.primitives, moved, strict=True)
    )


@settings(max_examples=200, derandomize=True, deadline=None)
@given(UNITS, _bounds(), st.integers(1, 7))
def test_sums_are_those_of_the_reference(units: list, bounds: ContributionBounds, block_rows: int) -> None:
    assert agrees(units, bounds, block_rows)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(UNITS, st.lists(ROWS, max_size=12), st.integers(0, 6), _bounds())
def test_adding_a_unit_stays_within_the_sensitivity(
    units: list, unit: list, at: int, bounds: ContributionBounds
) -> None:
    assert moves_little(units, unit, at, bounds)


def test_control_bounding_before_the_filter_is_another_answer() -> None:
    """It is private in one table (it only loses rows), so no ε audit sees it: the reference does."""
    units = [[(0, 1, 1.0)] * 3 + [(0, 9, 1.0)] * 3]
    bounds = ContributionBounds(3, 1, 3)
    measurement = _measurement(bounds)
    expected = reference_sums(_plain(units), bounds, measurement.primitives, 3)
    assert scan.measure_bucket(measurement, _bucket(units)).sums.tolist() == expected
    with planted.bounded_before_the_filter():
        assert scan.measure_bucket(measurement, _bucket(units)).sums.tolist() != expected


def test_control_a_dropped_bucket_is_another_answer(line: Line) -> None:
    """Private too: it falls to the comparison of the merged total with the rows that were loaded."""
    asked = ask(OPERATORS["rows"].sql("ward"), Mode.PURE, Fraction(1))
    base, _ = PAIRS["heavy"]
    expected = [{"north": 125, "vale": 60}.get(str(ward), 0) for ward in asked.plan.measurements[0].keys[0].values]
    assert line.measure(asked, base).exact.tolist() == [expected]
    with planted.bucket_dropped():
        assert line.measure(asked, base).exact.tolist() != [expected]


def test_control_the_random_tables_find_a_missing_bound() -> None:
    """The two tests above are not blind: without R they soon meet a table that differs, and a unit that moves too much."""
    quick = settings(max_examples=500, derandomize=True, deadline=None, phases=[Phase.generate], database=None)
    unit = st.lists(ROWS, max_size=12)
    with planted.no_row_bound():
        assert find(st.tuples(UNITS, _bounds()), lambda made: not agrees(*made, 4), settings=quick)
        assert find(
            st.tuples(UNITS, unit, _bounds()),
            lambda made: not moves_little(made[0], made[1], 0, made[2]),
            settings=quick,
        )


def test_which_rows_of_a_unit_count_does_not_follow_their_values() -> None:
    """Of 24 rows a unit keeps 12 by a keyed order: over 40 people the kept values' mean is the middle.

    The mean of 40 means of 12 drawn without replacement from 1..24 has σ = 0.228: six of them are 1.37. Truncation by
    value, planted, is off by six.
    """
    rows = [(f"p{unit}", "north", float(value), 50, 1.0, 0.0) for unit in range(40) for value in range(1, 25)]
    asked = ask("select sum(cost) as a from clinic.visits", Mode.PURE, Fraction(1))
    bases = {}
    for name, plant in (("keyed", None), ("by value", _by_value)):
        with tempfile.TemporaryDirectory() as folder:
            used = Line(Path(folder) / "home")
            if plant is None:
                bases[name] = int(used.measure(asked, rows).exact[0, 0])
            else:
                with plant():
                    bases[name] = int(used.measure(asked, rows).exact[0, 0])
    means = {name: total * 0.125 / (40 * 12) for name, total in bases.items()}
    assert abs(means["keyed"] - 12.5) < 1.4
    assert means["by value"] - 12.5 > 5


def _by_value() -> object:
    """Rows of a unit in falling order of the column that the table sums."""
    from workers import bucket_rows

    def order(tokens: object, stored: object, columns: object, key: bytes) -> np.ndarray:
        del key
        at = next(number for number, column in enumerate(stored) if column.name == "cost")
        return np.lexsort((-columns[at].values, tokens.low, tokens.high))

    return planted.mock.patch.object(bucket_rows, "row_order", order)
