"""Frames of the engine's socket: 4 bytes big-endian length, then one msgpack map. Never pickle.

A request is one flat map of texts and bytes. What would nest is refused while it is read: a few bytes of msgpack can ask
for many times as much memory.
"""

import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from typing import Any

import msgpack

LARGEST_FRAME = 64 * 2**20
"""Bytes of one frame's map."""

_LENGTH = struct.Struct(">I")
_FIELDS_MAX = 8


class FrameRefused(Exception):
    """Not a frame: too long, cut short, or not a msgpack map with text keys."""


def pack_frame(message: dict[str, Any]) -> bytes:
    """The frame of one message.

    Raises:
        FrameRefused: the message is too large.
    """
    packed: bytes = msgpack.packb(message, use_bin_type=True)
    if len(packed) > LARGEST_FRAME:
        raise FrameRefused("the frame is too long")
    return _LENGTH.pack(len(packed)) + packed


def unpack_message(packed: bytes) -> dict[str, Any]:
    """The message of a frame's map, which holds neither maps nor arrays.

    Raises:
        FrameRefused: anything else.
    """
    maps: list[None] = []

    def one(found: dict[str, Any]) -> dict[str, Any]:
        maps.append(None)
        if len(maps) > 1:
            raise FrameRefused("the frame's map nests")
        return found

    try:
        message = msgpack.unpackb(
            packed,
            raw=False,
            strict_map_key=True,
            max_array_len=0,
            max_map_len=_FIELDS_MAX,
            max_ext_len=0,
            object_hook=one,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException):
        raise FrameRefused("the frame holds no msgpack") from None
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        raise FrameRefused("the frame holds no map")
    return message


async def read_message(reader: StreamReader) -> dict[str, Any]:
    """The next message.

    Raises:
        FrameRefused: the stream ended or holds something else.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > LARGEST_FRAME:
            raise FrameRefused("the frame is too long")
        return unpack_message(await reader.readexactly(length))
    except IncompleteReadError:
        raise FrameRefused("the frame was cut short") from None


async def write_message(writer: StreamWriter, message: dict[str, Any]) -> None:
    """Write one message and wait until the other side takes it."""
    writer.write(pack_frame(message))
    await writer.drain()
