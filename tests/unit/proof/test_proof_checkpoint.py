"""Checkpoints as signed notes: exactly one spelling, nothing believed before its signature."""

from base64 import b64encode

import pytest

from sandbox.proof.checkpoint import SIGNATURES_LIMIT, Checkpoint, open_checkpoint, sign_checkpoint
from sandbox.proof.merkle import leaf_hash
from sandbox.proof.signing import SigningKey
from sandbox.terms.refusal import ProofFailed

KEY = SigningKey("example.com/enclave", bytes(range(32)))
WITNESS = SigningKey("witness.example/w1", bytes(range(1, 33)))
ORIGIN = "example.com/enclave"
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, leaf_hash(b"x"))
TEXT = sign_checkpoint(CHECKPOINT, KEY)


def signature_line(body: str, key: SigningKey, name: str | None = None) -> str:
    return f"— {name or key.name} {b64encode(key.verifier.id + key.sign(body.encode())).decode()}\n"


def note(body: str, *lines: str) -> str:
    return body + "\n" + "".join(lines or (signature_line(body, KEY),))


def refuse(text, verifier=KEY.verifier, origin=ORIGIN, match=None):
    with pytest.raises(ProofFailed, match=match):
        open_checkpoint(text, verifier, origin)


def test_it_opens():
    assert open_checkpoint(TEXT, KEY.verifier, ORIGIN) == CHECKPOINT
    lines = TEXT.split("\n")
    assert lines[0] == ORIGIN
    assert lines[1] == "20852163"
    assert lines[3] == ""
    assert lines[4].startswith("— example.com/enclave ")
    assert lines[5] == ""
    assert len(lines) == 6


def test_the_empty_log_has_a_checkpoint():
    empty = Checkpoint(ORIGIN, 0, bytes(32))
    assert open_checkpoint(sign_checkpoint(empty, KEY), KEY.verifier, ORIGIN) == empty


def test_signatures_of_unknown_keys_are_ignored():
    body = CHECKPOINT.body
    namesake = SigningKey(KEY.name, bytes(32))
    stranger_with_our_id = f"— elsewhere {b64encode(KEY.verifier.id + bytes(64)).decode()}\n"
    longer = f"— pq.example {b64encode(b'abcd' + bytes(2420)).decode()}\n"
    others = [signature_line(body, WITNESS), signature_line(body, namesake), stranger_with_our_id, longer]
    ours = signature_line(body, KEY)
    for place in range(5):
        lines = [*others[:place], ours, *others[place:]]
        assert open_checkpoint(note(body, *lines), KEY.verifier, ORIGIN) == CHECKPOINT
    refuse(note(body, *others), match="not signed by the key")
    assert open_checkpoint(note(body, *others, ours), WITNESS.verifier, ORIGIN) == CHECKPOINT


def test_a_bad_signature_of_a_known_key_refuses_the_note():
    body = CHECKPOINT.body
    bad = f"— {KEY.name} {b64encode(KEY.verifier.id + bytes(64)).decode()}\n"
    refuse(note(body, bad), match="signature")
    refuse(note(body, bad, signature_line(body, KEY)), match="twice")
    refuse(note(body, signature_line(body, KEY), bad), match="twice")
    short = f"— {KEY.name} {b64encode(KEY.verifier.id + bytes(63)).decode()}\n"
    refuse(note(body, short), match="malformed")


def test_duplicate_signatures_are_refused():
    line = signature_line(CHECKPOINT.body, KEY)
    refuse(note(CHECKPOINT.body, line, line), match="twice")


def test_another_log_or_key_is_refused():
    refuse(TEXT, origin="example.com/other", match="another log")
    refuse(TEXT, verifier=WITNESS.verifier, match="not signed by the key")


@pytest.mark.parametrize(
    "size", ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "１", "1e3", "0x1", "9" * 17, str(2**53 + 1)]
)
def test_sizes_have_one_spelling_and_a_cap(size):
    """Signed by the log itself, and still refused."""
    refuse(note(f"{ORIGIN}\n{size}\n{b64encode(bytes(32)).decode()}\n"), match="origin, size and root")


@pytest.mark.parametrize(
    "body",
    [
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()[:-1]}\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()} \n",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()}\nextension\n",
        f"\n1\n{b64encode(bytes(32)).decode()}\n",
        f"a b\n1\n{b64encode(bytes(32)).decode()}\n",
        f"\n{ORIGIN}\n1\n{b64encode(bytes(32)).decode()}\n",
    ],
)
def test_bodies_of_other_shapes_are_refused(body):
    refuse(note(body), match="origin, size and root")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        CHECKPOINT.body,
        CHECKPOINT.body + "\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "x",
        "\n" + TEXT,
        TEXT.replace("—", "--"),
        TEXT.replace("— ", "—"),
        TEXT.replace("— ", "—  "),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n\n", "\n\n\n"),
        TEXT + "not a signature\n",
        TEXT + "— name AAAA\n",
        TEXT + "— name A===\n",
        TEXT + "— na+me AAAAAAAA\n",
        "x" * 70_000,
        "\ud800" + TEXT,
        None,
    ],
)
def test_texts_that_are_not_the_note_are_refused(text):
    refuse(text)


def test_too_many_signatures_are_refused():
    others = [signature_line(CHECKPOINT.body, SigningKey("w", bytes([n]) * 32)) for n in range(SIGNATURES_LIMIT)]
    ours = signature_line(CHECKPOINT.body, KEY)
    assert open_checkpoint(note(CHECKPOINT.body, ours, *others[1:]), KEY.verifier, ORIGIN) == CHECKPOINT
    refuse(note(CHECKPOINT.body, ours, *others), match="too many")


def test_no_changed_byte_is_accepted():
    """Every bit of every byte; control: the unchanged bytes open."""
    data = TEXT.encode()
    assert open_checkpoint(data.decode(), KEY.verifier, ORIGIN) == CHECKPOINT
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            text = changed.decode("utf-8", "surrogateescape")
            refuse(text)


def test_impossible_checkpoints_are_not_made():
    for arguments in (("", 0, bytes(32)), ("a", -1, bytes(32)), ("a", 2**53 + 1, bytes(32)), ("a", 0, bytes(31))):
        with pytest.raises(ValueError, match="a"):
            Checkpoint(*arguments)
