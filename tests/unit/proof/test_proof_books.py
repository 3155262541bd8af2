"""The books: laws over small logs of their own, with the log that keeps them as the control. What a whole log's single
mutations break is in test_proof_books_mutations.py."""

from datetime import timedelta

import pytest
from made_lives import lived, opened, small
from made_logs import DIGEST, OTHER_DIGEST, REASON, limit, loss
from taken_logs import broken, codes, kept, spent

from sandbox.proof.books import REASON_LIMIT, Books
from sandbox.proof.entry import read_entry
from sandbox.terms.refusal import ProofFailed


def test_true_books():
    books = kept(lived())
    assert [account.kind for account in books.accounts()] == [
        "space",
        "dataset",
        "grant",
        "grant",
        "analyst",
        "analyst",
    ]
    assert [account.limit.units for account in books.accounts()] == [2_000, 1_000, 500, 500, 500, 500]
    assert spent(lived()) == {
        ("space", "people"): 172,
        ("dataset", "clinic"): 172,
        ("grant", "g1"): 157,
        ("grant", "g2"): 15,
        ("analyst", "ann"): 157,
        ("analyst", "bob"): 15,
    }


def test_true_findings():
    log = lived()
    at = log.labels
    assert codes(log) == {
        "doubted-afterwards": (1, at["second vote 4"]),
        "forfeited": (1, at["forfeit 3"]),
        "frozen": (1, at["freeze rose"]),
        "opened": (1, at["opened"]),
        "released-automatic": (2, at["release 1"]),
        "released-held": (5, at["release 5"]),
        "released-sampled": (1, at["release 4"]),
        "review-approved": (6, at["vote 5"]),
        "review-lapsed": (1, at["lapsed 10"]),
        "review-open": (1, at["commit 18"]),
        "review-rejected": (1, at["second again 8"]),
        "review-withdrawn": (1, at["withdrawn 9"]),
        "revoked": (1, at["revoke"]),
        "unreleased": (1, at["commit 14"]),
        "unsettled": (1, at["reserve 15"]),
        "voted": (21, at["vote 4"]),
    }
    assert codes(small()) == {"released-automatic": (1, 10)}


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
        (lambda log: log.granted(2, limits={"else": {"grant": limit(1), "analyst": None}}), "not defined"),
        (lambda log: log.granted(2, limits={"people": {"grant": loss(1, "pure"), "analyst": None}}), "mode"),
        (lambda log: log.granted(2), "opens an account for the second time"),
        (lambda log: log.reserved(loss=loss(501)), "grant account of g1 over its limit"),
        (lambda log: log.reserved(loss=loss(1, delta=500_000_000_001)), "over its limit"),
        (lambda log: log.reserved(loss=loss(1, "pure")), "another mode"),
        (lambda log: log.reserved(dataset="other"), "person or a dataset"),
        (lambda log: log.reserved(space="other"), "not registered in this unit space"),
        (lambda log: log.reserved(manifest=OTHER_DIGEST), "never loaded"),
        (lambda log: log.committed(), "never reserved"),
        (lambda log: log.forfeited(), "never reserved"),
        (lambda log: log.reused(2, of=1), "never committed"),
        (lambda log: log.released(), "never opened"),
        (lambda log: log.voted(1, "ray"), "never opened"),
    ],
    ids=range(21),
)
def test_each_law(break_it, words):
    log = opened()
    kept(log)
    break_it(log)
    broken(log, words)


def test_an_order_is_reserved_once():
    log = lived()
    log.reserved(19, query="q1")
    broken(log, "second time")
    log = lived()
    log.reserved(19, order="o3")  # also a forfeited one is gone for good
    broken(log, "second time")


def test_an_answer_is_reused_within_its_grant_only():
    log = lived()
    before = spent(log)
    log.granted(4, first=False)
    log.reused(21, of=1)
    log.reused(22, of=21)
    assert spent(log) == before
    log.reused(23, of=1, grant="g4")
    broken(log, "another grant")
    for of in (3, 15, 99):
        log = lived()
        log.reused(21, of=of)
        broken(log, "never committed")
    log = lived()
    log.reused(1, of=1)
    broken(log, "second time")


@pytest.mark.parametrize("kind", ["space", "dataset", "grant", "analyst"])
def test_every_account_has_its_own_limit(kind):
    """The same queries, with one account narrower than the rest: that one is named."""
    limits = dict.fromkeys(("space", "dataset", "grant", "analyst"), 1_000) | {kind: 99}
    log = opened()
    space = {"name": "firms", "limit": limit(limits["space"])}
    log.registered("second", within="firms", limit=limit(limits["dataset"]), space=space)
    log.loaded("second")
    of_grant = {"grant": limit(limits["grant"]), "analyst": limit(limits["analyst"])}
    log.granted(2, datasets=["second"], limits={"firms": of_grant})
    second = {"grant": "g2", "dataset": "second", "space": "firms"}
    log.reserved(1, 99, **second)
    kept(log)
    log.reserved(2, 1, **second)
    broken(log, f"takes the {kind} account")


def test_a_grant_without_limit_in_a_space_cannot_spend_there():
    log = opened()
    log.granted(2, limits={})
    log.reserved(1, grant="g2")
    broken(log, "grant account of g2, which does not exist")


def test_findings_are_counted_with_the_first_place():
    log = opened()
    size = len(log.entries)
    log.started(on=False)
    log.started(on=False, network="shared")
    log.add("engine.restarted", version="1", boot="b", clock={"tick_ms": 1, "on": True}, network="shared")
    log.add("future.kind", anything=[1, {"x": None}])
    log.granted(2, first=False, not_after="2026-02-01T00:00:00Z")
    log.reserved(1, grant="g2")
    log.forfeited(1)
    assert codes(log) == {
        "clock-off": (2, size),
        "network-shared": (2, size + 1),
        "kind-unknown": (1, size + 3),
        "outside-term": (1, size + 6),
        "forfeited": (1, size + 7),
    }


def test_the_clock_may_stumble_but_not_run_back():
    log = opened()
    log.now -= timedelta(seconds=30)
    log.started()
    assert codes(log) == {}
    log.now -= timedelta(seconds=60)
    log.started()
    assert codes(log) == {"time-backwards": (1, len(log.entries) - 1)}


def test_a_sealed_request_is_opened_for_a_reason():
    for index, reason, words in (
        ("reserve 1", "too short", "too short"),
        ("reserve 1", "x" * (REASON_LIMIT + 1), "too long"),
        ("commit 1", REASON, "no sealed request"),
    ):
        log = lived()
        log.add("entry.opened", "olga", index=log.labels[index], reason=reason)
        broken(log, words)
    log = lived()
    log.add("entry.opened", "olga", index=log.labels["reuse 2"], reason=REASON)
    assert codes(log)["opened"] == (2, log.labels["opened"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"not_after": "soon"}, "not a time"),
        ({"not_after": "2026-02-01T00:00:00"}, "not a time"),
        ({"datasets": "clinic"}, "does not list"),
        ({"datasets": [1]}, "does not list"),
        ({"datasets": ["clinic", "clinic"]}, "twice"),
        ({"uses": 0}, "does not number its uses"),
        ({"uses": "3"}, "does not number its uses"),
        ({"epsilon": "1.5"}, "lowest terms"),
        ({"epsilon": "2/4"}, "lowest terms"),
        ({"epsilon": 5}, "does not name its epsilon"),
        ({"version": 0}, "does not number its version"),
        ({"limits": []}, "does not state"),
        ({"limits": {"people": {"grant": limit(1)}}}, "does not state its analyst"),
    ],
)
def test_grants_of_another_shape_are_named(changed, words):
    log = opened()
    log.requested(2)
    log.given(2, first=False, **changed)
    broken(log, words)


TOLD_ONLY = {
    "enclave.created": {"origin", "log_key"},  # the export's own law
    "enclave.started": {"version", "boot", "network"},
    "person.enrolled": {"identity"},
    "dataset.registered": {"description"},
    "query.reserved": {"plan_tag", "text_tag", "sealed", "bundle"},
    "query.reused": {"order", "data_version", "manifest", "plan_tag", "text_tag", "sealed", "bundle"},
    "query.checked": {"text_tag", "verdict", "purpose"},
    "query.refused": {"text_tag", "code", "purpose"},
    "policy.explained": {"person", "action"},
    "log.searched": {"filter", "before", "limit"},
}
"""What the books do not need of each kind; everything else that an entry states, they read."""


def test_every_other_fact_left_out_is_found_in_its_entry():
    log = lived()
    entries = [read_entry(data) for data in log.entries]
    missed: dict[str, set[str]] = {}
    for place, entry in enumerate(entries):
        for name in entry["facts"]:
            changed = {**entry, "facts": {key: value for key, value in entry["facts"].items() if key != name}}
            books = Books()
            try:
                for index, taken in enumerate([*entries[:place], changed]):
                    books.take(index, taken)
            except ProofFailed as found:
                assert found.facts["entry"] == place
            else:
                missed.setdefault(entry["kind"], set()).add(name)
    assert missed == TOLD_ONLY


def test_answers_and_manifests_are_digests():
    log = opened()
    log.add("version.loaded", dataset="clinic", version=2, manifest=DIGEST[:-1])
    broken(log, "not a SHA-256")
