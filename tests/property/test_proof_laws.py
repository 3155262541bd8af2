"""Laws of the proof room over generated values."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from made_lives import lived
from made_logs import KEY

from sandbox.proof.books import Books
from sandbox.proof.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from sandbox.proof.entry import entry_bytes, read_entry, read_time, time_text
from sandbox.proof.log_export import verify_export
from sandbox.proof.merkle import (
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    stored_count,
    stored_hashes,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from sandbox.proof.sealing import open_sealed, seal, seal_to, sealing_public, unseal
from sandbox.proof.signing import SigningKey, VerifyingKey
from sandbox.terms.refusal import ProofFailed

SIZE = 1_500
HASHES: list[bytes] = []


def read(indexes):
    return [HASHES[index] for index in indexes]


LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(SIZE)]
for _index, _leaf in enumerate(LEAVES):
    HASHES.extend(stored_hashes(_index, _leaf, read))

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=126), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
names = st.text("abcdefghijklmnopqrstuvwxyz./-0123456789", min_size=1, max_size=40)


ENTRIES = [read_entry(data) for data in lived().entries]
VALUES = [value for entry in ENTRIES for value in entry["facts"].values()]
"""Values that are lawful somewhere."""


@settings(deadline=None)
@given(st.integers(1, SIZE), st.data())
def test_trees_prove_every_leaf_and_every_prefix(size, data):
    assert len(HASHES) == stored_count(SIZE)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    root = tree_root(size, read)
    verify_inclusion(LEAVES[index], index, size, prove_inclusion(index, size, read), root)
    verify_consistency(old, tree_root(old, read), size, root, prove_consistency(old, size, read))
    assert root == root_of(LEAVES[:size])


@settings(deadline=None)
@given(st.integers(2, SIZE), st.data())
def test_a_proof_shows_one_place_only(size, data):
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    proof, root = prove_inclusion(index, size, read), tree_root(size, read)
    try:
        verify_inclusion(LEAVES[other], other, size, proof, root)
    except ProofFailed:
        assert other != index
    else:
        assert other == index


@settings(deadline=None)
@given(
    st.sampled_from(["query.reserved", "a.b", "grant.given"]),
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    text.filter(bool),
    st.dictionaries(st.text(st.characters(max_codepoint=126), max_size=8), json_values, max_size=5),
)
def test_entries_read_back(kind, at, actor, facts):
    data = entry_bytes(kind, at, actor, facts)
    entry = read_entry(data)
    assert (entry["kind"], read_time(entry["at"]), entry["actor"], entry["facts"]) == (kind, at, actor, facts)
    assert time_text(at) == entry["at"]
    assert b"\n" not in data


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        entry = read_entry(data)
    except ProofFailed:
        return
    assert entry_bytes(entry["kind"], read_time(entry["at"]), entry["actor"], entry["facts"]) == data


@settings(deadline=None)
@given(names, st.integers(0, 2**53), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_checkpoints_open(origin, size, root, seed):
    key = SigningKey(origin, seed)
    checkpoint = Checkpoint(origin, size, root)
    assert (
        open_checkpoint(sign_checkpoint(checkpoint, key), VerifyingKey.parse(key.verifier.text), origin) == checkpoint
    )


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_checkpoint_or_refused(note):
    for candidate in (note, note + "\n\n— a AAAA\n", note + "\n\n" + note + "\n"):
        try:
            open_checkpoint(candidate, KEY.verifier, KEY.name)
        except ProofFailed:
            continue
        raise AssertionError("nobody signed this")


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), text)
def test_sealed_texts_open(key, plaintext, context):
    assert unseal(key, seal(key, plaintext, context), context) == plaintext
    assert open_sealed(key, seal_to(sealing_public(key), plaintext, context.encode()), context.encode()) == plaintext


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_any_bytes_are_refused_by_unsealing(key, data):
    for sealed in (data, b"\x01" + data, b"\x41" + data):
        for opening in (lambda s: unseal(key, s, ""), lambda s: open_sealed(key, s, b"")):
            try:
                opening(sealed)
            except ProofFailed:
                continue
            raise AssertionError("nobody sealed this")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ENTRIES) - 1), st.data())
def test_any_value_of_any_fact_is_lawful_or_refused(place, data):
    """The books are total: whatever a fact holds, they go on or name the entry where they stop."""
    entry = ENTRIES[place]
    name = data.draw(st.sampled_from([*entry["facts"], "more"]))
    value = data.draw(json_values | st.sampled_from(VALUES))
    changed = [*ENTRIES]
    changed[place] = {**entry, "facts": {**entry["facts"], name: value}}
    books = Books()
    try:
        for index, taken in enumerate(changed):
            books.take(index, taken)
    except ProofFailed as found:
        assert found.facts["entry"] >= place


LIVED = lived().data()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(LIVED) - 2), st.integers(0, len(LIVED) - 2), st.binary(max_size=12))
def test_an_export_with_any_stretch_replaced_is_refused(start, end, filling):
    start, end = sorted((start, end))
    changed = LIVED[:start] + filling + LIVED[end:]
    try:
        verify_export(changed.splitlines(keepends=True), KEY.verifier.text)
    except ProofFailed:
        assert changed != LIVED
    else:
        assert changed == LIVED
