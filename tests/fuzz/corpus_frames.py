"""What crosses the engine's socket, both ways: frames, answers to an order, orders to load.

The engine says one constant for every refusal; inside, each reader has its own kinds, which its docstring names.
"""

import copy
from random import Random
from typing import Any

import msgpack
import mutations
from fuzz_orders import BOOT, LOAD, ORDER_KEY, ORDERS, bombs, lax_bytes, signed, zeros
from watching import Corpus

from sandbox.adapters import engine_frames, engine_socket
from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.description import parse_description
from sandbox.terms.refusal import DescriptionInvalid, FileNotUsable
from workers import wire
from workers.admission import Admission, OrderRefused
from workers.finish import finish


def load_orders() -> Corpus:
    def read(item: tuple[bytes, bytes]) -> None:
        order = Admission(ORDER_KEY.verifier, BOOT).load(*item)
        parse_description(order.description)

    make = lambda chance: signed(chance, LOAD.to_json())  # noqa: E731
    return Corpus("load orders", make, read, (OrderRefused, DescriptionInvalid), bombs())


FRAMES = (
    {"op": "status"},
    {"op": "measure", "body": canonical_bytes(ORDERS[0].to_json()), "signature": b"s" * 64},
    {"status": {"boot": BOOT, "network": "private", "workers": 2, "engine": ORDER_KEY.verifier.text}},
    {"progress": ["rows", 3, 17]},
    {"version": {"dataset": "clinic", "number": 1, "manifest": "ef" * 32}},
    {"refusal": {"detail": "visits.csv:3: no", "facts": {"file": "visits.csv", "line": 3, "columns": ["a", "b"]}}},
    {"answer": b"{}"},
    {"failure": "forfeited"},
)
MIB = 2**20
PACKED_BOMBS = (
    b"", b"\xc1", b"\x80", b"\x81\x80\x80", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01", b"\x91" * 1_000, b"\x91" * 100_000, b"\x81\xa1a" * 100_000, b"\xc7\xff\x01" + b"x" * 255,
    b"\xd6\xff" + b"\xff" * 4, b"\xcb\x7f\xf8" + b"\0" * 6, b"\x81\xa1\xff\xc0", b"\x82\xa1a\xc0\xa1a\xc0", b"\x81\xc0\xc0", b"\x81\x01\x02",
    b"\x81\xa1a\xdd" + MIB.to_bytes(4, "big") + b"\x90" * MIB, b"\x81\xa1a\xdd" + (8 * MIB).to_bytes(4, "big") + b"\x90" * (8 * MIB),
    b"\x81\xa1a" + (b"\xdc\x27\x10" + b"\xdc\x27\x10" * 9_999) * 4,
    b"\x81\xa1a\xdc\x27\x10" + (b"\xdc\x03\xe8" + b"\x80" * 1_000) * 8_000,
    b"\xdf" + (400_000).to_bytes(4, "big") + b"".join(b"\xa6%06d\x80" % number for number in range(400_000)),
    b"\x81\xa1a\xc6" + (8 * MIB).to_bytes(4, "big") + b"\0" * (8 * MIB),
    b"\x81\xa6answer\xc6\0\0\0\x01x" + b"\x90" * (8 * MIB),
)  # fmt: skip


def packed(chance: Random) -> bytes:
    """The bytes of a frame: a message with slips, or slips in the bytes."""
    message: Any = chance.choice(FRAMES)
    if chance.random() < 0.6:
        message = mutations.mutated_json(chance, message)
    try:
        body: bytes = msgpack.packb(message, use_bin_type=True)
    except (ValueError, TypeError, OverflowError, UnicodeEncodeError):
        body = msgpack.packb(chance.choice(FRAMES), use_bin_type=True)
    return mutations.mutated_bytes(chance, body) if chance.random() < 0.5 else body


def frames_to_the_engine() -> Corpus:
    return Corpus("frames to the engine", packed, wire.unpack_message, (wire.FrameRefused,), PACKED_BOMBS)


def frames_from_the_engine() -> Corpus:
    """Every reading that the control plane makes of a message."""

    def read(body: bytes) -> None:
        message = engine_frames.unpack(body)
        readers = (
            engine_socket._status,
            lambda found: engine_socket._answer(found, ORDERS[0]),
            lambda found: engine_socket._version(found, LOAD),
            lambda found: engine_socket._progress(found.get("progress")),
        )
        refused = 0
        for reader in readers:
            try:
                reader(message)
            except (engine_frames.FrameError, FileNotUsable):
                refused += 1
        if refused == len(readers):
            raise engine_frames.FrameError

    return Corpus("frames from the engine", packed, read, (engine_frames.FrameError,), PACKED_BOMBS)


def answers() -> Corpus:
    """Answers to an order of every kind of column, canonical or not."""
    order = ORDERS[1]
    plan, spec = read_plan(order.plan), MeasurementSpec.from_json(order.spec)
    answer = finish(order.id, plan, spec, zeros(plan)).to_json()

    def of(document: Any) -> dict[str, Any]:
        try:
            return {"answer": canonical_bytes(document)}
        except (TypeError, ValueError, RecursionError):
            return {"answer": lax_bytes(document)}

    def make(chance: Random) -> dict[str, Any]:
        return of(mutations.mutated_json(chance, answer))

    always = [of(answer)]
    for column, names in ((4, ("granularity",)), (5, ("center", "low", "high"))):
        for name in names:
            for number in mutations.ODD_NUMBERS:
                changed = copy.deepcopy(answer)
                changed["columns"][column][name] = number
                always.append(of(changed))
    read = lambda message: engine_socket._answer(message, order)  # noqa: E731
    return Corpus("answers", make, read, (engine_frames.FrameError,), tuple(always))
