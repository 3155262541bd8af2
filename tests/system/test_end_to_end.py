"""The whole line as an analyst, a steward and an outsider use it, on a real enclave over HTTP."""

import io
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests_support import CLINIC

from sandbox.privacy.accuracy import half_width
from sandbox.proof.log_export import verify_export
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.refusal import (
    BudgetInsufficient,
    MalformedNumber,
    NotFound,
    ProofFailed,
    PurposeNotGranted,
    UnknownTable,
)
from sandbox.testing import Enclave, start_enclave

COUNT = "select sex, count(*) as n from clinic.visits group by sex"


def test_the_documented_snippet(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-snippet", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
    query = ann.query(COUNT, purpose="research", epsilon="1")
    quote = query.check()
    assert quote.cost["epsilon"] == "1"
    release = query.run().result(timeout=60)
    rows = release.to_pylist()
    assert [row["sex"] for row in rows] == ["F", "M"]
    for row, (low, high) in zip(rows, release.interval("n", 0.95), strict=True):
        assert low <= row["n"] <= high
        assert low - 200 < 600 < high + 200
    assert release.cost["amount"] == quote.cost["amount"]
    release.verify()


def test_check_spends_nothing_and_run_spends_what_check_said(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-costs", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
    before = ann.accounts()
    query = ann.query("select avg(cost) as mean from clinic.visits", purpose="research", epsilon="0.5")
    quote = query.check()
    assert ann.accounts() == before
    release = query.run().result(timeout=60)
    grant = next(account for account in ann.accounts() if account["kind"] == "grant")
    assert grant["spent"] == release.cost["amount"] == quote.cost["amount"]


def test_same_question_same_answer_and_the_ninth_digit_draws_anew(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-again", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
    first = ann.query(COUNT, purpose="research", epsilon="0.1").run().result(timeout=60)
    spaced = COUNT.replace(" ", "   ").upper().replace("CLINIC.VISITS", "clinic.visits")
    again = [ann.query(sql, purpose="research", epsilon="0.10").run().result(timeout=60) for sql in (COUNT, COUNT)]
    assert [release.to_pylist() for release in again] == [first.to_pylist()] * 2
    assert [release.reused for release in again] == [True, True]
    assert {release.cost["amount"] for release in again} == {"0"}
    assert spaced != COUNT
    anew = [
        ann.query(COUNT, purpose="research", epsilon=f"0.10000000{digit}").run().result(timeout=60).to_pylist()
        for digit in (1, 2, 3)
    ]
    assert any(rows != first.to_pylist() for rows in anew)


def signed(enclave: Enclave, person: str, epsilon: str, key: str) -> dict[str, object]:
    """The body of a submission, signed by the person's keys."""
    pins = enclave.administrator.pins
    pair = enclave.keys.pairs(pins.origin, person)[-1]
    submission = Submission(pins.origin, person, pair.id, COUNT, "research", epsilon, "", key)
    body = {"sql": COUNT, "purpose": "research", "epsilon": epsilon, "dry_run": False}
    return body | {"key": pair.id, "signature": sign_submission(pair, submission)}


def test_a_retry_with_the_same_key_is_one_debit(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-retry", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
    key = "one-and-the-same-key"
    headers = {"Authorization": f"Bearer {enclave.token('ann-retry')}", "Idempotency-Key": key}

    def post(epsilon: str) -> httpx.Response:
        body = signed(enclave, "ann-retry", epsilon, key)
        return httpx.post(f"{enclave.url}/v1/queries", json=body, headers=headers, timeout=30)

    answers = [post("0.2") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = post("0.3")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")
    ann.query(COUNT, purpose="research", epsilon="0.2").run().result(timeout=60)  # reused: the sixth costs nothing too
    grant = next(account for account in ann.accounts() if account["kind"] == "grant")
    assert grant["spent"] == answers[0].json()["cost"]["amount"]


def test_the_budget_ends(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-budget", org="acme", datasets=["clinic"], purpose="research", epsilon="1")
    ann.query(COUNT, purpose="research", epsilon="1").run().result(timeout=60)
    with pytest.raises(BudgetInsufficient) as refused:
        ann.query("select count(*) as n from clinic.visits", purpose="research", epsilon="0.5").run().result(timeout=60)
    assert refused.value.facts["account"] == "grant"


def test_nobody_learns_of_what_was_not_granted(enclave: Enclave) -> None:
    enclave.analyst("ann-granted", org="acme", datasets=["clinic"], purpose="research", epsilon="1")
    stranger = enclave.person("stranger", org="elsewhere", role="analyst")
    answers = []
    for name in ("clinic", "nowhere"):
        with pytest.raises(NotFound) as hidden:
            stranger.dataset(name)
        with pytest.raises(UnknownTable) as refused:
            stranger.query(f"select count(*) from {name}.visits", purpose="research", epsilon="1").check()
        answers.append((hidden.value.detail, refused.value.detail.replace(name, "…")))
    assert answers[0] == answers[1]
    assert stranger.datasets() == []


def test_the_purpose_counts(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-purpose", org="acme", datasets=["clinic"], purpose="research", epsilon="1")
    with pytest.raises(PurposeNotGranted):
        ann.query(COUNT, purpose="advertising", epsilon="0.5").check()


def test_a_number_is_not_a_decimal_string(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-number", org="acme", datasets=["clinic"], purpose="research", epsilon="1")
    for wrong in ("1,5", "-1", "NaN", "1e999", "", "٣"):
        with pytest.raises(MalformedNumber):
            ann.query(COUNT, purpose="research", epsilon=wrong).check()
    with pytest.raises(TypeError):
        ann.query(COUNT, purpose="research", epsilon=0.5)


def test_the_answer_waits_for_the_tick(visits: Path) -> None:
    """With the clock on nothing is out before the slot that the plan decides; the control has it off."""
    seen = {}
    for clock in (True, False):
        with start_enclave(clock=clock, tick_ms=1000) as enclave:
            enclave.load(CLINIC, {"visits": visits})
            ann = enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
            ann.query(COUNT, purpose="research", epsilon="0.1").run().result(timeout=60)
            query = ann.query(COUNT, purpose="research", epsilon="0.2")
            wait = query.check().wait_ms / 1000
            began = time.monotonic()
            running = query.run()
            states = []
            while time.monotonic() - began < 5:
                state = next(item for item in ann.queries() if item["id"] == running.id)["state"]
                states.append((time.monotonic() - began, state))
                if state != "running":
                    break
                time.sleep(0.02)
            seen[clock] = (states[-1][0], wait)
            certificate = running.result(timeout=60).certificate["facts"]
            assert certificate["clock"] == {"tick_ms": 1000, "on": clock}
    took, wait = seen[True]
    assert wait - 0.1 <= took <= wait + 1.0
    assert seen[False][0] < 0.8


def test_the_log_is_proved_offline_and_every_flipped_byte_is_found(enclave: Enclave, tmp_path: Path) -> None:
    ann = enclave.analyst("ann-log", org="acme", datasets=["clinic"], purpose="research", epsilon="1")
    ann.query(COUNT, purpose="research", epsilon="0.1").run().result(timeout=60)
    export = tmp_path / "log.jsonl"
    enclave.officer.export_log(export)
    key = enclave.administrator.enclave()["log_key"]
    command = [sys.executable, "-m", "sandbox.faces.cli.main", "audit", "verify", str(export), "--key", key]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    content = export.read_bytes()
    verify_export(io.BytesIO(content), key)
    for place in range(100, len(content), max(1, len(content) // 150)):
        changed = bytearray(content)
        changed[place] ^= 0x01
        with pytest.raises(ProofFailed):
            verify_export(io.BytesIO(changed), key)
    export.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    assert subprocess.run(command, check=False, capture_output=True).returncode == 8


def test_the_grant_has_a_term(enclave: Enclave) -> None:
    ann = enclave.analyst("ann-term", org="acme", datasets=["clinic"], purpose="short", epsilon="1", days=2.0 / 86400)
    time.sleep(2.2)
    with pytest.raises(Exception, match="grant") as refused:
        ann.query(COUNT, purpose="short", epsilon="0.1").run().result(timeout=60)
    assert refused.value.code == "grant-not-in-force"
    assert datetime.now(UTC)


def test_noise_is_of_the_stated_size(enclave: Enclave) -> None:
    """60 draws of a count whose stated 95 % half width is h: about 3 lie outside; 12 or more would be a wrong scale
    (binomial tail below 10^-4), and all inside half of h would be too little noise (0.68^60 below 10^-9)."""
    ann = enclave.analyst("ann-noise", org="acme", datasets=["clinic"], purpose="research", epsilon="40")
    errors = []
    for batch in range(15):  # four at a time: each answer waits for its slot
        texts = [f"0.1{4 * batch + turn:02d}" for turn in range(4)]
        asked = [
            ann.query("select count(*) as n from clinic.visits", purpose="research", epsilon=text).run()
            for text in texts
        ]
        for running in asked:
            column = running.result(timeout=60).column("n")
            errors.append(abs(column.integers[0] - 1200) / half_width(column.noise, 0.95))
    assert sum(error > 1 for error in errors) < 12
    assert sum(error > 0.5 for error in errors) > 5


def test_start_to_first_answer_is_quick(visits: Path) -> None:
    """A generous ceiling on a promise of 20 s: a hang is found, a busy machine is not."""
    began = time.monotonic()
    with start_enclave() as enclave:
        enclave.load(CLINIC, {"visits": visits})
        ann = enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="5")
        ann.query(COUNT, purpose="research", epsilon="1").run().result(timeout=60)
        took = time.monotonic() - began
        assert re.match(r"http://127\.0\.0\.1:\d+$", enclave.url)
    assert took < 60
