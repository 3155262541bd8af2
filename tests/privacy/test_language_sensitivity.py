"""What one unit can change in any question of the language, exactly: the vectors before noise on neighbouring tables.

Every question of `audit_town_operators` on every pair of `audit_town`, through ingest, encryption, scan, joins and merge:

1. no vector moves by more than its declared sensitivity, and some pair moves each vector by just that (`loose` ones apart);
2. what there is with the unit is what there is without it and what the unit brings alone: no unit changes what another
   brings. This is exact equality, so that a fault need not be large to be seen;
3. of selected groups, no more hold the unit alone than the threshold counts on;
4. Σ moved² / 2σ² over all vectors, the loss of Gaussian noise on this pair, is within what is charged and was asked for.

The controls plant faults (`audit_language_mutants`) and say which of these laws finds each.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_attack import claimed
from audit_language_mutants import EXACT, HARMLESS, SELECTING, LanguageMutant
from audit_line import Line
from audit_town import BASE, ORDERS, PAIRS
from audit_town_operators import QUESTIONS, Question
from exact_distances import Exact
from figures import record_figure

SOURCE = "tests/privacy/test_language_sensitivity.py"
QUICK_FAULTS = (
    "capped before the join only", "join of other units", "semi join of other units", "anti join of other units",
    "public table joined on the token", "per-unit aggregates over all units", "window over all units",
    "private groups not bounded", "distinct values without bounds", "filter not applied to units",
    "CASE raises on a row", "tree levels charged once", "second measurement not charged",
)  # fmt: skip

_ORDERS = BASE[ORDERS]
EXPECTED: dict[str, tuple[str, list[list[int]]]] = {
    QUESTIONS["filtered"].sql: (
        "+heavy",
        [
            [6 + sum(row[8] for row in _ORDERS)],
            [120 + sum(row[4] for row in _ORDERS if row[2] == "north")],
            [1 + len({row[0] for row in _ORDERS if row[4] > 9})],
        ],
    ),
    # Half of the forty orders of x pass: six of those count, wherever they stand.
    QUESTIONS["narrow"].sql: ("+mixed", [[6 + sum(row[5] > 49 for row in _ORDERS)]]),
}


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exact]:
    yield Exact(Line(tmp_path_factory.mktemp("language") / "home"))


def broken_laws(exact: Exact, question: Question, pair: str, keep: bool = True) -> set[str]:
    """Which of the laws do not hold."""
    try:
        found = {"sensitivity"} if exact.exceeds(question, pair, keep) else set()
    except (ArithmeticError, ValueError):
        return {"failure"}
    if not exact.adds_up(question, pair, keep):
        found.add("additivity")
    if exact.loss(question, pair, keep) > claimed(exact.asked(question)):
        found.add("loss")
    if question.selected:
        lone, counted_on = exact.lone_groups(question, pair, keep)
        if lone > counted_on:
            found.add("lone groups")
    return found | ({"reference"} if wrong(exact, question, keep) else set())


def wrong(exact: Exact, question: Question, keep: bool) -> bool:
    """Whether a question of `EXPECTED` gives something else than plain Python, on the base and a unit of many rows."""
    if question.sql not in EXPECTED:
        return False
    side, expected = EXPECTED[question.sql]
    measured = exact.measured(question, side, keep)
    return [vector.tolist() for vectors in measured.vectors() for vector in vectors] != expected


def reached(exact: Exact, question: Question, pair: str) -> set[tuple[int, str]]:
    return {
        (number, norm)
        for number, distance in enumerate(exact.distances(question, pair))
        for norm in distance.reached
        if number not in question.loose
    }


@pytest.mark.parametrize("name", QUESTIONS)
def test_one_unit_moves_no_vector_too_far_and_no_other_unit_at_all(exact: Exact, name: str) -> None:
    question = QUESTIONS[name]
    assert broken_laws(exact, question, question.sharp) == set()
    sharp = reached(exact, question, question.sharp)
    assert sharp or question.loose


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_question_on_every_pair_and_each_sensitivity_is_reached(exact: Exact) -> None:
    vectors = 0
    for name, question in QUESTIONS.items():
        met: set[tuple[int, str]] = set()
        for pair in PAIRS:
            assert broken_laws(exact, question, pair) == set(), (name, pair)
            met |= reached(exact, question, pair)
        count = len(exact.distances(question, "heavy"))
        expected = {(number, norm) for number in range(count) if number not in question.loose for norm in ("L1", "L2")}
        assert met == expected, name
        vectors += count
    loose = sum(len(question.loose) for question in QUESTIONS.values())
    record_figure("exact sensitivity: questions of the language", len(QUESTIONS), f"on {len(PAIRS)} pairs", SOURCE)
    record_figure("exact sensitivity: vectors that reach theirs", f"{vectors - loose} of {vectors}", "", SOURCE)


def caught_by(exact: Exact, mutant: LanguageMutant, folder: Path) -> set[str]:
    """The laws that the fault breaks on the mutant's pair; it is loaded anew where ingest is broken."""
    question = QUESTIONS[mutant.question]
    with mutant.plant():
        used = Exact(Line(folder / "home")) if mutant.reload else exact
        return broken_laws(used, question, mutant.pair, keep=False)


@pytest.mark.parametrize(
    "name", [name if name in QUICK_FAULTS else pytest.param(name, marks=pytest.mark.slow) for name in EXACT]
)
def test_control_each_planted_fault_breaks_a_law(exact: Exact, tmp_path: Path, name: str) -> None:
    mutant = EXACT[name]
    assert broken_laws(exact, QUESTIONS[mutant.question], mutant.pair) == set()
    found = caught_by(exact, mutant, tmp_path)
    print(f"{name} | {mutant.question} | {mutant.pair} | breaks {', '.join(sorted(found))} | power 1.00 (exact)")
    assert mutant.law in found


@pytest.mark.parametrize("name", HARMLESS)
def test_one_of_two_fences_of_the_language_is_enough(exact: Exact, tmp_path: Path, name: str) -> None:
    assert caught_by(exact, HARMLESS[name], tmp_path) == set()


def test_control_the_planted_faults_are_many() -> None:
    assert len(EXACT) + len(SELECTING) >= 20
    questions = {mutant.question for mutant in EXACT.values()}
    record_figure(
        "planted faults of the language: caught exactly", len(EXACT), f"by {len(questions)} questions", SOURCE
    )
