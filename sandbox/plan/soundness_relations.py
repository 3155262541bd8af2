"""Whether a relation is one that the binder could have made: types, names, and what one unit brings at each node."""

from sandbox.plan.nodes import type_of
from sandbox.plan.relations import (
    Filter,
    Join,
    Order,
    PerUnit,
    Project,
    Relation,
    Scan,
    Union,
    UnitAggregate,
    Window,
    columns_of,
    expressions_of,
    is_public,
    rows_max,
    rows_per_unit,
    sources_of,
)
from sandbox.plan.rewrite import TRUE, normalise
from sandbox.plan.soundness_expressions import check_types
from sandbox.terms.dataset import Type

ROWS_MAX = 10**11
ROWS_PER_UNIT_MAX = 10**6
JOINED_ROWS_MAX = 65_536
"""Rows of one unit after a join."""

_COUNTS = ("count_rows", "count", "count_distinct")
_VALUES = ("min", "max", "first", "first_value", "last_value", "lag", "lead")
_PLACES = ("row_number", "rank", "dense_rank")


def nodes_in(relation: Relation) -> int:
    """How many nodes a relation has."""
    return 1 + sum(nodes_in(source) for source in sources_of(relation))


def check_relation(relation: Relation) -> None:
    """Types and normal form of all expressions, names, keys of joins, and caps.

    Raises:
        ValueError: the relation is not sound.
    """
    for source in sources_of(relation):
        check_relation(source)
    for expression, columns in zip(expressions_of(relation), _sides(relation), strict=True):
        check_types(expression, columns)
        _require(normalise(expression) == expression, "an expression is not in normal form")
    match relation:
        case Scan():
            _check_scan(relation)
        case Filter(_, predicate):
            _require(type_of(predicate) is Type.BOOL and predicate != TRUE, "the condition of a filter")
        case Project(_, made):
            _check_names([name for name, _ in made])
        case PerUnit(source, keys, aggregates):
            _require(not is_public(source), "units of a public table")
            _check_names([*(name for name, _ in keys), *(name for name, _ in aggregates)])
            for _, aggregate in aggregates:
                _check_aggregate(aggregate)
        case Window():
            _check_window(relation)
        case Union(sources):
            _require(len(sources) >= 2, "a union of one")
            first = columns_of(sources[0])
            same = all(list(columns_of(source).items()) == list(first.items()) for source in sources)
            _require(same and not any(is_public(source) for source in sources), "a union of unlike relations")
        case Join():
            _check_join(relation)
    _require(rows_max(relation) < 2**62, "the size of a relation")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"not a sound plan: {what}")


def _sides(relation: Relation) -> list[dict[str, Type]]:
    """The columns that each expression of the node is over."""
    sources = sources_of(relation)
    if isinstance(relation, Join):
        return [columns_of(sources[place % 2]) for place in range(2 * len(relation.on))]
    return [columns_of(sources[0]) for _ in expressions_of(relation)]


def _check_scan(scan: Scan) -> None:
    _require(bool(scan.dataset) and bool(scan.table), "a scan of nothing")
    _require(1 <= scan.rows_max <= ROWS_MAX and 0 <= scan.rows_per_unit <= ROWS_PER_UNIT_MAX, "the size of a table")
    names = [name for name, _ in scan.columns]
    _require(names == sorted(set(names)) and all(names), "the columns of a scan")


def _check_names(names: list[str]) -> None:
    _require(bool(names) and len(set(names)) == len(names) and all(names), "names of columns differ")


def _check_aggregate(aggregate: UnitAggregate) -> None:
    function, operand, kind = aggregate.function, aggregate.operand, aggregate.type
    if function == "count_rows":
        _require(operand is None and kind is Type.INT, "a count of rows")
        return
    _require(operand is not None, "an aggregate of nothing")
    of = type_of(operand) if operand is not None else Type.BOOL
    if function in _COUNTS:
        _require(kind is Type.INT, "the type of a count")
    elif function in ("sum", "avg"):
        _require(of.is_number and kind is (of if function == "sum" else Type.FLOAT), "a sum of something else")
    else:
        _require(function in ("min", "max", "first") and kind is of, "an unknown aggregate")


def _check_window(window: Window) -> None:
    _require(not is_public(window.source), "a window over a public table")
    _require(window.name not in columns_of(window.source) and bool(window.name), "the name of a window")
    _check_orders(window.order)
    function = window.function
    if function in _PLACES:
        _require(window.operand is None and window.type is Type.INT, "a place")
        _require(function == "row_number" or bool(window.order), "a rank without an order")
    elif function in ("lag", "lead", "first_value", "last_value"):
        _require(window.operand is not None and type_of(window.operand) is window.type, "a value of a window")
        _require(bool(window.order), "a neighbour without an order")
    else:
        _check_aggregate(UnitAggregate(function, window.operand, window.type))
    shifts = function in ("lag", "lead")
    _require(1 <= window.offset <= ROWS_PER_UNIT_MAX if shifts else window.offset == 0, "the offset of a window")


def _check_orders(orders: tuple[Order, ...]) -> None:
    _require(len({order.operand for order in orders}) == len(orders), "each order once")


def _check_join(join: Join) -> None:
    left, right = join.left, join.right
    _require(join.kind in ("inner", "left", "semi", "anti"), "the kind of a join")
    _require(not is_public(left) or is_public(right), "a public table before a private one")
    if join.kind in ("inner", "left"):
        _require(not columns_of(left).keys() & columns_of(right).keys(), "names of joined columns differ")
    for one, other in join.on:
        _require(type_of(one) is type_of(other), "the types of a join")
    _require(bool(join.on) or not is_public(right), "a public table joined with everything")
    if is_public(left):
        _require(join.rows_per_unit == 0, "the cap of a public join")
        return
    each = 1 if join.unique or join.kind in ("semi", "anti") else JOINED_ROWS_MAX
    if each > 1 and not is_public(right):
        each = rows_per_unit(right)
    most = rows_per_unit(left) * each
    _require(1 <= join.rows_per_unit <= max(min(most, JOINED_ROWS_MAX), rows_per_unit(left)), "the cap of a join")
