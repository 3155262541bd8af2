"""An opened answer in every form, and a release on its way through a file."""

import csv
import json
import sys
import types
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from client_world import SCALE
from hypothesis import given
from hypothesis import strategies as st

from sandbox.client import Connection, MemoryKeyStore, Release
from sandbox.client.export import (
    ExtraMissing,
    arrow_table,
    csv_text,
    ipc_bytes,
    pandas_frame,
    parquet_bytes,
    polars_frame,
    required,
)
from sandbox.client.release import checked
from sandbox.terms.answer import Answer, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
from sandbox.terms.dataset import Type
from sandbox.terms.refusal import ProofFailed

SQL = "select sex, count(*) as n from clinic.visits group by sex"


@pytest.fixture
def keys() -> MemoryKeyStore:
    return MemoryKeyStore()


@pytest.fixture
def release(url: str, keys: MemoryKeyStore) -> Release:
    with Connection(url, "token-of-analyst", keys=keys) as connection:
        return connection.query(SQL, purpose="research", epsilon="1").run().result()


# -- forms ---------------------------------------------------------------------------------------------------------------


def test_arrow_pandas_parquet_ipc_json_say_the_same(release: Release, tmp_path: Path) -> None:
    rows = release.to_pylist()
    assert release.to_arrow().to_pylist() == rows
    assert release.to_pandas().to_dict("records") == rows
    assert pa.parquet.read_table(release.to_parquet(tmp_path / "a.parquet")).to_pylist() == rows
    with pa.ipc.open_file(release.to_ipc(tmp_path / "a.arrow")) as reader:
        assert reader.read_all().to_pylist() == rows
    assert json.loads(release.to_json()) == rows
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.arrow", "a.parquet"]


def test_arrow_types_follow_the_columns() -> None:
    columns = (
        KeyColumn("k", Type.BOOL, (True,)),
        KeyColumn("day", Type.DATE, ("2026-01-01",)),
        CountColumn("n", (2**63,), SCALE),
        SumColumn("s", Type.INT, (5,), Fraction(1), SCALE),
        SumColumn("f", Type.FLOAT, (5,), Fraction(1, 2), SCALE),
    )
    table = arrow_table(Answer("o", columns))
    assert [str(field.type) for field in table.schema] == ["bool", "string", "decimal256(76, 0)", "int64", "double"]
    assert table.to_pylist()[0] == {"k": True, "day": "2026-01-01", "n": 2**63, "s": 5, "f": 2.5}
    empty = arrow_table(Answer("o", (KeyColumn("k", Type.STRING, ()), CountColumn("n", (), SCALE))))
    assert [str(field.type) for field in empty.schema] == ["string", "int64"]


@pytest.mark.parametrize(("module", "extra"), [("pyarrow", "arrow"), ("pandas", "pandas")])
def test_a_missing_extra_is_named(
    module: str, extra: str, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sandbox.client.export.import_module", absent(module))
    forms = {"pyarrow": [release.to_arrow, lambda: release.to_parquet(tmp_path / "x")], "pandas": [release.to_pandas]}
    for form in forms[module]:
        with pytest.raises(ExtraMissing, match=rf"trusted-sandbox\[{extra}\]"):
            form()
    assert list(tmp_path.iterdir()) == []


def absent(module: str):
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    return fail


def test_a_broken_extra_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.client.export.import_module", absent("numpy"))
    with pytest.raises(ModuleNotFoundError) as broken:
        required("pandas", "pandas")
    assert not isinstance(broken.value, ExtraMissing)


# -- NULLs, every type, and no rows --------------------------------------------------------------------------------------

TYPED = {
    Type.INT: ("5", None, "-7"),
    Type.FLOAT: ("0.5", None, "-2.0"),
    Type.STRING: ("=1", None, ""),
    Type.BOOL: ("true", None, "false"),
    Type.DATE: ("2026-01-31", None, "0001-01-01"),
    Type.TIMESTAMP: ("2026-01-31T10:00:00+00:00", None, "2026-01-31T10:00:00.000001+00:00"),
}
EVERY = Answer(
    "o",
    (
        KeyColumn("key", Type.STRING, ("a", None, "b")),
        CountColumn("n", (2**63 - 1, 0, -3), SCALE),
        *(ComputedColumn(kind.value, kind, texts, "quantile 0.5") for kind, texts in TYPED.items()),
    ),
)
EMPTY = Answer(
    "o",
    (
        KeyColumn("key", Type.STRING, ()),
        CountColumn("n", (), SCALE),
        SumColumn("sum", Type.FLOAT, (), Fraction(1), SCALE),
        MeanColumn("mean", (), (), Fraction(0), Fraction(1), Fraction(0), Fraction(1), SCALE, SCALE),
        *(ComputedColumn(kind.value, kind, (), "quantile 0.5") for kind in TYPED),
    ),
)


def rows_of(answer: Answer) -> list[dict[str, object]]:
    table = [column.numbers() for column in answer.columns]
    return [dict(zip([column.name for column in answer.columns], row, strict=True)) for row in zip(*table, strict=True)]


@pytest.mark.parametrize("answer", [EVERY, EMPTY])
def test_every_type_with_nulls_and_no_rows_goes_through_every_form(answer: Answer) -> None:
    rows = rows_of(answer)
    assert arrow_table(answer).to_pylist() == rows
    assert pa.parquet.read_table(pa.BufferReader(parquet_bytes(answer))).to_pylist() == rows
    assert pa.ipc.open_file(pa.BufferReader(ipc_bytes(answer))).read_all().to_pylist() == rows
    frame = pandas_frame(answer)
    assert list(frame.columns) == [column.name for column in answer.columns]
    shown = [[None if pd.isna(cell) else cell for cell in row] for row in frame.astype("object").to_numpy().tolist()]
    assert shown == [list(row.values()) for row in rows]


def test_pandas_keeps_whole_numbers_whole_beside_nulls() -> None:
    kinds = {name: str(kind) for name, kind in pandas_frame(EVERY).dtypes.items()}
    assert (kinds["n"], kinds["int"], kinds["float"], kinds["bool"]) == ("int64", "Int64", "Float64", "boolean")
    wide = Answer("o", (CountColumn("n", (2**63,), SCALE),))
    assert pandas_frame(wide)["n"].tolist() == [2**63]
    assert {str(kind) for kind in pandas_frame(EMPTY).dtypes} >= {"int64", "float64", "bool"}


def test_polars_gets_typed_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars may not be installed: what it is given is looked at, by a stand-in."""
    names = ("Int128", "Int64", "Boolean", "Float64", "String")
    stand_in = types.SimpleNamespace(**{name: name for name in names}, Series=lambda *parts: parts, DataFrame=list)
    monkeypatch.setattr("sandbox.client.export.import_module", {"polars": stand_in}.__getitem__)
    series = polars_frame(EVERY)
    assert [kind for _, _, kind in series] == [
        *("String", "Int64", "Int64", "Float64", "String", "Boolean", "String", "String"),
    ]
    assert [values for _, values, _ in series] == [list(column.numbers()) for column in EVERY.columns]
    assert polars_frame(Answer("o", (CountColumn("n", (2**63,), SCALE),)))[0][2] == "Int128"
    monkeypatch.setattr("sandbox.client.export.import_module", absent("polars"))
    with pytest.raises(ExtraMissing, match=r"pip install polars$"):
        polars_frame(EVERY)


def test_null_is_an_empty_field_in_csv_and_an_empty_text_is_quoted() -> None:
    assert csv_text(["a", "b", "c"], [[None, "", 1], ["x", None, None]]) == '"a","b","c"\r\n,"",1\r\n"x",,\r\n'
    assert csv_text(["a"], [[None]]) == '"a"\r\n""\r\n'
    assert csv_text(["a"], []) == '"a"\r\n'
    lines = read(csv_text(["key"], [[cell] for cell in EVERY.columns[4].numbers()]))
    assert lines == [["key"], ["'=1"], [""], [""]]


# -- CSV -----------------------------------------------------------------------------------------------------------------

PAYLOADS = [
    "=1+1",
    '=HYPERLINK("http://evil","x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\n=1",
    "=cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@cmd",
    "+cmd|x",
    "＝1+1",
    "  =1+1",
]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_is_a_formula(payload: str) -> None:
    written = csv_text(["label", payload], [[payload, -5]])
    assert read(written) == [["label", f"'{payload}"], [f"'{payload}", "-5"]]
    assert f"\"'{payload[:1]}" in written


def test_a_release_says_which_columns_have_intervals(release: Release) -> None:
    assert release.with_intervals == ("n", "paid", "age")
    assert release.meanings == {}
    with pytest.raises(ValueError, match="keys"):
        release.interval("sex")


def test_the_control_a_plain_writer_lets_formulas_through() -> None:
    out = StringIO()
    csv.writer(out).writerow(["=1+1"])
    assert out.getvalue() == "=1+1\r\n"


def test_numbers_and_harmless_texts_stay_as_they_are(release: Release) -> None:
    first, *rest = release.to_csv().split("\r\n")
    assert first == '"sex","n","paid","age"'
    assert rest[0] == '"F",101,10.0,55.4'
    assert csv_text(["x"], [[-1], [-0.5], [True], ["a-b"], ["'x"], ["東"]]) == (
        '"x"\r\n-1\r\n-0.5\r\n"true"\r\n"a-b"\r\n"\'x"\r\n"東"\r\n'
    )


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=4))
def test_every_text_comes_back_and_none_begins_like_a_formula(texts: list[str]) -> None:
    cells = read(csv_text(["c"] * len(texts), [texts]))[1]
    for text, cell in zip(texts, cells, strict=True):
        assert cell in (text, f"'{text}")
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


# -- files ---------------------------------------------------------------------------------------------------------------


def test_a_saved_release_opens_and_verifies_offline(release: Release, keys: MemoryKeyStore, tmp_path: Path) -> None:
    path = release.save(tmp_path / "release.json")
    assert [item.name for item in tmp_path.iterdir()] == ["release.json"]
    text = path.read_text("ascii")
    assert "integers" not in text
    assert "select" not in text
    again = Release.load(path, release.pins, keys)
    assert again == release
    assert again.verify().words() == release.verify().words()
    assert any("q_1" in line for line in checked(json.loads(text), release.pins).words("zh"))


def test_a_bundle_without_what_the_server_adds_opens_too(release: Release, keys: MemoryKeyStore) -> None:
    bare = {name: release.document[name] for name in ("format", "certificate", "envelope", "receipts")}
    opened = Release.open(bare, release.pins, keys)
    assert (opened.id, opened.reused, opened.cost) == ("q_1", False, {"mode": "zcdp", "amount": "0.018"})


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "[" * 100_000, "{}", '{"format": "sandbox/release/v1"}'])
def test_what_is_no_release_is_named(content: str, release: Release, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ProofFailed):
        Release.load(path, release.pins, MemoryKeyStore())


def test_every_changed_byte_of_a_file_is_found(release: Release, keys: MemoryKeyStore, tmp_path: Path) -> None:
    path = release.save(tmp_path / "release.json")
    whole = path.read_bytes()
    true = Release.load(path, release.pins, keys)
    for place in range(0, len(whole), 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            opened = Release.load(path, release.pins, keys)
        except ProofFailed:
            continue
        assert opened.answer == true.answer, place
        assert opened.certificate == true.certificate, place
