"""Which orders the engine carries out: signed by the control plane, for this boot, canonical, and each once."""

import json
import threading
from typing import Any

from sandbox.proof.signing import VerifyingKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder, MeasureOrder
from sandbox.terms.refusal import ProofFailed


class OrderRefused(Exception):
    """Not an order of the control plane to this engine, or one that was carried out already."""


class Admission:
    """Checks orders. Ids are kept in memory: a fresh engine has a fresh boot nonce, so older orders die with it."""

    def __init__(self, order_key: VerifyingKey, boot: str) -> None:
        self._order_key = order_key
        self._boot = boot
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def measure(self, body: object, signature: object) -> MeasureOrder:
        """The order to measure; its id is used up.

        Raises:
            OrderRefused: nothing was done.
        """
        document = self._signed(body, signature)
        try:
            order = MeasureOrder.from_json(document)
            canonical = canonical_bytes(order.to_json())
        except (KeyError, ValueError, TypeError):
            raise OrderRefused from None
        if canonical != body:
            raise OrderRefused
        self._use(order.id, order.boot)
        return order

    def load(self, body: object, signature: object) -> LoadOrder:
        """The order to load; its id is used up.

        Raises:
            OrderRefused: nothing was done.
        """
        document = self._signed(body, signature)
        try:
            order = LoadOrder.from_json(document)
            canonical = canonical_bytes(order.to_json())
        except (KeyError, ValueError, TypeError):
            raise OrderRefused from None
        if canonical != body:
            raise OrderRefused
        self._use(order.id, order.boot)
        return order

    def _signed(self, body: object, signature: object) -> dict[str, Any]:
        if not isinstance(body, bytes) or not isinstance(signature, bytes):
            raise OrderRefused
        try:
            self._order_key.verify(SIGNING_CONTEXT + body, signature)
            document = json.loads(body)
            canonical = canonical_bytes(document)
        except (ProofFailed, ValueError, TypeError, RecursionError):
            raise OrderRefused from None
        if canonical != body or not isinstance(document, dict):
            raise OrderRefused
        return document

    def _use(self, order: str, boot: str) -> None:
        if boot != self._boot or not order:
            raise OrderRefused
        with self._lock:
            if order in self._seen:
                raise OrderRefused
            self._seen.add(order)
