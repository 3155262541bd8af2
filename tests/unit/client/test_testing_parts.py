"""What `sandbox.testing` does before an enclave runs."""

import tomllib
from pathlib import Path

import pytest
from tests_support import CLINIC

from sandbox.terms.description import parse_description
from sandbox.testing import Enclave, _graded


@pytest.mark.parametrize("grade", ["general", "important", "core"])
def test_a_description_takes_another_grade(grade: str) -> None:
    text = _graded(CLINIC, grade)
    assert tomllib.loads(text) == _with_grade(tomllib.loads(CLINIC), grade)
    bare = CLINIC.replace('grade = "general"\n', "")
    assert tomllib.loads(_graded(bare, grade)) == tomllib.loads(text)
    assert len(text.splitlines()) == len(CLINIC.splitlines())
    parse_description(text)


def _with_grade(document: dict, grade: str) -> dict:
    return document | {"dataset": document["dataset"] | {"grade": grade}}


def test_keys_are_kept_beside_the_home_not_in_it(tmp_path: Path) -> None:
    enclave = Enclave(tmp_path / "home", name="test.enclave", tick_ms=50, clock=True, workers=1, private_network=False)
    assert enclave.keys.folder == tmp_path / "client-keys"
    assert not enclave.keys.folder.exists()
