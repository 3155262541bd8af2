"""Packed numbers come back to the bit, whatever the pieces of a file are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.packing import packings_of, spread_of
from workers.sealed_parquet import SealedFile, footer_of, read_sealed, row_groups, sealed_writer

KEY, AAD = b"k" * 32, b"place"
DECIMALS = st.integers(-(10**7), 10**7).flatmap(
    lambda n: st.sampled_from([1, 10, 100, 1_000, 10_000]).map(lambda s: n / s)
)
DOUBLES = DECIMALS | st.floats(allow_nan=False) | st.sampled_from([-0.0, 1e308, 5e-324, 0.1 + 0.2])
SMALL = st.integers(-300, 300)
PIECES = st.lists(
    st.one_of(
        st.lists(st.tuples(st.none() | DECIMALS, st.none() | SMALL), max_size=9),
        st.lists(st.tuples(st.none() | DOUBLES, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=9),
    ),
    min_size=1,
    max_size=4,
)
SCHEMA = pa.schema([("real", pa.float64()), ("whole", pa.int64())])


def table_of(rows):
    reals, wholes = ([row[at] for row in rows] for at in (0, 1))
    return pa.table([pa.array(reals, pa.float64()), pa.array(wholes, pa.int64())], schema=SCHEMA)


def written(path, tables):
    path.unlink(missing_ok=True)
    with sealed_writer(path, KEY, AAD, tables[0].schema, []) as write:
        for table in tables:
            write(table)
    return SealedFile(str(path), KEY, AAD, footer_of(path))


def bits(table):
    return [
        (
            part.column(name).is_valid().to_pylist(),
            part.column(name).combine_chunks().fill_null(0).to_numpy(False).tobytes(),
        )
        for part in [table]
        for name in table.column_names
    ]


@settings(max_examples=80, deadline=None)
@given(PIECES)
def test_what_is_written_in_pieces_comes_back_to_the_bit(tmp_path_factory, pieces):
    tables = [table_of(rows) for rows in pieces]
    file = written(tmp_path_factory.mktemp("packed") / "f.parquet", tables)
    whole = pa.concat_tables(tables)
    found = read_sealed(file, lambda opened: opened.read())
    assert found.schema.types == SCHEMA.types
    assert bits(found) == bits(whole)
    again = pa.concat_tables(list(row_groups(file, ["real", "whole"], whole.num_rows)))
    assert bits(again) == bits(whole)


@pytest.mark.parametrize(
    ("values", "width", "scale"),
    [([1.0, 2.0], 1, 1), ([0.5], 1, 10), ([0.25, 300.0], 2, 100), ([0.0001, 90_000.0], 4, 10_000), ([], 1, 1)],
)
def test_the_narrowest_width_and_scale_are_found(values, width, scale):
    packing = spread_of(pa.chunked_array([pa.array(values, pa.float64())])).packing
    assert (packing.width, packing.scale, packing.nulls) == (width, scale, False)


def test_a_null_takes_the_least_integer_of_the_width():
    for low, width in ((-127, 1), (-128, 2), (-32_768, 4)):
        assert spread_of(pa.chunked_array([pa.array([low, None])])).packing.width == width


@pytest.mark.parametrize("value", [-0.0, 0.1 + 0.2, 1e12, 1 / 3, float("inf")])
def test_what_would_not_come_back_is_not_packed(value):
    found = spread_of(pa.chunked_array([pa.array([1.0, value])]))
    assert found is None or found.packing is None


@pytest.mark.parametrize(
    "said", [b'{"a": ["int64", 3, 0, false]}', b'{"a": ["text", 1, 0, false]}', b'{"a": [1]}', b"x"]
)
def test_metadata_that_say_no_packing_are_refused(said):
    with pytest.raises((ValueError, TypeError)):
        packings_of({b"packing": said})


def test_a_file_written_anew_leaves_one_file(tmp_path):
    small, large = table_of([(0.5, 1)]), table_of([(1 / 3, 2**40)])
    written(tmp_path / "f.parquet", [small, large, small])
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]


def test_narrow_columns_are_of_the_width_that_values_need(tmp_path):
    rows = [(number / 100, number % 100) for number in range(1_000)]
    file = written(tmp_path / "f.parquet", [table_of(rows)])
    (found,) = row_groups(file, ["real", "whole"], 1_000, narrow=True)
    assert found.schema.types == [pa.binary(2), pa.binary(1)]
    assert np.frombuffer(found.column("whole").chunk(0).buffers()[1], np.int8).tolist() == [row[1] for row in rows]
