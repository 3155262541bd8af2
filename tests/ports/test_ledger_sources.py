"""Queries over several datasets of one unit space, and public ones: what they debit, and when they are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ledger_world import (
    a_grant,
    a_request,
    add_dataset,
    add_grant,
    add_public,
    add_request,
    add_version,
    approve,
    commit,
    description,
    entry,
    freeze,
    give_grant,
    held,
    lift,
    loss,
    release,
    reservation,
    reserved,
    reused,
    seed,
    sources,
)

from sandbox.service.found_entries import EntryFilter
from sandbox.service.ports import Entry, Ledger, Reservation
from sandbox.terms.dataset import UnitSpace
from sandbox.terms.description import parse_description
from sandbox.terms.loss import Mode
from sandbox.terms.refusal import (
    AuditUnavailable,
    BudgetInsufficient,
    CoreGrade,
    DatasetExists,
    Frozen,
    GrantNotInForce,
    NotFound,
)

BOTH = sources("areas", "dental")


@pytest.fixture
def joined(unseeded: Ledger) -> Ledger:
    """ann's `g-ann` is for the clinic alone, her `g-both` for clinic and dental; areas is public."""
    return together(unseeded)


def together(ledger: Ledger, *, dental: int = 1000, **limits: int) -> Ledger:
    seed(ledger, **limits)
    add_dataset(ledger, "dental", limit=dental, space_limit=limits.get("space", 1000))
    add_public(ledger)
    for name in ("areas", "dental"):
        add_version(ledger, name)
    add_grant(ledger, a_grant(name="g-both", datasets=("clinic", "dental")), limit=limits.get("both", 1000))
    return ledger


def asking(number: int = 1, units: int = 10, **changed: Any) -> Reservation:
    return reservation(number, units, **{"grant": "g-both", "also": BOTH, **changed})


def balances(ledger: Ledger, part: str = "units") -> dict[tuple[str, str], int]:
    """What is spent of the accounts that have anything spent."""
    found = {
        account
        for name in ("clinic", "dental", "areas")
        for grant in ("g-ann", "g-both")
        for account in ledger.accounts("patients", name, grant, "ann")
    }
    spent = {(account.kind, account.owner): getattr(account.spent, part) for account in found}
    return {owner: amount for owner, amount in spent.items() if amount}


FIVE = [("space", "patients"), ("dataset", "clinic"), ("dataset", "dental"), ("grant", "g-both"), ("analyst", "ann")]


def refused(ledger: Ledger, asked: Reservation, kind: type[Exception], said: Entry | None = None) -> Exception:
    """The refusal of a reservation; nothing is spent or written by it."""
    before = ledger.size(), balances(ledger), balances(ledger, "delta")
    with pytest.raises(kind) as refusal:
        ledger.reserve(asked, said or reserved())
    assert (ledger.size(), balances(ledger), balances(ledger, "delta")) == before
    assert ledger.query(asked.query) is None
    return refusal.value


def test_each_account_is_debited_once_and_the_public_one_does_not_exist(joined: Ledger) -> None:
    record, _ = joined.reserve(asking(loss=loss(10, 3)), reserved())
    assert balances(joined) == dict.fromkeys(FIVE, 10)
    assert balances(joined, "delta") == dict.fromkeys(FIVE, 3)
    assert (record.dataset, record.further, record.datasets) == (
        "clinic",
        ("areas", "dental"),
        ("clinic", "areas", "dental"),
    )


def test_control_a_query_of_one_dataset_leaves_the_other_alone(joined: Ledger) -> None:
    record, _ = joined.reserve(asking(also=()), reserved())
    assert ("dataset", "dental") not in balances(joined)
    assert record.further == ()


def test_a_public_dataset_needs_no_grant_and_costs_nothing(joined: Ledger) -> None:
    joined.reserve(asking(grant="g-ann", also=sources("areas")), reserved())
    assert balances(joined) == dict.fromkeys(
        [("space", "patients"), ("dataset", "clinic"), ("grant", "g-ann"), ("analyst", "ann")], 10
    )


@pytest.mark.parametrize(
    ("short", "named"),
    [
        ({"space": 9}, "space"),
        ({"dataset": 9}, "dataset"),
        ({"dental": 9}, "dataset"),
        ({"both": 9}, "grant"),
        ({"analyst": 9}, "analyst"),
    ],
)
def test_any_one_short_account_refuses_and_nothing_is_spent(
    unseeded: Ledger, short: dict[str, int], named: str
) -> None:
    together(unseeded, **short)
    assert refused(unseeded, asking(), BudgetInsufficient).facts["account"] == named
    unseeded.reserve(asking(2, 9), reserved(2))  # the control: what there is can be spent


def test_a_delta_beyond_an_account_is_refused(joined: Ledger) -> None:
    refusal = refused(joined, asking(loss=loss(10, 101)), BudgetInsufficient)
    assert "δ" in refusal.detail
    joined.reserve(asking(loss=loss(10, 60)), reserved())
    refused(joined, asking(2, loss=loss(10, 41)), BudgetInsufficient, reserved(2))
    joined.reserve(asking(3, loss=loss(10, 40)), reserved(3))


def core(ledger: Ledger) -> None:
    text = description("vault", new_space=False).replace('grade = "general"', 'grade = "core"')
    space = UnitSpace("patients", Mode.ZCDP, *_terms())
    ledger.add_dataset(parse_description(text), text, space, loss(1), loss(1000, 100), _registered())
    add_version(ledger, "vault")
    add_grant(ledger, a_grant(name="g-core", datasets=("clinic", "vault")))


def _terms() -> tuple[Any, Any]:
    described = parse_description(description("any")).space
    assert described is not None
    return described.epsilon, described.delta


def _registered() -> Entry:
    return entry("dataset.registered", actor="bureau")


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"grant": "g-ann"}, GrantNotInForce),
        ({"also": BOTH[::-1]}, ValueError),
        ({"also": (*BOTH, BOTH[1])}, ValueError),
        ({"also": sources("clinic")}, ValueError),
        ({"also": sources("nowhere")}, ValueError),
        ({"also": sources("dental", version=2)}, ValueError),
        ({"also": sources("dental", manifest="cd" * 32)}, ValueError),
        ({"also": sources("areas", manifest="cd" * 32)}, ValueError),
        ({"dataset": "areas", "space": "", "also": ()}, GrantNotInForce),
    ],
)
def test_what_may_not_be_read_together_is_refused(
    joined: Ledger, changed: dict[str, Any], refusal: type[Exception]
) -> None:
    refused(joined, asking(**changed), refusal)


def test_core_data_is_refused_as_a_further_dataset(joined: Ledger) -> None:
    core(joined)
    refused(joined, asking(grant="g-core", also=sources("vault")), CoreGrade)


def test_another_unit_space_is_refused(joined: Ledger) -> None:
    text = description("school").replace("patients", "pupils")
    described = parse_description(text)
    assert described.space is not None
    joined.add_dataset(described, text, described.space, loss(1000, 100), loss(1000, 100), _registered())
    add_version(joined, "school")
    grant = a_grant(name="g-far", datasets=("clinic", "school"))
    add_request(joined, a_request("ann", grant.request, grant.datasets))
    limits = {name: (loss(1000, 100), loss(1000, 100)) for name in ("patients", "pupils")}
    joined.add_grant(grant, limits, entry("grant.given", actor=grant.given_by))
    refused(joined, asking(grant="g-far", also=sources("school")), ValueError)


@pytest.mark.parametrize("name", ["clinic", "dental", "areas"])
def test_frozen_data_stops_reserving_reusing_and_releasing(joined: Ledger, name: str) -> None:
    joined.reserve(asking(), reserved())
    commit(joined, "o1")
    freeze(joined, "dataset", name)
    refused(joined, asking(2), Frozen, reserved(2))
    with pytest.raises(Frozen):
        joined.reuse(asking(3, answer_key="question 1"), reused(3))
    with pytest.raises(Frozen):
        release(joined)
    assert joined.release_of("o1") is None
    lift(joined, "olga")
    lift(joined, "omar")
    joined.reserve(asking(2), reserved(2))
    assert joined.reuse(asking(3, answer_key="question 1"), reused(3)) is not None
    release(joined)


def test_control_other_frozen_data_stops_nothing(joined: Ledger) -> None:
    add_public(joined, "zones")
    freeze(joined, "dataset", "zones")
    joined.reserve(asking(), reserved())
    commit(joined, "o1")
    release(joined)


def test_an_answer_is_reused_by_the_same_sources_alone(joined: Ledger) -> None:
    joined.reserve(asking(), reserved())
    commit(joined, "o1")
    spent = balances(joined)
    found = joined.reuse(asking(2, answer_key="question 1"), reused(2))
    assert found is not None
    assert (found[0].reused, found[0].further) == (True, ("areas", "dental"))
    assert balances(joined) == spent
    # The key names the sources; whoever brings other ones under it is stopped by the database's own rule.
    with pytest.raises(AuditUnavailable):
        joined.reuse(asking(3, answer_key="question 1", also=sources("areas")), reused(3))
    with pytest.raises(ValueError, match="loaded"):
        joined.reuse(asking(3, answer_key="question 1", also=sources("areas", version=7)), reused(3))


def test_the_entry_states_every_source_and_is_found_by_each(joined: Ledger) -> None:
    _, receipt = joined.reserve(asking(), reserved())
    stated = b'"also":[{"data_version":1,"dataset":"areas","manifest":"%s"},{"data_version":1,"dataset":"dental",'
    assert stated % (b"ab" * 32) in joined.entries(receipt.index, receipt.index + 1)[0]
    for name in ("clinic", "dental", "areas"):
        found = joined.search(EntryFilter(kind="query.reserved", dataset=name), joined.size(), 9)
        assert [item.index for item in found] == [receipt.index]
        assert found[0].datasets == ("clinic", "areas", "dental")


def test_a_review_names_what_was_read(joined: Ledger) -> None:
    joined.reserve(asking(), reserved())
    commit(joined, "o1", outcome="held")
    review = joined.review("rr-o1")
    assert review is not None
    assert review.datasets == ("clinic", "areas", "dental")
    approve(joined, "rr-o1")
    plain = joined.review(held(joined, 2))
    assert plain is not None
    assert plain.datasets == ("clinic",)


# -- public datasets ---------------------------------------------------------------------------------------------------


def test_a_public_dataset_has_no_accounts(joined: Ledger) -> None:
    found = joined.dataset("areas")
    assert found is not None
    assert found[0].public
    assert all(account.owner != "areas" for account in joined.accounts("patients", "areas"))
    with pytest.raises(DatasetExists):
        add_public(joined)


def _asks(ledger: Ledger) -> None:
    add_request(ledger, a_request(name="r-areas", datasets=("areas",)))


def _asks_for_more(ledger: Ledger) -> None:
    add_request(ledger, a_request(name="r-areas", datasets=("clinic", "areas")))


def _gives(ledger: Ledger) -> None:
    add_request(ledger, a_request(name="r-wide"))
    give_grant(ledger, replace(a_grant(name="g-wide"), datasets=("clinic", "areas")))


@pytest.mark.parametrize("step", [_asks, _asks_for_more, _gives])
def test_no_grant_names_a_public_dataset(joined: Ledger, step: Callable[[Ledger], None]) -> None:
    with pytest.raises((ValueError, NotFound)):
        step(joined)
    standing = joined.standing("g-both")
    assert standing is not None
    assert "areas" not in standing.grant.datasets


@pytest.mark.parametrize(("space", "limits"), [(True, False), (False, True)])
def test_a_public_dataset_comes_without_space_and_limits(unseeded: Ledger, space: bool, limits: bool) -> None:
    seed(unseeded)
    made = parse_description(PUBLIC_TEXT)
    given = UnitSpace("patients", Mode.ZCDP, *_terms()) if space else None
    limit = loss(1) if limits else None
    with pytest.raises(ValueError, match=r"belong together|no unit space"):
        unseeded.add_dataset(made, PUBLIC_TEXT, given, limit, limit, _registered())


PUBLIC_TEXT = (
    '[dataset]\nname = "areas"\ntitle = "Places"\nsteward = "bureau"\npublic = true\ngrade = "general"\n'
    '[tables.places]\nrows_max = 9\n[tables.places.columns]\ncode = { type = "int" }\n'
)
