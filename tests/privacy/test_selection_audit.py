"""How often a group shows that holds one unit alone, of whole questions: with a chance of δ at most, whatever the groups.

The unit of the pair is alone in two private groups, as many as its bounds let it be in. From 20,000 draws on the tallies
that the line gives, through the threshold of the specification, the chance that either shows is bounded by
Clopper-Pearson at 5·10⁻⁷ a side: at most δ by law, and not far below it, so that the check is not blind. δ is large here (0.05
for the selection), and the noise once small and once large: `>=` shows under small noise, a threshold for one group of two
under large. The controls plant faults; each must be caught in all of its repeated audits.
"""

from fractions import Fraction

import numpy as np
import pytest
from audit_attack import SIDE
from audit_language_mutants import SELECTING
from audit_line import Line, ask
from audit_town import PAIRS, TABLES, with_unit
from audit_town_operators import QUESTIONS
from figures import record_figure
from scipy import stats

from sandbox.terms.loss import Mode
from workers import noisy_lines
from workers.tally import Tally

SOURCE = "tests/privacy/test_selection_audit.py"
DELTA = Fraction(1, 20)
EPSILONS = (Fraction(6), Fraction(1, 2))
"""Noise of about one unit, and of about twenty."""

DRAWS, REPEATS = 20_000, 3
QUESTION, PAIR, ALONE = "private key", "alone", 2
LARGE_NOISE = EPSILONS[1]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("selection") / "home")


def shown(line: Line, epsilon: Fraction, question: str = QUESTION, pair: str = PAIR) -> tuple[float, float]:
    """Bounds from below and above of the chance that a group shows that is there with the unit alone."""
    asked = ask(QUESTIONS[question].sql, Mode.ZCDP, epsilon, world=TABLES, delta=DELTA)
    base, unit = PAIRS[pair]
    absent, present = line.measure(asked, base), line.measure(asked, with_unit(base, unit))
    (measurement,) = asked.plan.measurements
    ((old,), (new,)) = absent.tallies, present.tallies
    lone = [place for place, key in enumerate(new.keys) if key not in set(old.keys)]
    assert len(lone) == ALONE
    many = Tally(tuple(new.keys[place] for place in lone) * DRAWS, np.tile(new.sums[:, lone], DRAWS), (), ())
    units = noisy_lines.exact_vectors(measurement, many)(0, None)
    chosen, _ = noisy_lines.noisy_units(present.mechanisms[0][0], units)
    hits = len(np.unique(np.asarray(chosen, np.int64) // ALONE))
    low = float(stats.beta.ppf(SIDE, hits, DRAWS - hits + 1)) if hits else 0.0
    high = float(stats.beta.isf(SIDE, hits + 1, DRAWS - hits)) if hits < DRAWS else 1.0
    return low, high


@pytest.mark.parametrize("epsilon", EPSILONS, ids=str)
@pytest.mark.parametrize("question", [QUESTION, "top shops", "private key of a join"])
def test_a_unit_alone_in_its_groups_shows_them_with_a_chance_of_delta_at_most(
    line: Line, question: str, epsilon: Fraction
) -> None:
    low, high = shown(line, epsilon, question)
    print(f"{question} at ε = {epsilon}: shown with a chance of {low:.4f} .. {high:.4f}, δ = {float(DELTA)}")
    assert low <= DELTA
    assert high > DELTA / 10
    if epsilon == LARGE_NOISE:
        assert high > DELTA * Fraction(3, 5)  # little is given away: τ is an integer
        record_figure(
            f"selection audit, {question}: shown of δ = {float(DELTA)}", f"{low:.4f} .. {high:.4f}", "", SOURCE
        )


def powers(line: Line, name: str, epsilons: tuple[Fraction, ...], repeats: int) -> dict[Fraction, float]:
    """The share of repeated audits that prove more than δ while the fault is in place, at each ε."""
    with SELECTING[name]():
        return {epsilon: sum(shown(line, epsilon)[0] > DELTA for _ in range(repeats)) / repeats for epsilon in epsilons}


@pytest.mark.parametrize(
    ("name", "epsilon"),
    [("selected at the threshold", EPSILONS[0]), ("threshold for one group", LARGE_NOISE)],
    ids=str,
)
def test_control_two_planted_faults_show_groups_too_often(line: Line, name: str, epsilon: Fraction) -> None:
    assert powers(line, name, (epsilon,), 1) == {epsilon: 1}


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTING)
def test_control_each_planted_fault_of_selection_shows_too_often(line: Line, name: str) -> None:
    power = powers(line, name, EPSILONS, REPEATS)
    print(f"{name} | {QUESTION} | {PAIR} | " + ", ".join(f"ε = {at}: power {share:.2f}" for at, share in power.items()))
    assert max(power.values()) == 1
