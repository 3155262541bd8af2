"""A small world in which every ledger is tested: analysts, a steward, reviewers, officers; one unit space, two datasets.

A second adapter joins the contract by one more line in `ADAPTERS`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from sandbox.adapters.sqlite_ledger import SqliteLedger
from sandbox.proof.key_pairs import key_id
from sandbox.proof.signed_grant import sign_grant
from sandbox.proof.signing import SigningKey
from sandbox.service.ports import Entry, Ledger, ReleaseRecord, Reservation, ReviewOpening, VoteRecord
from sandbox.terms.dataset import UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SourceVersion
from sandbox.terms.people import (
    Aggregate,
    Freeze,
    Grant,
    GrantRequest,
    Person,
    PublicKeys,
    ReviewDuty,
    Role,
    Subject,
)

ORIGIN = "sandbox.test/log"
SIGNER = SigningKey(ORIGIN, b"s" * 32)
STATE_KEY = b"k" * 32
T0 = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SPACE = UnitSpace("patients", Mode.ZCDP, Fraction(20), Fraction(1, 10**6))


def open_sqlite(folder: Path) -> SqliteLedger:
    return SqliteLedger(folder / "ledger.sqlite", origin=ORIGIN, signer=SIGNER, state_key=STATE_KEY, busy_timeout=60)


ADAPTERS: dict[str, Callable[[Path], Any]] = {"sqlite": open_sqlite}


def loss(units: int, delta: int = 0, mode: Mode = Mode.ZCDP) -> Loss:
    return Loss(mode, units, delta)


def entry(kind: str, facts: dict[str, Any] | None = None, *, actor: str = "enclave", at: datetime = T0) -> Entry:
    return Entry(kind, at, actor, facts or {})


def description(name: str, *, new_space: bool = True) -> str:
    space = '[unit_spaces.patients]\naccounting = "zcdp"\nbudget = { epsilon = "20", delta = "1e-6" }\n'
    return (
        f'[dataset]\nname = "{name}"\ntitle = "Visits"\nsteward = "bureau"\nunit_space = "patients"\n'
        f'grade = "general"\nbudget = {{ epsilon = "20" }}\n{space if new_space else ""}'
        '[tables.visits]\nunit = "patient"\nrows_max = 1000\nmax_rows_per_unit = 5\n[tables.visits.columns]\n'
        'patient = { type = "string", role = "unit" }\nsex = { type = "string", keys = ["F", "M"] }\n'
    )


def token(name: str) -> bytes:
    return hashlib.sha256(f"token of {name}".encode()).digest()


def add_dataset(ledger: Ledger, name: str = "clinic", *, limit: int = 1000, space_limit: int = 1000) -> None:
    text = description(name)
    ledger.add_dataset(
        parse_description(text),
        text,
        SPACE,
        loss(space_limit, 100),
        loss(limit, 100),
        entry("dataset.registered", actor="bureau"),
    )


PUBLIC = (
    '[dataset]\nname = "{}"\ntitle = "Names of places"\nsteward = "bureau"\npublic = true\ngrade = "general"\n'
    "[tables.places]\nrows_max = 100\n[tables.places.columns]\n"
    'code = {{ type = "string", keys = ["N", "S"] }}\n'
)


def add_public(ledger: Ledger, name: str = "areas") -> Any:
    """A public dataset: reference tables without units, accounts or grants."""
    text = PUBLIC.format(name)
    stated = entry("dataset.registered", actor="bureau")
    return ledger.add_dataset(parse_description(text), text, None, None, None, stated)


def add_version(ledger: Ledger, name: str, number: int = 1) -> Any:
    return ledger.add_version(Version(name, number, "ab" * 32), entry("version.loaded", actor="bureau"))


def sources(*names: str, version: int = 1, manifest: str = "ab" * 32) -> tuple[SourceVersion, ...]:
    """Versions of further datasets that a query reads."""
    return tuple(SourceVersion(name, version, manifest) for name in names)


ROLES = {"bureau": Role.STEWARD, "rita": Role.REVIEWER, "ron": Role.REVIEWER, "rosa": Role.REVIEWER}
ROLES |= {"olga": Role.OFFICER, "omar": Role.OFFICER}
ORGANISATIONS = {Role.ANALYST: "acme", Role.STEWARD: "bureau", Role.REVIEWER: "office", Role.OFFICER: "security"}


def a_person(name: str, role: Role | None = None, **changes: str) -> Person:
    """An analyst of acme, unless the name is one of `ROLES`."""
    role = role or ROLES.get(name, Role.ANALYST)
    return replace(Person(name, ORGANISATIONS[role], role), **changes)


def add_person(ledger: Ledger, name: str, role: Role | None = None, **changes: str) -> Person:
    person = a_person(name, role, **changes)
    ledger.add_person(person, token(name), entry("person.enrolled"))
    return person


def keys_of(name: str, turn: int = 1) -> PublicKeys:
    """Public keys that nobody has the private halves of: the ledger does not look into them."""
    sealing, signing = (hashlib.sha256(f"{half} {turn} of {name}".encode()).digest() for half in ("x", "e"))
    return PublicKeys(key_id(name, sealing, signing), name, sealing, signing)


def add_keys(ledger: Ledger, name: str = "ann", turn: int = 1) -> Any:
    return ledger.add_keys(keys_of(name, turn), entry("keys.registered", actor=name))


def a_request(
    analyst: str = "ann", name: str = "r-ann", datasets: tuple[str, ...] = ("clinic",), **changes: Any
) -> GrantRequest:
    made = GrantRequest(
        name,
        analyst,
        "acme",
        datasets,
        tuple(f"{dataset}.visits" for dataset in datasets),
        tuple(f"{dataset}.visits.sex" for dataset in datasets),
        (Aggregate.COUNT, Aggregate.COUNT_UNITS),
        "research",
        Fraction(5),
        None,
        None,
        T0 + timedelta(days=30),
        "For the yearly report.",
        T0,
    )
    return replace(made, **changes)


def add_request(ledger: Ledger, request: GrantRequest | None = None) -> Any:
    request = request or a_request()
    return ledger.add_grant_request(request, entry("grant.requested", actor=request.analyst))


def a_grant(
    analyst: str = "ann", name: str = "g-ann", datasets: tuple[str, ...] = ("clinic",), **changes: Any
) -> Grant:
    """A signed grant of all that `a_request` of the id r… asks for."""
    asked = a_request(analyst, "r" + name[1:], datasets)
    made = Grant(
        name,
        1,
        analyst,
        asked.organisation,
        datasets,
        asked.tables,
        asked.columns,
        asked.aggregates,
        asked.purpose,
        asked.epsilon,
        asked.uses,
        ReviewDuty.PROFILE,
        T0,
        asked.not_after,
        "bureau",
        asked.id,
    )
    return sign_grant(replace(made, **changes), SIGNER)


def give_grant(ledger: Ledger, grant: Grant, *, limit: int = 1000, analyst_limit: int = 1000) -> Any:
    limits = {"patients": (loss(limit, 100), loss(analyst_limit, 100))}
    return ledger.add_grant(grant, limits, entry("grant.given", actor=grant.given_by))


def add_grant(ledger: Ledger, grant: Grant, *, limit: int = 1000, analyst_limit: int = 1000) -> Any:
    """The request, and the grant that answers it."""
    add_request(ledger, a_request(grant.analyst, grant.request, grant.datasets, uses=grant.uses))
    return give_grant(ledger, grant, limit=limit, analyst_limit=analyst_limit)


def decline(ledger: Ledger, request: str, reason: str = "Ask for less.") -> Any:
    return ledger.decline_grant_request(request, reason, entry("grant.declined", actor="bureau"))


def revoke(ledger: Ledger, grant: str = "g-ann") -> Any:
    return ledger.revoke_grant(grant, "The project ended.", entry("grant.revoked", actor="bureau"))


def freeze(ledger: Ledger, subject: str = "grant", name: str = "g-ann", number: int = 1, by: str = "olga") -> Freeze:
    made = Freeze(f"f{number}", Subject(subject), name, by, "Something is odd here.", T0)
    ledger.freeze(made, entry("freeze.set", actor=by))
    return made


def lift(ledger: Ledger, officer: str, number: int = 1) -> Freeze:
    entry_of_it = entry("freeze.lift-asked", actor=officer)
    return ledger.lift(f"f{number}", a_person(officer), "It was nothing.", entry_of_it)[0]


def seed(ledger: Ledger, *, uses: int | None = None, **limits: int) -> None:
    """One analyst `ann` with keys and one grant `g-ann` on `clinic`, version 1; a steward, reviewers and officers."""
    ledger.append(entry("enclave.created", {"name": "test", "origin": ORIGIN, "log_key": SIGNER.verifier.text}))
    for name in ("ann", *ROLES):
        add_person(ledger, name)
    add_keys(ledger)
    add_dataset(ledger, limit=limits.get("dataset", 1000), space_limit=limits.get("space", 1000))
    ledger.add_version(Version("clinic", 1, "ab" * 32), entry("version.loaded", actor="bureau"))
    grant = a_grant(uses=uses)
    add_grant(ledger, grant, limit=limits.get("grant", 1000), analyst_limit=limits.get("analyst", 1000))


def add_analyst(ledger: Ledger, name: str, datasets: tuple[str, ...] = ("clinic",)) -> None:
    """Another analyst, with keys and a grant `g-…`."""
    add_person(ledger, name)
    add_keys(ledger, name)
    add_grant(ledger, a_grant(name, f"g-{name}", datasets))


def reservation(number: int | str = 1, units: int = 10, **changes: Any) -> Reservation:
    """A reservation in which ids, question and key follow from `number`; sealed to its person's keys."""
    made = Reservation(
        query=f"q{number}",
        order=f"o{number}",
        person="ann",
        grant="g-ann",
        grant_version=1,
        dataset="clinic",
        space="patients",
        loss=loss(units),
        answer_key=f"question {number}",
        idempotency_key=f"key {number}",
        body_digest=hashlib.sha256(f"body {number}".encode()).hexdigest(),
        key=keys_of(changes.get("person", "ann")).id,
        request={"sql": f"select count(*) as n{number} from clinic.visits", "purpose": "research", "epsilon": "1"},
        accepted_at=T0 + timedelta(hours=1),
        visible_at=T0 + timedelta(hours=1, milliseconds=250),
    )
    return replace(made, **changes)


def asked_facts(number: int | str) -> dict[str, Any]:
    """What the service brings to a query's entry: the ledger adds the rest."""
    return {
        "plan_tag": f"p{number}",
        "text_tag": f"t{number}",
        "data_version": 1,
        "manifest": "ab" * 32,
        "bundle": "00",
    }


def reserved(number: int | str = 1) -> Entry:
    return entry("query.reserved", asked_facts(number), actor="ann")


def reused(number: int | str = 1) -> Entry:
    return entry("query.reused", asked_facts(number), actor="ann")


def an_answer(order: str, value: int = 42) -> dict[str, Any]:
    return {"format": "sandbox/answer/v2", "order": order, "columns": [{"kind": "count", "integers": [str(value)]}]}


DIGEST = hashlib.sha256(b"what the reviewers saw").hexdigest()


def opening(order: str, outcome: str = "automatic", votes: int = 2) -> ReviewOpening:
    held = outcome == "held"
    return ReviewOpening(
        f"rr-{order}",
        outcome,
        votes if held else 0,
        ("grade-important", "small-cells") if held else (),
        "important" if held else "general",
        DIGEST,
    )


def commit(ledger: Ledger, order: str, value: int = 42, outcome: str = "automatic", votes: int = 2) -> Any:
    review = opening(order, outcome, votes)
    return ledger.commit(order, an_answer(order, value), review, entry("query.committed"))


def held(ledger: Ledger, number: int | str = 1, votes: int = 2) -> str:
    """A reserved and committed query whose review is open; the review's id."""
    ledger.reserve(reservation(number), reserved(number))
    commit(ledger, f"o{number}", outcome="held", votes=votes)
    return f"rr-o{number}"


def a_vote(review: str, reviewer: str, verdict: str = "approve", round_: str = "independent") -> VoteRecord:
    person = a_person(reviewer)
    reason = "The table says nothing about anybody."
    return VoteRecord(
        review, reviewer, person.human, person.organisation, verdict, reason, round_, DIGEST, T0 + timedelta(hours=2)
    )


def vote(
    ledger: Ledger,
    review: str,
    reviewer: str,
    verdict: str = "approve",
    round_: str = "independent",
    decision: str | None = None,
    seen: int | None = None,
) -> Any:
    """A vote by somebody who saw all earlier votes, unless `seen` says otherwise."""
    if seen is None:
        seen = len(ledger.review(review).votes)
    ballot = a_vote(review, reviewer, verdict, round_)
    return ledger.vote(ballot, seen, decision, entry("review.voted", actor=reviewer))


def approve(ledger: Ledger, review: str) -> None:
    """Two reviewers agree."""
    vote(ledger, review, "rita")
    vote(ledger, review, "ron", decision="approved")


def close_review(ledger: Ledger, review: str, decision: str = "withdrawn") -> Any:
    return ledger.close_review(review, decision, entry("review.closed", actor="ann"))


def a_release(number: int | str = 1, **changes: Any) -> ReleaseRecord:
    certificate = {"format": "sandbox/certificate/v4", "query": f"q{number}", "answer": "cd" * 32}
    made = ReleaseRecord(
        f"o{number}", f"q{number}", f"rr-o{number}", keys_of("ann").id, certificate, b"A" + b"e" * 99, 0
    )
    return replace(made, **changes)


def release(ledger: Ledger, number: int | str = 1, **changes: Any) -> tuple[ReleaseRecord, Any]:
    return ledger.release(a_release(number, **changes), entry("release.released"))


def forfeit(ledger: Ledger, order: str) -> Any:
    return ledger.forfeit(order, entry("query.forfeited"))


def spent(ledger: Ledger) -> dict[str, int]:
    """Units spent, by kind of account, for ann's grant on the clinic."""
    return {account.kind: account.spent.units for account in ledger.accounts("patients", "clinic", "g-ann", "ann")}
