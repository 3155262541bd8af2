"""S23: the ledger of a running service can no longer be written. Then nothing is debited, decided or released, and callers
hear so; after a restart every query is known for what it was. The control is the same day with room to write.
"""

import json
import os
import resource
import time
from collections import Counter
from pathlib import Path

import pytest
from crash_laws import only_grew
from load_story import NEED, PURPOSE, SQL, WHY
from tests_support import CLINIC, running_processes

from sandbox.client.connection import Connection
from sandbox.proof.log_export import verify_export
from sandbox.terms.refusal import AuditUnavailable, MeasurementForfeited, SandboxError
from sandbox.testing import Enclave, start_enclave

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def control_plane(enclave: Enclave) -> int:
    return next(
        pid
        for pid in running_processes(enclave)
        if b"sandbox.wiring" in Path("/proc", str(pid), "cmdline").read_bytes()
    )


def exported(enclave: Enclave, path: Path) -> list[str]:
    enclave.officer.export_log(path)
    lines = path.read_text("utf-8").splitlines()
    verify_export(lines, enclave.administrator.enclave()["log_key"])
    return [line["entry"] for line in map(json.loads, lines) if "entry" in line]


def pass_slots(analyst: Connection, query: str, slots: int) -> None:
    """Until the query is settled, or as many of its slots have passed without: its view names the next."""
    named, until = set(), time.monotonic() + 60
    while len(named) <= slots:
        view = analyst.query_view(query)
        if view["state"] != "running":
            return
        named.add(view["visible_at"])
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("blocked", [True, False])
def test_nothing_happens_that_cannot_be_written_down(blocked: bool, visits: Path, tmp_path: Path) -> None:
    with start_enclave(home=tmp_path / "enclave", tick_ms=50) as enclave:
        enclave.load(CLINIC, {"visits": visits})
        people = [
            enclave.analyst(name, org="acme", datasets=["clinic"], purpose=PURPOSE, epsilon="9", review=review)
            for name, review in (("ann", None), ("ben", "held"))
        ]
        ann, ben = people
        reviewer, officer = enclave.reviewer, enclave.officer
        waiting = ben.query(SQL, purpose=PURPOSE, epsilon="1", need=NEED).run()
        while waiting.state != "in-review":
            time.sleep(0.05)
        copy = reviewer.review(reviewer.reviews()[0]["id"])
        running = ann.query(SQL, purpose=PURPOSE, epsilon="1").run()
        before = exported(enclave, tmp_path / "before.jsonl")
        spent = [account["spent"] for account in ann.accounts()]
        limits = (1, resource.RLIM_INFINITY) if blocked else UNLIMITED
        pid = control_plane(enclave)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)  # every write of the control plane to a file fails now
        heard: Counter[str] = Counter()
        for name, act in (
            ("ask", lambda: ann.query(SQL, purpose=PURPOSE, epsilon="1.5").run()),
            ("vote", lambda: reviewer.vote(copy["id"], "approve", WHY, copy["digest"])),
            ("freeze", lambda: officer.freeze("person", "ben", "Something is odd here.")),
            ("revoke", lambda: enclave.steward.revoke_grant(ann.grants()[0]["id"], "The contract has ended.")),
        ):
            try:
                act()
            except AuditUnavailable:
                heard[f"{name} refused"] += 1
            except SandboxError as other:
                heard[f"{name} {other.code}"] += 1
            else:
                heard[f"{name} done"] += 1
        pass_slots(ann, running.id, 2)
        for number, analyst in ((running.id, ann), (waiting.id, ben)):
            try:
                analyst.release(number)
            except SandboxError:
                heard["release refused"] += 1
            else:
                heard["release done"] += 1
        if not blocked:
            assert heard["ask done"] == heard["vote done"] == heard["revoke done"] == 1, heard
            after = Counter(
                json.loads(text)["kind"] for text in exported(enclave, tmp_path / "after.jsonl")[len(before) :]
            )
            assert after["release.released"] == 1, "the vote let it out"
            return
        refused = {"ask refused": 1, "vote refused": 1, "freeze refused": 1, "revoke refused": 1, "release refused": 2}
        assert heard == refused
        assert [account["spent"] for account in ann.accounts()] == spent
        os.kill(enclave.process.pid, 9)
        enclave.process.wait(60)
        enclave.start(120)
        after = exported(enclave, tmp_path / "after.jsonl")
        only_grew([text.encode() for text in before], [text.encode() for text in after])
        added = Counter(json.loads(text)["kind"] for text in after[len(before) :])
        assert added == {"enclave.started": 1, "query.forfeited": 1}, "the running query is paid for and not answered"
        with pytest.raises(MeasurementForfeited):
            enclave.person("ann", org="acme", role="analyst").release(running.id)
        reviewer = enclave.reviewer
        reviewer.vote(copy["id"], "approve", WHY, copy["digest"])
        enclave.person("ben", org="acme", role="analyst").release(waiting.id).verify()
