"""The outermost layer: bounds on what comes in, headers on what goes out, and no exception without its problem document.

Pure ASGI, so that it counts body bytes as they stream, with or without Content-Length, and can answer before any route.
"""

import logging
import secrets
import traceback
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faces.http.problems import HeadersTooLarge, WrongHost, problem_response
from sandbox.terms.refusal import Fault, MalformedRequest, RequestTooLarge, SandboxError

MAX_BODY = 1 << 20
"""Bytes of one request body."""

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 << 10
MAX_PATH_BYTES = 4 << 10
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_SINGLE = (
    b"authorization", b"content-encoding", b"content-length", b"content-type", b"host", b"idempotency-key",
    b"transfer-encoding",
)  # fmt: skip
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_log = logging.getLogger("sandbox.http")


class Edge:
    """ASGI middleware around the whole application. `hosts` are names taken in Host besides loopback ones."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        outward = _Outward(send, request_id)
        try:
            self._check(scope)
        except SandboxError as refusal:
            # What follows on this connection may be what a proxy took for a body: it is not read.
            await outward.say(refusal, scope, receive, {"Connection": "close"})
            return
        try:
            await self._app(scope, _Counted(receive), outward)
        except SandboxError as refusal:
            await outward.say(refusal, scope, receive)
        except Exception as error:  # noqa: BLE001
            # The last line of defence: nothing of the exception but its shape leaves the process or reaches the log.
            _log.error("%s", {"event": "unhandled", "request_id": request_id, **shape_of(error)})
            await outward.say(Fault(), scope, receive)

    def _check(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            raise HeadersTooLarge("The headers are too many or too long.")
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MAX_PATH_BYTES:
            raise HeadersTooLarge("The address is too long.")
        names = [name.lower() for name, _ in headers]
        if any(names.count(name) > 1 for name in _SINGLE):
            raise MalformedRequest("A header that must come once came twice.")
        if b"content-length" in names and b"transfer-encoding" in names:
            raise MalformedRequest("Content-Length and Transfer-Encoding exclude each other.")
        if _host(_first(headers, b"host")) not in self._hosts:
            raise WrongHost("The Host header names another server.")
        length = _first(headers, b"content-length")
        if length and (not length.isdigit() or int(length[:20]) > MAX_BODY):
            raise RequestTooLarge


class _Outward:
    """Sends with the headers that every response carries, and knows whether a response has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            headers = MutableHeaders(scope=message)
            del headers["server"]
            headers["Sandbox-Request-Id"] = self._request_id
            for name, value in _HEADERS.items():
                headers[name] = value
        await self._send(message)

    async def say(
        self, error: SandboxError, scope: Scope, receive: Receive, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with the problem; a response already under way is cut off instead, so that it cannot pass for whole."""
        if not self._begun:
            response = problem_response(error, path=scope["path"], request_id=self._request_id, headers=headers)
            await response(scope, receive, self)


class _Counted:
    """Receives, and refuses the byte that goes over the cap."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > MAX_BODY:
                raise RequestTooLarge
        return message


def shape_of(error: BaseException) -> dict[str, Any]:
    """What the operator's log says of an unforeseen exception: types and places, never texts, which may hold values."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return {
        "exception": type(error).__qualname__,
        "at": [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _first(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return next((value for name, value in headers if name.lower() == wanted), b"")


def _host(value: bytes) -> str:
    text = value.decode("latin-1").lower()
    name, separator, port = text.rpartition(":")
    return name if separator and port.isdigit() and not text.endswith("]") else text
