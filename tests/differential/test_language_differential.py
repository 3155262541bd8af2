"""Generated questions over six worlds: with the noise left out, our answers are those that DuckDB gives to the same text.

DuckDB answers the measured blocks, the declared groups are filled in, and it is asked the rest over them. What must be covered is
listed in `language_coverage`; a run that does not cover all of it fails.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact_answers import planned
from language_compared import Disagreement, check
from language_coverage import IN_PLANS, SPELLINGS, words_of
from language_questions import Asker, Question
from language_worlds import WORLD_TEXTS, LanguageWorld, language_world

import workers.finish
import workers.kernels.compare
import workers.relations.aggregates
import workers.relations.execute
import workers.relations.windows
from sandbox.plan import finishing
from sandbox.plan.query import Plan
from sandbox.plan.relations import Join
from sandbox.terms.refusal import NotAnswerable
from workers.relations.rows import Rows

QUESTIONS = 320
MANY_QUESTIONS = 3_000
ANSWERED_AT_LEAST = 0.6
"""Of the drawn texts; the others are refused, as they should be, and say so before any row is read."""


@pytest.fixture(scope="module")
def language_worlds() -> list[LanguageWorld]:
    return [language_world(name) for name in WORLD_TEXTS]


Drawn = tuple[Question, Plan, LanguageWorld]


class Drawing:
    """Questions one after the other, and what they have covered."""

    def __init__(self, worlds: Sequence[LanguageWorld], seed: int) -> None:
        self.worlds, self.seed = worlds, seed
        self.said: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.asked = 0

    @property
    def missing(self) -> set[str]:
        spelled = {word.replace("|", " ") for word in SPELLINGS}
        return (set(IN_PLANS) - set(self.held)) | (spelled - set(self.said))

    def questions(self) -> Iterator[Drawn]:
        """Answerable questions without end. Functions not yet there are drawn more often."""
        while True:
            source = random.Random(f"language {self.seed} {self.asked}")
            world = self.worlds[self.asked % len(self.worlds)]
            self.asked += 1
            wanted = [word.removeprefix("function ") for word in self.missing]
            seen: Counter[str] = Counter()
            question = Asker(source, world, seen, sorted(wanted)).question()
            try:
                plan = planned(question.ours, world)
            except NotAnswerable:
                continue
            self.said += seen
            self.held.update(set(words_of(plan)))
            yield question, plan, world


def run(worlds: Sequence[LanguageWorld], seed: int, least: int) -> None:
    """Ask at least so many, and until all is covered, but not more than twice as many."""
    drawing = Drawing(worlds, seed)
    answered = 0
    for question, plan, world in drawing.questions():
        try:
            check(question, plan, world)
        except Disagreement as found:
            pytest.fail(
                f"{world.name}: {found}\n{question.ours}\n{[block.theirs() for block in question.blocks]}\n{question.theirs}"
            )
        answered += 1
        if answered >= 2 * least or (answered >= least and not drawing.missing):
            break
    assert drawing.missing == set()
    assert answered >= ANSWERED_AT_LEAST * drawing.asked


def test_generated_questions_have_the_answers_of_duckdb(language_worlds: list[LanguageWorld]) -> None:
    run(language_worlds, 1, QUESTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_generated_questions_have_the_answers_of_duckdb(language_worlds: list[LanguageWorld], seed: int) -> None:
    run(language_worlds, seed, MANY_QUESTIONS // 3)


# -- controls ------------------------------------------------------------------------------------------------------------

REAL_JOIN = workers.relations.execute.join_rows
REAL_COLUMN = workers.relations.windows._column
REAL_QUANTILE = workers.finish.quantile
REAL_SORTED = finishing._sorted


def _join_without_its_last_row(join: Join, left: Rows, index: Any) -> Rows:
    rows = REAL_JOIN(join, left, index)
    return rows.take(np.arange(rows.count) < rows.count - 1)


def _all_known(column: Any) -> Any:
    return np.ones(len(column.values), np.bool_)


def _places_from_zero(node: Any, operand: Any, order: Any, starts: Any, fresh: Any) -> Any:
    found = REAL_COLUMN(node, operand, order, starts, fresh)
    return type(found)(found.values - 1) if node.function in ("row_number", "rank", "dense_rank") else found


def _null_passes(rows: Rows, predicate: Any) -> Any:
    (found,) = workers.relations.execute.evaluated(rows, [predicate])
    true = found.values.astype(np.bool_)
    return true if found.valid is None else true | ~found.valid


def _next_leaf(found: Any, fraction: Any, kind: Any) -> Any:
    return REAL_QUANTILE(found, min(fraction + fraction.__class__(1, 8), fraction.__class__(1)), kind)


def _ascending_always(lines: Any, by: Any) -> Any:
    return REAL_SORTED(lines, tuple(replace(order, descending=False) for order in by))


PLANTED: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "a join loses its last row": (workers.relations.execute, "join_rows", _join_without_its_last_row),
    "aggregates of a unit count NULL as zero": (workers.relations.aggregates, "known", _all_known),
    "places in windows count from zero": (workers.relations.windows, "_column", _places_from_zero),
    "a filter lets NULL pass": (workers.relations.execute, "fulfilled", _null_passes),
    "quantiles are an eighth too high": (workers.finish, "quantile", _next_leaf),
    "ORDER BY forgets DESC": (finishing, "_sorted", _ascending_always),
}


def found_within(worlds: Sequence[LanguageWorld], most: int) -> bool:
    for number, (question, plan, world) in enumerate(Drawing(worlds, 1).questions()):
        if number >= most:
            return False
        try:
            check(question, plan, world)
        except Disagreement:
            return True
    return False


@pytest.mark.parametrize("fault", PLANTED)
def test_control_a_planted_fault_is_found(
    language_worlds: list[LanguageWorld], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(*PLANTED[fault])
    assert found_within(language_worlds, QUESTIONS)


@pytest.mark.parametrize("sign", ["<", "<=", "=", "<>"])
def test_control_a_comparison_that_is_off_by_one_is_found(
    language_worlds: list[LanguageWorld], monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    other = {"<": "<=", "<=": "<", "=": "<=", "<>": "<"}[sign]
    operations = workers.kernels.compare._OPERATIONS
    monkeypatch.setitem(operations, sign, operations[other])
    assert found_within(language_worlds, QUESTIONS)


def test_control_what_is_not_covered_is_noticed(language_worlds: list[LanguageWorld]) -> None:
    """The coverage is not met by a few questions."""
    drawing = Drawing(language_worlds, 1)
    for _ in zip(range(20), drawing.questions(), strict=False):
        pass
    assert {"function power", "join private semi"} & drawing.missing
