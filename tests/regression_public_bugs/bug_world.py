"""The world in which the public bugs of other systems are tried: one table of persons, small, with all that is awkward."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
from audit_line import Asked, Line, Measured, World, ask, undrawn

from sandbox.plan.compile import compile_query
from sandbox.plan.query import Plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.loss import Mode

DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "1000" }
[tables.visits]
unit = "person"
rows_max = 1_000
max_rows_per_unit = 6
max_groups_per_unit = 2
[tables.visits.columns]
person = { type = "string", role = "unit" }
ward = { type = "string", keys = ["north", "south", "east", "west"] }
city = { type = "string", max_length = 20 }
age = { type = "int", bounds = [0, 100] }
cost = { type = "float", bounds = [-50.0, 100.0], granularity = 0.125 }
weight = { type = "float" }
seen = { type = "timestamp" }
"""
COLUMNS = (
    ("person", pa.string()),
    ("ward", pa.string()),
    ("city", pa.string()),
    ("age", pa.int64()),
    ("cost", pa.float64()),
    ("weight", pa.float64()),
    ("seen", pa.timestamp("us")),
)
CLINIC = World({"clinic": DESCRIPTION}, {("clinic", "visits"): COLUMNS})
NOON = 1_700_000_000_000_000


def row(person, ward="north", city="Lisbon", age=40, cost=10.0, weight=70.0, seen=NOON):
    return (person, ward, city, age, cost, weight, seen)


BASE = [
    row(f"p{number}", ward, city, 20 + number, 1.25 * number)
    for number, (ward, city) in enumerate(
        [("north", "Lisbon"), ("south", "Porto"), ("north", "Faro"), ("east", "Lisbon")] * 3
    )
]
WARDS = ("north", "south", "east", "west")
HEAVY = [row("x", WARDS[number % 4], f"town {number}", 100, 1e300, 1e300) for number in range(40)]
"""One person with far more rows, groups and values than anybody may bring, and values far beyond the bounds."""


@dataclass(frozen=True)
class Move:
    """How far one person moved a vector, and how far the plan says that he may: squared L2 norms."""

    moved: int
    allowed: int


class Bench:
    """Exact vectors of questions on given rows; and of neighbours, the distances."""

    def __init__(self, home: Path) -> None:
        self.line = Line(home)

    def exact(self, sql: str, rows: Sequence[tuple[object, ...]]) -> list[np.ndarray]:
        return [vector for vectors in self.measured(sql, rows).vectors() for vector in vectors]

    def measured(self, sql: str, rows: Sequence[tuple[object, ...]]) -> Measured:
        with undrawn():
            return self.line.measure(priced(sql), {("clinic", "visits"): rows})

    def moves(
        self, sql: str, unit: Sequence[tuple[object, ...]] = HEAVY, base: Sequence[tuple[object, ...]] = BASE
    ) -> list[Move]:
        """One for each primitive, between `base` and `base` with one person's rows more."""
        without, with_unit = self.exact(sql, base), self.exact(sql, [*base, *unit])
        return [
            Move(sum(int(a) ** 2 for a in np.asarray(two, object) - np.asarray(one, object)), vector.sensitivity)
            for one, two, vector in zip(without, with_unit, priced(sql).spec.vectors, strict=True)
        ]

    def within(self, sql: str, unit: Sequence[tuple[object, ...]] = HEAVY) -> bool:
        """Whether no vector moves by more than its declared sensitivity."""
        return all(move.moved <= move.allowed for move in self.moves(sql, unit))


def priced(sql: str, mode: Mode = Mode.ZCDP, epsilon: Fraction = Fraction(1)) -> Asked:
    return ask(sql, mode, epsilon, world=CLINIC)


def plan_of(sql: str) -> Plan:
    return compile_query(sql, CLINIC.datasets)


def spec_of(sql: str, mode: Mode = Mode.ZCDP) -> MeasurementSpec:
    return priced(sql, mode).spec
