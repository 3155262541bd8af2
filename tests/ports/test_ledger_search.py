"""The `search` of the `Ledger` port: each word of the filter, newest first, and rows that follow from the entries alone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_world import (
    ADAPTERS,
    T0,
    a_request,
    add_analyst,
    add_dataset,
    add_request,
    approve,
    close_review,
    commit,
    decline,
    entry,
    forfeit,
    freeze,
    held,
    lift,
    release,
    reservation,
    reserved,
    reused,
    revoke,
    seed,
)

from sandbox.adapters import books
from sandbox.proof.entry import read_entry
from sandbox.service.found_entries import EntryFilter


@pytest.fixture(params=sorted(ADAPTERS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opened = ADAPTERS[request.param](tmp_path)
    seed(opened)
    add_dataset(opened, "dentist")
    add_analyst(opened, "bob", ("clinic", "dentist"))
    for number in range(3):
        opened.reserve(reservation(number), reserved(number))
    commit(opened, "o0")
    forfeit(opened, "o1")
    opened.reuse(reservation(9, answer_key="question 0"), reused(9))
    opened.append(entry("query.attached", {"query": "q2", "text_tag": "t2", "purpose": "research"}, actor="ann"))
    refused = {"code": "unknown-table", "purpose": "research", "text_tag": "t8"}
    opened.append(entry("query.refused", refused, actor="bob", at=T0 + timedelta(days=1)))
    yield opened
    opened.close()


def seen(ledger: Any, *, before: int = 10**9, limit: int = 200, **words: Any) -> list[Any]:
    return list(ledger.search(EntryFilter(**words), before, limit))


def kinds(ledger: Any, **words: Any) -> list[str]:
    return [found.kind for found in seen(ledger, **words)]


def test_without_words_every_entry_newest_first(ledger: Any) -> None:
    found = seen(ledger)
    assert [item.index for item in found] == list(range(ledger.size()))[::-1]
    bodies = [read_entry(body) for body in ledger.entries(0, ledger.size())][::-1]
    assert [(item.kind, item.actor) for item in found] == [(body["kind"], body["actor"]) for body in bodies]


def test_each_word(ledger: Any) -> None:
    asked = ["query.attached", "query.reused", "query.forfeited", "query.committed", *["query.reserved"] * 3]
    given = ["grant.given", "grant.requested"]
    begun = [*given, "keys.registered"]
    assert kinds(ledger, actor="ann") == [*asked, *begun]
    assert kinds(ledger, actor="bob") == ["query.refused", *begun]
    assert kinds(ledger, organisation="acme") == ["query.refused", *asked, *begun, *begun]
    assert kinds(ledger, organisation="nowhere") == []
    assert kinds(ledger, dataset="dentist") == [*given, "dataset.registered"]
    assert kinds(ledger, dataset="dentist clinic") == []
    assert kinds(ledger, purpose="research") == ["query.refused", *asked, *given, *given]
    assert kinds(ledger, kind="query.forfeited") == kinds(ledger, decision="forfeited") == ["query.forfeited"]
    assert kinds(ledger, decision="reserved") == ["query.reserved"] * 3
    assert kinds(ledger, decision="refused") == kinds(ledger, decision="unknown-table") == ["query.refused"]
    assert kinds(ledger, text_tag="t0") == ["query.committed", "query.reserved"]
    assert kinds(ledger, since=T0 + timedelta(days=1)) == ["query.refused"]
    assert "query.refused" not in kinds(ledger, until=T0 + timedelta(days=1))
    assert kinds(ledger, actor="ann", decision="committed", text_tag="t1") == []


def test_what_the_enclave_settles_is_found_by_who_asked(ledger: Any) -> None:
    (found,) = seen(ledger, kind="query.committed")
    assert (found.actor, found.person, found.organisation) == ("enclave", "ann", "acme")
    assert (found.datasets, found.purpose, found.decision, found.text_tag) == (
        ("clinic",),
        "research",
        "committed",
        "t0",
    )
    assert found.at == T0


WHAT_FOLLOWS = [
    # newest first: kind, actor, person concerned, decision
    ("policy.explained", "olga", "olga", "explained"),
    ("freeze.lifted", "omar", "ann", "lifted"),
    ("freeze.lift-asked", "olga", "ann", "lift-asked"),
    ("grant.revoked", "bureau", "ann", "revoked"),
    ("freeze.set", "olga", "ann", "frozen"),
    ("grant.declined", "bureau", "ann", "declined"),
    ("grant.requested", "ann", "ann", "requested"),
    ("review.closed", "ann", "ann", "withdrawn"),
    ("query.committed", "enclave", "ann", "committed"),
    ("query.reserved", "ann", "ann", "reserved"),
    ("release.released", "enclave", "ann", "released"),
    ("review.voted", "ron", "ann", "approved"),
    ("review.voted", "rita", "ann", "approve"),
    ("review.viewed", "rita", "ann", "viewed"),
    ("query.committed", "enclave", "ann", "committed"),
    ("query.reserved", "ann", "ann", "reserved"),
]


def test_each_later_entry_is_found_by_whom_and_what_it_concerns(ledger: Any) -> None:
    start = ledger.size()
    review = held(ledger, 5)
    ledger.append(entry("review.viewed", {"review": review}, actor="rita"))
    approve(ledger, review)
    release(ledger, 5)
    close_review(ledger, held(ledger, 6))
    add_request(ledger, a_request(name="r-2"))
    decline(ledger, "r-2")
    freeze(ledger)
    revoke(ledger)
    lift(ledger, "olga")
    lift(ledger, "omar")
    ledger.append(entry("policy.explained", {"dataset": "clinic", "purpose": "research"}, actor="olga"))
    found = [item for item in seen(ledger) if item.index >= start]
    assert [(item.kind, item.actor, item.person, item.decision) for item in found] == WHAT_FOLLOWS
    assert {(item.datasets, item.purpose) for item in found} == {(("clinic",), "research")}
    assert {item.text_tag for item in found if item.kind.startswith(("review", "release", "query"))} == {"t5", "t6"}
    assert kinds(ledger, decision="refused") == ["query.refused"], "no other decision is a refusal"
    assert kinds(ledger, decision="approved") == ["review.voted"]
    assert kinds(ledger, actor="ann", kind="release.released") == ["release.released"]
    books.verify(ledger)


@pytest.mark.parametrize(
    ("subject", "name", "person", "datasets", "purpose"),
    [
        ("person", "bob", "bob", (), None),
        ("dataset", "dentist", "olga", ("dentist",), None),
        ("grant", "g-bob", "bob", ("clinic", "dentist"), "research"),
    ],
)
def test_a_freeze_is_found_by_what_it_stops(
    ledger: Any, subject: str, name: str, person: str, datasets: tuple[str, ...], purpose: str | None
) -> None:
    freeze(ledger, subject, name)
    lift(ledger, "omar")
    for item in seen(ledger, limit=2):
        assert (item.datasets, item.purpose) == (datasets, purpose)
        assert item.person == person
    books.verify(ledger)


def test_pages(ledger: Any) -> None:
    whole = seen(ledger)
    assert seen(ledger, limit=3) == whole[:3]
    assert seen(ledger, before=whole[2].index, limit=3) == whole[3:6]
    assert seen(ledger, before=0) == []


def test_words_are_data_not_sql(ledger: Any) -> None:
    for word in ("' OR 1=1 --", "%", "_", "*", "", " ", "\x00"):
        for name in ("actor", "organisation", "purpose", "decision", "kind", "text_tag"):
            assert seen(ledger, **{name: word}) == []


WORDS = st.sampled_from(
    ["query.refused", "unknown-table", "clinic", "ann", "q0", "q1", "g-ann", "r-ann", "f1", "rr-o0", "", "x y"]
)
THINGS = [
    "dataset",
    "datasets",
    "query",
    "grant",
    "review",
    "freeze",
    "request",
    "purpose",
    "code",
    "verdict",
    "decision",
]
THINGS += ["text_tag", "person", "subject", "name", "analyst"]
FACTS = st.dictionaries(
    st.sampled_from(THINGS),
    WORDS | st.integers(0, 3) | st.none() | st.lists(WORDS, max_size=2),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=FACTS, kind=st.sampled_from(["query.refused", "query.checked", "query.attached", "load.refused", "new.kind"])
)
def test_what_is_written_is_what_the_books_derive(ledger: Any, facts: dict[str, Any], kind: str) -> None:
    ledger.append(entry(kind, facts, actor="ann"))
    books.verify(ledger)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_a_hundred_thousand_entries_are_searched_within_a_second(adapter: str, tmp_path: Path) -> None:
    import time

    ledger = ADAPTERS[adapter](tmp_path)
    seed(ledger)
    with ledger._write() as connection:  # one transaction: only the number of rows matters here
        for number in range(100_000):
            ledger._log.append(
                connection, entry("query.refused", {"code": "c", "text_tag": f"t{number}"}, actor="ann"), {}
            )
    for words in ({"text_tag": "t7"}, {"actor": "nobody"}, {"organisation": "acme", "decision": "refused"}, {}):
        began = time.perf_counter()
        ledger.search(EntryFilter(**words), 10**9, 201)
        taken = time.perf_counter() - began
        print(words, round(taken, 3))
        assert taken < 1
    ledger.close()
