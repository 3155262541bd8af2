"""The `Compute` port over the engine's Unix socket: one connection a request, orders signed by the order key.

Whatever the engine does wrong comes out as one constant refusal per call: EnclaveNotReady for status, MeasurementForfeited
for a measurement, Fault for a load. No text of the engine's reaches a caller, except what it says of a steward's own files.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.adapters.engine_frames import FrameError, pack, receive
from sandbox.adapters.expected_answer import check_answer
from sandbox.plan.canonical import read_plan
from sandbox.privacy.measurement import MeasurementSpec
from sandbox.proof.signing import SigningKey, VerifyingKey
from sandbox.service.ports import EngineStatus
from sandbox.terms.answer import Answer
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.dataset import Version
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder, MeasureOrder
from sandbox.terms.refusal import EnclaveNotReady, Fault, FileNotUsable, MeasurementForfeited, ProofFailed

STATUS_SECONDS = 3.0
"""A live engine answers at once; a dead one's socket refuses at once."""

GRACE_SECONDS = 5.0
"""Beyond an order's deadline: by then the query is forfeited, and this only frees the thread."""

LOAD_IDLE_SECONDS = 900.0
"""Between two signs of life of a load: the longest single step is sorting and encrypting one bucket."""

LOAD_SECONDS = 86_400.0

_NETWORKS = ("private", "shared")
_BOOT = re.compile(r"[0-9A-Za-z_-]{1,128}")
_PHASE = re.compile(r"[a-z][a-z0-9 _.-]{0,79}")
_FACT = re.compile(r"[a-z][a-z_]{0,31}")
_MANIFEST = re.compile(r"[0-9a-f]{64}")
_KEPT_NAMES = frozenset({"detail", "span", "rewrite", "type", "title", "status", "code", "advice", "spent", "instance"})
_DETAIL_LIMIT = 2_000
_FACTS_LIMIT = 20


class EngineSocket:
    """`path` is the engine's socket, `order_key` what it was told to trust."""

    def __init__(self, path: Path, order_key: SigningKey) -> None:
        self._path = path
        self._key = order_key

    def status(self) -> EngineStatus:
        """Raises EnclaveNotReady while there is no engine that speaks sense."""
        until = time.monotonic() + STATUS_SECONDS
        try:
            with self._ask({"op": "status"}, until) as connection:
                return _status(receive(connection, until))
        except (OSError, FrameError):
            raise EnclaveNotReady from None

    def measure(self, order: MeasureOrder) -> Answer:
        """Raises MeasurementForfeited, whatever happened."""
        until = time.monotonic() + order.deadline_ms / 1000 + GRACE_SECONDS
        try:
            with self._ask(self._signed("measure", order.to_json()), until) as connection:
                message = receive(connection, until)
            return _answer(message, order)
        except (OSError, FrameError):
            raise MeasurementForfeited from None

    def load(self, order: LoadOrder, progress: Callable[[str, int, int], None]) -> Version:
        """Raises FileNotUsable for the steward's files, Fault for everything else."""
        end = time.monotonic() + LOAD_SECONDS
        try:
            with self._ask(self._signed("load", order.to_json()), end) as connection:
                while True:
                    message = receive(connection, min(end, time.monotonic() + LOAD_IDLE_SECONDS))
                    if set(message) != {"progress"}:
                        return _version(message, order)
                    progress(*_progress(message["progress"]))
        except (OSError, FrameError):
            raise Fault from None

    def _signed(self, operation: str, order: dict[str, Any]) -> dict[str, Any]:
        body = canonical_bytes(order)
        return {"op": operation, "body": body, "signature": self._key.sign(SIGNING_CONTEXT + body)}

    @contextmanager
    def _ask(self, message: dict[str, Any], until: float) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(min(STATUS_SECONDS, max(0.001, until - time.monotonic())))
            connection.connect(str(self._path))
            connection.settimeout(max(0.001, until - time.monotonic()))
            connection.sendall(pack(message))
            yield connection


def _status(message: dict[str, Any]) -> EngineStatus:
    match message:
        case {"status": {"boot": str(boot), "network": str(network), "workers": int(workers), "engine": str(engine)}}:
            known = network in _NETWORKS and _BOOT.fullmatch(boot) and not isinstance(workers, bool) and workers > 0
            if known:
                try:
                    VerifyingKey.parse(engine)
                except ProofFailed:
                    raise FrameError from None
                return EngineStatus(boot, network, workers, engine)
    raise FrameError


def _answer(message: dict[str, Any], order: MeasureOrder) -> Answer:
    body = message.get("answer")
    if set(message) != {"answer"} or not isinstance(body, bytes):
        raise FrameError
    try:
        document = json.loads(body)
        if canonical_bytes(document) != body:
            raise FrameError
        answer = Answer.from_json(document)
        if canonical_bytes(answer.to_json()) != body:
            raise FrameError
        check_answer(answer, order.id, read_plan(order.plan), MeasurementSpec.from_json(order.spec))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, IndexError, RecursionError):
        raise FrameError from None
    return answer


def _version(message: dict[str, Any], order: LoadOrder) -> Version:
    match message:
        case {"version": {"dataset": order.dataset, "number": order.version, "manifest": str(manifest)}}:
            if _MANIFEST.fullmatch(manifest):
                return Version(order.dataset, order.version, manifest)
        case {"refusal": {"detail": str(detail), "facts": dict(facts)}}:
            raise FileNotUsable(_plain(detail), **_facts(facts))
    raise FrameError


def _progress(value: object) -> tuple[str, int, int]:
    match value:
        case [str(phase), int(done), int(total)] if _PHASE.fullmatch(phase) and 0 <= done <= total < 2**53:
            return phase, done, total
    raise FrameError


def _facts(facts: dict[Any, Any]) -> dict[str, Any]:
    if len(facts) > _FACTS_LIMIT:
        raise FrameError
    for name, value in facts.items():
        if not isinstance(name, str) or not _FACT.fullmatch(name) or name in _KEPT_NAMES:
            raise FrameError
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                _plain(item)
            elif item is not None and not isinstance(item, int):
                raise FrameError
    return facts


def _plain(text: str) -> str:
    if len(text) > _DETAIL_LIMIT:
        raise FrameError
    return text
