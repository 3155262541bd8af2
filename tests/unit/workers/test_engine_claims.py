"""A plan is measured only over the table it claims: size, contributions, types and keys are those of the signed manifest."""

from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

import pyarrow as pa
import pytest
from store_world import VISITS, World, dataset, parquet_bytes, visits

from sandbox.plan.canonical import plan_json
from sandbox.plan.nodes import (
    ColumnRef,
    Comparison,
    Conjunction,
    ContributionBounds,
    CountOutput,
    CountRows,
    CountUnits,
    CountValues,
    GroupKey,
    Literal,
    Not,
    NullTest,
    Plan,
    SumOutput,
    SumValues,
)
from sandbox.privacy.mechanism import measurement_spec
from sandbox.service.memory_bound import BASE_BYTES, TEXT_FACTOR, worker_bytes
from sandbox.service.memory_bound import ROW_GROUP as DECLARED_ROW_GROUP
from sandbox.terms.dataset import Column, Type
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import MeasureOrder
from workers.bucket import read_bucket
from workers.claims import OrderInconsistent, check_claims
from workers.measure import Measurer
from workers.scan import measure_bucket, scan
from workers.sealed_parquet import ROW_GROUP
from workers.store_refused import StoreRefused

AGE, COST, CITY = ColumnRef("age", Type.INT), ColumnRef("cost", Type.FLOAT), ColumnRef("city", Type.STRING)
SUM = SumValues(COST, Fraction(0), Fraction(500), Fraction(0), Fraction(1, 100))
PLAN = Plan(
    "people", "clinic", "visits", VISITS.rows_max,
    Conjunction((Comparison(">", AGE, Literal(3, Type.INT)), Not(NullTest(CITY)))),
    (GroupKey("sex", Type.STRING, ("F", "M")), GroupKey("urgent", Type.BOOL, (False, True))),
    ContributionBounds(VISITS.max_rows_per_unit, 4, VISITS.max_rows_per_unit),
    (CountRows(), CountUnits(), CountValues(CITY), SUM), (CountOutput("n", 0), CountOutput("u", 1), CountOutput("c", 2), SumOutput("s", 3, Type.FLOAT)),
)  # fmt: skip


@pytest.fixture
def version(tmp_path):
    return World(tmp_path).load_visits(buckets=2)


def wrong_plans():
    some = PLAN.bounds
    yield "smaller table", replace(PLAN, rows_max=VISITS.rows_max - 1)
    yield "more rows", replace(PLAN, bounds=replace(some, rows=some.rows + 1))
    more = ContributionBounds(some.rows + 1, some.groups, some.rows + 1)
    yield "more rows a group", replace(PLAN, bounds=more)
    yield "more groups", replace(PLAN, bounds=replace(some, groups=VISITS.max_groups_per_unit + 1))
    yield "other table", replace(PLAN, table="stays")
    for name, key in {
        "other keys": GroupKey("sex", Type.STRING, ("F", "X")),
        "fewer keys": GroupKey("sex", Type.STRING, ("F",)),
        "keys in another order": GroupKey("sex", Type.STRING, ("M", "F")),
        "keys of another type": GroupKey("urgent", Type.INT, (0, 1)),
        "equal keys of another type": GroupKey("urgent", Type.BOOL, (0, 1)),
        "keys where none are declared": GroupKey("city", Type.STRING, ("x",)),
        "withheld column": GroupKey("note", Type.STRING, ("x",)),
    }.items():
        yield name, replace(PLAN, keys=(key,), bounds=replace(some, groups=1))
    for name, column in {
        "another type": ColumnRef("cost", Type.INT),
        "withheld": ColumnRef("note", Type.STRING),
        "the unit": ColumnRef("patient_id", Type.STRING),
        "unknown": ColumnRef("nothing", Type.INT),
    }.items():
        yield f"where: {name}", replace(PLAN, where=Conjunction((NullTest(COST), Not(NullTest(column)))))
        yield f"counted: {name}", replace(PLAN, primitives=(CountRows(), CountValues(column)))
        yield f"summed: {name}", replace(PLAN, primitives=(replace(SUM, operand=column),))


WRONG = dict(wrong_plans())


def test_the_manifest_says_what_was_declared(version):
    limits = version.table("visits").limits
    assert (limits.rows_max, limits.max_rows_per_unit, limits.max_groups_per_unit) == (100_000, 50, 10)
    with pytest.raises(StoreRefused):
        version.table("stays")


def test_a_plan_of_the_description_is_admitted(version):
    check_claims(PLAN, version.table("visits"))
    check_claims(replace(PLAN, rows_max=10**9, bounds=ContributionBounds(1, 1, 1)), version.table("visits"))


@pytest.mark.parametrize("name", WRONG)
def test_a_plan_of_another_description_is_refused(version, name):
    with pytest.raises(OrderInconsistent):
        check_claims(WRONG[name], version.table("visits"))


class _Fleet:
    """Scanners that must not be asked."""

    asked = 0

    def measure(self, *_):
        self.asked += 1
        raise AssertionError("a row would have been read")


@pytest.mark.parametrize(("name", "asked"), [("smaller table", 0), ("more rows", 0), ("other keys", 0), (None, 1)])
def test_it_is_refused_before_any_read(tmp_path, name, asked):
    world = World(tmp_path)
    version = world.load_visits(buckets=1)
    plan = PLAN if name is None else WRONG[name]  # the last is the control: nothing else stops it
    digest = sha256((version.folder / "manifest.json").read_bytes()).hexdigest()
    spec = measurement_spec(plan, Mode.ZCDP, 10**9)
    order = MeasureOrder(
        "o", "b", "clinic", 1, digest, plan_json(plan), spec.to_json(), Loss(Mode.ZCDP, 10**9), 1000
    )  # fmt: skip
    fleet = _Fleet()
    with pytest.raises(AssertionError if asked else OrderInconsistent):
        Measurer(world.store, world.keys, fleet).measure(order)
    assert fleet.asked == asked


def test_row_groups_are_what_the_control_plane_counts_with():
    assert DECLARED_ROW_GROUP == ROW_GROUP


def test_a_stored_bucket_scanned_by_row_groups_equals_the_whole(tmp_path, monkeypatch):
    from workers import sealed_parquet

    monkeypatch.setattr(sealed_parquet, "ROW_GROUP", 17)
    version = World(tmp_path).load_visits(visits(300, 7), buckets=2)
    for bucket in range(2):
        key = version.bucket_key("visits", bucket)
        whole = read_bucket(key, [column.name for column in key.columns])
        for plan in (PLAN, replace(PLAN, where=None, keys=(), primitives=(CountRows(), CountUnits()))):
            assert scan(plan, key).tobytes() == measure_bucket(plan, whole).tobytes()
    assert measure_bucket(PLAN, whole).any()


@pytest.mark.parametrize("letter", ["a", "中", "🙂"])
def test_long_texts_take_no_more_memory_than_the_control_plane_counts_with(tmp_path, letter):
    """All of one unit, all different, each as long as its column allows."""
    count, length = 600, 5_000
    columns = (
        VISITS.columns[0],
        Column("a", Type.STRING, max_length=length),
        Column("b", Type.STRING, max_length=length),
    )
    table = replace(VISITS, rows_max=count, columns=columns)
    texts = {name: [f"{n}{name}".ljust(length, letter) for n in range(count)] for name in "ab"}
    world = World(tmp_path)
    file = world.put("t.parquet", parquet_bytes(pa.table({"patient_id": ["p"] * count, **texts})))
    key = world.open(world.load(dataset(table), {"visits": file}, buckets=1)).bucket_key("visits", 0)
    same = Comparison("=", ColumnRef("a", Type.STRING), ColumnRef("b", Type.STRING))
    plan = replace(PLAN, rows_max=count, where=same, keys=(), primitives=(CountRows(),), outputs=(CountOutput("n", 0),))
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        assert scan(plan, key).tolist() == [[0]]
    finally:
        pa.set_memory_pool(before)
    text_bytes = sum(len(text.encode()) for column in texts.values() for text in column)
    assert text_bytes < pool.max_memory() < TEXT_FACTOR * text_bytes
    assert pool.max_memory() < worker_bytes(plan, table) - BASE_BYTES
