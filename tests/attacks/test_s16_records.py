"""S16: texts that would be more than one line, or more than text, in a log, a terminal or a spreadsheet.

Every free text that an entry, a line or a page could carry is refused at the edge when it holds what is not shown as
itself. The control: the same text in a plain log line makes two of one, or hides what stands there.
"""

import json
import logging
from io import StringIO
from pathlib import Path

import httpx
import pytest

from sandbox.testing import Enclave

PAYLOADS = {
    "a line of its own": 'research\n{"event":"grant.approved","actor":"officer"}',
    "a carriage return": "research\rgrant approved by officer",
    "a terminal's escape": "research\x1b[2J\x1b[1;31mroot#",
    "an escape of eight bits": "research\x9b2J approved",
    "a line separator": "research\u2028grant approved by officer",
    "a change of direction": "research\u202egnihton\u202c allowed",
    "a zero byte": "research\0 and what nobody reads",
    "a backspace": "forbidden\b\b\b\b\b\b\b\b\bpermitted",
    "a hidden tag": "research\U000e0067\U000e006f for the report",
}


def bodies(text: str) -> dict[str, tuple[str, str, dict]]:
    """By field: who sends what where, with the text in that field."""
    ask = {"sql": "select count(*) from clinic.visits", "purpose": "research", "epsilon": "0.01", "dry_run": True}
    grant = {"datasets": ["clinic"], "purpose": "research", "epsilon": "1", "not_after": "2030-01-01T00:00:00Z",
             "reason": "For the yearly report"}  # fmt: skip
    return {
        "purpose": ("mallory", "/v1/queries", {**ask, "purpose": text}),
        "need": ("mallory", "/v1/queries", {**ask, "need": text}),
        "purpose of a grant": ("mallory", "/v1/grant-requests", {**grant, "purpose": text}),
        "reason of a grant": ("mallory", "/v1/grant-requests", {**grant, "reason": text}),
        "organisation": ("administrator", "/v1/people", {"name": "eve", "organisation": text, "role": "analyst"}),
        "identity": ("administrator", "/v1/people", {"name": "eve", "organisation": "a", "role": "analyst", "identity": text}),
        "file": ("steward-of-health-bureau", "/v1/datasets", {"description": "x", "file": text}),
        "reason of a freeze": ("officer", "/v1/freezes", {"subject": "person", "name": "mallory", "reason": text}),
    }  # fmt: skip


FIELDS = list(bodies(""))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_text_that_is_more_than_a_line_is_refused(
    enclave: Enclave, mallory: object, field: str, payload: str
) -> None:
    assert enclave.officer.health() == "ready"
    who, path, body = bodies(payload)[field]
    headers = {"Authorization": f"Bearer {enclave.token(who)}", "Idempotency-Key": "log-injection-1"}
    answer = httpx.post(f"{enclave.url}{path}", json=body, headers=headers, trust_env=False, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request"), answer.text
    assert not any(ord(letter) < 32 or ord(letter) > 126 for letter in answer.text)  # nothing of it comes back either
    # The control: a plain log takes it for more than one line, or shows what nobody wrote.
    stream = StringIO()
    logger = logging.getLogger("plain")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.warning("asked for %s", payload)
    logger.removeHandler(handler)
    shown = stream.getvalue().removesuffix("\n")
    assert len(shown.splitlines()) > 1 or not shown.isprintable()


def test_control_ordinary_words_pass(enclave: Enclave, mallory: object) -> None:
    for field in ("purpose", "need"):
        who, path, body = bodies("research")[field]
        headers = {"Authorization": f"Bearer {enclave.token(who)}"}
        answer = httpx.post(f"{enclave.url}{path}", json=body, headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text


def test_every_line_of_the_log_is_one_record_of_printable_ascii(enclave: Enclave, tmp_path: Path) -> None:
    enclave.officer.export_log(tmp_path / "log.jsonl")
    content = (tmp_path / "log.jsonl").read_bytes()
    lines = content.split(b"\n")
    assert lines[-1] == b""
    for line in lines[:-1]:
        json.loads(line)
        assert line.decode("utf-8").isprintable()
    assert not any(payload.encode() in content for payload in PAYLOADS.values())
