"""ε audits: what an attacker proves from answers on neighbouring tables never exceeds what the question was charged.

Each case asks one operator on a table with and without one unit, through the line (`audit_line`), and lets the attacker of
`audit_attack` do his best with both answers. A false alarm has chance 10⁻⁶ a case. Operators and pairs are tables in
`audit_tables`; each operator's sharp pair reaches its sensitivity exactly (`test_exact_sensitivity`), so there the proven
loss is within a small factor of the claim: the audit is not blind. What faults it finds: `test_epsilon_mutants`.
"""

from fractions import Fraction

import pytest
from audit_attack import Proof, audit, lawful_rho
from audit_line import Line, ask
from audit_tables import KEYS, OPERATORS, PAIRS
from figures import record_figure

from sandbox.privacy.conversion import rho_units
from sandbox.terms.loss import UNITS, Mode

SOURCE = "tests/privacy/test_epsilon_audit.py"
EPSILON = {Mode.PURE: Fraction(1), Mode.ZCDP: Fraction(6)}
"""In zCDP at δ = 5·10⁻⁷ this is ρ = 0.64: enough to be seen in a few thousand draws."""

DRAWS = 4_000
DRAWS_SPLIT = 4 * DRAWS
"""Where ε is split over five vectors in pure mode. 4,000 draws prove 0.16 with a spread of 0.06 there, and nothing in one run
of some dozens; 16,000 prove 0.36 with a spread of 0.07."""

CORE = ("rows", "values", "sum", "mean", "units")
MODES = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
GROUPED = pytest.mark.parametrize("keys", KEYS, ids=["all", "by ward"])
QUICK = (("sum", "", Mode.PURE), ("units", "ward", Mode.PURE), ("mean", "", Mode.ZCDP), ("all", "", Mode.ZCDP))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("audit") / "home")


def proof_of(line: Line, operator: str, keys: str, mode: Mode, pair: str, draws: int = DRAWS) -> Proof:
    asked = ask(OPERATORS[operator].sql(keys), mode, EPSILON[mode], OPERATORS[operator].bounds)
    base, unit = PAIRS[pair]
    return audit(line.measure(asked, base), line.measure(asked, base + unit), draws)


def check_sharp(line: Line, operator: str, keys: str, mode: Mode) -> Proof:
    split = operator in ("all", "five counts") and mode is Mode.PURE
    proof = proof_of(line, operator, keys, mode, OPERATORS[operator].sharp, DRAWS_SPLIT if split else DRAWS)
    print(f"{mode.value} {operator} {keys or 'all'}: proven {proof.loss:.3f} of {proof.claim:.3f} by {proof.by}")
    assert not proof.caught
    # Five vectors at a fifth of ε each, in pure mode, are far from as bad as one at ε; all others are seen well.
    assert proof.loss > (0 if split else proof.claim / 6)
    return proof


@pytest.mark.parametrize(("operator", "keys", "mode"), QUICK, ids=str)
def test_a_unit_is_told_apart_no_better_than_was_paid_for(line: Line, operator: str, keys: str, mode: Mode) -> None:
    check_sharp(line, operator, keys, mode)


@pytest.mark.slow
@MODES
@GROUPED
def test_every_operator_on_the_pair_that_hurts_it_most(line: Line, keys: str, mode: Mode) -> None:
    proofs = [check_sharp(line, operator, keys, mode) for operator in OPERATORS]
    worst = max(proof.loss / proof.claim for proof in proofs)
    name = f"ε audit, {mode.value}, {'by ward' if keys else 'all'}: most proven of the claim"
    record_figure(name, round(worst, 3), f"over {len(proofs)} operators", SOURCE)


@pytest.mark.slow
@MODES
@GROUPED
@pytest.mark.parametrize("operator", CORE)
def test_every_pair(line: Line, operator: str, keys: str, mode: Mode) -> None:
    for pair in PAIRS:
        proof = proof_of(line, operator, keys, mode, pair, DRAWS // 2)
        print(f"{mode.value} {operator} {keys or 'all'} {pair}: proven {proof.loss:.3f} of {proof.claim:.3f}")
        assert not proof.caught, pair


@pytest.mark.parametrize("epsilon", ["0.01", "0.1", "1", "3.7", "6", "20"])
@pytest.mark.parametrize("delta", [Fraction(1, 10**6), Fraction(1, 20)], ids=["1e-6", "0.05"])
def test_the_claim_is_the_conversions_to_nine_digits(epsilon: str, delta: Fraction) -> None:
    """The audit computes the lawful ρ by a search of its own: the product's is never above it, and hardly below."""
    product, own = rho_units(Fraction(epsilon), delta) / UNITS, lawful_rho(float(epsilon), float(delta))
    assert product <= own + 1e-9
    assert product == pytest.approx(own, rel=1e-6, abs=2e-9)
