"""Canary values in the rows must lie nowhere afterwards: not in log, ledger, HTTP bodies, Ray's or any other file.

The control is the same search over a place where they do lie: the steward's own file.
"""

import re
import secrets
from pathlib import Path

import httpx
import pytest
from tests_support import CLINIC, files_holding

from sandbox.testing import start_enclave

HEADER = "patient_id,sex,ward,age,cost,urgent,visited,remark,note\n"


@pytest.mark.timeout(180)
def test_no_canary_leaves(tmp_path: Path) -> None:
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(300)]
    people, remarks, notes = canaries[:100], canaries[100:200], canaries[200:]
    amounts = [f"{3000 + number}.{secrets.randbelow(90) + 10}" for number in range(100)]
    source = tmp_path / "owner" / "visits.csv"
    source.parent.mkdir()
    source.write_text(
        HEADER
        + "".join(
            f"{people[number]},F,north,40,{amounts[number]},true,2024-05-15,{remarks[number]},{notes[number]}\n"
            for number in range(100)
        ),
        "utf-8",
    )
    broken = tmp_path / "owner" / "broken.csv"
    broken.write_text(HEADER + f"{people[0]},F,north,{remarks[0]},1.0,true,2024-05-15,x,y\n", "utf-8")
    bodies: list[bytes] = []

    with start_enclave(home=tmp_path / "enclave", tick_ms=50) as enclave:
        enclave.load(CLINIC, {"visits": source})
        with pytest.raises(Exception, match="age") as refused:
            enclave.reload("clinic", {"visits": broken})
        bodies.append(repr(vars(refused.value)).encode())
        enclave.analyst("ann", org="acme", datasets=["clinic"], purpose="research", epsilon="20")
        token = enclave.token("ann")
        sql = [
            "select sex, count(*) as n, sum(cost) as total from clinic.visits group by sex",
            "select count(distinct patient_id) from clinic.visits where remark = 'plain'",
            "select avg(cost / (age - 40)) from clinic.visits",
            "select remark from clinic.visits",
            "select note from clinic.visits",
            "select sum(cast(remark as int)) from clinic.visits",
        ]
        with httpx.Client(base_url=enclave.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            for number, text in enumerate(sql):
                answer = client.post(
                    "/v1/queries",
                    json={"sql": text, "purpose": "research", "epsilon": "1", "dry_run": False},
                    headers={"Idempotency-Key": f"canary-test-{number:04d}", "Prefer": "wait=30"},
                )
                bodies.append(answer.content)
                if answer.status_code == 202:
                    bodies.append(client.get(f"/v1/releases/{answer.json()['id']}").content)
            bodies += [client.get(path).content for path in ("/v1/datasets/clinic", "/v1/accounts", "/v1/queries")]
        export = tmp_path / "export.jsonl"
        enclave.officer.export_log(export)
        runtime = Path(re.search(r'"runtime": "([^"]+)"', (enclave.home / "run.json").read_text()).group(1))
        needles = [value.encode() for value in canaries]
        while_running = files_holding(needles, enclave.home, runtime, export)
        stderr = "".join(enclave.stderr)
    assert while_running == []
    assert files_holding(needles, tmp_path / "enclave", Path("/dev/shm")) == []
    everything = b"".join(bodies) + stderr.encode()
    assert [value for value in needles if value in everything] == []
    assert [amount for amount in amounts if amount.encode() in everything] == []
    # The control: the same search finds them where they do lie.
    assert len(files_holding(needles[:200], source)) == 200
