"""One bucket of one table, as a scan walks it: runs of rows, one run a unit, and columns as plain arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sandbox.terms.dataset import KeyValue
from workers.schema import Encoding, StoredColumn
from workers.sealed_parquet import SealedFile, read_sealed, row_groups
from workers.store_refused import StoreRefused

__all__ = ["Bucket", "BucketKey", "ColumnArray", "Piece", "StoreRefused", "UnitRuns", "check_bucket", "read_bucket"]

TOKEN_COLUMNS = ("token_high", "token_low")
RUN_COLUMN = "n"
FORMAT = "sandbox/bucket-key/v1"


@dataclass(frozen=True, slots=True, eq=False)
class ColumnArray:
    """Values of one column, read-only.

    With a `dictionary` the values are int32 codes into it, -1 for NULL (and, for declared keys, any other value), and
    `valid` is None. Without, they are int64 (int, days, microseconds) or finite float64, `valid` is None where no value is
    NULL, and values that are not valid are 0.
    """

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_] | None = None
    dictionary: tuple[KeyValue, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive rows of a bucket. Dictionaries of text are Arrow arrays, and differ from piece to piece."""

    rows: int
    columns: dict[str, ColumnArray]


@dataclass(frozen=True, slots=True, eq=False)
class UnitRuns:
    """The units of one bucket of one table, in the order of their tokens, and how many rows each has.

    A token is 128 bits in two halves. A unit has the same token in all tables of its unit space, and stands once here.
    """

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    runs: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """`runs` are the numbers of rows of each unit, in order; their sum is `rows`. `units` are there where tables meet."""

    rows: int
    runs: npt.NDArray[np.int64]
    columns: dict[str, ColumnArray]
    units: UnitRuns | None = None

    def pieces(self) -> Iterator[Piece]:
        """All rows at once."""
        yield Piece(self.rows, self.columns)


@dataclass(frozen=True, slots=True, repr=False)
class BucketKey:
    """All that is needed to read one bucket of one table and nothing else. It holds keys: seal it before it travels."""

    table: str
    bucket: int
    rows: SealedFile
    units: SealedFile
    columns: tuple[StoredColumn, ...]

    def __repr__(self) -> str:
        return f"BucketKey({self.table!r}, {self.bucket})"

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON; bytes are hex."""
        return {
            "format": FORMAT,
            "table": self.table,
            "bucket": self.bucket,
            "rows": _file_json(self.rows),
            "units": _file_json(self.units),
            "columns": [column.to_json() for column in self.columns],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "BucketKey":
        """The inverse of `to_json`.

        Raises:
            KeyError, ValueError, TypeError: not such a document.
        """
        if value["format"] != FORMAT:
            raise ValueError("unknown bucket key format")
        columns = tuple(StoredColumn.from_json(item) for item in value["columns"])
        return cls(str(value["table"]), int(value["bucket"]), _file(value["rows"]), _file(value["units"]), columns)


def read_runs(key: BucketKey) -> npt.NDArray[np.int64]:
    """Decrypt the numbers of rows of each unit, in order.

    Raises:
        StoreRefused: the file is not the one the manifest names, or was changed.
    """
    units = read_sealed(key.units, lambda file: file.read([RUN_COLUMN], use_threads=False).column(RUN_COLUMN))
    return _frozen(units.combine_chunks().to_numpy())


def read_units(key: BucketKey) -> UnitRuns:
    """Decrypt the tokens and the numbers of rows of each unit, in order.

    Raises:
        StoreRefused: the file is not the one the manifest names, was changed, or its tokens do not ascend.
    """
    names = [*TOKEN_COLUMNS, RUN_COLUMN]
    table = read_sealed(key.units, lambda file: file.read(names, use_threads=False))
    if set(table.column_names) != set(names):
        raise StoreRefused
    high, low, runs = (_frozen(table.column(name).combine_chunks().to_numpy()) for name in names)
    before, after = slice(None, -1), slice(1, None)
    ascending = (high[before] < high[after]) | ((high[before] == high[after]) & (low[before] < low[after]))
    if not ascending.all() or int(runs.min(initial=0)) < 0:
        raise StoreRefused
    return UnitRuns(high, low, runs)


def read_pieces(key: BucketKey, columns: Sequence[str], rows: int) -> Iterator[Piece]:
    """Decrypt the named columns of a bucket of `rows` rows, one row group at a time: memory does not grow with rows.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed, or has another number of rows.
        KeyError: a column that is not stored.
    """
    wanted = _wanted(key, columns)
    names, text = [column.name for column in wanted], _text(wanted)
    for table in row_groups(key.rows, names, rows, text):
        yield Piece(
            table.num_rows, {column.name: _column(table.column(column.name), column, True) for column in wanted}
        )


def read_bucket(key: BucketKey, columns: Sequence[str]) -> Bucket:
    """Decrypt the runs and the named columns, all rows at once and text as Python strings: for small tables.

    Raises:
        StoreRefused: a file is not the one the manifest names, or was changed.
        KeyError: a column that is not stored.
    """
    wanted = _wanted(key, columns)
    runs = read_runs(key)
    rows = int(runs.sum())
    names = [column.name for column in wanted]
    table = read_sealed(key.rows, lambda file: file.read(names, use_threads=False), _text(wanted))
    if table.num_rows != rows or set(table.column_names) != set(names):
        raise StoreRefused
    return Bucket(rows, runs, {column.name: _column(table.column(column.name), column, False) for column in wanted})


def check_bucket(key: BucketKey) -> None:
    """Read both files to the last byte; `read_bucket` checks what it reads, which may be a few columns.

    Raises:
        StoreRefused: a bit differs from what was written.
    """
    units = read_sealed(key.units, lambda file: file.read(use_threads=False).column(RUN_COLUMN))
    rows = read_sealed(key.rows, lambda file: file.read(use_threads=False))
    if int(units.to_numpy().sum()) != rows.num_rows:
        raise StoreRefused


def _wanted(key: BucketKey, columns: Sequence[str]) -> list[StoredColumn]:
    stored = {column.name: column for column in key.columns}
    return [stored[name] for name in dict.fromkeys(columns)]


def _text(columns: Sequence[StoredColumn]) -> list[str]:
    return [column.name for column in columns if column.encoding is Encoding.TEXT]


def _column(chunks: pa.ChunkedArray, column: StoredColumn, arrow_texts: bool) -> ColumnArray:
    if column.encoding is Encoding.TEXT:
        array = chunks.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # no rows, no chunk
            return ColumnArray(_frozen(np.empty(0, dtype=np.int32)), dictionary=())
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return ColumnArray(
            _frozen(codes), dictionary=array.dictionary if arrow_texts else tuple(array.dictionary.to_pylist())
        )
    array = chunks.combine_chunks()
    if column.encoding is Encoding.CODES:
        return ColumnArray(_frozen(array.to_numpy(zero_copy_only=False)), dictionary=column.keys)
    if array.null_count == 0:
        return ColumnArray(_frozen(array.to_numpy(zero_copy_only=False)))
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return ColumnArray(_frozen(array.fill_null(0).to_numpy(zero_copy_only=False)), _frozen(valid))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # All read-only, those that Arrow owns and those that it does not: compiled code then sees one type.
    array.flags.writeable = False
    return array


def _file_json(file: SealedFile) -> dict[str, str]:
    return {"path": file.path, "dek": file.dek.hex(), "aad": file.aad.hex(), "footer": file.footer}


def _file(value: dict[str, str]) -> SealedFile:
    return SealedFile(
        str(value["path"]), bytes.fromhex(value["dek"]), bytes.fromhex(value["aad"]), str(value["footer"])
    )
