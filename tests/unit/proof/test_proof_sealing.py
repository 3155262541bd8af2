"""Sealing: the round trip, what is bound, and an independent HPKE that opens what ours sealed."""

import hmac
from hashlib import sha256
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

from sandbox.proof.sealing import derive, new_sealing_key, open_sealed, seal, seal_to, sealing_public, tag, unseal
from sandbox.terms.refusal import ProofFailed

KEY = bytes(range(32))


def flips(data: bytes):
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            yield bytes(changed)


@pytest.mark.parametrize("text", [b"", b"x", bytes(100_000)])
def test_sealing_round_trips(text):
    sealed = seal(KEY, text, "request|q1")
    assert unseal(KEY, sealed, "request|q1") == text
    assert len(sealed) == len(text) + 1 + 12 + 16
    assert sealed[0] == 1


def test_every_changed_byte_and_every_cut_is_refused():
    sealed = seal(KEY, b"some text", "place")
    for changed in [*flips(sealed), *(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(ProofFailed):
            unseal(KEY, changed, "place")


def test_context_and_key_are_bound():
    sealed = seal(KEY, b"some text", "dataset|1")
    for key, context in ((KEY, "dataset|2"), (KEY, ""), (KEY, "dataset|1 "), (bytes(32), "dataset|1")):
        with pytest.raises(ProofFailed):
            unseal(key, sealed, context)


def test_control_without_context_a_swapped_text_would_open():
    """The plain cipher with no associated data opens a text that was moved to another place."""
    cipher = AESGCMSIV(KEY)
    moved = cipher.encrypt(bytes(12), b"some text", None)
    assert cipher.decrypt(bytes(12), moved, None) == b"some text"


def test_no_nonce_repeats():
    nonces = {seal(KEY, b"", "")[1:13] for _ in range(20_000)}
    assert len(nonces) == 20_000


@pytest.mark.slow
def test_no_nonce_repeats_in_a_million():
    assert len({seal(KEY, b"", "")[1:13] for _ in range(1_000_000)}) == 1_000_000


def test_keys_of_another_length_are_refused():
    for key in (b"", bytes(16), bytes(33)):
        for call in (
            lambda k: seal(k, b"", ""),
            lambda k: unseal(k, b"", ""),
            lambda k: derive(k, "x"),
            lambda k: tag(k, "x"),
        ):
            with pytest.raises(ValueError, match="32 bytes"):
                call(key)


def test_derived_keys_are_hkdf_and_differ_by_label():
    pseudo_random = hmac.digest(bytes(32), KEY, "sha256")
    assert derive(KEY, "control") == hmac.digest(pseudo_random, b"sandbox/derive/v1\ncontrol\x01", "sha256")
    labels = ["control", "data", "", "control ", "contro"]
    assert len({derive(KEY, label) for label in labels} | {KEY}) == len(labels) + 1
    assert derive(KEY, "control") == derive(KEY, "control")


def test_tags_find_the_same_text_and_only_that():
    assert tag(KEY, "select 1") == tag(KEY, "select 1")
    assert len({tag(KEY, "select 1"), tag(KEY, "select 2"), tag(bytes(32), "select 1")}) == 3
    assert tag(KEY, "select 1") == hmac.new(KEY, b"sandbox/tag/v1\nselect 1", "sha256").hexdigest()
    assert tag(KEY, "x") != sha256(b"x").hexdigest()


# -- to a public key ---------------------------------------------------------------------------------------------------


def _extract(salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(key: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2) + b"HPKE-v1" + suite + label + info
    found, block = b"", b""
    while len(found) < length:
        block = hmac.digest(key, block + labeled + bytes([len(found) // 32 + 1]), "sha256")
        found += block
    return found[:length]


def open_by_rfc_9180(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """RFC 9180 base mode, DHKEM(X25519), HKDF-SHA256, AES-256-GCM, read from the RFC and nothing else."""
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    key = X25519PrivateKey.from_private_bytes(private)
    shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    kem, hpke = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    secret = _expand(
        _extract(b"", kem, b"eae_prk", shared), kem, b"shared_secret",
        encapsulated + key.public_key().public_bytes_raw(), 32,
    )  # fmt: skip
    context = b"\x00" + _extract(b"", hpke, b"psk_id_hash", b"") + _extract(b"", hpke, b"info_hash", info)
    scheduled = _extract(secret, hpke, b"secret", b"")
    return AESGCM(_expand(scheduled, hpke, b"key", context, 32)).decrypt(
        _expand(scheduled, hpke, b"base_nonce", context, 12), ciphertext, b""
    )


def test_an_independent_hpke_opens_it():
    private = new_sealing_key()
    sealed = seal_to(sealing_public(private), b"an answer", b"job 1")
    assert sealed[:1] == b"\x41"
    assert open_by_rfc_9180(private, sealed[1:], b"sandbox/sealed-to/v1\njob 1") == b"an answer"
    assert open_sealed(private, sealed, b"job 1") == b"an answer"


def test_every_swapped_pair_of_envelopes_is_refused():
    """Each envelope opens with its own key and info, and with no other's; both are bound."""
    holders = [new_sealing_key() for _ in range(3)]
    cases = [(private, info) for private in holders for info in (b"job 1|ann", b"job 2|ann")]
    sealed = [seal_to(sealing_public(private), b"answer", info) for private, info in cases]
    for (private, info), text in zip(cases, sealed, strict=True):
        assert open_sealed(private, text, info) == b"answer"
    for mine, other in permutations(range(len(cases)), 2):
        with pytest.raises(ProofFailed):
            open_sealed(*cases[mine][:1], sealed[other], cases[mine][1])


def test_every_changed_byte_of_an_envelope_is_refused():
    private = new_sealing_key()
    sealed = seal_to(sealing_public(private), b"an answer", b"job")
    # among them the top bit of the encapsulated key, which X25519 itself ignores and HPKE binds all the same
    for changed in [*flips(sealed), *(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(ProofFailed):
            open_sealed(private, changed, b"job")


def test_unusable_public_keys_are_refused():
    for public in (b"", bytes(31), bytes(33)):
        with pytest.raises(ValueError, match="32"):
            seal_to(public, b"", b"")
    with pytest.raises(ValueError):
        seal_to(bytes(32), b"", b"")
