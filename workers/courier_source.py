"""Rows that the courier brings: untrusted bytes from another process until they have been checked."""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from sandbox.terms.dataset import Type
from workers.courier.frames import SchemaFits, SourceRefused, StreamRefused, read_batches
from workers.source import Told
from workers.unusable import Place

SILENCE_S = 600.0
"""How long the courier may say nothing: a database may think before its first row."""

_CELL = re.compile(r"cell ([a-z_][a-z0-9_]{0,62})? ([1-9][0-9]{0,14})?")
_EXPECTED = {
    "source": "a source that the operator has configured for this dataset",
    "object": "something of this name in the source, which its reader may read",
    "column": "every column of the description, each once",
    "type": "columns of types that are read as the description says",
    "size": "shorter values: a part unfolds to more than the enclave holds at once",
    "failed": "a source that can be reached and read",
}


@dataclass(slots=True)
class CourierLine:
    """One connection for one load: of each source, its tables are read as of one moment."""

    path: Path | None
    dataset: str
    held: ExitStack
    _stream: Any = field(default=None)

    def ask(self, request: Mapping[str, Any], place: Place) -> BinaryIO:
        """Send a request; the answer is read from what comes back."""
        try:
            if self.path is None:
                raise place.refusal(_EXPECTED["source"])
            if self._stream is None:
                connection = self.held.enter_context(socket.socket(socket.AF_UNIX))
                connection.settimeout(SILENCE_S)
                connection.connect(str(self.path))
                self._stream = self.held.enter_context(connection.makefile("rwb"))
            self._stream.write(json.dumps(dict(request) | {"dataset": self.dataset}).encode() + b"\n")
            self._stream.flush()
        except OSError:
            raise place.refusal(_EXPECTED["source"]) from None
        stream: BinaryIO = self._stream
        return stream


@dataclass(frozen=True, slots=True)
class CourierSource:
    """What lies under a name in a configured source."""

    line: CourierLine
    name: str
    source: str
    what: str

    def identity(self) -> Any:
        """None: tomorrow the same name may hold other rows, so a load of it is never taken up again."""
        return None

    def batches(self, wanted: Mapping[str, Type], rows_max: int, told: Told) -> Iterator[tuple[Place, pa.RecordBatch]]:
        place, row = Place(self.name), 1
        told(0, 0)
        columns = {column: type_.value for column, type_ in wanted.items()}
        request = {"source": self.source, "object": self.what, "columns": columns, "rows_max": rows_max}
        try:
            for batch in read_batches(self.line.ask(request, place), SchemaFits(list(wanted))):
                if row - 1 + batch.num_rows > rows_max:
                    raise place.refusal(f"at most {rows_max} rows, as rows_max declares")
                yield Place(self.name, row=row), batch
                row += batch.num_rows
        except SourceRefused as refused:
            raise self._refusal(refused.code, wanted) from None
        except StreamRefused:
            raise place.refusal(_EXPECTED["failed"]) from None

    def check_unchanged(self) -> None:
        return

    def _refusal(self, code: str, wanted: Mapping[str, Type]) -> Exception:
        cell = _CELL.fullmatch(code)
        if cell is None:
            return Place(self.name).refusal(_EXPECTED.get(code, _EXPECTED["failed"]))
        column, row = cell.groups()
        place = Place(self.name, column if column in wanted else None, None if row is None else int(row))
        return place.refusal("values as the description declares them, in a file of the promised form")
