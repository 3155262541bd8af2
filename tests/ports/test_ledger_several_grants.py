"""Queries under several grants: all of them are used and debited in one transaction, and any of them can stop it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_world import (
    T0,
    a_grant,
    a_request,
    a_vote,
    add_analyst,
    add_dataset,
    add_grant,
    add_person,
    add_public,
    add_request,
    add_version,
    commit,
    entry,
    freeze,
    give_grant,
    held,
    lift,
    open_sqlite,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    sources,
)

from sandbox.adapters import books
from sandbox.service.ports import Ledger, Reservation
from sandbox.terms.people import ReviewDuty, Role, UnderGrant
from sandbox.terms.refusal import (
    AuditUnavailable,
    BudgetInsufficient,
    Frozen,
    GrantNotInForce,
    GrantRevoked,
    GrantUsedUp,
    OwnRequest,
)

ALSO = (UnderGrant("g-dental", 1),)
SIX = [
    *(("space", "patients"), ("dataset", "clinic"), ("dataset", "dental")),
    *(("grant", "g-ann"), ("grant", "g-dental"), ("analyst", "ann")),
]


def made(ledger: Ledger, **dental: Any) -> Ledger:
    """ann's `g-ann` is for the clinic, her `g-dental` for the dental hospital; areas is public."""
    seed(ledger)
    add_dataset(ledger, "dental")
    add_public(ledger)
    for name in ("areas", "dental"):
        add_version(ledger, name)
    limit = dental.pop("limit", 1000)
    grant = a_grant(name="g-dental", datasets=("dental",), **dental)
    add_request(ledger, a_request("ann", grant.request, grant.datasets, uses=grant.uses, purpose=grant.purpose))
    give_grant(ledger, grant, limit=limit)
    return ledger


@pytest.fixture
def apart(unseeded: Ledger) -> Iterator[Ledger]:
    yield made(unseeded)


def asking(number: int = 1, **changed: Any) -> Reservation:
    return reservation(number, **{"also": sources("areas", "dental"), "also_under": ALSO, **changed})


def balances(ledger: Ledger) -> dict[tuple[str, str], int]:
    found = {
        account
        for name in ("clinic", "dental")
        for grant in ("g-ann", "g-dental")
        for account in ledger.accounts("patients", name, grant, "ann")
    }
    return {(account.kind, account.owner): account.spent.units for account in found if account.spent.units}


def used(ledger: Ledger) -> dict[str, int]:
    return {standing.grant.id: standing.used for standing in ledger.standings("ann")}


def refused(ledger: Ledger, asked: Reservation, kind: type[Exception]) -> Exception:
    before = ledger.size(), balances(ledger), used(ledger)
    with pytest.raises(kind) as refusal:
        ledger.reserve(asked, reserved())
    assert (ledger.size(), balances(ledger), used(ledger)) == before
    return refusal.value


def test_every_account_is_debited_once_and_every_grant_used_once(apart: Ledger) -> None:
    record, receipt = apart.reserve(asking(), reserved())
    assert balances(apart) == dict.fromkeys(SIX, 10)
    assert used(apart) == {"g-ann": 1, "g-dental": 1}
    assert (record.grant, record.also_under, record.grants) == ("g-ann", ("g-dental",), ("g-ann", "g-dental"))
    stated = b'"also_under":[{"grant":"g-dental","grant_version":1}]'
    assert stated in apart.entries(receipt.index, receipt.index + 1)[0]


def test_control_without_the_second_grant_the_second_dataset_is_refused(apart: Ledger) -> None:
    refused(apart, asking(also_under=()), GrantNotInForce)
    apart.reserve(asking(also=(), also_under=()), reserved())
    assert ("grant", "g-dental") not in balances(apart)


def test_uses_are_counted_over_both_places_of_a_grant(apart: Ledger) -> None:
    apart.reserve(asking(1), reserved(1))
    apart.reserve(asking(2, dataset="dental", grant="g-dental", also=(), also_under=()), reserved(2))
    apart.reserve(asking(3), reserved(3))
    assert used(apart) == {"g-ann": 2, "g-dental": 3}


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"also_under": (UnderGrant("g-dental", 2),)}, GrantNotInForce),
        ({"also_under": (UnderGrant("g-none", 1),)}, GrantNotInForce),
        ({"also_under": (*ALSO, *ALSO)}, ValueError),
        ({"also_under": (UnderGrant("g-ann", 1), *ALSO)}, ValueError),
        ({"also_under": (UnderGrant("g-eye", 1), *ALSO)}, ValueError),
        ({"also_under": (*ALSO, UnderGrant("g-eye", 1))}, GrantNotInForce),
        ({"also_under": (*ALSO, UnderGrant("g-zoe", 1))}, GrantNotInForce),
        ({"grant": "g-dental", "also_under": (UnderGrant("g-ann", 1),)}, GrantNotInForce),
    ],
)
def test_grants_are_listed_as_they_are_and_for_what_is_read(
    apart: Ledger, changed: dict[str, Any], refusal: type[Exception]
) -> None:
    add_dataset(apart, "eye")
    add_grant(apart, a_grant(name="g-eye", datasets=("eye",)))
    add_analyst(apart, "zoe", ("dental",))
    refused(apart, asking(**changed), refusal)
    apart.reserve(asking(), reserved())  # the control


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"purpose": "teaching"}, ValueError),
        ({"not_before": T0 + timedelta(days=1)}, GrantNotInForce),
        ({"not_after": T0 + timedelta(minutes=1)}, GrantNotInForce),
        ({"limit": 9}, BudgetInsufficient),
    ],
)
def test_terms_of_the_further_grant_bind(unseeded: Ledger, terms: dict[str, Any], refusal: type[Exception]) -> None:
    refused(made(unseeded, **terms), asking(), refusal)


def test_a_further_grant_is_used_up(unseeded: Ledger) -> None:
    made(unseeded, uses=1).reserve(asking(), reserved())
    refused(unseeded, asking(2), GrantUsedUp)
    with pytest.raises(GrantUsedUp):
        unseeded.reuse(asking(3, answer_key="question 1"), reused(3))


@pytest.mark.parametrize("name", ["g-ann", "g-dental"])
def test_a_revoked_grant_stops_reserving_and_releasing(apart: Ledger, name: str) -> None:
    apart.reserve(asking(), reserved())
    commit(apart, "o1")
    assert [review.grants for review in apart.unreleased()] == [("g-ann", "g-dental")]  # the control
    revoke(apart, name)
    refused(apart, asking(2), GrantRevoked)
    with pytest.raises(GrantRevoked):
        release(apart)
    assert apart.unreleased() == []


@pytest.mark.parametrize("name", ["g-ann", "g-dental"])
def test_a_frozen_grant_stops_until_it_is_lifted(apart: Ledger, name: str) -> None:
    apart.reserve(asking(), reserved())
    commit(apart, "o1")
    freeze(apart, "grant", name)
    refused(apart, asking(2), Frozen)
    with pytest.raises(Frozen):
        release(apart)
    lift(apart, "olga")
    lift(apart, "omar")
    release(apart)


def test_an_answer_is_reused_under_the_same_grants_alone(apart: Ledger) -> None:
    apart.reserve(asking(), reserved())
    commit(apart, "o1")
    spent = balances(apart)
    found = apart.reuse(asking(2, answer_key="question 1"), reused(2))
    assert found is not None and found[0].also_under == ("g-dental",)
    assert balances(apart) == spent and used(apart) == {"g-ann": 2, "g-dental": 2}
    add_grant(apart, a_grant(name="g-other", datasets=("dental",)))
    with pytest.raises(AuditUnavailable):  # the database's own rule
        apart.reuse(asking(3, answer_key="question 1", also_under=(UnderGrant("g-other", 1),)), reused(3))


def test_the_further_grants_review_duty_binds(unseeded: Ledger) -> None:
    made(unseeded, review=ReviewDuty.TWO).reserve(asking(), reserved())
    with pytest.raises(ValueError, match="votes"):
        commit(unseeded, "o1")
    commit(unseeded, "o1", outcome="held")


def test_who_gave_a_further_grant_does_not_review(apart: Ledger) -> None:
    add_person(apart, "sid", Role.STEWARD, identity="sid")
    giver = add_person(apart, "sid-too", Role.REVIEWER, identity="sid")
    add_grant(apart, a_grant(name="g-sid", datasets=("dental",), given_by="sid"))
    apart.reserve(asking(also_under=(UnderGrant("g-sid", 1),)), reserved())
    commit(apart, "o1", outcome="held")
    own = replace(a_vote("rr-o1", "rita"), reviewer=giver.name, human=giver.human, organisation=giver.organisation)
    with pytest.raises(OwnRequest):
        apart.vote(own, 0, None, entry("review.voted", actor=giver.name))
    plain = replace(own, review=held(apart, 9))  # the control: under ann's other grant alone
    apart.vote(plain, 0, None, entry("review.voted", actor=giver.name))


def test_the_books_and_the_offline_verifier_agree_and_see_a_change(tmp_path: Path) -> None:
    ledger = made(open_sqlite(tmp_path))
    ledger.reserve(asking(), reserved())
    commit(ledger, "o1")
    ledger.reuse(asking(2, answer_key="question 1"), reused(2))
    release(ledger)
    books.verify(ledger)
    ledger.close()
    again = open_sqlite(tmp_path)
    books.verify(again)
    assert used(again) == {"g-ann": 2, "g-dental": 2}
    again.close()
