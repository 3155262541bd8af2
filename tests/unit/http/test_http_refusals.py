"""What the HTTP face refuses, and how: always a problem document, never an echo, never a trace of the inside."""

import json
import logging
import socket
from collections.abc import Iterator

import httpx
import pytest
from face_world import (
    CANARY,
    FREEZE_ID,
    GRANT_ID,
    PAIR,
    REQUEST_ID,
    REVIEW_ID,
    SECRET,
    TOKENS,
    World,
    app_of,
    query_id,
)

from sandbox.faces.http import schemas, strict_json
from sandbox.faces.http.edge import MAX_BODY, Edge, shape_of
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.refusal import Fault, MalformedRequest, SandboxError, catalogue, from_problem


def signed(epsilon: str = "1") -> dict[str, str]:
    """A query as the analyst's client sends it under the idempotency key of these tests."""
    asked = {"sql": "select count(*) from clinic.visits", "purpose": "research", "epsilon": epsilon}
    submission = Submission("enclave.test", "analyst", PAIR.id, **asked, need="", idempotency_key="key-12345")
    return {**asked, "key": PAIR.id, "signature": sign_submission(PAIR, submission)}


ASK = signed()
Q1 = query_id(1)
ENROL = {"name": "ann", "organisation": "acme", "role": "analyst"}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as opened:
        yield opened


def as_(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{role}"}


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "code", "detail", "advice", "spent", "instance", "request_id"} <= set(problem)
    assert problem["status"] == response.status_code
    assert problem["request_id"] == response.headers["sandbox-request-id"]
    assert isinstance(from_problem(problem), SandboxError)
    assert from_problem(problem).code == problem["code"]
    return problem


def raw(body: str | bytes) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


def without(body: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in body.items() if key != name}


MALFORMED: list[tuple[str, str, str, object]] = [
    ("analyst", "/v1/queries", "empty", b""),
    ("analyst", "/v1/queries", "not json", b"{"),
    ("analyst", "/v1/queries", "a list", []),
    ("analyst", "/v1/queries", "a string", '"x"'),
    ("analyst", "/v1/queries", "null", "null"),
    ("analyst", "/v1/queries", "no sql", without(ASK, "sql")),
    ("analyst", "/v1/queries", "no purpose", without(ASK, "purpose")),
    ("analyst", "/v1/queries", "no epsilon", without(ASK, "epsilon")),
    ("analyst", "/v1/queries", "epsilon is a number", {**ASK, "epsilon": 1.5}),
    ("analyst", "/v1/queries", "epsilon is an int", {**ASK, "epsilon": 1}),
    ("analyst", "/v1/queries", "epsilon is null", {**ASK, "epsilon": None}),
    ("analyst", "/v1/queries", "epsilon is too long", {**ASK, "epsilon": "1" * 65}),
    ("analyst", "/v1/queries", "epsilon is empty", {**ASK, "epsilon": ""}),
    ("analyst", "/v1/queries", "sql is a number", {**ASK, "sql": 1}),
    ("analyst", "/v1/queries", "sql is empty", {**ASK, "sql": ""}),
    ("analyst", "/v1/queries", "sql holds an escape", {**ASK, "sql": "select \x1b[31m"}),
    ("analyst", "/v1/queries", "sql holds a zero byte", {**ASK, "sql": "select \0"}),
    ("analyst", "/v1/queries", "purpose holds a line end", {**ASK, "purpose": "a\nb"}),
    ("analyst", "/v1/queries", "purpose turns direction", {**ASK, "purpose": "a\u202eb"}),
    ("analyst", "/v1/queries", "purpose is not composed", {**ASK, "purpose": "e\u0301"}),
    ("analyst", "/v1/queries", "purpose ends with a space", {**ASK, "purpose": "a "}),
    ("analyst", "/v1/queries", "purpose is too long", {**ASK, "purpose": "p" * 201}),
    ("analyst", "/v1/queries", "dry_run is a string", {**ASK, "dry_run": "yes"}),
    ("analyst", "/v1/queries", "dry_run is a number", {**ASK, "dry_run": 1}),
    ("analyst", "/v1/queries", "an unknown field", {**ASK, "person": "bob"}),
    ("analyst", "/v1/queries", "a field with a strange name", {**ASK, f"\x1b[{CANARY}": 1}),
    ("analyst", "/v1/queries", "a field twice", '{"sql":"a","sql":"b","purpose":"p","epsilon":"1"}'),
    ("analyst", "/v1/queries", "NaN", '{"sql":"a","purpose":"p","epsilon":NaN}'),
    ("analyst", "/v1/queries", "Infinity", '{"sql":"a","purpose":"p","epsilon":-Infinity}'),
    ("analyst", "/v1/queries", "too deep", "[" * 2000 + "]" * 2000),
    ("analyst", "/v1/queries", "rather deep", "[" * 20 + "]" * 20),
    ("analyst", "/v1/queries", "half a surrogate pair", '{"sql":"\\ud800","purpose":"p","epsilon":"1"}'),
    ("analyst", "/v1/queries", "a huge integer", '{"sql":"a","purpose":"p","epsilon":' + "9" * 5000 + "}"),
    ("analyst", "/v1/queries", "not utf-8", b'{"sql":"\xff"}'),
    ("analyst", "/v1/queries", "utf-16", '{"sql":"a"}'.encode("utf-16")),
    ("analyst", "/v1/queries", "a byte order mark", b"\xef\xbb\xbf{}"),
    ("analyst", "/v1/queries", "two documents", "{} {}"),
    ("administrator", "/v1/people", "no role", without(ENROL, "role")),
    ("administrator", "/v1/people", "unknown role", {**ENROL, "role": "root"}),
    ("administrator", "/v1/people", "a name with a slash", {**ENROL, "name": "a/b"}),
    ("administrator", "/v1/people", "a name in capitals", {**ENROL, "name": "Ann"}),
    ("administrator", "/v1/people", "a name that only looks plain", {**ENROL, "name": "аnn"}),
    ("administrator", "/v1/people", "a name with a line end", {**ENROL, "name": "ann\n"}),
    ("administrator", "/v1/people", "a token of one's own", {**ENROL, "token": "x"}),
    ("steward", "/v1/datasets", "no description", {"file": "a.toml"}),
    ("steward", "/v1/datasets", "description is a list", {"description": ["x"]}),
    ("steward", "/v1/datasets", "a file name with an escape", {"description": "x", "file": "\x1b.toml"}),
    ("steward", "/v1/datasets/clinic/versions", "no files", {"files": {}}),
    ("steward", "/v1/datasets/clinic/versions", "files is a list", {"files": ["v.csv"]}),
    ("steward", "/v1/datasets/clinic/versions", "a file is a number", {"files": {"visits": 7}}),
]


@pytest.mark.parametrize(
    ("role", "path", "body"), [(r, p, b) for r, p, _, b in MALFORMED], ids=[c[2] for c in MALFORMED]
)
def test_malformed_bodies(client: httpx.Client, world: World, role: str, path: str, body: object) -> None:
    content = raw(body) if isinstance(body, str | bytes) else json.dumps(body).encode()
    headers = as_(role) | {"Content-Type": "application/json", "Idempotency-Key": "key-12345"}
    response = client.post(path, content=content, headers=headers)
    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (400, "malformed-request")
    assert CANARY not in response.text
    assert (world.calls, world.queries, len(world.entries)) == ([], {}, 1)


def test_the_controls_of_the_malformed_bodies_pass(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    for role, path, body in (
        ("analyst", "/v1/queries", ASK),
        ("administrator", "/v1/people", ENROL),
        ("steward", "/v1/datasets", {"description": "x"}),
        ("steward", "/v1/datasets/clinic/versions", {"files": {"visits": "v.csv"}}),
    ):
        headers = as_(role) | {"Idempotency-Key": "key-12345"}
        assert client.post(path, json=body, headers=headers).status_code in {201, 202}, path


def test_epsilon_as_a_number_is_advised(client: httpx.Client) -> None:
    response = client.post("/v1/queries", json={**ASK, "epsilon": 0.5, "dry_run": True}, headers=as_("analyst"))
    problem = problem_of(response)
    assert 'a decimal in a string, such as "0.5"' in str(problem["detail"])
    assert problem["fields"] == ["epsilon"]


def test_several_faults_are_named_at_once(client: httpx.Client) -> None:
    response = client.post("/v1/queries", json={"sql": 1, "surprise": 2}, headers=as_("analyst"))
    assert problem_of(response)["fields"] == ["epsilon", "purpose", "sql", "surprise"]


@pytest.mark.parametrize("kind", catalogue(), ids=lambda kind: kind.code)
def test_every_refusal_travels_and_comes_back(client: httpx.Client, kind: type[SandboxError]) -> None:
    body = {**ASK, "sql": f"refuse:{kind.code} now", "dry_run": True}
    response = client.post("/v1/queries", json=body, headers=as_("analyst"))
    problem = problem_of(response)
    assert response.status_code == kind.status
    found = from_problem(problem)
    assert type(found) is kind
    assert (found.detail, found.rewrite) == ("This is why.", "select count(*) from clinic.visits")
    assert (found.span.line, found.span.column, found.span.length) == (1, 3, 4)
    assert found.problem() == problem
    if kind.status == 401:
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer,",
        "Basic dXNlcjpwYXNz",
        "Bearer wrong-token-here",
        "Bearer token-of-analyst extra",
        "bearer\ttoken-of-analyst",
        "Bearer " + "x" * 600,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.",
        "Token token-of-analyst",
    ],
)
def test_without_a_valid_token_nothing_is_answered(client: httpx.Client, header: str | None) -> None:
    paths = ["me", "datasets", "datasets/clinic", "loads/load_1", "grants", "accounts", "queries", f"queries/{Q1}"]
    paths += [
        f"releases/{Q1}",
        "catalogue",
        "catalogue/clinic",
        "grant-requests",
        f"grants/{GRANT_ID}",
        "reviews",
        f"reviews/{REVIEW_ID}",
        "freezes",
        "log/checkpoint",
        "log/proof/inclusion/0",
        "log/proof/consistency?old=1&new=1",
        "log/export",
    ]
    for path in paths:
        response = client.get(f"/v1/{path}", headers={"Authorization": header} if header is not None else {})
        assert (response.status_code, problem_of(response)["code"]) == (401, "sign-in-required"), path
    posts = ["people", "me/keys", "datasets", "datasets/clinic/versions", "grant-requests", "queries", "freezes"]
    posts += [f"grant-requests/{REQUEST_ID}/{end}" for end in ("approval", "refusal")]
    posts += [f"grants/{GRANT_ID}/revocation", f"queries/{Q1}/withdrawal", f"reviews/{REVIEW_ID}/votes"]
    for path in [*posts, f"freezes/{FREEZE_ID}/lift", "policy/explanation", "log/search", "log/entries/0/open"]:
        response = client.post(
            f"/v1/{path}", content=b"{", headers={"Authorization": header} if header is not None else {}
        )
        assert response.status_code == 401, path


def test_unknown_and_impossible_names_look_the_same(client: httpx.Client) -> None:
    bodies = []
    for path in ("datasets/other", "datasets/A", "datasets/" + "a" * 64, "loads/x", "reviews/q'1"):
        response = client.get(f"/v1/{path}", headers=as_("analyst"))
        problem = problem_of(response)
        bodies.append({key: problem[key] for key in problem if key not in {"instance", "request_id"}})
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "not-found"


def test_a_call_that_spends_needs_a_key(client: httpx.Client, world: World) -> None:
    response = client.post("/v1/queries", json=ASK, headers=as_("analyst"))
    assert (response.status_code, problem_of(response)["code"]) == (400, "idempotency-key-required")
    for key in ("short", "with space in it", "x" * 129, "ключ-ключ".encode().decode("latin-1")):
        response = client.post(
            "/v1/queries", json=ASK, headers={**as_("analyst"), "Idempotency-Key": key.encode("latin-1")}
        )
        assert (response.status_code, problem_of(response)["code"]) == (400, "malformed-request"), key
    assert world.queries == {}


def test_the_same_key_spends_once(client: httpx.Client, world: World) -> None:
    world.register(PAIR)
    headers = as_("analyst") | {"Idempotency-Key": "key-12345"}
    first, second = (client.post("/v1/queries", json=ASK, headers=headers).json() for _ in range(2))
    assert first["id"] == second["id"]
    other = client.post("/v1/queries", json=signed("2"), headers=headers)
    assert (other.status_code, problem_of(other)["code"]) == (409, "idempotency-key-reused")
    assert len(world.queries) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/me", 404),
        ("GET", "/v1/me/", 404),
        ("GET", f"/v1/queries/{Q1}/extra", 404),
        ("GET", "/static/../etc/passwd", 404),
        ("DELETE", "/v1/queries", 405),
        ("PUT", "/v1/datasets/clinic", 405),
        ("POST", "/v1/health", 405),
        ("HEAD", "/v1/me", 405),
        ("TRACE", "/v1/me", 405),
        ("OPTIONS", "/v1/me", 405),
    ],
)
def test_unknown_addresses_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path, headers=as_("analyst"))
    assert response.status_code == status
    if method != "HEAD":
        problem_of(response)
    if status == 405:
        assert response.headers["allow"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/me?debug=1", 400),
        ("/v1/datasets?", 200),
        ("/v1/health?x", 400),
        ("/v1/health?x=1", 400),
        ("/v1/log/proof/consistency?old=1", 400),
        ("/v1/log/proof/consistency?old=1&new=1&new=1", 400),
        ("/v1/log/proof/consistency?old=-1&new=1", 400),
        ("/v1/log/proof/consistency?old=1&new=x", 400),
        ("/v1/log/proof/consistency?old=1&new=1&third=1", 400),
        ("/v1/log/proof/inclusion/x", 400),
        ("/v1/log/proof/inclusion/-1", 400),
        ("/v1/log/proof/inclusion/99999999999999999999", 400),
    ],
)
def test_query_parameters(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path, headers=as_("officer"))
    assert response.status_code == status
    if status == 400:
        assert problem_of(response)["code"] == "malformed-request"


def test_media_types(client: httpx.Client) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ):
        response = client.post("/v1/queries", content=json.dumps(ASK), headers=as_("analyst") | headers)
        assert (response.status_code, problem_of(response)["code"]) == (415, "malformed-request")
    refused = client.get("/v1/me", headers=as_("analyst") | {"Accept": "text/html"})
    assert (refused.status_code, problem_of(refused)["code"]) == (406, "malformed-request")
    assert client.get("/v1/log/checkpoint", headers=as_("analyst") | {"Accept": "application/json"}).status_code == 406


def test_hosts(client: httpx.Client, world: World) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost.", "127.0.0.1:80:80", "sandbox.example"):
        response = client.get("/v1/health", headers={"Host": host})
        assert (response.status_code, problem_of(response)["code"]) == (421, "malformed-request"), host
    for host in ("localhost", "LOCALHOST:8443", "[::1]:80", "[::1]", "127.0.0.1"):
        assert client.get("/v1/health", headers={"Host": host}).status_code == 200, host
    transport = httpx.ASGITransport(app_of(world, hosts=["sandbox.example"]))

    async def ask() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example:8443") as opened:
            return (await opened.get("/v1/health")).status_code

    import asyncio

    assert asyncio.run(ask()) == 200


def test_headers_have_bounds(client: httpx.Client, url: str) -> None:
    many = {f"X-{number}": "1" for number in range(70)}
    response = client.get("/v1/health", headers=many)
    assert (response.status_code, problem_of(response)["code"]) == (431, "request-too-large")
    response = client.get("/v1/health", headers={"X-Long": "x" * 17_000})
    assert response.status_code == 431
    response = client.get("/v1/health?" + "x" * 5000)
    assert response.status_code == 431
    for twice in (b"Authorization", b"Idempotency-Key", b"Content-Type", b"Host"):
        line = twice + b": localhost\r\n"
        rest = b"" if twice == b"Host" else b"Host: localhost\r\n"
        found = exchange(url, b"GET /v1/health HTTP/1.1\r\nConnection: close\r\n" + rest + line + line + b"\r\n")
        assert found.startswith(b"HTTP/1.1 400"), twice


def body_over(length: int) -> bytes:
    return json.dumps({**ASK, "sql": "x" * length}).encode()


@pytest.mark.parametrize("streamed", [False, True], ids=["with length", "chunked"])
def test_a_body_over_the_cap_is_refused(client: httpx.Client, streamed: bool) -> None:
    body = body_over(MAX_BODY)

    def pieces() -> Iterator[bytes]:
        yield from (body[start : start + 65536] for start in range(0, len(body), 65536))

    headers = as_("analyst") | {"Content-Type": "application/json"}
    response = client.post("/v1/queries", content=pieces() if streamed else body, headers=headers)
    assert (response.status_code, problem_of(response)["code"]) == (413, "request-too-large")
    small = json.dumps({**ASK, "dry_run": True}).encode()
    control = client.post("/v1/queries", content=iter([small]) if streamed else small, headers=headers)
    assert control.status_code == 200


def exchange(url: str, request: bytes) -> bytes:
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found


def test_smuggled_framing_gets_one_refusal(url: str) -> None:
    start = b"POST /v1/queries HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for framing in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length: +5\r\n",
    ):
        found = exchange(url, start + framing + b"\r\n0\r\n\r\nGET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert found.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), framing
        assert found.count(b"HTTP/1.1") == 1


def test_a_fault_inside_says_nothing(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        body = {**ASK, "sql": f"fault {SECRET}", "dry_run": True}
        response = client.post("/v1/queries", json=body, headers=as_("analyst"))
    problem = problem_of(response)
    assert (response.status_code, problem["code"], problem["detail"]) == (500, "fault", Fault.title)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert problem["request_id"] in logged
    assert "RuntimeError" in logged
    for secret in (CANARY, SECRET, "token-of-analyst", "Traceback"):
        assert secret not in logged
        assert secret not in response.text
    assert all(record.exc_info is None for record in caplog.records)


def test_a_fault_in_mid_answer_cuts_the_answer(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: object) -> Iterator[str]:
        yield '{"format":"sandbox/log-export/v1"}'
        raise RuntimeError(CANARY)

    monkeypatch.setattr("sandbox.service.read_log.export", breaking)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/log/export", headers=as_("officer"))


def test_tokens_never_reach_a_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post("/v1/people", json=ENROL, headers=as_("administrator"))
        client.get("/v1/me", headers={"Authorization": "Bearer wrong-token-here"})
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    assert not any(token in logged for token in [*TOKENS, SECRET, "wrong-token-here"])


def test_roles_by_routes(client: httpx.Client) -> None:
    """The face passes every role on to the service and hands its refusals out unchanged."""
    for role, path, body in (
        ("analyst", "/v1/people", ENROL),
        ("administrator", "/v1/datasets", {"description": "x"}),
        ("steward", "/v1/queries", {**ASK, "dry_run": True}),
    ):
        response = client.post(path, json=body, headers=as_(role))
        assert (response.status_code, problem_of(response)["code"]) == (403, "role-not-permitted")


# -- the parts alone -----------------------------------------------------------------------------------------------------


def test_strict_json_takes_what_json_readers_agree_on() -> None:
    assert strict_json.parse(b'{"a": [1, -2.5e3, "\\u4e2d", true, null]}') == {"a": [1, -2500.0, "中", True, None]}


def test_the_control_plain_json_would_take_duplicates_and_nan() -> None:
    assert json.loads('{"a":1,"a":2}') == {"a": 2}
    assert json.loads("NaN") != json.loads("NaN")


def test_a_validation_error_never_repeats_values() -> None:
    for model in schemas.BODIES:
        with pytest.raises(MalformedRequest) as refused:
            schemas.read(model, {name: {"x": CANARY} for name in model.model_fields} | {CANARY + "\n": CANARY})
        assert CANARY not in str(refused.value.problem())


def test_the_shape_of_an_error_holds_no_text() -> None:
    with pytest.raises(ValueError, match=CANARY) as caught:
        raise ValueError(CANARY)
    shape = shape_of(caught.value)
    assert shape["exception"] == "ValueError"
    assert CANARY not in str(shape)


def test_websockets_are_closed() -> None:
    import asyncio

    sent = []

    async def run() -> None:
        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await Edge(None)({"type": "websocket"}, None, send)

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]
