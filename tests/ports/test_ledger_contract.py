"""What every adapter of the `Ledger` port does: records, debits, retries, reuse, settlement."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from ledger_world import (
    ADAPTERS,
    ROLES,
    SPACE,
    T0,
    a_grant,
    a_request,
    add_analyst,
    add_dataset,
    add_grant,
    add_person,
    add_request,
    an_answer,
    commit,
    description,
    entry,
    forfeit,
    give_grant,
    keys_of,
    loss,
    opening,
    reservation,
    reserved,
    reused,
    seed,
    spent,
    token,
)

from sandbox.adapters import books, stated_facts
from sandbox.proof.entry import read_entry
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import UnitSpace, Version
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import (
    BudgetInsufficient,
    DatasetExists,
    DescriptionInvalid,
    GrantNotInForce,
    IdempotencyKeyReused,
    NameTaken,
    NotFound,
    UnitSpaceConflict,
)


@pytest.fixture(params=sorted(ADAPTERS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A seeded ledger; whatever a test did to it, its books must agree in the end."""
    opened = ADAPTERS[request.param](tmp_path)
    seed(opened)
    yield opened
    books.verify(opened)
    opened.close()


def last_facts(ledger: Any) -> dict[str, Any]:
    size = ledger.size()
    return read_entry(ledger.entries(size - 1, size)[0])["facts"]


# -- records -----------------------------------------------------------------------------------------------------------


def test_records_come_back_as_they_were_given(ledger: Any) -> None:
    ann = Person("ann", "acme", Role.ANALYST)
    assert ledger.person("ann") == ann
    assert [person.name for person in ledger.people()] == ["ann", *ROLES]
    assert ledger.person_by_token(token("ann")) == ann
    assert ledger.person_by_token(token("bob")) is None
    assert ledger.dataset("clinic") == (parse_description(description("clinic")), description("clinic"))
    assert [dataset.name for dataset in ledger.datasets()] == ["clinic"]
    assert ledger.space("patients") == SPACE
    assert ledger.version("clinic") == Version("clinic", 1, "ab" * 32)
    assert [standing.grant for standing in ledger.standings()] == [a_grant()]
    assert ledger.keys("ann") == [keys_of("ann")]
    assert [account.kind for account in ledger.accounts("patients", "clinic", "g-ann", "ann")] == [
        "space",
        "dataset",
        "grant",
        "analyst",
    ]
    assert [account.kind for account in ledger.accounts("patients")] == ["space"]


def test_a_dataset_registered_before_keys_had_a_form_is_read_as_it_was(ledger: Any) -> None:
    """One description of another form shuts nobody out; the control is that it could not be registered now."""
    text = description("older", new_space=False).replace('"F", "M"', '"F", "e\u0301"')
    older = parse_description(text, registered=True)
    ledger.add_dataset(
        older, text, SPACE, loss(1000, 100), loss(1000, 100), entry("dataset.registered", actor="bureau")
    )
    assert [dataset.name for dataset in ledger.datasets()] == ["clinic", "older"]
    assert ledger.dataset("older") == (older, text)
    with pytest.raises(DescriptionInvalid):
        parse_description(text)


@pytest.mark.parametrize(
    "ask",
    [
        "person",
        "dataset",
        "space",
        "version",
        "query",
        "standing",
        "grant_request",
        "review",
        "review_of",
        "release_of",
    ],
)
def test_what_is_not_there_is_none(ledger: Any, ask: str) -> None:
    assert getattr(ledger, ask)("nowhere") is None


def test_a_name_is_taken_once(ledger: Any) -> None:
    size = ledger.size()
    with pytest.raises(NameTaken):
        add_person(ledger, "ann")
    add_request(ledger, a_request(name="r-2"))
    with pytest.raises(NameTaken):
        give_grant(ledger, a_grant(request="r-2"))
    size = ledger.size()
    with pytest.raises(NameTaken):
        add_request(ledger)
    with pytest.raises(DatasetExists):
        add_dataset(ledger)
    assert ledger.size() == size


def test_a_second_dataset_joins_the_unit_space_without_a_second_account(ledger: Any) -> None:
    add_dataset(ledger, "dentist", limit=50, space_limit=9_999)
    accounts = ledger.accounts("patients", "dentist")
    assert [(account.kind, account.limit.units) for account in accounts] == [("space", 1000), ("dataset", 50)]
    assert last_facts(ledger)["space"] is None


def test_a_unit_space_has_one_definition(ledger: Any) -> None:
    text = description("dentist")
    other = UnitSpace("patients", Mode.ZCDP, Fraction(21), Fraction(1, 10**6))
    with pytest.raises(UnitSpaceConflict):
        ledger.add_dataset(
            parse_description(text), text, other, loss(10), loss(10), entry("dataset.registered", actor="bureau")
        )
    assert ledger.dataset("dentist") is None


def test_versions_only_grow(ledger: Any) -> None:
    ledger.add_version(Version("clinic", 3, "cd" * 32), entry("version.loaded"))
    assert ledger.version("clinic").number == 3
    with pytest.raises(ValueError, match="above"):
        ledger.add_version(Version("clinic", 3, "ef" * 32), entry("version.loaded"))
    with pytest.raises(NotFound):
        ledger.add_version(Version("nowhere", 1, "ef" * 32), entry("version.loaded"))


def test_a_second_grant_keeps_the_analysts_account(ledger: Any) -> None:
    ledger.reserve(reservation(1, 10), reserved())
    add_grant(ledger, a_grant(name="g-more"), limit=7, analyst_limit=5_000)
    accounts = ledger.accounts("patients", None, "g-more", "ann")
    assert [(account.kind, account.limit.units, account.spent.units) for account in accounts] == [
        ("space", 1000, 10),
        ("grant", 7, 0),
        ("analyst", 1000, 10),
    ]
    assert last_facts(ledger)["limits"]["patients"]["analyst"] is None


def test_a_grant_names_what_exists_and_limits_for_it(ledger: Any) -> None:
    with pytest.raises(NotFound):
        add_request(ledger, a_request("bob", "r-bob"))
    with pytest.raises(NotFound):
        add_request(ledger, a_request(name="r-2", datasets=("nowhere",)))
    with pytest.raises(NotFound):
        give_grant(ledger, a_grant(name="g-2"))
    add_request(ledger, a_request(name="r-2"))
    with pytest.raises(ValueError, match="no others"):
        ledger.add_grant(a_grant(name="g-2"), {}, entry("grant.given", actor="bureau"))


def test_amounts_beyond_the_database_are_refused(ledger: Any) -> None:
    add_request(ledger, a_request(name="r-2"))
    with pytest.raises(ValueError, match="9e18"):
        give_grant(ledger, a_grant(name="g-2"), limit=9 * 10**18 + 1)
    add_grant(ledger, a_grant(name="g-3"), limit=9 * 10**18)


def test_an_entry_cannot_pose_as_a_change(ledger: Any) -> None:
    for kind in stated_facts.RECORD_KINDS:
        with pytest.raises(ValueError, match="with the record"):
            ledger.append(entry(kind, {"order": "o1"}))
    with pytest.raises(ValueError, match=r"query\.reserved"):
        ledger.reserve(reservation(), entry("query.checked"))


# -- reservations ------------------------------------------------------------------------------------------------------


def test_a_reservation_debits_four_accounts_and_states_itself(ledger: Any) -> None:
    record, receipt = ledger.reserve(reservation(1, 10, loss=loss(10, 3)), reserved())
    assert spent(ledger) == {"space": 10, "dataset": 10, "grant": 10, "analyst": 10}
    assert {account.spent.delta for account in ledger.accounts("patients", "clinic", "g-ann", "ann")} == {3}
    assert (record.state, record.entry, record.settled_entry, record.answer) == ("reserved", receipt.index, None, None)
    assert record.request == reservation().request
    assert (record.accepted_at, record.visible_at) == (reservation().accepted_at, reservation().visible_at)
    facts = last_facts(ledger)
    assert {name: facts[name] for name in ("query", "order", "person", "grant", "dataset", "space", "key")} == {
        "query": "q1",
        "order": "o1",
        "person": "ann",
        "grant": "g-ann",
        "dataset": "clinic",
        "space": "patients",
        "key": keys_of("ann").id,
    }
    assert facts["loss"] == {"mode": "zcdp", "units": "10", "delta": "3"}
    assert facts["plan_tag"] == "p1", "the caller's facts stay"
    assert "select" not in str(facts)
    assert ledger.query("q1") == record
    assert ledger.unsettled() == [record]


@pytest.mark.parametrize("short", ["space", "dataset", "grant", "analyst"])
def test_every_account_can_be_the_one_that_is_short(tmp_path: Path, short: str) -> None:
    ledger = ADAPTERS["sqlite"](tmp_path)
    seed(ledger, **{short: 25})
    ledger.reserve(reservation(1, 20), reserved())
    with pytest.raises(BudgetInsufficient) as refused:
        ledger.reserve(reservation(2, 6), reserved(2))
    assert refused.value.facts["account"] == short
    assert refused.value.facts["asked"] == "0.000000006"
    assert refused.value.facts["left"] == "0.000000005"
    assert f"The {short} account of unit space patients has ρ = 0.000000005 left" in refused.value.detail
    assert set(spent(ledger).values()) == {20}, "nothing was spent"
    assert ledger.query("q2") is None
    ledger.reserve(reservation(3, 5), reserved(3))
    books.verify(ledger)
    ledger.close()


def test_delta_has_its_own_room(ledger: Any) -> None:
    with pytest.raises(BudgetInsufficient) as refused:
        ledger.reserve(reservation(1, loss=loss(1, 101)), reserved())
    assert "δ = 0.0000000000000001 left" in refused.value.detail
    ledger.reserve(reservation(1, loss=loss(1, 100)), reserved())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grant": "g-none"}, "no such grant"),
        ({"grant_version": 2}, "decided by another version"),
        ({"accepted_at": T0 - timedelta(microseconds=1)}, "too early"),
        ({"accepted_at": T0 + timedelta(days=30)}, "the end is exclusive"),
        ({"person": "bob"}, "somebody else's grant"),
        ({"dataset": "dentist"}, "not in the grant"),
    ],
)
def test_a_grant_is_rechecked_in_the_transaction(ledger: Any, changes: dict[str, Any], reason: str) -> None:
    add_person(ledger, "bob")
    add_dataset(ledger, "dentist")
    size = ledger.size()
    for call, said in ((ledger.reserve, reserved()), (ledger.reuse, reused())):
        with pytest.raises(GrantNotInForce):
            call(reservation(1, **changes), said)
    assert ledger.size() == size, reason


@pytest.mark.parametrize("moment", [T0, T0 + timedelta(days=30) - timedelta(microseconds=1)])
def test_a_grant_is_in_force_from_its_first_to_before_its_last_moment(ledger: Any, moment: Any) -> None:
    assert ledger.reserve(reservation(accepted_at=moment), reserved())[0].accepted_at == moment


def test_an_order_id_is_consumed(ledger: Any) -> None:
    from sandbox.terms.refusal import AuditUnavailable

    ledger.reserve(reservation(1), reserved())
    size = ledger.size()
    with pytest.raises(AuditUnavailable):
        ledger.reserve(reservation(2, order="o1"), reserved(2))
    assert (ledger.size(), spent(ledger)["space"]) == (size, 10)
    ledger.reserve(reservation(3), reserved(3))


def test_a_loss_is_counted_as_its_unit_space_counts(ledger: Any) -> None:
    with pytest.raises(ValueError, match="counts"):
        ledger.reserve(reservation(loss=loss(1, mode=Mode.PURE)), reserved())
    with pytest.raises(ValueError, match="between"):
        ledger.reserve(reservation(loss=loss(0)), reserved())


# -- retries -----------------------------------------------------------------------------------------------------------


def test_a_hundred_retries_are_one_debit(ledger: Any) -> None:
    first = ledger.reserve(reservation(), reserved())
    size = ledger.size()
    for _ in range(100):
        assert ledger.reserve(reservation(query="q-new", order="o-new"), reserved()) == first
    assert (spent(ledger)["space"], ledger.size()) == (10, size)


def test_control_a_hundred_keys_are_a_hundred_debits(ledger: Any) -> None:
    for number in range(100):
        ledger.reserve(reservation(number), reserved(number))
    assert spent(ledger)["space"] == 1000


def test_a_retry_is_answered_even_when_the_grant_is_over_and_the_money_spent(ledger: Any) -> None:
    first, _ = ledger.reserve(reservation(1, 1000), reserved())
    again, receipt = ledger.reserve(reservation(1, 1000, accepted_at=T0 + timedelta(days=99)), reserved())
    assert (again, receipt.index) == (first, first.entry)


def test_a_key_belongs_to_one_body_and_one_person(ledger: Any) -> None:
    add_analyst(ledger, "bob")
    ledger.reserve(reservation(1), reserved())
    for call, said in ((ledger.reserve, reserved()), (ledger.reuse, reused())):
        with pytest.raises(IdempotencyKeyReused):
            call(reservation(1, body_digest="another"), said)
    record, _ = ledger.reserve(reservation(2, person="bob", grant="g-bob", idempotency_key="key 1"), reserved())
    assert record.id == "q2"


# -- settlement and reuse ----------------------------------------------------------------------------------------------


def test_a_committed_answer_comes_back(ledger: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    receipt = commit(ledger, "o1")
    record = ledger.query("q1")
    assert (record.state, record.settled_entry, record.answer) == ("committed", receipt.index, an_answer("o1"))
    review = {
        "id": "rr-o1",
        "outcome": "automatic",
        "votes": 0,
        "reasons": [],
        "profile": "general",
        "digest": opening("o1").digest,
    }
    stated = {"query": "q1", "order": "o1", "answer": digest(an_answer("o1")), "review": review}
    assert last_facts(ledger) == stated | {"salt": last_facts(ledger)["salt"]}
    assert ledger.unsettled() == []


def test_a_forfeit_keeps_the_loss_spent(ledger: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    receipt = forfeit(ledger, "o1")
    record = ledger.query("q1")
    assert (record.state, record.settled_entry, record.answer) == ("forfeited", receipt.index, None)
    assert spent(ledger)["space"] == 10


@pytest.mark.parametrize("first", [commit, forfeit])
@pytest.mark.parametrize("second", [commit, forfeit])
def test_an_order_is_settled_once(ledger: Any, first: Any, second: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    first(ledger, "o1")
    before = (ledger.size(), ledger.query("q1"))
    with pytest.raises(ValueError, match="waits"):
        second(ledger, "o1")
    assert (ledger.size(), ledger.query("q1")) == before


@pytest.mark.parametrize("settle", [commit, forfeit])
def test_only_what_was_reserved_is_settled(ledger: Any, settle: Any) -> None:
    with pytest.raises(ValueError, match="waits"):
        settle(ledger, "o1")


def test_the_same_question_gets_the_same_answer_for_nothing(ledger: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    assert ledger.reuse(reservation(2, answer_key="question 1"), reused(2)) is None, "not answered yet"
    first = commit(ledger, "o1")
    record, receipt = ledger.reuse(reservation(2, answer_key="question 1"), reused(2))
    assert (record.state, record.reused, record.loss.units, record.answer) == ("committed", True, 0, an_answer("o1"))
    assert (record.entry, record.settled_entry) == (receipt.index, first.index)
    assert last_facts(ledger)["of"] == "q1"
    assert spent(ledger)["space"] == 10
    assert ledger.unsettled() == []
    again, _ = ledger.reuse(reservation(2, answer_key="question 1", query="q3", order="o3"), reused(2))
    assert again == record
    third, _ = ledger.reuse(reservation(4, answer_key="question 1"), reused(4))
    assert last_facts(ledger)["of"] == "q1", "the first, not a reuse of it"
    assert third.answer == record.answer


def test_reuse_stays_within_one_grant_dataset_and_question(ledger: Any) -> None:
    add_dataset(ledger, "dentist")
    add_grant(ledger, a_grant(name="g-2"))
    add_grant(ledger, a_grant(name="g-3", datasets=("clinic", "dentist")))
    ledger.reserve(reservation(1), reserved())
    commit(ledger, "o1")
    assert ledger.reuse(reservation(2), reused(2)) is None
    assert ledger.reuse(reservation(2, answer_key="question 1", grant="g-2"), reused(2)) is None
    ledger.reserve(reservation(3, grant="g-3"), reserved(3))
    commit(ledger, "o3")
    elsewhere = reservation(4, answer_key="question 3", grant="g-3", dataset="dentist")
    assert ledger.reuse(elsewhere, reused(4)) is None


def test_a_forfeited_answer_is_not_reused(ledger: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    forfeit(ledger, "o1")
    assert ledger.reuse(reservation(2, answer_key="question 1"), reused(2)) is None


def test_a_reused_query_cannot_be_settled(ledger: Any) -> None:
    ledger.reserve(reservation(1), reserved())
    commit(ledger, "o1")
    ledger.reuse(reservation(2, answer_key="question 1"), reused(2))
    with pytest.raises(ValueError, match="waits"):
        commit(ledger, "o2")


def test_queries_are_listed_newest_first(ledger: Any) -> None:
    add_analyst(ledger, "bob")
    for number in range(5):
        ledger.reserve(reservation(number), reserved(number))
    ledger.reserve(reservation(9, person="bob", grant="g-bob"), reserved(9))
    assert [record.id for record in ledger.queries()] == ["q9", "q4", "q3", "q2", "q1", "q0"]
    assert [record.id for record in ledger.queries("ann", limit=2)] == ["q4", "q3"]
    assert [record.id for record in ledger.unsettled()] == ["q0", "q1", "q2", "q3", "q4", "q9"]
