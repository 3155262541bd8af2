"""Keys in the terms of C2SP signed notes, against the example that ships with Go's note package."""

from base64 import b64decode, b64encode

import pytest

from sandbox.proof.signing import SigningKey, VerifyingKey, new_seed, strict_base64
from sandbox.terms.refusal import ProofFailed

SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
NOTE = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
LINE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def test_the_published_example():
    key = SigningKey("PeterNeumann", SEED)
    assert key.verifier.text == VKEY
    assert key.verifier.short == "PeterNeumann+c74f20a3"
    assert b64encode(key.verifier.id + key.sign(NOTE)).decode() == LINE
    VerifyingKey.parse(VKEY).verify(NOTE, b64decode(LINE)[4:])


def test_vkey_text_round_trips():
    for name in ("enclave", "example.com/log", "城市-飞地"):
        key = SigningKey(name, new_seed()).verifier
        assert VerifyingKey.parse(key.text) == key


def test_seeds_are_fresh_and_hidden():
    first, second = new_seed(), new_seed()
    assert first != second
    assert len(first) == 32
    assert repr(first) not in repr(SigningKey("log", first))
    assert "seed" not in repr(SigningKey("log", first))


def test_another_message_signature_or_key_fails():
    key = SigningKey("log", bytes(range(32)))
    signature = key.sign(b"message")
    key.verifier.verify(b"message", signature)
    wrong = [
        (key.verifier, b"messagf", signature),
        (key.verifier, b"message", signature[:-1]),
        (key.verifier, b"message", signature + b"\0"),
        (key.verifier, b"message", b""),
        (SigningKey("log", new_seed()).verifier, b"message", signature),
    ]
    wrong += [
        (key.verifier, b"message", (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)) for bit in range(0, 512, 7)
    ]
    for verifier, message, text in wrong:
        with pytest.raises(ProofFailed):
            verifier.verify(message, text)


def test_the_other_signature_of_the_same_scalar_is_refused():
    """Ed25519 with S + L would verify in a lax library: the same statement, two byte strings."""
    order = 2**252 + 27742317777372353535851937790883648493
    key = SigningKey("log", bytes(range(32)))
    signature = key.sign(b"message")
    twin = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(ProofFailed):
        key.verifier.verify(b"message", twin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        VKEY + " ",
        VKEY + "\n",
        " " + VKEY,
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("Peter", "Pieter"),
        VKEY.replace("Peter", "Peter "),
        VKEY.replace("ARpc", "AhpC"),
        VKEY[:-1] + "X",
        VKEY[:-4],
        VKEY.replace("ARpc", "AR\npc"),
        None,
    ],
)
def test_other_vkey_texts_are_refused(text):
    with pytest.raises(ProofFailed):
        VerifyingKey.parse(text)


def test_an_algorithm_other_than_ed25519_is_refused():
    from hashlib import sha256

    public = bytes(32)
    identity = sha256(b"log\n\x04" + public).digest()[:4].hex()
    encoded = b64encode(b"\x04" + public).decode()
    with pytest.raises(ProofFailed, match="Ed25519"):
        VerifyingKey.parse(f"log+{identity}+{encoded}")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2028b", "x" * 257, "a\x00b"])
def test_names_that_no_key_may_have(name):
    with pytest.raises(ValueError, match="key name"):
        SigningKey(name, bytes(32))
    with pytest.raises(ValueError, match="key name"):
        VerifyingKey(name, bytes(32))


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match="seed"):
        SigningKey("log", bytes(31))
    with pytest.raises(ValueError, match="public"):
        VerifyingKey("log", bytes(33))


@pytest.mark.parametrize("text", ["AA=", "AB==", "AA==\n", "A", "A*==", "ＡＡ==", "AA==AA=="])
def test_base64_has_one_spelling(text):
    with pytest.raises(ValueError, match="Base64"):
        strict_base64(text)


def test_base64_of_that_spelling_is_read():
    assert strict_base64("AA==") == b"\0"
    assert strict_base64("") == b""
