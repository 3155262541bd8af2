"""The fixed rules of ingest, against a slow and plain reading of them."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.terms.dataset import Column, Type
from sandbox.terms.refusal import FileNotUsable
from workers.conform import conform
from workers.row_columns import joined
from workers.schema import Encoding, StoredColumn
from workers.unusable import Place

INF, NAN = math.inf, math.nan


def made(values, column):
    """What ingest makes of one batch, as Python values."""
    piece = values if isinstance(values, pa.Array) else pa.array(values)
    array = conform(piece, column, Place("f.parquet", column.name, 1))
    if array.dictionary is not None:
        assert array.values.dtype == np.int32
        texts = array.dictionary.to_pylist() if isinstance(array.dictionary, pa.Array) else array.dictionary
        return [None if code < 0 else texts[code] for code in array.values]
    valid = [True] * len(array.values) if array.valid is None else array.valid
    return [value if ok else None for value, ok in zip(array.values.tolist(), valid, strict=True)]


def column(type_, low=None, high=None, **more):
    bounds = [None if bound is None else Fraction(bound) for bound in (low, high)]
    return Column("c", type_, low=bounds[0], high=bounds[1], **more)


@pytest.mark.parametrize(
    ("described", "values", "expected"),
    [
        (column(Type.INT, 0, 10), [5, -1, 11, None], [5, 0, 10, None]),
        (column(Type.INT), [5, -1, None], [5, -1, None]),
        (column(Type.INT, 0, 10), pa.array([3.0, NAN, INF, -INF, 1e300, None]), [3, None, 10, 0, 10, None]),
        (column(Type.INT), pa.array([3.0, NAN, INF, -INF, 1e300]), [3, None, None, None, None]),
        (column(Type.INT, 0), pa.array([-INF, INF]), [0, None]),
        (column(Type.INT, None, 9), pa.array([-INF, INF]), [None, 9]),
        (column(Type.INT, "1/2", "7/2"), [0, 9], [1, 3]),
        (column(Type.INT, 0, 10), pa.array([2**64 - 1, 4], pa.uint64()), [10, 4]),
        (column(Type.INT), pa.array([2**64 - 1, 4], pa.uint64()), [None, 4]),
        (column(Type.INT), pa.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]),
        (column(Type.INT), pa.array([-(2.0**63), 2.0**63]), [-(2**63), None]),
        (column(Type.INT), pa.array([3, None], pa.int8()), [3, None]),
        (column(Type.INT), pa.array([3, None], pa.decimal128(10, 0)), [3, None]),
        (column(Type.INT), pa.nulls(2), [None, None]),
        (column(Type.FLOAT, 0, 1), [0.5, NAN, INF, -INF, 2.0, -2.0, None], [0.5, None, 1.0, 0.0, 1.0, 0.0, None]),
        (column(Type.FLOAT), [0.5, NAN, INF, -INF, None], [0.5, None, None, None, None]),
        (column(Type.FLOAT, 0, 9), pa.array([1, 20]), [1.0, 9.0]),
        (column(Type.FLOAT), pa.array([1.5], pa.float32()), [1.5]),
        (column(Type.FLOAT), pa.array([3], pa.decimal128(10, 2)), [3.0]),
        (column(Type.BOOL), [True, False, None], [True, False, None]),
        (column(Type.BOOL, keys=(True,)), [True, False, None], [True, None, None]),
        (column(Type.STRING, keys=("F", "M")), ["M", "F", "x", "", None], ["M", "F", None, None, None]),
        (column(Type.STRING, keys=("é",)), ["e\u0301", "é"], ["é", "é"]),
        (column(Type.STRING, keys=("e\u0301",)), ["e\u0301", "é"], ["e\u0301", "e\u0301"]),
        (column(Type.STRING, max_length=2), ["ab", "abc", "東京", "e\u0301x", None], ["ab", None, "東京", "éx", None]),
        (column(Type.STRING), ["x" * 1000, ""], ["x" * 1000, ""]),
        (column(Type.STRING), pa.array(["a", None], pa.large_string()), ["a", None]),
        (column(Type.INT, keys=(30, 10, 20)), [10, 20, 30, 11, None], [10, 20, 30, None, None]),
        (column(Type.INT, 0, 2, keys=(0, 1, 2)), [7, 1], [2, 1]),
        (column(Type.DATE), pa.array([0, 19723, None], pa.date32()), [0, 19723, None]),
        (column(Type.DATE, 5, 6), pa.array([0, 19723, None], pa.date32()), [5, 6, None]),
        (column(Type.DATE), pa.array([-86_400_000], pa.date64()), [-1]),
        (column(Type.DATE), pa.array([86_400, None], pa.timestamp("s")), [1, None]),
        (column(Type.DATE, keys=("1970-01-02",)), pa.array([0, 1], pa.date32()), [None, "1970-01-02"]),
        (column(Type.TIMESTAMP), pa.array([1, None], pa.timestamp("s")), [1_000_000, None]),
        (column(Type.TIMESTAMP), pa.array([-1, 1999], pa.timestamp("ns", "Asia/Shanghai")), [-1, 1]),
        (column(Type.TIMESTAMP), pa.array([1], pa.date32()), [86_400_000_000]),
        (column(Type.TIMESTAMP, keys=("1970-01-01T00:00:01",)), pa.array([1, 2], pa.timestamp("s")),
         ["1970-01-01T00:00:01", None]),
    ],
)  # fmt: skip
def test_values_follow_the_fixed_rules(described, values, expected):
    assert made(values, described) == expected


@pytest.mark.parametrize(
    ("type_", "values", "row"),
    [
        (Type.INT, ["1"], None),
        (Type.INT, pa.array(["1"]).dictionary_encode(), None),
        (Type.INT, [True], None),
        (Type.INT, [1.0, 1.5], 2),
        (Type.INT, pa.array([Decimal("1.5")]), 1),
        (Type.FLOAT, ["1.5"], None),
        (Type.FLOAT, [False], None),
        (Type.BOOL, [1], None),
        (Type.BOOL, ["true"], None),
        (Type.STRING, [1], None),
        (Type.STRING, [b"\xff"], None),
        (Type.STRING, ["x" * (2**20 + 1)], None),
        (Type.STRING, pa.array([1, 2]).dictionary_encode(), None),
        (Type.DATE, [1], None),
        (Type.DATE, pa.array([0, 1], pa.timestamp("s")), 2),
        (Type.TIMESTAMP, [1], None),
        (Type.TIMESTAMP, pa.array([0, 2**62], pa.timestamp("s")), 2),
        (Type.TIMESTAMP, pa.array([-(2**63)], pa.timestamp("ms")), 1),
    ],
)
def test_another_type_is_the_stewards_error(type_, values, row):
    with pytest.raises(FileNotUsable) as caught:
        made(values, column(type_))
    assert caught.value.facts["row"] == row
    assert caught.value.facts["file"] == "f.parquet"


def test_minus_zero_is_zero():
    array = conform(pa.array([-0.0]), column(Type.FLOAT), Place("f"))
    assert not np.signbit(array.values).any()


def test_float_bounds_never_let_a_value_past_them():
    third = column(Type.FLOAT, "1/3", "2/3")
    low, high = made([0.0, 1.0], third)
    assert Fraction(low) >= Fraction(1, 3)
    assert Fraction(high) <= Fraction(2, 3)


def test_no_batches_make_empty_columns_of_the_right_type():
    for type_, dtype in (
        (Type.INT, np.int64),
        (Type.FLOAT, np.float64),
        (Type.BOOL, np.int32),
        (Type.STRING, np.int32),
    ):
        array = conform(pa.nulls(0), column(type_), Place("f"))
        assert (len(array.values), array.values.dtype) == (0, dtype)


@given(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 15).map(float)), max_size=30),
    st.one_of(st.none(), st.integers(-3, 3)),
    st.one_of(st.none(), st.integers(4, 12)),
)
def test_floats_follow_a_plain_reading_of_the_rules(values, low, high):
    def plain(value):
        if value is None or math.isnan(value):
            return None
        value = value if low is None else max(value, float(low))
        value = value if high is None else min(value, float(high))
        return value if math.isfinite(value) else None

    assert made(pa.array(values, pa.float64()), column(Type.FLOAT, low, high)) == [plain(value) for value in values]


@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=30), st.integers(0, 3))
def test_strings_survive_whatever_their_batches(values, cut):
    from unicodedata import normalize

    described = column(Type.STRING, max_length=3)
    expected = [None if v is None or len(normalize("NFC", v)) > 3 else normalize("NFC", v) for v in values]
    stored = StoredColumn("s", Type.STRING, Encoding.TEXT)
    pieces = [pa.array(values[:cut], pa.string()), pa.array(values[cut:], pa.string())]
    array = joined(stored, [conform(piece, described, Place("f")) for piece in pieces])
    texts = array.dictionary.to_pylist()
    assert [None if code < 0 else texts[code] for code in array.values] == expected
