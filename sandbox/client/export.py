"""An opened answer in other forms: CSV that no spreadsheet runs, JSON, Arrow, Parquet, pandas, polars.

NULL is an empty field in CSV (an empty text is quoted), null in all others. Dates and times are ISO 8601 texts.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from sandbox.terms.answer import Answer, AnswerColumn, ComputedColumn, CountColumn, KeyColumn, MeanColumn, SumColumn
from sandbox.terms.cells import in_int64
from sandbox.terms.dataset import Type

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet may take for a formula (security.md S14), full-width forms too."""


class ExtraMissing(ImportError):
    """A form that needs more than the light client."""


def required(module: str, extra: str = "") -> Any:
    """The module.

    Raises:
        ExtraMissing: it is not installed; the message names the extra that brings it, or itself where there is none.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        named = f"'trusted-sandbox[{extra}]'" if extra else module
        raise ExtraMissing(
            f"This form needs {module}, which is not installed: pip install {named}", name=module
        ) from None


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV of RFC 4180 with texts quoted, and an apostrophe before those that could be formulas; numbers stay as they are."""
    return "".join(_record(cells) for cells in (columns, *rows))


def _record(cells: Sequence[object]) -> str:
    line = ",".join(_cell(cell) for cell in cells)
    return f"{line or _quoted('')}\r\n"  # readers skip a line that is empty


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _quoted("true" if value else "false")
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    # Spreadsheets skip leading spaces before they look for a formula.
    return _quoted(f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text)


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def arrow_table(answer: Answer) -> Any:
    """A pyarrow Table, typed by the kinds of the columns."""
    pa = required("pyarrow", "arrow")
    fields = [pa.field(column.name, _arrow_type(pa, column)) for column in answer.columns]
    arrays = [
        pa.array(list(column.numbers()), type=field.type) for column, field in zip(answer.columns, fields, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def parquet_bytes(answer: Answer) -> bytes:
    """The rows as a Parquet file."""
    table = arrow_table(answer)
    sink = required("pyarrow", "arrow").BufferOutputStream()
    required("pyarrow.parquet", "arrow").write_table(table, sink)
    return bytes(sink.getvalue())


def ipc_bytes(answer: Answer) -> bytes:
    """The rows as an Arrow IPC file (Feather, version 2)."""
    table = arrow_table(answer)
    sink = required("pyarrow", "arrow").BufferOutputStream()
    with required("pyarrow.ipc", "arrow").new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def pandas_frame(answer: Answer) -> Any:
    """A pandas DataFrame; columns with NULLs have pandas' own nullable types, where numbers stay what they are."""
    pandas = required("pandas", "pandas")
    return pandas.DataFrame(
        {
            column.name: pandas.Series(list(column.numbers()), dtype=_pandas_type(column), name=column.name)
            for column in answer.columns
        }
    )


def polars_frame(answer: Answer) -> Any:
    """A polars DataFrame."""
    polars = required("polars")
    return polars.DataFrame(
        [polars.Series(column.name, list(column.numbers()), _polars_type(polars, column)) for column in answer.columns]
    )


def value_type(column: AnswerColumn) -> Type:
    """The type of what a reader sees of a column; dates and times are texts there."""
    match column:
        case CountColumn():
            return Type.INT
        case MeanColumn():
            return Type.FLOAT
        case KeyColumn() | SumColumn() | ComputedColumn():
            return Type.STRING if column.type in (Type.DATE, Type.TIMESTAMP) else column.type


def _is_wide(column: AnswerColumn) -> bool:
    """Whether an integer leaves 64 bits: noise has no bounds."""
    return any(isinstance(value, int) and not in_int64(value) for value in column.numbers())


def _arrow_type(pa: Any, column: AnswerColumn) -> Any:
    match value_type(column):
        case Type.INT:
            return pa.decimal256(76) if _is_wide(column) else pa.int64()
        case Type.BOOL:
            return pa.bool_()
        case Type.FLOAT:
            return pa.float64()
        case _:
            return pa.string()


def _pandas_type(column: AnswerColumn) -> str:
    kind, nulls = value_type(column), None in column.numbers()
    if kind is Type.INT:
        return "object" if _is_wide(column) else "Int64" if nulls else "int64"
    if nulls:
        return {Type.FLOAT: "Float64", Type.BOOL: "boolean"}.get(kind, "object")
    return {Type.FLOAT: "float64", Type.BOOL: "bool"}.get(kind, "object")


def _polars_type(polars: Any, column: AnswerColumn) -> Any:
    match value_type(column):
        case Type.INT:
            return polars.Int128 if _is_wide(column) else polars.Int64
        case Type.BOOL:
            return polars.Boolean
        case Type.FLOAT:
            return polars.Float64
        case _:
            return polars.String
