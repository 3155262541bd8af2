"""CSV: UTF-8 (with or without a byte order mark), commas, double quotes, a header; an empty cell is NULL.

Cells are parsed by the described type alone; nothing is guessed from them.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from sandbox.terms.dataset import Type
from workers.column_match import match_columns
from workers.unusable import Place

_BLOCK = 8 << 20
_HEADER_LIMIT = 1 << 20

_EXPECTED = {
    Type.INT: "an integer",
    Type.FLOAT: "a number",
    Type.BOOL: "true or false",
    Type.DATE: "a date such as 2024-01-31",
    Type.TIMESTAMP: "a time such as 2024-01-31T12:30:00, with at most six digits of a second",
}


def csv_batches(file: BinaryIO, place: Place, wanted: Mapping[str, Type], rows_max: int) -> Iterator[pa.RecordBatch]:
    """The wanted columns of a CSV file, batch by batch. `rows_max` is the caller's to enforce: CSV declares no size."""
    del rows_max
    header = _header(file, place)
    _check_quotes(file, place)
    positions = match_columns(header, wanted, place)
    ragged: list[int | None] = []

    def on_ragged(row: pa_csv.InvalidRow) -> str:
        ragged.append(row.number)
        return "error"

    row = 1
    try:
        reader = pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(
                column_names=[str(position) for position in range(len(header))],
                skip_rows=1,
                block_size=_BLOCK,
                use_threads=False,
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_ragged),
            convert_options=pa_csv.ConvertOptions(
                include_columns=[str(position) for position in positions.values()],
                column_types={str(position): pa.string() for position in positions.values()},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        for batch in reader:
            yield pa.RecordBatch.from_arrays(
                [
                    _parsed(array, type_, Place(place.file, name, row))
                    for (name, type_), array in zip(wanted.items(), batch.columns, strict=True)
                ],
                names=list(wanted),
            )
            row += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        if ragged and ragged[0] is not None:
            at = Place(place.file, row=max(1, ragged[0] - 1))  # Arrow counts the header
            raise at.refusal("as many cells as the header has names") from None
        raise place.refusal("comma-separated UTF-8 text with as many cells in each row as the header has") from None


def _header(file: BinaryIO, place: Place) -> list[str]:
    start = file.read(_HEADER_LIMIT)
    file.seek(0)
    line, newline, _ = start.partition(b"\n")
    expected = "a header line of UTF-8 column names, separated by commas, ended by a line break"
    if not newline:
        raise place.refusal(expected)
    try:
        names = next(csv.reader(io.StringIO(line.decode("utf-8-sig").rstrip("\r")), strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        raise place.refusal(expected) from None
    if not names:
        raise place.refusal(expected)
    return names


def _check_quotes(file: BinaryIO, place: Place) -> None:
    """A quote that nobody closes makes one cell of the rest of the file, rows and all, and Arrow takes it for good."""
    quotes = 0
    while block := file.read(_BLOCK):
        quotes += block.count(b'"')
    file.seek(0)
    if quotes % 2:
        raise place.refusal("double quotes that are closed, and doubled inside quoted cells")


def _parsed(text: pa.Array, type_: Type, place: Place) -> pa.Array:
    if type_ is Type.STRING:
        return text.dictionary_encode()
    try:
        return _parse(text, type_)
    except pa.ArrowInvalid:
        row = (place.row or 1) + _first_bad(text, type_)
        raise Place(place.file, place.column, row).refusal(_EXPECTED[type_]) from None


def _parse(text: pa.Array, type_: Type) -> pa.Array:
    match type_:
        case Type.INT:
            return _integers(text)
        case Type.FLOAT:
            return pc.cast(text, pa.float64())
        case Type.BOOL:
            return pc.cast(_only(text, r"^(?i:true|false)$"), pa.bool_())
        case Type.DATE:
            return pc.cast(text, pa.date32())
        case _:
            return _timestamps(text)


def _integers(text: pa.Array) -> pa.Array:
    """Signs and digits alone: Arrow would take 0x10 for sixteen."""
    plain = pc.replace_substring_regex(_only(text, r"^[+-]?[0-9]+(\.0+)?$"), r"^\+|\.0+$", "")
    try:
        return pc.cast(plain, pa.int64())
    except pa.ArrowInvalid:
        # Digits beyond 64 bits: the column's bounds decide about them.
        return pc.cast(plain, pa.float64())


def _timestamps(text: pa.Array) -> pa.Array:
    zoned = pc.match_substring_regex(text, r"[T ].*(Z|[+-]\d\d:?\d\d)$")
    local = pc.cast(pc.if_else(zoned, pa.scalar(None, pa.string()), text), pa.timestamp("us"))
    if not pc.any(zoned).as_py():
        return local
    utc = pc.cast(pc.if_else(zoned, text, pa.scalar(None, pa.string())), pa.timestamp("us", "UTC"))
    return pc.coalesce(pc.cast(utc, pa.timestamp("us")), local)


def _only(text: pa.Array, pattern: str) -> pa.Array:
    if not pc.all(pc.match_substring_regex(text, pattern), min_count=0).as_py():
        raise pa.ArrowInvalid
    return text


def _first_bad(text: pa.Array, type_: Type) -> int:
    """The position of the first cell that does not parse, by bisection."""
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _parse(text.slice(low, middle - low), type_)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low
