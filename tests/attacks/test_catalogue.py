"""The catalogue of attacks is whole, true and written down: every id, every named test, every test of this folder."""

from pathlib import Path

from attack_counts import TESTS, functions_here, page, place, totals
from catalogue import CATALOGUE, INSIDE, Attack, Proof
from figures import record_figure

PAGE = TESTS.parent / "sandbox" / "docs" / "reference" / "attacks.md"


def missing(catalogue: tuple[Attack, ...]) -> list[str]:
    """Tests and controls that are named and not there."""
    named = {proof.test for attack in catalogue for proof in attack.proofs}
    named |= {proof.control for attack in catalogue for proof in attack.proofs if proof.control not in {"", INSIDE}}
    return sorted(test for test in named if place(test) is None)


def test_every_attack_is_there_once_with_a_proof_or_a_reason() -> None:
    expected = [f"P{number}" for number in range(1, 23)] + [f"S{number}" for number in range(1, 41)]
    assert [attack.id for attack in CATALOGUE] == expected
    assert [attack.id for attack in CATALOGUE if not attack.proofs and len(attack.open) < 20] == []
    assert [attack.id for attack in CATALOGUE if attack.proofs and not (attack.defence or attack.open)] == []


def test_what_is_named_exists() -> None:
    assert missing(CATALOGUE) == []
    planted = Attack(
        "P0", "x", "y", (Proof("test_catalogue.py::test_what_is_named_exists", "test_no.py::test_nothing"),)
    )
    assert missing((planted,)) == ["test_no.py::test_nothing"]  # the control


def test_every_test_of_this_folder_is_named() -> None:
    named = {name for attack in CATALOGUE for proof in attack.proofs for name in (proof.test, proof.control)}
    helping = {"test_s16_records.py::test_control_ordinary_words_pass",
               "test_s36_bodies.py::test_control_the_body_around_them_is_good",
               "test_s08_differentials.py::test_control_the_filter_stops_what_is_plain",
               "test_p12_singling_out.py::test_control_what_is_left_is_answered_and_carries_noise",
               "test_s18_places.py::test_control_without_its_context_a_key_would_pass_for_another"}  # fmt: skip
    assert sorted(functions_here() - named - helping) == []
    assert helping <= functions_here()


def test_there_are_enough_cases_with_a_control() -> None:
    found = totals()
    assert found["cases"] >= 150
    assert found["with a control"] / found["cases"] >= 0.9
    assert found["classes"] >= 45
    source = "tests/attacks"
    record_figure("attacks tried, each refused", found["cases"], "cases", source)
    record_figure("attacks with a control in which they work", found["with a control"] / found["cases"], "", source)
    record_figure("classes of the catalogue with a proof, of 62", found["classes"], "classes", source)


def test_files_carry_the_ids_of_the_catalogue() -> None:
    ids = {attack.id for attack in CATALOGUE}
    for path in Path(__file__).parent.glob("test_[ps][0-9]*.py"):
        assert f"{path.stem[5].upper()}{int(path.stem[6:8])}" in ids


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python tests/attacks/write_attacks.py"
