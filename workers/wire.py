"""Frames of the engine's socket: 4 bytes big-endian length, then one msgpack map. Never pickle."""

import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from typing import Any

import msgpack

LARGEST_FRAME = 64 * 2**20
"""Bytes of one frame's map."""

_LENGTH = struct.Struct(">I")


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
    """The message of a frame's map.

    Raises:
        FrameRefused: anything else.
    """
    try:
        message = msgpack.unpackb(packed, raw=False, strict_map_key=True, use_list=True)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
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
