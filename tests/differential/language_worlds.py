"""Six worlds to ask questions of: what their stewards say, rows with everything awkward, and both as two engines hold them.

Ours holds the rows as `workers.conform` makes them, in two buckets; DuckDB holds them as the description defines them, in SQL.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
from world_descriptions import WORLD_TEXTS

from sandbox.terms.dataset import Column, ColumnRole, Dataset, Table, Type
from sandbox.terms.description import parse_description
from sandbox.terms.moments import date_text, timestamp_text
from workers.bucket import Bucket, ColumnArray, UnitRuns
from workers.conform import conform
from workers.relations.sources import HeldSources
from workers.unusable import Place

WORDS = [
    "",
    "a",
    "A",
    "x",
    "yy",
    "e\u0301",
    "é",
    "漢字",
    "汉",
    "🙂",
    "it's",
    "a b",
    "Hello",
    "aXbXc",
    "  pad ",
    "a%b",
    "zw\u200dj",
    "12",
    " -7 ",
    "1.5e2",
    "true",
    "2024-02-29",
    "far too long a text",
]
PLAIN_WORDS = ["Rome", "paris", "oslo", "new york", "X", "aba", "", "banana", "12", "2024-03-31"]
NAN, INF = float("nan"), float("inf")


def _units(table: Table, source: random.Random) -> list[object]:
    """The identifiers of a table's rows."""
    if table.rows_max == 60:
        return [_identifier(table, number) for number in range(40)]
    return sorted((_identifier(table, source.randrange(0, 45)) for _ in range(260)), key=repr)


def _identifier(table: Table, number: int) -> object:
    column = table.column(table.unit or (table.link.column if table.link else ""))
    assert column is not None
    return number if column.type is Type.INT else f"p{number}"


def _pool(dataset: str, column: Column) -> list[object]:
    """Values as a file could hold them."""
    if column.type is Type.BOOL:
        return [True, False, None]
    if column.keys is not None:
        strange: dict[Type, object] = {Type.STRING: "undeclared", Type.INT: 12345, Type.DATE: "2031-05-05"}
        return [*[key for key in column.keys if key != "never"], strange[column.type], None]
    low = int(column.low) if column.low is not None else None
    high = int(column.high) if column.high is not None else None
    match column.type:
        case Type.STRING:
            return [*(PLAIN_WORDS if dataset == "clinic" or column.name == "note" else WORDS), None]
        case Type.FLOAT if low is None or high is None:
            return [None, NAN, INF, -INF, -0.0, 0.5, 1e308, -1e308, 5e-324, 2.5, -7.0, 1e16]
        case Type.FLOAT:
            step = float(column.granularity or 0)
            grid = [low + step * place for place in range(int((high - low) / step) + 1)]
            return [None, NAN, INF, -INF, -0.0, high + 50, *random.Random(3).choices(grid, k=40)]
        case Type.INT if low is None or high is None:
            return [None, 0, 1, 2]
        case Type.INT:
            inner = [low + (high - low) * place // 12 for place in range(1, 12)]
            return [
                None,
                low,
                high,
                low + 1,
                high - 1,
                high + 5,
                *inner,
                *[x for x in range(-2, 4) if low <= x <= high],
            ]
        case Type.DATE if low is None or high is None:
            return [None, "0001-01-01", "9999-12-31", "1969-12-31", "1970-01-01", "2000-02-29", "1900-03-01"]
        case Type.DATE:
            days = [low, high, *random.Random(4).choices(range(low, high), k=25)]
            return [None, *[date_text(day) for day in days], "2150-01-01"]
        case _ if low is None or high is None:
            return [
                None,
                "0001-01-01 00:00:00",
                "9999-12-31 23:59:59.999999",
                "1969-12-31 23:59:59.5",
                "2000-02-29 12:00:00",
            ]
        case _:
            moments = [low, high, *random.Random(5).choices(range(low, high), k=25)]
            return [None, *[timestamp_text(moment) for moment in moments]]


def made_rows(dataset: Dataset, table: Table, source: random.Random) -> list[dict[str, object]]:
    """Rows as a file could hold them."""
    if dataset.public:
        return _reference_rows(table, source)
    pools = {column.name: _pool(dataset.name, column) for column in table.columns}
    rows = []
    unit_column = table.unit or (table.link.column if table.link else "")
    for number, unit in enumerate(_units(table, source)):
        row = {name: source.choice(pool) for name, pool in pools.items()}
        row[unit_column] = unit
        for name in ("n", "o_id"):
            if name in row:
                row[name] = number
        rows.append(row)
    if dataset.name == "health":  # some pupils have no checks, and some checks no pupil
        rows = [row for row in rows if row["person"] not in ("p1", "p2", "p3")]
    if dataset.name == "shop" and table.name == "orders":
        rows = [row for row in rows if row["o_customer"] not in (4, 5) and row["o_customer"] < 40]
    return rows


def _reference_rows(table: Table, source: random.Random) -> list[dict[str, object]]:
    if table.name == "codes":
        names = ["ache", "burn", "cold", None, "undeclared"]
        return [
            {"id": place, "name": source.choice(names), "grp": source.choice([0, 1, 2, 5, None]), "rate": place / 4}
            for place in (0, 1, 2, 3, 4, 6, 7, 9)
        ]
    if table.name == "groups":
        return [{"g": 0, "title": "low"}, {"g": 1, "title": "high"}, {"g": 2, "title": None}]
    return [{"of": source.randrange(9), "mark": source.choice([0, 1, 2, 3, None])} for _ in range(25)]


# -- ours ----------------------------------------------------------------------------------------------------------------


ARROW = {
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.STRING: pa.string(),
    Type.BOOL: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.TIMESTAMP: pa.timestamp("us"),
}


def _moment(text: object, kind: Type) -> object:
    if text is None or kind not in (Type.DATE, Type.TIMESTAMP):
        return text
    found = datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    return found.date() if kind is Type.DATE else found.replace(tzinfo=None)


def raw_array(rows: list[dict[str, object]], column: Column) -> pa.Array:
    """The cells as a Parquet file holds them."""
    return pa.array([_moment(row[column.name], column.type) for row in rows], ARROW[column.type], from_pandas=False)


def _held(rows: list[dict[str, object]], column: Column) -> ColumnArray:
    return conform(raw_array(rows, column), column, Place(column.name))


def _bucket(rows: list[dict[str, object]], table: Table, tokens: list[int]) -> Bucket:
    runs: dict[int, int] = {}
    for token in tokens:
        runs[token] = runs.get(token, 0) + 1
    counts = np.asarray(list(runs.values()), np.int64)
    units = UnitRuns(np.asarray(list(runs), np.uint64), np.zeros(len(runs), np.uint64), counts)
    wanted = [column for column in table.columns if column.role is not ColumnRole.UNIT]
    return Bucket(len(rows), counts, {column.name: _held(rows, column) for column in wanted}, units)


# -- DuckDB ----------------------------------------------------------------------------------------------------------------


def _literal(value: object, kind: Type) -> str:
    quoted = "'" + str(value).replace("'", "''") + "'"
    return quoted if kind is Type.STRING else f"{kind.value} {quoted}" if kind is Type.DATE else repr(value)


def _bound(column: Column, side: str) -> str:
    value = column.low if side == "low" else column.high
    assert value is not None
    match column.type:
        case Type.DATE:
            return f"date '{date_text(int(value))}'"
        case Type.TIMESTAMP:
            return f"timestamp '{timestamp_text(int(value))}'".replace("Z", "")
        case Type.FLOAT:
            return f"{float(value)!r}::double"
        case _:
            return str(int(value))


def described(column: Column) -> str:
    """SQL that makes of a stored cell what the description says it is."""
    name = f'"{column.name}"'
    if column.type is Type.STRING:
        text = f"nfc_normalize({name})"
        if column.keys is not None:
            keys = [_literal(key, column.type) for key in column.keys]
            whens = " ".join(f"when nfc_normalize({key}) then {key}" for key in keys)
            return f"case {text} {whens} end"
        return text if column.max_length is None else f"case when length({text}) <= {column.max_length} then {text} end"
    if column.keys is not None:
        return f"case when {name} in ({', '.join(_literal(key, column.type) for key in column.keys)}) then {name} end"
    inner = name
    if column.low is not None:
        inner = f"greatest({_bound(column, 'low')}, least({_bound(column, 'high')}, {inner}))"
    if column.type is Type.FLOAT:
        return f"case when {name} is not null and not isnan({name}) and isfinite({inner}) then {inner} + 0.0 end"
    return f"case when {name} is not null then {inner} end"


@dataclass(frozen=True)
class LanguageWorld:
    """One world: what the plans are made from, the buckets of ours, and DuckDB with the same tables."""

    name: str
    datasets: dict[str, Dataset]
    buckets: tuple[HeldSources, ...]
    duck: duckdb.DuckDBPyConnection
    raw: dict[tuple[str, str], list[dict[str, object]]]

    def rows(self, dataset: str, table: str) -> pa.Table:
        """A table as a Parquet file holds it."""
        described_table = self.datasets[dataset].table(table)
        assert described_table is not None
        rows = self.raw[dataset, table]
        return pa.table({column.name: raw_array(rows, column) for column in described_table.columns})


def language_world(name: str, seed: int = 11) -> LanguageWorld:
    """The world of that name."""
    source = random.Random(f"{name} {seed}")
    datasets = {made.name: made for made in (parse_description(text) for text in WORLD_TEXTS[name])}
    duck = duckdb.connect()
    duck.execute("set threads = 1")
    duck.execute("set ieee_floating_point_ops = false")
    raw: dict[tuple[str, str], list[dict[str, object]]] = {}
    tables: tuple[dict[tuple[str, str], Bucket], ...] = ({}, {})
    for dataset in datasets.values():
        duck.execute(f'create schema "{dataset.name}"')
        for table in dataset.tables:
            rows = raw[dataset.name, table.name] = made_rows(dataset, table, source)
            stored = pa.table({column.name: raw_array(rows, column) for column in table.columns})
            duck.register("stored_rows", stored)
            made = ", ".join(f'{described(column)} as "{column.name}"' for column in table.columns)
            duck.execute(f'create table "{dataset.name}"."{table.name}" as select {made} from stored_rows')
            duck.unregister("stored_rows")
            for bucket, held in enumerate(tables):
                held[dataset.name, table.name] = held_part(dataset, table, rows, bucket)
    return LanguageWorld(name, datasets, tuple(HeldSources(held) for held in tables), duck, raw)


def held_part(dataset: Dataset, table: Table, rows: list[dict[str, object]], bucket: int) -> Bucket:
    """The rows of one bucket, units in the order of their tokens; a public table is whole in each."""
    if dataset.public:
        return _bucket(rows, table, [0] * len(rows))
    unit = table.unit or (table.link.column if table.link else "")
    tokened = [(int(str(row[unit]).lstrip("p")), row) for row in rows]
    tokened = [(token, row) for token, row in tokened if token % 2 == bucket]
    tokened.sort(key=lambda item: item[0])
    return _bucket([row for _, row in tokened], table, [token for token, _ in tokened])
