"""How many cases the tests named in the catalogue have, and where they are in the tree."""

import importlib
import inspect
import re
from math import prod
from pathlib import Path

from catalogue import CATALOGUE, INSIDE, Proof

TESTS = Path(__file__).parents[1]
HERE = Path(__file__).parent


def place(test: str) -> Path | None:
    """The file of a test, if that file has it."""
    name, _, function = test.partition("::")
    for path in TESTS.rglob(name):
        if re.search(rf"^def {function}\(", path.read_text("utf-8"), re.MULTILINE):
            return path
    return None


def cases(test: str) -> int:
    """Cases of a test of this folder: what its parametrisation multiplies to."""
    name, _, function = test.partition("::")
    found = getattr(importlib.import_module(name.removesuffix(".py")), function)
    return prod(len(list(mark.args[1])) for mark in getattr(found, "pytestmark", []) if mark.name == "parametrize")


def proofs_here() -> list[Proof]:
    """Proofs of this folder, each once."""
    here = {path.name for path in HERE.glob("test_[ps][0-9]*.py")}
    named = {proof.test: proof for attack in CATALOGUE for proof in attack.proofs}
    return [proof for test, proof in named.items() if test.partition("::")[0] in here]


def totals() -> dict[str, int]:
    """Cases of this folder, those with a control, and files and classes that have any."""
    counted = {proof: cases(proof.test) for proof in proofs_here()}
    return {
        "cases": sum(counted.values()),
        "with a control": sum(count for proof, count in counted.items() if proof.control),
        "classes": sum(bool(attack.proofs) for attack in CATALOGUE),
    }


def functions_here() -> set[str]:
    """Every test of this folder."""
    return {
        f"{path.name}::{name}"
        for path in HERE.glob("test_[ps][0-9]*.py")
        for name, value in inspect.getmembers(importlib.import_module(path.stem), inspect.isfunction)
        if name.startswith("test_") and value.__module__ == path.stem
    }


def page() -> str:
    """sandbox/docs/reference/attacks.md."""
    lines = [
        "# Attacks",
        "",
        "What has been tried against the enclave, what stands against it, and which test proves it. A defence counts only with",
        "its control: the same attack with the defence off, which works. *Inside* means that the test itself shows that; a dash",
        "that there is no control. Test files have unique names in `tests/`. What is not covered says why; what that costs is in",
        "[known weaknesses](../explanation/known-weaknesses.md).",
        "",
        "This page is made from `tests/attacks/catalogue.py` by `python tests/attacks/write_attacks.py`.",
        "",
        "| id | attack | defence | test | control | open |",
        "|---|---|---|---|---|---|",
    ]
    for attack in CATALOGUE:
        tests = "<br>".join(f"`{proof.test}`" for proof in attack.proofs) or "—"
        controls = "<br>".join(_control(proof) for proof in attack.proofs) or "—"
        lines.append(
            f"| {attack.id} | {attack.words} | {attack.defence or '—'} | {tests} | {controls} | {attack.open or '—'} |"
        )
    return "\n".join(lines) + "\n"


def _control(proof: Proof) -> str:
    if proof.control in {"", INSIDE}:
        return proof.control or "—"
    return f"`{proof.control}`"
