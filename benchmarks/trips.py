"""A seeded table of bus trips with skewed numbers of trips a person, and its description."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DISTRICTS = [f"district-{number:02d}" for number in range(16)]

DESCRIPTION = f"""
[dataset]
name = "transport"
title = "Bus trips"
steward = "transport-bureau"
unit_space = "riders"
grade = "general"
budget = {{ epsilon = "1000000" }}

[unit_spaces.riders]
accounting = "zcdp"
budget = {{ epsilon = "1000000", delta = "1e-6" }}
buckets = 16

[tables.trips]
unit = "person_id"
rows_max = 100_000_000
max_rows_per_unit = 30

[tables.trips.columns]
person_id = {{ type = "int", role = "unit" }}
district  = {{ type = "string", keys = [{", ".join(f'"{name}"' for name in DISTRICTS)}] }}
sex       = {{ type = "string", keys = ["F", "M"] }}
weekday   = {{ type = "int", keys = [1, 2, 3, 4, 5, 6, 7] }}
age       = {{ type = "int", bounds = [0, 100] }}
fare      = {{ type = "float", bounds = [0.0, 100.0], granularity = 0.01 }}
duration  = {{ type = "float", bounds = [0.0, 180.0], granularity = 0.1 }}
"""

QUERIES = {
    "count": "select count(*) as n from {t}",
    "persons": "select count(distinct person_id) as n from {t}",
    "sum": "select sum(fare) as total from {t}",
    "mean": "select avg(duration) as mean from {t}",
    "by district": "select district, count(*) as n, avg(fare) as mean from {t} group by district",
    "by district, sex, weekday": "select district, sex, weekday, count(*) as n from {t} group by district, sex, weekday",
    "filtered sum": "select district, sum(fare) as total from {t} where age between 20 and 40 and fare > 5 group by district",
}


def make(path: Path, rows: int) -> None:
    """Write `rows` trips of rows / 20 persons: a few ride often, most seldom (log-normal weights)."""
    source = np.random.default_rng(20260101)
    persons = max(1, rows // 20)
    weights = source.lognormal(0.0, 1.0, persons)
    person = source.choice(persons, rows, p=weights / weights.sum())
    table = pa.table(
        {
            "person_id": person,
            "district": pa.DictionaryArray.from_arrays(source.integers(0, 16, rows).astype(np.int32), DISTRICTS),
            "sex": pa.DictionaryArray.from_arrays((person % 2).astype(np.int32), ["F", "M"]),
            "weekday": source.integers(1, 8, rows),
            "age": person % 90,
            "fare": np.round(source.gamma(2.0, 4.0, rows), 2),
            "duration": np.round(source.gamma(3.0, 8.0, rows), 1),
        }
    )
    pq.write_table(table, path)
