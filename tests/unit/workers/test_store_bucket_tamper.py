"""Whatever is done to a stored file, it is refused; with the defence off the same thing reads."""

import itertools
import random
import shutil
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from store_world import VISITS, World, dataset, decoded, parquet_bytes, read_all, visits

from workers.bucket import BucketKey, StoreRefused, check_bucket, read_bucket
from workers.sealed_parquet import SealedFile, aad_prefix

SECOND = replace(VISITS, name="second")
ALL = [column.name for column in VISITS.columns if column.name not in ("patient_id", "note")]


def refused(key: BucketKey, read=lambda key: read_bucket(key, ALL)) -> bool:
    try:
        read(key)
    except StoreRefused as refusal:
        assert str(refusal) == str(StoreRefused())
        assert refusal.__cause__ is None
        assert refusal.__context__ is None or refusal.__suppress_context__
        return True
    return False


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def files_of(key: BucketKey) -> list[SealedFile]:
    """Every file that a key opens."""
    return [file for segment in key.segments for file in (*segment.rows.values(), segment.units)]


def many_versions(world: World) -> list[BucketKey]:
    """2 datasets × 2 versions × 2 tables × 2 buckets of the same rows."""
    file = world.put("v.parquet", parquet_bytes(visits(200)))
    keys = []
    for name, number in itertools.product(("clinic", "ward"), (1, 2)):
        described = dataset(VISITS, SECOND, name=name)
        opened = world.open(world.load(described, {"visits": file, "second": file}, number, 2))
        keys += [opened.bucket_key(table, bucket) for table in opened.table_names for bucket in range(2)]
    return keys


def swaps_read(keys: list[BucketKey]) -> int:
    """Put every rows and units file in place of every other; how many pairs are read."""
    files = [file for key in keys for file in map(attrgetter("path"), files_of(key))]
    contents = {file: Path(file).read_bytes() for file in files}
    read = 0
    for key in keys:
        for own in map(attrgetter("path"), files_of(key)):
            for other in files:
                if other != own:
                    Path(own).write_bytes(contents[other])
                    read += not refused(key)
            Path(own).write_bytes(contents[own])
        assert not refused(key)
    return read


KEYS = ("workers.bucket_write.secrets.token_bytes", bytes)
AAD = ("workers.manifest.aad_prefix", lambda *parts: "same")
FOOTER = ("workers.sealed_parquet.footer_digest", lambda file: "same")


def test_no_swap_between_datasets_versions_tables_buckets_and_kinds_is_read(world):
    keys = many_versions(world)
    assert len(keys) == 16
    assert swaps_read(keys) == 0


@pytest.mark.parametrize("off", [(KEYS, AAD), (KEYS, FOOTER), (AAD, FOOTER)], ids=["footer", "aad", "keys"])
def test_each_of_the_three_defences_refuses_every_swap_alone(world, monkeypatch, off):
    for target, weak in off:
        monkeypatch.setattr(target, weak)
    assert swaps_read(many_versions(world)) == 0


def test_control_with_all_three_off_swaps_are_read(world, monkeypatch):
    for target, weak in (KEYS, AAD, FOOTER):
        monkeypatch.setattr(target, weak)
    # The same rows everywhere: a rows file fits at each of the other 7 places of its bucket, a units file likewise.
    assert swaps_read(many_versions(world)) >= 16 * 7 * 2


def flips(path: str, count: int, seed: int) -> list[int]:
    """Bit positions: every bit of the first and last 16 bytes, and `count` anywhere."""
    bits = Path(path).stat().st_size * 8
    ends = [*range(128), *range(bits - 128, bits)]
    return ends + random.Random(seed).sample(range(bits), count)


def test_no_flipped_bit_is_read(world):
    key = world.load_visits(buckets=1).bucket_key("visits", 0)
    rows = decoded(read_bucket(key, ALL))
    for at, path in enumerate(file.path for file in files_of(key)):
        good = Path(path).read_bytes()
        accepted = []
        for bit in flips(path, 300, at):
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            Path(path).write_bytes(bad)
            if not refused(key, check_bucket):
                accepted.append(bit)
            elif not refused(key):  # it lies in a column that this reading does not touch
                assert decoded(read_bucket(key, ALL)) == rows
        Path(path).write_bytes(good)
        assert accepted == []
    assert not refused(key, check_bucket)


def test_control_without_the_footer_digest_some_flipped_bits_are_read(world, monkeypatch):
    monkeypatch.setattr(*FOOTER)
    key = world.load_visits(buckets=1).bucket_key("visits", 0)
    good = Path(key.segments[0].rows["rows"].path).read_bytes()
    accepted = 0
    for bit in flips(key.segments[0].rows["rows"].path, 0, 0):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        Path(key.segments[0].rows["rows"].path).write_bytes(bad)
        accepted += not refused(key, check_bucket)
    assert accepted > 0


def test_truncated_extended_empty_and_missing_files_are_refused(world):
    key = world.load_visits(buckets=1).bucket_key("visits", 0)
    for path in (Path(file.path) for file in files_of(key)):
        good = path.read_bytes()
        for bad in (b"", good[:-1], good[:8], good[: len(good) // 2], good + b"\0", good[1:], good + good):
            path.write_bytes(bad)
            assert refused(key)
        path.unlink()
        assert refused(key)
        elsewhere = path.with_suffix(".real")
        elsewhere.write_bytes(good)
        path.symlink_to(elsewhere)
        assert refused(key)
        path.unlink()
        shutil.move(elsewhere, path)
    assert not refused(key)


def test_plaintext_in_place_is_refused_and_the_control_reads_it(world):
    key = world.load_visits(buckets=1).bucket_key("visits", 0)
    for file in files_of(key):
        good = Path(file.path).read_bytes()
        properties = pe.create_decryption_properties(file.dek, aad_prefix=file.aad)
        plain = parquet_bytes(pq.read_table(file.path, decryption_properties=properties))
        Path(file.path).write_bytes(plain)
        assert refused(key)
        lenient = pe.create_decryption_properties(file.dek, aad_prefix=file.aad, allow_plaintext_files=True)
        assert pq.read_table(file.path, decryption_properties=lenient).num_rows > 0
        Path(file.path).write_bytes(good)


def test_an_older_version_in_place_of_the_newer_is_refused(world):
    old = world.load_visits(visits(seed=1), number=1, buckets=1).bucket_key("visits", 0)
    new = world.load_visits(visits(seed=2), number=2, buckets=1).bucket_key("visits", 0)
    for before, after in zip(files_of(old), files_of(new), strict=True):
        shutil.copyfile(before.path, after.path)
    assert refused(new)
    assert not refused(old)


def test_runs_that_do_not_fit_the_rows_are_refused(world, monkeypatch):
    for target, weak in (KEYS, AAD, FOOTER):
        monkeypatch.setattr(target, weak)
    one = world.load_visits(visits(10), number=1, buckets=1).bucket_key("visits", 0)
    other = world.load_visits(visits(11), number=2, buckets=1).bucket_key("visits", 0)
    mixed = replace(one.segments[0], units=other.segments[0].units)
    assert refused(replace(one, segments=(mixed,)))


def test_nothing_of_the_rows_lies_in_the_files(world):
    version = world.load_visits(buckets=2)
    stored = b"".join(file.read_bytes() for file in (world.store / "clinic" / "1").iterdir())
    assert "Köln".encode() not in stored
    assert b"CANARY-NOTE" not in stored
    assert "Köln".encode() in (world.inbox / "visits.parquet").read_bytes()
    assert {column.name for column in version.bucket_key("visits", 0).columns} == set(ALL)


def test_bucket_key_travels_as_json_and_shows_no_key(world):
    key = world.load_visits(buckets=1).bucket_key("visits", 0)
    assert BucketKey.from_json(key.to_json()) == key
    assert key.segments[0].rows["rows"].dek.hex() in str(key.to_json())
    for shown in (repr(key), str(key), f"{key}", repr(key.segments[0].rows["rows"])):
        assert key.segments[0].rows["rows"].dek.hex() not in shown
        assert repr(key.segments[0].rows["rows"].dek) not in shown
    with pytest.raises(ValueError, match="unknown"):
        BucketKey.from_json({**key.to_json(), "format": "sandbox/bucket-key/v3"})


def test_an_unknown_column_is_the_callers_mistake(world):
    with pytest.raises(KeyError):
        read_bucket(world.load_visits(buckets=1).bucket_key("visits", 0), ["note"])


def test_arrays_are_read_only_and_of_the_promised_types(world):
    for bucket in read_all(world.load_visits()):
        assert bucket.runs.dtype == np.int64
        assert int(bucket.runs.sum()) == bucket.rows
        for name, array in bucket.columns.items():
            assert not array.values.flags.writeable
            assert array.values.flags.c_contiguous
            expected = {"cost": np.float64, "age": np.int64, "visited": np.int64, "seen_at": np.int64}
            assert array.values.dtype == expected.get(name, np.int32)
            assert (array.dictionary is None) == (name in expected)
            assert array.valid is None or (array.dictionary is None and not array.values[~array.valid].any())


def test_no_columns_asked_for_gives_runs_and_rows(world):
    bucket = read_bucket(world.load_visits(visits(50), buckets=1).bucket_key("visits", 0), [])
    assert (bucket.rows, bucket.columns) == (50, {})


def test_aad_prefix_has_no_two_readings():
    assert aad_prefix("clinic", 1, "visits", 3, "rows", "ab", "cd") == "clinic|1|visits|3|rows|ab|cd"
    with pytest.raises(ValueError, match="bar"):
        aad_prefix("clinic|1", 1, "visits", 3, "rows", "ab", "cd")


def test_many_row_groups_are_one_array(world, monkeypatch):
    monkeypatch.setattr("workers.ingest.ROW_GROUP", 16)
    (bucket,) = read_all(world.load_visits(visits(300), buckets=1))
    assert bucket.rows == 300
    assert len(decoded(bucket)) == 300
    assert len(set(bucket.columns["city"].dictionary)) == len(bucket.columns["city"].dictionary)
