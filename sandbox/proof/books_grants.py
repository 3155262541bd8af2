"""The books of grants: what was asked for, what a steward gave of it, how often it was used, and its end."""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from sandbox.proof.books_accounts import Accounts, read, under
from sandbox.proof.books_freezes import Freezes
from sandbox.proof.books_people import People
from sandbox.proof.entry import read_time
from sandbox.proof.facts import Facts
from sandbox.proof.report import Findings
from sandbox.terms.people import Aggregate, ReviewDuty, Role

_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Terms:
    """What a request asks for, and what a grant gives: the same facts."""

    analyst: str
    organisation: str
    purpose: str
    datasets: frozenset[str]
    tables: frozenset[str]
    columns: frozenset[str]
    aggregates: frozenset[str]
    epsilon: Fraction
    uses: int | None
    not_before: datetime | None
    not_after: datetime


@dataclass(slots=True)
class Given:
    """A grant and how it stands."""

    version: int
    terms: Terms
    review: ReviewDuty
    giver: str  # the human who gave it
    used: int = 0
    revoked: bool = False


@dataclass(slots=True)
class Grants:
    """Requests, open and decided, and the grants `given_so_far`, by id."""

    people: People
    accounts: Accounts
    freezes: Freezes
    findings: Findings
    given_so_far: dict[str, Given]
    _requests: dict[str, Terms | None] = field(default_factory=dict)  # what each asks for; None once it was decided

    def requested(self, facts: Facts) -> None:
        """grant.requested: by the analyst themselves."""
        request, terms = facts.text("request"), self._terms(facts)
        facts.text("reason")
        if facts.actor != terms.analyst:
            raise facts.wrong("requests a grant for somebody else")
        if request in self._requests:
            raise facts.wrong("makes a request for the second time")
        self._requests[request] = terms

    def declined(self, facts: Facts) -> None:
        """grant.declined."""
        facts.text("reason")
        self._decide(facts)

    def given(self, facts: Facts) -> None:
        """grant.given: it approves its request, and gives no more than that."""
        grant, terms = facts.text("grant"), self._terms(facts)
        version, review = facts.number("version", 1), ReviewDuty(facts.one_of("review", ReviewDuty))
        facts.octets("signature", _SIGNATURE_BYTES)
        if grant in self.given_so_far:
            raise facts.wrong("gives a grant for the second time")
        if terms.not_before is None:
            raise facts.wrong("does not name its not_before")
        wider = _wider(terms, self._decide(facts))
        if wider is not None:
            raise facts.wrong(f"gives more than its request asks for, or something else: {wider}")
        self.freezes.check(facts, person=facts.actor)
        self.accounts.open_grant(facts, grant, terms.analyst)
        giver = self.people.acting(facts, Role.STEWARD).human
        self.given_so_far[grant] = Given(version, terms, review, giver)

    def revoked(self, facts: Facts) -> None:
        """grant.revoked: once, by a steward, for good."""
        given = self.given_so_far.get(facts.text("grant"))
        facts.text("reason")
        self.people.acting(facts, Role.STEWARD)
        if given is None or given.revoked:
            raise facts.wrong("revokes a grant that was never given, or was revoked already")
        given.revoked = True
        self.findings.note("revoked", facts.index)

    def use(self, facts: Facts) -> None:
        """One query under its grants, a reused answer as well: each of them is used, and together they name what is read."""
        given = [self._used(facts, name, version) for name, version in under(facts).items()]
        named = [grant.terms.datasets for grant in given]
        if facts.text("dataset") not in named[0] or not frozenset().union(*named).issuperset(
            self.accounts.charged(facts)
        ):
            raise facts.wrong("uses a grant for a person or a dataset it does not name")
        if len({grant.terms.purpose for grant in given}) != 1:
            raise facts.wrong("uses grants for several purposes at once")
        if any(
            grant.terms.not_before is None or not grant.terms.not_before <= read_time(facts.at) < grant.terms.not_after
            for grant in given
        ):
            self.findings.note("outside-term", facts.index)

    def _used(self, facts: Facts, name: str, version: int | None) -> Given:
        """One of the grants, used once more; `version` None where the entry names none."""
        person, given = facts.text("person"), self.given_so_far.get(name)
        if given is None or version not in (None, given.version):
            raise facts.wrong("uses a grant, or a version of one, that is not the given one")
        terms = given.terms
        if terms.analyst != person or not terms.datasets.intersection(self.accounts.charged(facts)):
            raise facts.wrong("uses a grant for a person or a dataset it does not name")
        if given.revoked:
            raise facts.wrong("uses a grant that was revoked")
        if terms.uses is not None and given.used >= terms.uses:
            raise facts.wrong("uses a grant more often than it allows")
        self.freezes.check(facts, person=person, grant=name, datasets=read(facts))
        given.used += 1
        return given

    def _decide(self, facts: Facts) -> Terms:
        """What the request that this entry decides asks for: it was open, and a steward other than its author decides."""
        request = facts.text("request")
        asked = self._requests.get(request)
        if asked is None:
            raise facts.wrong("decides a request that was never made, or was decided already")
        steward = self.people.acting(facts, Role.STEWARD)
        if steward.human == self.people.named(facts, asked.analyst, Role.ANALYST).human:
            raise facts.wrong("decides its author's own request")
        self._requests[request] = None
        return asked

    def _terms(self, facts: Facts) -> Terms:
        analyst = self.people.named(facts, facts.text("analyst"), Role.ANALYST)
        terms = Terms(
            analyst=analyst.name,
            organisation=facts.text("organisation"),
            purpose=facts.text("purpose"),
            datasets=facts.texts("datasets"),
            tables=facts.texts("tables"),
            columns=facts.texts("columns"),
            aggregates=facts.texts("aggregates"),
            epsilon=facts.fraction("epsilon"),
            uses=None if facts.absent("uses") else facts.number("uses", 1),
            not_before=None if facts.absent("not_before") else facts.time("not_before"),
            not_after=facts.time("not_after"),
        )
        if terms.organisation != analyst.organisation:
            raise facts.wrong("names another organisation than its analyst was enrolled in")
        if not terms.datasets or not all(map(self.accounts.has_units, terms.datasets)):
            raise facts.wrong("names no dataset, or one that is not registered or is public")
        if not terms.aggregates <= set(Aggregate):
            raise facts.wrong("names an aggregate that there is not")
        if terms.not_before is not None and terms.not_before >= terms.not_after:
            raise facts.wrong("ends before it begins")
        return terms


def _wider(given: Terms, asked: Terms) -> str | None:
    """The first part of a grant that its request does not cover."""
    for part in ("analyst", "organisation", "purpose"):
        if getattr(given, part) != getattr(asked, part):
            return part
    for part in ("datasets", "tables", "columns", "aggregates"):
        if not getattr(given, part) <= getattr(asked, part):
            return part
    if given.epsilon > asked.epsilon:
        return "epsilon"
    if asked.uses is not None and (given.uses is None or given.uses > asked.uses):
        return "uses"
    if asked.not_before is not None and (given.not_before is None or given.not_before < asked.not_before):
        return "not_before"
    return "not_after" if given.not_after > asked.not_after else None
