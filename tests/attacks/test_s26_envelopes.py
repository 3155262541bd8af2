"""S26: a sealed text handed to somebody else, or taken for another question, version, order or bucket.

`tests/unit/client/test_release_proofs.py` does it with whole releases. Here every envelope is tried with every other
recipient and context. The control: without a context, whoever has the key opens each as any other.
"""

from itertools import product

import pytest

from sandbox.proof.sealing import new_sealing_key, open_sealed, seal, seal_to, sealing_public, unseal
from sandbox.terms.refusal import ProofFailed

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
