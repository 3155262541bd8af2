"""Golden bytes: a change of any signed or hashed format of the log must be a decision, not an accident."""

import json
from pathlib import Path

import pytest
from made_lives import lived
from made_logs import KEY, ORIGIN

from sandbox.proof.certificate import sign_certificate, verify_certificate
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.entry import entry_bytes, read_entry, read_time
from sandbox.proof.log_export import verify_export
from sandbox.proof.signing import SigningKey

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("name", ["entry-refused.json", "entry-reserved.json"])
def test_entries(name):
    data = (GOLDEN / name).read_bytes()
    entry = read_entry(data)
    assert entry_bytes(entry["kind"], read_time(entry["at"]), entry["actor"], entry["facts"]) == data


def test_the_entries_are_those_of_the_made_log():
    log = lived()
    assert (GOLDEN / "entry-refused.json").read_bytes() == log.entries[log.labels["refused"]]
    assert (GOLDEN / "entry-reserved.json").read_bytes() == log.entries[log.labels["reserve 1"]]


def test_checkpoint():
    text = (GOLDEN / "checkpoint-lived.txt").read_text("utf-8")
    assert text == lived().checkpoint()
    assert open_checkpoint(text, KEY.verifier, ORIGIN).size == 105


def test_certificate():
    document = json.loads((GOLDEN / "certificate-release.json").read_text("utf-8"))
    key = SigningKey("enclave.example/release", bytes(range(32)))
    assert document == sign_certificate(document["facts"], key)
    assert verify_certificate(document, key.verifier) == document["facts"]


def test_log_export():
    data = (GOLDEN / "log-export-lived.jsonl").read_bytes()
    assert data == lived().data()
    assert verify_export(data.splitlines(keepends=True), KEY.verifier.text).size == 105
