"""Keys are registered by who holds them, and replaced by who held the ones before."""

from dataclasses import replace

import pytest
from service_world import COUNT, ask

from sandbox.proof.key_pairs import POSSESSION, _message, key_id, new_key_pair, prove_possession, prove_rotation
from sandbox.proof.signing import VerifyingKey, is_signing_key
from sandbox.service import register_keys, submit_query
from sandbox.terms.people import PublicKeys
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


# -- keys that keep nothing: with those points of the curves everybody shares, no secret is one and no signature binds --------

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME


def added(one, other):
    """Two points of Ed25519's curve, added (RFC 8032 §5.1.4, affine)."""
    (x, y), (u, v) = one, other
    k = D * x * u * y * v % PRIME
    return (x * v + u * y) * pow(1 + k, -1, PRIME) % PRIME, (y * v + x * u) * pow(1 - k, -1, PRIME) % PRIME


def times(number, point):
    found = (0, 1)
    while number:
        found = added(found, point) if number & 1 else found
        point, number = added(point, point), number >> 1
    return found


def points():
    """Some points of the curve."""
    for y in range(2, 40):
        squared = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
        x = pow(squared, (PRIME + 3) // 8, PRIME)
        x = x if x * x % PRIME == squared else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if x * x % PRIME == squared:
            yield x, y


def small_order() -> set[bytes]:
    """Every point whose order divides 8, in every spelling."""
    found = {times(many, times(ORDER, point))[1] for point in points() for many in range(8)}
    spelled = [y + more for y in found for more in (0, PRIME) if y + more < 2**255]
    return {(y + sign).to_bytes(32, "little") for y in spelled for sign in (0, 2**255)}


def test_no_signing_key_of_small_order_is_registered(bare, eve):
    """Under the identity this signature is good for every message: its owner could deny all they signed."""
    identity, forged = b"\1" + bytes(31), b"\1" + bytes(63)
    VerifyingKey("eve", identity).verify(b"whatever", forged)
    refused_points = small_order()
    assert len(refused_points) == 14
    for point in refused_points:
        assert not is_signing_key(point)

        def call(point=point):
            return register_keys.register(bare.enclave, eve, new_key_pair("eve").public.sealing, point, forged)

        refused(bare, MalformedRequest, call)
    assert all(is_signing_key(new_key_pair("eve").public.signing) for _ in range(20))
    register(bare, eve, new_key_pair("eve"))  # control


LOW = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),
    bytes.fromhex("ee" + "ff" * 30 + "7f"),
]


@pytest.mark.parametrize("sealing", LOW, ids=bytes.hex)
def test_no_sealing_key_of_small_order_is_registered(bare, eve, sealing):
    """Nothing can be sealed to it: a release would fail at its slot, and at every start after that."""
    pair = new_key_pair("eve")
    keys = PublicKeys(key_id("eve", sealing, pair.public.signing), "eve", sealing, pair.public.signing)
    proof = pair.sign(_message(POSSESSION, keys, ORIGIN))
    call = lambda: register_keys.register(bare.enclave, eve, sealing, pair.public.signing, proof)  # noqa: E731
    refused(bare, MalformedRequest, call)
    register(bare, eve, pair)  # control
