"""Files of S3-compatible storage, as Arrow batches: one CSV or Parquet file, or a folder of Parquet files."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from sandbox.terms.dataset import Type
from workers.courier.frames import FRAME_LIMIT
from workers.courier.postgres import Unreadable
from workers.csv_source import csv_batches
from workers.parquet_source import parquet_batches
from workers.unusable import Place

PARTS_MAX = 4096


class Bucket:
    """One bucket, below one prefix."""

    def __init__(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        endpoint = urlsplit(settings.get("endpoint", ""))
        chosen = {"scheme": endpoint.scheme, "endpoint_override": endpoint.netloc} if endpoint.netloc else {}
        if secrets:
            chosen |= {"access_key": secrets["access_key"], "secret_key": secrets["secret_key"]}
        self._files = fs.S3FileSystem(
            region=settings.get("region", "us-east-1"),
            allow_bucket_creation=False,
            allow_bucket_deletion=False,
            connect_timeout=10,
            request_timeout=60,
            background_writes=False,
            **chosen,
        )
        self._root = "/".join(part for part in (settings["bucket"], settings.get("prefix", "").strip("/")) if part)

    def batches(self, name: str, wanted: Mapping[str, Type], rows_max: int) -> Iterator[pa.RecordBatch]:
        """The wanted columns of a file, or of the .parquet files of a folder whose name ends in a slash, by name.

        Raises:
            Unreadable: no such file.
            FileNotUsable: a file is not of the described columns.
        """
        for part in self._parts(name):
            reader = {"csv": csv_batches, "parquet": parquet_batches}.get(part.rpartition(".")[2].lower())
            if reader is None:
                raise Unreadable("object")
            try:
                file = self._files.open_input_file(part)
            except OSError:
                raise Unreadable("object") from None
            with file:
                for batch in reader(file, Place("object"), wanted, rows_max):
                    yield _plain(batch)

    def _parts(self, name: str) -> list[str]:
        path = f"{self._root}/{name}"
        if not name.endswith("/"):
            return [path]
        try:
            found = self._files.get_file_info(fs.FileSelector(path.rstrip("/"), recursive=False))
        except OSError:
            raise Unreadable("object") from None
        parts = sorted(item.path for item in found if item.is_file and item.path.lower().endswith(".parquet"))
        if not 1 <= len(parts) <= PARTS_MAX:
            raise Unreadable("object")
        return parts


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without dictionaries, refused where they unfold to more than a frame may have."""
    columns, size = [], 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            size += pc.sum(lengths).as_py() or 0
            if size > FRAME_LIMIT // 2:
                raise Unreadable("size")
            columns.append(column.dictionary_decode())
        elif pa.types.is_decimal(column.type):
            columns.append(pc.cast(column, pa.float64()))
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
