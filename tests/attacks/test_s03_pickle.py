"""S3: bytes that run code when they are un-pickled, wherever bytes come in. Nothing of ours un-pickles them.

The control un-pickles the same bytes: they run.
"""

import ast
import json
import pickle
import socket
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import depot
import httpx
import msgpack
import pytest

from sandbox.adapters.engine_frames import FrameError, unpack
from sandbox.client.credentials import Pins
from sandbox.client.release import Release
from sandbox.faces.http import strict_json
from sandbox.proof.checkpoint import open_checkpoint
from sandbox.proof.log_export import verify_export
from sandbox.proof.sealing import new_sealing_key, open_sealed, unseal
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import MalformedRequest, ProofFailed, SandboxError
from sandbox.testing import Enclave
from workers.actor import FAILED, Scanner
from workers.admission import Admission, OrderRefused
from workers.engine import Bootstrap
from workers.partial import Merge, PartialRefused
from workers.partial import unpack as unpack_partial
from workers.tally import Shape
from workers.wire import FrameRefused, unpack_message

ROOT = Path(__file__).parents[2]
PROTOCOLS = [0, 1, 2, 3, 4, 5]
RUNS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "yaml"}
KEY = SigningKey("sandbox-order", b"k" * 32)


SHAPES = (Shape(1, 1, (), 0),)


def admitted(payload: bytes) -> object:
    return Admission(KEY.verifier, "boot").measure(payload, KEY.sign(payload))


def opened(payload: bytes) -> object:
    return open_sealed(new_sealing_key(), payload, b"x")


def merged(payload: bytes) -> object:
    return Merge("order", new_sealing_key(), {0}, SHAPES).add((0,), payload)


def extended(payload: bytes) -> object:
    frame = unpack_message(msgpack.packb({"body": msgpack.ExtType(5, payload)}))
    return Admission(KEY.verifier, "boot").measure(frame["body"], b"")


def saved(payload: bytes) -> object:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(payload)
        file.flush()
        return Release.load(file.name, Pins("a", "b", "c"))


READERS: dict[str, tuple[Callable[[bytes], object], type[BaseException] | tuple[type[BaseException], ...]]] = {
    "a frame for the engine": (unpack_message, FrameRefused),
    "a frame for the service": (unpack, FrameError),
    "an extension type for the engine": (extended, (FrameRefused, OrderRefused)),
    "an extension type for the service": (
        lambda payload: unpack(msgpack.packb({"a": msgpack.ExtType(5, payload)})),
        FrameError,
    ),
    "a signed order": (admitted, OrderRefused),
    "a partial sum": (merged, ProofFailed),
    "an unsealed partial sum": (lambda payload: unpack_partial(payload, SHAPES), PartialRefused),
    "a sealed text": (lambda payload: unseal(b"k" * 32, payload, "x"), ProofFailed),
    "a text sealed to somebody": (opened, ProofFailed),
    "the engine's bootstrap": (Bootstrap.parse, (ValueError, KeyError, TypeError)),
    "a release that somebody sends": (saved, SandboxError),
    "a log export": (lambda payload: verify_export([payload], KEY.verifier.text), ProofFailed),
    "a checkpoint": (lambda payload: open_checkpoint(payload.decode("latin-1"), KEY.verifier, "a"), ProofFailed),
    "a body": (strict_json.parse, MalformedRequest),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_of_bytes_unpickles(tmp_path: Path, reader: str, protocol: int) -> None:
    sign = tmp_path / "code-ran"
    payload = depot.evil_pickle(sign, protocol)
    read, refused = READERS[reader]
    with pytest.raises(refused):
        read(payload)
    assert not sign.exists()
    pickle.loads(payload)
    assert sign.is_dir()


def test_a_workers_job_that_is_a_pickle_fails_in_one_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = tmp_path / "code-ran"
    monkeypatch.setattr("workers.actor._fall_silent", lambda: None)
    monkeypatch.setattr("workers.actor.forbid_dumps", lambda: None)
    assert Scanner().scan("order", depot.evil_pickle(sign)) == FAILED
    assert not sign.exists()


@pytest.mark.parametrize("framed", [True, False], ids=["framed", "bare"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_engines_socket_takes_no_pickle(enclave: Enclave, tmp_path: Path, protocol: int, framed: bool) -> None:
    sign = tmp_path / "code-ran"
    payload = depot.evil_pickle(sign, protocol)
    path = json.loads((enclave.home / "run.json").read_text())["runtime"]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(f"{path}/engine.sock")
        connection.sendall(struct.pack(">I", len(payload)) + payload if framed else payload)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert not sign.exists()
    assert enclave.administrator.health() == "ready"
    pickle.loads(payload)
    assert sign.is_dir()


@pytest.mark.parametrize("media", ["application/python-pickle", "application/octet-stream", "application/json"])
def test_the_face_takes_no_pickle(http: httpx.Client, tmp_path: Path, media: str) -> None:
    sign = tmp_path / "code-ran"
    payload = depot.evil_pickle(sign)
    answer = http.post("/v1/queries", content=payload, headers={"Content-Type": media})
    assert answer.status_code in {400, 415}
    assert http.get("/v1/me", headers={"Authorization": b"Bearer " + payload.hex().encode()}).status_code == 401
    assert not sign.exists()
    pickle.loads(payload)
    assert sign.is_dir()


def dangerous(text: str) -> list[str]:
    """Modules and calls in a source that can run what they read."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found += [name.name for name in names if name.name.partition(".")[0] in RUNS]
            case ast.ImportFrom(module=str(module)):
                found += [module] if module.partition(".")[0] in RUNS else []
            case ast.Call(func=ast.Name(id=("eval" | "exec" | "compile" | "__import__") as name)):
                found.append(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=("system" | "popen") as name)):
                found.append(name)
            case ast.keyword(arg="shell", value=ast.Constant(value=True)) | ast.keyword(arg="allow_pickle"):
                found.append(str(node.arg))
    return found


def test_no_source_of_the_product_can_run_what_it_reads() -> None:
    for room in ("sandbox", "workers", "policies"):
        for path in (ROOT / room).rglob("*.py"):
            assert dangerous(path.read_text("utf-8")) == [], path


@pytest.mark.parametrize(
    "planted",
    ["import pickle", "from ray import cloudpickle\nimport cloudpickle", "eval('1')", "exec('1')", "__import__('os')",
     "import os\nos.system('id')", "import subprocess\nsubprocess.run('id', shell=True)", "numpy.load(p, allow_pickle=True)"],
)  # fmt: skip
def test_control_what_could_is_found(planted: str) -> None:
    assert dangerous(planted)
