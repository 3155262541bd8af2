"""The books: each law on its own, with the log that keeps it as the control."""

import pytest
from made_logs import DIGEST, limit, lived, loss, opened

from sandbox.proof.books import Books
from sandbox.proof.entry import read_entry
from sandbox.terms.refusal import ProofFailed


def kept(log) -> Books:
    books = Books()
    for index, data in enumerate(log.entries):
        books.take(index, read_entry(data))
    return books


def broken(log, words: str) -> None:
    """The last entry breaks the books, and those before do not."""
    books = Books()
    for index, data in enumerate(log.entries[:-1]):
        books.take(index, read_entry(data))
    with pytest.raises(ProofFailed, match=words) as caught:
        books.take(len(log.entries) - 1, read_entry(log.entries[-1]))
    assert caught.value.facts["entry"] == len(log.entries) - 1


def codes(log) -> dict[str, tuple[int, int]]:
    return {finding.code: (finding.count, finding.first) for finding in kept(log).findings()}


def spent(log) -> dict[tuple[str, str], int]:
    """Accounts that were debited."""
    accounts = kept(log).accounts()
    return {(account.kind, account.owner): account.spent.units for account in accounts if account.spent.units}


def test_true_books():
    books = kept(lived())
    assert [account.kind for account in books.accounts()] == ["space", "dataset", "grant", "analyst"]
    assert [account.limit.units for account in books.accounts()] == [2_000, 1_000, 500, 500]
    assert codes(lived()) == {"forfeited": (1, 12), "unsettled": (1, 15)}


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda log: log.created(), "exists already"),
        (lambda log: log.registered(new=False), "second time"),
        (lambda log: log.registered("other", new=True), "defined already"),
        (lambda log: log.registered("other", new=True, unit_space="elsewhere"), "defined already"),
        (lambda log: log.registered("other", new=False, unit_space="elsewhere"), "not defined"),
        (lambda log: log.registered("other", new=False, limit=loss(5, "pure")), "another mode"),
        (lambda log: log.loaded("other"), "not registered"),
        (lambda log: log.loaded(), "second time"),
        (lambda log: log.granted(), "newer version"),
        (lambda log: log.granted(version=2, analyst="bob", first=False), "another analyst"),
        (lambda log: log.granted("g2"), "second time"),
        (lambda log: log.granted("g2", limits={"else": {"grant": limit(1), "analyst": None}}), "not defined"),
        (lambda log: log.granted("g2", limits={"people": {"grant": loss(1, "pure"), "analyst": None}}), "mode"),
        (lambda log: log.reserved(loss=loss(501)), "grant account of g1 over its limit"),
        (lambda log: log.reserved(loss=loss(1, delta=500_000_000_001)), "over its limit"),
        (lambda log: log.reserved(loss=loss(0)), "reserves nothing"),
        (lambda log: log.reserved(loss=loss(1, "pure")), "another mode"),
        (lambda log: log.reserved(grant="g2"), "not the given one"),
        (lambda log: log.reserved(grant_version=2), "not the given one"),
        (lambda log: log.reserved(person="bob"), "person or a dataset"),
        (lambda log: log.reserved(dataset="other"), "person or a dataset"),
        (lambda log: log.reserved(space="other"), "not registered in this unit space"),
        (lambda log: log.reserved(data_version=2), "never loaded"),
        (lambda log: log.reserved(manifest="cd" * 32), "never loaded"),
        (lambda log: log.committed(), "never reserved"),
        (lambda log: log.forfeited(), "never reserved"),
        (lambda log: log.reused(2, of=1), "never committed"),
    ],
    ids=range(27),
)
def test_each_law(break_it, words):
    log = opened()
    kept(log)
    break_it(log)
    broken(log, words)


def test_an_order_is_reserved_once():
    log = lived()
    log.reserved(1)
    broken(log, "second time")
    log = lived()
    log.reserved(9, query="q1")
    broken(log, "second time")
    log = lived()
    log.reserved(9, order="o3")  # also a forfeited one is gone for good
    broken(log, "second time")


def test_an_order_is_settled_once_and_by_its_own_query():
    for settle in (lambda log: log.committed(1), lambda log: log.forfeited(1), lambda log: log.committed(3)):
        log = lived()
        settle(log)
        broken(log, "second time")
    log = lived()
    log.committed(5, query="q1")
    broken(log, "never reserved")
    log = lived()
    log.committed(4, order="o1")  # a reused query settles nothing
    broken(log, "second time")


def test_an_answer_is_reused_within_its_grant_only():
    log = lived()
    log.granted("g2", first=False)
    log.reused(6, of=1)
    log.reused(7, of=6)
    assert spent(log) == spent(lived())
    log.reused(8, of=1, grant="g2")
    broken(log, "another grant")
    for of, words in ((3, "never committed"), (5, "never committed"), (99, "never committed")):
        log = lived()
        log.reused(6, of=of)
        broken(log, words)
    log = lived()
    log.reused(1, of=1)
    broken(log, "second time")
    log = lived()
    log.reused(6, of=1, person="bob")
    broken(log, "person or a dataset")


@pytest.mark.parametrize("kind", ["space", "dataset", "grant", "analyst"])
def test_every_account_has_its_own_limit(kind):
    """The same queries, with one account narrower than the rest: that one is named."""
    limits = dict.fromkeys(("space", "dataset", "grant", "analyst"), 1_000) | {kind: 99}
    log = opened()
    space = {"name": "firms", "limit": limit(limits["space"])}
    log.registered("second", within="firms", limit=limit(limits["dataset"]), space=space)
    log.loaded("second")
    of_grant = {"grant": limit(limits["grant"]), "analyst": limit(limits["analyst"])}
    log.granted("g2", datasets=["second"], limits={"firms": of_grant})
    log.reserved(1, 99, grant="g2", dataset="second", space="firms")
    kept(log)
    log.reserved(2, 1, grant="g2", dataset="second", space="firms")
    broken(log, f"takes the {kind} account")


def test_a_grant_without_limit_in_a_space_cannot_spend_there():
    log = opened()
    log.granted("g2", limits={})
    log.reserved(1, grant="g2")
    broken(log, "grant account of g2, which does not exist")


def test_a_newer_grant_keeps_what_was_spent():
    log = lived()
    log.granted(version=2, first=False, limits={"people": {"grant": limit(142), "analyst": None}})
    kept(log)
    log.reserved(9, 1, grant_version=2)
    broken(log, "over its limit")
    log = lived()
    log.granted(version=2, first=False, limits={"people": {"grant": limit(141), "analyst": None}})
    broken(log, "below what is spent")


def test_findings_are_counted_with_the_first_place():
    log = opened()
    log.started(on=False)
    log.started(on=False, network="shared")
    log.add("engine.restarted", version="1", boot="b", clock={"tick_ms": 1, "on": True}, network="shared")
    log.add("future.kind", anything=[1, {"x": None}])
    log.granted("g2", first=False, not_after="2026-02-01T00:00:00Z")
    log.reserved(1, grant="g2")
    log.forfeited(1)
    assert codes(log) == {
        "clock-off": (2, 6),
        "network-shared": (2, 7),
        "kind-unknown": (1, 9),
        "outside-term": (1, 11),
        "forfeited": (1, 12),
    }


def test_the_clock_may_stumble_but_not_run_back():
    from datetime import timedelta

    log = opened()
    log.now -= timedelta(seconds=30)
    log.started()
    assert codes(log) == {}
    log.now -= timedelta(seconds=60)
    log.started()
    assert codes(log) == {"time-backwards": (1, 7)}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("order", ..., "does not name its order"),
        ("order", "", "does not name its order"),
        ("order", 1, "does not name its order"),
        ("data_version", "1", "does not number"),
        ("data_version", True, "does not number"),
        ("loss", None, "does not state its loss"),
        ("loss", {}, "not a loss"),
        ("loss", loss(1) | {"units": 1}, "not a loss"),
        ("loss", loss(1) | {"units": "-1"}, "not a loss"),
        ("loss", loss(1) | {"units": "01"}, "not a loss"),
        ("loss", loss(1) | {"units": "１"}, "not a loss"),
        ("loss", loss(1) | {"units": "9" * 26}, "not a loss"),
        ("loss", loss(1) | {"mode": "renyi"}, "not a loss"),
        ("loss", loss(1) | {"mode": ["zcdp"]}, "not a loss"),
    ],
    ids=range(14),
)
def test_facts_of_another_shape_are_named(name, value, words):
    log = opened()
    log.reserved(1)
    entry = read_entry(log.entries[-1])
    facts = {**entry["facts"], name: value}
    facts = {key: item for key, item in facts.items() if item is not ...}
    books = kept(opened())
    with pytest.raises(ProofFailed, match=words):
        books.take(6, {**entry, "facts": facts})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"not_after": "soon"}, "not a time"),
        ({"not_after": "2026-02-01T00:00:00"}, "not a time"),
        ({"datasets": "clinic"}, "does not list"),
        ({"datasets": [1]}, "does not list"),
        ({"limits": []}, "does not state"),
        ({"limits": {"people": {"grant": limit(1)}}}, "does not state its analyst"),
    ],
)
def test_grants_of_another_shape_are_named(changed, words):
    log = opened()
    log.granted("g2", first=False, **changed)
    broken(log, words)


def test_answers_and_manifests_are_digests():
    log = lived()
    log.committed(5, answer="x")
    broken(log, "not a SHA-256")
    log = opened()
    log.add("version.loaded", dataset="clinic", version=2, manifest=DIGEST[:-1])
    broken(log, "not a SHA-256")
