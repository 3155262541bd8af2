"""S17: a web page of somebody else's that talks to the enclave through its reader's browser (DNS rebinding, CSRF).

The Host header must name the enclave; nothing is answered to another origin in words that a browser would hand on; no
cookie exists that a browser would add by itself. Controls: the same bytes to a server without the check; a page that a
permissive CORS layer lets in.
"""

import httpx
import pytest
from raw_http import exchange, plain_uvicorn, statuses
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from sandbox.testing import Enclave

HOSTS = [
    "evil.example",
    "evil.example:8440",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost.",
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "127.0.0.1:80:80",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::1",
    "169.254.169.254",
    "LOCALHOST.evil.example",
    "localhost,evil.example",
    "localhost\tevil.example",
]
ORIGINS = ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1", "file://"]
SCRIPTED = ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers"]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_not_served(enclave: Enclave, plain: str, standard: str, host: str) -> None:
    request = f"GET /v1/enclave HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    (status,) = statuses(exchange(enclave.url, request))
    assert status in {400, 421}
    assert statuses(exchange(enclave.url, request.replace(host.encode(), b"localhost"))) == [200]
    # The control: without the check the page that was rebound to this address is served.
    assert any(statuses(exchange(url, request)) == [200] for url in (plain, standard))


@pytest.mark.parametrize("forwarded", ["X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Host: localhost"])
def test_no_other_header_stands_in_for_host(enclave: Enclave, plain: str, forwarded: str) -> None:
    request = f"GET /v1/enclave HTTP/1.1\r\nHost: evil.example\r\n{forwarded}\r\nConnection: close\r\n\r\n".encode()
    assert statuses(exchange(enclave.url, request)) == [421]
    assert statuses(exchange(plain, request)) == [200]


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v1/enclave",
        "https://evil.example/v1/enclave",
        "//evil.example/v1/enclave",
        "http://localhost@evil.example/v1/enclave",
        "/../v1/enclave",
        "/v1/%65nclave/../enclave",
        "/v1//enclave",
        "\\v1\\enclave",
        "*",
    ],
)
def test_a_target_in_another_form_is_not_served(enclave: Enclave, plain: str, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    (status,) = statuses(exchange(enclave.url, request))
    assert status in {400, 404}
    assert statuses(exchange(plain, request)) == [200]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_origin_is_let_in(enclave: Enclave, http: httpx.Client, method: str, origin: str) -> None:
    asking = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Access-Control-Request-Method": "DELETE"}
    asking["Access-Control-Request-Headers"] = "authorization"
    answer = http.request(method, "/v1/me", headers=asking)
    assert not any(name in answer.headers for name in (*SCRIPTED, "Set-Cookie"))
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    if method == "OPTIONS":
        assert answer.status_code == 405  # the browser's question before the real request is never answered well


def test_control_a_permissive_layer_lets_them_in() -> None:
    lenient = CORSMiddleware(Starlette(), allow_origins=["*"], allow_credentials=True, allow_headers=["authorization"])
    with plain_uvicorn(lenient) as url:
        for origin in ORIGINS:
            asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            answer = httpx.options(url, headers=asking, trust_env=False)
            assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin}


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"]
)
def test_what_a_form_can_send_is_not_read(http: httpx.Client, media: str) -> None:
    """The types that a browser sends to another origin without asking first."""
    body = b'{"sql":"select count(*) from clinic.visits","purpose":"research","epsilon":"0.01","dry_run":true}'
    asked = http.post("/v1/queries", content=body, headers={"Content-Type": media})
    assert asked.status_code == 415
    assert http.post("/v1/queries", content=body, headers={"Content-Type": "application/json"}).status_code == 200
