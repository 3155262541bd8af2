"""Versions and units that are erased: nothing of them opens any more, all else does, and a kill at any step does no harm."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from store_world import VISITS, World, dataset, parquet_bytes, unit_runs, visits

from sandbox.terms.order import LoadMode
from workers import durable
from workers.bucket import StoreRefused, check_bucket, read_bucket
from workers.keep_only import keep_only
from workers.leave_out import commitment, leave_out
from workers.manifest import OpenVersion

BASE, MORE = visits(300, 20), visits(100, 20, seed=2)
UNIT = "p7"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def without(table: pa.Table, unit: str = UNIT) -> pa.Table:
    return table.filter(pa.array([value != unit for value in table.column("patient_id").to_pylist()]))


def rows(version: OpenVersion) -> list[Counter]:
    return [Counter(run) for run in unit_runs(version)]


def readable(version: OpenVersion) -> bool:
    try:
        for bucket in range(version.buckets):
            check_bucket(version.bucket_key("visits", bucket))
    except StoreRefused:
        return False
    return True


def grown(world: World) -> list[OpenVersion]:
    """Version 2 is 1 and more; version 3 was loaded whole."""
    first = world.load_visits(BASE)
    return [first, world.add_visits(first, MORE), world.load_visits(MORE, number=3)]


def everything(world: World) -> dict[str, bytes]:
    """A backup of store and keys."""
    return {str(path): path.read_bytes() for path in world.home.rglob("*") if path.is_file()}


def test_erasing_a_version_erases_what_it_alone_held(world):
    first, second, third = grown(world)
    before = rows(second)
    kept_files = {str(path) for path in (world.store / "clinic" / "3").iterdir()}
    files = {path: path.read_bytes() for path in (world.store / "clinic" / "3").iterdir()}
    keep_only(world.store, world.keys, "clinic", [first, second])
    assert kept_files
    assert not (world.store / "clinic" / "3").exists()
    # Somebody kept the files: without the key they are noise.
    (world.store / "clinic" / "3").mkdir()
    for path, content in files.items():
        path.write_bytes(content)
    assert not readable(world.open_again(third))
    assert rows(world.open_again(second)) == before
    assert rows(world.open_again(first))


def test_control_with_its_key_kept_the_erased_version_would_open(world):
    backup = World(world.home)
    first, _, third = grown(backup)
    files = everything(world)
    keep_only(world.store, world.keys, "clinic", [first])
    assert not world.keys.segment_keys("clinic") > {(1, first.manifest.segments[0][1].key)}
    for path, content in files.items():
        Path(path).parent.mkdir(exist_ok=True, parents=True)
        Path(path).write_bytes(content)
    assert readable(world.open_again(third))


def test_a_segment_stays_while_a_kept_version_lists_it(world):
    first, second, _ = grown(world)
    before = rows(second)
    keep_only(world.store, world.keys, "clinic", [second])
    assert rows(world.open_again(second)) == before
    with pytest.raises(StoreRefused):
        world.open_again(first)
    keep_only(world.store, world.keys, "clinic", [])
    assert world.keys.segment_keys("clinic") == set()
    assert list((world.store / "clinic").iterdir()) == []


@pytest.mark.parametrize("mode", [LoadMode.APPEND, LoadMode.REPLACE_UNITS])
def test_a_unit_is_gone_from_all_versions_and_nobody_else(world, mode):
    first = world.load_visits(BASE)
    versions = [first, world.add_visits(first, MORE, mode), world.load_visits(MORE, number=3)]
    made = [world.open(version) for version in leave_out(versions, UNIT)]
    expected = [
        [run for run in before if run not in after]
        for before, after in zip(map(rows, versions), map(rows, made), strict=True)
    ]
    assert [len(gone) for gone in expected] == [1, 1, 1]
    again = world.load_visits(without(BASE), number=7)
    assert rows(made[0]) == rows(again)
    assert rows(made[2]) == rows(world.load_visits(without(MORE), number=9))
    assert rows(made[1]) == rows(world.add_visits(again, without(MORE), mode))
    # What every other unit's rows are, and their order, is what it was.
    assert unit_runs(made[1]) == [run for run in unit_runs(versions[1]) if Counter(run) not in expected[1]]


def test_old_files_and_keys_are_erased_and_the_rest_is_not_written_again(world):
    versions = grown(world)
    old = everything(world)
    made = [world.open(version) for version in leave_out(versions, UNIT)]
    (bucket,) = {
        file.bucket
        for before, after in zip(versions, made, strict=True)
        for (_, one), (_, other) in zip(before.manifest.segments, after.manifest.segments, strict=True)
        for file, new in zip(one.files, other.files, strict=True)
        if file.id != new.id
    }
    assert all(readable(world.open_again(version)) for version in versions)  # nothing is erased yet
    keep_only(world.store, world.keys, "clinic", made)
    assert all(readable(version) for version in made)
    for path in world.store.rglob("*.parquet"):
        assert (str(path) in old) == (f".{bucket:04d}." not in path.name)
    # A copy of the old store beside the new keys opens nothing.
    for path, content in old.items():
        if str(world.store) in path:
            Path(path).write_bytes(content)
    assert not any(readable(world.open_again(version)) for version in versions)


def test_whoever_is_named_the_same_is_written(world):
    """Neither files nor manifests say whether the unit was there."""
    names = []
    for unit in (UNIT, "nobody"):
        (world.home / unit).mkdir()
        other = World(world.home / unit)
        version = other.load_visits(BASE, buckets=1)
        leave_out([version], unit)
        names.append(sorted(path.name for path in other.store.rglob("*.parquet")))
    assert names[0] == names[1]


def test_a_text_that_only_the_unit_had_goes_with_it(world):
    at = BASE.column_names.index("city")
    cities = ["only-mine" if name == UNIT else "x" for name in BASE.column("patient_id").to_pylist()]
    version = world.load_visits(BASE.set_column(at, "city", pa.array(cities)), buckets=1)
    (made,) = (world.open(found) for found in leave_out([version], UNIT))
    assert "only-mine" in read_bucket(version.bucket_key("visits", 0), ["city"]).columns["city"].dictionary
    assert read_bucket(made.bucket_key("visits", 0), ["city"]).columns["city"].dictionary == ("x",)


def test_a_unit_is_erased_again_from_what_was_written_anew(world):
    version = world.load_visits(BASE)
    for unit in ("p1", "p2", "p1"):
        (version,) = (world.open(found) for found in leave_out([version], unit))
        keep_only(world.store, world.keys, "clinic", [version])
    assert rows(version) == rows(world.load_visits(without(without(BASE, "p1"), "p2"), number=5))


def test_a_table_of_units_alone_loses_a_unit(world):
    bare = dataset(replace(VISITS, columns=VISITS.columns[:1]))
    file = world.put("v.parquet", parquet_bytes(BASE.select(["patient_id"])))
    version = world.open(world.load(bare, {"visits": file}, buckets=1))
    (made,) = (world.open(found) for found in leave_out([version], UNIT))
    assert readable(made)
    gone = BASE.num_rows - without(BASE).num_rows
    assert read_bucket(made.bucket_key("visits", 0), []).rows == BASE.num_rows - gone < BASE.num_rows


def test_the_commitment_names_one_unit_and_shows_none():
    key = bytes(range(32))
    assert commitment("42", key) == commitment("42", key)
    assert len({commitment("42", key), commitment("43", key), commitment("42", bytes(32))}) == 3
    assert json.dumps(commitment(UNIT, key)).isascii()


class Killed(BaseException):
    """The process is gone."""


STEPS = ("replace", "create", "sync_folder", "erase", "remove_tree")


def kill_at(monkeypatch, step: int) -> list[str]:
    """From now on the `step`-th change to the disk does not happen, nor any after it."""
    done: list[str] = []

    def dying(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def change(*args: object) -> object:
            if len(done) >= step:
                raise Killed
            done.append(name)
            return real(*args)

        return change

    for name in STEPS:
        monkeypatch.setattr(durable, name, dying(name, getattr(durable, name)))
    return done


def test_a_kill_at_any_step_leaves_the_old_state_or_the_new_one(world, monkeypatch):
    versions = [world.load_visits(visits(60, 8), buckets=1)]
    versions.append(world.add_visits(versions[0], visits(30, 8, seed=2)))
    before = [rows(version) for version in versions]
    saved = world.home.parent / "saved"
    shutil.copytree(world.home, saved)
    logged, step, seen = None, 0, set()
    while True:
        shutil.rmtree(world.home)
        shutil.copytree(saved, world.home)
        logged = None
        with monkeypatch.context() as patch:
            done = kill_at(patch, step)
            try:
                logged = leave_out(versions, UNIT)  # the log names them from here on
                keep_only(world.store, world.keys, "clinic", [world.open(version) for version in logged])
            except Killed:
                seen.add((logged is not None, done[-1] if done else ""))
            else:
                break
        standing = versions if logged is None else [world.open(version) for version in logged]
        found = [rows(world.open_again(version)) for version in standing]
        assert (found == before) == (logged is None)
        # The next start erases what the log does not name, whatever is there.
        keep_only(world.store, world.keys, "clinic", standing)
        assert [rows(world.open_again(version)) for version in standing] == found
        listed = {(segment.version, segment.key) for version in standing for _, segment in version.manifest.segments}
        assert world.keys.segment_keys("clinic") == listed
        step += 1
    assert {(True, "erase"), (True, "remove_tree"), (False, "create"), (False, "replace")} <= seen
