"""A small world in which every ledger is tested: two analysts, one unit space, two datasets.

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
from sandbox.proof.signing import SigningKey
from sandbox.service.ports import Entry, Ledger, Reservation
from sandbox.terms.dataset import UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.people import Grant, Person, Role

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


def add_person(ledger: Ledger, name: str) -> None:
    ledger.add_person(Person(name, "acme", Role.ANALYST), token(name), entry("person.enrolled"))


def a_grant(analyst: str = "ann", name: str = "g-ann", datasets: tuple[str, ...] = ("clinic",)) -> Grant:
    return Grant(name, 1, analyst, "acme", datasets, "research", Fraction(5), T0, T0 + timedelta(days=30), "bureau")


def add_grant(ledger: Ledger, grant: Grant, *, limit: int = 1000, analyst_limit: int = 1000) -> None:
    limits = {"patients": (loss(limit, 100), loss(analyst_limit, 100))}
    ledger.add_grant(grant, limits, entry("grant.given", actor="bureau"))


def seed(ledger: Ledger, *, space: int = 1000, dataset: int = 1000, grant: int = 1000, analyst: int = 1000) -> None:
    """One analyst `ann` with one grant `g-ann` on `clinic`, version 1."""
    ledger.append(entry("enclave.created", {"name": "test", "origin": ORIGIN, "log_key": SIGNER.verifier.text}))
    add_person(ledger, "ann")
    add_dataset(ledger, limit=dataset, space_limit=space)
    ledger.add_version(Version("clinic", 1, "ab" * 32), entry("version.loaded", actor="bureau"))
    add_grant(ledger, a_grant(), limit=grant, analyst_limit=analyst)


def reservation(number: int | str = 1, units: int = 10, **changes: Any) -> Reservation:
    """A reservation in which ids, question and key follow from `number`."""
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
    return {"format": "sandbox/answer/v1", "order": order, "columns": [{"kind": "count", "integers": [str(value)]}]}


def commit(ledger: Ledger, order: str, value: int = 42) -> Any:
    return ledger.commit(order, an_answer(order, value), entry("query.committed"))


def forfeit(ledger: Ledger, order: str) -> Any:
    return ledger.forfeit(order, entry("query.forfeited"))


def spent(ledger: Ledger) -> dict[str, int]:
    """Units spent, by kind of account, for ann's grant on the clinic."""
    return {account.kind: account.spent.units for account in ledger.accounts("patients", "clinic", "g-ann", "ann")}
