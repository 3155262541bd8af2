"""Public rows as lines of an answer: read in stored order, values as they are; rows of units never become lines."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from store_world import World, dataset, parquet_bytes

import workers.claims
from sandbox.plan.answers import CountOutput, Listed, ListedColumn, Matched, Measured
from sandbox.plan.finishing import Lines
from sandbox.plan.measurement import ContributionBounds, Measurement
from sandbox.plan.nodes import Call, ColumnRef, Comparison, Literal
from sandbox.plan.primitives import CountRows
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Scan
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type
from workers.bucket import Bucket, ColumnArray, UnitRuns
from workers.claims import OrderInconsistent, check_claims
from workers.measure import bucket_sources, listed_lines
from workers.public_lines import public_lines
from workers.relations.sources import HeldSources

STORED = (
    ("day", Type.DATE), ("id", Type.INT), ("name", Type.STRING), ("open", Type.BOOL), ("rate", Type.FLOAT),
)  # fmt: skip
SCAN = Scan("codes", "items", "", STORED, 10, 0)
NAME, ID = ColumnRef("name", Type.STRING), ColumnRef("id", Type.INT)


def held(columns, rows):
    zeros = np.zeros(1, np.uint64)
    runs = UnitRuns(zeros, zeros, np.asarray([rows], np.int64))
    return HeldSources({("codes", "items"): Bucket(rows, runs.runs, columns, runs)})


SOURCES = held(
    {
        "id": ColumnArray(np.asarray([2, 1, 2, 0], np.int64), np.asarray([True, True, True, False])),
        "name": ColumnArray(np.asarray([1, 0, -1, 0], np.int32), None, pa.array(["one", "zwölf"], pa.large_string())),
        "open": ColumnArray(np.asarray([True, False, True, False])),
        "rate": ColumnArray(np.asarray([0.5, -1.0, 0.0, 2.0]), np.asarray([True, True, False, True])),
        "day": ColumnArray(np.asarray([0, 1, -1, 19000], np.int64)),
    },
    4,
)


def listed(*columns, relation=SCAN, keys=()):
    return Listed(relation, columns, keys)


def column(name, kind, longest=0, called=None):
    return ListedColumn(called or name, ColumnRef(name, kind), longest)


def test_values_of_every_type_in_stored_order():
    table = listed(*(column(name, kind, 9 * (kind is Type.STRING)) for name, kind in STORED))
    found = public_lines(table, SOURCES)
    assert found.columns == ("day", "id", "name", "open", "rate")
    assert found.rows == (
        (0, 2, "zwölf", True, 0.5),
        (1, 1, "one", False, -1.0),
        (-1, 2, None, True, None),
        (19000, None, "one", False, 2.0),
    )
    assert found.marks == ((),) * 4
    kinds = [{type(row[place]) for row in found.rows} - {type(None)} for place in range(5)]
    assert kinds == [{int}, {int}, {str}, {bool}, {float}]


def test_filters_expressions_and_long_texts():
    few = Filter(SCAN, Comparison(">", ID, Literal(1, Type.INT)))
    upper = ListedColumn("u", Call("upper", (NAME,), Type.STRING), 3)
    assert public_lines(listed(upper, relation=few), SOURCES).rows == ((None,), (None,))
    assert public_lines(listed(upper), SOURCES).rows == ((None,), ("ONE",), (None,), ("ONE",))


def test_of_rows_with_one_key_the_first_is_a_line():
    found = public_lines(listed(column("id", Type.INT), column("name", Type.STRING, 9), keys=("id",)), SOURCES)
    assert found.rows == ((2, "zwölf"), (1, "one"), (None, "one"))


def test_no_rows_and_rows_of_units():
    empty = held({"id": ColumnArray(np.empty(0, np.int64))}, 0)
    assert public_lines(listed(column("id", Type.INT)), empty) == Lines(("id",), (), ())
    with pytest.raises(ValueError, match="rows of units"):
        public_lines(listed(column("id", Type.INT), relation=replace(SCAN, rows_per_unit=3)), SOURCES)


# -- in the engine -----------------------------------------------------------------------------------------------------

STAYS = Table(
    "stays", "patient", 500, 9, 3, (Column("patient", Type.STRING, ColumnRole.UNIT), Column("days", Type.INT))
)
CITIES = Table("cities", None, 10, 0, 0, (Column("city", Type.STRING, max_length=12), Column("people", Type.INT)))
WARD = dataset(STAYS, name="ward")
PUBLIC = Dataset("reference", "t", "s", "", Grade.GENERAL, Fraction(0), (CITIES,))
COUNT = Measurement(Scan("ward", "stays", "", (), 500, 9), (), ContributionBounds(9, 1, 9), (CountRows(),))
BESIDE = Listed(
    Scan("reference", "cities", "", (("city", Type.STRING),), 10, 0),
    (ListedColumn("c", ColumnRef("city", Type.STRING), 12),),
    (),
)


def beside(table):
    return Plan("people", (COUNT,), Matched(Measured(0, (CountOutput("n", 0),)), table, "cross", ()))


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("lines"))
    found = {}
    stays = pa.table({"patient": ["p1", "p2"], "days": [1, 2]})
    cities = pa.table({"city": ["Köln", "Bonn"], "people": [1, 2]})
    for described, table, rows, cut in ((WARD, "stays", stays, 2), (PUBLIC, "cities", cities, 1)):
        file = world.put(f"{table}.parquet", parquet_bytes(rows))
        found[described.name] = world.open(world.load(described, {table: file}, buckets=cut))
    return found


def test_the_engine_reads_them_and_workers_hold_no_key_to_them(versions):
    plan = beside(BESIDE)
    assert check_claims(plan, [version.manifest for version in versions.values()]) == 2
    (lines,) = listed_lines(plan, versions).values()
    assert sorted(lines.rows) == [("Bonn",), ("Köln",)]
    assert list(bucket_sources(plan, versions, 1).tables) == [("ward", "stays")]


FORGED = {
    "rows of units": Listed(
        Scan("ward", "stays", "", (("days", Type.INT),), 500, 9),
        (ListedColumn("d", ColumnRef("days", Type.INT), 0),),
        (),
    ),
    "rows of units as public ones": Listed(
        Scan("ward", "stays", "", (("days", Type.INT),), 500, 0),
        (ListedColumn("d", ColumnRef("days", Type.INT), 0),),
        (),
    ),
    "a smaller table": replace(BESIDE, relation=replace(BESIDE.relation, rows_max=3)),
    "another type": replace(
        BESIDE,
        relation=replace(BESIDE.relation, columns=(("city", Type.INT),)),
        columns=(ListedColumn("c", ColumnRef("city", Type.INT), 0),),
    ),
    "a column that is not read": replace(BESIDE, columns=(ListedColumn("c", ColumnRef("people", Type.INT), 0),)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_lines_are_refused_before_anything_is_read(versions, name):
    plan = beside(FORGED[name])
    named = {scan.dataset for scan in plan.scans}
    with pytest.raises(OrderInconsistent):
        check_claims(plan, [version.manifest for place, version in versions.items() if place in named])


def test_control_without_the_check_rows_of_units_would_pass_as_public_ones(versions, monkeypatch):
    monkeypatch.setattr(workers.claims, "_check_listed", lambda listed, manifests: None)
    plan = beside(FORGED["rows of units"])
    named = {scan.dataset for scan in plan.scans}
    check_claims(plan, [version.manifest for place, version in versions.items() if place in named])
