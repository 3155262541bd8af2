"""Golden bytes of orders, and that their forms are strict inverses: a format change must be a decision."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import LoadMode, LoadOrder, MeasureOrder, SourceVersion

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

MEASURE = MeasureOrder(
    "ord_01",
    "boot-1",
    (SourceVersion("clinic", 3, "ab" * 32), SourceVersion("regions", 1, "cd" * 32)),
    {"plan": "…"},
    {"mode": "zcdp", "vectors": []},
    Loss(Mode.ZCDP, 18_000_000_000_000_000, 5),
    8000,
)

LOAD = LoadOrder(
    "ord_02",
    "boot-1",
    "clinic",
    4,
    "[dataset]\n",
    16,
    {"visits": "visits.csv"},
    LoadMode.REPLACE_UNITS,
    SourceVersion("clinic", 3, "ab" * 32),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order-measure-v2.json", MEASURE.to_json()),
        ("order-load-v2.json", LOAD.to_json()),
    ],
)
def test_golden_bytes(name: str, value: dict[str, object]) -> None:
    assert canonical_bytes(value) == (GOLDEN / name).read_bytes()


def test_forms_are_inverses() -> None:
    assert MeasureOrder.from_json(MEASURE.to_json()) == MEASURE
    assert LoadOrder.from_json(LOAD.to_json()) == LOAD


@pytest.mark.parametrize("kind", [MeasureOrder, LoadOrder])
@pytest.mark.parametrize("field", ["format", "id", "sources", "boot", "plan", "files", "reserved"])
def test_a_missing_field_is_refused(kind: type, field: str) -> None:
    document = {MeasureOrder: MEASURE, LoadOrder: LOAD}[kind].to_json()
    if field in document:
        del document[field]
        with pytest.raises((KeyError, ValueError, TypeError)):
            kind.from_json(document)
    else:
        assert kind.from_json(document)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=126), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values, values)
def test_equal_values_and_only_those_have_equal_bytes(left: object, right: object) -> None:
    same = canonical_bytes(left) == canonical_bytes(right)
    # Python holds 1 == True; canonical JSON does not.
    assert same == (repr_of(left) == repr_of(right))


def repr_of(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{repr_of(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(repr_of(item) for item in value) + "]"
    return repr(value)


@pytest.mark.parametrize("value", [1.5, float("nan"), {1: 2}, {"ä": 1}, b"x", (1,), {"a": {"b": 0.1}}, object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_bytes(value)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, "\ud800"])
def test_what_would_be_ambiguous_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_bytes(value)


def test_the_digest_is_sha256_of_the_bytes() -> None:
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
