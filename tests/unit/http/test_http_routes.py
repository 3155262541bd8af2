"""Every route answers in the contract's shape, and everything it answers carries the edge's headers."""

import json
from pathlib import Path

import httpx
import pytest
from face_world import PAIR, SECRET, World, app_of, query_id

from sandbox.faces.http.incoming import accepts
from sandbox.proof.submission import Submission, sign_submission

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "openapi.json"


@pytest.fixture
def client(url: str):
    with httpx.Client(base_url=url, trust_env=False) as opened:
        yield opened


def as_(role: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{role}", **more}


ASK = {"sql": "select sex, count(*) as n from clinic.visits group by sex", "purpose": "research", "epsilon": "1"}
Q1 = query_id(1)


@pytest.fixture
def signed(world: World) -> dict[str, str]:
    """ASK, signed by the analyst's registered keys under the idempotency key of these tests."""
    world.register(PAIR)
    submission = Submission("enclave.test", "analyst", PAIR.id, **ASK, need="", idempotency_key="key-12345")
    return {**ASK, "key": PAIR.id, "signature": sign_submission(PAIR, submission)}


def test_health_says_the_state_to_anyone(client: httpx.Client, world: World) -> None:
    for state, status in (("ready", 200), ("starting", 503), ("sealed", 503)):
        world.state = state
        response = client.get("/v1/health")
        assert (response.status_code, response.json()) == (status, {"status": state})


def test_the_enclave_shows_its_keys(client: httpx.Client) -> None:
    shown = client.get("/v1/enclave").json()
    assert set(shown) == {"name", "origin", "log_key", "release_key", "network", "clock", "version"}


def test_enrol_shows_the_token_once_and_me_never(client: httpx.Client) -> None:
    body = {"name": "ann", "organisation": "Acme & Söhne", "role": "analyst"}
    response = client.post("/v1/people", json=body, headers=as_("administrator"))
    assert response.status_code == 201
    assert response.json() == {**body, "identity": "", "token": SECRET}
    body |= {"role": "reviewer", "identity": "staff 17"}
    assert client.post("/v1/people", json=body, headers=as_("administrator")).json() == {**body, "token": SECRET}
    assert client.get("/v1/me", headers=as_("analyst")).json() == {
        "name": "analyst",
        "organisation": "acme",
        "role": "analyst",
        "identity": "",
        "keys": [],
        "frozen": False,
    }


def test_datasets_register_list_view_load(client: httpx.Client, world: World) -> None:
    made = client.post("/v1/datasets", json={"description": "x = 1\n", "file": "c.toml"}, headers=as_("steward"))
    assert (made.status_code, made.json()["name"]) == (201, "clinic")
    assert made.headers["location"] == "/v1/datasets/clinic"
    assert world.calls[-1] == ("register", ("x = 1\n", "c.toml"), {})
    assert [item["name"] for item in client.get("/v1/datasets", headers=as_("analyst")).json()["datasets"]] == [
        "clinic"
    ]
    assert client.get("/v1/datasets/clinic", headers=as_("analyst")).json()["tables"][0]["rows_max"] == 1000
    begun = client.post("/v1/datasets/clinic/versions", json={"files": {"visits": "v.csv"}}, headers=as_("steward"))
    assert (begun.status_code, begun.headers["location"]) == (202, "/v1/loads/load_1")
    states = [client.get("/v1/loads/load_1", headers=as_("steward")).json()["state"] for _ in range(3)]
    assert states == ["running", "running", "done"]


def test_accounts(client: httpx.Client) -> None:
    assert client.get("/v1/accounts", headers=as_("analyst")).json()["accounts"][0]["left"] == "0.372"


def test_a_dry_run_quotes_and_needs_no_key(client: httpx.Client, world: World) -> None:
    body = {**ASK, "need": "For the yearly report", "dry_run": True}
    response = client.post("/v1/queries", json=body, headers=as_("analyst"))
    assert (response.status_code, response.json()["spent"]) == (200, "0")
    assert (response.json()["review"]["outcome"], len(response.json()["policy"]["permitted_by"])) == ("automatic", 1)
    assert world.calls[-1] == ("check", (ASK["sql"], "research", "1"), {"need": "For the yearly report"})
    assert world.queries == {}


def test_a_dry_run_draws_the_plan_where_it_is_asked_to(
    client: httpx.Client, world: World, signed: dict[str, str]
) -> None:
    plain = client.post("/v1/queries", json={**ASK, "dry_run": True}, headers=as_("analyst")).json()
    assert "picture" not in plain
    for language in ("en", "zh"):
        body = {**ASK, "dry_run": True, "picture": language}
        drawn = client.post("/v1/queries", json=body, headers=as_("analyst")).json()
        assert drawn == plain | {"picture": f'<svg xmlns="http://www.w3.org/2000/svg"><title>{language}</title></svg>'}
    for wrong in ({**ASK, "dry_run": True, "picture": "fr"}, {**ASK, "dry_run": True, "picture": True}):
        assert client.post("/v1/queries", json=wrong, headers=as_("analyst")).status_code == 400
    keyed = as_("analyst", **{"Idempotency-Key": "key-12345"})
    refused = client.post("/v1/queries", json={**signed, "picture": "en"}, headers=keyed)
    assert (refused.status_code, refused.json()["fields"], world.queries) == (400, ["picture"], {})


def test_a_query_is_accepted_settled_and_released(client: httpx.Client, world: World, signed: dict[str, str]) -> None:
    world.wait_for = 1
    asked = client.post("/v1/queries", json=signed, headers=as_("analyst", **{"Idempotency-Key": "key-12345"}))
    assert (asked.status_code, asked.headers["location"]) == (202, f"/v1/queries/{Q1}")
    assert asked.json()["state"] == "running"
    pending = client.get(f"/v1/releases/{Q1}", headers=as_("analyst"))
    assert (pending.status_code, pending.json()["code"]) == (409, "answer-pending")
    assert client.get(f"/v1/queries/{Q1}", headers=as_("analyst")).json()["state"] == "running"
    assert client.get(f"/v1/queries/{Q1}", headers=as_("analyst")).json()["state"] == "done"
    assert client.get(f"/v1/releases/{Q1}", headers=as_("analyst")).json()["id"] == Q1
    assert [item["id"] for item in client.get("/v1/queries", headers=as_("officer")).json()["queries"]] == [Q1]


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=5", 5), ("respond-async, wait=7", 7), ("wait=6000", 60), ("wait=0", None), ("x", None)],
)
def test_prefer_wait(
    client: httpx.Client, world: World, signed: dict[str, str], prefer: str, seconds: int | None
) -> None:
    headers = as_("analyst", **{"Idempotency-Key": "key-12345", "Prefer": prefer})
    state = client.post("/v1/queries", json=signed, headers=headers).json()["state"]
    assert state == ("running" if seconds is None else "done")
    assert [call[1] for call in world.calls] == ([] if seconds is None else [(Q1, seconds)])


def test_a_forfeited_query_says_what_stays_spent(client: httpx.Client, world: World, signed: dict[str, str]) -> None:
    world.forfeit = True
    client.post(
        "/v1/queries", json=signed, headers=as_("analyst", **{"Idempotency-Key": "key-12345", "Prefer": "wait=1"})
    )
    response = client.get(f"/v1/releases/{Q1}", headers=as_("analyst"))
    assert (response.status_code, response.json()["code"]) == (503, "measurement-forfeited")
    assert response.json()["spent"] == "0.018"


def test_the_log(client: httpx.Client, world: World) -> None:
    note = client.get("/v1/log/checkpoint", headers=as_("analyst"))
    assert note.headers["content-type"].startswith("text/plain")
    assert note.text.startswith("enclave.test\n1\n")
    assert client.get("/v1/log/proof/inclusion/0", headers=as_("officer")).json()["index"] == 0
    assert client.get("/v1/log/proof/inclusion/9", headers=as_("officer")).status_code == 404
    world.append("query.checked", {"n": "1"})
    proof = client.get("/v1/log/proof/consistency?old=1&new=2", headers=as_("officer")).json()
    assert (proof["old"], proof["new"], len(proof["proof"])) == (1, 2, 1)
    export = client.get("/v1/log/export", headers=as_("officer"))
    assert export.headers["content-type"] == "application/x-ndjson"
    lines = export.text.splitlines()
    assert len(lines) == 4
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert client.get("/v1/log/export", headers=as_("analyst")).status_code == 403


def test_every_answer_has_the_headers_of_the_edge(client: httpx.Client) -> None:
    seen = set()
    for method, path in (("GET", "/v1/health"), ("GET", "/v1/me"), ("GET", "/nowhere"), ("PUT", "/v1/queries")):
        response = client.request(method, path, headers={"Host": "localhost"})
        seen.add(response.headers["sandbox-request-id"])
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers
    assert len(seen) == 4


def test_a_sealed_enclave_shows_only_its_evidence(client: httpx.Client, world: World) -> None:
    world.state = "sealed"
    assert client.get("/v1/log/checkpoint", headers=as_("officer")).status_code == 200
    assert client.get("/v1/enclave").status_code == 200
    refused = client.post("/v1/queries", json={**ASK, "dry_run": True}, headers=as_("analyst"))
    assert (refused.status_code, refused.json()["code"]) == (503, "enclave-sealed")
    world.state = "starting"
    refused = client.get("/v1/log/checkpoint", headers=as_("officer"))
    assert (refused.status_code, refused.json()["code"]) == (503, "enclave-not-ready")
    assert refused.headers["retry-after"] == "1"


def test_openapi_is_as_decided(world: World) -> None:
    """A change of the API is a decision: write the new document with `python tests/unit/http/write_openapi.py`."""
    assert app_of(world).openapi() == json.loads(GOLDEN.read_text("utf-8"))


def test_openapi_is_served_and_there_are_no_pages_from_elsewhere(client: httpx.Client) -> None:
    assert client.get("/v1/openapi.json").json()["paths"].keys() >= {"/v1/queries", "/v1/log/export"}
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("header", "media", "taken"),
    [
        ("*/*", "text/plain", True),
        ("application/json", "application/json", True),
        ("text/html, application/*;q=0.5", "application/json", True),
        ("text/html", "application/json", False),
        ("*/*, application/json;q=0", "application/json", False),
        ("application/*;q=0, application/json;q=0.1", "application/json", True),
        ("", "application/json", False),
    ],
)
def test_accept(header: str, media: str, taken: bool) -> None:
    assert accepts(header, media) is taken
