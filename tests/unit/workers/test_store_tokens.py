import json
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers.identifiers import identifiers
from workers.tokens import token, units_of
from workers.unusable import Place

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "token-v1.json"
KEY = bytes(range(32))


def named(values, type_=Type.STRING):
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return identifiers([array], type_, [Place("f.csv", "id", 1)])


def tokens_of(values, type_=Type.STRING, key=KEY):
    units = units_of(named(values, type_), key)
    joined = [int(h).to_bytes(8, "big") + int(w).to_bytes(8, "big") for h, w in zip(units.high, units.low, strict=True)]
    return [joined[number] for number in units.of_row]


def test_tokens_are_those_written_down():
    golden = json.loads(GOLDEN.read_text("utf-8"))
    key = bytes.fromhex(golden["key"])
    for item in golden["tokens"]:
        assert token(item["identifier"], key).hex() == item["token"]


def test_one_person_has_one_token_however_written():
    one = token(42, KEY)
    assert len(one) == 16
    assert tokens_of([42, 42], Type.INT) == [one, one]
    assert tokens_of(pa.array([42.0]), Type.INT) == [one]
    assert tokens_of(pa.array([42], pa.uint8()), Type.INT) == [one]
    assert tokens_of(pa.array([42]), Type.STRING) == [one]
    assert tokens_of(["42"]) == [one]
    assert tokens_of(["042"]) != [one]
    assert tokens_of([normalize("NFD", "Zoë")]) == tokens_of([normalize("NFC", "Zoë")]) == [token("Zoë", KEY)]


def test_unsigned_identifiers_beyond_63_bits_stay_themselves():
    assert tokens_of(pa.array([2**64 - 1], pa.uint64()), Type.INT) == [token(2**64 - 1, KEY)]


def test_another_space_key_gives_unrelated_tokens():
    assert tokens_of(["a", "b"]) != tokens_of(["a", "b"], key=bytes(32))


def test_two_spellings_of_one_unit_are_one_unit():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1]), pa.array(["é", "e\u0301", "never", "used"]))
    units = units_of(array, KEY)
    assert len(units.high) == 2
    assert units.of_row[0] == units.of_row[1] == units.of_row[3]


@given(st.lists(st.text(min_size=1, max_size=5), max_size=50))
def test_units_are_numbered_in_token_order_without_gaps(values):
    units = units_of(named(pa.array(values, pa.string())), KEY)
    expected = sorted({token(value, KEY) for value in values})
    assert [expected[number] for number in units.of_row] == [token(value, KEY) for value in values]
    assert len(units.high) == len(units.low) == len(expected)
    assert units.high.dtype == np.uint64


@pytest.mark.parametrize(
    ("values", "type_", "row"),
    [
        (["a", None, "b"], Type.STRING, 2),
        (["a", "b", ""], Type.STRING, 3),
        ([1, None], Type.INT, 2),
        (pa.array([1.0, float("nan")]), Type.INT, 2),
        (pa.array([None, None]), Type.STRING, 1),
        (pa.array([1.5]), Type.INT, 1),
        (pa.array([1.0, float("inf")]), Type.INT, 2),
        (pa.array([2.0**53]), Type.INT, 1),
        (["1"], Type.INT, None),
        (pa.array([True]), Type.STRING, None),
        (pa.array([b"x"]), Type.STRING, None),
    ],
)
def test_a_row_without_a_certain_unit_is_refused_with_its_place(values, type_, row):
    with pytest.raises(FileNotUsable) as caught:
        named(values, type_)
    assert caught.value.facts["row"] == row
    assert caught.value.facts["column"] == "id"


def test_batches_count_rows_on():
    pieces = [pa.array(["a", "b"]), pa.array(["c", None])]
    with pytest.raises(FileNotUsable, match="row 4"):
        identifiers(pieces, Type.STRING, [Place("f.csv", "id", 1), Place("f.csv", "id", 3)])


def test_no_batches_no_units():
    assert len(units_of(identifiers([], Type.INT, []), KEY).high) == 0
