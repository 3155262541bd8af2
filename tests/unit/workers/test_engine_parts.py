"""The engine's small parts: frames, partials, jobs, admission, finishing, chunks, confinement."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_tables import MEASUREMENTS, SELECTED, UNITS, bucket_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.proof.sealing import new_sealing_key, open_sealed, sealing_public
from sandbox.proof.signing import SigningKey, new_seed
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder, MeasureOrder, SourceVersion
from sandbox.terms.refusal import ProofFailed
from workers import actor, engine, fleet, guard
from workers.admission import Admission, OrderRefused
from workers.partial import Merge, PartialRefused, pack, seal_partial, unpack
from workers.scan import measure_bucket
from workers.tally import Shape, Tally
from workers.wire import LARGEST_FRAME, FrameRefused, pack_frame, read_message, unpack_message

GOLDEN = Path(__file__).parents[2] / "golden" / "engine.json"
MESSAGES = st.dictionaries(
    st.text(max_size=8), st.integers(-5, 5) | st.binary(max_size=20) | st.text(max_size=20), max_size=4
)


# -- frames --------------------------------------------------------------------------------------------------------------


def read(stream: bytes) -> dict:
    async def run():
        reader = asyncio.StreamReader()
        reader.feed_data(stream)
        reader.feed_eof()
        return await read_message(reader)

    return asyncio.run(run())


@given(MESSAGES)
def test_a_frame_is_read_as_it_was_written(message):
    assert read(pack_frame(message)) == message


@given(MESSAGES, st.data())
def test_a_frame_cut_short_is_refused(message, data):
    frame = pack_frame(message)
    with pytest.raises(FrameRefused):
        read(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(st.binary(max_size=60))
def test_any_bytes_are_a_map_or_refused(junk):
    try:
        assert isinstance(unpack_message(junk), dict)
    except FrameRefused:
        return


def test_frames_of_more_than_the_limit_are_refused_on_both_sides():
    with pytest.raises(FrameRefused):
        read((LARGEST_FRAME + 1).to_bytes(4, "big"))
    with pytest.raises(FrameRefused):
        pack_frame({"a": bytes(LARGEST_FRAME)})


@pytest.mark.parametrize("junk", [b"\x93\x01\x02\x03", b"\x81\x01\x02", b"\xc1", b"\x80\x80"])
def test_what_is_no_map_with_text_keys_is_refused(junk):
    with pytest.raises(FrameRefused):
        unpack_message(junk)


# -- partials ------------------------------------------------------------------------------------------------------------


def tally_of(sums) -> Tally:
    return Tally((), np.asarray(sums, np.int64), (), ())


def shape_of(groups: int) -> Shape:
    return Shape(groups, 1, (), 0)


def same(one: Tally, other: Tally) -> bool:
    arrays = zip([one.sums, *one.trees, *one.pairs], [other.sums, *other.trees, *other.pairs], strict=True)
    return one.keys == other.keys and all(a.shape == b.shape and (a == b).all() for a, b in arrays)


@settings(deadline=None)
@given(UNITS, MEASUREMENTS, SELECTED)
def test_packed_tallies_come_back(units, public, selected):
    measurements = (public, selected, public)
    shapes = [Shape.of(measurement) for measurement in measurements]
    tallies = [measure_bucket(measurement, bucket_of(units)) for measurement in measurements]
    found = unpack(pack(tallies, shapes), shapes)
    assert all(same(one, other) for one, other in zip(found, tallies, strict=True))


@settings(deadline=None)
@given(UNITS, MEASUREMENTS | SELECTED, st.data())
def test_a_partial_of_another_length_or_form_is_refused(units, measurement, data):
    shapes = [Shape.of(measurement)]
    packed = pack([measure_bucket(measurement, bucket_of(units))], shapes)
    for broken in (packed[: data.draw(st.integers(0, len(packed) - 1))], packed + b"\0", b"X" + packed[1:]):
        with pytest.raises(PartialRefused):
            unpack(broken, shapes)
    with pytest.raises(PartialRefused):
        unpack(packed, shapes * 2)


KEYED = Shape(None, 1, (16,), 1)
GOOD = Tally(
    (b"a", b"bb"),
    np.asarray([[3, 4]], np.int64),
    (np.asarray([[0, 1], [15, 0], [2, 1]], np.int64),),
    (np.asarray([[0, 1], [7, 7], [-1, 5]], np.int64),),
)


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, keys=(b"bb", b"a")),
        replace(GOOD, keys=(b"a", b"a")),
        replace(GOOD, trees=(np.asarray([[0], [16], [1]], np.int64),)),
        replace(GOOD, trees=(np.asarray([[0], [-1], [1]], np.int64),)),
        replace(GOOD, trees=(np.asarray([[0], [3], [0]], np.int64),)),
        replace(GOOD, trees=(np.asarray([[2], [3], [1]], np.int64),)),
        replace(GOOD, pairs=(np.asarray([[2], [3], [1]], np.int64),)),
        replace(GOOD, pairs=(np.asarray([[-1], [3], [1]], np.int64),)),
    ],
)
def test_what_no_pass_could_have_made_is_refused(bad):
    assert same(unpack(pack([GOOD], [KEYED]), [KEYED])[0], GOOD)
    with pytest.raises(PartialRefused):
        unpack(pack([bad], [KEYED]), [KEYED])


@pytest.mark.parametrize(
    "other", [Shape(None, 2, (16,), 1), Shape(None, 1, (), 1), Shape(None, 1, (16,), 0), Shape(2, 1, (16,), 1)]
)
def test_another_shape_is_refused(other):
    with pytest.raises(PartialRefused):
        unpack(pack([GOOD], [KEYED]), [other])


@settings(deadline=None, max_examples=30)
@given(UNITS, MEASUREMENTS, SELECTED, st.integers(1, 5), st.randoms(use_true_random=False))
def test_any_split_and_order_merges_to_the_same_bits(units, public, selected, parts, rng):
    measurements = (public, selected)
    shapes = [Shape.of(measurement) for measurement in measurements]
    private = new_sealing_key()
    merge = Merge("order", private, range(parts), shapes)
    shares = list(range(parts))
    rng.shuffle(shares)
    for share in shares:
        tallies = [measure_bucket(measurement, bucket_of(units[share::parts])) for measurement in measurements]
        merge.add([share], seal_partial(sealing_public(private), "order", [share], tallies, shapes))
    for measurement, found in zip(measurements, merge.total(), strict=True):
        assert same(found, measure_bucket(measurement, bucket_of(units)))


def test_every_bucket_exactly_once():
    private = new_sealing_key()
    public = sealing_public(private)
    shapes, ones = [shape_of(2)], [tally_of([[1, 1]])]
    merge = Merge("order", private, range(3), shapes)
    merge.add([0, 1], seal_partial(public, "order", [1, 0], ones, shapes))
    for buckets in ([1], [1, 2], [3], [2, 2]):
        with pytest.raises(PartialRefused):
            merge.add(buckets, seal_partial(public, "order", buckets, ones, shapes))
    with pytest.raises(PartialRefused, match="missing"):
        merge.total()
    with pytest.raises(PartialRefused, match="shape"):
        merge.add([2], seal_partial(public, "order", [2], [tally_of([[1, 1, 1]])], [shape_of(3)]))
    merge.add([2], seal_partial(public, "order", [2], ones, shapes))
    assert merge.total()[0].sums.tolist() == [[2, 2]]


@pytest.mark.parametrize(("order", "buckets"), [("another", [0]), ("order", [1])])
def test_a_partial_counts_for_its_order_and_buckets_only(order, buckets):
    private = new_sealing_key()
    shapes = [shape_of(1)]
    sealed = seal_partial(sealing_public(private), order, buckets, [tally_of([[1]])], shapes)
    merge = Merge("order", private, [0], shapes)
    with pytest.raises(ProofFailed):
        merge.add([0], sealed)
    with pytest.raises(ProofFailed):
        Merge(order, new_sealing_key(), buckets, shapes).add(buckets, sealed)
    Merge(order, private, buckets, shapes).add(buckets, sealed)  # control: opened as it was meant


# -- jobs and chunks ------------------------------------------------------------------------------------------------------


def test_a_job_is_for_one_worker_and_one_order():
    private = new_sealing_key()
    keys = actor.OrderKeys(b"\x01\x02", b"\x03")
    sealed = actor.seal_job(sealing_public(private), "order", {"a": 1}, [{"k": 2}], keys)
    opened = json.loads(open_sealed(private, sealed, b"sandbox/job/v1\norder"))
    assert opened == {"order": "order", "plan": {"a": 1}, "sources": [{"k": 2}], "engine": "0102", "secret": "03"}
    assert "3" not in repr(keys)
    with pytest.raises(ProofFailed):
        open_sealed(private, sealed, b"sandbox/job/v1\nother")


@given(st.sets(st.integers(0, 300)), st.integers(1, 9))
def test_chunks_cover_every_bucket_once_and_evenly(buckets, parts):
    chunks = fleet.cut({bucket: {"b": bucket} for bucket in buckets}, parts)
    assert sorted(bucket for chunk in chunks for bucket in chunk.buckets) == sorted(buckets)
    assert all(chunk.sources == tuple({"b": bucket} for bucket in chunk.buckets) for chunk in chunks)
    sizes = [len(chunk.buckets) for chunk in chunks]
    assert len(sizes) <= parts
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


# -- admission -----------------------------------------------------------------------------------------------------------

KEY = SigningKey("sandbox-order", new_seed())
SOURCES = (SourceVersion("clinic", 1, "0" * 64),)
ORDER = MeasureOrder("o1", "boot", SOURCES, {"format": "p"}, {"mode": "zcdp"}, Loss(Mode.ZCDP, 5), 1000)
LOAD = LoadOrder("o2", "boot", "clinic", 1, "text", 4, {"visits": "v.csv"})


def signed(document) -> tuple[bytes, bytes]:
    body = canonical_bytes(document)
    return body, KEY.sign(SIGNING_CONTEXT + body)


def admission() -> Admission:
    return Admission(KEY.verifier, "boot")


def test_each_order_is_admitted_once():
    gate = admission()
    assert gate.measure(*signed(ORDER.to_json())) == ORDER
    assert gate.load(*signed(LOAD.to_json())) == LOAD
    for again in (ORDER, replace(ORDER, deadline_ms=2)):
        with pytest.raises(OrderRefused):
            gate.measure(*signed(again.to_json()))
    assert gate.measure(*signed(replace(ORDER, id="o3").to_json())).id == "o3"


def test_an_id_is_used_up_across_kinds():
    gate = admission()
    gate.load(*signed(replace(LOAD, id="o1").to_json()))
    with pytest.raises(OrderRefused):
        gate.measure(*signed(ORDER.to_json()))


@pytest.mark.parametrize(
    "document",
    [
        {**ORDER.to_json(), "boot": "other"},
        {**ORDER.to_json(), "id": ""},
        {**ORDER.to_json(), "extra": 1},
        {**ORDER.to_json(), "sources": [{**SOURCES[0].to_json(), "version": "1"}]},
        {**ORDER.to_json(), "sources": [{**SOURCES[0].to_json(), "version": True}]},  # equal to 1 in Python
        {**ORDER.to_json(), "format": "sandbox/order/measure/v1"},
        {key: value for key, value in ORDER.to_json().items() if key != "spec"},
        LOAD.to_json(),
        [1],
        "text",
    ],
)
def test_signed_but_not_an_order_for_here(document):
    gate = admission()
    with pytest.raises(OrderRefused):
        gate.measure(*signed(document))
    gate.measure(*signed(ORDER.to_json()))  # a refused order uses nothing up


# -- the process ---------------------------------------------------------------------------------------------------------


def test_bootstrap_shows_no_secret_and_is_strict():
    good = {
        "home": "/h", "runtime": "/r", "data_root": "ab" * 32, "order_key": "k", "workers": 2, "threads": 1,
        "private_network": True,
    }  # fmt: skip
    parsed = engine.Bootstrap.parse(json.dumps(good).encode())
    assert "ab" not in repr(parsed)
    for name, wrong in (("data_root", "ab"), ("workers", 0), ("threads", 0), ("data_root", "zz" * 32)):
        with pytest.raises(ValueError):
            engine.Bootstrap.parse(json.dumps({**good, name: wrong}).encode())
    with pytest.raises(KeyError):
        engine.Bootstrap.parse(b"{}")


def test_rays_environment_holds_nothing_foreign(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setattr(fleet.os, "environ", dict(fleet.os.environ))
    fleet.prepare_environment(tmp_path)
    environment = fleet.os.environ
    assert "RAY_ADDRESS" not in environment
    assert environment["RAY_AUTH_MODE"] == "token"
    token = Path(environment["RAY_AUTH_TOKEN_PATH"])
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text()) == 64
    with pytest.raises(FileExistsError):
        fleet.prepare_environment(tmp_path)


PROBE = """
import socket
from workers import confine
before = len(socket.if_nameindex())
private = confine.private_network()
confine.forbid_dumps()
names = [name for _, name in socket.if_nameindex()]
listening = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listening.getsockname()).close()
try:
    socket.create_connection(("192.0.2.1", 80), 1)
    reached = True
except OSError:
    reached = False
import resource
print(private, names, reached, resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_private_network_has_a_loopback_and_no_way_out():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE], capture_output=True, text=True, check=True
    ).stdout
    assert found.split("(")[0].strip() == "True ['lo'] False"
    assert found.strip().endswith("(0, 0)")


def test_there_is_no_guard_without_a_session_of_its_own():
    alone = "from workers import guard; print(guard.start())"
    assert subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_guard_ends_what_the_leader_leaves_in_its_session():
    leader = (
        "import os, subprocess, time; from workers import guard; print(guard.start());"
        "print(subprocess.Popen(['sleep', '100']).pid, flush=True); os.kill(os.getpid(), 9)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", leader], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        # The orphan holds our pipe: its end is the orphan's end.
        started, _ = process.stdout.read().split()
        assert started == "True"
    end = time.monotonic() + 10
    while guard.members(process.pid):  # the guard itself goes last
        assert time.monotonic() < end
        time.sleep(0.05)


# -- golden bytes --------------------------------------------------------------------------------------------------------


def test_formats_change_by_decision_only():
    golden = json.loads(GOLDEN.read_text())
    assert pack_frame({"op": "status"}).hex() == golden["frame"]
    assert pack([GOOD], [KEYED]).hex() == golden["partial"]
    private = bytes(range(32))
    public = sealing_public(private)
    assert public.hex() == golden["public"]
    merge = Merge("01ORDER", private, [0, 5], [KEYED])
    merge.add([5, 0], bytes.fromhex(golden["sealed"]))
    assert same(merge.total()[0], GOOD)
