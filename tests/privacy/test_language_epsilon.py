"""ε audits of whole questions: what draws on neighbours prove is within what is charged, and planted faults show in them.

`test_language_sensitivity` says so exactly, of the vectors before noise and of what is paid for them; here the noise is
drawn as well, in both modes, and the attacker of `audit_attack` does his best. Private keys: `test_selection_audit`.
"""

import pytest
from audit_attack import Proof, audit, flat
from audit_language_mutants import EXACT, LanguageMutant
from audit_line import Line, ask
from audit_town import PAIRS, TABLES, with_unit
from audit_town_operators import QUESTIONS
from figures import record_figure
from test_epsilon_audit import EPSILON

from sandbox.terms.loss import Mode

SOURCE = "tests/privacy/test_language_epsilon.py"
DRAWS, NUMBERS = 4_000, 400_000
"""Draws a side, fewer where an answer has many integers."""

QUICK = (("distinct sizes", Mode.PURE), ("join along a link", Mode.ZCDP), ("stacked answers", Mode.PURE))
PUBLIC = tuple(name for name, question in QUESTIONS.items() if not question.selected)
SAMPLED = {name: mutant for name, mutant in EXACT.items() if mutant.law in ("sensitivity", "loss")}
REPEATS = 3


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("language-epsilon") / "home")


def proofs_of(line: Line, name: str, mode: Mode, pair: str, repeats: int = 1) -> list[Proof]:
    question = QUESTIONS[name]
    asked = ask(question.sql, mode, EPSILON[mode], question.bounds, TABLES)
    base, unit = PAIRS[pair]
    absent, present = line.measure(asked, base), line.measure(asked, with_unit(base, unit))
    draws = min(DRAWS, NUMBERS // len(flat(absent)))
    return [audit(absent, present, draws) for _ in range(repeats)]


@pytest.mark.parametrize(("name", "mode"), QUICK, ids=str)
def test_a_question_proves_no_more_than_was_paid_for(line: Line, name: str, mode: Mode) -> None:
    (proof,) = proofs_of(line, name, mode, QUESTIONS[name].sharp)
    print(f"{mode.value} {name}: proven {proof.loss:.3f} of {proof.claim:.3f} by {proof.by}")
    assert not proof.caught
    assert proof.loss > proof.claim / 8


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
def test_every_question_proves_no_more_than_was_paid_for(line: Line, mode: Mode) -> None:
    worst = 0.0
    for name in PUBLIC:
        (proof,) = proofs_of(line, name, mode, QUESTIONS[name].sharp)
        print(f"{mode.value} {name}: proven {proof.loss:.3f} of {proof.claim:.3f} by {proof.by}")
        assert not proof.caught, name
        worst = max(worst, proof.loss / proof.claim)
    figure = f"ε audit of the language, {mode.value}: most proven of the claim"
    record_figure(figure, round(worst, 3), f"over {len(PUBLIC)} questions", SOURCE)


def attempts(line: Line, mutant: LanguageMutant, mode: Mode) -> list[Proof]:
    with mutant.plant():
        return proofs_of(line, mutant.question, mode, mutant.pair, REPEATS)


def test_control_a_planted_fault_of_a_join_is_caught(line: Line) -> None:
    assert all(proof.caught for proof in attempts(line, SAMPLED["capped before the join only"], Mode.ZCDP))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_audit_catches_planted_faults_of_the_language_too(line: Line) -> None:
    """Those that move a vector too far by a factor of two or more are seen through noise as well.

    All of `EXACT` are caught without drawing. Through noise that is split over several vectors, a few thousand draws do not
    prove an excess of less than that: the exact laws are there for these.
    """
    caught = total = 0
    for name, mutant in SAMPLED.items():
        for mode in Mode:
            proofs = attempts(line, mutant, mode)
            power = sum(proof.caught for proof in proofs) / REPEATS
            least = min(proofs, key=lambda proof: proof.loss)
            print(
                f"{name} | {mode.value} | {mutant.question} | {mutant.pair} | power {power:.2f} |"
                f" proven >= {least.loss:.2f} of {least.claim:.2f} by {least.by}"
            )
            caught, total = caught + (power == 1), total + 1
    record_figure("ε audit of the language: planted faults caught", f"{caught} of {total}", "also exactly", SOURCE)
    assert caught >= 0.4 * total
