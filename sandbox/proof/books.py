"""The books, recomputed from audit entries alone: who may ask what, what was spent, what was decided, what left.

One law for each kind of entry. An entry that breaks a law stops the verifier; what a reader should merely know is a finding.
Kinds that are not known here move nothing: they are counted and told. The same books are recomputed at every start.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

from sandbox.proof.books_accounts import Accounts
from sandbox.proof.books_freezes import Freezes
from sandbox.proof.books_grants import Given, Grants
from sandbox.proof.books_people import People
from sandbox.proof.books_queries import Queries
from sandbox.proof.books_reviews import Reviews
from sandbox.proof.entry import read_time
from sandbox.proof.facts import Facts
from sandbox.proof.report import Finding, Findings
from sandbox.terms.dataset import Account

_DISORDER = timedelta(minutes=1)
"""Entries of requests that overlap may stand a little out of order."""

REASON_LEAST, REASON_LIMIT = 10, 500
"""Characters of the reason for which an officer opens a sealed request."""

_Law: TypeAlias = Callable[[Facts], None]


class Books:
    """The state that a log's entries, taken in order, lead to. It grows with people, grants and orders only."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}
        self._last_time = ""
        self._findings = Findings()
        given: dict[str, Given] = {}
        self._accounts = Accounts()
        self._people = People(self._findings)
        self._freezes = Freezes(self._people, self._accounts, given)
        self._grants = Grants(self._people, self._accounts, self._freezes, self._findings, given)
        self._queries = Queries(self._people, self._accounts, self._grants, self._findings)
        self._reviews = Reviews(self._people, self._freezes, self._grants, self._queries, self._findings)
        self._laws = self._all_laws()

    def take(self, index: int, entry: dict[str, Any]) -> None:
        """Apply entry number `index`, as `read_entry` gave it.

        Raises:
            ProofFailed: it breaks the books.
        """
        kind, at = str(entry["kind"]), str(entry["at"])
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if at < self._last_time and read_time(self._last_time) - read_time(at) > _DISORDER:
            self._findings.note("time-backwards", index)  # times have one spelling: their texts have their order
        self._last_time = max(at, self._last_time)
        law = self._laws.get(kind)
        if law is None:
            self._findings.note("kind-unknown", index)
            return
        law(Facts(index, kind, at, str(entry["actor"]), entry["facts"]))

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by space, outermost first."""
        return self._accounts.all()

    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know, by code."""
        at_end = [self._queries.finding(), self._freezes.finding(), *self._reviews.pending()]
        if not self.kinds:
            at_end.append(Finding("log-empty", 0, 0))
        found = [*self._findings.all(), *(finding for finding in at_end if finding is not None)]
        return tuple(sorted(found, key=lambda finding: finding.code))

    def _started(self, facts: Facts) -> None:
        if facts.inner("clock").values.get("on") is not True:
            self._findings.note("clock-off", facts.index)
        if facts.values.get("network") != "private":
            self._findings.note("network-shared", facts.index)
        if facts.kind == "enclave.started":
            self._reviews.restarted()

    def _opened(self, facts: Facts) -> None:
        if not REASON_LEAST <= len(facts.text("reason")) <= REASON_LIMIT:
            raise facts.wrong("gives no reason, or one that is too short or too long")
        self._queries.opened(facts)

    def _committed(self, facts: Facts) -> None:
        self._queries.committed(facts)
        self._reviews.opened(facts)

    def _counted(self, facts: Facts) -> None:
        """Kinds that move nothing."""

    def _all_laws(self) -> dict[str, _Law]:
        return {
            "enclave.created": self._people.created,
            "enclave.started": self._started,
            "engine.restarted": self._started,
            "root.changed": self._counted,
            "person.enrolled": self._people.enrolled,
            "keys.registered": self._people.keys_registered,
            "dataset.registered": self._accounts.registered,
            "version.loaded": self._accounts.loaded,
            "load.refused": self._counted,
            "log.searched": self._counted,
            "entry.opened": self._opened,
            "policy.explained": self._counted,
            "grant.requested": self._grants.requested,
            "grant.declined": self._grants.declined,
            "grant.given": self._grants.given,
            "grant.revoked": self._grants.revoked,
            "freeze.set": self._freezes.set,
            "freeze.lift-asked": self._freezes.lift_asked,
            "freeze.lifted": self._freezes.lifted,
            "query.attached": self._counted,
            "query.checked": self._counted,
            "query.refused": self._counted,
            "query.reserved": self._queries.reserved,
            "query.reused": self._queries.reused,
            "query.committed": self._committed,
            "query.forfeited": self._queries.forfeited,
            "review.viewed": self._reviews.viewed,
            "review.voted": self._reviews.voted,
            "review.closed": self._reviews.closed,
            "release.released": self._reviews.released,
        }
