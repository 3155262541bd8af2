"""The books of queries: each order reserved once under a grant, and settled at most once."""

from dataclasses import dataclass, field

from sandbox.proof.books_accounts import Accounts, also, read, under
from sandbox.proof.books_grants import Grants
from sandbox.proof.books_people import People
from sandbox.proof.facts import Facts
from sandbox.proof.report import Finding, Findings


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was reserved, or that shares an answer; `key` names the keys its answer is sealed to."""

    query: str
    person: str
    grants: tuple[str, ...]
    datasets: tuple[str, ...]
    also: tuple[tuple[str, int, str], ...]
    order: str
    key: str
    reused: bool


@dataclass(slots=True)
class Queries:
    """Queries and orders."""

    people: People
    accounts: Accounts
    grants: Grants
    findings: Findings
    _asked: dict[str, Asked] = field(default_factory=dict)
    _orders: set[str] = field(default_factory=set)
    _open: dict[str, int] = field(default_factory=dict)  # order → entry of its reservation
    _committed: set[str] = field(default_factory=set)  # queries with an answer
    _sealed: set[int] = field(default_factory=set)  # entries that hold a request under seal

    def reserved(self, facts: Facts) -> None:
        """query.reserved."""
        asked = self._asking(facts, facts.text("order"), reused=False)
        if asked.order in self._orders:
            raise facts.wrong("reserves an order or a query for the second time")
        facts.number("grant_version")
        self.grants.use(facts)
        self.accounts.check_dataset(facts)
        self.accounts.check_version(facts)
        self.accounts.reserve(facts)
        self._orders.add(asked.order)
        self._open[asked.order] = facts.index
        self._keep(facts, asked)

    def reused(self, facts: Facts) -> None:
        """query.reused: it shares the order, the review and the release of the query it names."""
        of = facts.text("of")
        source = self._asked.get(of)
        if source is None or of not in self._committed:
            raise facts.wrong("reuses an answer that was never committed")
        asked = self._asking(facts, source.order, reused=True)
        self.grants.use(facts)
        self.accounts.check_dataset(facts)
        if (source.grants, source.datasets, source.also) != (asked.grants, asked.datasets, asked.also):
            raise facts.wrong("reuses the answer of another grant or dataset")
        self._committed.add(asked.query)
        self._keep(facts, asked)

    def committed(self, facts: Facts) -> None:
        """query.committed, but for the review it opens."""
        facts.digest("answer")
        self._committed.add(self._settle(facts))

    def forfeited(self, facts: Facts) -> None:
        """query.forfeited."""
        self._settle(facts)
        self.findings.note("forfeited", facts.index)

    def opened(self, facts: Facts) -> None:
        """entry.opened, but for its reason."""
        if facts.number("index") not in self._sealed:
            raise facts.wrong("opens an entry that holds no sealed request")
        self.findings.note("opened", facts.index)

    def named(self, facts: Facts) -> Asked:
        """The query that an entry names."""
        asked = self._asked.get(facts.text("query"))
        if asked is None:
            raise facts.wrong("names a query that was never asked")
        return asked

    def finding(self) -> Finding | None:
        """Orders left open at the end."""
        return Finding("unsettled", len(self._open), min(self._open.values())) if self._open else None

    def _asking(self, facts: Facts, order: str, *, reused: bool) -> Asked:
        query, person = facts.text("query"), facts.text("person")
        if query in self._asked:
            raise facts.wrong("records a query for the second time")
        key = self.people.check_key(facts)
        further = tuple(
            (item.text("dataset"), item.number("data_version"), item.digest("manifest")) for item in also(facts)
        )
        return Asked(query, person, tuple(under(facts)), read(facts), further, order, key, reused)

    def _keep(self, facts: Facts, asked: Asked) -> None:
        self._asked[asked.query] = asked
        self._sealed.add(facts.index)

    def _settle(self, facts: Facts) -> str:
        query, order = facts.text("query"), facts.text("order")
        known = self._asked.get(query)
        if order not in self._orders or known is None or known.order != order:
            raise facts.wrong("settles an order that was never reserved")
        if known.reused or self._open.pop(order, None) is None:
            raise facts.wrong("settles an order for the second time")
        return query
