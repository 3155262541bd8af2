"""The twelve questions by which systems like this one are compared, over the benchmark's own table: each is answered, and
exact where bounds do not bind and the noise is left out."""

import math
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from noiseless import NoiselessEngine

from benchmarks import trips

ROWS = 6_000
WIDE, TIGHT = 400, 30
NAMES = {"t": "transport.trips", "s": "network.stations"}
QUARTILES = "q9 quartiles"
LEAF = 180 / 4096
Line = tuple[object, ...]
Opened = Callable[[int], NoiselessEngine]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trips")
    trips.make(folder / "trips.parquet", ROWS)
    trips.make_stations(folder / "stations.parquet")
    return folder


@pytest.fixture(scope="module")
def opened(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Engines by the rows that they count of a person, each opened once."""
    made: dict[int, NoiselessEngine] = {}

    def engine(rows_per_unit: int) -> NoiselessEngine:
        if rows_per_unit not in made:
            made[rows_per_unit] = NoiselessEngine(tmp_path_factory.mktemp("engine"))
            made[rows_per_unit].load(trips.description(ROWS, rows_per_unit), {"trips": files / "trips.parquet"})
            made[rows_per_unit].load(trips.STATION_DESCRIPTION, {"stations": files / "stations.parquet"})
        return made[rows_per_unit]

    return engine


@pytest.fixture(scope="module")
def oracle(files: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as base:
        base.execute("set threads = 1")
        for table in ("trips", "stations"):
            base.execute(f"create table {table} as select * from read_parquet('{files / table}.parquet')")
        yield base


def by_key(lines: list[Line], keys: int) -> dict[Line, Line]:
    """Numbers by their keys; what a declared group without rows has is left out, since DuckDB has no such line."""
    plain = [tuple(item.isoformat() if isinstance(item, date) else item for item in line) for line in lines]
    return {line[:keys]: line[keys:] for line in plain if not keys or line[keys] not in (0, 0.0)}


def keys_of(text: str) -> int:
    return text.partition("group by")[2].count(",") + 1 if "group by" in text else 0


def equal(mine: dict[Line, Line], theirs: dict[Line, Line], within: float) -> bool:
    return mine.keys() == theirs.keys() and all(
        math.isclose(one, other, rel_tol=1e-5, abs_tol=within)
        for key, line in theirs.items()
        for one, other in zip(mine[key], line, strict=True)
    )


def agree(name: str, engine: NoiselessEngine, oracle: duckdb.DuckDBPyConnection, text: str = "") -> bool:
    asked = trips.QUERIES[name]
    keys = keys_of(asked)
    mine = by_key([tuple(line.values()) for line in engine.ask(asked.format(**NAMES))], keys)
    theirs = by_key(oracle.execute((text or asked).format(t="trips", s="stations")).fetchall(), keys)
    return len(theirs) > 0 and equal(mine, theirs, LEAF if name == QUARTILES else 1e-9)


@pytest.mark.parametrize("name", trips.QUERIES)
def test_wide_bounds_give_duckdb_s_answers(name: str, opened: Opened, oracle: duckdb.DuckDBPyConnection) -> None:
    """Quartiles come from a tree of 4,096 leaves and may be off by one leaf."""
    # Fares and durations beyond their declared ranges count as the bound.
    clamped = trips.QUERIES[name].replace("(fare)", "(least(fare, 100))").replace("(duration", "(least(duration, 180)")
    assert agree(name, opened(WIDE), oracle, clamped)


def test_the_twelve_are_all_there() -> None:
    assert [name.partition(" ")[0] for name in trips.QUERIES] == [f"q{number}" for number in range(1, 13)]


@pytest.mark.parametrize("name", trips.QUERIES)
def test_keys_are_selected_where_nobody_declared_them(name: str, opened: Opened) -> None:
    (measurement,) = opened(WIDE).plan(trips.QUERIES[name].format(**NAMES)).measurements
    assert measurement.selected == ("private keys" in name)


def test_tight_bounds_count_thirty_rows_of_a_person(opened: Opened, oracle: duckdb.DuckDBPyConnection) -> None:
    """The first thirty of each; and of the join as of the table, since every trip is at one station."""
    wanted = f"select sum(least(n, {TIGHT})) from (select count(*) as n from trips group by person_id)"
    (bounded,) = oracle.execute(wanted).fetchone()
    assert bounded < ROWS
    assert agree("q1 count", opened(TIGHT), oracle, wanted)
    for name in ("q7 by occupation (private keys)", "q11 by day", "q12 join with stations"):
        found = opened(TIGHT).ask(trips.QUERIES[name].format(**NAMES))
        assert sum(line["n"] for line in found) == bounded, name


def test_persons_are_counted_once_whatever_the_bound(opened: Opened, oracle: duckdb.DuckDBPyConnection) -> None:
    assert agree("q2 persons", opened(TIGHT), oracle)


def test_control_bounds_that_bind_are_seen(opened: Opened, oracle: duckdb.DuckDBPyConnection) -> None:
    for name in ("q1 count", "q3 sum", "q5 by district", "q8 by station (private keys)", "q12 join with stations"):
        assert not agree(name, opened(TIGHT), oracle), name
