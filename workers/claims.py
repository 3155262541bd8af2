"""What a plan claims of its tables, against the signed manifests of the versions it is to measure.

The control plane's descriptions decide noise, deadlines and memory. A plan that claims smaller tables or larger
contributions than the manifests, or other types or keys than are stored, is of other descriptions: it is refused before
anything is read. So is one that treats rows of units as public, or joins units of different spaces or cut differently.
Bounds of values need no check: a plan clamps to its own, whatever is stored. Nor do numbers of different values: they say
how much memory private groups need, and a dataset keeps the description under which all its versions are loaded.
"""

from collections.abc import Iterable, Iterator, Mapping

from sandbox.plan.answers import Listed, listed_tables
from sandbox.plan.expressions import children
from sandbox.plan.measurement import Measurement
from sandbox.plan.nodes import ColumnRef, Expression
from sandbox.plan.query import Plan
from sandbox.plan.relations import (
    Filter,
    Join,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    Window,
    brought,
    columns_of,
    expressions_of,
    is_public,
    rows_brought,
    scans_of,
    sources_of,
)
from sandbox.terms.dataset import KeyValue
from workers.manifest import Manifest, ManifestTable
from workers.schema import StoredColumn

PUBLIC_BUCKETS = 1


class OrderInconsistent(Exception):
    """The order's plan and the versions it names do not belong together."""


def check_claims(plan: Plan, manifests: Iterable[Manifest]) -> int:
    """How many buckets the plan's private tables have.

    Raises:
        OrderInconsistent: the plan is not one over these versions, or not over all of them.
    """
    versions = list(manifests)
    found = {manifest.dataset: manifest for manifest in versions}
    _require(len(found) == len(versions) and set(found) == {scan.dataset for scan in plan.scans})
    _require(set(plan.datasets).isdisjoint(plan.public_datasets))
    for name in plan.public_datasets:
        _require(found[name].unit_space == "" and found[name].buckets == PUBLIC_BUCKETS)
    private = [found[name] for name in plan.datasets]
    _require(bool(private) and bool(plan.unit_space))
    _require(all(manifest.unit_space == plan.unit_space for manifest in private))
    _require(len({manifest.buckets for manifest in private}) == 1)
    for measurement in plan.measurements:
        _check_measurement(measurement, found)
    for listed in listed_tables(plan.answer):
        _check_listed(listed, found)
    return private[0].buckets


def _check_measurement(measurement: Measurement, manifests: Mapping[str, Manifest]) -> None:
    relation, bounds = measurement.relation, measurement.bounds
    _require(not is_public(relation))
    tables = {scan: _table(scan, manifests[scan.dataset]) for scan in scans_of(relation)}
    for scan, table in tables.items():
        _check_scan(scan, table)
    _check_nodes(relation)
    _require(max(bounds.rows, bounds.rows_per_group) <= rows_brought(relation))
    _require(bounds.groups <= brought(relation, lambda scan: tables[scan].limits.max_groups_per_unit))
    _check_references(measurement.expressions, relation)
    for key in measurement.keys:
        origin = _origin(relation, key.operand)
        stored = None if origin is None else _stored(tables[origin[0]], origin[1])
        if stored is not None and stored.keys:
            _require(key.values is None or _exact(key.values) == _exact(stored.keys))


def _check_listed(listed: Listed, manifests: Mapping[str, Manifest]) -> None:
    """Rows that become lines are those of public tables."""
    _require(is_public(listed.relation))
    for scan in scans_of(listed.relation):
        _check_scan(scan, _table(scan, manifests[scan.dataset]))
    _check_nodes(listed.relation)
    _check_references((column.operand for column in listed.columns), listed.relation)


def _table(scan: Scan, manifest: Manifest) -> ManifestTable:
    found = [table for table in manifest.tables if table.name == scan.table]
    _require(len(found) == 1)
    return found[0]


def _check_scan(scan: Scan, table: ManifestTable) -> None:
    """Size, what a unit brings, and types: those of the table, which has units where and only where the scan says so."""
    limits = table.limits
    _require(scan.rows_max >= limits.rows_max and scan.rows_per_unit <= limits.max_rows_per_unit)
    _require(scan.public == (limits.max_rows_per_unit == 0))
    for name, kind in scan.columns:
        stored = _stored(table, name)
        _require(stored is not None and stored.type is kind)


def _check_nodes(relation: Relation) -> None:
    """Public rows come after private ones and belong to no unit; expressions are over the columns that there are."""
    sources = sources_of(relation)
    match relation:
        case Join(left=left, right=right, kind=kind):
            _require(is_public(right) or not is_public(left))
            _require(not is_public(left) or relation.unique or kind in ("semi", "anti"))
            _check_references((one for one, _ in relation.on), left)
            _check_references((other for _, other in relation.on), right)
        case PerUnit() | Window() | Union():
            _require(not any(is_public(source) for source in sources))
            if not isinstance(relation, Union):
                _check_references(expressions_of(relation), sources[0])
        case Filter() | Project():
            _check_references(expressions_of(relation), sources[0])
    for source in sources:
        _check_nodes(source)


def _check_references(expressions: Iterable[Expression], relation: Relation) -> None:
    columns = columns_of(relation)
    for expression in expressions:
        for reference in _references(expression):
            _require(columns.get(reference.name) is reference.type)


def _references(expression: Expression) -> Iterator[ColumnRef]:
    waiting = [expression]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ColumnRef):
            yield found
        waiting.extend(children(found))


def _origin(relation: Relation, expression: Expression) -> tuple[Scan, str] | None:
    """The scan and the stored column whose values an expression passes on as they are; None where it computes."""
    if not isinstance(expression, ColumnRef):
        return None
    match relation:
        case Scan(prefix=prefix):
            return relation, expression.name.removeprefix(prefix)
        case Filter(source) | Window(source=source):
            within = expression.name in columns_of(source)
            return _origin(source, expression) if within else None
        case Project(source, columns) | PerUnit(source, columns, _):
            passed = dict(columns).get(expression.name)
            return None if passed is None else _origin(source, passed)
        case Join(left=left, right=right):
            return _origin(left if expression.name in columns_of(left) else right, expression)
        case Union():
            return None


def _stored(table: ManifestTable, name: str) -> StoredColumn | None:
    return next((column for column in table.columns if column.name == name), None)


def _exact(keys: tuple[KeyValue, ...]) -> list[tuple[type, KeyValue]]:
    return [(type(key), key) for key in keys]  # told apart by type too: True and 1 are equal in Python


def _require(holds: bool) -> None:
    if not holds:
        raise OrderInconsistent
