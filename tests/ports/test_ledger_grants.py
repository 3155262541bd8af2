"""People's keys and grants in every adapter of the `Ledger` port: asked for, given or declined, used up, revoked, frozen."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from ledger_world import (
    ADAPTERS,
    SIGNER,
    T0,
    a_grant,
    a_person,
    a_request,
    add_analyst,
    add_dataset,
    add_grant,
    add_keys,
    add_person,
    add_request,
    commit,
    decline,
    entry,
    freeze,
    give_grant,
    keys_of,
    lift,
    loss,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
    spent,
    token,
)

from sandbox.adapters import books
from sandbox.proof.entry import read_entry
from sandbox.proof.signed_grant import check_grant
from sandbox.terms.people import (
    Aggregate,
    GrantStanding,
    Person,
    RequestStanding,
    RequestState,
    ReviewDuty,
    Role,
    Subject,
)
from sandbox.terms.refusal import (
    AlreadyDecided,
    Frozen,
    GrantRevoked,
    GrantUsedUp,
    KeysRequired,
    NameTaken,
    NotFound,
    OwnRequest,
    RoleConflict,
)


def last(ledger: Any) -> dict[str, Any]:
    size = ledger.size()
    return read_entry(ledger.entries(size - 1, size)[0])


def refuses(ledger: Any, kind: type[Exception], call: Callable[[], object], **match: str) -> None:
    """That a call raises and leaves nothing in the log."""
    size = ledger.size()
    with pytest.raises(kind, **match):
        call()
    assert ledger.size() == size


def enrol(ledger: Any, person: Person) -> None:
    ledger.add_person(person, token(person.name), entry("person.enrolled"))


# -- people and keys ---------------------------------------------------------------------------------------------------


def test_an_identity_comes_back_and_binds_roles_together(governed: Any) -> None:
    vera = add_person(governed, "vera", Role.STEWARD, identity="staff 7")
    assert governed.person("vera") == vera
    assert vera.human == "staff 7"
    add_person(governed, "vera-reviews", Role.REVIEWER, identity="staff 7")
    add_person(governed, "vera-again", Role.STEWARD, identity="staff 7")
    for role in (Role.ANALYST, Role.OFFICER, Role.ADMINISTRATOR):
        other = replace(a_person("other"), role=role, identity="staff 7")
        refuses(governed, RoleConflict, lambda other=other: enrol(governed, other))
    refuses(governed, RoleConflict, lambda: add_person(governed, "x", Role.OFFICER, identity="ann"))
    refuses(governed, NameTaken, lambda: add_person(governed, "test"))


def test_keys_are_registered_by_their_owner_and_the_newest_is_last(governed: Any) -> None:
    add_keys(governed, turn=2)
    assert last(governed)["facts"]["key"] == keys_of("ann", 2).id
    assert governed.keys("ann") == [keys_of("ann"), keys_of("ann", 2)]
    assert governed.keys("bob") == []
    refuses(governed, NameTaken, lambda: add_keys(governed))
    refuses(governed, NotFound, lambda: add_keys(governed, "nobody"))
    by_another = entry("keys.registered", actor="rita")
    refuses(governed, ValueError, lambda: governed.add_keys(keys_of("ann", 3), by_another))
    borrowed = replace(keys_of("ann", 3), sealing=bytes(32))
    refuses(governed, ValueError, lambda: governed.add_keys(borrowed, entry("keys.registered", actor="ann")))


def test_a_query_names_keys_of_its_person(governed: Any) -> None:
    add_analyst(governed, "bob")
    for key in ("k_none", keys_of("bob").id, keys_of("ann", 2).id):
        refuses(governed, KeysRequired, lambda key=key: governed.reserve(reservation(1, key=key), reserved(1)))
    add_keys(governed, turn=2)
    record, _ = governed.reserve(reservation(1, key=keys_of("ann", 2).id), reserved(1))
    assert record.key == keys_of("ann", 2).id


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_request_stands_as_asked_declined_or_approved(governed: Any) -> None:
    asked = a_request(name="r-2", uses=3, not_before=T0 + timedelta(days=1), epsilon=Fraction(1, 3))
    add_request(governed, asked)
    assert governed.grant_request("r-2") == RequestStanding(asked, RequestState.ASKED)
    assert last(governed)["facts"]["reason"] == asked.reason
    decline(governed, "r-2", "Too much.")
    declined = RequestStanding(asked, RequestState.DECLINED, None, "bureau", "Too much.")
    assert governed.grant_request("r-2") == declined
    approved = RequestStanding(a_request(), RequestState.APPROVED, "g-ann", "bureau")
    assert governed.grant_requests() == [approved, declined] == governed.grant_requests("ann")
    assert governed.grant_requests("bob") == []


def test_a_request_is_decided_once(governed: Any) -> None:
    for name in ("r-2", "r-3"):
        add_request(governed, a_request(name=name))
    decline(governed, "r-2")
    give_grant(governed, a_grant(name="g-3"))
    for name in ("2", "3"):
        refuses(governed, AlreadyDecided, lambda name=name: decline(governed, f"r-{name}"))
        again = a_grant(name="g-9", request=f"r-{name}")
        refuses(governed, AlreadyDecided, lambda again=again: give_grant(governed, again))
    refuses(governed, NotFound, lambda: decline(governed, "r-none"))
    refuses(governed, NotFound, lambda: give_grant(governed, a_grant(name="g-none")))


def test_only_another_human_who_is_a_steward_decides(governed: Any) -> None:
    add_request(governed, a_request(name="r-2"))
    for giver in ("rita", "olga", "ann", "nobody"):
        refuses(governed, ValueError, lambda giver=giver: give_grant(governed, a_grant(name="g-2", given_by=giver)))
        said = entry("grant.declined", actor=giver)
        refuses(governed, ValueError, lambda said=said: governed.decline_grant_request("r-2", "No.", said))
        said = entry("grant.revoked", actor=giver)
        refuses(governed, ValueError, lambda said=said: governed.revoke_grant("g-ann", "No.", said))


@pytest.mark.parametrize(
    "changes",
    [
        {"datasets": ("clinic", "dentist")},
        {"tables": ("clinic.visits", "clinic.staff")},
        {"columns": ("clinic.visits.sex", "clinic.visits.age")},
        {"aggregates": (Aggregate.COUNT, Aggregate.SUM)},
        {"purpose": "advertising"},
        {"organisation": "bureau"},
        {"epsilon": Fraction(51, 10)},
        {"uses": 11},
        {"uses": None},
        {"not_before": T0 - timedelta(seconds=1)},
        {"not_after": T0 + timedelta(days=30, seconds=1)},
        {"not_after": T0},
        {"analyst": "bob"},
    ],
)
def test_a_grant_is_never_wider_than_its_request(governed: Any, changes: dict[str, Any]) -> None:
    add_dataset(governed, "dentist")
    add_person(governed, "bob")
    add_request(governed, a_request(name="r-2", uses=10, not_before=T0))
    wider = a_grant(name="g-2", **{"uses": 10, **changes})
    refuses(governed, ValueError, lambda: give_grant(governed, wider))
    give_grant(governed, a_grant(name="g-2", uses=10))


def test_a_narrowed_grant_is_kept_whole(governed: Any) -> None:
    add_dataset(governed, "dentist")
    add_request(governed, a_request(name="r-2", datasets=("clinic", "dentist")))
    grant = a_grant(
        name="g-2",
        datasets=("clinic", "dentist"),
        columns=(),
        aggregates=(Aggregate.COUNT,),
        epsilon=Fraction(1, 2),
        uses=4,
        review=ReviewDuty.TWO,
        not_after=T0 + timedelta(days=2),
    )
    give_grant(governed, grant)
    found = governed.standing("g-2")
    assert found == GrantStanding(grant)
    check_grant(found.grant, SIGNER.verifier)
    facts = last(governed)["facts"]
    assert (facts["request"], facts["uses"], facts["review"]) == ("r-2", 4, "two")
    assert facts["signature"] == grant.signature


# -- use, revocation, freeze -------------------------------------------------------------------------------------------


def test_uses_count_reused_answers_and_end(tmp_path: Path) -> None:
    ledger = ADAPTERS["sqlite"](tmp_path)
    seed(ledger, uses=3)
    ledger.reserve(reservation(1), reserved(1))
    commit(ledger, "o1")
    ledger.reuse(reservation(2, answer_key="question 1"), reused(2))
    ledger.reserve(reservation(3), reserved(3))
    assert ledger.standing("g-ann").used == 3
    refuses(ledger, GrantUsedUp, lambda: ledger.reserve(reservation(4), reserved(4)))
    refuses(ledger, GrantUsedUp, lambda: ledger.reuse(reservation(4, answer_key="question 1"), reused(4)))
    again, _ = ledger.reserve(reservation(3), reserved(3))
    assert again.id == "q3", "a retry is not a use"
    assert (ledger.standing("g-ann").used, spent(ledger)["grant"]) == (3, 20)
    books.verify(ledger)
    ledger.close()


def test_a_revoked_grant_is_over_for_good(governed: Any) -> None:
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1")
    revoke(governed)
    assert last(governed)["facts"] | {"salt": ""} == {"grant": "g-ann", "reason": "The project ended.", "salt": ""}
    assert governed.standing("g-ann") == GrantStanding(a_grant(), 1, revoked=True)
    refuses(governed, GrantRevoked, lambda: governed.reserve(reservation(2), reserved(2)))
    refuses(governed, GrantRevoked, lambda: governed.reuse(reservation(2, answer_key="question 1"), reused(2)))
    refuses(governed, GrantRevoked, lambda: revoke(governed))
    refuses(governed, NotFound, lambda: revoke(governed, "g-none"))
    assert governed.reserve(reservation(1), reserved(1))[0].id == "q1", "what was recorded is told again"


@pytest.mark.parametrize(("subject", "name"), [("person", "ann"), ("grant", "g-ann"), ("dataset", "clinic")])
def test_what_is_frozen_stops_until_two_officers_lift_it(governed: Any, subject: str, name: str) -> None:
    governed.reserve(reservation(1), reserved(1))
    commit(governed, "o1")
    frozen = freeze(governed, subject, name)
    assert governed.freezes() == [frozen]
    assert governed.frozen(subject, name)
    assert governed.standing("g-ann").frozen == (subject == "grant")
    for call in (
        lambda: governed.reserve(reservation(2), reserved(2)),
        lambda: governed.reuse(reservation(2, answer_key="question 1"), reused(2)),
    ):
        size = governed.size()
        with pytest.raises(Frozen) as refused:
            call()
        assert (refused.value.facts["subject"], refused.value.facts["name"], governed.size()) == (subject, name, size)
    assert governed.reserve(reservation(1), reserved(1))[0].id == "q1"
    refuses(governed, AlreadyDecided, lambda: freeze(governed, subject, name, 2))

    asked = lift(governed, "olga")
    assert asked == replace(frozen, lift_asked_by="olga")
    assert last(governed)["kind"] == "freeze.lift-asked"
    refuses(governed, Frozen, lambda: governed.reserve(reservation(2), reserved(2)))
    refuses(governed, OwnRequest, lambda: lift(governed, "olga"))
    assert lift(governed, "omar") == replace(frozen, lift_asked_by="olga", lifted=True)
    assert last(governed)["kind"] == "freeze.lifted"
    refuses(governed, AlreadyDecided, lambda: lift(governed, "omar"))
    governed.reserve(reservation(2), reserved(2))
    assert not governed.frozen(subject, name)
    assert governed.freezes() == []

    second = freeze(governed, subject, name, 2)
    assert governed.freezes() == [second]
    assert [item.id for item in governed.freezes(active=False)] == ["f2", "f1"]


def test_one_human_under_two_names_lifts_nothing(governed: Any) -> None:
    add_person(governed, "olga-too", Role.OFFICER, identity="olga")
    freeze(governed)
    lift(governed, "olga")
    said = entry("freeze.lift-asked", actor="olga-too")
    too = a_person("olga-too", Role.OFFICER, identity="olga")
    refuses(governed, OwnRequest, lambda: governed.lift("f1", too, "It was nothing.", said))


def test_a_freeze_is_set_by_officers_or_the_enclave_on_what_is_there(governed: Any) -> None:
    for subject in Subject:
        refuses(governed, NotFound, lambda subject=subject: freeze(governed, subject, "nowhere"))
    for by in ("rita", "bureau", "ann", "nobody"):
        refuses(governed, ValueError, lambda by=by: freeze(governed, by=by))
        refuses(governed, ValueError, lambda by=by: governed.lift("f1", a_person(by), "Why not.", entry("freeze.set")))
    refuses(governed, NotFound, lambda: lift(governed, "olga"))
    freeze(governed, by="enclave")
    refuses(governed, NameTaken, lambda: freeze(governed, "person", "ann"))
    refuses(
        governed,
        ValueError,
        lambda: governed.lift("f1", a_person("rita"), "x", entry("freeze.lift-asked", actor="rita")),
    )


def test_a_frozen_steward_gives_nothing(governed: Any) -> None:
    add_request(governed, a_request(name="r-2"))
    freeze(governed, "person", "bureau")
    refuses(governed, Frozen, lambda: give_grant(governed, a_grant(name="g-2")))
    revoke(governed)


def test_changes_come_with_their_reason(governed: Any) -> None:
    refuses(governed, ValueError, lambda: decline(governed, "r-ann", ""), match="reason")
    refuses(governed, ValueError, lambda: governed.revoke_grant("g-ann", "", entry("grant.revoked", actor="bureau")))
    refuses(governed, ValueError, lambda: add_request(governed, a_request(name="r-2", reason="")), match="reason")


# -- reading -----------------------------------------------------------------------------------------------------------


def test_standings_are_an_analysts_own_in_the_order_given(governed: Any) -> None:
    add_analyst(governed, "bob")
    add_grant(governed, a_grant(name="g-2"))
    freeze(governed, "grant", "g-2")
    assert [standing.grant.id for standing in governed.standings()] == ["g-ann", "g-bob", "g-2"]
    assert governed.standings("ann") == [GrantStanding(a_grant()), GrantStanding(a_grant(name="g-2"), frozen=True)]
    assert governed.standings("nobody") == []


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_a_thousand_grants_are_read_in_milliseconds(adapter: str, tmp_path: Path) -> None:
    """A ceiling that finds the parsing of every document at every call (some 100 ms), not a measurement."""
    from sandbox.adapters import sqlite_grants

    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    with ledger._write() as connection:  # without log entries: only the number of rows matters here
        for number in range(1_000):
            asked = a_request(name=f"r{number}")
            connection.execute("INSERT INTO entries SELECT max(position) + 1, x'00' FROM entries")
            index = connection.execute("SELECT max(position) FROM entries").fetchone()[0]
            sqlite_grants.add_request(connection, asked, index, ledger._seal)
            sqlite_grants.add_grant(connection, a_grant(name=f"g{number}", request=f"r{number}"), index)
    assert len(ledger.standings("ann")) == 1_001
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        ledger.standings("ann")
        taken.append(time.perf_counter() - began)
    print(f"{min(taken) * 1000:.2f} ms")
    assert min(taken) < 0.05
    ledger.close()


def test_a_loss_of_another_grant_is_its_own(governed: Any) -> None:
    add_grant(governed, a_grant(name="g-2"), limit=7)
    governed.reserve(reservation(1, grant="g-2", loss=loss(7)), reserved(1))
    assert [standing.used for standing in governed.standings("ann")] == [0, 1]
