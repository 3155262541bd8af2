"""No choice of values makes a pass take more than its share of steps: what one unit brings must not show in the time.

Steps are counted, not seconds.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from sandbox.plan.functions.text_meanings import like, searches
from sandbox.plan.nodes import ColumnRef
from sandbox.plan.primitives import TreeCounts
from sandbox.terms.dataset import Type
from workers.relations.numbering import numbered, words
from workers.tree_counts import _leaves, leaf_edges
from workers.word_table import WordTable

SIZE = 4_096
LAST = 2**64 - 1
STEPS = 24
"""A look by halves over 65,536 leaves takes 17."""


def bits(values):
    return np.asarray(values, np.float64).view(np.int64)


PLACES = np.arange(SIZE)
CRAFTED = {
    "high bits alone": PLACES << 47,
    "doubles of few digits": bits(np.ldexp(1 + PLACES % 16 / 16, PLACES // 16 - 100)),
    "powers of two and their negatives": bits(
        np.ldexp(np.where(PLACES % 2, -1.0, 1.0), PLACES // 2 % 2_000 - 1_000) * (1 + PLACES // 4_000 / 2)
    ),
    "one after the other": PLACES,
    "whole doubles": bits(PLACES),
}


def away(slots, home: Callable[[int], int]) -> float:
    """How far from their own slots numbers stand, on average."""
    taken = np.flatnonzero(slots >= 0)
    return sum((int(slot) - home(int(slots[slot]))) % len(slots) for slot in taken) / len(taken)


def mixed(secret, *words_of):
    """What `workers.mixing.stirred` gives, in whole numbers."""
    state = int(secret)
    for word in words_of:
        state ^= word & LAST
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            state = (state ^ state >> 33) * factor & LAST
        state ^= state >> 33
    return state


@pytest.mark.parametrize("name", CRAFTED)
def test_no_values_meet_in_one_place(name):
    values = CRAFTED[name]
    found = numbered(words([np.zeros(SIZE, np.int64), values], SIZE))
    assert len(found.firsts) == SIZE
    assert away(found.slots, lambda number: mixed(found.secret, 0, int(values[number])) % len(found.slots)) < 2
    table = WordTable()
    table.numbers(PLACES * 0, PLACES * 0, values)
    places, held, secret = table.parts
    assert table.count == SIZE
    assert away(places, lambda number: mixed(secret, *(int(word[number]) for word in held)) % len(places)) < 2


@pytest.mark.parametrize("name", ["high bits alone", "doubles of few digits", "powers of two and their negatives"])
def test_control_under_one_multiplication_they_would(name):
    slots = np.full(4 * SIZE, -1, np.int64)
    secret = 0x0123456789ABCDEF

    def home(number: int) -> int:
        product = (secret ^ int(CRAFTED[name][number]) & LAST) * 0x94D049BB133111EB & LAST
        return (product ^ product >> 32) % len(slots)

    for number in range(SIZE):
        slot = home(number)
        while slots[slot] >= 0:
            slot = (slot + 1) % len(slots)
        slots[slot] = number
    assert away(slots, home) > 20


def test_each_table_has_a_secret_of_its_own():
    assert len({int(numbered(words([PLACES], SIZE)).secret) for _ in range(4)}) == 4
    assert len({int(WordTable().parts[2]) for _ in range(4)}) == 4


class Counting:
    """Edges that count how often they are looked at."""

    def __init__(self, edges):
        self.edges, self.size, self.looks = edges, len(edges), 0

    def __getitem__(self, place):
        self.looks += 1
        return self.edges[place]


X, N = ColumnRef("x", Type.FLOAT), ColumnRef("n", Type.INT)
COARSE = {
    "narrower than doubles there": (
        TreeCounts(X, Fraction(10**17 + 6, 100), Fraction(1, 40_000), 3),
        [1e15, 1e15 + 0.125, 1e18, -1.0],
    ),
    "smaller than doubles": (TreeCounts(X, Fraction(0), Fraction(1, 10**326), 3), [0.0, 5e-324, 1e-323, 1e-322, 1.0]),
    "integers beyond doubles": (TreeCounts(N, Fraction(2**61), Fraction(1), 4), [2**61 + 65_000, 2**61 + 1, 0, 2**62]),
}


@pytest.mark.parametrize("name", COARSE)
def test_a_leaf_is_found_in_a_few_steps_however_coarse_doubles_are(name):
    tree, values = COARSE[name]
    whole = tree.operand is N
    edges = Counting(leaf_edges(tree, whole))
    held = np.asarray(values, np.int64 if whole else np.float64)
    leaves = np.empty(len(held), np.int64)
    with np.errstate(all="ignore"):
        _leaves.py_func(held, np.ones(len(held), np.bool_), edges, float(tree.low), float(tree.step), leaves)
    exact = [(Fraction(value) - tree.low) // tree.step for value in values]
    assert leaves.tolist() == [min(max(leaf, 0), tree.leaves - 1) for leaf in exact]
    assert edges.looks <= STEPS * len(values)


def test_control_leaf_by_leaf_it_would_take_hundreds():
    tree, values = COARSE["narrower than doubles there"]
    edges = leaf_edges(tree, False)
    guesses = [min(max((value - float(tree.low)) / float(tree.step), 0), len(edges)) for value in values]
    right = np.searchsorted(edges, values, side="right")
    assert max(abs(int(guess) - leaf) for guess, leaf in zip(guesses, right.tolist(), strict=True)) > 10 * STEPS


class Letters(str):
    """A text that counts how often a letter of it is looked at."""

    __slots__ = ()
    looks = 0

    def __getitem__(self, place):
        Letters.looks += 1
        return super().__getitem__(place)


RUN = "a_" * 200


@pytest.mark.parametrize(("end", "fits"), [("b", False), ("", True)])
def test_a_pattern_with_underscores_looks_at_each_letter_once(end, fits):
    Letters.looks = 0
    text = Letters("ab" * 500)
    assert like(text, f"%{RUN}{end}%") is fits
    assert Letters.looks <= len(text)
    assert searches(f"%{RUN}{end}%") == len(RUN) + len(end) and not searches(RUN) and not searches("%a%b%")


def test_control_every_place_would_be_tried_in_full():
    text, run = "ab" * 500, f"{RUN}b"
    tried = sum(
        next((n + 1 for n, wanted in enumerate(run) if wanted not in ("_", text[at + n])), len(run))
        for at in range(len(text) - len(run) + 1)
    )
    assert tried > 50 * len(text)
