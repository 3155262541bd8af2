"""S26: a sealed text handed to somebody else, or taken for another question, version, order or bucket; an order played again.

`tests/unit/client/test_release_proofs.py` does it with whole releases. Here every envelope is tried with every other
recipient and context. The control: without a context, whoever has the key opens each as any other. Orders are refused a
second time by the engine that they are for, and by every later one, since none has the nonce of an earlier; the control
is an engine that has, to which the same order is new.
"""

from itertools import product
from pathlib import Path

import pytest

from sandbox.proof.sealing import new_sealing_key, open_sealed, seal, seal_to, sealing_public, unseal
from sandbox.proof.signing import SigningKey
from sandbox.terms.canonical import canonical_bytes
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import SIGNING_CONTEXT, MeasureOrder, SourceVersion
from sandbox.terms.refusal import ProofFailed
from workers.admission import Admission, OrderRefused
from workers.fleet import Fleet
from workers.server import Server

ORDER_KEY = SigningKey("enclave.test/order", b"o" * 32)
PEOPLE = {name: new_sealing_key() for name in ("ann", "bob", "cas")}
CONTEXTS = ["q1|v1", "q2|v1", "q1|v2", "q1|v1|", ""]
ENVELOPES = {
    (who, context): seal_to(sealing_public(key), b"the answer", context.encode())
    for (who, key), context in product(PEOPLE.items(), CONTEXTS)
}
PLACES = [
    "kek.clinic",
    "kek.other",
    "space.people",
    "signer",
    "clinic|1|visits|0|rows|a|s",
    "clinic|2|visits|0|rows|a|s",
]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("who", PEOPLE)
def test_an_envelope_opens_for_its_reader_and_purpose_alone(who: str, context: str) -> None:
    for (other, place), envelope in ENVELOPES.items():
        if (other, place) == (who, context):
            assert open_sealed(PEOPLE[who], envelope, context.encode()) == b"the answer"
        else:
            with pytest.raises(ProofFailed):
                open_sealed(PEOPLE[who], envelope, context.encode())


@pytest.mark.parametrize("place", PLACES)
def test_a_sealed_key_opens_in_its_place_alone(place: str) -> None:
    sealed = seal(b"k" * 32, b"a key", place)
    assert unseal(b"k" * 32, sealed, place) == b"a key"
    for other in PLACES:
        if other != place:
            with pytest.raises(ProofFailed):
                unseal(b"k" * 32, sealed, other)


def test_control_without_a_context_each_passes_for_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = seal_to(sealing_public(PEOPLE["ann"]), b"the answer to another question", b"")
    assert open_sealed(PEOPLE["ann"], plain, b"") == b"the answer to another question"
    monkeypatch.setattr("sandbox.proof.aead._bound", lambda _: b"")
    sealed = seal(b"k" * 32, b"a key", "kek.clinic")
    assert all(unseal(b"k" * 32, sealed, place) == b"a key" for place in PLACES)


def engine(home: Path) -> Server:
    """A server as an engine process makes it at its start, which has no workers."""
    return Server.build(
        home=home,
        data_root=b"d" * 32,
        order_key=ORDER_KEY.verifier.text,
        scanners=Fleet([], []),
        network="private",
        threads=1,
        event=lambda _: None,
    )


def order(boot: str) -> tuple[bytes, bytes]:
    """A signed order for the engine of that nonce."""
    made = MeasureOrder("o_1", boot, (SourceVersion("clinic", 1, "0" * 64),), {}, {}, Loss(Mode.PURE, 1), 1_000)
    body = canonical_bytes(made.to_json())
    return body, ORDER_KEY.sign(SIGNING_CONTEXT + body)


def test_an_order_dies_with_the_engine_that_it_is_for(tmp_path: Path) -> None:
    engines = [engine(tmp_path) for _ in range(20)]
    boots = [made.status["boot"] for made in engines]
    assert len(set(boots)) == 20
    assert all(len(boot) == 32 for boot in boots)
    played = order(boots[0])
    assert engines[0].admission.measure(*played).id == "o_1"
    for made in engines:
        with pytest.raises(OrderRefused):
            made.admission.measure(*played)
    # The control: an engine under a nonce that was there before has not seen the order.
    assert Admission(ORDER_KEY.verifier, boots[0]).measure(*played).id == "o_1"
