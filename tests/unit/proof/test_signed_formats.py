"""Golden bytes: what was signed and sealed by an earlier build is read by this one."""

import json

from released_world import ANN, PINS, answer_of
from write_signed_formats import GOLDEN, signed_formats

from sandbox.proof.bundle import open_bundle


def test_every_signed_message_keeps_its_bytes():
    assert signed_formats() == json.loads((GOLDEN / "signed-formats.json").read_text("utf-8"))


def test_a_release_of_an_earlier_build_verifies_and_opens():
    opened = open_bundle(json.loads((GOLDEN / "release-v1.json").read_text("utf-8")), ANN, PINS)
    assert opened.answer == answer_of("q_1")
    assert opened.verified.facts["suite"] == "sandbox-suite-1"
