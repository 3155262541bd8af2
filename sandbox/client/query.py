"""A query: check what it would cost, run it, wait for what leaves."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sandbox.client.credentials import Pins
from sandbox.client.quote import Quote
from sandbox.client.release import Release
from sandbox.client.transport import Transport
from sandbox.proof.key_pairs import KeyPair
from sandbox.proof.submission import Submission, sign_submission
from sandbox.terms.loss import parse_decimal
from sandbox.terms.refusal import (
    AnswerPending,
    Fault,
    MalformedNumber,
    MalformedRequest,
    ProofFailed,
    ReviewPending,
)

LONGEST_WAIT = 30
"""Seconds of one long poll."""

_REVIEW_PAUSES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds between looks at a query that people have to look at; the last is repeated."""


class Asker(Protocol):
    """What a query needs of a connection."""

    @property
    def transport(self) -> Transport: ...
    @property
    def pins(self) -> Pins: ...
    def ensure_keys(self) -> KeyPair: ...
    def query_view(self, query: str, wait: int = 0) -> dict[str, Any]: ...
    def withdraw(self, query: str) -> dict[str, Any]: ...
    def release(self, query: str, wait: int = 0) -> Release: ...


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its purpose, its epsilon (canonical text) and the need behind it, not yet asked."""

    connection: Asker = field(repr=False)
    sql: str
    purpose: str
    epsilon: str
    need: str = ""

    def check(self) -> Quote:
        """What it would cost; spends nothing and touches no data.

        Raises:
            Refusal: why it would not be answered.
        """
        return Quote.from_json(self._checked({}), self.picture)

    def picture(self, language: str = "en") -> str:
        """The plan as a picture (SVG), "en" or "zh": a check that also draws.

        Raises:
            Refusal: why it would not be answered.
            Fault: the enclave draws none.
        """
        drawn = self._checked({"picture": language}).get("picture")
        if not isinstance(drawn, str):
            raise Fault("The enclave's answer has no picture.")
        return drawn

    def run(self, idempotency_key: str | None = None) -> "Running":
        """Sign, spend and measure. The idempotency key makes retries safe; it is made here unless given.

        Your keys are made and registered at the first run, unless they are already.

        Raises:
            Refusal: why not; nothing was spent. KeysElsewhere: your registered keys are not on this machine.
            EnclaveUnreachable with the key among its facts if no answer came.
        """
        origin = self.connection.pins.origin  # the keys are fixed before anything is answered
        pair = self.connection.ensure_keys()
        key = idempotency_key or secrets.token_urlsafe(24)
        submission = Submission(origin, pair.person, pair.id, self.sql, self.purpose, self.epsilon, self.need, key)
        try:
            signature = sign_submission(pair, submission)
        except ValueError:
            raise MalformedRequest("The text of the query has characters that UTF-8 cannot write.") from None
        body = self._body(dry_run=False) | {"key": pair.id, "signature": signature}
        view = self.connection.transport.json("POST", "/v1/queries", body=body, headers={"Idempotency-Key": key})
        return replace(Running.from_json(self.connection, view), submission=submission)

    def _checked(self, more: dict[str, Any]) -> dict[str, Any]:
        return self.connection.transport.json("POST", "/v1/queries", body=self._body(dry_run=True) | more)

    def _body(self, *, dry_run: bool) -> dict[str, Any]:
        body = {"sql": self.sql, "purpose": self.purpose, "epsilon": self.epsilon, "dry_run": dry_run}
        return body | ({"need": self.need} if self.need else {})


@dataclass(frozen=True, slots=True)
class Running:
    """A query that was accepted: its loss is reserved. `document` is what the enclave said of it then."""

    connection: Asker = field(repr=False)
    id: str
    cost: dict[str, Any]
    receipt: dict[str, Any]
    reused: bool
    document: dict[str, Any] = field(repr=False)
    submission: Submission | None = field(default=None, repr=False)

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
                dict(view["cost"]),
                dict(view["receipt"]),
                bool(view["reused"]),
                view,
            )
        except (KeyError, TypeError, ValueError):
            raise Fault("The enclave's answer is not a query that this client understands.") from None

    @property
    def state(self) -> str:
        """How it stands now, asked of the enclave: running, in-review, done, refused, withdrawn, lapsed, stopped, failed."""
        return str(self.connection.query_view(self.id).get("state"))

    def withdraw(self) -> None:
        """Withdraw it, so that its answer never leaves. Its loss stays spent.

        Raises:
            AlreadyDecided: it has left, or never will.
        """
        self.connection.withdraw(self.id)

    def result(
        self, timeout: float = 60.0, progress: Callable[[float], None] | None = None, *, review: bool = True
    ) -> Release:
        """Wait for the release, at most `timeout` seconds. `progress` is told the seconds waited so far.

        With `review=False` it does not wait for reviewers, only for the measurement.

        Raises:
            AnswerPending: it is not out in time; ask again with `connection.release(id)`.
            ReviewPending: people have to look at it first; `review` among its facts names the review.
            ReleaseRefused, ReleaseWithdrawn, ReleaseLapsed: it will not leave; the loss stays spent.
            MeasurementForfeited: the enclave failed; the loss stays spent.
            ProofFailed: what came does not verify, or answers something else than what was signed here. A stored answer may
            be of the same question in other words, for the same purpose and ε; that its plan is the same is in the log.
        """
        found = self._released(timeout, progress, review=review)
        if self.submission is not None and not _answers(found.request, self.submission, reused=found.reused):
            raise ProofFailed("The release answers another request than the one that was signed here.")
        return found

    @property
    def _spent(self) -> str:
        return str(self.cost.get("amount", "0"))

    def _released(self, timeout: float, progress: Callable[[float], None] | None, *, review: bool) -> Release:
        """The release, once it is neither running nor in review: the enclave answers as soon as it is out."""
        began = time.monotonic()
        looks = 0
        while True:
            left = timeout - (time.monotonic() - began)
            reviewed = False
            try:
                return self.connection.release(self.id, wait=max(0, min(int(left) + 1, LONGEST_WAIT)))
            except AnswerPending:
                pass
            except ReviewPending:
                reviewed = True
            waited = time.monotonic() - began
            if progress is not None:
                progress(waited)
            left = timeout - waited
            if reviewed and (left <= 0 or not review):
                raise self._in_review(self.connection.query_view(self.id))
            if left <= 0:
                raise AnswerPending(
                    f"The answer was not out after {timeout:g} s; ask for {self.id} again later.",
                    query=self.id,
                    spent=self._spent,
                )
            pause = _REVIEW_PAUSES[min(looks, len(_REVIEW_PAUSES) - 1)] if reviewed else 0.1
            looks += reviewed
            time.sleep(min(pause, left))

    def _in_review(self, view: dict[str, Any]) -> ReviewPending:
        found = view.get("review")
        review = found if isinstance(found, dict) else {}
        name, votes = str(review.get("id") or ""), int(review.get("votes_needed") or 0)
        who = f"{votes} reviewers" if votes > 1 else "a reviewer"
        return ReviewPending(
            f"The answer to {self.id} is measured and waits for {who} ({name}); ask for {self.id} again later.",
            query=self.id,
            review=name,
            votes_needed=votes,
            spent=self._spent,
        )


def _answers(request: dict[str, str], asked: Submission, *, reused: bool) -> bool:
    """Whether a released request, signed by its reader, is the one asked here, or one whose answer it may share: the same
    text asked while it ran, or, reused, the same question."""
    sent = asked.to_json()
    if request == sent:
        return True
    try:
        same_loss = parse_decimal(request["epsilon"], "epsilon") == parse_decimal(asked.epsilon, "epsilon")
    except MalformedNumber:
        return False
    same = ("origin", "person", "purpose") if reused else ("origin", "person", "purpose", "sql")
    return same_loss and all(request[name] == sent[name] for name in same)
