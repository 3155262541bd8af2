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
    a_grant,
    add_dataset,
    add_grant,
    add_person,
    commit,
    entry,
    forfeit,
    reservation,
    reserved,
    reused,
    seed,
)

from sandbox.adapters import books
from sandbox.proof.entry import read_entry
from sandbox.service.ports import EntryFilter


@pytest.fixture(params=sorted(ADAPTERS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    opened = ADAPTERS[request.param](tmp_path)
    seed(opened)
    add_person(opened, "bob")
    add_dataset(opened, "dentist")
    add_grant(opened, a_grant("bob", "g-bob", ("clinic", "dentist")))
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
    assert kinds(ledger, actor="ann") == asked
    assert kinds(ledger, actor="bob") == ["query.refused"]
    assert kinds(ledger, organisation="acme") == ["query.refused", *asked]
    assert kinds(ledger, organisation="nowhere") == []
    assert kinds(ledger, dataset="dentist") == ["grant.given", "dataset.registered"]
    assert kinds(ledger, dataset="dentist clinic") == []
    told = ["query.refused", *asked, "grant.given", "grant.given"]
    assert kinds(ledger, purpose="research") == told
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


def test_pages(ledger: Any) -> None:
    whole = seen(ledger)
    assert seen(ledger, limit=3) == whole[:3]
    assert seen(ledger, before=whole[2].index, limit=3) == whole[3:6]
    assert seen(ledger, before=0) == []


def test_words_are_data_not_sql(ledger: Any) -> None:
    for word in ("' OR 1=1 --", "%", "_", "*", "", " ", "\x00"):
        for name in ("actor", "organisation", "purpose", "decision", "kind", "text_tag"):
            assert seen(ledger, **{name: word}) == []


WORDS = st.sampled_from(["query.refused", "unknown-table", "clinic", "ann", "q0", "q1", "g-ann", "", "x y"])
FACTS = st.dictionaries(
    st.sampled_from(["dataset", "datasets", "query", "grant", "purpose", "code", "verdict", "text_tag", "person"]),
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
