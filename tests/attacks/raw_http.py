"""Bytes to a server and what comes back, and two lax servers that stand for "the defence is off": uvicorn without the edge,
and the standard library's http.server. An attack that neither of them falls for would prove nothing.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import uvicorn

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


def exchange(url: str, request: bytes, seconds: float = 3.0) -> bytes:
    """Everything a server sends until it closes, or until it is silent for `seconds`."""
    parts = urlsplit(url)
    found = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65_536):
                found += piece
        except (TimeoutError, ConnectionError):
            return found
    return found


def statuses(answer: bytes) -> list[int]:
    """The status of each response on the connection. Bodies of the servers here hold no status lines."""
    return [int(code) for code in _STATUS.findall(answer)]


async def _hello(scope, receive, send) -> None:
    """Takes every request, and reads its body to the end."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def plain_uvicorn(app=_hello, **options) -> Iterator[str]:
    """uvicorn over `app` as it comes; the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_level="critical", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class _Lax(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        self.rfile.read(int(length) if length.isdigit() else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def standard_server() -> Iterator[str]:
    """The standard library's server; the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lax)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
