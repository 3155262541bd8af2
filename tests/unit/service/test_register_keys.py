"""Keys are registered by who holds them, and replaced by who held the ones before."""

from dataclasses import replace

import pytest
from service_world import COUNT, ask

from sandbox.proof.key_pairs import new_key_pair, prove_possession, prove_rotation
from sandbox.service import register_keys, submit_query
from sandbox.terms.refusal import (
    KeysRequired,
    MalformedRequest,
    NameTaken,
    RoleNotPermitted,
    SandboxError,
    SignatureInvalid,
)

ORIGIN = "enclave.test"


@pytest.fixture
def eve(bare):
    return bare.enrol("eve", "acme", "analyst")


def register(world, person, pair, *, proof=None, rotation=None):
    keys = pair.public
    proof = prove_possession(pair, ORIGIN) if proof is None else proof
    return register_keys.register(world.enclave, person, keys.sealing, keys.signing, proof, rotation)


def refused(world, refusal, call):
    size = world.ledger.size()
    with pytest.raises(refusal):
        call()
    assert world.ledger.size() == size


def test_first_keys_need_a_proof_and_are_one_entry(bare, eve):
    pair, size = new_key_pair("eve"), bare.ledger.size()
    shown = register(bare, eve, pair).to_json()
    (entry,) = bare.entries()[size:]
    assert (entry["kind"], entry["actor"]) == ("keys.registered", "eve")
    assert {name: entry["facts"][name] for name in ("person", "key", "sealing", "signing")} == {
        "person": "eve",
        "key": shown["id"],
        "sealing": shown["sealing"],
        "signing": shown["signing"],
    }
    assert shown["id"] == pair.id and bare.ledger.keys("eve") == [pair.public]
    assert [view.to_json() for view in register_keys.mine(bare.enclave, eve)] == [shown]


def test_a_proof_of_something_else_is_refused(bare, eve):
    pair, other = new_key_pair("eve"), new_key_pair("eve")
    mallory = new_key_pair("mallory")
    for proof in (
        b"",
        b"\0" * 64,
        prove_possession(other, ORIGIN),
        prove_possession(pair, "another.enclave"),
        prove_possession(replace(pair, person="mallory"), ORIGIN),
        prove_possession(mallory, ORIGIN),
    ):
        refused(bare, SignatureInvalid, lambda proof=proof: register(bare, eve, pair, proof=proof))
    register(bare, eve, pair)  # the control


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_have_32_bytes(bare, eve, length):
    public = new_key_pair("eve").public
    for sealing, signing in ((b"\1" * length, public.signing), (public.sealing, b"\1" * length)):
        refused(
            bare,
            MalformedRequest,
            lambda sealing=sealing, signing=signing: register_keys.register(
                bare.enclave, eve, sealing, signing, b"\0" * 64
            ),
        )


def test_later_keys_need_the_current_ones_word(bare, eve):
    first, second, third = (new_key_pair("eve") for _ in range(3))
    register(bare, eve, first)
    for rotation in (
        None,
        b"\0" * 64,
        prove_rotation(second, second.public, ORIGIN),  # a thief of the token has only new keys
        prove_rotation(first, third.public, ORIGIN),
        prove_rotation(first, second.public, "another.enclave"),
    ):
        refused(bare, SignatureInvalid, lambda rotation=rotation: register(bare, eve, second, rotation=rotation))
    register(bare, eve, second, rotation=prove_rotation(first, second.public, ORIGIN))  # the control
    assert [keys.id for keys in bare.ledger.keys("eve")] == [first.id, second.id]
    refused(
        bare,
        SignatureInvalid,
        lambda: register(bare, eve, third, rotation=prove_rotation(first, third.public, ORIGIN)),
    )
    register(bare, eve, third, rotation=prove_rotation(second, third.public, ORIGIN))


def test_the_same_keys_are_registered_once(bare, eve):
    pair = new_key_pair("eve")
    register(bare, eve, pair)
    refused(bare, NameTaken, lambda: register(bare, eve, pair, rotation=prove_rotation(pair, pair.public, ORIGIN)))


def test_only_analysts_have_keys(bare):
    for person in (bare.sue, bare.olga, bare.rita, bare.administrator):
        refused(bare, RoleNotPermitted, lambda person=person: register(bare, person, new_key_pair(person.name)))
        with pytest.raises(RoleNotPermitted):
            register_keys.mine(bare.enclave, person)


def test_without_keys_nothing_is_submitted(world):
    eve = world.enrol("eve", "acme", "analyst")
    world.grant("eve")
    world.pairs["eve"] = new_key_pair("eve")
    with pytest.raises((KeysRequired, SignatureInvalid)) as no:
        submit_query.submit(world.enclave, eve, ask(world, COUNT, by=eve), "key-00001")
    assert isinstance(no.value, SandboxError)
    world.pairs.clear()
    world.register_keys(eve)
    assert submit_query.submit(world.enclave, eve, ask(world, COUNT, by=eve), "key-00001").id
