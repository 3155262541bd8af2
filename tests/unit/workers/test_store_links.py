"""Units found along declared foreign keys, and public tables: what ingest makes of them."""

from dataclasses import replace
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_world import World, dataset, parquet_bytes, read_all

from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type, UnitLink
from sandbox.terms.refusal import FileNotUsable
from workers.bucket import read_bucket, read_units
from workers.links import in_link_order
from workers.schema import schema_digest

WIDE = {"low": Fraction(0), "high": Fraction(10**6), "granularity": Fraction(1)}
CUSTOMER = Table(
    "customer",
    "c_key",
    1000,
    1,
    1,
    (Column("c_key", Type.INT, ColumnRole.UNIT), Column("c_age", Type.INT, **WIDE)),
    key=("c_key",),
)
ORDERS = Table(
    "orders",
    None,
    1000,
    50,
    10,
    (Column("o_key", Type.INT, **WIDE), Column("o_customer", Type.INT, **WIDE)),
    link=UnitLink("customer", "o_customer", "c_key"),
    key=("o_key",),
)
LINES = Table(
    "lineitem",
    None,
    5000,
    200,
    50,
    (Column("l_order", Type.INT, **WIDE), Column("l_part", Type.INT, **WIDE)),
    link=UnitLink("orders", "l_order", "o_key"),
)
SHOP = dataset(CUSTOMER, ORDERS, LINES, name="shop", space="customers")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def shop(world: World, customers: list[int], orders: list[tuple], lines: list[tuple], described: Dataset = SHOP):
    tables = {
        "customer": pa.table({"c_key": customers, "c_age": [30] * len(customers)}),
        "orders": pa.table(
            {"o_key": [row[0] for row in orders], "o_customer": pa.array([row[1] for row in orders], pa.int64())}
        ),
        "lineitem": pa.table(
            {"l_order": pa.array([row[0] for row in lines], pa.int64()), "l_part": [row[1] for row in lines]}
        ),
    }
    files = {name: world.put(f"{name}.parquet", parquet_bytes(table)) for name, table in tables.items()}
    return world.open(world.load(described, files))


def tokens_of(opened, table: str, column: str) -> dict[int, tuple[int, int]]:
    """Value of a column → token of the unit whose row holds it."""
    found = {}
    for bucket in range(opened.buckets):
        key = opened.bucket_key(table, bucket)
        units = read_units(key)
        values = read_bucket(key, [column]).columns[column].values
        row = 0
        for place, count in enumerate(units.runs):
            for value in values[row : row + int(count)]:
                found[int(value)] = (int(units.high[place]), int(units.low[place]))
            row += int(count)
    return found


def test_a_chain_of_links_leads_to_the_units(world):
    opened = shop(world, [1, 2, 3], [(10, 1), (11, 2), (12, 1)], [(10, 100), (11, 101), (12, 102), (10, 103)])
    orders, lines = tokens_of(opened, "orders", "o_key"), tokens_of(opened, "lineitem", "l_part")
    assert orders[10] == orders[12] != orders[11]
    assert lines == {100: orders[10], 101: orders[11], 102: orders[10], 103: orders[10]}
    customers = set(tokens_of(opened, "customer", "c_age").values())
    assert len(customers) == 1 and orders[10] not in (None, orders[11])


def test_rows_that_name_nobody_are_left_out(world):
    opened = shop(world, [1], [(10, 1), (11, 7), (12, None)], [(10, 100), (11, 101), (None, 102), (99, 103)])
    assert set(tokens_of(opened, "orders", "o_key")) == {10}
    assert set(tokens_of(opened, "lineitem", "l_part")) == {100}


def test_a_key_that_others_link_through_is_unique(world):
    with pytest.raises(FileNotUsable) as refused:
        shop(world, [1], [(10, 1), (10, 1)], [])
    assert "each key once" in refused.value.detail
    assert "10" not in refused.value.detail.replace("row", "")


def test_tables_load_in_the_order_of_their_links():
    assert in_link_order({"lineitem": "orders", "orders": "customer", "customer": None}) == [
        "customer",
        "orders",
        "lineitem",
    ]
    with pytest.raises(ValueError, match="circle"):
        in_link_order({"a": "b", "b": "a"})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5)), max_size=30), st.sampled_from([1, 2, 8]))
def test_every_linked_row_is_with_the_unit_of_its_order(tmp_path_factory, lines, buckets):
    """Against a dict: for any lines, each is stored once, under its order's customer, or not at all."""
    world = World(tmp_path_factory.mktemp("links"))
    orders = [(number, number % 3) for number in range(6)]
    numbered = [(order, place) for place, (order, _) in enumerate(lines)]
    tables = {
        "customer": pa.table({"c_key": [0, 1], "c_age": [1, 2]}),
        "orders": pa.table({"o_key": [row[0] for row in orders], "o_customer": [row[1] for row in orders]}),
        "lineitem": pa.table(
            {
                "l_order": pa.array([row[0] for row in numbered], pa.int64()),
                "l_part": pa.array([row[1] for row in numbered], pa.int64()),
            }
        ),
    }
    files = {name: world.put(f"{name}.parquet", parquet_bytes(table)) for name, table in tables.items()}
    opened = world.open(world.load(SHOP, files, buckets=buckets))
    of_order, of_line = tokens_of(opened, "orders", "o_key"), tokens_of(opened, "lineitem", "l_part")
    customers = {number: number % 3 for number in range(6) if number % 3 < 2}
    expected = {place: of_order[order] for order, place in numbered if order in customers}
    assert of_line == expected
    assert set(of_order) == set(customers)


def test_a_public_table_is_one_bucket_without_units(world):
    lines = Table(
        "stations",
        None,
        100,
        0,
        0,
        (Column("station", Type.INT, **WIDE), Column("line", Type.STRING)),
        key=("station",),
    )
    described = Dataset("city", "t", "s", "", Grade.GENERAL, Fraction(0), (lines,))
    assert described.public
    file = world.put("s.parquet", parquet_bytes(pa.table({"station": [3, 1, 2], "line": ["b", None, "a"]})))
    opened = world.open(world.load(described, {"stations": file}, buckets=1))
    (bucket,) = read_all(opened, "stations")
    assert bucket.runs.tolist() == [3]
    assert bucket.columns["station"].values.tolist() == [3, 1, 2]
    empty = world.put(
        "e.parquet", parquet_bytes(pa.table({"station": pa.array([], pa.int64()), "line": pa.array([], pa.string())}))
    )
    opened = world.open(world.load(described, {"stations": empty}, number=2, buckets=1))
    assert read_bucket(opened.bucket_key("stations", 0), ["station"]).rows == 0


def test_links_are_part_of_what_stored_values_mean(world):
    other = replace(ORDERS, key=())
    assert schema_digest(SHOP) != schema_digest(dataset(CUSTOMER, other, LINES, name="shop", space="customers"))
