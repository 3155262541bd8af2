"""A small described table, buckets made by hand, exact sums and answers over them, and the same rows in DuckDB."""

from collections.abc import Sequence
from fractions import Fraction

import duckdb
import numpy as np

from sandbox.plan.compile import compile_query
from sandbox.plan.nodes import Plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import measurement_spec
from sandbox.terms.answer import Answer
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from workers.bucket import Bucket, ColumnArray
from workers.finish import finish
from workers.noise import prepare
from workers.scan import measure_bucket

DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "20" }
[unit_spaces.people]
accounting = "zcdp"
budget = { epsilon = "20", delta = "1e-6" }
[tables.visits]
unit = "patient_id"
rows_max = 1_000
max_rows_per_unit = 5
max_groups_per_unit = 2
[tables.visits.columns]
patient_id = { type = "string", role = "unit" }
sex = { type = "string", keys = ["F", "M"] }
ward = { type = "string", keys = ["north", "south", "east"] }
age = { type = "int", bounds = [0, 110] }
cost = { type = "float", bounds = [0.0, 100.0], granularity = 0.01 }
weight = { type = "float" }
remark = { type = "string", max_length = 40 }
note = { type = "string", role = "withheld" }
"""
KNOWN = {"clinic": parse_description(DESCRIPTION)}
SEX, WARD = ("F", "M"), ("north", "south", "east")

Row = tuple[str, str | None, str | None, int | None, float | None]
"""Person, sex, ward, age, cost."""

ROWS: tuple[Row, ...] = tuple(
    (f"p{number % 12:03d}", SEX[number % 2], WARD[number % 3], 20 + number, number * 1.25) for number in range(30)
)


def plan_of(sql: str) -> Plan:
    return compile_query(sql, KNOWN)


def bucket_of(rows: Sequence[Row]) -> Bucket:
    """The rows, person by person."""
    ordered = sorted(rows, key=lambda row: row[0])
    people = [row[0] for row in ordered]
    runs = [people.count(person) for person in sorted(set(people))]

    def codes(values: list[str | None], keys: tuple[str, ...]) -> ColumnArray:
        return ColumnArray(np.asarray([keys.index(v) if v in keys else -1 for v in values], np.int32), None, keys)

    def numbers(values: list, kind: type) -> ColumnArray:
        valid = np.asarray([value is not None for value in values], bool)
        return ColumnArray(np.asarray([value if value is not None else 0 for value in values], kind), valid)

    return Bucket(
        len(ordered),
        np.asarray(runs, np.int64),
        {
            "sex": codes([row[1] for row in ordered], SEX),
            "ward": codes([row[2] for row in ordered], WARD),
            "age": numbers([row[3] for row in ordered], np.int64),
            "cost": numbers([row[4] for row in ordered], np.float64),
        },
    )


def exact(sql: str, rows: Sequence[Row]) -> np.ndarray:
    """Exact sums [primitive, group], as the engine makes them before noise."""
    return measure_bucket(plan_of(sql), bucket_of(rows))


def spec_of(sql: str, units: int = 10**9) -> MeasurementSpec:
    return measurement_spec(plan_of(sql), Mode.ZCDP, units)


def answered(sql: str, rows: Sequence[Row], units: int = 10**9) -> Answer:
    """The answer, noise and all."""
    plan, spec = plan_of(sql), spec_of(sql, units)
    drawn = [m.draw(v) for m, v in zip(prepare(plan, spec, spec.cost), exact(sql, rows), strict=True)]
    return finish("order", plan, spec, [[int(value) for value in vector] for vector in drawn])


def as_fraction(value: object) -> Fraction:
    return Fraction(str(value))


def duckdb_over(rows: Sequence[Row], secret: str = "secret") -> duckdb.DuckDBPyConnection:
    """The same rows in an engine that answers everything."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("create schema clinic")
    connection.execute(
        "create table clinic.visits (patient_id text, sex text, ward text, age int, cost double, weight double,"
        " remark text, note text)"
    )
    for row in rows:
        values = [*row, 70.5, "plain", f"{secret} of {row[0]}"]
        connection.execute("insert into clinic.visits values (?, ?, ?, ?, ?, ?, ?, ?)", values)
    return connection
