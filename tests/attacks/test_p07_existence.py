"""P7, P8: what an answer's shape and order tell: whether a group, a person or a row exists, and how rows lie.

Declared keys are all there, in the order of the declaration, whatever the rows; the exact sums do not depend on the
rows' order. The control: an engine that groups what it finds shows the difference at once.
"""

from random import Random

import pytest
from crafted_rows import KNOWN, ROWS, answered, duckdb_over, exact

from sandbox.plan.compile import compile_query
from sandbox.terms.refusal import Refusal

ALONE = (*ROWS, ("p099", "M", "east", 50, 9.5))
NOBODY = tuple(row for row in ROWS if row[2] != "east")

GROUPED = [
    "select ward, count(*) as n from clinic.visits group by ward",
    "select ward, count(distinct patient_id) as n from clinic.visits group by ward",
    "select ward, sum(cost) as s from clinic.visits group by ward",
    "select ward, avg(age) as a from clinic.visits group by ward",
    "select sex, ward, count(*) as n from clinic.visits group by sex, ward",
    "select ward, count(*) as n from clinic.visits where age > 45 group by ward",
]
KEYS_FROM_DATA = [
    "select remark, count(*) from clinic.visits group by remark",
    "select age, count(*) from clinic.visits group by age",
    "select cost, count(*) from clinic.visits group by cost",
    "select age % 10, count(*) from clinic.visits group by 1",
    "select distinct ward from clinic.visits",
    "select ward from clinic.visits group by ward",
    "select count(distinct ward) from clinic.visits",
    "select ward, count(*) as n from clinic.visits group by ward having n > 0",
    "select ward, count(*) as n from clinic.visits group by ward order by n desc limit 1",
    "select ward, count(*) as n from clinic.visits group by ward qualify n > 0",
    "select ward, count(*) from clinic.visits group by cube (ward)",
    "select max(ward), min(ward) from clinic.visits",
    "select count(*) > 0 from clinic.visits where ward = 'east'",
    "select exists (select 1 from clinic.visits where ward = 'east')",
    "select ward from clinic.visits union select ward from clinic.visits",
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


@pytest.mark.parametrize("sql", KEYS_FROM_DATA)
def test_keys_from_the_data_are_refused(sql: str) -> None:
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
