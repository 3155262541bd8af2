"""Two small described tables, a bucket made by hand, exact tallies and answers over it, and the same rows in DuckDB."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sandbox.plan.canonical import plan_json, read_plan
from sandbox.plan.compile import compile_query
from sandbox.plan.measurement import Measurement
from sandbox.plan.primitives import Primitive, width
from sandbox.plan.query import Plan
from sandbox.plan.soundness import check_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.privacy.mechanism import check_spec, measurement_spec
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.answer import Answer
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from workers.bucket import Bucket, ColumnArray, UnitRuns
from workers.finish import finish
from workers.key_bytes import key_values
from workers.noise import prepare
from workers.noisy_lines import exact_vectors, noisy_table
from workers.noisy_table import NoisyTable
from workers.relations.sources import HeldSources
from workers.scan import scan
from workers.tally import Tally

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
[tables.stays]
unit = "person"
rows_max = 1_000
max_rows_per_unit = 4
max_groups_per_unit = 3
[tables.stays.columns]
person = { type = "string", role = "unit" }
days = { type = "int", bounds = [0, 60] }
"""
KNOWN = {"clinic": parse_description(DESCRIPTION)}
SEX, WARD = ("F", "M"), ("north", "south", "east")
DELTA = 10**11
"""What selections may spend, in 10⁻¹⁸."""

Row = tuple[str, str | None, str | None, int | None, float | None]
"""Person, sex, ward, age, cost. Whoever is named from p090 on has a remark of their own; everybody has three stays."""

ROWS: tuple[Row, ...] = tuple(
    (f"p{number % 12:03d}", SEX[number % 2], WARD[number % 3], 20 + number, number * 1.25) for number in range(30)
)


def remark_of(person: str) -> str:
    return f"{person} was here" if person >= "p090" else "plain"


def stays_of(rows: Iterable[Row]) -> list[tuple[str, int]]:
    return [(person, int(person[1:]) % 50 + more) for person in sorted({row[0] for row in rows}) for more in range(3)]


def plan_of(sql: str) -> Plan:
    """The plan as the engine reads it from an order."""
    plan = compile_query(sql, KNOWN)
    check_plan(plan)
    return read_plan(plan_json(plan))


def _codes(values: Sequence[str | None], keys: tuple[str, ...]) -> ColumnArray:
    return ColumnArray(np.asarray([keys.index(v) if v in keys else -1 for v in values], np.int32), None, keys)


def _numbers(values: Sequence[Any], kind: type) -> ColumnArray:
    valid = np.asarray([value is not None for value in values], bool)
    return ColumnArray(np.asarray([value if value is not None else 0 for value in values], kind), valid)


def _texts(values: Sequence[str]) -> ColumnArray:
    held = pa.array(values, pa.string()).dictionary_encode()
    return ColumnArray(held.indices.to_numpy(zero_copy_only=False).astype(np.int32), None, held.dictionary)


def _bucket(people: Sequence[str], columns: dict[str, ColumnArray]) -> Bucket:
    """Rows that are in the order of their people; a person's token is their number."""
    units = sorted(set(people))
    runs = np.asarray([list(people).count(person) for person in units], np.int64)
    tokens = np.asarray([int(person[1:]) for person in units], np.uint64)
    return Bucket(len(people), runs, columns, UnitRuns(tokens, np.zeros(len(units), np.uint64), runs))


def sources_of(rows: Sequence[Row]) -> HeldSources:
    """The rows, person by person, and everybody's stays."""
    ordered = sorted(rows, key=lambda row: row[0])
    visits = {
        "sex": _codes([row[1] for row in ordered], SEX),
        "ward": _codes([row[2] for row in ordered], WARD),
        "age": _numbers([row[3] for row in ordered], np.int64),
        "cost": _numbers([row[4] for row in ordered], np.float64),
        "remark": _texts([remark_of(row[0]) for row in ordered]),
    }
    stays = stays_of(rows)
    return HeldSources(
        {
            ("clinic", "visits"): _bucket([row[0] for row in ordered], visits),
            ("clinic", "stays"): _bucket(
                [stay[0] for stay in stays], {"days": _numbers([s[1] for s in stays], np.int64)}
            ),
        }
    )


def tallies(sql: str, rows: Sequence[Row]) -> list[Tally]:
    """What the engine counts of each measurement, before the noise."""
    return scan(plan_of(sql), [sources_of(rows)], b"s" * 32)


def exact(sql: str, rows: Sequence[Row]) -> np.ndarray:
    """All exact integers of a plan of public keys, as the engine makes them before noise."""
    found = zip(plan_of(sql).measurements, tallies(sql, rows), strict=True)
    return np.concatenate([vector for measurement, tally in found for vector in _vectors(measurement, tally)])


def moved(sql: str, rows: Sequence[Row], others: Sequence[Row]) -> list[tuple[Primitive, int, int, int, int]]:
    """How far the exact vectors of two tables are apart, for each primitive: L1 and squared L2 norm, and what the noise is
    made for in either. Groups that are in one table only count as zeros in the other."""
    found = []
    for measurement, one, other in zip(
        plan_of(sql).measurements, tallies(sql, rows), tallies(sql, others), strict=True
    ):
        bounds = effective_bounds(measurement)
        for primitive, first, second in zip(
            measurement.primitives, _by_line(measurement, one), _by_line(measurement, other), strict=True
        ):
            zeros = np.zeros(width(primitive), np.int64)
            steps = [first.get(line, zeros) - second.get(line, zeros) for line in first.keys() | second.keys()]
            norms = sum(int(abs(step).sum()) for step in steps), sum(int((step * step).sum()) for step in steps)
            limits = (sensitivity(primitive, bounds, mode) for mode in (Mode.PURE, Mode.ZCDP))
            found.append((primitive, *norms, *limits))
    return found


def _vectors(measurement: Measurement, tally: Tally) -> list[np.ndarray]:
    vector = exact_vectors(measurement, tally)
    return [vector(place, None) for place in range(len(measurement.primitives))]


def _by_line(measurement: Measurement, tally: Tally) -> list[dict[object, np.ndarray]]:
    """For each primitive the integers of every line, by its key; public lines by their number."""
    lines: list[object] = list(range(measurement.groups if not measurement.selected else 0))
    if measurement.selected:
        lines = [key_values(measurement.keys, key) for key in tally.keys]
    return [
        {line: vector[place * wide : (place + 1) * wide] for place, line in enumerate(lines)}
        for vector, wide in zip(_vectors(measurement, tally), measurement.widths, strict=True)
    ]


def spec_of(sql: str, units: int = 10**9) -> MeasurementSpec:
    plan = plan_of(sql)
    selected = any(measurement.selected for measurement in plan.measurements)
    return measurement_spec(plan, Mode.ZCDP, units, DELTA if selected else 0)


def noisy(sql: str, rows: Sequence[Row], units: int = 10**9) -> list[NoisyTable]:
    """The lines and noisy integers of each measurement."""
    plan, spec = plan_of(sql), spec_of(sql, units)
    check_spec(plan, spec)
    parts = zip(plan.measurements, prepare(plan, spec, spec.cost), tallies(sql, rows), strict=True)
    return [noisy_table(*part) for part in parts]


def answered(sql: str, rows: Sequence[Row], units: int = 10**9) -> Answer:
    """The answer, noise and all."""
    return finish("order", plan_of(sql), spec_of(sql, units), noisy(sql, rows, units))


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
    connection.execute("create table clinic.stays (person text, days int)")
    for row in rows:
        values = [*row, 70.5, remark_of(row[0]), f"{secret} of {row[0]}"]
        connection.execute("insert into clinic.visits values (?, ?, ?, ?, ?, ?, ?, ?)", values)
    for stay in stays_of(rows):
        connection.execute("insert into clinic.stays values (?, ?)", stay)
    return connection
