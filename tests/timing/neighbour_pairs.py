"""Pairs of neighbouring data sets that take the engine different times, and one question for each pair.

All rows of the heavy unit are in one bucket, so one worker does all of the extra work. The pairs: the unit is there or
not (one neighbour step); none of its rows passes the filter or all do; its texts are as long as declared or
a letter each (the unit replaced: two steps, so more than is promised to be hidden).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CROWD, ROWS_EACH = 200, 5
WIDE = tuple(f"wide{number}" for number in range(14))
HIGH = 2**61

DESCRIPTION = """
[dataset]
name = "{name}"
title = "One of two neighbours"
steward = "health-bureau"
unit_space = "people-of-{name}"
grade = "general"
budget = {{ epsilon = "90000" }}
[unit_spaces.people-of-{name}]
accounting = "zcdp"
budget = {{ epsilon = "90000", delta = "1e-6" }}
[tables.visits]
unit = "person"
rows_max = {rows_max}
max_rows_per_unit = {rows_unit}
[tables.visits.columns]
person = {{ type = "string", role = "unit" }}
one = {{ type = "int", bounds = [0, 1000] }}
two = {{ type = "int", bounds = [0, 1000] }}
three = {{ type = "int", bounds = [0, 1000] }}
{wide}remark = {{ type = "string", max_length = {length} }}
"""


@dataclass(frozen=True)
class Heavy:
    """The heavy unit on one side: its rows, whether its wide columns are above HIGH or 0, the length of its remarks."""

    rows: int
    high: bool = False
    length: int = 1


@dataclass(frozen=True)
class Pair:
    """`rows` and `length` are declared, the same on both sides (0 and 1); `heavy` says what differs."""

    name: str
    sql: str
    rows: int
    length: int
    heavy: Callable[[int], Heavy]

    def dataset(self, side: int) -> str:
        return f"{self.name}{'ab'[side]}"

    def question(self, side: int) -> str:
        return self.sql.format(dataset=self.dataset(side))

    def description(self, side: int) -> str:
        rows_max = self.rows + CROWD * ROWS_EACH
        wide = "".join(f'{name} = {{ type = "int", bounds = [0, {2 * HIGH}] }}\n' for name in WIDE)
        return DESCRIPTION.format(
            name=self.dataset(side), rows_max=rows_max, rows_unit=self.rows, wide=wide, length=self.length
        )

    def write(self, side: int, folder: Path) -> Path:
        """The side's rows as a Parquet file."""
        heavy, crowd = self.heavy(side), CROWD * ROWS_EACH
        source = np.random.default_rng(4)
        count = crowd + heavy.rows
        numbers = {name: source.integers(0, 1001, count) for name in ("one", "two", "three")}
        for name in WIDE:
            numbers[name] = source.integers(HIGH, 2 * HIGH, count) if heavy.high else np.zeros(count, np.int64)
        texts = [f"{row:010d}".rjust(heavy.length, "x")[-heavy.length :] for row in range(heavy.rows)]
        table = pa.table(
            {
                "person": [f"p{row // ROWS_EACH}" for row in range(crowd)] + ["heavy"] * heavy.rows,
                **{name: pa.array(values, pa.int64()) for name, values in numbers.items()},
                "remark": ["x"] * crowd + texts,
            }
        )
        path = folder / f"{self.dataset(side)}.parquet"
        pq.write_table(table, path)
        return path


SUMS = ", ".join(f"sum(two + {number}) as s{number}" for number in range(6))
PASSES = " and ".join(f"{name} > {HIGH // 2}" for name in WIDE)
PAIRS = (
    Pair(
        "unit",
        "select sum(one * two + three) as s, count(*) as n from {dataset}.visits",
        800_000,
        1,
        lambda side: Heavy(800_000 * side),
    ),
    Pair(
        "filter",
        f"select {SUMS} from {{dataset}}.visits where {PASSES}",
        1_000_000,
        1,
        lambda side: Heavy(1_000_000, high=bool(side)),
    ),
    Pair(
        "text",
        "select count(*) as n from {dataset}.visits where remark = 'plain'",
        20_000,
        1_000,
        lambda side: Heavy(20_000, length=1_000 if side else 1),
    ),
)


def epsilons() -> Iterator[str]:
    """The same loss but for its ninth digit: the stored answer never comes back."""
    for number in range(10**4, 10**5):
        yield f"0.5000{number}"
