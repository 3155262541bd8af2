"""Where relations read from: sealed buckets of private tables, and public tables whole."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from relation_worlds import computed, exactly, values_of
from store_world import World, dataset, parquet_bytes, visits

from sandbox.plan.nodes import ColumnRef, Not, NullTest
from sandbox.plan.relations import Filter, Join, PerUnit, Scan, UnitAggregate, Window
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type
from workers import ingest
from workers import segment as segment_module
from workers.bucket import Bucket, UnitRuns, read_bucket, read_pieces, read_runs, read_units
from workers.relations.execute import relation_pieces
from workers.relations.sources import BucketSources, HeldSources
from workers.store_refused import StoreRefused

STAYS = Table(
    "stays", "patient", 1000, 9, 9,
    (Column("patient", Type.STRING, ColumnRole.UNIT), Column("ward", Type.STRING, max_length=9), Column("days", Type.INT)),
)  # fmt: skip
CITIES = Table("cities", None, 10, 0, 0, (Column("name", Type.STRING, max_length=12), Column("people", Type.INT)))
PUBLIC = Dataset("reference", "t", "s", "", Grade.GENERAL, Fraction(0), (CITIES,))
WARD = dataset(STAYS, name="ward")

VISITS_SCAN = Scan(
    "clinic", "visits", "t1.", (("age", Type.INT), ("city", Type.STRING), ("urgent", Type.BOOL)), 100_000, 5
)
STAYS_SCAN = Scan("ward", "stays", "t2.", (("days", Type.INT), ("ward", Type.STRING)), 1000, 3)
CITIES_SCAN = Scan("reference", "cities", "t3.", (("name", Type.STRING), ("people", Type.INT)), 10, 0)
SCANS = (VISITS_SCAN, STAYS_SCAN, CITIES_SCAN)

CITY = ColumnRef("t1.city", Type.STRING)
RELATION = Window(
    Join(
        Join(VISITS_SCAN, CITIES_SCAN, "left", ((CITY, ColumnRef("t3.name", Type.STRING)),), 5, unique=True),
        PerUnit(STAYS_SCAN, (), (("t4.days", UnitAggregate("sum", ColumnRef("t2.days", Type.INT), Type.INT)),)),
        "inner", (), 5, unique=True,
    ),
    "w", "first_value", CITY, 0, (), (), Type.STRING,
)  # fmt: skip


def stays(rows=60):
    rng = np.random.default_rng(3)
    return pa.table(
        {
            "patient": [f"p{unit}" for unit in rng.integers(20, 60, rows)],
            "ward": rng.choice(["A", "B", "ö"], rows).tolist(),
            "days": rng.integers(1, 9, rows),
        }
    )


CITY_ROWS = pa.table({"name": ["Köln", "東京", "Ulm"], "people": [1_000_000, None, 126_000]})


@pytest.fixture
def versions(tmp_path):
    return loaded(tmp_path, 2)


def loaded(home, buckets, number=1):
    """All tables, as version `number`: under the keys of the version before, so that tokens stay."""
    world = World(home)
    found = {"clinic": world.load_visits(visits(300, 40), number, buckets=buckets)}
    for described, table, rows, cut in ((WARD, "stays", stays(), buckets), (PUBLIC, "cities", CITY_ROWS, 1)):
        file = world.put(f"{table}.parquet", parquet_bytes(rows))
        found[described.name] = world.open(world.load(described, {table: file}, number, buckets=cut))
    return found


def sources_of(versions, bucket):
    keys = {}
    for scan in SCANS:
        keys[scan.dataset, scan.table] = versions[scan.dataset].bucket_key(scan.table, 0 if scan.public else bucket)
    return BucketSources(bucket, keys)


def whole(sources):
    """The same tables in memory."""
    tables = {}
    for name, key in sources.tables.items():
        bucket = read_bucket(key, [column.name for column in key.columns])
        tables[name] = Bucket(bucket.rows, bucket.runs, bucket.columns, read_units(key))
    return HeldSources(tables)


@pytest.mark.parametrize("rows", [131_072, 17])
def test_a_stored_bucket_gives_what_the_same_rows_give_in_memory(tmp_path, monkeypatch, rows):
    """Whether its rows are in one row group or in many."""
    monkeypatch.setattr(ingest, "ROW_GROUP", rows)
    versions = loaded(tmp_path, 2)
    for bucket in range(2):
        sources = sources_of(versions, bucket)
        found = computed(RELATION, sources, 40)
        assert found == computed(RELATION, whole(sources))
        assert sum(map(len, found)) > 20


def test_the_number_of_buckets_leaves_no_trace(tmp_path):
    found = []
    for number, buckets in enumerate((1, 4), 1):
        versions = loaded(tmp_path, buckets, number)
        found.append([rows for b in range(buckets) for rows in computed(RELATION, sources_of(versions, b)) if rows])
    assert found[0] == found[1]
    assert len(found[0]) > 10


def test_values_of_a_public_table_are_joined_to_the_rows_of_units(versions):
    for bucket in range(2):
        for _, piece in relation_pieces(RELATION, sources_of(versions, bucket)):
            for city, name, people in zip(
                *(values_of(piece.columns[n]) for n in ("t1.city", "t3.name", "t3.people")), strict=True
            ):
                assert name == (city if city in ("Köln", "東京") else None)
                assert people == (1_000_000 if name == "Köln" else None)


def test_a_public_table_may_have_no_rows(tmp_path):
    world = World(tmp_path)
    world.load_visits(buckets=1)
    file = world.put("cities.parquet", parquet_bytes(CITY_ROWS.slice(0, 0)))
    public = world.open(world.load(PUBLIC, {"cities": file}, buckets=1))
    visited = world.open(world.load(dataset(), {"visits": "visits.parquet"}, number=2, buckets=1))
    keys = {
        ("clinic", "visits"): visited.bucket_key("visits", 0),
        ("reference", "cities"): public.bucket_key("cities", 0),
    }
    on = ((CITY, ColumnRef("t3.name", Type.STRING)),)
    sources = BucketSources(0, keys)
    for kind, some in (("left", True), ("anti", True), ("inner", False), ("semi", False)):
        found = computed(Join(VISITS_SCAN, CITIES_SCAN, kind, on, 5, unique=True), sources)
        assert any(found) == some


def test_a_filter_over_rows_without_columns(versions):
    """count(*) of a join reads no column of a table that only brings its units."""
    bare = Join(replace(VISITS_SCAN, columns=()), replace(STAYS_SCAN, columns=()), "semi", (), 5, unique=False)
    sources = sources_of(versions, 0)
    count = sum(len(rows) for rows in computed(bare, sources))
    units = sources.units(STAYS_SCAN)
    stayed = set(zip(units.high.tolist(), units.low.tolist(), strict=True))
    seen = sources.units(VISITS_SCAN)
    each = zip(seen.high.tolist(), seen.low.tolist(), seen.runs.tolist(), strict=True)
    assert count == sum(min(run, 5) for high, low, run in each if (high, low) in stayed) > 0


# -- what travels ------------------------------------------------------------------------------------------------------


def test_sources_travel_as_json_and_show_no_secret(versions):
    sources = sources_of(versions, 1)
    value = json.loads(json.dumps(sources.to_json()))
    again = BucketSources.from_json(value)
    assert again == sources
    assert again.to_json() == sources.to_json()
    shown = repr(sources) + str(sources)
    assert shown.count("BucketSources(1)") == 2
    for key in sources.tables.values():
        assert key.segments[0].rows["rows"].dek.hex() in json.dumps(value)
        assert key.segments[0].rows["rows"].dek.hex() not in shown
        assert repr(key.segments[0].rows["rows"].dek) not in shown


def test_a_document_of_another_form_is_refused(versions):
    good = sources_of(versions, 1).to_json()
    twice = good | {"tables": [good["tables"][0], good["tables"][0]]}
    for wrong in (
        good | {"format": "sandbox/bucket-sources/v2"},
        twice,
        {"format": good["format"]},
        good | {"bucket": "x"},
    ):
        with pytest.raises((KeyError, ValueError, TypeError)):
            BucketSources.from_json(wrong)


def test_keys_of_other_places_are_refused(versions):
    good = sources_of(versions, 1)
    other = sources_of(versions, 0)
    assert good.key(VISITS_SCAN).bucket == 1
    assert good.key(CITIES_SCAN).bucket == 0
    swapped = {**good.tables, ("clinic", "visits"): good.tables["ward", "stays"]}
    for sources, scan in (
        (replace(good, tables={}), VISITS_SCAN),
        (replace(good, tables=other.tables), VISITS_SCAN),  # of another bucket
        (replace(good, tables=swapped), VISITS_SCAN),
        (good, replace(CITIES_SCAN, rows_per_unit=1)),  # a public table has no bucket but 0
    ):
        for ask in (sources.units, lambda scan: list(sources.pieces(scan, [], 0))):  # noqa: B023
            with pytest.raises(StoreRefused):
                ask(scan)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_tokens_are_those_of_the_units_and_shared_by_all_tables(versions):
    tokens = {}
    for scan in (VISITS_SCAN, STAYS_SCAN):
        tokens[scan.table] = set()
        for bucket in range(2):
            units = sources_of(versions, bucket).units(scan)
            assert units.runs.tolist() == read_runs(sources_of(versions, bucket).key(scan)).tolist()
            pairs = list(zip(units.high.tolist(), units.low.tolist(), strict=True))
            assert pairs == sorted(set(pairs))
            assert all(high >> 63 == bucket for high, _ in pairs)
            tokens[scan.table] |= set(pairs)
    assert len(tokens["visits"]) == 40
    people = len(set(stays().column("patient").to_pylist()))
    shared = people - len({name for name in stays().column("patient").to_pylist() if int(name[1:]) >= 40})
    assert len(tokens["visits"] & tokens["stays"]) == shared > 0


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        ({"token_high": [1, 1, 2], "token_low": [0, 5, 0], "n": [1, 1, 1]}, True),
        ({"token_high": [1, 1, 2], "token_low": [5, 0, 0], "n": [1, 1, 1]}, False),
        ({"token_high": [2, 1, 3], "token_low": [0, 5, 0], "n": [1, 1, 1]}, False),
        ({"token_high": [1, 1, 2], "token_low": [5, 5, 0], "n": [1, 1, 1]}, False),
        ({"token_high": [1, 1, 2], "token_low": [0, 5, 0], "n": [1, -1, 1]}, False),
        ({"token_high": [1, 1, 2], "n": [1, 1, 1]}, False),
    ],
)
def test_tokens_must_ascend_and_runs_have_rows_or_none(monkeypatch, versions, columns, fits):
    """Two runs of one unit would be two units: each with a share of its own."""
    kinds = {"n": pa.int64()}
    table = pa.table({name: pa.array(values, kinds.get(name, pa.uint64())) for name, values in columns.items()})
    monkeypatch.setattr(segment_module, "row_groups", lambda *_: iter([table]))
    key = sources_of(versions, 0).key(VISITS_SCAN)
    if fits:
        assert read_units(key).low.tolist() == [0, 5, 0]
        return
    with pytest.raises(StoreRefused):
        read_units(key)


def test_a_table_in_memory_needs_tokens_and_all_its_rows():
    bare = HeldSources({("clinic", "visits"): Bucket(0, np.zeros(0, np.int64), {})})
    with pytest.raises(ValueError, match="tokens"):
        list(relation_pieces(VISITS_SCAN, bare))
    with pytest.raises(ValueError, match="cover"):
        list(bare.pieces(VISITS_SCAN, [], 3))


class ShortSources:
    """Files that end before the runs do."""

    def __init__(self, sources):
        self.inner = sources

    def units(self, scan):
        units = self.inner.units(scan)
        return UnitRuns(units.high, units.low, units.runs)

    def pieces(self, scan, columns, rows):
        return iter(list(read_pieces(self.inner.key(scan), columns, rows))[:-1])


def test_rows_that_end_before_the_runs_are_refused(versions):
    with pytest.raises(ValueError, match="cover"):
        list(relation_pieces(VISITS_SCAN, ShortSources(sources_of(versions, 0))))


def test_a_filter_keeps_where_the_predicate_is_true(versions):
    sources = sources_of(versions, 0)
    urgent = Filter(VISITS_SCAN, ColumnRef("t1.urgent", Type.BOOL))
    every = computed(VISITS_SCAN, sources)
    true = exactly({"t1.urgent": True})["t1.urgent"]
    assert computed(urgent, sources) == [[row for row in rows if row["t1.urgent"] == true] for rows in every]
    known = Filter(VISITS_SCAN, Not(NullTest(ColumnRef("t1.urgent", Type.BOOL))))
    assert sum(map(len, computed(urgent, sources))) < sum(map(len, computed(known, sources))) < sum(map(len, every))
