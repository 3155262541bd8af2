"""A query: check what it would cost, run it, wait for what leaves."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.client.credentials import Pins
from sandbox.client.release import Release
from sandbox.client.transport import Transport
from sandbox.terms.refusal import AnswerPending, Fault, MeasurementForfeited, NotFound

LONGEST_WAIT = 30
"""Seconds of one long poll."""


class Asker(Protocol):
    """What a query needs of a connection."""

    @property
    def transport(self) -> Transport: ...
    @property
    def pins(self) -> Pins: ...
    def query_view(self, query: str, wait: int = 0) -> dict[str, Any]: ...
    def release(self, query: str) -> Release: ...


@dataclass(frozen=True, slots=True)
class Quote:
    """What a query would cost and how exact it would be. Nothing was spent and no data was touched.

    `cost` has space, mode, amount, epsilon, delta; each of `accounts` has kind, owner, left and more_like_this; each of
    `errors` has column, half_width (95 %), or by_group_size for means.
    """

    verdict: str
    dataset: str
    table: str
    version: int
    grant: str
    groups: int
    bounds: dict[str, int]
    mechanism: str
    cost: dict[str, Any]
    accounts: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    wait_ms: int
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Quote":
        """Read the answer of a dry run.

        Raises:
            Fault: it is not one.
        """
        try:
            return cls(
                str(document["verdict"]),
                str(document["dataset"]),
                str(document["table"]),
                int(document["version"]),
                str(document["grant"]),
                int(document["groups"]),
                dict(document["bounds"]),
                str(document["mechanism"]),
                dict(document["cost"]),
                [dict(item) for item in document["accounts"]],
                [dict(item) for item in document["errors"]],
                int(document["wait_ms"]),
                document,
            )
        except (KeyError, TypeError, ValueError):
            raise Fault("The enclave's answer is not a quote that this client understands.") from None

    def plan(self, language: str = "en") -> list[str]:
        """The plan in words, "en" or "zh"."""
        words: dict[str, list[str]] = self.document["plan"]
        return list(words.get(language) or words["en"])

    @property
    def more_like_this(self) -> int:
        """How many queries of this cost the tightest account still covers, this one included."""
        return min((int(account["more_like_this"]) for account in self.accounts), default=0)

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {' '.join(self.plan())}"]
        lines.append(
            f"cost: epsilon {self.cost['epsilon']} ({self.cost['mode']} {self.cost['amount']}); "
            f"{self.more_like_this} of this cost fit into what is left"
        )
        lines += [f"error: {error_words(error)}" for error in self.errors if error_words(error)]
        return "\n".join([*lines, "nothing was spent"])


def error_words(error: dict[str, Any], language: str = "en") -> str:
    """One expected error in words, "en" or "zh"; empty for a key column, which has none."""
    chinese = language == "zh"
    level = f"{float(error.get('level', 0.95)) * 100:g} %"
    ending = f"（{level} 区间）" if chinese else f" at {level}"
    if error.get("half_width") is not None:
        return f"{error['column']} ± {float(error['half_width']):.6g}{ending}"
    sizes = error.get("by_group_size")
    if not isinstance(sizes, dict):
        return ""
    parts = [
        f"每组 {size} 行时 ± {float(width):.4g}" if chinese else f"± {float(width):.4g} in groups of {size}"
        for size, width in sizes.items()
        if width is not None
    ]
    return f"{error['column']} {('，' if chinese else ', ').join(parts)}{ending}"


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its purpose and its epsilon (canonical text), not yet asked."""

    connection: Asker = field(repr=False)
    sql: str
    purpose: str
    epsilon: str

    def check(self) -> Quote:
        """What it would cost; spends nothing and touches no data.

        Raises:
            Refusal: why it would not be answered.
        """
        return Quote.from_json(self.connection.transport.json("POST", "/v1/queries", body=self._body(dry_run=True)))

    def run(self, idempotency_key: str | None = None) -> "Running":
        """Spend and measure. The key makes retries safe; it is made here unless given.

        Raises:
            Refusal: why not; nothing was spent. EnclaveUnreachable with the key among its facts if no answer came.
        """
        _ = self.connection.pins  # the keys are fixed before anything is answered
        key = idempotency_key or secrets.token_urlsafe(24)
        view = self.connection.transport.json(
            "POST", "/v1/queries", body=self._body(dry_run=False), headers={"Idempotency-Key": key}
        )
        return Running.from_json(self.connection, view)

    def _body(self, *, dry_run: bool) -> dict[str, Any]:
        return {"sql": self.sql, "purpose": self.purpose, "epsilon": self.epsilon, "dry_run": dry_run}


@dataclass(frozen=True, slots=True)
class Running:
    """A query that was accepted: its loss is reserved."""

    connection: Asker = field(repr=False)
    id: str
    state: str
    cost: dict[str, Any]
    receipt: dict[str, Any]
    reused: bool
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, connection: Asker, view: dict[str, Any]) -> "Running":
        """Read a query document.

        Raises:
            Fault: it is not one.
        """
        try:
            return cls(
                connection,
                str(view["id"]),
                str(view["state"]),
                dict(view["cost"]),
                dict(view["receipt"]),
                bool(view["reused"]),
                view,
            )
        except (KeyError, TypeError, ValueError):
            raise Fault("The enclave's answer is not a query that this client understands.") from None

    def result(self, timeout: float = 60.0, progress: Callable[[float], None] | None = None) -> Release:
        """Wait for the release, at most `timeout` seconds. `progress` is told the seconds waited so far.

        Raises:
            AnswerPending: it is not out in time; ask again with `connection.release(id)`.
            MeasurementForfeited: the enclave failed; the loss stays spent.
        """
        began = time.monotonic()
        while True:
            left = timeout - (time.monotonic() - began)
            view = self.connection.query_view(self.id, wait=max(0, min(int(left) + 1, LONGEST_WAIT)))
            if view.get("state") != "running":
                break
            if progress is not None:
                progress(time.monotonic() - began)
            left = timeout - (time.monotonic() - began)
            if left <= 0:
                raise AnswerPending(
                    f"The answer was not out after {timeout:g} s; ask for {self.id} again later.",
                    query=self.id,
                    spent=str(self.cost.get("amount", "0")),
                )
            time.sleep(min(0.1, left))
        try:
            return self.connection.release(self.id)
        except NotFound:
            raise MeasurementForfeited(spent=str(self.cost.get("amount", "0"))) from None
