"""Idle and too many connections, against a real server: they end, and whoever has a request is served."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from sandbox.faces.http.connections import BoundedConnection


class Small(BoundedConnection):
    max_connections = 3
    idle_seconds = 0.3


async def hello(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(hello, http=Small, ws="none", lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(10)
    listener.close()


def ended(connection: socket.socket, seconds: float = 5.0) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def ask(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    found = b""
    while not found.endswith(b"ok"):
        found += connection.recv(4096)
    return found


def test_one_connection_too_many_is_cut_off(address: tuple[str, int]) -> None:
    held = [socket.create_connection(address) for _ in range(3)]
    assert [ask(connection)[:15] for connection in held] == [b"HTTP/1.1 200 OK"] * 3
    with socket.create_connection(address) as more:
        assert ended(more)
    assert ask(held[0]).startswith(b"HTTP/1.1 200")
    for connection in held:
        connection.close()


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: loc"], ids=["silent", "half a head"])
@pytest.mark.parametrize("asked", [0, 1])
def test_a_connection_without_a_new_request_ends(address: tuple[str, int], before: bytes, asked: int) -> None:
    with socket.create_connection(address) as connection:
        for _ in range(asked):
            ask(connection)
        connection.sendall(before)
        assert ended(connection)


def test_a_connection_with_requests_stays(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        for _ in range(6):
            ask(connection)
            time.sleep(0.15)
