"""The Merkle tree against the reference roots of certificate transparency and a naive reading of RFC 6962."""

import random
from functools import cache
from hashlib import sha256

import pytest

from sandbox.proof.merkle import (
    EMPTY_ROOT,
    Peaks,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    stored_count,
    stored_hashes,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from sandbox.terms.refusal import ProofFailed

CT_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LARGEST = 70
LEAVES = tuple(leaf_hash(f"entry {number}".encode()) for number in range(LARGEST))


class Store:
    """Stored hashes as a list, counting batches of reads."""

    def __init__(self, leaves=()):
        self.hashes: list[bytes] = []
        self.batches = 0
        for index, leaf in enumerate(leaves):
            self.hashes += stored_hashes(index, leaf, self.read)

    def read(self, indexes):
        self.batches += 1
        return [self.hashes[index] for index in indexes]


STORE = Store(LEAVES)


@cache
def naive_root(low: int, high: int) -> bytes:
    """MTH of RFC 6962 §2.1, as written there."""
    if low == high:
        return sha256(b"").digest()
    if high - low == 1:
        return LEAVES[low]
    split = max(2**power for power in range(8) if 2**power < high - low)
    return node_hash(naive_root(low, low + split), naive_root(low + split, high))


def naive_path(index: int, low: int, high: int) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if high - low == 1:
        return []
    split = low + max(2**power for power in range(8) if 2**power < high - low)
    if index < split:
        return [*naive_path(index, low, split), naive_root(split, high)]
    return [*naive_path(index, split, high), naive_root(low, split)]


def naive_subproof(old: int, low: int, high: int, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2; `old` counts from leaf 0."""
    if old == high:
        return [] if whole else [naive_root(low, high)]
    split = low + max(2**power for power in range(8) if 2**power < high - low)
    if old <= split:
        return [*naive_subproof(old, low, split, whole), naive_root(split, high)]
    return [*naive_subproof(old, split, high, False), naive_root(low, split)]


def test_reference_roots():
    store = Store(leaf_hash(bytes.fromhex(text)) for text in CT_LEAVES)
    for size, root in enumerate(CT_ROOTS, start=1):
        assert tree_root(size, store.read).hex() == root
        assert root_of(leaf_hash(bytes.fromhex(text)) for text in CT_LEAVES[:size]).hex() == root
    assert tree_root(0, store.read) == EMPTY_ROOT == root_of([])
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_store_grows_by_the_count():
    store = Store()
    for index, leaf in enumerate(LEAVES):
        assert len(store.hashes) == stored_count(index)
        store.hashes += stored_hashes(index, leaf, store.read)
    assert [stored_count(size) for size in range(9)] == [0, 1, 3, 4, 7, 8, 10, 11, 15]


@pytest.mark.parametrize("size", [-1, 2**53 + 1])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="leaves"):
        stored_count(size)


def test_every_tree_has_the_naive_root():
    peaks = Peaks()
    for size in range(LARGEST + 1):
        assert tree_root(size, STORE.read) == naive_root(0, size) == peaks.root() == root_of(LEAVES[:size])
        if size < LARGEST:
            peaks.add(LEAVES[size])


def test_every_inclusion_proof_is_the_naive_one_and_verifies():
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = prove_inclusion(index, size, STORE.read)
            assert proof == naive_path(index, 0, size)
            verify_inclusion(LEAVES[index], index, size, proof, naive_root(0, size))


def test_every_consistency_proof_is_the_naive_one_and_verifies():
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = prove_consistency(old, new, STORE.read)
            assert proof == (naive_subproof(old, 0, new, True) if old else [])
            verify_consistency(old, naive_root(0, old), new, naive_root(0, new), proof)


def test_a_proof_is_one_batch_of_reads():
    store = Store(LEAVES)
    before = store.batches
    prove_inclusion(37, LARGEST, store.read)
    prove_consistency(37, LARGEST, store.read)
    assert store.batches == before + 2


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_proofs_of_leaves_outside_are_not_made(index, size):
    with pytest.raises(ValueError, match="leaf"):
        prove_inclusion(index, size, STORE.read)


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_proofs_of_shrunk_trees_are_not_made(old, new):
    with pytest.raises(ValueError, match="consistent"):
        prove_consistency(old, new, STORE.read)


# -- mutations ---------------------------------------------------------------------------------------------------------


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))


def structural(proof: list[bytes]):
    """Every proof that is one edit away."""
    for place in range(len(proof)):
        yield proof[:place] + proof[place + 1 :]
        yield [*proof[:place], proof[place], *proof[place:]]
        yield [*proof[:place], proof[place][:-1], *proof[place + 1 :]]
        yield [*proof[:place], proof[place] + b"\x00", *proof[place + 1 :]]
    for place in range(len(proof) - 1):
        if proof[place] != proof[place + 1]:
            yield [*proof[:place], proof[place + 1], proof[place], *proof[place + 2 :]]
    for place in range(len(proof) + 1):
        for extra in (bytes(32), b"", EMPTY_ROOT, LEAVES[0]):
            yield [*proof[:place], extra, *proof[place:]]
    if proof:
        yield []
        yield proof[::-1] if proof != proof[::-1] else proof * 2


def refused(check, *arguments) -> bool:
    try:
        check(*arguments)
    except ProofFailed:
        return True
    return False


def inclusion_mutants(index, size, bits):
    leaf, root, proof = LEAVES[index], naive_root(0, size), naive_path(index, 0, size)
    yield from ((leaf, index, size, mutant, root) for mutant in structural(proof))
    yield from ((leaf, other, size, proof, root) for other in range(-1, size + 2) if other != index)
    yield from ((other, index, size, proof, root) for other in (*LEAVES, root) if other != leaf)
    for bit in bits():
        yield flipped(leaf, bit), index, size, proof, root
        yield leaf, index, size, proof, flipped(root, bit)
        for place, value in enumerate(proof):
            yield leaf, index, size, [*proof[:place], flipped(value, bit), *proof[place + 1 :]], root


def consistency_mutants(old, new, bits):
    first, second = naive_root(0, old), naive_root(0, new)
    proof = naive_subproof(old, 0, new, True) if old else []
    yield from ((old, first, new, mutant, second) for mutant in structural(proof))
    yield from ((other, first, new, proof, second) for other in range(-1, new + 2) if other != old)
    if old != new:
        yield old, second, new, proof, first
        yield old, first, new, proof, first
        yield old, second, new, proof, second
    for bit in bits():
        yield old, flipped(first, bit), new, proof, second
        yield old, first, new, proof, flipped(second, bit)
        for place, value in enumerate(proof):
            yield old, first, new, [*proof[:place], flipped(value, bit), *proof[place + 1 :]], second


def test_no_mutation_of_small_trees_is_accepted():
    """Every single bit of every proof, leaf and root, and every structural edit, for all trees up to 9."""
    tried = 0
    for size in range(1, 10):
        for index in range(size):
            for mutant in inclusion_mutants(index, size, lambda: range(256)):
                tried += 1
                assert refused(verify_inclusion, *mutant)
        for old in range(size + 1):
            for mutant in consistency_mutants(old, size, lambda: range(256)):
                tried += 1
                assert refused(verify_consistency, *mutant)
    assert tried > 50_000


def test_no_sampled_mutation_of_trees_up_to_70_is_accepted():
    """All structural edits of a third of the proofs, and one random bit of each of their hashes."""
    draw = random.Random(6962)
    tried = 0
    for size in range(10, LARGEST + 1):
        for index in draw.sample(range(size), size // 8):
            for mutant in inclusion_mutants(index, size, lambda: [draw.randrange(256)]):
                tried += 1
                assert refused(verify_inclusion, *mutant)
            for mutant in consistency_mutants(index + 1, size, lambda: [draw.randrange(256)]):
                tried += 1
                assert refused(verify_consistency, *mutant)
    assert tried > 50_000


@pytest.mark.slow
def test_no_mutation_of_any_tree_up_to_70_is_accepted():
    """Every proof of every tree, all structural edits, eight random bits of each hash."""
    draw = random.Random(70)
    for size in range(1, LARGEST + 1):
        for index in range(size):
            bits = draw.sample(range(256), 8)
            assert all(
                refused(verify_inclusion, *mutant) for mutant in inclusion_mutants(index, size, lambda b=bits: b)
            )
            mutants = consistency_mutants(index + 1, size, lambda b=bits: b)
            assert all(refused(verify_consistency, *mutant) for mutant in mutants)


def test_control_a_verifier_that_skips_the_length_check_accepts_a_mutation():
    """Shows the mutants bite: a verifier without the check of the path's length takes an inner node for a leaf."""

    def lax(leaf, index, proof, root):
        found = leaf
        for place, sibling in enumerate(proof):
            found = node_hash(sibling, found) if index >> place & 1 else node_hash(found, sibling)
        return found == root

    inner, proof = naive_root(0, 2), naive_path(0, 0, 4)[1:]
    assert lax(inner, 0, proof, naive_root(0, 4))
    assert refused(verify_inclusion, inner, 0, 4, proof, naive_root(0, 4))


def test_sizes_must_come_from_the_checkpoint():
    """What RFC 6962 does not promise, pinned down: a root without its size proves membership, not the position."""
    proof = naive_path(1, 0, 2)
    verify_inclusion(LEAVES[1], 2, 3, proof, naive_root(0, 2))


def test_values_that_are_no_hashes_are_refused():
    for wrong in (b"", bytes(31), "0" * 32, None):
        assert refused(verify_inclusion, wrong, 0, 1, [], LEAVES[0])
        assert refused(verify_inclusion, LEAVES[0], 0, 1, [wrong], LEAVES[0])
        assert refused(verify_consistency, 1, LEAVES[0], 1, wrong, [])


def test_an_empty_tree_has_one_root():
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert refused(verify_consistency, 0, LEAVES[0], 0, LEAVES[0], [])
    assert refused(verify_consistency, 0, LEAVES[0], 5, naive_root(0, 5), [])
