"""A request whose length can be read in two ways is refused, and nothing behind it on the connection is answered."""

import socket
from urllib.parse import urlsplit

import pytest

HEAD = "Host: localhost\r\nAuthorization: Bearer token-of-analyst\r\n"


@pytest.mark.parametrize(
    "first",
    [
        f"POST /v1/queries HTTP/1.1\r\n{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"GET /v1/me HTTP/1.1\r\n{HEAD}Authorization: Bearer token-of-officer\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
    ids=["two lengths", "two tokens", "another host"],
)
def test_nothing_behind_a_refused_head_is_answered(url: str, first: str) -> None:
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as connection:
        connection.settimeout(5)
        connection.sendall(f"{first}GET /v1/me HTTP/1.1\r\n{HEAD}\r\n".encode())
        found = b""
        while piece := connection.recv(65_536):
            found += piece
    assert found.count(b"HTTP/1.1 ") == 1 and found.split()[1] in {b"400", b"421"}
