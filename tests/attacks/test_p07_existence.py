"""P7, P8: what an answer's shape and order tell: whether a group, a person or a row exists, and how rows lie.

Public keys are all there, in the order of the declaration, whatever the rows; private ones show by a noisy count of people
above a threshold, so a group of one person does not; the exact sums do not depend on the rows' order. The control: an
engine that groups what it finds shows the difference at once.
"""

from random import Random
from unittest import mock

import pytest
from crafted_rows import DELTA, KNOWN, ROWS, answered, duckdb_over, exact, moved, noisy, plan_of, spec_of

from sandbox.plan.compile import compile_query
from sandbox.privacy.selection import keeps
from sandbox.terms.loss import Mode
from sandbox.terms.refusal import Refusal
from workers import noisy_lines
from workers.noise import Mechanism

ALONE = (*ROWS, ("p099", "M", "east", 50, 9.5))
NOBODY = tuple(row for row in ROWS if row[2] != "east")
SILENT = 10**28
"""A loss at which the noise is 0 in all but a vanishing part of draws."""

GROUPED = [
    "select ward, count(*) as n from clinic.visits group by ward",
    "select ward, count(distinct patient_id) as n from clinic.visits group by ward",
    "select ward, sum(cost) as s from clinic.visits group by ward",
    "select ward, avg(age) as a from clinic.visits group by ward",
    "select sex, ward, count(*) as n from clinic.visits group by sex, ward",
    "select ward, count(*) as n from clinic.visits where age > 45 group by ward",
    "select ward, max(age) as m from clinic.visits group by ward",
    "select ward, median(cost) as m from clinic.visits group by ward",
    "select ward, stddev(age) as s from clinic.visits group by ward",
    "select ward, count(distinct age) as n from clinic.visits group by ward",
    "select ward, count(days) as n from clinic.visits join clinic.stays on patient_id = person group by ward",
    "select ward, avg(n) as a from (select patient_id, ward, count(*) as n from clinic.visits group by all) as t group by ward",
]
ENUMERATED = {
    "select age, count(*) as n from clinic.visits group by age": 111,
    "select age % 10 as d, count(*) as n from clinic.visits group by 1": 10,
    "select upper(ward) as w, count(*) as n from clinic.visits group by w": 3,
    "select age > 45 as old, count(*) as n from clinic.visits group by 1": 2,
    "select case when ward = 'east' then 'here' else 'there' end as w, count(*) as n from clinic.visits group by w": 2,
}
PRIVATE = [
    "select remark, count(*) as n from clinic.visits group by remark",
    "select remark, max(age) as n from clinic.visits group by remark",
    "select upper(remark) as r, count(distinct patient_id) as n from clinic.visits group by r",
    "select left(remark, 4) as r, sum(cost) as s from clinic.visits group by r",
    "select remark, ward, count(*) as n from clinic.visits group by remark, ward",
    "select remark, count(*) as n from clinic.visits join clinic.stays on patient_id = person group by remark",
    "select remark, sum(n) as n from (select patient_id, remark, count(*) as n from clinic.visits group by all) as t group by remark",
    "select r as remark, count(*) as n from (select remark as r from clinic.visits union all select remark from clinic.visits) group by r",
    "select remark from clinic.visits group by remark",
    "select remark, count(*) as n from clinic.visits group by remark having count(*) < 3",
    "select remark, count(*) as n from clinic.visits group by remark order by n limit 3",
]
AFTER_THE_NOISE = [
    "select ward, count(*) as n from clinic.visits group by ward having n > 5",
    "select ward, count(*) as n from clinic.visits group by ward order by n desc limit 1",
    "select count(*) > 0 as b from clinic.visits where ward = 'east'",
    "select count(distinct ward) as n from clinic.visits",
    "select count(*) as n from (select ward, count(*) as m from clinic.visits group by ward having m > 9)",
]
KEYS_FROM_DATA = [
    "select cost, count(*) from clinic.visits group by cost",
    "select weight, count(*) from clinic.visits group by weight",
    "select cost * 2, count(*) from clinic.visits group by 1",
    "select distinct remark from (select remark from clinic.visits)",
    "select ward, count(*) as n from clinic.visits group by ward qualify n > 0",
    "select ward, count(*) from clinic.visits group by cube (ward)",
    "select max(ward), min(ward) from clinic.visits",
    "select exists (select 1 from clinic.visits where ward = 'east')",
    "select ward from clinic.visits union select ward from clinic.visits",
    "select count(*) from (select distinct ward from clinic.visits)",
    "select count(*) from clinic.visits where ward in (select ward from clinic.visits group by ward having count(*) = 1)",
    "select count(*) from clinic.visits v join clinic.visits w on v.ward = w.ward",
    "select count(*) from clinic.visits v join clinic.stays s on v.age = s.days",
    "select count(*) from clinic.visits v cross join clinic.stays s",
    "select count(*) from clinic.visits v where exists (select 1 from clinic.visits w where w.ward = 'east')",
    "select count(*) from clinic.visits v where not exists (select 1 from clinic.stays s where s.days > 48)",
    "select count(*) from clinic.visits where age in (select days from clinic.stays)",
    "select count(*) from (select count(*) over (partition by ward) as n from clinic.visits) as t where n = 1",
    "select count(*) from (select row_number() over (order by age) as r from clinic.visits) as t where r = 31",
    "select count(*) from (select ward from clinic.visits order by age limit 1 offset 30) as t",
    "select count(*) from (select ward from clinic.visits except select ward from clinic.visits where age < 50) as t",
]


def keys(sql: str, rows: tuple) -> list[tuple]:
    """The key columns of an answer, row by row."""
    count = sql.partition(" from ")[0].count(",")
    return list(zip(*(column.numbers() for column in answered(sql, rows).columns[:count]), strict=True))


@pytest.mark.parametrize("sql", GROUPED)
def test_groups_are_those_declared_whoever_is_there(sql: str) -> None:
    assert keys(sql, NOBODY) == keys(sql, ALONE) == keys(sql, ())
    assert len(keys(sql, ())) in {3, 6}
    # The control: grouping what is there shows whether somebody is.
    with duckdb_over(NOBODY) as nobody, duckdb_over((*NOBODY, ALONE[-1])) as alone:
        assert len(nobody.execute(sql).fetchall()) < len(alone.execute(sql).fetchall())


@pytest.mark.parametrize("sql", ENUMERATED)
def test_computed_groups_are_enumerated_from_declarations(sql: str) -> None:
    assert keys(sql, ROWS) == keys(sql, ALONE) == keys(sql, ())
    assert len(keys(sql, ())) == ENUMERATED[sql]
    with duckdb_over(()) as empty:
        assert empty.execute(sql).fetchall() == []  # the control


@pytest.mark.parametrize("sql", PRIVATE)
def test_a_group_of_one_person_does_not_show(sql: str) -> None:
    """With all but no noise; with noise, its chance is within the delta that is paid (below)."""
    with_p099, without = ([table.lines for table in noisy(sql, rows, SILENT)] for rows in (ALONE, ROWS))
    assert with_p099 == without
    assert with_p099 != [()]
    # The controls: it is there, and a threshold that it reaches would show it.
    with duckdb_over(ALONE) as engine:
        assert "p099" in str(engine.execute(sql.partition(" having ")[0].partition(" order ")[0]).fetchall()).lower()
    with mock.patch.object(noisy_lines, "noisy_units", _reached):
        assert [table.lines for table in noisy(sql, ALONE, SILENT)] != without


def _reached(mechanism: Mechanism, units):
    """A selection that shows whatever has a unit."""
    drawn = mechanism.draw(units)
    return list(range(len(drawn))), drawn


@pytest.mark.parametrize("units", [10**7, 10**9, 10**12])
@pytest.mark.parametrize("sql", PRIVATE)
def test_the_chance_that_it_shows_is_within_the_delta_that_is_paid(sql: str, units: int) -> None:
    spec, groups = spec_of(sql, units), plan_of(sql).measurements[0].bounds.groups
    first = spec.vectors[0]
    scale = float.fromhex(first.scale)
    assert spec.cost.delta == first.delta <= DELTA
    assert keeps(Mode.ZCDP, scale, groups, first.delta, first.threshold)
    assert not keeps(Mode.ZCDP, scale, groups, first.delta, 1 if units < 10**12 else 0)  # the control


@pytest.mark.parametrize("sql", [*GROUPED, *ENUMERATED, *PRIVATE, *AFTER_THE_NOISE])
def test_whoever_comes_moves_no_vector_beyond_what_its_noise_is_made_for(sql: str) -> None:
    """Whatever is done after the noise, and whichever groups show: one person's reach is bounded before it."""
    heavy = [("p099", "FM"[n % 2], ("north", "south", "east")[n % 3], 50 + n, 99.0) for n in range(30)]
    for others in (ALONE, (*ROWS, *heavy), ROWS[1:]):
        for primitive, one, two, most, most_squared in moved(sql, others, ROWS):
            assert one <= most, primitive
            assert two <= most_squared, primitive
    assert any(one > 0 for _, one, *_ in moved(sql, heavy, ()))


def test_control_somebody_beyond_all_bounds_would_move_them_further() -> None:
    sql = GROUPED[0]
    ((_, _, _, most, _),) = moved(sql, ROWS, ROWS)
    others = (*ROWS, *(("p099", "F", "east", 30, 1.0) for _ in range(30)))
    with duckdb_over(ROWS) as engine, duckdb_over(others) as more:
        assert len(others) - len(ROWS) > most
        assert more.execute(sql).fetchall() != engine.execute(sql).fetchall()


@pytest.mark.parametrize("sql", KEYS_FROM_DATA)
def test_keys_and_rows_from_the_data_are_refused(sql: str) -> None:
    with pytest.raises(Refusal):
        compile_query(sql, KNOWN)


@pytest.mark.parametrize("sql", GROUPED)
def test_control_keys_from_the_data_show_them(sql: str) -> None:
    with duckdb_over(NOBODY) as there, duckdb_over(()) as empty:
        assert there.execute(sql).fetchall() != []
        assert empty.execute(sql).fetchall() == []


@pytest.mark.parametrize("sql", [*GROUPED, "select sum(cost) as s, avg(cost) as a from clinic.visits"])
def test_the_order_of_rows_is_nowhere(sql: str) -> None:
    shuffled = list(ROWS)
    for seed in range(5):
        Random(seed).shuffle(shuffled)
        within = sorted(shuffled, key=lambda row: (row[0], shuffled.index(row)))
        bound = [row for row in within if sum(other[0] == row[0] for other in within) <= 5]
        assert exact(sql, bound).tolist() == exact(sql, sorted(bound)).tolist()
    # The controls: sums of doubles and groups in the order of their first row do depend on it.
    doubles = [0.1, 1e16, -1e16, 0.3]
    assert sum(doubles) != sum(sorted(doubles))
    assert list(dict.fromkeys(row[2] for row in ROWS)) != list(dict.fromkeys(row[2] for row in reversed(ROWS)))
