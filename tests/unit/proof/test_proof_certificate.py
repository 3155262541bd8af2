"""Certificates: signed facts that anyone can check."""

import copy
import json

import pytest

from sandbox.proof.certificate import sign_certificate, verify_certificate
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import ProofFailed

KEY = SigningKey("enclave/certificates", bytes(range(32)))
FACTS = {"order": "o1", "answer": "ab" * 32, "loss": {"mode": "zcdp", "units": "17", "delta": "0"}, "clock": True}
DOCUMENT = sign_certificate(FACTS, KEY)


def test_it_verifies_through_json():
    assert verify_certificate(json.loads(json.dumps(DOCUMENT)), KEY.verifier) == FACTS
    assert set(DOCUMENT) == {"facts", "key", "signature"}
    assert DOCUMENT["key"] == KEY.verifier.short


def edited(**fields):
    return {name: item for name, item in {**copy.deepcopy(DOCUMENT), **fields}.items() if item is not ...}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        edited(facts=...),
        edited(extra=1),
        edited(facts={**FACTS, "order": "o2"}),
        edited(facts={**FACTS, "more": 1}),
        edited(facts={**FACTS, "clock": 1.0}),
        edited(facts={**FACTS, "clock": False}),
        edited(facts=[]),
        edited(key="enclave/certificates+00000000"),
        edited(key=KEY.verifier.text),
        edited(signature="AAAA"),
        edited(signature=""),
        edited(signature=None),
        edited(signature=DOCUMENT["signature"] + "\n"),
    ],
)
def test_anything_else_is_refused(document):
    with pytest.raises(ProofFailed):
        verify_certificate(document, KEY.verifier)


def test_another_key_is_refused():
    for other in (SigningKey("enclave/certificates", bytes(32)), SigningKey("elsewhere", bytes(range(32)))):
        with pytest.raises(ProofFailed, match="not signed by the key"):
            verify_certificate(DOCUMENT, other.verifier)


def test_a_signature_of_another_purpose_is_refused():
    """The context keeps a signature over the same bytes for another purpose from passing as a certificate."""
    from base64 import b64encode

    from sandbox.terms.canonical import canonical_bytes

    bare = KEY.sign(canonical_bytes(FACTS))
    with pytest.raises(ProofFailed):
        verify_certificate(edited(signature=b64encode(bare).decode()), KEY.verifier)


def test_every_changed_bit_of_the_signature_is_refused():
    from base64 import b64decode, b64encode

    signature = b64decode(DOCUMENT["signature"])
    for bit in range(0, 512, 5):
        changed = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)
        with pytest.raises(ProofFailed):
            verify_certificate(edited(signature=b64encode(changed).decode()), KEY.verifier)


def test_facts_without_canonical_form_are_not_signed():
    for facts in ({"x": 0.5}, {"x": 2**60}, {1: 2}):
        with pytest.raises((ValueError, TypeError)):
            sign_certificate(facts, KEY)
