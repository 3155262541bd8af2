"""The engine's socket against a real one: orders are signed, answers checked, and every fault has one constant face."""

import json
import socket
import struct
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import msgpack
import pytest

from sandbox.adapters import engine_frames, engine_socket
from sandbox.adapters.engine_frames import FrameError, pack, receive, unpack
from sandbox.adapters.engine_socket import EngineSocket
from sandbox.adapters.system_clock import SystemClock
from sandbox.plan.answers import CountOutput, KeyOutput, MeanOutput, Measured, SumOutput
from sandbox.plan.canonical import plan_json
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import CountRows, CountValues, SumValues
from sandbox.plan.query import Plan
from sandbox.plan.relations import Scan
from sandbox.privacy.mechanism import measurement_spec
from sandbox.proof.signing import SigningKey
from sandbox.terms.answer import Answer, CountColumn, KeyColumn, MeanColumn, Noise, SumColumn
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Type, Version
from sandbox.terms.loss import Mode
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder, MeasureOrder, SourceVersion
from sandbox.terms.refusal import EnclaveNotReady, Fault, FileNotUsable, MeasurementForfeited

KEY = SigningKey("enclave.test/order", b"o" * 32)
ENGINE = SigningKey("enclave.test/engine", b"e" * 32).verifier.text
STATUS = {"status": {"boot": "b1", "network": "private", "workers": 2, "engine": ENGINE}}

VALUE = ColumnRef("v", Type.INT)
SCAN = Scan("clinic", "visits", "", (("sex", Type.STRING), ("smokes", Type.BOOL), ("v", Type.INT)), 1000, 2)
KEYS = (
    GroupKey(ColumnRef("sex", Type.STRING), Type.STRING, ("F", "M")),
    GroupKey(ColumnRef("smokes", Type.BOOL), Type.BOOL, (False, True)),
)
PRIMITIVES = (
    CountRows(),
    SumValues(VALUE, Fraction(0), Fraction(100), Fraction(0), Fraction(1)),
    SumValues(VALUE, Fraction(0), Fraction(100), Fraction(50), Fraction(1)),
    CountValues(VALUE),
)
OUTPUTS = (
    KeyOutput("s", 0, Type.STRING),
    KeyOutput("k", 1, Type.BOOL),
    CountOutput("n", 0),
    SumOutput("t", 1, Type.INT),
    MeanOutput("m", 2, 3),
)
PLAN = Plan("people", (Measurement(SCAN, KEYS, ContributionBounds(2, 2, 2), PRIMITIVES),), Measured(0, OUTPUTS))
SPEC = measurement_spec(PLAN, Mode.ZCDP, 10**8)
SOURCES = (SourceVersion("clinic", 1, "ab" * 32),)
ORDER = MeasureOrder("o_1", "b1", SOURCES, plan_json(PLAN), SPEC.to_json(), SPEC.cost, 2000)
LOAD = LoadOrder("o_2", "b1", "clinic", 3, "[dataset]", 16, {"visits": "v.csv"})
NOISE = [Noise("discrete gaussian", vector.scale) for vector in SPEC.vectors]
FOUR = (1, -2, 3, 2**62)
ANSWER = Answer(
    "o_1",
    (
        KeyColumn("s", Type.STRING, ("F", "F", "M", "M")),
        KeyColumn("k", Type.BOOL, (False, True, False, True)),
        CountColumn("n", FOUR, NOISE[0]),
        SumColumn("t", Type.INT, FOUR, Fraction(1), NOISE[1]),
        MeanColumn("m", FOUR, FOUR, Fraction(50), Fraction(1), Fraction(0), Fraction(100), NOISE[2], NOISE[3]),
    ),
)
GOOD = {"answer": canonical_bytes(ANSWER.to_json())}


@contextmanager
def engine(reply):
    """A real server on a real socket: reads one frame a connection and calls `reply(connection, message)`."""
    with tempfile.TemporaryDirectory(prefix="sbx") as folder:
        path = Path(folder) / "engine.sock"
        heard = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(path))
            server.listen()

            def serve():
                while True:
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    with connection:
                        try:
                            heard.append(receive(connection, time.monotonic() + 5))
                            reply(connection, heard[-1])
                        except (OSError, FrameError):
                            continue

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            try:
                yield EngineSocket(path, KEY), heard
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(5)


def says(*messages):
    def reply(connection, _message):
        for message in messages:
            connection.sendall(message if isinstance(message, bytes) else pack(message))

    return reply


def body(value) -> bytes:
    packed = msgpack.packb(value)
    return struct.pack(">I", len(packed)) + packed


def test_status_orders_and_signatures():
    with engine(says(STATUS)) as (compute, heard):
        status = compute.status()
        assert (status.boot, status.network, status.workers, status.engine) == ("b1", "private", 2, ENGINE)
        assert heard == [{"op": "status"}]


def test_an_answer_comes_through_whole_and_the_order_is_signed():
    with engine(says(GOOD)) as (compute, heard):
        assert compute.measure(ORDER) == ANSWER
    message = heard[0]
    assert set(message) == {"op", "body", "signature"} and message["op"] == "measure"
    assert MeasureOrder.from_json(json.loads(message["body"])) == ORDER
    KEY.verifier.verify(SIGNING_CONTEXT + message["body"], message["signature"])


def test_an_answer_may_come_in_pieces():
    def slowly(connection, _message):
        for byte in pack(GOOD):
            connection.sendall(bytes([byte]))

    with engine(slowly) as (compute, _):
        assert compute.measure(ORDER) == ANSWER


def answer(**changes):
    return canonical_bytes(replace(ANSWER, **changes).to_json())


def column(number, **changes):
    columns = list(ANSWER.columns)
    columns[number] = replace(columns[number], **changes)
    return answer(columns=tuple(columns))


def edited(edit):
    document = ANSWER.to_json()
    edit(document)
    return canonical_bytes(document)


LESS = Noise("discrete gaussian", (1.0).hex())
LAPLACE = Noise("discrete laplace", NOISE[0].scale)
WRONG_ANSWERS = {
    "another order": answer(order="o_9"),
    "a column less": answer(columns=ANSWER.columns[:-1]),
    "a column more": answer(columns=(*ANSWER.columns, ANSWER.columns[2])),
    "columns swapped": answer(columns=tuple(reversed(ANSWER.columns))),
    "another name": column(2, name="x"),
    "a group less": column(2, integers=FOUR[:3]),
    "a group more": column(2, integers=(*FOUR, 5)),
    "beyond int64": column(2, integers=(1, 2, 3, 2**63)),
    "less noise": column(2, noise=LESS),
    "less noise in a sum": column(3, noise=LESS),
    "less noise in a mean": column(4, total_noise=LESS),
    "less noise in a mean's count": column(4, count_noise=LESS),
    "another mechanism": column(2, noise=LAPLACE),
    "other keys": column(0, values=("F", "F", "M", "X")),
    "other order of keys": column(0, values=("F", "M", "F", "M")),
    "keys of another type": column(1, values=(0, 1, 0, 1)),
    "another type": column(3, type=Type.FLOAT),
    "another granularity": column(3, granularity=Fraction(2)),
    "another center": column(4, center=Fraction(0)),
    "other bounds": column(4, high=Fraction(10**6)),
    "a mean's totals short": column(4, totals=FOUR[:2]),
    "a field too much": edited(lambda document: document.update(note="hello")),
    "another format": edited(lambda document: document.update(format="sandbox/answer/v9")),
    "another kind": edited(lambda document: document["columns"][2].update(kind="sum")),
    "no columns": edited(lambda document: document.update(columns=[])),
    "columns of nothing": edited(lambda document: document.update(columns=[None])),
    "a number spelled otherwise": edited(lambda document: document["columns"][2]["integers"].__setitem__(0, "01")),
    "a fraction over zero": edited(lambda document: document["columns"][3].update(granularity="1/0")),
    "not canonical": b" " + GOOD["answer"],
    "a float": GOOD["answer"].replace(b"true", b"1.5"),
    "not JSON": b"\xff\xfe",
    "an empty body": b"",
    "nested deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_a_wrong_answer_is_a_forfeit(name):
    with (
        engine(says({"answer": WRONG_ANSWERS[name]})) as (compute, _),
        pytest.raises(MeasurementForfeited) as forfeited,
    ):
        compute.measure(ORDER)
    assert forfeited.value.problem() == MeasurementForfeited().problem()
    assert forfeited.value.__cause__ is None


RAW = {
    "nothing": b"",
    "half a header": b"\x00\x00",
    "half a body": struct.pack(">I", 100) + b"abc",
    "a length beyond the limit": struct.pack(">I", engine_frames.FRAME_LIMIT + 1) + b"a" * 64,
    "the largest length": b"\xff\xff\xff\xff" + b"a" * 64,
    "garbage": b"HTTP/1.1 200 OK\r\n\r\n" * 10,
    "a list": body([1, 2]),
    "an integer": body(7),
    "an integer key": body({1: 2}),
    "a bytes key": body({b"answer": 2}),
    "an extension": body(msgpack.ExtType(4, b"data")),
    "an extension inside": body({"answer": msgpack.ExtType(1, b"x")}),
    "a timestamp": body({"answer": msgpack.Timestamp(1, 1)}),
    "bytes behind the map": struct.pack(">I", 2) + b"\x80\x80",
    "text that is not UTF-8": struct.pack(">I", 4) + b"\x81\xa1\xff\xc0",
    "too many items": body({"answer": [0] * 10_001}),
    "deeply nested": struct.pack(">I", 5001) + b"\x91" * 5001,
    "an empty map": body({}),
    "a failure": body({"failure": "forfeited"}),
    "an answer and a failure": body(GOOD | {"failure": "forfeited"}),
    "an answer of text": body({"answer": "text"}),
    "an unknown answer": body({"hello": "world"}),
    "progress": body({"progress": ["reading", 1, 2]}),
    "a status": body(STATUS),
}


@pytest.mark.parametrize("name", RAW)
def test_whatever_else_comes_is_one_constant_refusal_a_call(name):
    with engine(says(RAW[name])) as (compute, _):
        with pytest.raises(MeasurementForfeited) as forfeited:
            compute.measure(ORDER)
        with pytest.raises(Fault) as fault:
            compute.load(LOAD, lambda *_: None)
        if name != "a status":
            with pytest.raises(EnclaveNotReady) as not_ready:
                compute.status()
            assert not_ready.value.problem() == EnclaveNotReady().problem()
    assert forfeited.value.problem() == MeasurementForfeited().problem()
    assert fault.value.problem() == Fault().problem() and type(fault.value) is Fault


@pytest.mark.parametrize(
    "change",
    [
        {"boot": ""},
        {"boot": "b 1"},
        {"boot": 1},
        {"network": "none"},
        {"workers": 0},
        {"workers": True},
        {"workers": "2"},
        {"engine": "not a key"},
        {"engine": None},
    ],
)
def test_a_status_that_makes_no_sense_is_no_engine(change):
    with engine(says({"status": STATUS["status"] | change})) as (compute, _), pytest.raises(EnclaveNotReady):
        compute.status()


def test_without_a_socket_and_with_a_dead_one(tmp_path):
    gone = EngineSocket(tmp_path / "engine.sock", KEY)
    for _ in range(2):
        with pytest.raises(EnclaveNotReady):
            gone.status()
        with pytest.raises(MeasurementForfeited):
            gone.measure(ORDER)
        with pytest.raises(Fault):
            gone.load(LOAD, lambda *_: None)
        (tmp_path / "engine.sock").write_text("a file")


def test_a_silent_engine_is_given_up_at_the_deadline(monkeypatch):
    monkeypatch.setattr(engine_socket, "STATUS_SECONDS", 0.2)
    monkeypatch.setattr(engine_socket, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(engine_socket, "LOAD_IDLE_SECONDS", 0.3)
    done = threading.Event()
    with engine(lambda *_: done.wait(5)) as (compute, _):
        began = time.monotonic()
        with pytest.raises(MeasurementForfeited):
            compute.measure(replace(ORDER, deadline_ms=200))
        assert 0.3 <= time.monotonic() - began < 2.3
        done.set()
    for call, refusal in ((lambda c: c.status(), EnclaveNotReady), (lambda c: c.load(LOAD, print), Fault)):
        done.clear()
        with engine(lambda *_: done.wait(5)) as (compute, _):
            with pytest.raises(refusal):
                call(compute)
            done.set()


def test_a_dripping_engine_cannot_stretch_the_deadline(monkeypatch):
    monkeypatch.setattr(engine_socket, "GRACE_SECONDS", 0.1)

    def drip(connection, _message):
        connection.sendall(struct.pack(">I", 10_000))
        for _ in range(100):
            connection.sendall(b"a")
            time.sleep(0.05)

    with engine(drip) as (compute, _):
        began = time.monotonic()
        with pytest.raises(MeasurementForfeited):
            compute.measure(replace(ORDER, deadline_ms=300))
        assert time.monotonic() - began < 2


DONE = {"version": {"dataset": "clinic", "number": 3, "manifest": "cd" * 32}}


def test_a_load_reports_and_ends():
    seen = []
    steps = [{"progress": ["reading visits", 1, 2]}, {"progress": ["writing_buckets", 2, 2]}]
    with engine(says(*steps, DONE)) as (compute, heard):
        version = compute.load(LOAD, lambda *step: seen.append(step))
    assert version == Version("clinic", 3, "cd" * 32)
    assert seen == [("reading visits", 1, 2), ("writing_buckets", 2, 2)]
    assert LoadOrder.from_json(json.loads(heard[0]["body"])) == LOAD
    KEY.verifier.verify(SIGNING_CONTEXT + heard[0]["body"], heard[0]["signature"])


def test_what_is_wrong_with_the_stewards_file_comes_through():
    facts = {"file": "v.csv", "row": 3, "column": "age", "allowed": ["int"], "quoted": False, "hint": None}
    refusal = {"refusal": {"detail": "Row 3 is short.", "facts": facts}}
    with engine(says(refusal)) as (compute, _), pytest.raises(FileNotUsable) as refused:
        compute.load(LOAD, lambda *_: None)
    assert refused.value.detail == "Row 3 is short." and refused.value.facts == facts


@pytest.mark.parametrize(
    "message",
    [
        {"refusal": {"detail": "x" * 2001, "facts": {}}},
        {"refusal": {"detail": 7, "facts": {}}},
        {"refusal": {"detail": "x", "facts": {"detail": "y"}}},
        {"refusal": {"detail": "x", "facts": {"status": 200}}},
        {"refusal": {"detail": "x", "facts": {"Bad Name": 1}}},
        {"refusal": {"detail": "x", "facts": {"row": 1.5}}},
        {"refusal": {"detail": "x", "facts": {"rows": [b"x"]}}},
        {"refusal": {"detail": "x", "facts": {f"f{'a' * n}": n for n in range(21)}}},
        {"version": DONE["version"] | {"dataset": "roads"}},
        {"version": DONE["version"] | {"number": 4}},
        {"version": DONE["version"] | {"manifest": "cd"}},
        {"progress": ["reading", 3, 2]},
        {"progress": ["reading", -1, 2]},
        {"progress": ["reading", 1]},
        {"progress": ["READ <b>", 1, 2]},
        {"failure": "fault"},
    ],
)
def test_a_load_that_says_anything_else_is_a_fault(message):
    with engine(says(message, DONE)) as (compute, _), pytest.raises(Fault) as fault:
        compute.load(LOAD, lambda *_: None)
    assert fault.value.problem() == Fault().problem()


def test_frames_round_trip_and_are_bounded(monkeypatch):
    assert unpack(pack({"a": [1, "x", b"y", None]})[4:]) == {"a": [1, "x", b"y", None]}
    monkeypatch.setattr(engine_frames, "FRAME_LIMIT", 10)
    with pytest.raises(FrameError):
        pack({"a": "x" * 20})


def test_the_system_clock():
    clock = SystemClock()
    assert clock.now().utcoffset().total_seconds() == 0
    until = clock.monotonic() + 0.05
    clock.sleep_until(until)
    assert until <= clock.monotonic() < until + 1
    began = clock.monotonic()
    clock.sleep_until(began - 5)
    assert clock.monotonic() - began < 0.5
