"""The steward's files in the inbox: found by bare name, read batch by batch as typed Arrow columns, counted."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from sandbox.terms.dataset import Type
from workers import durable
from workers.csv_source import csv_batches
from workers.parquet_source import parquet_batches
from workers.unusable import Place

BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def read_batches(inbox: Path, name: str, wanted: Mapping[str, Type], rows_max: int) -> Iterator[pa.RecordBatch]:
    """The wanted columns of a file, under their described names, in file order.

    Strings come dictionary-encoded; other CSV cells are parsed by their described type, and Parquet values come as
    they are. Column names match without regard to case; columns that are not wanted are not read.

    Raises:
        FileNotUsable: no such file, not of the promised form, a column missing, or more rows than `rows_max`.
    """
    place = Place(name if BARE_NAME.fullmatch(name) else "the file")
    if not BARE_NAME.fullmatch(name):
        raise place.refusal("a bare file name of letters, digits, dots, dashes and underscores")
    reader = {".csv": csv_batches, ".parquet": parquet_batches}.get(Path(name).suffix.lower())
    if reader is None:
        raise place.refusal("a name that ends in .csv or .parquet")
    try:
        descriptor = durable.open_regular(inbox / name)
    except OSError:
        raise place.refusal("a regular, readable file in the inbox") from None
    rows = 0
    with os.fdopen(descriptor, "rb") as file:
        for batch in reader(file, place, wanted, rows_max):
            rows += batch.num_rows
            if rows > rows_max:
                raise place.refusal(f"at most {rows_max} rows, as rows_max declares")
            yield batch
