"""Which rows a bound keeps must depend on nothing but the rows themselves."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_world import World, read_all, unit_runs, visits

import workers.layout
from sandbox.terms.dataset import Type
from workers.bucket import ColumnArray
from workers.layout import arrange, check_buckets
from workers.row_columns import taken
from workers.row_order import _in_order, row_order
from workers.schema import Encoding, StoredColumn
from workers.tokens import Tokens, tokens_of

KEY = bytes(range(32))


def plain(values, valid=None):
    return ColumnArray(np.asarray(values), None if valid is None else np.asarray(valid))


def ordered(unit_of_row, columns, key=KEY):
    """The rows of each unit as tuples in stored order, units in token order."""
    stored = [StoredColumn(name, Type.INT, Encoding.INT64) for name in columns]
    arrays = [plain(values) for values in columns.values()]
    tokens = tokens_of(pa.array(unit_of_row, pa.int64()), key)
    order = row_order(tokens, stored, arrays, key)
    halves = list(zip(tokens.high[order].tolist(), tokens.low[order].tolist(), strict=True))
    assert halves == sorted(halves)
    runs = {}
    for half, row in zip(halves, order, strict=True):
        runs.setdefault(half, []).append(tuple(int(array.values[row]) for array in arrays))
    return list(runs.values())


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 9)), max_size=200))
def test_rows_are_ordered_by_both_halves_of_the_token_and_then_as_drawn(rows):
    """Against a plain sort, with what next to never comes: two units with one high half."""
    high, low, drawn = (np.array([row[at] for row in rows], np.uint64) for at in range(3))
    order = _in_order(Tokens(high, low), drawn)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert [rows[at] for at in order] == sorted(rows)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), max_size=60), st.randoms())
def test_any_row_order_gives_the_same_order_within_units(rows, shuffler):
    def runs(given_rows):
        units, first, second = ([row[at] for row in given_rows] for at in range(3))
        return ordered(units, {"a": np.array(first, np.int64), "b": np.array(second, np.int64)})

    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert runs(rows) == runs(shuffled)


def test_stored_rows_do_not_depend_on_file_order_or_number_of_buckets(tmp_path):
    table = visits(500, units=25)
    expected = None
    for number, buckets in enumerate((1, 2, 8, 64, 256), start=1):
        shuffled = table.take(np.random.default_rng(number).permutation(len(table)))
        runs = unit_runs(World(tmp_path).load_visits(shuffled, number, buckets))
        expected = expected or runs
        assert runs == expected
    assert sum(len(run) for run in expected) == 500


def test_a_unit_lies_in_the_bucket_of_its_top_bits(tmp_path):
    world = World(tmp_path)
    counts = [len(bucket.runs) for bucket in read_all(world.load_visits(buckets=8))]
    assert sum(counts) == 40
    halves = [len(bucket.runs) for bucket in read_all(world.load_visits(number=2, buckets=4))]
    assert [counts[2 * at] + counts[2 * at + 1] for at in range(4)] == halves


def test_the_order_is_not_that_of_the_values_nor_alike_between_units():
    runs = ordered(np.repeat(np.arange(400), 2), {"v": np.tile([0, 1], 400).astype(np.int64)})
    first = sum(run[0] == (0,) for run in runs)
    assert 140 < first < 260  # 400 fair coins: 6 standard deviations


def test_every_row_of_a_unit_is_first_equally_often_even_among_equals():
    # 9 rows alike and 1 other: the other must come first in a tenth of the units, not in half of them.
    values = np.tile([7] * 9 + [1], 2000).astype(np.int64)
    runs = ordered(np.repeat(np.arange(2000), 10), {"v": values})
    assert 120 < sum(run[0] == (1,) for run in runs) < 280


def test_another_key_gives_another_order():
    units, values = np.zeros(50, np.int64), np.arange(50)
    assert ordered(units, {"v": values}) != ordered(units, {"v": values}, bytes(32))


def test_null_differs_from_zero_and_every_column_counts():
    def drawn(column):
        units = tokens_of(pa.array(np.zeros(64, np.int64)), KEY)
        stored = [StoredColumn(c, Type.INT, Encoding.INT64) for c in ("a", "b", "c")]
        base = plain(np.arange(64))
        return row_order(units, stored, [base, column, base], KEY).tolist()

    zeros = np.zeros(64, np.int64)
    assert drawn(plain(zeros)) != drawn(plain(zeros, np.zeros(64, bool)))
    assert drawn(plain(zeros)) == drawn(plain(zeros, np.ones(64, bool)))
    assert drawn(plain(zeros)) != drawn(plain(np.arange(64) // 2))


def test_text_counts_by_its_characters_not_by_its_code():
    units = tokens_of(pa.array(np.zeros(3, np.int64)), KEY)
    stored = [StoredColumn("s", Type.STRING, Encoding.TEXT)]
    one = ColumnArray(np.array([0, 1, -1], np.int32), dictionary=pa.array(["x", "y"]))
    other = ColumnArray(np.array([1, 0, -1], np.int32), dictionary=pa.array(["y", "x"]))
    assert row_order(units, stored, [one], KEY).tolist() == row_order(units, stored, [other], KEY).tolist()


def test_more_than_64_columns_and_slices_of_many_rows():
    rows = 40_000
    units = tokens_of(pa.array(np.arange(rows) % 7), KEY)
    stored = [StoredColumn(f"c{n}", Type.INT, Encoding.INT64) for n in range(70)]
    columns = [plain(np.arange(rows) + n, np.arange(rows) % 3 > 0) for n in range(70)]
    order = row_order(units, stored, columns, KEY)
    assert sorted(order.tolist()) == list(range(rows))


@pytest.mark.parametrize("buckets", [0, -1, 3, 12, 8192])
def test_the_number_of_buckets_is_a_power_of_two(buckets):
    with pytest.raises(ValueError, match="power"):
        check_buckets(buckets)


def test_a_row_group_holds_only_its_own_strings(monkeypatch):
    monkeypatch.setattr(workers.layout, "ROW_GROUP", 7)
    names = [f"unit{n}" for n in range(50)]
    tokens = tokens_of(pa.array(names).dictionary_encode(), KEY)
    stored = [StoredColumn("s", Type.STRING, Encoding.TEXT)]
    column = ColumnArray(np.arange(50, dtype=np.int32), dictionary=pa.array(names))
    order = row_order(tokens, stored, [column], KEY)
    units = workers.layout.unit_runs(Tokens(tokens.high[order], tokens.low[order]))
    found, parts = [], list(arrange(stored, units, [taken(column, order)], 50))
    assert [part.rows.num_rows for part in parts] == [7] * 7 + [1]
    assert [part.units.num_rows for part in parts] == [50] + [0] * 7
    for part in parts:
        texts = part.rows.column("s").combine_chunks()
        assert len(texts.dictionary) == part.rows.num_rows
        assert part.units.column_names == ["token_high", "token_low", "n"]
        found += texts.to_pylist()
    assert sorted(found) == sorted(names)
