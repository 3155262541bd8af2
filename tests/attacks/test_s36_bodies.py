"""S36: bodies that two JSON readers would understand differently, names that look like others, and senders that never
finish. The controls: the standard library's reader takes every one of these bodies; a database takes every one of these
names beside the one it imitates; without the limit the sender is waited for.
"""

import json
import socket
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from face_world import World, new_world, served

from sandbox.faces.http import incoming
from sandbox.testing import Enclave

ASK = '"sql":"select count(*) from clinic.visits","purpose":"research","epsilon":"0.01","dry_run":true'
BODIES: dict[str, bytes] = {
    "a field twice": b'{"sql":"select 1",' + ASK.encode() + b"}",
    "a field twice, once escaped": b'{"\\u0073ql":"select 1",' + ASK.encode() + b"}",
    "NaN": b"{" + ASK.encode() + b',"need":NaN}',
    "Infinity": b"{" + ASK.encode() + b',"need":Infinity}',
    "-Infinity": b"{" + ASK.encode() + b',"need":-Infinity}',
    "a number beyond every double": b"{" + ASK.encode() + b',"need":1e999}',
    "a number of 4,000 digits": b"{" + ASK.encode() + b',"need":' + b"9" * 4_000 + b"}",
    "a fraction of 4,000 digits": b"{" + ASK.encode() + b',"need":0.' + b"9" * 4_000 + b"}",
    "17 lists in each other": b"{" + ASK.encode() + b',"need":' + b"[" * 17 + b"]" * 17 + b"}",
    "900 objects in each other": b'{"a":' * 900 + b"1" + b"}" * 900,
    "half a surrogate pair": b"{" + ASK.encode() + b',"need":"\\ud800"}',
    "half a pair as a name": b"{" + ASK.encode() + b',"\\udc00":1}',
    "UTF-16": ("{" + ASK + "}").encode("utf-16"),
    "UTF-32": ("{" + ASK + "}").encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf{" + ASK.encode() + b"}",
    "a zero byte in the text": b"{" + ASK.encode() + b',"need":"a\\u0000b"}',
    "an unknown field": b"{" + ASK.encode() + b',"role":"administrator"}',
    "a field of Python's": b"{" + ASK.encode() + b',"__class__":"Person"}',
    "a field of JavaScript's": b"{" + ASK.encode() + b',"__proto__":{"role":"officer"}}',
    "a list of bodies": b"[{" + ASK.encode() + b"}]",
    "a text": b'"select count(*) from clinic.visits"',
    "null": b"null",
}
NAMES = {
    "a Cyrillic letter": "аnn",
    "a Greek letter": "αnn",
    "full width": "ａｎｎ",
    "capitals": "Ann",
    "an accent": "ánn",
    "not composed": "ann\u0301",
    "a zero-width blank": "an\u200bn",
    "a zero-width joiner": "an\u200dn",
    "a soft hyphen": "an\u00adn",
    "a byte order mark": "\ufeffann",
    "turned around": "\u202enna",
    "an isolate": "\u2066ann\u2069",
    "a line end": "ann\n",
    "a zero byte": "ann\0",
    "a blank behind": "ann ",
    "a wide blank": "ann\u3000",
    "a tag character": "ann\U000e0061",
    "a variation selector": "ann\ufe0f",
    "a path": "../ann",
    "an option": "--ann",
    "a backspace": "annx\b",
    "an escape": "ann\x1b[0m",
    "64 letters": "a" * 64,
    "nothing": "",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_ambiguous_body_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/queries", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")
    json.loads(body)  # the control: the standard library's reader takes it


def test_control_the_body_around_them_is_good(http: httpx.Client) -> None:
    body = b"{" + ASK.encode() + b',"need":"for the report"}'
    assert http.post("/v1/queries", content=body, headers={"Content-Type": "application/json"}).status_code == 200


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_that_looks_like_another_is_no_name(enclave: Enclave, mallory: object, name: str) -> None:
    headers = {"Authorization": f"Bearer {enclave.token('administrator')}"}
    body = {"name": name, "organisation": "acme", "role": "analyst"}
    answer = httpx.post(f"{enclave.url}/v1/people", json=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")
    # The control: a table whose names must differ takes both.
    with sqlite3.connect(":memory:") as database:
        database.execute("create table people (name text primary key not null)")
        database.executemany("insert into people values (?)", [("ann",), (name,)])
        assert database.execute("select count(*) from people").fetchone() == (2,)


@pytest.mark.parametrize("path", ["/v1/datasets/clinic%00", "/v1/datasets/clinic%0a", "/v1/datasets/%ef%bd%83linic",
                                  "/v1/datasets/CLINIC", "/v1/datasets/clinic%2f..%2fclinic", "/v1/datasets/clinic;a=1"])  # fmt: skip
def test_a_name_in_an_address_has_one_spelling(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 404
    assert http.get("/v1/datasets/clinic").status_code == 200  # the control: the thing itself is there


def trickle(url: str, seconds: float) -> bytes:
    """What comes back in `seconds` for a body that never ends."""
    parts = urlsplit(url)
    head = "POST /v1/queries HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token-of-analyst\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        try:
            return connection.recv(65_536)
        except TimeoutError:
            return b""


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(new_world(World(), monkeypatch)) as url:
        monkeypatch.setattr(incoming, "BODY_SECONDS", 0.2)
        assert trickle(url, 10).startswith(b"HTTP/1.1 408")
        monkeypatch.setattr(incoming, "BODY_SECONDS", 3600)  # the control
        assert trickle(url, 0.8) == b""


def test_nothing_of_what_was_refused_reached_the_log(enclave: Enclave, tmp_path: Path, mallory: object) -> None:
    enclave.officer.export_log(tmp_path / "log.jsonl")
    text = (tmp_path / "log.jsonl").read_text("utf-8")
    assert not any(json.dumps(name)[1:-1] in text for name in NAMES.values() if len(name) > 3 and not name.isalnum())
    assert "mallory" in text  # the control: a name that was taken is there
