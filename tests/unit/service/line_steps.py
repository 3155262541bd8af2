"""Steps of the line that tests take again and again: wait for the slot, read and open the release, look and vote."""

from dataclasses import dataclass

from service_world import COUNT

from sandbox.proof.bundle import open_bundle, verify_bundle
from sandbox.service import read_query, read_release, review_desk

LONG = 60_000
"""Milliseconds after which every query of these tests is settled."""


@dataclass(frozen=True)
class Pins:
    """The enclave's public keys, as a client has pinned them."""

    origin: str
    log_key: str
    release_key: str


def pins(world) -> Pins:
    return Pins(world.settings.origin, world.settings.log_key, world.enclave.release_key.verifier.text)


def later(world) -> None:
    world.at(world.clock.elapsed * 1000 + LONG)


def asked(world, sql=COUNT, key="key-00001", by="ann", **more):
    """Submitted, and past its slot."""
    query = world.submit(sql, key, by, **more)
    world.settle_down()  # the engine has answered: else the jump in time could pass every slot before it
    later(world)
    return query


def state(world, query, by="ann") -> str:
    return read_query.view(world.enclave, world.person(by), query.id).state


def release(world, query, by="ann") -> dict:
    """The released document, as the API gives it."""
    return read_release.release(world.enclave, world.person(by), query.id).to_json()


def released(world, sql=COUNT, key="key-00001", by="ann", **more):
    query = asked(world, sql, key, by, **more)
    return query, release(world, query, by)


def facts(world, document) -> dict:
    """The facts of a released document that verifies."""
    return verify_bundle(document, pins(world)).facts


def answer(world, document, by="ann") -> dict:
    """What is in it, opened with the analyst's newest keys."""
    return open_bundle(document, world.pairs[by], pins(world)).answer


def review_of(world, query):
    return world.ledger.review_of(read_query.answered_order(world.ledger.query(query.id)))


def look(world, reviewer, query) -> dict:
    return review_desk.copy(world.enclave, reviewer, review_of(world, query).opening.id).to_json()


def vote(world, reviewer, query, verdict="approve", reason="Nothing speaks against it", digest=None):
    """On what was just looked at, or on `digest`."""
    seen = digest or look(world, reviewer, query)["digest"]
    review = review_of(world, query).opening.id
    return review_desk.vote(world.enclave, reviewer, review, verdict, reason, seen)


def revoke(world, grant, by=None):
    from sandbox.service import grants

    return grants.revoke(world.enclave, by or world.sue, grant, "The contract has ended")


def freeze(world, subject, name):
    from sandbox.service import freeze

    return freeze.freeze(world.enclave, world.olga, subject, name, "Something looks wrong here").to_json()["id"]


def lift(world, stop):
    from sandbox.service import freeze

    for officer in (world.olga, world.oscar):
        freeze.lift(world.enclave, officer, stop, "It was a false alarm")
    world.settle_down()
