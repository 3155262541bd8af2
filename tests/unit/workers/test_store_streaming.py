"""A load in two passes: what is stored follows from the rows alone, however they were batched, spilled and gathered."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_world import World, dataset, parquet_bytes, unit_runs, visits

import workers.bucket_rows
import workers.links
import workers.parquet_source
import workers.table_load
import workers.table_read
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers.bucket import ColumnArray
from workers.row_columns import cut, joined
from workers.schema import Encoding, StoredColumn
from workers.spill import Rows, Run, Spill
from workers.store_refused import StoreRefused
from workers.tokens import Tokens

TEXT = StoredColumn("s", Type.STRING, Encoding.TEXT)
NUMBER = StoredColumn("n", Type.INT, Encoding.INT64)
SIZES = {
    "one row a batch": (1, 3, 1 << 20, 1 << 20),
    "small runs": (7, 20, 1 << 20, 1 << 20),
    "many partitions": (50, 100, 100, 10),
    "partitions gathered": (50, 100, 100, 1 << 20),
}


@pytest.mark.parametrize("sizes", SIZES)
def test_what_is_stored_does_not_depend_on_batches_runs_and_partitions(tmp_path, monkeypatch, sizes):
    table = visits(300, units=30)
    world = World(tmp_path)
    expected = unit_runs(world.load_visits(table))
    batch, run, partition, part = SIZES[sizes]
    monkeypatch.setattr(workers.parquet_source, "BATCH_ROWS", batch)
    monkeypatch.setattr(workers.table_read, "RUN_ROWS", run)
    monkeypatch.setattr(workers.table_load, "PARTITION_ROWS", partition)
    monkeypatch.setattr(workers.bucket_rows, "PART_ROWS", part)
    assert unit_runs(world.load_visits(table, 2)) == expected


def test_a_folder_of_parts_is_one_table(tmp_path):
    table = visits(300, units=30)
    world = World(tmp_path)
    expected = unit_runs(world.load_visits(table))
    folder = world.inbox / "parts.parquet"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.parquet").write_bytes(parquet_bytes(table.slice(number * 100, 100)))
    assert unit_runs(world.open(world.load(dataset(), {"visits": "parts.parquet"}, 2))) == expected
    (folder / "2.parquet").write_bytes(
        parquet_bytes(table.slice(0, 2).set_column(0, "patient_id", pa.array(["a", None])))
    )
    with pytest.raises(FileNotUsable) as refused:
        world.load(dataset(), {"visits": "parts.parquet"}, 3)
    assert (refused.value.facts["file"], refused.value.facts["row"]) == ("parts.parquet/2.parquet", 2)
    (folder / "2.parquet").unlink()
    (folder / "2.parquet").symlink_to(world.inbox / "visits.parquet")
    with pytest.raises(FileNotUsable):
        world.load(dataset(), {"visits": "parts.parquet"}, 3)


def test_a_file_that_changes_while_it_is_read_is_not_loaded(tmp_path):
    world = World(tmp_path)
    file = world.put("v.parquet", parquet_bytes(visits(50)))
    world.steps = type("Touching", (), {"append": staticmethod(lambda _step: (world.inbox / file).touch())})
    with pytest.raises(FileNotUsable, match="does not change"):
        world.load(dataset(), {"visits": file})


def spill(tmp_path, partitions=4) -> Spill:
    return Spill(tmp_path, "t", bytes(32), partitions, (TEXT, NUMBER))


def rows(count=100, seed=1) -> Rows:
    source = np.random.default_rng(seed)
    high, low = (source.integers(0, 2**64, count, dtype=np.uint64) for _ in range(2))
    codes = source.integers(-1, 30, count).astype(np.int32)
    valid = source.random(count) < 0.9
    text = ColumnArray(codes, dictionary=pa.array([f"canary{n}" for n in range(30)]))
    return Rows(Tokens(high, low), (text, ColumnArray(np.where(valid, np.arange(count), 0), valid)))


def plain(found: Rows) -> list[tuple]:
    text, number = found.columns
    texts = pa.array(text.dictionary).to_pylist()
    valid = [True] * len(number.values) if number.valid is None else number.valid.tolist()
    return [
        (high, low, None if code < 0 else texts[code], value if ok else None)
        for high, low, code, value, ok in zip(
            found.tokens.high.tolist(), found.tokens.low.tolist(), text.values.tolist(), number.values.tolist(), valid,
            strict=True,
        )
    ]  # fmt: skip


def test_a_spill_gives_back_each_partition(tmp_path):
    made = spill(tmp_path)
    both = [rows(seed=1), rows(seed=2)]
    runs = [Run.from_json(made.write(number, part).to_json()) for number, part in enumerate(both)]
    for partition in range(4):
        expected = [row for part in both for row in plain(part) if row[0] >> 62 == partition]
        assert [row for part in made.read(runs, partition) for row in plain(part)] == expected
        for part in made.read(runs, partition):
            used = {code for code in part.columns[0].values.tolist() if code >= 0}
            assert len(part.columns[0].dictionary) == len(used)  # no partition carries another's strings
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_spill_that_was_changed_swapped_or_renamed_is_refused(tmp_path):
    made = spill(tmp_path)
    one, two = made.write(0, rows(seed=1)), made.write(1, rows(seed=2))
    paths = sorted(tmp_path.iterdir())
    good = [path.read_bytes() for path in paths]
    assert sum(1 for _ in made.read([one, two], 0)) == 2
    for at in range(0, one.frames[0][0], 97):
        bent = bytearray(good[0])
        bent[at] ^= 1
        paths[0].write_bytes(bent)
        with pytest.raises(StoreRefused):
            list(made.read([one], 0))
    paths[0].write_bytes(good[1])
    paths[1].write_bytes(good[0])
    for run in (one, two):
        with pytest.raises(StoreRefused):
            list(made.read([run], 0))
    with pytest.raises(StoreRefused):
        list(made.read([Run(1, one.salt, one.frames)], 0))
    other = Spill(tmp_path, "u", bytes(32), 4, made.columns)
    paths[0].rename(tmp_path / "u.000000.spill")
    with pytest.raises(StoreRefused):
        list(other.read([one], 0))


@settings(max_examples=50)
@given(st.lists(st.integers(-1, 4), max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_cut_parts_have_their_own_strings_and_join_again(codes, inner):
    strings = pa.array(["a", "b", "", "é", "z"])
    edges = np.array(sorted({0, len(codes), *(edge for edge in inner if edge <= len(codes))}), np.int64)
    edges = edges if len(edges) > 1 else np.zeros(2, np.int64)
    whole = ColumnArray(np.array(codes, np.int32), dictionary=strings)
    parts = cut(whole, edges, text=True)
    for part in parts:
        assert sorted({code for code in part.values.tolist() if code >= 0}) == list(range(len(part.dictionary)))
    again = joined(TEXT, parts)
    texts = again.dictionary.to_pylist()
    assert [texts[code] if code >= 0 else None for code in again.values] == [
        strings[code].as_py() if code >= 0 else None for code in codes
    ]


def test_links_through_a_table_beyond_memory_are_refused_before_it_is_read(tmp_path, monkeypatch):
    from test_store_links import shop

    monkeypatch.setattr(workers.table_load, "LINK_ROWS_MAX", 999)
    with pytest.raises(FileNotUsable, match="rows_max of at most 999"):
        shop(World(tmp_path), [1], [(10, 1)], [(10, 100)])
