"""The ε audit's controls: faults planted into the product (`audit_mutants`), at least 95 % of which must be caught.

`make test-all` asks each fault in each accounting mode several times and prints by which pair, with which power (the
share of repeated audits that caught it) and what was proven of which claim; a handful runs by default. Faults that
cost no privacy (a dropped bucket, bounding before the filter, rows chosen by value) or too little to be sampled (rounding
after the sum) fall to `test_exact_sensitivity`; those of accounts to `test_accounts_audit`; one side of two derivations
that must agree is refused by the engine before a row is read.
"""

from pathlib import Path

import pytest
from audit_attack import Proof, audit
from audit_line import Line, ask
from audit_mutants import HARMLESS, REFUSED, SAMPLED, Mutant
from audit_tables import OPERATORS, PAIRS
from figures import record_figure
from test_epsilon_audit import EPSILON

from sandbox.terms.loss import Mode
from workers.noise import NoiseRefused

SOURCE = "tests/privacy/test_epsilon_mutants.py"
DRAWS, ONE_BY_ONE = 4_000, 1_200
REPEATS = 5
QUICK = (
    "half the noise", "clamped after the sum", "bucket counted twice", "aggregates charged once", "ε taken for ρ",
    "noise shared by aggregates",
)  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("mutants") / "home")


def attempts(line: Line, mutant: Mutant, mode: Mode, folder: Path, repeats: int) -> list[Proof]:
    """Repeated audits of fresh draws while the fault is in place."""
    operator = OPERATORS[mutant.operator]
    base, unit = PAIRS[mutant.pair]
    with mutant.plant():
        used = Line(folder / f"home-{mode.value}") if mutant.reload else line
        asked = ask(operator.sql(mutant.keys), mode, mutant.louder * EPSILON[mode], operator.bounds)
        absent, present = used.measure(asked, base), used.measure(asked, base + unit)
        draws = ONE_BY_ONE if mutant.one_by_one else DRAWS
        return [audit(absent, present, draws, mutant.one_by_one) for _ in range(repeats)]


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_caught(line: Line, tmp_path: Path, name: str) -> None:
    mutant = SAMPLED[name]
    assert attempts(line, mutant, mutant.modes[-1], tmp_path, 1)[0].caught


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_audit_catches_what_is_planted(line: Line, tmp_path: Path) -> None:
    caught = total = 0
    weakest = 1.0
    for number, (name, mutant) in enumerate(SAMPLED.items()):
        for mode in mutant.modes:
            proofs = attempts(line, mutant, mode, tmp_path / str(number), REPEATS)
            power = sum(proof.caught for proof in proofs) / REPEATS
            least = min(proofs, key=lambda proof: proof.loss)
            print(
                f"{name} | {mode.value} | {mutant.operator} {mutant.keys} | {mutant.pair} | power {power:.2f} |"
                f" proven >= {least.loss:.2f} of {least.claim:.2f} by {least.by}"
            )
            caught, total = caught + (power == 1), total + 1
            weakest = min(weakest, power)
    record_figure(
        "ε audit: planted faults caught", f"{caught} of {total}", f"({len(SAMPLED)} faults, each mode)", SOURCE
    )
    record_figure("ε audit: least power over the planted faults", weakest, f"(share of {REPEATS} audits each)", SOURCE)
    by_pair = ", ".join(f"{name} ({mutant.pair})" for name, mutant in SAMPLED.items())
    record_figure("ε audit: the planted faults and their pairs", by_pair, "", SOURCE)
    assert len(SAMPLED) >= 20
    assert caught >= 0.95 * total


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
def test_one_of_two_fences_is_enough(line: Line, tmp_path: Path, name: str, mode: Mode) -> None:
    """The control of the control: a change that costs no privacy raises no alarm."""
    assert not attempts(line, HARMLESS[name], mode, tmp_path, 1)[0].caught


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
def test_what_the_control_plane_alone_gets_wrong_the_engine_refuses(line: Line, name: str, mode: Mode) -> None:
    mutant = REFUSED[name]
    operator = OPERATORS[mutant.operator]
    base, _ = PAIRS[mutant.pair]
    with mutant.plant():
        asked = ask(operator.sql(mutant.keys), mode, EPSILON[mode], operator.bounds)
        with pytest.raises((NoiseRefused, ValueError)):
            line.measure(asked, base)
    line.measure(ask(operator.sql(mutant.keys), mode, EPSILON[mode]), base)  # the control: as it should be, it is drawn
