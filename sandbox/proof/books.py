"""The books, recomputed from audit entries alone: who could spend what, what was spent, what was settled.

One law for each kind of entry. An entry that breaks a law stops the verifier; what a reader should merely know is a finding.
Kinds that are not known here move no account: they are counted and told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sandbox.proof.entry import read_time
from sandbox.proof.facts import Facts
from sandbox.proof.report import Finding
from sandbox.terms.dataset import Account
from sandbox.terms.loss import Loss

_AccountKey: TypeAlias = tuple[str, str, str]
"""Space, kind, owner."""

_DISORDER = timedelta(minutes=1)
"""Entries of requests that overlap may stand a little out of order."""

REASON_LEAST, REASON_LIMIT = 10, 500
"""Characters of the reason for which an officer opens a sealed request."""

_ORDER = ("space", "dataset", "grant", "analyst")


@dataclass(slots=True)
class _Balance:
    limit: Loss
    spent: Loss


@dataclass(frozen=True, slots=True)
class _Grant:
    version: int
    analyst: str
    datasets: frozenset[str]
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class _Query:
    grant: str
    dataset: str
    order: str


@dataclass(slots=True)
class Books:
    """The state that a log's entries, taken in order, lead to."""

    kinds: dict[str, int] = field(default_factory=dict)
    _last_time: str = ""
    _spaces: dict[str, Loss] = field(default_factory=dict)
    _datasets: dict[str, str] = field(default_factory=dict)
    _versions: dict[tuple[str, int], str] = field(default_factory=dict)
    _grants: dict[str, _Grant] = field(default_factory=dict)
    _balances: dict[_AccountKey, _Balance] = field(default_factory=dict)
    _queries: dict[str, _Query] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)  # order → entry of its reservation
    _orders: set[str] = field(default_factory=set)
    _committed: set[str] = field(default_factory=set)  # queries with an answer
    _sealed: set[int] = field(default_factory=set)  # entries that hold a request under seal
    _found: dict[str, Finding] = field(default_factory=dict)

    def take(self, index: int, entry: dict[str, Any]) -> None:
        """Apply entry number `index`, as `read_entry` gave it.

        Raises:
            ProofFailed: it breaks the books.
        """
        kind, at = str(entry["kind"]), str(entry["at"])
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if at < self._last_time and read_time(self._last_time) - read_time(at) > _DISORDER:
            self._note("time-backwards", index)  # times have one spelling, so the order of texts is that of times
        self._last_time = max(at, self._last_time)
        law = _LAWS.get(kind)
        if law is None:
            self._note("kind-unknown", index)
            return
        law(self, Facts(index, kind, entry["facts"]), at)

    def accounts(self) -> tuple[Account, ...]:
        """Every account, by space, outermost first."""
        ordered = sorted(self._balances.items(), key=lambda item: (item[0][0], _ORDER.index(item[0][1]), item[0][2]))
        return tuple(
            Account(kind, owner, space, balance.limit, balance.spent) for (space, kind, owner), balance in ordered
        )

    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know, by code."""
        found = dict(self._found)
        if self._open:
            found["unsettled"] = Finding("unsettled", len(self._open), min(self._open.values()))
        if not self.kinds:
            found["log-empty"] = Finding("log-empty", 0, 0)
        return tuple(found[code] for code in sorted(found))

    def created(self, facts: Facts, _at: str) -> None:
        if facts.index != 0:
            raise facts.wrong("creates an enclave that exists already")

    def started(self, facts: Facts, _at: str) -> None:
        if facts.inner("clock").values.get("on") is not True:
            self._note("clock-off", facts.index)
        if facts.values.get("network") != "private":
            self._note("network-shared", facts.index)

    def registered(self, facts: Facts, _at: str) -> None:
        dataset, space, limit = facts.text("dataset"), facts.text("unit_space"), facts.loss("limit")
        if dataset in self._datasets:
            raise facts.wrong("registers a dataset for the second time")
        new = facts.maybe("space")
        if new is not None:
            if new.text("name") != space or space in self._spaces:
                raise facts.wrong("defines a unit space that is defined already, or is not the dataset's")
            self._open_account(facts, (space, "space", space), new.loss("limit"))
        if space not in self._spaces:
            raise facts.wrong("names a unit space that is not defined")
        self._open_account(facts, (space, "dataset", dataset), limit)
        self._datasets[dataset] = space

    def loaded(self, facts: Facts, _at: str) -> None:
        dataset, version = facts.text("dataset"), facts.number("version")
        if dataset not in self._datasets:
            raise facts.wrong("loads a dataset that is not registered")
        if (dataset, version) in self._versions:
            raise facts.wrong("loads a version for the second time")
        self._versions[dataset, version] = facts.digest("manifest")

    def given(self, facts: Facts, _at: str) -> None:
        name, analyst = facts.text("grant"), facts.text("analyst")
        grant = _Grant(
            facts.number("version"), analyst, facts.texts("datasets"), facts.time("not_before"), facts.time("not_after")
        )
        before = self._grants.get(name)
        if before is not None and (grant.version <= before.version or grant.analyst != before.analyst):
            raise facts.wrong("gives a grant again without a newer version, or to another analyst")
        self._grants[name] = grant
        limits = facts.inner("limits")
        for space in limits.values:
            limit = limits.inner(space)
            self._open_account(facts, (space, "grant", name), limit.loss("grant"), again=True)
            if limit.maybe("analyst") is not None:
                self._open_account(facts, (space, "analyst", analyst), limit.loss("analyst"))

    def reserved(self, facts: Facts, at: str) -> None:
        query, order, loss = facts.text("query"), facts.text("order"), facts.loss("loss")
        if order in self._orders or query in self._queries:
            raise facts.wrong("reserves an order or a query for the second time")
        self._check_grant(facts, at, version=facts.number("grant_version"))
        space, dataset = facts.text("space"), facts.text("dataset")
        if self._versions.get((dataset, facts.number("data_version"))) != facts.text("manifest"):
            raise facts.wrong("measures a version that was never loaded")
        if loss.units < 1:
            raise facts.wrong("reserves nothing")
        owners = (space, dataset, facts.text("grant"), facts.text("person"))
        for kind, owner in zip(_ORDER, owners, strict=True):
            self._debit(facts, (space, kind, owner), loss)
        self._orders.add(order)
        self._sealed.add(facts.index)
        self._queries[query] = _Query(facts.text("grant"), dataset, order)
        self._open[order] = facts.index

    def reused(self, facts: Facts, at: str) -> None:
        query, of = facts.text("query"), facts.text("of")
        if query in self._queries:
            raise facts.wrong("records a query for the second time")
        self._check_grant(facts, at, version=None)
        source = self._queries.get(of)
        if source is None or of not in self._committed:
            raise facts.wrong("reuses an answer that was never committed")
        if (source.grant, source.dataset) != (facts.text("grant"), facts.text("dataset")):
            raise facts.wrong("reuses the answer of another grant or dataset")
        self._queries[query] = _Query(source.grant, source.dataset, source.order)
        self._committed.add(query)
        self._sealed.add(facts.index)

    def committed(self, facts: Facts, _at: str) -> None:
        facts.digest("answer")
        self._committed.add(self._settle(facts))

    def forfeited(self, facts: Facts, _at: str) -> None:
        self._settle(facts)
        self._note("forfeited", facts.index)

    def opened(self, facts: Facts, _at: str) -> None:
        if facts.number("index") not in self._sealed:
            raise facts.wrong("opens an entry that holds no sealed request")
        if not REASON_LEAST <= len(facts.text("reason")) <= REASON_LIMIT:
            raise facts.wrong("gives no reason, or one that is too short or too long")
        self._note("opened", facts.index)

    def counted(self, facts: Facts, _at: str) -> None:
        """Kinds that move no account."""

    def _settle(self, facts: Facts) -> str:
        query, order = facts.text("query"), facts.text("order")
        known = self._queries.get(query)
        if order not in self._orders or known is None or known.order != order:
            raise facts.wrong("settles an order that was never reserved")
        if self._open.pop(order, None) is None:
            raise facts.wrong("settles an order for the second time")
        return query

    def _check_grant(self, facts: Facts, at: str, version: int | None) -> None:
        grant = self._grants.get(facts.text("grant"))
        if grant is None or version not in (None, grant.version):
            raise facts.wrong("uses a grant, or a version of one, that is not the given one")
        if grant.analyst != facts.text("person") or facts.text("dataset") not in grant.datasets:
            raise facts.wrong("uses a grant for a person or a dataset it does not name")
        if self._datasets.get(facts.text("dataset")) != facts.text("space"):
            raise facts.wrong("names a dataset that is not registered in this unit space")
        if not grant.not_before <= read_time(at) < grant.not_after:
            self._note("outside-term", facts.index)

    def _open_account(self, facts: Facts, key: _AccountKey, limit: Loss, *, again: bool = False) -> None:
        if key[1] == "space":
            self._spaces[key[0]] = limit
        space = self._spaces.get(key[0])
        if space is None or space.mode is not limit.mode:
            raise facts.wrong("limits an account in a unit space that is not defined, or in another mode than its own")
        if key in self._balances and not again:
            raise facts.wrong("opens an account for the second time")
        spent = self._balances[key].spent if key in self._balances else Loss(limit.mode, 0)
        if not spent.fits(limit):
            raise facts.wrong("sets a limit below what is spent")
        self._balances[key] = _Balance(limit, spent)

    def _debit(self, facts: Facts, key: _AccountKey, loss: Loss) -> None:
        balance = self._balances.get(key)
        if balance is None:
            raise facts.wrong(f"debits the {key[1]} account of {key[2]}, which does not exist")
        if balance.limit.mode is not loss.mode:
            raise facts.wrong("reserves a loss in another mode than its unit space's")
        spent = balance.spent + loss
        if not spent.fits(balance.limit):
            raise facts.wrong(f"takes the {key[1]} account of {key[2]} over its limit")
        balance.spent = spent

    def _note(self, code: str, index: int) -> None:
        before = self._found.get(code)
        self._found[code] = Finding(code, before.count + 1 if before else 1, before.first if before else index)


_Law: TypeAlias = Callable[[Books, Facts, str], None]
_LAWS: dict[str, _Law] = {
    "enclave.created": Books.created,
    "enclave.started": Books.started,
    "engine.restarted": Books.started,
    "person.enrolled": Books.counted,
    "dataset.registered": Books.registered,
    "version.loaded": Books.loaded,
    "load.refused": Books.counted,
    "log.searched": Books.counted,
    "entry.opened": Books.opened,
    "grant.given": Books.given,
    "query.attached": Books.counted,
    "query.checked": Books.counted,
    "query.refused": Books.counted,
    "query.reserved": Books.reserved,
    "query.reused": Books.reused,
    "query.committed": Books.committed,
    "query.forfeited": Books.forfeited,
}
