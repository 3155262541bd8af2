"""Rows of a table or view of PostgreSQL, as Arrow batches: one read-only snapshot for all tables of a load."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import adbc_driver_postgresql.dbapi as postgresql
import pyarrow as pa

from sandbox.terms.dataset import Type

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped"""
_CASTS: Mapping[Type, Mapping[str, str]] = {
    Type.STRING: dict.fromkeys(
        ("text", "character varying", "character", "uuid", "name", "smallint", "integer", "bigint"), "text"
    ),
    Type.INT: dict.fromkeys(("smallint", "integer", "bigint"), "bigint"),
    Type.FLOAT: dict.fromkeys(
        ("real", "double precision", "numeric", "smallint", "integer", "bigint"), "double precision"
    ),
    Type.BOOL: {"boolean": "boolean"},
    Type.DATE: {"date": "date"},
    Type.TIMESTAMP: {
        "timestamp without time zone": "timestamp",
        "timestamp with time zone": "timestamptz",
        "date": "timestamp",
    },
}
"""Described type → type of the table's column → what it is read as. No cast here rounds or wraps; others are refused."""


class Unreadable(Exception):
    """Nothing of that name, or not of the described columns. `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Snapshot:
    """A connection in one read-only transaction: every table is read as of the same moment."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN)

    def batches(self, name: str, wanted: Mapping[str, Type]) -> Iterator[pa.RecordBatch]:
        """The wanted columns of a table or view, under their described names.

        Raises:
            Unreadable: no such table, a column missing, twice or of a type that is not read as described.
        """
        relation = ".".join(_quoted(part) for part in name.split("."))
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_COLUMNS, (relation,))
                held = cursor.fetchall()
        except postgresql.Error:
            raise Unreadable("object") from None
        columns = [_read_as(held, column, type_) for column, type_ in wanted.items()]
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)} FROM {relation}")  # noqa: S608  every name is quoted
            names = list(wanted)
            for batch in cursor.fetch_record_batch():
                yield pa.RecordBatch.from_arrays(batch.columns, names=names)


@contextmanager
def snapshot(settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Snapshot]:
    """Connect; the connection goes with the block.

    Raises:
        postgresql.Error: no connection.
    """
    password = f":{quote(secrets['password'], safe='')}" if "password" in secrets else ""
    options = {key: settings[key] for key in ("sslmode", "sslrootcert", "port", "host") if key in settings}
    options["application_name"] = "trusted-sandbox"
    address = f"postgresql://{quote(settings['user'], safe='')}{password}@/{quote(settings['database'], safe='')}"
    with postgresql.connect(f"{address}?{urlencode(options, quote_via=quote)}") as connection:
        yield Snapshot(connection)


def _read_as(held: list[tuple[str, str]], name: str, type_: Type) -> str:
    found = [(column, kind) for column, kind in held if column.strip().lower() == name]
    if len(found) != 1:
        raise Unreadable("column")
    column, kind = found[0]
    cast = _CASTS[type_].get(kind.partition("(")[0])
    if cast is None:
        raise Unreadable("type")
    return f"{_quoted(column)}::{cast}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
