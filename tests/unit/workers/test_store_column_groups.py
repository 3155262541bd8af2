"""Columns of a grade of their own lie in a file of their own, and a job has no key of a file that it does not read."""

import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from store_world import VISITS, World, dataset, parquet_bytes, unit_runs, visits

from sandbox.terms.dataset import Column, Grade
from sandbox.terms.order import LoadMode
from workers.bucket import StoreRefused, check_bucket, read_bucket
from workers.bucket_key import BucketKey
from workers.relations.sources import BucketSources
from workers.sealed_parquet import SealedFile

GRADES = {"age": Grade.IMPORTANT, "city": Grade.IMPORTANT, "cost": Grade.CORE}


def graded(column: Column) -> Column:
    return replace(column, grade=GRADES.get(column.name))


GRADED = replace(VISITS, columns=tuple(map(graded, VISITS.columns)))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def load(world: World, number: int = 1, name: str = "clinic", **more):
    file = world.put("visits.parquet", parquet_bytes(visits(120, 12, number)))
    tables = GRADED, replace(GRADED, name="second")
    files = {"visits": file, "second": file}
    return world.open(world.load(dataset(*tables, name=name), files, number, 2, **more))


def test_columns_are_grouped_by_grade_and_read_as_one_row(world):
    version = load(world)
    (segment,) = version.table("visits").segments
    assert {file.kind for file in segment.files} == {"rows", "rows-important", "rows-core", "units"}
    plain = World(world.home)
    assert unit_runs(version) == unit_runs(plain.load_visits(visits(120, 12), number=2, buckets=2))


@pytest.mark.parametrize("grown", [False, True])
def test_a_jobs_keys_are_those_of_the_groups_that_it_reads(world, grown):
    version = load(world)
    if grown:
        version = load(world, 2, mode=LoadMode.APPEND, base=version)
    everything = version.bucket_key("visits", 0)
    for columns, kinds in (
        (["age"], {"rows-important"}),
        (["sex", "cost"], {"rows", "rows-core"}),
        ([], set()),
    ):
        key = version.bucket_key("visits", 0, columns)
        job = json.dumps(BucketSources(0, {("clinic", "visits"): key}).to_json())
        for segment in everything.segments:
            for kind, file in segment.rows.items():
                assert (file.dek.hex() in job) == (kind in kinds)
                assert (file.path in job) == (kind in kinds)
            assert segment.units.dek.hex() in job
        read = read_bucket(key, columns)
        whole = read_bucket(everything, columns)
        assert [read.columns[name].values.tolist() for name in columns] == [
            whole.columns[name].values.tolist() for name in columns
        ]
    # The control: a key of all columns carries them all.
    job = json.dumps(everything.to_json())
    assert all(file.dek.hex() in job for segment in everything.segments for file in segment.rows.values())
    with pytest.raises(KeyError):
        read_bucket(version.bucket_key("visits", 0, ["age"]), ["cost"])
    with pytest.raises(StoreRefused):
        version.bucket_key("visits", 0, ["note"])


def files_of(key: BucketKey) -> list[SealedFile]:
    return [file for segment in key.segments for file in (*segment.rows.values(), segment.units)]


def keys_of_all(world: World) -> list[BucketKey]:
    """2 datasets × 2 versions (the second grown out of the first) × 2 tables × 2 buckets."""
    keys = []
    for name in ("clinic", "ward"):
        first = load(world, 1, name)
        second = load(world, 2, name, mode=LoadMode.APPEND, base=first)
        for version, table, bucket in itertools.product((first, second), version_tables(first), range(2)):
            keys.append(version.bucket_key(table, bucket))
    return keys


def version_tables(version) -> tuple[str, ...]:
    return version.table_names


def accepted(key: BucketKey) -> bool:
    try:
        check_bucket(key)
    except StoreRefused:
        return False
    return True


def swaps_accepted(keys: list[BucketKey], pairs: int | None) -> int:
    """Put files in place of one another, all pairs or a sample; how many are read."""
    owners = {file.path: key for key in keys for file in files_of(key)}
    contents = {path: Path(path).read_bytes() for path in owners}
    places = list(itertools.permutations(sorted(owners), 2))
    if pairs is not None:
        places = random.Random(7).sample(places, pairs)
    found = 0
    for own, other in places:
        Path(own).write_bytes(contents[other])
        found += accepted(owners[own])
        Path(own).write_bytes(contents[own])
    return found


def test_no_swap_of_table_bucket_version_segment_group_or_dataset_is_accepted(world):
    assert swaps_accepted(keys_of_all(world), 300) == 0


@pytest.mark.slow
def test_no_swap_at_all_is_accepted(world):
    assert swaps_accepted(keys_of_all(world), None) == 0


def test_control_with_one_key_no_place_and_no_digest_swaps_are_accepted(world, monkeypatch):
    monkeypatch.setattr("workers.bucket_write.secrets.token_bytes", bytes)
    monkeypatch.setattr("workers.manifest.aad_prefix", lambda *parts: "same")
    monkeypatch.setattr("workers.sealed_parquet.footer_digest", lambda file: "same")
    assert swaps_accepted(keys_of_all(world), 300) > 5


def flips_accepted(world: World, flips: int) -> int:
    """Flip one bit at a time, anywhere in rows, units, manifests and signatures; how many are accepted."""
    first = load(world)
    version = load(world, 2, mode=LoadMode.APPEND, base=first)
    keys = [version.bucket_key(table, bucket) for table in version.table_names for bucket in range(2)]
    owners = {Path(file.path): key for key in keys for file in files_of(key)}
    said = sorted((world.store / "clinic" / "2").glob("*.manifest.*"))
    assert len(said) == 2
    chance, found = random.Random(flips), 0
    for _ in range(flips):
        path = chance.choice([*sorted(owners), *said * 4])
        good = path.read_bytes()
        bit = chance.randrange(len(good) * 8)
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        if path in owners:
            found += accepted(owners[path])
        else:
            try:
                world.open_again(version)
                found += 1
            except StoreRefused:
                found += 0
        path.write_bytes(good)
    assert all(accepted(key) for key in keys)
    return found


def test_no_flipped_bit_of_any_kind_of_file_is_accepted(world):
    assert flips_accepted(world, 400) == 0


@pytest.mark.slow
def test_none_of_ten_thousand_flipped_bits_is_accepted(world):
    assert flips_accepted(world, 10_000) == 0
