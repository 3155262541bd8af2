"""Distinct values: exact sets, the cap of each unit, and what one unit more can change, over all small tables."""

from fractions import Fraction
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from engine_tables import COST, KEYS, NOTE, UNITS, Row, bucket_of, measurement_of, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.plan.measurement import ContributionBounds
from sandbox.plan.primitives import CountDistinct
from sandbox.privacy.sensitivity import effective_bounds, sensitivity
from sandbox.terms.dataset import Type
from sandbox.terms.loss import Mode
from workers.distinct import DistinctPairs
from workers.scan import measure_bucket
from workers.tally import Merger, Shape
from workers.value_words import ValueWords, text_bytes, text_words
from workers.vector import Vector
from workers.word_table import WordTable

TEXTS = ("", "a", "aa", "é", "女性", "a\x00b", "x" * 300)


def counts(units, most, bounds, groups=2):
    """Distinct values of each group, from units of (group, value); value None is NULL."""
    pairs = DistinctPairs(most)
    for owner, rows in enumerate(units):
        group = np.asarray([row[0] for row in rows], np.int32)
        valid = np.asarray([row[1] is not None for row in rows], np.bool_)
        low = np.asarray([row[1] or 0 for row in rows], np.int64)
        pairs.add(group, np.full(len(rows), owner), valid, np.zeros(len(rows), np.int64), low)
    return np.bincount(pairs.pairs[0], minlength=groups)


def all_units(bounds, values=(0, 1, None)):
    """Every unit of at most `bounds.rows` rows in two groups that bounding lets through."""
    cells = tuple(product((0, 1), values))
    for size in range(bounds.rows + 1):
        for rows in product(cells, repeat=size):
            sizes = [sum(group == at for group, _ in rows) for at in (0, 1)]
            if max(sizes) <= bounds.rows_per_group and sum(n > 0 for n in sizes) <= bounds.groups:
                yield rows


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize(
    "bounds",
    [ContributionBounds(r, g, each) for r in (1, 2, 3) for g in (1, 2) for each in range(1, r + 1)],
    ids=lambda b: f"R{b.rows}-L0{b.groups}-Linf{b.rows_per_group}",
)
def test_no_neighbour_changes_more_than_the_sensitivity_and_one_changes_that_much(bounds, most):
    """All neighbour pairs over a table of one other unit: every unit is added to every other unit and to nobody."""
    units = list(all_units(bounds))
    limits = {mode: sensitivity(CountDistinct(COST, most), bounds, mode) for mode in Mode}
    one = two = 0
    for other in [None, *units[:: max(1, len(units) // 12)]]:
        before = counts([] if other is None else [other], most, bounds)
        for unit in units:
            change = counts([unit] if other is None else [other, unit], most, bounds) - before
            assert change.min() >= 0
            one, two = max(one, int(change.sum())), max(two, int((change**2).sum()))
    assert one <= limits[Mode.PURE]
    assert two <= limits[Mode.ZCDP]
    each = min(bounds.rows_per_group, most, bounds.rows)
    if each <= 2:  # there are two values in a group
        assert one == limits[Mode.PURE]
        if min(bounds.rows, most, bounds.groups * each) % each == 0:
            assert two == limits[Mode.ZCDP]


def test_control_without_the_cap_one_unit_changes_more():
    rows = [(0, value) for value in range(9)]
    assert counts([rows], 9, None)[0] == 9 > sensitivity(CountDistinct(COST, 3), ContributionBounds(9, 1, 9), Mode.PURE)
    assert counts([rows], 3, None)[0] == 3


def test_a_unit_brings_its_own_first_pairs_whatever_others_brought():
    """Were pairs of others free, the first unit would decide which of the second count."""
    first, second = [(0, 1), (0, 2)], [(0, 1), (0, 2), (0, 3)]
    assert counts([second], 2, None)[0] == 2
    assert counts([first, second], 2, None)[0] == 2
    assert counts([[(0, 1)], second], 3, None)[0] == 3
    # A pair that the unit brought already takes nothing of its cap, in whatever group.
    assert counts([[(0, 1), (1, 1), (0, 1), (1, 1), (1, 2)]], 3, None).tolist() == [1, 2]


def test_rows_out_of_all_groups_and_null_bring_nothing():
    assert counts([[(-1, 1), (0, None), (0, 4)]], 1, None).tolist() == [1, 0]


def test_values_must_cover_the_rows():
    with pytest.raises(ValueError, match="cover"):
        DistinctPairs(1).add(np.zeros(2, np.int32), *[np.zeros(1, np.int64)] * 4)


@settings(max_examples=60, deadline=None)
@given(UNITS, st.integers(1, 4), st.integers(1, 3))
def test_sets_of_buckets_merge_to_the_set_of_all(units, most, parts):
    measurement = measurement_of(None, ("sex",), primitives=(CountDistinct(NOTE, most), CountDistinct(COST, most)))
    merger = Merger(Shape.of(measurement))
    for start in range(parts):
        merger.add(measure_bucket(measurement, bucket_of(units[start::parts]), secret=b"k" * 32))
    whole = measure_bucket(measurement, bucket_of(units), secret=b"k" * 32)
    assert vectors_of(measurement, merger.total()) == vectors_of(measurement, whole)


@settings(max_examples=30, deadline=None)
@given(UNITS, st.integers(1, 4))
def test_one_more_unit_moves_the_pass_within_the_sensitivity(units, most):
    bounds = ContributionBounds(3, 2, 2)
    measurement = measurement_of(None, (KEYS["sex"],), bounds, (CountDistinct(NOTE, most),))
    limit = sensitivity(measurement.primitives[0], effective_bounds(measurement), Mode.ZCDP)
    for unit in units:
        without = [other for other in units if other is not unit]
        (after,), (before,) = (
            vectors_of(measurement, measure_bucket(measurement, bucket_of(u))) for u in (units, without)
        )
        assert sum((a - b) ** 2 for a, b in zip(after, before, strict=True)) <= limit


# -- words of values -----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(TEXTS), max_size=12), st.sampled_from([pa.string(), pa.large_string()]), st.integers(0, 3)
)
def test_texts_have_equal_words_where_they_are_equal(texts, kind, start):
    array = pa.array(texts, kind)[start:]
    assert [text.tobytes().decode() for text in text_bytes(array)] == texts[start:]
    words = text_words(array, b"secret").T.tolist()
    assert words.pop() == [0, 0]
    assert len({tuple(word) for word in words}) == len(set(texts[start:]))
    assert all((a == b) == (c == d) for a, c in zip(texts[start:], words, strict=True)
               for b, d in zip(texts[start:], words, strict=True))  # fmt: skip


def test_words_of_texts_follow_the_secret_of_the_order():
    texts = pa.array(["a", "b"])
    assert text_words(texts, b"one").tolist() == text_words(texts, b"one").tolist()
    assert not set(text_words(texts, b"one")[0, :2].tolist()) & set(text_words(texts, b"two")[0, :2].tolist())


def test_both_zeros_are_one_value():
    vector = Vector(np.asarray([0.0, -0.0, 1.0]), np.ones(3, np.bool_))
    _, low = ValueWords(Type.FLOAT, b"").of(vector)
    assert low[0] == low[1] != low[2]
    rows = [[Row("F", True, 0, "a", "a", 1, value, 1) for value in (0.0, -0.0, 1.5)]]
    measurement = measurement_of(primitives=(CountDistinct(COST, 9),))
    assert vectors_of(measurement, measure_bucket(measurement, bucket_of(rows))) == [[2]]


@given(st.lists(st.tuples(*[st.sampled_from([-1, 0, 1, 2**63 - 1, -(2**63)])] * 3), max_size=40), st.integers(1, 9))
def test_triples_are_numbered_as_they_first_come(triples, block):
    table, known = WordTable(), {}
    for start in range(0, len(triples), block):
        part = np.asarray(triples[start : start + block], np.int64)
        found = table.numbers(*(np.ascontiguousarray(part[:, place]) for place in range(3)))
        assert found.tolist() == [
            -1 if triple[0] < 0 else known.setdefault(triple, len(known)) for triple in triples[start : start + block]
        ]
    assert [tuple(word) for word in table.words.T.tolist()] == list(known)


def test_a_table_grows_with_what_is_different():
    table = WordTable()
    numbers = np.arange(50_000) * 7
    zeros = np.zeros(50_000, np.int64)
    for _ in range(2):
        assert (table.numbers(zeros, numbers, zeros) == np.arange(50_000)).all()
    assert table.count == 50_000
    assert table.room <= 2 * (50_000 + 50_000)
    assert Fraction(table.room, table.count) >= 1
