"""A plan is measured only over the tables that it claims: sizes, contributions, types, keys, units and public tables are
those of the signed manifests."""

from dataclasses import replace
from fractions import Fraction

import pyarrow as pa
import pytest
from store_world import VISITS, World, dataset, parquet_bytes

from sandbox.plan.answers import CountOutput, Measured
from sandbox.plan.canonical import plan_json
from sandbox.plan.measurement import ContributionBounds, GroupKey, Measurement
from sandbox.plan.nodes import ColumnRef, Comparison, Literal, Not, NullTest
from sandbox.plan.primitives import CountRows, CountUnits, CountValues, SumValues
from sandbox.plan.query import Plan
from sandbox.plan.relations import Filter, Join, PerUnit, Project, Scan, Union, UnitAggregate, Window
from sandbox.privacy.mechanism import measurement_spec
from sandbox.service.memory_bound import BASE_BYTES, worker_bytes
from sandbox.service.memory_bound import ROW_GROUP as DECLARED_ROW_GROUP
from sandbox.terms.dataset import Column, ColumnRole, Dataset, Grade, Table, Type
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.order import MeasureOrder, SourceVersion
from workers.claims import OrderInconsistent, check_claims
from workers.measure import Measurer
from workers.relations.sources import BucketSources
from workers.scan import scan
from workers.sealed_parquet import ROW_GROUP
from workers.store_refused import StoreRefused

STAYS = Table(
    "stays", "patient", 500, 9, 3, (Column("patient", Type.STRING, ColumnRole.UNIT), Column("days", Type.INT))
)  # fmt: skip
CITIES = Table("cities", None, 10, 0, 0, (Column("city", Type.STRING, max_length=12), Column("people", Type.INT)))
WARD = dataset(STAYS, name="ward")
PUBLIC = Dataset("reference", "t", "s", "", Grade.GENERAL, Fraction(0), (CITIES,))

AGE, COST, CITY = ColumnRef("age", Type.INT), ColumnRef("cost", Type.FLOAT), ColumnRef("city", Type.STRING)
STORED = (
    ("age", Type.INT), ("city", Type.STRING), ("cost", Type.FLOAT), ("sex", Type.STRING), ("urgent", Type.BOOL),
)  # fmt: skip
SCAN = Scan("clinic", "visits", "", STORED, VISITS.rows_max, VISITS.max_rows_per_unit)
SEX = GroupKey(ColumnRef("sex", Type.STRING), Type.STRING, ("F", "M"))
URGENT = GroupKey(ColumnRef("urgent", Type.BOOL), Type.BOOL, (False, True))
SUM = SumValues(COST, Fraction(0), Fraction(500), Fraction(0), Fraction(1, 100))
BOUNDS = ContributionBounds(VISITS.max_rows_per_unit, 4, VISITS.max_rows_per_unit)
FILTERED = Filter(SCAN, Not(NullTest(CITY)))
SIMPLE = Measurement(FILTERED, (SEX, URGENT), BOUNDS, (CountRows(), CountUnits(), CountValues(CITY), SUM))

A = replace(SCAN, prefix="t1.", columns=(("city", Type.STRING), ("sex", Type.STRING)))
B = Scan("ward", "stays", "t2.", (("days", Type.INT),), 500, 9)
C = Scan("reference", "cities", "t3.", (("city", Type.STRING), ("people", Type.INT)), 10, 0)
DAYS, TOWN = ColumnRef("t2.days", Type.INT), ColumnRef("t1.city", Type.STRING)
TOTAL = PerUnit(B, (), (("days", UnitAggregate("sum", DAYS, Type.INT)),))
BOTH = 2 * VISITS.max_rows_per_unit, 2 * VISITS.max_groups_per_unit, 2 * VISITS.max_rows_per_unit
ON = ((TOWN, ColumnRef("t3.city", Type.STRING)),)
JOINED = Join(Join(A, TOTAL, "inner", (), 50, unique=True), C, "left", ON, 50, unique=True)
WIDE = Measurement(JOINED, (replace(SEX, operand=ColumnRef("t1.sex", Type.STRING)),), BOUNDS, (CountRows(),))


def plan_of(*measurements):
    return Plan("people", measurements, Measured(0, (CountOutput("n", 0),)))


SIMPLE_PLAN, WIDE_PLAN = plan_of(SIMPLE), plan_of(WIDE)


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    return loaded(World(tmp_path_factory.mktemp("claims")))


def loaded(world, buckets=2):
    found = {"clinic": world.load_visits(buckets=buckets)}
    stays = pa.table({"patient": ["p1", "p2"], "days": [1, 2]})
    cities = pa.table({"city": ["Köln"], "people": [1]})
    for described, table, rows, cut in ((WARD, "stays", stays, buckets), (PUBLIC, "cities", cities, 1)):
        file = world.put(f"{table}.parquet", parquet_bytes(rows))
        found[described.name] = world.open(world.load(described, {table: file}, buckets=cut))
    return found


def manifests(versions, *names):
    return [versions[name].manifest for name in names]


def check(plan, versions):
    """Against the versions of all datasets that the plan names."""
    named = {scan.dataset for scan in plan.scans}
    return check_claims(plan, [version.manifest for name, version in versions.items() if name in named])


# -- what is admitted --------------------------------------------------------------------------------------------------


def test_the_manifest_says_what_was_declared(versions):
    limits = versions["clinic"].table("visits").limits
    assert (limits.rows_max, limits.max_rows_per_unit, limits.max_groups_per_unit) == (100_000, 50, 10)
    public = versions["reference"].table("cities").limits
    assert (public.rows_max, public.max_rows_per_unit, public.max_groups_per_unit) == (10, 0, 0)
    with pytest.raises(StoreRefused):
        versions["clinic"].table("stays")


def fitting():
    yield "simple", SIMPLE
    yield "wide", WIDE
    yield "smaller claims", replace(SIMPLE, relation=replace(SCAN, rows_max=10**9), bounds=ContributionBounds(1, 1, 1))
    yield (
        "fewer rows of each unit",
        replace(WIDE, relation=replace(A, rows_per_unit=1), bounds=ContributionBounds(1, 1, 1)),
    )
    yield (
        "declared values as private ones",
        replace(SIMPLE, keys=(replace(SEX, values=None),), primitives=(CountUnits(),)),
    )
    renamed = Project(SCAN, (("who", ColumnRef("sex", Type.STRING)), ("city", CITY), ("cost", COST)))
    yield (
        "a renamed key",
        replace(SIMPLE, relation=renamed, keys=(replace(SEX, operand=ColumnRef("who", Type.STRING)),)),
    )
    over = Comparison(">", AGE, Literal(60, Type.INT))
    yield "a computed key", replace(SIMPLE, keys=(GroupKey(over, Type.BOOL, (True,)),))
    parts = tuple(Project(replace(SCAN, prefix=p), (("x", ColumnRef(p + "sex", Type.STRING)),)) for p in ("a.", "b."))
    united = replace(SIMPLE, relation=Union(parts), keys=(), primitives=(CountRows(),))
    yield "a union", united
    yield "a union of what both parts bring", replace(united, bounds=ContributionBounds(*BOTH))
    some = Filter(C, NullTest(ColumnRef("t3.people", Type.INT)))
    yield "some public rows", replace(WIDE, relation=Join(A, some, "anti", ON, 50, unique=True))
    two = Scan("reference", "cities", "t4.", C.columns, 10, 0)
    public = Join(
        C, two, "inner", ((ColumnRef("t3.city", Type.STRING), ColumnRef("t4.city", Type.STRING)),), 0, unique=True
    )
    yield "public rows joined with each other", replace(WIDE, relation=Join(A, public, "left", ON, 50, unique=False))


FITTING = dict(fitting())


@pytest.mark.parametrize("name", FITTING)
def test_a_plan_of_the_descriptions_is_admitted(versions, name):
    assert check(plan_of(FITTING[name]), versions) == 2
    assert check(plan_of(SIMPLE, FITTING[name]), versions) == 2


# -- what is not -------------------------------------------------------------------------------------------------------


def wrong():
    def over(scan, **changes):
        return replace(SIMPLE, relation=replace(SCAN, **changes) if scan is SCAN else scan)

    yield "smaller table", over(SCAN, rows_max=VISITS.rows_max - 1)
    yield "other table", over(SCAN, table="stays")
    yield "more rows of each unit", over(SCAN, rows_per_unit=VISITS.max_rows_per_unit + 1)
    yield (
        "units treated as public",
        replace(WIDE, relation=Join(A, replace(SCAN, rows_per_unit=0), "inner", (), 50, True)),
    )
    yield (
        "public rows treated as units",
        replace(WIDE, relation=Join(A, replace(C, rows_per_unit=1), "left", ON, 50, True)),
    )
    yield "a smaller public table", replace(WIDE, relation=Join(A, replace(C, rows_max=9), "left", ON, 50, True))
    yield "more rows", replace(SIMPLE, bounds=replace(BOUNDS, rows=BOUNDS.rows + 1))
    more = ContributionBounds(BOUNDS.rows + 1, 4, BOUNDS.rows + 1)
    yield "more rows a group", replace(SIMPLE, bounds=more)
    yield "more groups", replace(SIMPLE, bounds=replace(BOUNDS, groups=VISITS.max_groups_per_unit + 1))
    few = replace(WIDE, relation=replace(B, prefix=""), keys=(), bounds=ContributionBounds(9, 4, 9))
    yield "more groups than the table allows", few
    yield "more rows than the relation has", replace(few, relation=TOTAL, bounds=ContributionBounds(2, 1, 1))
    halves = tuple(Project(replace(SCAN, prefix=p), (("x", ColumnRef(p + "sex", Type.STRING)),)) for p in ("a.", "b."))
    united = replace(SIMPLE, relation=Union(halves), keys=(), primitives=(CountRows(),))
    rows, groups, _ = BOTH
    yield (
        "more rows than both parts of a union bring",
        replace(united, bounds=ContributionBounds(rows + 1, groups, rows)),
    )
    yield (
        "more groups than both parts of a union bring",
        replace(united, bounds=ContributionBounds(rows, groups + 1, rows)),
    )
    yield "rows of a union beyond one of its parts alone", replace(SIMPLE, bounds=ContributionBounds(*BOTH))
    yield "public rows alone", replace(few, relation=C, bounds=ContributionBounds(1, 1, 1))
    for name, key in {
        "other keys": replace(SEX, values=("F", "X")),
        "fewer keys": replace(SEX, values=("F",)),
        "keys in another order": replace(SEX, values=("M", "F")),
        "equal keys of another type": replace(URGENT, values=(0, 1)),
    }.items():
        yield name, replace(SIMPLE, keys=(key,))
        inner = Project(SCAN, (("z", key.operand), ("city", CITY), ("cost", COST)))
        moved = replace(key, operand=ColumnRef("z", key.type))
        yield f"renamed: {name}", replace(SIMPLE, relation=inner, keys=(moved,))
    left = replace(WIDE.keys[0], values=("M",))
    yield "other keys beyond a join", replace(WIDE, keys=(left,))
    window = Window(SCAN, "w", "row_number", None, 0, (), (), Type.INT)
    yield "other keys beyond a window", replace(SIMPLE, relation=window, keys=(replace(SEX, values=("M",)),))
    grouped = PerUnit(
        SCAN, (("z", ColumnRef("sex", Type.STRING)),), (("n", UnitAggregate("count_rows", None, Type.INT)),)
    )
    moved = replace(SEX, operand=ColumnRef("z", Type.STRING), values=("M",))
    yield "other keys beyond groups", replace(SIMPLE, relation=grouped, keys=(moved,), primitives=(CountRows(),))
    for name, column in {
        "another type": ColumnRef("cost", Type.INT),
        "withheld": ColumnRef("note", Type.STRING),
        "the unit": ColumnRef("patient_id", Type.STRING),
        "unknown": ColumnRef("nothing", Type.INT),
    }.items():
        columns = tuple(sorted((dict(STORED) | {column.name: column.type}).items()))
        yield f"read: {name}", over(SCAN, columns=columns)
        yield f"where: {name}", replace(SIMPLE, relation=Filter(FILTERED, Not(NullTest(column))))
        yield f"counted: {name}", replace(SIMPLE, primitives=(CountRows(), CountValues(column)))
        yield f"summed: {name}", replace(SIMPLE, primitives=(replace(SUM, operand=column),))
        yield f"key: {name}", replace(SIMPLE, keys=(GroupKey(column, column.type, None),), primitives=(CountUnits(),))
        yield (
            f"made: {name}",
            replace(SIMPLE, relation=Project(SCAN, (("city", CITY), ("cost", COST), ("x", column))), keys=()),
        )
        one = UnitAggregate("count", column, Type.INT)
        yield (
            f"aggregated: {name}",
            replace(SIMPLE, relation=PerUnit(SCAN, (), (("n", one),)), keys=(), primitives=(CountRows(),)),
        )
        yield f"ordered: {name}", replace(SIMPLE, relation=Window(SCAN, "w", "count", column, 0, (), (), Type.INT))
        pair = ((column, ColumnRef("t3.people", Type.INT)),)
        yield f"joined on: {name}", replace(WIDE, relation=Join(A, C, "left", pair, 50, unique=True))
    first = replace(WIDE, keys=(), primitives=(CountRows(),))
    yield "public rows first", replace(first, relation=Join(C, A, "left", ((ON[0][1], ON[0][0]),), 50, unique=False))
    one = PerUnit(C, (), (("n", UnitAggregate("count_rows", None, Type.INT)),))
    yield "public rows of each unit", replace(first, relation=Join(A, one, "left", (), 50, unique=True))
    place = Window(C, "w", "row_number", None, 0, (), (), Type.INT)
    yield "places of public rows", replace(first, relation=Join(A, place, "left", ON, 50, unique=True))
    named = tuple(Project(scan, (("x", Literal(1, Type.INT)),)) for scan in (A, C))
    yield "public rows among those of units", replace(first, relation=Union(named))
    square = Join(
        C, replace(C, prefix="t4."), "inner", ((ON[0][1], ColumnRef("t4.city", Type.STRING)),), 0, unique=False
    )
    yield "public rows squared", replace(first, relation=Join(A, square, "left", ON, 50, unique=False))


WRONG = dict(wrong())


@pytest.mark.parametrize("name", WRONG)
def test_a_plan_of_another_description_is_refused(versions, name):
    for plan in (plan_of(WRONG[name]), plan_of(SIMPLE, WRONG[name])):
        with pytest.raises(OrderInconsistent):
            check(plan, versions)


@pytest.mark.parametrize(
    "names", [(), ("clinic", "ward"), ("clinic", "ward", "reference", "reference"), ("ward", "reference")]
)
def test_a_plan_over_other_versions_is_refused(versions, names):
    assert check_claims(WIDE_PLAN, manifests(versions, "reference", "ward", "clinic")) == 2
    with pytest.raises(OrderInconsistent):
        check_claims(WIDE_PLAN, manifests(versions, *names))


def test_a_version_more_than_the_plan_reads_is_refused(versions):
    with pytest.raises(OrderInconsistent):
        check_claims(SIMPLE_PLAN, manifests(versions, "clinic", "ward"))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("clinic", {"unit_space": "firms"}),
        ("ward", {"unit_space": "firms"}),
        ("ward", {"unit_space": ""}),
        ("ward", {"buckets": 4}),
        ("reference", {"unit_space": "people"}),
        ("reference", {"buckets": 2}),
        ("reference", {"tables": ()}),
        ("clinic", {"tables": ()}),
    ],
)
def test_units_of_other_spaces_and_other_cuts_are_refused(versions, name, changes):
    found = [
        replace(manifest, **changes) if manifest.dataset == name else manifest
        for manifest in manifests(versions, "clinic", "ward", "reference")
    ]
    with pytest.raises(OrderInconsistent):
        check_claims(WIDE_PLAN, found)


def test_one_dataset_is_not_private_and_public_at_once(versions):
    """It would have one version, and rows of units in it."""
    both = replace(WIDE, relation=Join(A, replace(C, dataset="ward"), "left", ON, 50, unique=True))
    with pytest.raises(OrderInconsistent):
        check(plan_of(WIDE, both), versions)


def test_a_plan_of_no_space_is_refused(versions):
    with pytest.raises(OrderInconsistent):
        check(replace(SIMPLE_PLAN, unit_space=""), versions)


# -- before any read ---------------------------------------------------------------------------------------------------


class _Fleet:
    """Scanners that must not be asked."""

    asked = 0

    def measure(self, *_):
        self.asked += 1
        raise AssertionError("a row would have been read")


def order_of(world, versions, plan, names):
    sources = tuple(SourceVersion(name, 1, versions[name].digest) for name in names)
    spec = measurement_spec(plan, Mode.ZCDP, 10**9)
    return MeasureOrder("o", "b", sources, plan_json(plan), spec.to_json(), Loss(Mode.ZCDP, 10**9), 1000)


EXACT = replace(SCAN, columns=tuple(column for column in STORED if column[0] not in ("age", "cost")))
"""Plans that travel read no column in vain."""


def travelling(keys=(SEX, URGENT), **changes):
    relation = Filter(replace(EXACT, **changes), FILTERED.predicate)
    return plan_of(replace(SIMPLE, relation=relation, keys=keys, primitives=(CountRows(),)))


@pytest.mark.parametrize(
    ("plan", "names", "asked"),
    [
        (travelling(rows_max=VISITS.rows_max - 1), ("clinic",), 0),
        (travelling(rows_per_unit=VISITS.max_rows_per_unit + 1), ("clinic",), 0),
        (travelling(keys=(replace(SEX, values=("F", "X")), URGENT)), ("clinic",), 0),
        (travelling(), ("clinic", "ward"), 0), (travelling(), (), 0), (travelling(), ("clinic", "clinic"), 0),
        (travelling(), ("clinic",), 1),
    ],
    ids=["smaller", "more rows", "other keys", "too many versions", "no version", "one twice", "control: as it should be"],
)  # fmt: skip
def test_it_is_refused_before_any_read(tmp_path, plan, names, asked):
    world = World(tmp_path)
    versions = loaded(world, buckets=1)
    fleet = _Fleet()
    with pytest.raises(AssertionError if asked else OrderInconsistent):
        Measurer(world.store, world.keys, fleet).measure(order_of(world, versions, plan, names))
    assert fleet.asked == asked


# -- memory, as the control plane counts with it -----------------------------------------------------------------------


def test_row_groups_are_what_the_control_plane_counts_with():
    assert DECLARED_ROW_GROUP == ROW_GROUP


@pytest.mark.parametrize("joining", [False, True])
@pytest.mark.parametrize("letter", ["a", "中", "🙂"])
def test_long_texts_take_no_more_memory_than_the_control_plane_counts_with(tmp_path, letter, joining):
    """All of one unit, all different, each as long as its column allows."""
    count, length = 600, 5_000
    columns = (
        VISITS.columns[0],
        Column("a", Type.STRING, max_length=length),
        Column("b", Type.STRING, max_length=length),
    )
    table = replace(VISITS, rows_max=count, max_rows_per_unit=count, columns=columns)
    texts = {name: [f"{n}{name}".ljust(length, letter) for n in range(count)] for name in "ab"}
    world = World(tmp_path)
    file = world.put("t.parquet", parquet_bytes(pa.table({"patient_id": ["p"] * count, **texts})))
    key = world.open(world.load(dataset(table), {"visits": file}, buckets=1)).bucket_key("visits", 0)
    first, second = ColumnRef("a", Type.STRING), ColumnRef("b", Type.STRING)
    both = replace(SCAN, columns=(("a", Type.STRING), ("b", Type.STRING)), rows_max=count, rows_per_unit=count)
    relation = Filter(both, Comparison("=", first, second))
    if joining:
        one, two = (replace(both, prefix=prefix, columns=((prefix[0], Type.STRING),)) for prefix in ("a.", "b."))
        pair = ((ColumnRef("a.a", Type.STRING), ColumnRef("b.b", Type.STRING)),)
        relation = Join(one, two, "inner", pair, 65_536, unique=False)
    measurement = replace(SIMPLE, relation=relation, keys=(), primitives=(CountRows(),))
    sources = BucketSources(0, {("clinic", "visits"): key})
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        (tally,) = scan(plan_of(measurement), [sources], b"")
    finally:
        pa.set_memory_pool(before)
    assert tally.sums.tolist() == [[0]]
    text_bytes = sum(len(text.encode()) for column in texts.values() for text in column)
    assert (
        text_bytes < pool.max_memory() < worker_bytes(plan_of(measurement), {("clinic", "visits"): table}) - BASE_BYTES
    )
