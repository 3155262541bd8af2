"""A server that holds the right keys and lies about what stands in its log: the client finds it."""

from collections.abc import Callable, Iterator
from typing import Any

import face_world
import pytest
from face_world import World

from sandbox.client.connection import Connection
from sandbox.client.release import Release
from sandbox.proof.certificate import sign_certificate
from sandbox.proof.merkle import leaf_hash
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.refusal import Fault, ProofFailed

SQL = "select sex, count(*) as n from clinic.visits group by sex"

Lie = Callable[[World, Release], dict[str, Any]]


@pytest.fixture
def ann(url: str) -> Iterator[Connection]:
    with Connection(url, "token-of-analyst") as connection:
        yield connection


def run(ann: Connection, sql: str = SQL) -> Release:
    return ann.query(sql, purpose="research", epsilon="1").run().result()


def relogged(world: World, release: Release, which: str, kind: str | None = None, **facts: object) -> dict[str, Any]:
    """The release with one of its entries written anew, in the log and under a good checkpoint, but saying otherwise."""
    entry = world.read_entry(release.document[which]["index"])
    found = world.append(kind or entry["kind"], entry["facts"] | facts)
    return release.document | {which: world.stated(found)}


def recertified(world: World, release: Release, **facts: object) -> dict[str, Any]:
    """The release under a certificate that the release key signed over other facts."""
    certificate = sign_certificate(release.certificate["facts"] | facts, world.release_key)
    whole = digest({"answer": release.document["answer"], "certificate": certificate})
    return relogged(world, release, "receipt", answer=whole) | {"certificate": certificate}


LIES: dict[str, Lie] = {
    "the log committed another answer": lambda w, r: relogged(w, r, "receipt", answer="00" * 32),
    "the log committed another order": lambda w, r: relogged(w, r, "receipt", order="o_other"),
    "the log forfeited it": lambda w, r: relogged(w, r, "receipt", kind="query.forfeited"),
    "more was reserved than certified": lambda w, r: relogged(
        w, r, "reserved_receipt", loss=face_world.LOSS | {"units": "999"}
    ),
    "more was certified than reserved": lambda w, r: recertified(w, r, loss=face_world.LOSS | {"units": "999"}),
    "another cost is shown": lambda _, r: r.document | {"cost": r.cost | {"amount": "0.001"}},
    "it was reserved for another dataset": lambda w, r: relogged(w, r, "reserved_receipt", dataset="roads"),
    "it was reserved under another grant": lambda w, r: relogged(w, r, "reserved_receipt", grant="g_2"),
    "it was reserved for another query": lambda w, r: relogged(w, r, "reserved_receipt", query="q_9"),
    "it was reserved elsewhere in the log": lambda w, r: relogged(w, r, "reserved_receipt"),
    "it is called reused": lambda _, r: r.document | {"reused": True, "cost": r.cost | {"amount": "0"}},
    "the text is not that of the leaf": lambda _, r: r.document | {"receipt": r.receipt | {"entry": "{}"}},
    "no text": lambda _, r: r.document | {"receipt": {k: v for k, v in r.receipt.items() if k != "entry"}},
    "the text is no text": lambda _, r: r.document | {"receipt": r.receipt | {"entry": 7}},
    "the index is no number": lambda _, r: r.document | {"receipt": r.receipt | {"index": str(r.receipt["index"])}},
    "the leaf is no entry": lambda w, r: r.document | {"receipt": bare_leaf(w)},
}


def bare_leaf(world: World) -> dict[str, Any]:
    body = canonical_bytes({"not": "an entry"})
    world.hashes += face_world.stored_hashes(len(world.entries), leaf_hash(body), world.read)
    world.entries.append(body)
    return world.stated(world.receipt(len(world.entries) - 1))


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_about_the_log_is_found(ann: Connection, world: World, lie: Lie) -> None:
    release = run(ann)
    release.verify()
    told = Release.from_json(lie(world, release), release.pins)
    with pytest.raises(ProofFailed):
        told.verify()


def test_a_reused_answer_is_proved_by_the_first_query_s_entry_and_its_own(ann: Connection, world: World) -> None:
    release = run(ann, SQL + " again")
    assert (release.reused, release.cost["amount"]) == (True, "0")
    release.verify()
    for told in (
        relogged(world, release, "reserved_receipt", of="q_8"),
        relogged(world, release, "reserved_receipt", query="q_8"),
        release.document | {"reused": False},
        release.document | {"cost": release.cost | {"amount": "0.018"}},
    ):
        with pytest.raises(ProofFailed):
            Release.from_json(told, release.pins).verify()


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
    with pytest.raises(Fault):
        ann.release(second.id)
