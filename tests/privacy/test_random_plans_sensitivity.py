"""Whatever is asked: no unit moves a vector by more than its declared sensitivity, nor changes what another one brings.

Random texts of the language over six worlds are bound, their bounds are drawn anew, and each is measured with one unit,
without it and of it alone. Keys that show by selection and distinct values are among them. The controls plant faults.
"""

import random
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from language_worlds import WORLD_TEXTS
from random_neighbours import HEAVY, Asked, Neighbours, broken, joined, questions

import workers.relations.execute
import workers.scan
from sandbox.plan.measurement import ContributionBounds
from workers.bucket import ColumnArray
from workers.contribute import Bounding
from workers.relations.rows import Rows

QUESTIONS = 220
MANY_QUESTIONS = 3_000
KINDS = ("CountRows", "CountUnits", "CountValues", "SumValues", "CountDistinct", "TreeCounts")


@pytest.fixture(scope="module")
def neighbours() -> list[Neighbours]:
    return [Neighbours(name, 1) for name in WORLD_TEXTS]


def drawn_units(asked: Asked, seed: str, several: int = 1) -> list[int]:
    """The unit with many rows, and some others."""
    return [HEAVY, *random.Random(seed).sample(asked.neighbours.units(), several)]


def run(worlds: list[Neighbours], seed: int, count: int, several: int) -> Counter[str]:
    """Check so many questions; what they had in them."""
    seen: Counter[str] = Counter()
    for number, asked in enumerate(islice(questions(worlds, seed), count)):
        for unit in drawn_units(asked, f"{seed} {number}", several):
            assert broken(asked, unit) == set(), (asked.neighbours.world.name, unit, asked.sql)
        seen["joined"] += joined(asked)
        seen["selected"] += any(item.selected for item in asked.plan.measurements)
        seen.update(type(primitive).__name__ for item in asked.plan.measurements for primitive in item.primitives)
    return seen


def test_no_unit_moves_a_random_question_beyond_its_sensitivity(neighbours: list[Neighbours]) -> None:
    seen = run(neighbours, 1, QUESTIONS, 1)
    assert all(seen[kind] for kind in (*KINDS, "joined", "selected"))


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_no_unit_moves_many_random_questions_beyond_their_sensitivity(seed: int) -> None:
    seen = run([Neighbours(name, seed) for name in WORLD_TEXTS], seed, MANY_QUESTIONS // 3, 4)
    assert all(seen[kind] > 10 for kind in (*KINDS, "joined", "selected"))


# -- controls ------------------------------------------------------------------------------------------------------------

REAL_FULFILLED = workers.relations.execute.fulfilled
REAL_WINDOWED = workers.relations.execute.windowed
REAL_PER_UNIT = workers.relations.execute.per_unit


class LooseBounding(Bounding):
    """One row more for each unit than the plan allows."""

    def __init__(self, bounds: ContributionBounds, group_count: int, **counted: bool) -> None:
        more = ContributionBounds(bounds.rows + 1, bounds.groups, bounds.rows_per_group + 1)
        super().__init__(more, group_count, **counted)


class GreedyBounding(Bounding):
    """One group more for each unit than the plan allows."""

    def __init__(self, bounds: ContributionBounds, group_count: int, **counted: bool) -> None:
        more = ContributionBounds(bounds.rows, bounds.groups + 1, bounds.rows_per_group)
        super().__init__(more, group_count, **counted)


def _first_row_of_the_batch_goes(rows: Rows, predicate: Any) -> Any:
    found = REAL_FULFILLED(rows, predicate)
    return found & (np.arange(len(found)) > 0)


def _of_one_unit(rows: Rows) -> Rows:
    return Rows(np.zeros_like(rows.units), rows.columns)


def _window_over_all(node: Any, rows: Rows) -> Rows:
    return Rows(rows.units, REAL_WINDOWED(node, _of_one_unit(rows)).columns)


def _statistics_of_all(node: Any, rows: Rows) -> Rows:
    found = REAL_PER_UNIT(node, rows)
    units = len(np.unique(rows.units))
    counts = {name for name, aggregate in node.aggregates if aggregate.function.startswith("count")}
    columns = {
        name: ColumnArray(column.values + units) if name in counts else column for name, column in found.columns.items()
    }
    return Rows(found.units, columns)


PLANTED: dict[str, tuple[object, str, Callable[..., Any], str]] = {
    "a unit brings a row too many": (workers.scan, "Bounding", LooseBounding, "bounds"),
    "a unit brings a group too many": (workers.scan, "Bounding", GreedyBounding, "bounds"),
    "a filter looks at a row's place in its batch": (
        workers.relations.execute, "fulfilled", _first_row_of_the_batch_goes, "apart",
    ),
    "a window runs over all units": (workers.relations.execute, "windowed", _window_over_all, "apart"),
    "a unit's count knows how many units there are": (workers.relations.execute, "per_unit", _statistics_of_all, "apart"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_control_a_planted_fault_is_found(
    neighbours: list[Neighbours], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place, attribute, fault, law = PLANTED[name]
    monkeypatch.setattr(place, attribute, fault)
    found = (broken(asked, HEAVY) for asked in islice(questions(neighbours, 1), QUESTIONS))
    assert any(law in laws for laws in found)
