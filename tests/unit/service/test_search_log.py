"""The officer finds entries, every look is an entry itself, and a sealed request opens only after it is written down."""

import json
from datetime import timedelta

import pytest
from service_world import COUNT, START, World, request
from test_audit_is_complete import Unwritable

from sandbox.adapters import books
from sandbox.proof.log_export import verify_export
from sandbox.service import check_query, decide_grant, explain_policy, freeze, grants, read_log, review_desk, search_log
from sandbox.service.audit import text_tag
from sandbox.service.found_entries import EntryFilter
from sandbox.terms.refusal import AuditUnavailable, MalformedRequest, NotFound, Refusal, RoleNotPermitted

REASON = "Complaint 17 of the city clinic"


@pytest.fixture
def told(tmp_path):
    """Ann asks one question and checks another; Bob is refused; every kind of outcome but a forfeit is there."""
    world = World(tmp_path / "ledger.sqlite", Unwritable)
    world.register()
    world.grant()
    world.submit(key="key-00001")
    world.submit(key="key-00002")  # attached
    world.at(10_000)
    world.submit(key="key-00003")  # reused
    check_query.check(world.enclave, world.ann, request("select count(*) from clinic.visits"))
    with pytest.raises(Refusal):
        world.submit(key="key-00004", by="bob")
    yield world
    world.close()


def found(world, *, by=None, text=None, before=None, limit=200, **words):
    return search_log.search(
        world.enclave, by or world.olga, EntryFilter(**words), text=text, before=before, limit=limit
    ).to_json()


def kinds(world, **words):
    return [item["kind"] for item in found(world, **words)["entries"]]


ASKED = ["query.checked", "query.reused", "release.released", "query.committed", "query.attached", "query.reserved"]


def test_by_actor_finds_what_was_done_for_them_too(told):
    given = ["grant.given", "grant.requested", "keys.registered"]
    assert kinds(told, actor="ann") == [*ASKED, *given]
    assert kinds(told, organisation="acme") == kinds(told, actor="ann")
    assert kinds(told, organisation="rival") == ["query.refused", "keys.registered"]
    assert "query.committed" in kinds(told, actor="enclave.test")
    assert kinds(told, actor="nobody") == []


def test_by_dataset_purpose_decision_kind_and_text(told):
    given = ["grant.given", "grant.requested"]
    assert kinds(told, dataset="clinic") == [*ASKED, *given, "version.loaded", "dataset.registered"]
    assert kinds(told, dataset="clin") == []
    assert kinds(told, purpose="research") == ["query.refused", *ASKED, *given]
    for decision in ("answerable", "reused", "committed", "attached", "reserved", "released", "requested", "granted"):
        assert [item["decision"] for item in found(told, decision=decision)["entries"]] == [decision]
    assert kinds(told, decision="refused") == kinds(told, decision="unknown-table") == ["query.refused"]
    assert kinds(told, kind="query.reserved") == ["query.reserved"]
    asked = ["query.refused", *ASKED[1:]]
    assert kinds(told, text=COUNT) == asked
    assert kinds(told, text_tag=text_tag(told.enclave, COUNT)) == asked
    assert kinds(told, text=COUNT + " ") == []
    assert kinds(told, text=COUNT, actor="ann", decision="reserved") == ["query.reserved"]


def test_what_was_decided_about_grants_reviews_and_freezes_is_found(told):
    enclave, ann = told.enclave, told.ann
    refused = told.request_grant("bob", epsilon="1").to_json()["id"]
    decide_grant.decline(enclave, told.sue, refused, REASON)
    held = told.grant(epsilon="2", purpose="care", review="held").to_json()["id"]
    first = told.submit(key="key-00010", purpose="care", epsilon="0.5")
    told.at(20_000)
    review_desk.withdraw(enclave, ann, first.id)
    second = told.submit(key="key-00011", purpose="care", epsilon="0.25")
    told.at(30_000)
    (waiting,) = review_desk.listed(enclave, told.rita)
    shown = review_desk.copy(enclave, told.rita, waiting.to_json()["id"]).to_json()
    review_desk.vote(enclave, told.rita, shown["id"], "reject", REASON, shown["digest"])
    stop = freeze.freeze(enclave, told.olga, "grant", held, REASON).to_json()["id"]
    freeze.lift(enclave, told.olga, stop, REASON)
    freeze.lift(enclave, told.oscar, stop, REASON)
    told.settle_down()
    grants.revoke(enclave, told.sue, held, REASON)
    explain_policy.explain(enclave, told.olga, subject="ann", action="enrol-person")
    assert second.id
    expected = {
        "declined": ("grant.declined", "sue", "bob"),
        "withdrawn": ("review.closed", "ann", "ann"),
        "viewed": ("review.viewed", "rita", "ann"),
        "rejected": ("review.voted", "rita", "ann"),
        "frozen": ("freeze.set", "olga", "ann"),
        "lift-asked": ("freeze.lift-asked", "olga", "ann"),
        "lifted": ("freeze.lifted", "oscar", "ann"),
        "revoked": ("grant.revoked", "sue", "ann"),
        "explained": ("policy.explained", "olga", "olga"),
    }
    for decision, row in expected.items():
        entries = found(told, decision=decision)["entries"]
        assert [(item["kind"], item["actor"], item["person"]) for item in entries] == [row], decision
        if decision != "explained":
            assert entries[0]["datasets"] == ["clinic"], decision
    assert kinds(told, decision="refused") == ["query.refused"]  # a no to a grant or in an explanation is no refusal
    care = kinds(told, purpose="care")
    assert care[:2] == ["grant.revoked", "freeze.lifted"] and care[-1] == "grant.requested"
    books.verify(told.ledger)
    report = verify_export(read_log.export(enclave, told.olga), told.settings.log_key)
    assert "kind-unknown" not in {item.code for item in report.findings}


def test_by_time_since_is_in_and_until_is_out(told):
    at = START + timedelta(seconds=10)
    late = [item["index"] for item in found(told, since=at, kind="query.reused")["entries"]]
    assert len(late) == 1
    assert found(told, until=at, kind="query.reused")["entries"] == []
    everything = len(found(told)["entries"])
    before, after = (len(found(told, **{word: at})["entries"]) for word in ("until", "since"))
    assert before + after == everything + 2  # the two searches before the last are entries too


def test_pages_meet_without_gap_or_repeat(told):
    size = told.ledger.size()
    pages, before = [], size
    while before is not None:
        page = found(told, before=before, limit=3)
        pages.append([item["index"] for item in page["entries"]])
        before = page["next"]
    assert [index for page in pages for index in page] == list(range(size))[::-1]
    assert {len(page) for page in pages[:-1]} == {3}


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_page_has_bounds(told, limit):
    with pytest.raises(MalformedRequest):
        found(told, limit=limit)


@pytest.mark.parametrize("word", ["actor", "organisation", "dataset", "purpose", "decision", "kind", "text_tag"])
@pytest.mark.parametrize("wrong", ["", " ann", "a\nb", "x" * 201])
def test_a_word_that_no_entry_may_hold_is_refused_and_not_logged(told, word, wrong):
    size = told.ledger.size()
    with pytest.raises(MalformedRequest, match=word):
        found(told, **{word: wrong})
    assert told.ledger.size() == size


def test_text_and_its_tag_together_are_refused(told):
    with pytest.raises(MalformedRequest):
        found(told, text=COUNT, text_tag="00")


def test_every_search_is_an_entry_without_the_text_and_does_not_find_itself(told):
    page = found(told, text=COUNT, actor="ann", since=START, limit=7)
    last = told.entries()[-1]
    assert (last["kind"], last["actor"], page["searched"]) == ("log.searched", "olga", told.ledger.size() - 1)
    del last["facts"]["salt"]
    assert last["facts"] == {
        "filter": {"actor": "ann", "since": "2026-03-01T00:00:00.000000Z", "text_tag": text_tag(told.enclave, COUNT)},
        "before": None,
        "limit": 7,
        "bundle": told.enclave.bundle,
    }
    assert COUNT not in json.dumps(last)
    assert kinds(told, kind="log.searched") == ["log.searched"]


def test_show_proves_and_keeps_the_request_sealed(told):
    (item,) = found(told, kind="query.reserved")["entries"]
    size = told.ledger.size()
    shown = search_log.show(told.enclave, told.olga, item["index"]).to_json()
    assert shown["index"] == item["index"] and '"query.reserved"' in shown["entry"] and COUNT not in shown["entry"]
    assert told.ledger.size() == size
    for index in (-1, size):
        with pytest.raises(NotFound):
            search_log.show(told.enclave, told.olga, index)


@pytest.mark.parametrize("kind", ["query.reserved", "query.reused"])
def test_opening_is_written_down_with_its_reason(told, kind):
    (item,) = found(told, kind=kind)["entries"]
    opened = search_log.open_sealed(told.enclave, told.olga, item["index"], REASON).to_json()
    assert (opened["request"]["sql"], opened["request"]["purpose"]) == (COUNT, "research")
    last = told.entries()[-1]
    assert (last["kind"], last["actor"]) == ("entry.opened", "olga")
    assert (last["facts"]["index"], last["facts"]["reason"]) == (item["index"], REASON)
    assert json.loads(opened["opened"]["entry"]) == last
    books.verify(told.ledger)
    report = verify_export(read_log.export(told.enclave, told.olga), told.settings.log_key)
    assert [(finding.count, finding.first) for finding in report.findings if finding.code == "opened"] == [
        (1, told.ledger.size() - 1)
    ]
    assert report.kinds["log.searched"] == 1 and "kind-unknown" not in {item.code for item in report.findings}


@pytest.mark.parametrize(
    "reason", ["", "too short", "x" * 501, "line one\nline two", " padded reason", "bell \x07 in it"]
)
def test_no_reason_no_text(told, reason):
    size = told.ledger.size()
    with pytest.raises(MalformedRequest, match="reason"):
        search_log.open_sealed(told.enclave, told.olga, 0, reason)
    assert told.ledger.size() == size


def test_nothing_is_opened_where_nothing_is_sealed(told):
    (item,) = found(told, kind="query.committed")["entries"]
    size = told.ledger.size()
    with pytest.raises(MalformedRequest, match="sealed"):
        search_log.open_sealed(told.enclave, told.olga, item["index"], REASON)
    with pytest.raises(NotFound):
        search_log.open_sealed(told.enclave, told.olga, size, REASON)
    assert told.ledger.size() == size


def test_no_write_no_look(told, monkeypatch):
    (item,) = found(told, kind="query.reserved")["entries"]
    told.enclave.ledger.broken = True
    monkeypatch.setattr(search_log, "unseal", lambda *_: pytest.fail("opened without an entry"))
    monkeypatch.setattr(told.ledger, "search", lambda *_: pytest.fail("searched without an entry"))
    with pytest.raises(AuditUnavailable):
        search_log.open_sealed(told.enclave, told.olga, item["index"], REASON)
    with pytest.raises(AuditUnavailable):
        found(told)


def test_only_officers_look(told):
    size = told.ledger.size()
    for person in (told.administrator, told.sue, told.ann):
        for look in (
            lambda person=person: found(told, by=person),
            lambda person=person: search_log.show(told.enclave, person, 0),
            lambda person=person: search_log.open_sealed(told.enclave, person, 0, REASON),
        ):
            with pytest.raises(RoleNotPermitted):
                look()
    assert told.ledger.size() == size
