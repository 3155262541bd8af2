"""A seeded table of bus trips with skewed numbers of trips a person, the public table of stations, and twelve questions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DISTRICTS = [f"district-{number:02d}" for number in range(16)]
LINES = [f"line-{number:02d}" for number in range(20)]
OCCUPATIONS = [f"occupation-{number:03d}" for number in range(100)]
STATIONS = 5_000
DAYS = 365


def _keys(values: list[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def description(rows_max: int, rows_per_unit: int = 30) -> str:
    """The trips: a person has at most `rows_per_unit` in any answer. Occupations and stations are not declared, but how
    many there may be is: that bounds the memory that private groups need."""
    return f"""
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
rows_max = {rows_max}
max_rows_per_unit = {rows_per_unit}

[tables.trips.columns]
person_id  = {{ type = "int", role = "unit" }}
district   = {{ type = "string", keys = [{_keys(DISTRICTS)}] }}
sex        = {{ type = "string", keys = ["F", "M"] }}
weekday    = {{ type = "int", keys = [1, 2, 3, 4, 5, 6, 7] }}
age        = {{ type = "int", bounds = [0, 99] }}
occupation = {{ type = "string", max_length = 20, distinct_max = {len(OCCUPATIONS)} }}
station_id = {{ type = "int", distinct_max = {STATIONS} }}
trip_date  = {{ type = "date", bounds = ["2025-01-01", "2025-12-31"] }}
fare       = {{ type = "float", bounds = [0.0, 100.0], granularity = 0.01 }}
duration   = {{ type = "float", bounds = [0.0, 180.0], granularity = 0.1 }}
"""


STATION_DESCRIPTION = f"""
[dataset]
name = "network"
title = "Stations and their lines"
steward = "transport-bureau"
grade = "general"
public = true

[tables.stations]
key = "id"
rows_max = {STATIONS}

[tables.stations.columns]
id   = {{ type = "int" }}
line = {{ type = "string", keys = [{_keys(LINES)}] }}
"""

QUERIES = {
    "q1 count": "select count(*) as n from {t}",
    "q2 persons": "select count(distinct person_id) as n from {t}",
    "q3 sum": "select sum(fare) as total from {t}",
    "q4 mean": "select avg(duration) as mean from {t}",
    "q5 by district": "select district, count(*) as n, avg(fare) as mean from {t} group by district",
    "q6 by district, sex, decade": (
        "select district, sex, age // 10 as decade, count(*) as n from {t} group by district, sex, decade"
    ),
    "q7 by occupation (private keys)": "select occupation, count(*) as n from {t} group by occupation",
    "q8 by station (private keys)": "select station_id, count(*) as n from {t} group by station_id",
    "q9 quartiles": (
        "select quantile_cont(duration, 0.25) as low, quantile_cont(duration, 0.5) as mid,"
        " quantile_cont(duration, 0.75) as high from {t}"
    ),
    "q10 filtered sum": (
        "select district, sum(fare) as total from {t} where age between 20 and 40 and fare > 5 group by district"
    ),
    "q11 by day": "select trip_date, count(*) as n from {t} group by trip_date",
    "q12 join with stations": "select line, count(*) as n from {t} join {s} on station_id = id group by line",
}
"""`{t}` stands for the trips, `{s}` for the stations."""


def make(path: Path, rows: int) -> None:
    """Write `rows` trips of rows / 20 persons: a few ride often, most seldom (log-normal weights). Age, sex and occupation
    are the person's; occupations and stations are as skewed as such things are (Zipf)."""
    source = np.random.default_rng(20260101)
    persons = max(1, rows // 20)
    weights = source.lognormal(0.0, 1.0, persons)
    person = source.choice(persons, rows, p=weights / weights.sum())
    work = _zipf(source, len(OCCUPATIONS), persons, 1.5)[person]
    table = pa.table(
        {
            "person_id": person,
            "district": pa.DictionaryArray.from_arrays(source.integers(0, 16, rows).astype(np.int32), DISTRICTS),
            "sex": pa.DictionaryArray.from_arrays((person % 2).astype(np.int32), ["F", "M"]),
            "weekday": source.integers(1, 8, rows),
            "age": person % 90,
            "occupation": pa.DictionaryArray.from_arrays(work.astype(np.int32), OCCUPATIONS),
            "station_id": _zipf(source, STATIONS, rows, 1.0),
            "trip_date": np.datetime64("2025-01-01") + source.integers(0, DAYS, rows),
            "fare": np.round(source.gamma(2.0, 4.0, rows), 2),
            "duration": np.round(source.gamma(3.0, 8.0, rows), 1),
        }
    )
    pq.write_table(table, path)


def make_stations(path: Path) -> None:
    """Write the stations, each on one line."""
    lines = np.random.default_rng(20260102).integers(0, len(LINES), STATIONS).astype(np.int32)
    pq.write_table(pa.table({"id": np.arange(STATIONS), "line": pa.DictionaryArray.from_arrays(lines, LINES)}), path)


def _zipf(source: np.random.Generator, values: int, size: int, power: float) -> np.ndarray:
    weights = 1.0 / np.arange(1, values + 1) ** power
    return source.choice(values, size, p=weights / weights.sum())
