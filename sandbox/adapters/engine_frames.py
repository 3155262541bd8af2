"""Frames of the engine's socket: a 4-byte big-endian length and one msgpack map, both strictly bounded.

Whatever is not exactly that raises `FrameError` with no detail: what came over the socket is never repeated.
"""

import socket
import struct
import time
from typing import Any

import msgpack

FRAME_LIMIT = 64 * 2**20
"""Bytes of one frame: far above any answer, far below the memory of the control plane."""

_HEADER = struct.Struct(">I")
_CHUNK = 2**16
_NESTED_LIMIT = 10_000
_SMALL = 2**20
_LARGE_ANSWER = b"\x81\xa6answer\xc6"
"""How {"answer": bytes} begins where the bytes are many: the only message that may be large. Anything else of that size would
be small values by the million, each of which takes far more memory than its byte in the frame."""


class FrameError(Exception):
    """The other side does not speak this protocol, or went away, or is too slow."""


def pack(message: dict[str, Any]) -> bytes:
    """One frame."""
    body: bytes = msgpack.packb(message, use_bin_type=True)
    if len(body) > FRAME_LIMIT:
        raise FrameError
    return _HEADER.pack(len(body)) + body


def receive(connection: socket.socket, until: float) -> dict[str, Any]:
    """The next frame's map, all of which must have come by the monotonic moment `until`. Raises FrameError."""
    (length,) = _HEADER.unpack(_exactly(connection, _HEADER.size, until))
    if length > FRAME_LIMIT:
        raise FrameError
    return unpack(_exactly(connection, length, until))


def unpack(body: bytes) -> dict[str, Any]:
    """The map in a frame's body: string keys, no extension types, nothing behind it. Raises FrameError."""
    if len(body) > _SMALL and not body.startswith(_LARGE_ANSWER):
        raise FrameError
    try:
        message = msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=True,
            max_ext_len=0,
            max_array_len=_NESTED_LIMIT,
            max_map_len=_NESTED_LIMIT,
        )
    except (ValueError, RecursionError, msgpack.UnpackException):
        raise FrameError from None
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        raise FrameError
    return message


def _exactly(connection: socket.socket, count: int, until: float) -> bytes:
    received = bytearray()
    while len(received) < count:
        left = until - time.monotonic()
        if left <= 0:
            raise FrameError
        connection.settimeout(left)
        try:
            chunk = connection.recv(min(_CHUNK, count - len(received)))
        except OSError:
            raise FrameError from None
        if not chunk:
            raise FrameError
        received += chunk
    return bytes(received)
