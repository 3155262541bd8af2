import json
from hashlib import blake2b
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.terms.dataset import Type
from sandbox.terms.refusal import FileNotUsable
from workers.identifiers import identifiers
from workers.keyed_hash import hash_decimals, hash_texts
from workers.tokens import token, tokens_of
from workers.unusable import Place

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "token-v1.json"
KEY = bytes(range(32))


def named(values, type_=Type.STRING):
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return identifiers(array, type_, Place("f.csv", "id", 1))


def made(values, type_=Type.STRING, key=KEY):
    tokens = tokens_of(named(values, type_), key)
    halves = zip(tokens.high, tokens.low, strict=True)
    return [int(high).to_bytes(8, "big") + int(low).to_bytes(8, "big") for high, low in halves]


def test_tokens_are_those_written_down():
    golden = json.loads(GOLDEN.read_text("utf-8"))
    key = bytes.fromhex(golden["key"])
    for item in golden["tokens"]:
        assert token(item["identifier"], key).hex() == item["token"]


def test_one_person_has_one_token_however_written():
    one = token(42, KEY)
    assert len(one) == 16
    assert made([42, 42], Type.INT) == [one, one]
    assert made(pa.array([42.0]), Type.INT) == [one]
    assert made(pa.array([42], pa.uint8()), Type.INT) == [one]
    assert made(pa.array([42]), Type.STRING) == [one]
    assert made(["42"]) == [one]
    assert made(["042"]) != [one]
    assert made([normalize("NFD", "Zoë")]) == made([normalize("NFC", "Zoë")]) == [token("Zoë", KEY)]


def test_unsigned_identifiers_beyond_63_bits_stay_themselves():
    assert made(pa.array([2**64 - 1], pa.uint64()), Type.INT) == [token(2**64 - 1, KEY)]


def test_another_space_key_gives_unrelated_tokens():
    assert made(["a", "b"]) != made(["a", "b"], key=bytes(32))


def test_two_spellings_of_one_unit_are_one_unit():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1]), pa.array(["é", "e\u0301", "never", "used"]))
    one, two, _, again = made(array)
    assert one == two == again


@given(st.lists(st.text(min_size=1, max_size=5), max_size=50))
def test_every_row_has_its_token(values):
    assert made(pa.array(values, pa.string())) == [token(value, KEY) for value in values]


@given(st.lists(st.text(max_size=300)), st.binary(min_size=1, max_size=64), st.binary(max_size=16))
@example(["", "x" * 127, "x" * 128, "x" * 129, "x" * 256], KEY, b"")
def test_compiled_digests_are_the_librarys(texts, key, person):
    def of(message):
        return blake2b(message, digest_size=16, key=key, person=person).digest()

    words = hash_texts(pa.array(["before", *texts], pa.string()).slice(1), key, person)
    assert [row.astype("<u8").tobytes() for row in words] == [of(text.encode()) for text in texts]


@given(st.lists(st.integers(-(2**63), 2**64 - 1)))
@example([0, 0, -1, 2**63 - 1, -(2**63), 2**64 - 1, 10, 10])
def test_compiled_digests_of_numbers_are_those_of_their_decimals(numbers):
    for dtype, low, high in ((np.int64, -(2**63), 2**63), (np.uint64, 0, 2**64)):
        within = [number for number in numbers if low <= number < high]
        words = hash_decimals(np.array(within, dtype), KEY, b"")
        expected = [blake2b(str(number).encode(), digest_size=16, key=KEY).digest() for number in within]
        assert [row.astype("<u8").tobytes() for row in words] == expected


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
    with pytest.raises(FileNotUsable, match="row 4"):
        identifiers(pa.array(["c", None]), Type.STRING, Place("f.csv", "id", 3))


def test_no_rows_no_tokens():
    assert made(pa.array([], pa.int64()), Type.INT) == made(pa.array([], pa.string())) == []
