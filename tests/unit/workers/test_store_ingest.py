import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest
from store_world import VISITS, World, csv_bytes, dataset, parquet_bytes, read_all, unit_runs, visits

import workers.bucket_write
import workers.ingest
from sandbox.terms.dataset import Column, ColumnRole, Table, Type
from sandbox.terms.order import LoadOrder
from sandbox.terms.refusal import DescriptionInvalid, FileNotUsable
from workers.ingest import load_version

_EPOCH = date(1970, 1, 1)

DESCRIPTION = """
[dataset]
name = "clinic"
title = "Visits"
steward = "bureau"
unit_space = "people"
grade = "general"
budget = { epsilon = "20" }
[tables.visits]
unit = "patient_id"
rows_max = 1000
max_rows_per_unit = 50
[tables.visits.columns]
patient_id = { type = "int", role = "unit" }
sex = { type = "string", keys = ["F", "M"] }
cost = { type = "float", bounds = [0.0, 10.0], granularity = 0.01 }
note = { type = "string", role = "withheld" }
"""


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def stored(world):
    """Everything in the store but the folders of datasets."""
    return sorted(str(path.relative_to(world.store)) for path in world.store.rglob("*") if path.parent != world.store)


def test_csv_and_parquet_make_equal_versions(world):
    table = visits(300)
    csv = world.put("v.csv", csv_bytes(table))
    parquet = world.put("v.parquet", parquet_bytes(table))
    one = world.open(world.load(dataset(), {"visits": csv}, 1))
    two = world.open(world.load(dataset(), {"visits": parquet}, 2))
    assert unit_runs(one) == unit_runs(two)
    assert [b.runs.tolist() for b in read_all(one)] == [b.runs.tolist() for b in read_all(two)]
    assert sum(map(len, unit_runs(one))) == 300


def test_kept_values_are_the_described_ones(world):
    table = visits(400)
    rows = sorted(row for run in unit_runs(world.load_visits(table)) for row in map(repr, run))
    expected = []
    for row in table.to_pylist():
        cost, age, city = row["cost"], row["age"], row["city"]
        days = None if row["visited"] is None else min(max((row["visited"] - _EPOCH).days, 19000), 20500)
        expected.append(
            repr((
                row["sex"] if row["sex"] in ("F", "M") else None,
                None if age is None else min(max(age, 0), 110),
                None if cost is None or cost != cost else min(max(cost, 0.0), 5000.0) + 0.0,
                days,
                _micros(row["seen_at"]),
                row["urgent"],
                None if city is None or len(city) > 12 else city.replace("o\u0308", "ö"),
            ))
        )  # fmt: skip
    assert rows == sorted(expected)


def _micros(moment):
    return None if moment is None else (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_empty_and_tiny_tables_have_every_bucket(world, rows, form):
    table = visits(5).slice(0, rows)
    file = world.put(f"v.{form}", (csv_bytes if form == "csv" else parquet_bytes)(table))
    version = world.open(world.load(dataset(), {"visits": file}, buckets=8))
    buckets = read_all(version)
    assert len(buckets) == 8
    assert sum(bucket.rows for bucket in buckets) == rows
    for bucket in buckets:
        assert all(len(array.values) == bucket.rows for array in bucket.columns.values())
        assert bucket.columns["city"].dictionary is not None


def test_a_table_of_units_alone_still_counts_rows(world):
    alone = replace(VISITS, columns=(VISITS.columns[0],))
    file = world.put("v.parquet", parquet_bytes(visits(90)))
    version = world.open(world.load(dataset(alone), {"visits": file}))
    assert sum(bucket.rows for bucket in read_all(version)) == 90


def test_one_person_meets_across_tables_and_datasets_of_a_space(world):
    numbers = Table("stays", "who", 1000, 5, 5, (Column("who", Type.INT, ColumnRole.UNIT),))
    texts = replace(numbers, name="calls", columns=(Column("who", Type.STRING, ColumnRole.UNIT),))
    a = world.put("a.parquet", parquet_bytes(pa.table({"who": [float(n) for n in range(100)]})))
    b = world.put("b.csv", "who\n" + "".join(f"{n}\n" for n in reversed(range(100))))
    one = world.open(world.load(dataset(numbers, texts, name="one"), {"stays": a, "calls": b}))
    two = world.open(world.load(dataset(texts, name="two"), {"calls": b}))
    other = world.open(world.load(dataset(texts, name="three", space="elsewhere"), {"calls": b}))

    def tokens(version, table):
        from workers.sealed_parquet import read_sealed

        return [
            read_sealed(version.bucket_key(table, bucket).segments[0].units, lambda file: file.read()).to_pylist()
            for bucket in range(version.buckets)
        ]

    assert tokens(one, "stays") == tokens(one, "calls") == tokens(two, "calls")
    assert tokens(one, "calls") != tokens(other, "calls")


def test_progress_tells_of_files_and_buckets_never_of_rows(world):
    world.load_visits(visits(10), buckets=2)
    few = list(world.steps)
    world.steps.clear()
    world.load_visits(visits(400), 2, 2)
    for steps in (few, world.steps):
        assert {(phase, total) for phase, _, total in steps} == {("reading visits", 100), ("writing visits", 2)}
        assert steps[0] == ("reading visits", 0, 100)
        assert steps[-1] == ("writing visits", 2, 2)
        assert steps == sorted(steps)


BAD = {
    "missing column": pa.table({"patient_id": ["a"]}),
    "null unit": visits(3).set_column(0, "patient_id", pa.array(["a", None, "b"])),
    "text in an int": visits(3).set_column(2, "age", pa.array(["1", "2", "x"])),
    "fraction in an int": visits(3).set_column(2, "age", pa.array([1.0, 2.5, 3.0])),
    "numbers for text": visits(3).set_column(7, "city", pa.array([1, 2, 3])),
    "text for truth": visits(3).set_column(6, "urgent", pa.array(["true"] * 3)),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_stores_nothing_and_harms_nothing(world, case):
    good = world.load_visits(number=1)
    before = stored(world)
    bad = world.put("bad.parquet", parquet_bytes(BAD[case]))
    with pytest.raises(FileNotUsable):
        world.load(dataset(), {"visits": bad}, 2)
    assert stored(world) == before
    assert read_all(good)


def test_a_bad_second_table_takes_the_first_with_it(world):
    second = replace(VISITS, name="zz")
    good, bad = world.put("g.parquet", parquet_bytes(visits(9))), world.put("b.parquet", parquet_bytes(visits(9)))
    with pytest.raises(FileNotUsable):
        world.load(dataset(VISITS, replace(second, rows_max=8)), {"visits": good, "zz": bad})
    assert ("writing visits", 4, 4) in world.steps
    assert stored(world) == []


def test_files_and_tables_must_match(world):
    file = world.put("v.parquet", parquet_bytes(visits(3)))
    for files in ({}, {"other": file}, {"visits": file, "other": file}):
        with pytest.raises(FileNotUsable):
            world.load(dataset(), files)
    assert stored(world) == []


def test_numbers_of_versions_and_buckets_are_checked_first(world):
    file = world.put("v.parquet", parquet_bytes(visits(3)))
    for number, buckets in ((0, 4), (-1, 4), (1, 3), (1, 0)):
        with pytest.raises(ValueError, match=r"versions|buckets"):
            world.load(dataset(), {"visits": file}, number, buckets)
    assert stored(world) == []


def test_an_unrecorded_version_of_the_same_number_is_replaced(world):
    old = world.load_visits(visits(10), 1)
    new = world.load_visits(visits(20), 1)
    assert sum(bucket.rows for bucket in read_all(new)) == 20
    assert os.listdir(world.store / "clinic") == ["1"]  # noqa: PTH208
    with pytest.raises(workers.manifest.StoreRefused):
        read_all(old)


def test_leftovers_are_cleaned_and_nothing_else(world):
    version = world.load_visits(visits(10), 1)
    for name in (".loading-ab", ".replaced-cd"):
        (world.store / "clinic" / name).mkdir()
        (world.store / "clinic" / name / "x").write_text("x")
    outside = world.home / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (world.store / "clinic" / ".loading-link").symlink_to(outside)
    (world.store / "file").write_text("x")
    (world.store / "ward").mkdir()
    (world.store / "ward" / ".loading-ab").mkdir()
    world.load_visits(visits(10), 2)
    assert sorted(os.listdir(world.store / "clinic")) == ["1", "2"]  # noqa: PTH208
    assert (world.store / "ward" / ".loading-ab").exists()  # another dataset's load takes that up, or removes it
    assert (outside / "kept").exists()
    assert read_all(version)


def test_files_are_private(world):
    world.load_visits(visits(10), 1, 1)
    for path in world.store.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


CRASH = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from store_world import World, dataset
world = World(Path({home!r}))
def stop(phase, done, total):
    if (phase, done) == ("writing visits", 2):
        print("here", flush=True)
        os.kill(os.getpid(), 9)
world.steps = type("Steps", (), {{"append": staticmethod(lambda step: stop(*step))}})
world.load(dataset(), {{"visits": "v.parquet"}}, 1, 8)
"""


def test_a_kill_in_mid_load_leaves_no_version_and_no_plaintext(world):
    canary = "canary-9417"
    table = visits(300).set_column(7, "city", pa.array([canary] * 300))
    table = table.set_column(0, "patient_id", pa.array([f"{canary}-{row % 100}" for row in range(300)]))
    world.put("v.parquet", parquet_bytes(table, compression="none", use_dictionary=False))
    here = Path(__file__).resolve()
    script = CRASH.format(paths=[str(here.parent), str(here.parents[3])], home=str(world.home))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=120)
    assert done.stdout == b"here\n"
    assert done.returncode == -9
    (dataset_folder,) = world.store.iterdir()
    (leftover,) = dataset_folder.iterdir()
    assert leftover.name.startswith(".loading-")
    files = [path for path in leftover.iterdir() if path.is_file()]
    assert len([path for path in files if path.suffix == ".parquet"]) >= 4  # rows and units of at least two buckets
    assert {"load.key", "load.journal", "visits.000000.spill"} < {path.name for path in files}
    # At the moment of the kill and after it: what stands there is ciphertext. The control finds it in the inbox.
    assert not any(canary.encode() in path.read_bytes() or b"PAR1" in path.read_bytes() for path in files)
    assert canary.encode() in (world.inbox / "v.parquet").read_bytes()
    version = world.open(world.load(dataset(), {"visits": "v.parquet"}))
    assert [path.name for path in dataset_folder.iterdir()] == ["1"]
    assert sum(bucket.rows for bucket in read_all(version)) == 300


@pytest.mark.parametrize("step", ["sealed_writer", "write_manifest", "_publish"])
def test_a_fault_at_any_step_leaves_no_version(world, monkeypatch, step):
    with monkeypatch.context() as patch:

        def fail(*_):
            raise OSError("disk")

        patch.setattr(workers.bucket_write if step == "sealed_writer" else workers.ingest, step, fail)
        with pytest.raises(OSError, match="disk"):
            world.load_visits(visits(10))
    assert stored(world) == []


def order(**changes):
    facts = {
        "id": "o", "boot": "b", "dataset": "clinic", "version": 1, "description": DESCRIPTION, "space_buckets": 2,
        "files": {"visits": "v.csv"},
    }  # fmt: skip
    return LoadOrder(**{**facts, **changes})


def run_order(world, **changes):
    return load_version(
        order(**changes), inbox=world.inbox, store=world.store, keys=world.keys, progress=lambda *_: None
    )


def test_an_order_loads_by_its_description(world):
    world.put("v.csv", "patient_id,sex,cost,note\n1,F,3.5,x\n1,M,99,y\n2,,nan,z\n")
    version = world.open(run_order(world))
    assert sorted(map(repr, unit_runs(version)[0] + unit_runs(version)[1])) == sorted(
        map(repr, [("F", 3.5), ("M", 10.0), (None, None)])
    )


def test_a_description_registered_with_keys_in_another_form_still_loads(world):
    """Rows in either form are of that key; what is no description at all is refused as ever."""
    text = DESCRIPTION.replace('keys = ["F", "M"]', 'keys = ["F", "e\u0301"]')
    assert text != DESCRIPTION
    world.put("v.csv", "patient_id,sex,cost,note\n1,e\u0301,3.5,x\n1,\u00e9,9,y\n2,F,1,z\n")
    version = world.open(run_order(world, description=text))
    found = [row[0] for run in unit_runs(version) for row in run]
    assert sorted(found) == ["F", "e\u0301", "e\u0301"]
    with pytest.raises(DescriptionInvalid):
        run_order(world, version=2, description=text.replace('"F"', '"F", "F"'))


def test_orders_that_are_wrong_themselves(world):
    world.put("v.csv", "patient_id,sex,cost\n1,F,1\n")
    with pytest.raises(ValueError, match="different"):
        run_order(world, dataset="ward")
    with pytest.raises(DescriptionInvalid):
        run_order(world, description="nonsense")
    assert stored(world) == []


@pytest.mark.slow
def test_a_million_rows_load(world):
    """The ceiling finds a loop over rows in Python, not a busy machine: the goal is half a million rows a second."""
    rows = 1_000_000
    table = pa.table(
        {"patient_id": pa.array([n % 100_000 for n in range(rows)]), "age": [n % 120 for n in range(rows)]}
    )
    columns = (VISITS.columns[0], Column("age", Type.INT, low=Fraction(0), high=Fraction(110)))
    described = dataset(replace(VISITS, rows_max=rows, columns=columns))
    file = world.put("v.parquet", parquet_bytes(table))
    start = time.perf_counter()
    world.load(described, {"visits": file}, buckets=16)
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("values", [["a", "b", "e\u0301", "\u00e9", None, "ninety"], [1, 2, 3, None, 2, 2]])
def test_more_different_values_than_declared_are_not_stored(world, values):
    """NULL is none, spellings of one text are one, and what is too long is NULL."""
    kind, length = (Type.STRING, 5) if isinstance(values[0], str) else (Type.INT, None)
    table = pa.table({"id": list(range(len(values))), "x": values})
    file = world.put("x.parquet", parquet_bytes(table))

    def described(most):
        columns = (Column("id", Type.INT, ColumnRole.UNIT), Column("x", kind, max_length=length, distinct_max=most))
        return replace(dataset(), tables=(Table("visits", "id", 100, 10, 10, columns),))

    assert len(unit_runs(world.open(world.load(described(3), {"visits": file}, 1)))) == len(values)
    with pytest.raises(FileNotUsable) as caught:
        world.load(described(2), {"visits": file}, 2)
    assert (caught.value.facts["column"], caught.value.facts["row"]) == ("x", None)
    assert not (world.store / dataset().name / "2").exists()
