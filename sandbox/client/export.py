"""An opened answer in other forms: CSV that no spreadsheet runs, JSON, Arrow, Parquet."""

import csv
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from typing import Any

from sandbox.terms.answer import Answer, AnswerColumn, CountColumn, KeyColumn, SumColumn
from sandbox.terms.dataset import Type

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet may take for a formula (security.md S14), full-width forms too."""


class ExtraMissing(ImportError):
    """A form that needs more than the light client."""


def required(module: str, extra: str) -> Any:
    """The module.

    Raises:
        ExtraMissing: it is not installed; the message names the extra that brings it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise ExtraMissing(
            f"This form needs {module}, which is not installed: pip install 'trusted-sandbox[{extra}]'", name=module
        ) from None


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV of RFC 4180 with texts quoted, and an apostrophe before those that could be formulas; numbers stay as they are."""
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = str(value)
    # Spreadsheets skip leading spaces before they look for a formula.
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def arrow_table(answer: Answer) -> Any:
    """A pyarrow Table, typed by the kinds of the columns."""
    pa = required("pyarrow", "arrow")
    fields = [pa.field(column.name, _type(pa, column)) for column in answer.columns]
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


def _type(pa: Any, column: AnswerColumn) -> Any:
    match column:
        case KeyColumn(type=Type.INT) | CountColumn() | SumColumn(type=Type.INT):
            # Noise has no bounds: a number beyond 64 bits travels as a decimal.
            return (
                pa.int64() if all(-(2**63) <= int(value) < 2**63 for value in column.numbers()) else pa.decimal256(76)
            )
        case KeyColumn(type=Type.BOOL):
            return pa.bool_()
        case KeyColumn():
            return pa.string()
        case _:
            return pa.float64()
