"""Key pairs, their proofs, and signed submissions: good for exactly one thing each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.proof.key_pairs import (
    KeyPair,
    check_possession,
    check_rotation,
    key_id,
    new_key_pair,
    prove_possession,
    prove_rotation,
)
from sandbox.proof.sealing import open_sealed, seal_to
from sandbox.proof.submission import Submission, check_submission, sign_submission
from sandbox.terms.refusal import ProofFailed, SignatureInvalid

ANN = KeyPair("ann", b"\x11" * 32, b"\x22" * 32)
BOB = KeyPair("bob", b"\x33" * 32, b"\x44" * 32)
ASKED = Submission("enclave.test", "ann", ANN.id, "select 1", "research", "1.0", "to know", "key-1")


def test_ids_follow_from_person_and_both_halves():
    public = ANN.public
    assert public.id == ANN.id == key_id("ann", public.sealing, public.signing)
    assert public.id.startswith("k_")
    assert len(public.id) == 34
    others = {
        key_id("bob", public.sealing, public.signing),
        key_id("ann", public.signing, public.signing),
        key_id("ann", public.sealing, public.sealing),
    }
    assert public.id not in others
    assert len(others) == 3


def test_fresh_pairs_differ_and_show_nothing_private():
    first, second = new_key_pair("ann"), new_key_pair("ann")
    assert first.id != second.id
    assert first.sealing_private.hex() not in repr(first)
    assert repr(first) == "KeyPair(person='ann')"


def test_sealed_to_a_pair_opens_with_it_alone():
    sealed = seal_to(ANN.public.sealing, b"noisy", b"job")
    assert open_sealed(ANN.sealing_private, sealed, b"job") == b"noisy"
    with pytest.raises(ProofFailed):
        open_sealed(BOB.sealing_private, sealed, b"job")


def test_possession_is_of_these_keys_at_this_enclave():
    proof = prove_possession(ANN, "enclave.test")
    check_possession(ANN.public, "enclave.test", proof)
    for keys, origin, signature in (
        (ANN.public, "other.test", proof),
        (replace(ANN.public, sealing=BOB.public.sealing), "enclave.test", proof),
        (replace(ANN.public, person="bob"), "enclave.test", proof),
        (ANN.public, "enclave.test", prove_possession(BOB, "enclave.test")),
        (ANN.public, "enclave.test", b""),
        (ANN.public, "enclave.test", proof[:-1] + bytes([proof[-1] ^ 1])),
        (ANN.public, "enclave.test", prove_rotation(ANN, ANN.public, "enclave.test")),
    ):
        with pytest.raises(ProofFailed):
            check_possession(keys, origin, signature)


def test_new_keys_need_the_consent_of_the_current_ones():
    new = new_key_pair("ann")
    consent = prove_rotation(ANN, new.public, "enclave.test")
    check_rotation(ANN.public, new.public, "enclave.test", consent)
    for current, wanted, signature in (
        (BOB.public, new.public, consent),
        (ANN.public, BOB.public, consent),
        (ANN.public, new.public, prove_rotation(new, new.public, "enclave.test")),
        (ANN.public, new.public, prove_possession(ANN, "enclave.test")),
    ):
        with pytest.raises(ProofFailed):
            check_rotation(current, wanted, "enclave.test", signature)


def test_a_submission_is_signed_by_its_person_with_its_keys():
    check_submission(ANN.public, ASKED, sign_submission(ANN, ASKED))
    for keys, signature in (
        (BOB.public, sign_submission(ANN, ASKED)),
        (ANN.public, sign_submission(BOB, ASKED)),
        (BOB.public, sign_submission(BOB, ASKED)),
        (ANN.public, ""),
        (ANN.public, "ü"),
        (ANN.public, sign_submission(ANN, ASKED) + "="),
        (replace(ANN.public, person="bob"), sign_submission(ANN, ASKED)),
    ):
        with pytest.raises(SignatureInvalid):
            check_submission(keys, ASKED, signature)


@pytest.mark.parametrize("field", Submission.__slots__)
def test_a_signature_is_good_for_no_other_submission(field):
    signature = sign_submission(ANN, ASKED)
    with pytest.raises(SignatureInvalid):
        check_submission(ANN.public, replace(ASKED, **{field: getattr(ASKED, field) + " "}), signature)


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=8, max_size=8), st.integers(0, 6))
@settings(max_examples=60)
def test_no_two_submissions_are_one_message(texts, moved):
    """Text that moves from one field to the next is another message: fields do not run into each other."""
    first = Submission(*texts)
    shifted = list(texts)
    shifted[moved], shifted[moved + 1] = shifted[moved] + shifted[moved + 1], ""
    second = Submission(*shifted)
    assert (first.message() == second.message()) == (first == second)
    assert (first.digest == second.digest) == (first == second)
