"""A server that holds the right keys and lies, about the log or about what is inside: the client finds it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from client_world import LOSS, World, base64

from sandbox.client import Connection, MemoryKeyStore, Release
from sandbox.client.key_store import KeysElsewhere
from sandbox.proof.bundle import certificate_digest
from sandbox.proof.certificate import sign_certificate
from sandbox.proof.key_pairs import new_key_pair
from sandbox.proof.release_proof import envelope_digest
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.refusal import ProofFailed

SQL = "select sex, count(*) as n from clinic.visits group by sex"

Document = dict[str, Any]
Lie = Callable[[World, Document], Document]


@pytest.fixture
def ann(url: str) -> Iterator[Connection]:
    with Connection(url, "token-of-analyst", keys=MemoryKeyStore()) as connection:
        yield connection


def run(ann: Connection, sql: str = SQL) -> Release:
    return ann.query(sql, purpose="research", epsilon="1").run().result()


def relogged(world: World, document: Document, which: str, kind: str | None = None, **facts: object) -> Document:
    """The release with one of its entries written anew, in the log and under a good checkpoint, but saying otherwise."""
    known, said = world.facts_of(document["receipts"][which]["index"])
    found = world.append(kind or known, said | facts)
    return document | {"receipts": document["receipts"] | {which: world.stated(found)}}


def recertified(world: World, document: Document, **facts: object) -> Document:
    """The release under a certificate that the release key signed over other facts, and that the log states."""
    certificate = sign_certificate(document["certificate"]["facts"] | facts, world.release_key)
    _, said = world.facts_of(document["receipts"]["released"]["index"])
    envelope = facts.get("envelope", said["envelope"])
    found = world.append(
        "release.released", said | {"certificate": certificate_digest(certificate), "envelope": envelope}
    )
    receipts = document["receipts"] | {"released": world.stated(found)}
    return document | {"certificate": certificate, "receipts": receipts}


def bare_leaf(world: World, document: Document) -> Document:
    found = world.append_bytes(canonical_bytes({"not": "an entry"}))
    return document | {"receipts": document["receipts"] | {"released": world.stated(found)}}


def review(document: Document, **changes: object) -> Document:
    return document["certificate"]["facts"]["review"] | changes


def rubbish(world: World, document: Document) -> Document:
    envelope = b"\x41" + bytes(5000)
    return recertified(world, document, envelope=envelope_digest(envelope)) | {"envelope": base64(envelope)}


LIES: dict[str, Lie] = {
    "the log let out another certificate": lambda w, d: relogged(w, d, "released", certificate="00" * 32),
    "the log let out another envelope": lambda w, d: relogged(w, d, "released", envelope="00" * 32),
    "the log let it out to other keys": lambda w, d: relogged(w, d, "released", key="k_" + "0" * 32),
    "the log committed another order": lambda w, d: relogged(w, d, "committed", order="o_other"),
    "the log forfeited it": lambda w, d: relogged(w, d, "committed", kind="query.forfeited"),
    "the log held it": lambda w, d: relogged(w, d, "committed", review=review(d, outcome="held", votes=1)),
    "more was reserved than certified": lambda w, d: relogged(w, d, "reserved", loss=LOSS | {"units": "999"}),
    "more was certified than reserved": lambda w, d: recertified(w, d, loss=LOSS | {"units": "999"}),
    "it was reserved for another dataset": lambda w, d: relogged(w, d, "reserved", dataset="roads"),
    "it was reserved under another grant": lambda w, d: relogged(w, d, "reserved", grant="g_2"),
    "it was reserved for another query": lambda w, d: relogged(w, d, "reserved", query="q_9"),
    "it was reserved elsewhere in the log": lambda w, d: relogged(w, d, "reserved"),
    "it was let out before it was committed": lambda w, d: relogged(w, d, "committed"),
    "nobody approved it": lambda w, d: recertified(w, d, review=review(d, decision="rejected")),
    "the certificate is of the old format": lambda w, d: recertified(w, d, format="sandbox/certificate/v2"),
    "the certificate is of a weaker suite": lambda w, d: recertified(w, d, suite="sandbox-suite-0"),
    "the certificate says more than certificates do": lambda w, d: recertified(w, d, more="x"),
    "another cost is shown": lambda _, d: d | {"cost": d["cost"] | {"amount": "0.001"}},
    "it is called reused": lambda _, d: d | {"reused": True, "cost": d["cost"] | {"amount": "0"}},
    "the text is not that of the leaf": lambda _, d: with_receipt(d, entry="{}"),
    "the text is no text": lambda _, d: with_receipt(d, entry=7),
    "the index is no number": lambda _, d: with_receipt(d, index="3"),
    "the leaf is no entry": bare_leaf,
    "the answer certified is another": lambda w, d: recertified(w, d, answer="00" * 32),
    "the request certified is another": lambda w, d: recertified(w, d, submission="00" * 32),
    "the data version is another": lambda w, d: recertified(w, d, data_version=2),
    "the envelope is rubbish, and certified": rubbish,
}


def with_receipt(document: Document, **changes: object) -> Document:
    receipts = document["receipts"]
    return document | {"receipts": receipts | {"released": receipts["released"] | changes}}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_found(ann: Connection, world: World, lie: Lie) -> None:
    release = run(ann)
    release.verify()
    told = lie(world, release.document)
    with pytest.raises(ProofFailed):
        Release.open(told, release.pins, ann.keys)


def test_the_control_the_same_made_anew_without_a_lie_opens(ann: Connection, world: World) -> None:
    release = run(ann)
    again = recertified(world, release.document)
    assert Release.open(again, release.pins, ann.keys).to_pylist() == release.to_pylist()


def test_a_reused_answer_is_proved_by_the_first_query_s_entries_and_its_own(ann: Connection, world: World) -> None:
    release = run(ann, SQL + " again")
    assert (release.reused, release.cost["amount"], release.id) == (True, "0", "q_1")
    assert release.verify().reused == "q_1"
    for told in (
        relogged(world, release.document, "reused", of="q_8"),
        relogged(world, release.document, "reused", query="q_8"),
        relogged(world, release.document, "reused", person="ben"),
        release.document | {"reused": False},
        release.document | {"cost": release.cost | {"amount": "0.018"}},
    ):
        with pytest.raises(ProofFailed):
            Release.open(told, release.pins, ann.keys)


def test_the_release_of_another_query_is_not_taken_for_the_one_asked_for(
    ann: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run(ann), run(ann, SQL + " ")
    true_json = ann.transport.json
    monkeypatch.setattr(
        ann.transport,
        "json",
        lambda method, path, **more: true_json(method, path.replace(second.id, first.id), **more),
    )
    with pytest.raises(ProofFailed):
        ann.release(second.id)


def test_the_answer_to_another_signed_request_is_not_taken(ann: Connection, world: World) -> None:
    """The enclave gives the second question's id to the first: only what was signed tells them apart."""
    first = ann.query(SQL, purpose="research", epsilon="1").run()
    second = ann.query(SQL + " ", purpose="research", epsilon="1").run()
    assert second.result().id == "q_2"
    with pytest.raises(ProofFailed, match="another request"):
        replace(first, id=second.id).result()


def test_the_same_text_asked_while_it_ran_shares_the_answer(ann: Connection) -> None:
    """The enclave attaches it to the query that runs: it is the same text, purpose and ε, under another idempotency key."""
    first = ann.query(SQL, purpose="research", epsilon="1").run()
    assert first.submission is not None
    asked = replace(first.submission, idempotency_key="another", epsilon="1.0")
    assert replace(first, submission=asked).result().id == first.id
    for other in ({"purpose": "care"}, {"epsilon": "2"}, {"epsilon": "x"}, {"person": "ben"}, {"sql": "select 1"}):
        with pytest.raises(ProofFailed, match="another request"):
            replace(first, submission=replace(asked, **other)).result()


def test_a_stored_answer_is_for_the_same_purpose_and_loss(ann: Connection) -> None:
    again = ann.query(SQL + " again", purpose="research", epsilon="1").run()
    assert again.submission is not None and again.result().reused
    for other in ({"purpose": "care"}, {"epsilon": "2"}, {"origin": "another.enclave"}):
        with pytest.raises(ProofFailed, match="another request"):
            replace(again, submission=replace(again.submission, **other)).result()


def test_nothing_is_written_through_a_link_that_somebody_laid(ann: Connection, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / ".release.json.part").symlink_to(victim)
    release = run(ann)
    assert Release.load(release.save(tmp_path / "release.json"), release.pins, ann.keys).id == release.id
    assert victim.read_text() == "kept"


def test_a_release_to_others_stays_closed(ann: Connection, url: str) -> None:
    release = run(ann)
    with pytest.raises(KeysElsewhere, match="memory of this program"):
        Release.open(release.document, release.pins, MemoryKeyStore())
    stranger = MemoryKeyStore()
    stranger.keep("enclave.test", new_key_pair("analyst"))
    with pytest.raises(KeysElsewhere):
        Release.open(release.document, release.pins, stranger)


def test_nothing_is_opened_that_does_not_verify(ann: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order matters: an envelope of unknown origin never reaches the private key."""
    release = run(ann)
    touched = []
    monkeypatch.setattr("sandbox.client.release.usable", lambda *_: touched.append(1))
    with pytest.raises(ProofFailed):
        Release.open(release.document | {"envelope": "AAAA"}, release.pins, ann.keys)
    assert touched == []
