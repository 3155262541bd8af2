"""Versions that grow: old segments stay as they are, and reading shows one table, each unit's rows together."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from store_world import VISITS, World, dataset, decoded, parquet_bytes, read_all, unit_runs, visits

from sandbox.terms.order import LoadMode
from sandbox.terms.refusal import FileNotUsable
from workers import grow, interleave, merge
from workers.bucket import read_bucket, read_pieces, read_runs, read_units
from workers.manifest import SEGMENTS_MAX, OpenVersion

WIDE = [column.name for column in VISITS.columns if column.name not in ("patient_id", "note")]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def by_unit(version: OpenVersion) -> dict[tuple[int, int], Counter]:
    """The rows of each unit, by token."""
    found = {}
    for bucket in range(version.buckets):
        key = version.bucket_key("visits", bucket)
        units, rows, at = read_units(key), decoded(read_bucket(key, WIDE)), 0
        for high, low, run in zip(units.high.tolist(), units.low.tolist(), units.runs.tolist(), strict=True):
            found[high, low] = Counter(rows[at : at + run])
            at += run
        assert at == len(rows)
    return found


def both(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables)


@pytest.mark.parametrize("slice_rows", [merge.SLICE, 7])
def test_appended_rows_are_those_of_a_whole_load(world, monkeypatch, slice_rows):
    monkeypatch.setattr(merge, "SLICE", slice_rows)
    parts = [visits(300, 40, seed) for seed in (1, 2, 3)]
    grown = world.load_visits(parts[0])
    for part in parts[1:]:
        grown = world.add_visits(grown, part)
    assert [len(table.segments) for table in grown.manifest.tables] == [3]
    assert by_unit(grown) == by_unit(world.load_visits(both(*parts), number=9))


def test_nothing_of_the_version_before_is_written_again(world):
    first = world.load_visits()
    folder = world.store / "clinic" / "1"
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}
    second = world.add_visits(first, visits(seed=2))
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()} == before
    assert second.manifest.tables[0].segments[0] == first.manifest.tables[0].segments[0]
    assert unit_runs(world.open_again(first)) == unit_runs(first)


def test_a_unit_of_two_segments_stands_once_with_its_rows_together(world):
    grown = world.add_visits(world.load_visits(visits(200, 20)), visits(200, 20, seed=2))
    for bucket in range(grown.buckets):
        key = grown.bucket_key("visits", bucket)
        units = read_units(key)
        tokens = list(zip(units.high.tolist(), units.low.tolist(), strict=True))
        assert tokens == sorted(set(tokens))
        assert read_runs(key).tolist() == units.runs.tolist()
        parts = [read_units(replace(key, segments=(segment,))) for segment in key.segments]
        assert sum(int(part.runs.sum()) for part in parts) == int(units.runs.sum())
        assert sum(len(part.runs) for part in parts) > len(tokens)  # the control: some do lie in both


def test_units_that_are_replaced_have_their_new_rows_alone(world):
    old, new = visits(300, 40), visits(30, 10, seed=2)
    base = world.load_visits(old)
    corrected = world.add_visits(base, new, LoadMode.REPLACE_UNITS)
    named = set(new.column("patient_id").to_pylist())
    kept = old.filter(pa.array([name not in named for name in old.column("patient_id").to_pylist()]))
    assert 0 < kept.num_rows < old.num_rows
    assert by_unit(corrected) == by_unit(world.load_visits(both(kept, new), number=8))
    # Later rows of such a unit are added to its new ones, and the version before is what it was.
    more = visits(50, 40, seed=3)
    assert by_unit(world.add_visits(corrected, more)) == by_unit(world.load_visits(both(kept, new, more), number=9))
    assert by_unit(world.open_again(base)) == by_unit(world.load_visits(old, number=7))


def test_one_units_rows_decide_nothing_of_anothers(world):
    """Neighbours: without one unit's rows in either file, all other units read the same, in the same order."""
    old, new = visits(300, 20), visits(200, 20, seed=2)

    def without(table: pa.Table, name: str) -> pa.Table:
        return table.filter(pa.array([value != name for value in table.column("patient_id").to_pylist()]))

    for mode in (LoadMode.APPEND, LoadMode.REPLACE_UNITS):
        (world.home / mode.value).mkdir()
        whole = World(world.home / mode.value)
        one = unit_runs(whole.add_visits(whole.load_visits(old), new, mode))
        for unit in ("p3", "p7"):
            other = unit_runs(whole.add_visits(whole.load_visits(without(old, unit)), without(new, unit), mode))
            assert len(other) == len(one) - 1
            assert [rows for rows in one if rows in other] == other


@pytest.mark.parametrize("slice_rows", [merge.SLICE, 16])
def test_the_order_favours_neither_old_rows_nor_new_ones(world, monkeypatch, slice_rows):
    """Of 15 old rows and 5 new ones of each unit, the first row is a new one for a quarter of the units."""
    monkeypatch.setattr(merge, "SLICE", slice_rows)

    def rows(count: int, age: int) -> pa.Table:
        table = visits(400 * count, 1)
        names = [f"p{unit}" for unit in range(400) for _ in range(count)]
        ages = pa.array([age] * len(names), pa.int64())
        at = table.column_names.index("age")
        return table.set_column(0, "patient_id", pa.array(names)).set_column(at, "age", ages)

    grown = world.add_visits(world.load_visits(rows(15, 1)), rows(5, 2))
    column = WIDE.index("age")
    firsts = Counter(run[0][column] for run in unit_runs(grown))
    lasts = Counter(run[-1][column] for run in unit_runs(grown))
    assert sum(firsts.values()) == 400
    for found in (firsts, lasts):
        assert abs(found[2] - 100) < 45  # five standard deviations of 8.7
    # The control: segments one after the other.
    monkeypatch.setattr(interleave, "_draws", lambda order, high, low, place: np.zeros(len(place), np.uint64))
    assert Counter(run[0][column] for run in unit_runs(grown)) == {1: 400}


def test_every_order_of_old_and_new_rows_is_as_likely():
    """Two rows and two rows: six ways to mix them, each for a sixth of the units."""
    units = 6_000
    high, low = np.arange(units, dtype=np.uint64), np.full(units, 7, np.uint64)
    found = interleave.mixed(bytes(range(32)), high, low, np.full((2, units), 2)).reshape(units, 4)
    counts = Counter(map(tuple, found.tolist()))
    assert len(counts) == 6
    assert all(abs(count - 1000) < 145 for count in counts.values())  # five standard deviations of 28.9
    again = interleave.mixed(bytes(32), high, low, np.full((2, units), 2)).reshape(units, 4)
    assert (again != found).any()  # another key, another order


def test_a_unit_cut_into_slices_is_mixed_as_one_that_is_not():
    order, taken = bytes(range(32)), np.asarray([[50], [30], [20]])
    token = np.asarray([5], np.uint64), np.asarray([9], np.uint64)
    whole = interleave.mixed(order, *token, taken)
    left = taken[:, 0].copy()
    parts = [interleave.mixed_of_one(order, 5, 9, done, 25, left) for done in range(0, 100, 25)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert left.tolist() == [0, 0, 0]


def test_pieces_are_small_and_without_columns_no_file_is_read(world, monkeypatch):
    monkeypatch.setattr(merge, "SLICE", 16)
    grown = world.add_visits(world.load_visits(visits(200, 20), buckets=1), visits(100, 20, seed=2))
    key = grown.bucket_key("visits", 0)
    assert all(piece.rows <= 16 for piece in read_pieces(key, ["age"], 300))
    bare = grown.bucket_key("visits", 0, [])
    assert all(not segment.rows for segment in bare.segments)
    assert sum(piece.rows for piece in read_pieces(bare, [], 300)) == 300


def test_rows_that_do_not_fit_the_units_are_refused(world):
    grown = world.add_visits(world.load_visits(visits(200, 20), buckets=1), visits(100, 20, seed=2))
    key = grown.bucket_key("visits", 0)
    first, second = key.segments
    crossed = replace(key, segments=(replace(first, units=second.units), replace(second, units=first.units)))
    for wrong, rows in ((key, 299), (key, 301), (crossed, 300)):
        with pytest.raises(merge.StoreRefused):
            list(read_pieces(wrong, ["age"], rows))
    assert sum(piece.rows for piece in read_pieces(key, ["age"], 300)) == 300


def test_a_grown_table_stays_within_its_description(world, monkeypatch):
    small = dataset(replace(VISITS, rows_max=320))
    file = world.put("v.parquet", parquet_bytes(visits(300)))
    base = world.open(world.load(small, {"visits": file}, 1))
    for mode in (LoadMode.APPEND, LoadMode.REPLACE_UNITS):
        more = world.put("m.parquet", parquet_bytes(visits(21, seed=2)))
        with pytest.raises(FileNotUsable, match="320 rows"):
            world.load(small, {"visits": more}, 2, 4, mode, base)
        assert not (world.store / "clinic" / "2").exists()
    world.put("m.parquet", parquet_bytes(visits(20, seed=2)))
    assert world.open(world.load(small, {"visits": "m.parquet"}, 2, 4, LoadMode.APPEND, base))
    monkeypatch.setattr(grow, "SEGMENTS_MAX", 2)
    with pytest.raises(FileNotUsable, match="whole load"):
        version = world.load_visits(visits(5), number=5)
        for _ in range(SEGMENTS_MAX):
            version = world.add_visits(version, visits(5, seed=2))


def test_a_version_grows_out_of_its_own_dataset_and_description_alone(world):
    base = world.load_visits(number=4)
    file = world.put("v.parquet", parquet_bytes(visits(9)))
    other = dataset(replace(VISITS, columns=VISITS.columns[:-2]))
    for described, number, mode, from_ in (
        (dataset(name="ward"), 5, LoadMode.APPEND, base),
        (other, 5, LoadMode.APPEND, base),
        (dataset(), 4, LoadMode.APPEND, base),
        (dataset(), 5, LoadMode.APPEND, None),
        (dataset(), 5, LoadMode.WHOLE, base),
    ):
        with pytest.raises(ValueError, match="version"):
            world.load(described, {"visits": file}, number, 4, mode, from_)
    with pytest.raises(ValueError, match="version"):
        world.load(dataset(), {"visits": file}, 5, 8, LoadMode.APPEND, base)
    assert world.load(dataset(), {"visits": file}, 5, 4, LoadMode.APPEND, base)


def test_one_segment_is_read_as_it_lies(world, monkeypatch):
    version = world.load_visits()
    monkeypatch.setattr("workers.bucket.merged_rows", None)
    monkeypatch.setattr(interleave, "mixed", None)
    assert sum(bucket.rows for bucket in read_all(version)) == 300
