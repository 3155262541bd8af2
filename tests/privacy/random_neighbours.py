"""Generated questions on generated neighbours: what one unit moves in every vector before the noise, whatever is asked.

The worlds are those of the differential suite, with small caps and one unit that has many rows, so that every bound bites.
Neighbours differ by one unit with all its rows in all tables.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from exact_answers import planned
from language_questions import Asker
from language_worlds import WORLD_TEXTS, LanguageWorld, held_part, language_world, made_rows

from sandbox.plan.measurement import ContributionBounds, Measurement
from sandbox.plan.primitives import BRANCHING, CountDistinct, Primitive, TreeCounts
from sandbox.plan.query import Plan
from sandbox.plan.relations import streamed
from sandbox.privacy.selection import exposed_groups
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.dataset import Dataset, Table
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from sandbox.terms.refusal import NotAnswerable
from workers.relations.sources import HeldSources
from workers.scan import scan
from workers.tally import Tally

SECRET = b"s" * 32
HEAVY = 7
"""The unit that has every fourth row."""

Cell = tuple[bytes | int, int]
"""A group's key or number, and the place in its vector."""


def _capped(text: str) -> str:
    """The description with caps that bite."""
    text = text.replace(
        "max_rows_per_unit = 4000\nmax_groups_per_unit = 4000", "max_rows_per_unit = 5\nmax_groups_per_unit = 3"
    )
    return text.replace("max_rows_per_unit = 50", "max_rows_per_unit = 2")


Rows = Mapping[tuple[str, str], Sequence[dict[str, object]]]


class Neighbours:
    """One world: its descriptions, and what is stored with and without a unit, and of the unit alone."""

    def __init__(self, name: str, seed: int) -> None:
        source = random.Random(f"neighbours {name} {seed}")
        self.datasets = {made.name: made for made in map(parse_description, map(_capped, WORLD_TEXTS[name]))}
        self._tables = [(dataset, table) for dataset in self.datasets.values() for table in dataset.tables]
        self._rows: Rows = {
            (dataset.name, table.name): _skewed(dataset, table, made_rows(dataset, table, source))
            for dataset, table in self._tables
        }
        self.world = replace(_worlds(name), datasets=self.datasets)

    def units(self) -> list[int]:
        """The tokens of all units."""
        return sorted(
            {
                _token(table, row)
                for dataset, table in self._tables
                if not dataset.public
                for row in self._rows[dataset.name, table.name]
            }
        )

    @cache  # noqa: B019 - as long as the world
    def stored(self, bucket: int, without: int | None, alone: int | None) -> HeldSources:
        """The bucket's tables; the public ones whole."""
        held = {}
        for dataset, table in self._tables:
            rows = self._rows[dataset.name, table.name]
            if not dataset.public:
                kept = [row for row in rows if _token(table, row) != without]
                rows = kept if alone is None else [row for row in kept if _token(table, row) == alone]
            held[dataset.name, table.name] = held_part(dataset, table, list(rows), bucket)
        return HeldSources(held)


@cache
def _worlds(name: str) -> LanguageWorld:
    return language_world(name)


def _unit_column(table: Table) -> str:
    return table.unit or (table.link.column if table.link is not None else "")


def _token(table: Table, row: Mapping[str, object]) -> int:
    return int(str(row[_unit_column(table)]).lstrip("p"))


def _skewed(dataset: Dataset, table: Table, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    if dataset.public or table.rows_max == 60:
        return rows
    name = _unit_column(table)
    for row in rows[::4]:
        row[name] = HEAVY if isinstance(row[name], int) else f"p{HEAVY}"
    return rows


@dataclass(frozen=True)
class Asked:
    """A text, its world, and its plan with bounds drawn anew below those of the descriptions."""

    sql: str
    neighbours: Neighbours
    plan: Plan


def questions(worlds: Sequence[Neighbours], seed: int) -> Iterator[Asked]:
    """Answerable questions without end."""
    number = 0
    while True:
        source = random.Random(f"plans {seed} {number}")
        neighbours = worlds[number % len(worlds)]
        number += 1
        question = Asker(source, neighbours.world, Counter()).question()
        try:
            plan = planned(question.ours, neighbours.world)
        except NotAnswerable:
            continue
        bounded = tuple(_bounded(measurement, source) for measurement in plan.measurements)
        yield Asked(question.ours, neighbours, replace(plan, measurements=bounded))


def _bounded(measurement: Measurement, source: random.Random) -> Measurement:
    """The measurement with bounds at or below its own."""
    bounds = measurement.bounds
    if source.random() < 0.3:
        return measurement
    rows = source.randint(1, bounds.rows)
    drawn = ContributionBounds(rows, source.randint(1, bounds.groups), source.randint(1, rows))
    primitives = tuple(
        replace(item, values_per_unit=source.randint(1, min(rows, item.values_per_unit)))
        if isinstance(item, CountDistinct)
        else item
        for item in measurement.primitives
    )
    if len(set(primitives)) < len(primitives):
        return replace(measurement, bounds=bounds)
    return replace(measurement, bounds=drawn, primitives=primitives)


def broken(asked: Asked, unit: int) -> set[str]:
    """Which laws the question breaks where the unit comes or goes:

    - "bounds": what there is with the unit differs by more than the declared sensitivity, in L1 or L2²;
    - "apart": it is not what there is without the unit and what the unit brings alone, exactly;
    - "alone": more selected groups hold the unit alone than the threshold counts on;
    - "failure": it could not be computed, which nobody must learn of rows.
    """
    sides = ((None, None), (unit, None), (None, unit))
    try:
        tallies = [scan(asked.plan, [asked.neighbours.stored(unit % 2, *side)], SECRET) for side in sides]
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return {"failure"}
    measured = zip(asked.plan.measurements, *tallies, strict=True)
    return {law for measurement, *found in measured for law in _compared(measurement, *found)}


def _compared(measurement: Measurement, both: Tally, without: Tally, alone: Tally) -> set[str]:
    found: set[str] = set()
    bounds = effective_bounds(measurement)
    for place, primitive in enumerate(measurement.primitives):
        sides = [_cells(measurement, place, tally) for tally in (both, without, alone)]
        moved = _difference(sides[0], sides[1])
        steps = [abs(step) for step in moved.values()]
        if sum(steps) > sensitivity(primitive, bounds, Mode.PURE):
            found.add("bounds")
        if sum(step * step for step in steps) > sensitivity(primitive, bounds, Mode.ZCDP):
            found.add("bounds")
        if isinstance(primitive, CountDistinct):
            pairs = [_pairs(measurement, place, tally) for tally in (both, without, alone)]
            if pairs[0] != pairs[1] | pairs[2]:
                found.add("apart")
        elif moved != {cell: step for cell, step in sides[2].items() if step}:
            found.add("apart")
    if measurement.selected and len(set(both.keys) - set(without.keys)) > exposed_groups(bounds):
        found.add("alone")
    return found


def _difference(one: Mapping[Cell, int], two: Mapping[Cell, int]) -> dict[Cell, int]:
    moved = {cell: one.get(cell, 0) - two.get(cell, 0) for cell in {**one, **two}}
    return {cell: step for cell, step in moved.items() if step}


def _names(tally: Tally) -> Sequence[bytes | int]:
    return tally.keys or range(tally.lines)


def _cells(measurement: Measurement, place: int, tally: Tally) -> dict[Cell, int]:
    """The integers of one primitive's vector that are not zero. Nodes of a tree are told from its leaves here."""
    names = _names(tally)
    primitive = measurement.primitives[place]
    match primitive:
        case TreeCounts(depth=depth):
            nodes: Counter[Cell] = Counter()
            for line, leaf, rows in tally.trees[_number(measurement, place)].T.tolist():
                for level in range(1, depth + 1):
                    node = leaf // BRANCHING ** (depth - level)
                    nodes[names[line], level * BRANCHING**4 + node] += rows
            return dict(nodes)
        case CountDistinct():
            return dict(Counter((names[line], 0) for line in tally.pairs[_number(measurement, place)][0].tolist()))
        case _:
            sums = tally.sums[_number(measurement, place)].tolist()
            return {(names[line], 0): value for line, value in enumerate(sums) if value}


def _pairs(measurement: Measurement, place: int, tally: Tally) -> set[tuple[bytes | int, int, int]]:
    names = _names(tally)
    return {(names[line], high, low) for line, high, low in tally.pairs[_number(measurement, place)].T.tolist()}


def _kind(primitive: Primitive) -> type:
    return type(primitive) if isinstance(primitive, TreeCounts | CountDistinct) else int


def _number(measurement: Measurement, place: int) -> int:
    """The primitive's number among those that a tally keeps together."""
    kind = _kind(measurement.primitives[place])
    return sum(_kind(item) is kind for item in measurement.primitives[:place])


def joined(asked: Asked) -> bool:
    """Whether a measurement is of more than a table's rows."""
    return any(not streamed(item.relation) for item in asked.plan.measurements)
